"""Fused kernels: gather, crop, flip and normalise in one pass; mixing takes a second, over cropped bytes.

Each kernel is a serial function that releases the interpreter lock; the loader runs several in parallel.
Sizes are compile-time constants, so every inner loop has a fixed length and no branch. Machine code is cached
on disk; only the first start on a machine compiles (seconds). Kernels are bound by memory latency, since
images are read in random order, so the data of the next images are prefetched.

Layout: images are planar bytes (N, 3, H, W), outputs float32 (N, 3, H, W). Zero padding is in pixel space,
before normalisation, as in torchvision's RandomCrop. Flips act on bytes, where moving a pixel is cheapest.
"""

# Numba types the bodies of kernels by the signatures they are compiled for.
# mypy: allow-untyped-defs, no-check-untyped-defs

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, event
from numba.extending import intrinsic

Kernel = Callable[..., None]

# The only fast-math flag is contraction to fused multiply-add: results stay within one rounding.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": {"contract"}}
_READ_ONLY_IMAGES = types.Array(types.uint8, 4, "C", readonly=True)
_READ_ONLY_ROWS = types.Array(types.int64, 1, "C", readonly=True)

# Bilinear weights are integers of this many bits, so that results are equal on every machine.
RESAMPLE_BITS = 11

# Number of images to prefetch while one is written.
_AHEAD = 4

# Partner, box, blend, mask and resized of a batch that is not mixed.
UNMIXED = (
    np.empty(0, np.int64),
    np.empty((0, 4), np.int32),
    np.empty(0, np.float32),
    np.empty((0, 1, 1), np.float32),
    False,
)
# Boxes and colour of a batch in which nothing is erased.
KEPT = np.empty((0, 4), np.int32), np.zeros(3, np.uint8)

_log = logging.getLogger(__name__)


def normaliser(mean: Sequence[float], std: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Returns scale and bias, float32 (3,), that map a byte to (byte / 255 - mean) / std."""
    centre, spread = np.array(mean, np.float64), np.array(std, np.float64)
    return (1 / (255 * spread)).astype(np.float32), (-centre / spread).astype(np.float32)


# --- rows as vectors --------------------------------------------------------------------------------
# The compiler cannot prove that the arrays of a kernel do not overlap and would process one pixel at a time,
# eight times slower. The inner loops are therefore written as vector operations, in a form that is the same
# for every processor. All of them take flat offsets in pixels.

_BLOCK = 32  # pixels per vector operation; the compiler splits it to the processor's width
_BYTE, _FLOAT, _INT = ir.IntType(8), ir.FloatType(), ir.IntType(32)
_CONTRACT = ("contract",)


def _blocks(size: int) -> Iterator[tuple[int, int]]:
    """Splits a row into vectors whose lengths are powers of two: (first pixel, length)."""
    at, length = 0, _BLOCK
    while at < size:
        while length > size - at:
            length //= 2
        yield at, length
        at += length


def _pointer(context, builder, kind, array, offset, element):
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(builder.bitcast(data, element.as_pointer()), [offset])


def _at(builder, pointer, pixel, element, length):
    there = builder.gep(pointer, [ir.Constant(ir.IntType(64), pixel)])
    return builder.bitcast(there, ir.VectorType(element, length).as_pointer())


def _splat(builder, value, length):
    nothing = ir.Constant(ir.VectorType(value.type, length), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, length), [0] * length))


def _times_plus(builder, pixels, factor, term):
    """pixels * factor + term, bytes to floats."""
    floats = builder.uitofp(pixels, ir.VectorType(_FLOAT, pixels.type.count))
    return builder.fadd(builder.fmul(floats, factor, flags=_CONTRACT), term, flags=_CONTRACT)


@intrinsic(prefer_literal=True)
def _copy_row(typing, target, to, source, start, size, mirrored):
    """Copies a row of bytes, optionally mirrored; size and mirrored are constants."""

    def generate(context, builder, signature, values):
        into = _pointer(context, builder, signature.args[0], values[0], values[1], _BYTE)
        source = _pointer(context, builder, signature.args[2], values[2], values[3], _BYTE)
        for at, length in _blocks(size.literal_value):
            pixels = builder.load(_at(builder, source, at, _BYTE, length), align=1)
            if mirrored.literal_value:
                backwards = ir.Constant(ir.VectorType(_INT, length), list(range(length))[::-1])
                pixels = builder.shuffle_vector(pixels, ir.Constant(pixels.type, ir.Undefined), backwards)
                at = size.literal_value - at - length
            builder.store(pixels, _at(builder, into, at, _BYTE, length), align=1)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, size, mirrored), generate


@intrinsic(prefer_literal=True)
def _normalise_row(typing, target, to, source, start, scale, bias, size):
    """target = source * scale + bias, bytes to floats; size is a constant."""

    def generate(context, builder, signature, values):
        into = _pointer(context, builder, signature.args[0], values[0], values[1], _FLOAT)
        source = _pointer(context, builder, signature.args[2], values[2], values[3], _BYTE)
        for at, length in _blocks(size.literal_value):
            scale, bias = (_splat(builder, value, length) for value in values[4:6])
            pixels = builder.load(_at(builder, source, at, _BYTE, length), align=1)
            pixels = _times_plus(builder, pixels, scale, bias)
            builder.store(pixels, _at(builder, into, at, _FLOAT, length), align=4)
        return context.get_dummy_value()

    signature = types.void(target, types.int64, source, types.int64, types.float32, types.float32, size)
    return signature, generate


@intrinsic(prefer_literal=True)
def _mix_row(typing, target, to, source, start, begin, x0, x1, blend, scale, bias, size, pasted):
    """Like _normalise_row, for blend * own + (1 - blend) * partner where x0 <= x < x1; size is a constant.

    The own row starts at `start`, the partner's at `begin`. pasted (a constant) is for a blend of 0: bytes
    are selected instead of blending floats. The weights do not depend on memory, so the compiler hoists them
    out of the loop over rows.
    """

    def generate(context, builder, signature, values):
        into = _pointer(context, builder, signature.args[0], values[0], values[1], _FLOAT)
        own = _pointer(context, builder, signature.args[2], values[2], values[3], _BYTE)
        partner = _pointer(context, builder, signature.args[2], values[2], values[4], _BYTE)
        x0, x1, blend, scale, bias = values[5:10]
        rest = builder.fsub(ir.Constant(_FLOAT, 1.0), blend)
        for at, length in _blocks(size.literal_value):
            x = ir.Constant(ir.VectorType(_INT, length), list(range(at, at + length)))
            inside = builder.and_(
                builder.icmp_signed(">=", x, _splat(builder, x0, length)),
                builder.icmp_signed("<", x, _splat(builder, x1, length)),
            )
            mine, theirs = (
                builder.load(_at(builder, row, at, _BYTE, length), align=1) for row in (own, partner)
            )
            full, last = _splat(builder, scale, length), _splat(builder, bias, length)
            if pasted.literal_value:
                pixels = _times_plus(builder, builder.select(inside, theirs, mine), full, last)
            else:
                none = ir.Constant(full.type, [0.0] * length)
                keep = builder.select(inside, builder.fmul(full, _splat(builder, blend, length)), full)
                take = builder.select(inside, builder.fmul(full, _splat(builder, rest, length)), none)
                pixels = _times_plus(builder, mine, keep, _times_plus(builder, theirs, take, last))
            builder.store(pixels, _at(builder, into, at, _FLOAT, length), align=4)
        return context.get_dummy_value()

    f, i, at = types.float32, types.int32, types.int64
    return types.void(target, at, source, at, at, i, i, f, f, f, size, pasted), generate


@intrinsic(prefer_literal=True)
def _mask_row(typing, target, to, source, start, begin, mask, at_mask, scale, bias, size):
    """Like _normalise_row, for m * own + (1 - m) * partner, m the row of the mask at `at_mask`."""

    def generate(context, builder, signature, values):
        into = _pointer(context, builder, signature.args[0], values[0], values[1], _FLOAT)
        own = _pointer(context, builder, signature.args[2], values[2], values[3], _BYTE)
        partner = _pointer(context, builder, signature.args[2], values[2], values[4], _BYTE)
        weights = _pointer(context, builder, signature.args[5], values[5], values[6], _FLOAT)
        for at, length in _blocks(size.literal_value):
            mine, theirs = (
                builder.load(_at(builder, row, at, _BYTE, length), align=1) for row in (own, partner)
            )
            weight = builder.load(_at(builder, weights, at, _FLOAT, length), align=4)
            full, last = _splat(builder, values[7], length), _splat(builder, values[8], length)
            rest = builder.fsub(ir.Constant(full.type, [1.0] * length), weight)
            keep, take = builder.fmul(full, weight), builder.fmul(full, rest)
            pixels = _times_plus(builder, mine, keep, _times_plus(builder, theirs, take, last))
            builder.store(pixels, _at(builder, into, at, _FLOAT, length), align=4)
        return context.get_dummy_value()

    f, at = types.float32, types.int64
    return types.void(target, at, source, at, at, mask, at, f, f, size), generate


@intrinsic(prefer_literal=True)
def _between_rows(typing, target, to, source, top, bottom, share, size):
    """target = (1 - share) * top + share * bottom, bytes to int32, shares of RESAMPLE_BITS; size constant."""

    def generate(context, builder, signature, values):
        into = _pointer(context, builder, signature.args[0], values[0], values[1], _INT)
        upper = _pointer(context, builder, signature.args[2], values[2], values[3], _BYTE)
        lower = _pointer(context, builder, signature.args[2], values[2], values[4], _BYTE)
        rest = builder.sub(ir.Constant(_INT, 1 << RESAMPLE_BITS), values[5])
        for at, length in _blocks(size.literal_value):
            wide = ir.VectorType(_INT, length)
            parts = [
                builder.mul(
                    builder.zext(builder.load(_at(builder, row, at, _BYTE, length), align=1), wide),
                    _splat(builder, weight, length),
                )
                for row, weight in ((upper, rest), (lower, values[5]))
            ]
            builder.store(builder.add(*parts), _at(builder, into, at, _INT, length), align=4)
        return context.get_dummy_value()

    at = types.int64
    return types.void(target, at, source, at, at, types.int32, size), generate


@intrinsic(prefer_literal=True)
def _resample_columns(typing, target, to, between, low, share, count, size):
    """Interpolates columns of three channels: target = (1 - share) * between[low] + share * next, rounded.

    between: int32, three rows of size + 1, from _between_rows; low int64 and share int32 (count,); target:
    bytes, three rows of size, written from `to` on in each. size is a constant.
    """

    def generate(context, builder, signature, values):
        def data(which):
            kind = signature.args[which]
            return context.make_array(kind)(context, builder, values[which]).data

        into, rows, lows, shares = (data(which) for which in (0, 2, 3, 4))
        at, side = ir.IntType(64), size.literal_value
        half = ir.Constant(_INT, 1 << (2 * RESAMPLE_BITS - 1))
        with cgutils.for_range(builder, values[5]) as loop:
            first = builder.load(builder.gep(lows, [loop.index]))
            part = builder.load(builder.gep(shares, [loop.index]))
            place = builder.add(values[1], loop.index)
            for channel in range(3):
                begin = builder.add(first, ir.Constant(at, channel * (side + 1)))
                here = builder.load(builder.gep(rows, [begin]))
                after = builder.load(builder.gep(rows, [builder.add(begin, ir.Constant(at, 1))]))
                value = builder.add(builder.shl(here, ir.Constant(_INT, RESAMPLE_BITS)), half)
                value = builder.add(value, builder.mul(builder.sub(after, here), part))
                pixel = builder.trunc(builder.lshr(value, ir.Constant(_INT, 2 * RESAMPLE_BITS)), _BYTE)
                builder.store(pixel, builder.gep(into, [builder.add(place, ir.Constant(at, channel * side))]))
        return context.get_dummy_value()

    at = types.int64
    return types.void(target, at, between, low, share, at, size), generate


@intrinsic(prefer_literal=True)
def _prefetch(typing, array, index, size):
    """Prefetches `size` bytes (a constant) from an element on into the second-level cache."""

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        pointer = builder.bitcast(builder.gep(data, [values[1]]), _BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT, _INT, _INT])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, second_level, data = (ir.Constant(_INT, value) for value in (0, 2, 1))
        for at in range(0, size.literal_value, 64):
            there = builder.gep(pointer, [ir.Constant(ir.IntType(64), at)])
            builder.call(fetch, [there, read, second_level, data])
        return context.get_dummy_value()

    return types.void(array, types.int64, size), generate


@functools.cache
def fused(size: int, pad: int) -> Kernel:
    """Compiles the kernel for images of `size` pixels, padded by `pad` zeros on each side before the crop.

    fill(images, rows, places, crop, flip, erase, blank, partner, box, blend, mask, resized, scale, bias,
         staged, out)

        images    uint8 (N, 3, size, size), C order, read-only
        rows      int64 (m,), read-only: rows of `images`; the first n are written, the rest are partners
        places    int64 (m,), read-only: index of the draws of each; equals rows unless an image is repeated
        crop      uint16 (M, 2): row and column of the window in the padded image, each 0..2*pad
        flip      bool (M,)
        erase     int32 (M, 4), read-only: box y0, y1, x0, x1 of the cropped image filled with blank, or KEPT
        blank     uint8 (3,)
        partner   int64 (n,): positions in `rows`
        box       int32 (n, 4): y0, y1, x0, x1, half-open
        blend     float32 (n,): weight of the own image inside its box
        mask      float32 (n or 1, size, size): weight of the own image at each pixel, in place of box and
                  blend; (0, ...) if there is none
        resized   bool: whether the box holds the whole partner (the box must then be inside the image)
        scale     float32 (3,), see `normaliser`
        bias      float32 (3,)
        staged    uint8 (m, 3, size, size): scratch memory, (0, ...) when the batch is not mixed
        out       float32 (n, 3, size, size), written in full

    partner, box, blend, mask and resized are those of a plan (mixing/plan.py), or UNMIXED; they are
    read-only, and box and blend may have any strides, so that one row can apply to a batch. Rows and
    positions are not checked. Boxes need not be clipped.

    The images of a mixed batch are first collected as cropped bytes: each is needed twice, for itself and as
    a partner, and the second read is then from the cache.
    """
    width = size + 2 * pad
    pixels, padded_pixels = size * size, width * width
    line = max(64, size)  # bytes prefetched per row written: at least a cache line

    one = 1 << RESAMPLE_BITS

    def fill(
        images, rows, places, crop, flip, erase, blank,
        partner, box, blend, mask, resized, scale, bias, staged, out,
    ):  # fmt: skip
        padded = np.zeros(3 * padded_pixels, np.uint8)  # the image being built; the border stays zero
        mixed, erased = len(partner) > 0, len(erase) > 0
        for i in range(len(rows)):
            row, place = rows[i], places[i]
            ahead, place_ahead = rows[min(i + _AHEAD, len(rows) - 1)], places[min(i + _AHEAD, len(rows) - 1)]
            _prefetch(crop, 2 * place_ahead, 1)
            _prefetch(flip, place_ahead, 1)
            for c in range(3):
                source = (3 * row + c) * pixels
                target = c * padded_pixels + pad * width + pad
                if flip[place]:
                    for y in range(size):
                        _copy_row(padded, target + y * width, images, source + y * size, size, True)
                else:
                    for y in range(size):
                        _copy_row(padded, target + y * width, images, source + y * size, size, False)
            # A flipped image is cropped by the mirrored window.
            dy, dx = np.int64(crop[place, 0]), np.int64(crop[place, 1])
            window = dy * width + (2 * pad - dx if flip[place] else dx)
            for c in range(3):
                source, target = window + c * padded_pixels, (3 * i + c) * pixels
                for y in range(size):
                    if y * line < pixels:
                        _prefetch(images, (3 * ahead + c) * pixels + y * line, line)
                    if mixed:
                        _copy_row(staged, target + y * size, padded, source + y * width, size, False)
                    else:
                        _normalise_row(
                            out, target + y * size, padded, source + y * width, scale[c], bias[c], size
                        )
            if erased:
                y0, y1, x0, x1 = erase[place, 0], erase[place, 1], erase[place, 2], erase[place, 3]
                for c in range(3):
                    value = np.float32(blank[c]) * scale[c] + bias[c]
                    for y in range(max(y0, 0), min(y1, size)):
                        for x in range(max(x0, 0), min(x1, size)):
                            if mixed:
                                staged[i, c, y, x] = blank[c]
                            else:
                                out[i, c, y, x] = value
        if len(mask) > 0:
            for i in range(len(partner)):
                weights = min(i, len(mask) - 1) * pixels
                for c in range(3):
                    s, b = scale[c], bias[c]
                    mine, theirs = (3 * i + c) * pixels, (3 * partner[i] + c) * pixels
                    for at in range(0, pixels, size):
                        _mask_row(
                            out, mine + at, staged, mine + at, theirs + at, mask, weights + at, s, b, size
                        )
        elif resized:
            # As in `resampler`, for rows (0) and columns (1) of the box; no box is larger than the image: the
            # next row is there, or is 0.
            low = np.empty((2, size), np.int64)
            share = np.empty((2, size), np.int32)
            columns, shares = low[1], share[1]
            # Three channels of a row; one number more each, for the last column, of which the next weighs 0.
            between, pasted = np.zeros(3 * (size + 1), np.int32), np.empty(3 * size, np.uint8)
            height = wide = 0
            for i in range(len(partner)):
                y0, y1, x0, x1 = box[i, 0], box[i, 1], box[i, 2], box[i, 3]
                if y1 - y0 != height or x1 - x0 != wide:
                    height, wide = y1 - y0, x1 - x0
                    for axis in range(2):
                        length = height if axis == 0 else wide
                        for k in range(length):
                            at = max(0, ((2 * k + 1) * size * one) // (2 * length) - one // 2)
                            low[axis, k] = at >> RESAMPLE_BITS
                            share[axis, k] = at & (one - 1)
                mine, theirs = 3 * i * pixels, 3 * partner[i] * pixels
                for y in range(size):
                    if not y0 <= y < y1:
                        for c in range(3):
                            own = mine + c * pixels + y * size
                            _normalise_row(out, own, staged, own, scale[c], bias[c], size)
                        continue
                    top = low[0, y - y0]
                    bottom, weight = min(top + 1, size - 1) * size, share[0, y - y0]
                    for c in range(3):
                        other, own = theirs + c * pixels, mine + c * pixels + y * size
                        _between_rows(
                            between, c * (size + 1), staged, other + top * size, other + bottom, weight, size
                        )
                        _copy_row(pasted, c * size, staged, own, size, False)
                    _resample_columns(pasted, x0, between, columns, shares, wide, size)
                    for c in range(3):
                        own = mine + c * pixels + y * size
                        _normalise_row(out, own, pasted, c * size, scale[c], bias[c], size)
        else:
            for i in range(len(partner)):
                # Read once: after every write to `out` the compiler would have to read them again.
                y0, y1, x0, x1, weight = box[i, 0], box[i, 1], box[i, 2], box[i, 3], blend[i]
                for c in range(3):
                    s, b = scale[c], bias[c]
                    mine, theirs = (3 * i + c) * pixels, (3 * partner[i] + c) * pixels
                    for y in range(size):
                        own, other = mine + y * size, theirs + y * size
                        if not y0 <= y < y1:
                            _normalise_row(out, own, staged, own, s, b, size)
                        elif weight == 0:
                            _mix_row(out, own, staged, own, other, x0, x1, weight, s, b, size, True)
                        else:
                            _mix_row(out, own, staged, own, other, x0, x1, weight, s, b, size, False)

    signature = types.void(
        _READ_ONLY_IMAGES,
        _READ_ONLY_ROWS,
        _READ_ONLY_ROWS,
        types.uint16[:, ::1],
        types.boolean[::1],
        types.Array(types.int32, 2, "C", readonly=True),
        types.uint8[::1],
        _READ_ONLY_ROWS,
        types.Array(types.int32, 2, "A", readonly=True),
        types.Array(types.float32, 1, "A", readonly=True),
        types.Array(types.float32, 3, "C", readonly=True),
        types.boolean,
        types.float32[::1],
        types.float32[::1],
        types.uint8[:, :, :, ::1],
        types.float32[:, :, :, ::1],
    )
    return _compiled(fill, signature, f"crop, flip, mix and normalise at {size} px")


@functools.cache
def resampler(size: int) -> Kernel:
    """Compiles the kernel of random resized crops: bytes to bytes, bilinear, flip included.

    resample(images, rows, places, crop, flip, out)

        images    uint8 (N, 3, size, size), C order, read-only
        rows      int64 (n,), read-only, as in `fused`
        places    int64 (n,), read-only, as in `fused`
        crop      uint16 (M, 4): row, column, height and width of the box, inside the image
        flip      bool (M,)
        out       uint8 (n, 3, size, size), written in full

    Pixel centres as in torchvision (align_corners=False). A box is never larger than the output, so
    antialiasing would change nothing. Integer arithmetic: the same on every machine.
    """
    one = 1 << RESAMPLE_BITS

    def resample(images, rows, places, crop, flip, out):
        low = np.empty((2, size), np.int64)  # nearer rows (0) and columns (1) of the source ...
        high = np.empty((2, size), np.int64)
        share = np.empty((2, size), np.int64)  # ... and how much the higher one weighs
        for i in range(len(rows)):
            row, drawn = rows[i], places[i]
            for axis in range(2):
                start, length = np.int64(crop[drawn, axis]), np.int64(crop[drawn, axis + 2])
                for k in range(size):
                    at = max(0, ((2 * k + 1) * length * one) // (2 * size) - one // 2)
                    first = at >> RESAMPLE_BITS
                    place = size - 1 - k if axis == 1 and flip[drawn] else k
                    low[axis, place] = start + first
                    high[axis, place] = start + min(first + 1, length - 1)
                    share[axis, place] = at & (one - 1)
            for c in range(3):
                for y in range(size):
                    top, bottom, fy = images[row, c, low[0, y]], images[row, c, high[0, y]], share[0, y]
                    for x in range(size):
                        a, b, fx = low[1, x], high[1, x], share[1, x]
                        upper = np.int64(top[a]) * (one - fx) + np.int64(top[b]) * fx
                        lower = np.int64(bottom[a]) * (one - fx) + np.int64(bottom[b]) * fx
                        value = upper * (one - fy) + lower * fy
                        out[i, c, y, x] = np.uint8((value + one * one // 2) >> (2 * RESAMPLE_BITS))

    signature = types.void(
        _READ_ONLY_IMAGES,
        _READ_ONLY_ROWS,
        _READ_ONLY_ROWS,
        types.uint16[:, ::1],
        types.boolean[::1],
        types.uint8[:, :, :, ::1],
    )
    return _compiled(resample, signature, f"random resized crop at {size} px")


class _Notice(event.Listener):  # type: ignore[misc]
    """Logs when a kernel is compiled, that is, not found on disk."""

    def __init__(self, kernel: Any, what: str, *, kept: bool) -> None:
        self.kernel, self.what, self.kept = kernel, what, kept

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"] is self.kernel:  # not for functions that it calls
            # A warning, because that level is shown where logging is not configured.
            later = "; later starts find it on disk" if self.kept else ""
            _log.warning("compiling the loader's kernel (%s)%s", self.what, later)

    def on_end(self, event: Any) -> None: ...


def _compiled(function: Kernel, signature: Any, what: str) -> Kernel:
    """Compiles `function`, or loads it from the disk cache; logs when it has to compile.

    Where no folder for the cache is writable, the code is kept in memory.
    """
    try:
        return _made(function, signature, what, **_OPTIONS)
    except (OSError, RuntimeError) as problem:  # from numba's cache, before or after compilation
        if isinstance(problem, RuntimeError) and "no locator available" not in str(problem):
            raise
        _say_uncached()
        return _made(function, signature, what, **{**_OPTIONS, "cache": False})


def _made(function: Kernel, signature: Any, what: str, **options: Any) -> Kernel:
    kernel: Any = numba.njit(**options)(function)
    with event.install_listener("numba:compile", _Notice(kernel, what, kept=options["cache"])):
        kernel.compile(signature)
    kernel.disable_compile()
    compiled: Kernel = kernel
    return compiled


@functools.cache
def _say_uncached() -> None:
    _log.warning(
        "no folder for compiled kernels can be written, so that every start compiles them anew (seconds); set"
        " NUMBA_CACHE_DIR to a folder that can be written"
    )
