"""The fused kernels: gather, crop, flip, mix and normalise in one pass over the pixels.

Each kernel is a serial function that releases the interpreter lock; the loader runs several of them side by
side. Sizes are constants of the compiled code, so every inner loop has a fixed length and no branch. The
machine code is cached on disk; only the first start on a machine compiles (seconds).

Layout: images are planar bytes N,3,H,W; outputs float32 N,3,H,W. Zero padding is in pixel space, before
normalisation, as in torchvision's RandomCrop. Flips act on bytes, where a pixel is cheapest to move.

What does not belong here: draws (order.py, mixing/), and threads (loader.py).
"""

# Bodies of kernels are typed by the signatures they are compiled for.
# mypy: allow-untyped-defs, no-check-untyped-defs

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import event

Kernel = Callable[..., None]

# Contraction to fused multiply-add is the only liberty the compiler gets: results stay within one rounding.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": {"contract"}}
_READ_ONLY_IMAGES = types.Array(types.uint8, 4, "C", readonly=True)

# Weights of the bilinear resampling are integers of this many bits, so that results are exact everywhere.
RESAMPLE_BITS = 11

_log = logging.getLogger(__name__)


def normaliser(mean: Sequence[float], std: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Scale and bias, float32 (3,), that take a byte to (byte / 255 - mean) / std."""
    centre, spread = np.array(mean, np.float64), np.array(std, np.float64)
    return (1 / (255 * spread)).astype(np.float32), (-centre / spread).astype(np.float32)


@functools.cache
def fused(size: int, pad: int) -> Kernel:
    """The kernel for images of `size` pixels, padded by `pad` zeros on each side before the crop.

    fill(images, own, crop, flip, partner, box, blend, scale, bias, out)
      images uint8 (N,3,size,size), C order, read-only; own int64 (n,), rows of `images`;
      crop uint16 (N,2), row and column of the window in the padded image, each 0..2*pad; flip bool (N,);
      partner int64 (n,), rows of `images`, or (0,) when the batch is not mixed;
      box int32 (n,4), y0,y1,x0,x1 half-open; blend float32 (n,), the weight of the own image inside its box;
      scale, bias float32 (3,), see `normaliser`; out float32 (n,3,size,size), written in full.
    Rows are trusted to lie inside `images`. Boxes need not be clipped.
    """
    width = size + 2 * pad

    def fill(images, own, crop, flip, partner, box, blend, scale, bias, out):
        padded = np.zeros((2, 3, width, width), np.uint8)  # own image and partner; the border stays zero
        weight = np.empty((2, size), np.float32)  # of own and partner, along a row of the box
        mixed = len(partner) > 0
        for i in range(len(own)):
            inside = mixed and box[i, 0] < box[i, 1] and box[i, 2] < box[i, 3]
            for which in range(2 if inside else 1):
                row = partner[i] if which else own[i]
                if flip[row]:
                    for c in range(3):
                        for y in range(size):
                            for x in range(size):
                                padded[which, c, y + pad, x + pad] = images[row, c, y, size - 1 - x]
                else:
                    for c in range(3):
                        for y in range(size):
                            for x in range(size):
                                padded[which, c, y + pad, x + pad] = images[row, c, y, x]
            # The image was mirrored before the crop: the window is mirrored too.
            dy, dx = np.uint32(crop[own[i], 0]), np.uint32(crop[own[i], 1])
            if flip[own[i]]:
                dx = np.uint32(2 * pad) - dx
            y0, y1, ey, ex = 0, 0, dy, dx
            if inside:
                y0, y1 = max(0, box[i, 0]), min(size, box[i, 1])
                ey, ex = np.uint32(crop[partner[i], 0]), np.uint32(crop[partner[i], 1])
                if flip[partner[i]]:
                    ex = np.uint32(2 * pad) - ex
                for x in range(size):
                    within = box[i, 2] <= x < box[i, 3]
                    weight[0, x] = blend[i] if within else np.float32(1)
                    weight[1, x] = np.float32(1) - blend[i] if within else np.float32(0)
            for c in range(3):
                s, b = scale[c], bias[c]
                for y in range(size):
                    if y0 <= y < y1:
                        for x in range(size):
                            p = np.float32(padded[0, c, y + dy, x + dx]) * (s * weight[0, x])
                            q = np.float32(padded[1, c, y + ey, x + ex]) * (s * weight[1, x])
                            out[i, c, y, x] = p + (q + b)
                    else:
                        for x in range(size):
                            out[i, c, y, x] = np.float32(padded[0, c, y + dy, x + dx]) * s + b

    signature = types.void(
        _READ_ONLY_IMAGES,
        types.int64[::1],
        types.uint16[:, ::1],
        types.boolean[::1],
        types.int64[::1],
        types.int32[:, ::1],
        types.float32[::1],
        types.float32[::1],
        types.float32[::1],
        types.float32[:, :, :, ::1],
    )
    return _compiled(fill, signature, f"crop, flip, mix and normalise at {size} px")


@functools.cache
def resampler(size: int) -> Kernel:
    """The kernel of random resized crops: bytes to bytes, bilinear, flip included.

    resample(images, rows, crop, flip, out)
      images uint8 (N,3,size,size), C order, read-only; rows int64 (n,); crop uint16 (N,4), row, column,
      height and width of the box, inside the image; flip bool (N,);
      out uint8 (n,3,size,size), written in full.
    Pixel centres as in torchvision (align_corners=False). A box is never larger than the output, so there is
    nothing to average and antialiasing would change nothing. Integer arithmetic: the same on every machine.
    """
    one = 1 << RESAMPLE_BITS

    def resample(images, rows, crop, flip, out):
        low = np.empty((2, size), np.int64)  # nearer rows (0) and columns (1) of the source ...
        high = np.empty((2, size), np.int64)
        share = np.empty((2, size), np.int64)  # ... and how much the higher one weighs
        for i in range(len(rows)):
            row = rows[i]
            for axis in range(2):
                start, length = np.int64(crop[row, axis]), np.int64(crop[row, axis + 2])
                for k in range(size):
                    at = max(0, ((2 * k + 1) * length * one) // (2 * size) - one // 2)
                    first = at >> RESAMPLE_BITS
                    place = size - 1 - k if axis == 1 and flip[row] else k
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
        types.int64[::1],
        types.uint16[:, ::1],
        types.boolean[::1],
        types.uint8[:, :, :, ::1],
    )
    return _compiled(resample, signature, f"random resized crop at {size} px")


class _Notice(event.Listener):  # type: ignore[misc]
    """Tells when a kernel is really compiled, and not found on disk."""

    def __init__(self, kernel: Any, what: str) -> None:
        self.kernel, self.what = kernel, what

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"] is self.kernel:  # and not one of the functions that it calls
            # A warning, because that is what is shown where nobody has set up logging.
            _log.warning("compiling the loader's kernel (%s); later starts find it on disk", self.what)

    def on_end(self, event: Any) -> None: ...


def _compiled(function: Kernel, signature: Any, what: str) -> Kernel:
    """`function` as machine code, from the disk cache where it is; says so when it has to compile."""
    kernel: Any = numba.njit(**_OPTIONS)(function)
    with event.install_listener("numba:compile", _Notice(kernel, what)):
        kernel.compile(signature)
    kernel.disable_compile()
    return kernel  # type: ignore[no-any-return]
