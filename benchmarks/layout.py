"""Stored bytes as N,3,H,W or as N,H,W,3: which order costs less to turn into batches.

    python benchmarks/layout.py [--size 32] [--rounds 9]

The same work three times, on one thread, from random images in one random order: crop and flip by address,
bytes to normalised float32 N,3,H,W. Twice in plain loops that differ in nothing but where a byte lies, and
once by the loader's own kernel, which needs planar rows. Rows are measured in turn; medians and ranges.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numba
import numpy as np
import torch

from mixscope.data import kernels

IMAGES, BATCH, RING = 20_000, 256, 2


def planar(images, rows, top, left, flip, scale, bias, out):  # type: ignore[no-untyped-def]
    """From padded N,3,H,W."""
    size = out.shape[2]
    for i in range(len(rows)):
        row, y0, x0 = rows[i], top[i], left[i]
        for c in range(3):
            for y in range(size):
                if flip[i]:
                    for x in range(size):
                        out[i, c, y, x] = images[row, c, y0 + y, x0 + size - 1 - x] * scale[c] + bias[c]
                else:
                    for x in range(size):
                        out[i, c, y, x] = images[row, c, y0 + y, x0 + x] * scale[c] + bias[c]


def interleaved(images, rows, top, left, flip, scale, bias, out):  # type: ignore[no-untyped-def]
    """From padded N,H,W,3."""
    size = out.shape[2]
    for i in range(len(rows)):
        row, y0, x0 = rows[i], top[i], left[i]
        for c in range(3):
            for y in range(size):
                if flip[i]:
                    for x in range(size):
                        out[i, c, y, x] = images[row, y0 + y, x0 + size - 1 - x, c] * scale[c] + bias[c]
                else:
                    for x in range(size):
                        out[i, c, y, x] = images[row, y0 + y, x0 + x, c] * scale[c] + bias[c]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    size, pad = arguments.size, arguments.size // 8
    random = np.random.default_rng(0)
    bare = random.integers(0, 256, (IMAGES, 3, size, size), np.uint8)
    padded = np.pad(bare, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    other = np.ascontiguousarray(padded.transpose(0, 2, 3, 1))
    order = random.permutation(IMAGES)
    crop = random.integers(0, 2 * pad + 1, (IMAGES, 2), np.uint16)
    flip = random.random(IMAGES) < 0.5
    scale, bias = kernels.normaliser((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    outs = torch.zeros(RING, BATCH, 3, size, size).numpy()
    compile_: Any = numba.njit(nogil=True, fastmath={"contract"})
    loops = {
        "plain loops, N,3,H,W": (compile_(planar), padded),
        "plain loops, N,H,W,3": (compile_(interleaved), other),
    }
    fill = kernels.fused(size, pad)
    bare.flags.writeable = False
    nothing = np.empty(0, np.int64), np.empty((0, 4), np.int32), np.empty(0, np.float32)
    scratch = np.empty((0, 3, size, size), np.uint8)
    top, left = crop[:, 0].astype(np.int64), crop[:, 1].astype(np.int64)

    def by_loops(what: tuple[Any, np.ndarray]) -> Callable[[np.ndarray, np.ndarray], None]:
        kernel, images = what
        return lambda rows, out: kernel(images, rows, top[rows], left[rows], flip[rows], scale, bias, out)

    def by_kernel(rows: np.ndarray, out: np.ndarray) -> None:
        fill(bare, rows, crop, flip, *nothing, scale, bias, scratch, out)

    makers = {name: by_loops(what) for name, what in loops.items()} | {
        "the loader's kernel, N,3,H,W": by_kernel
    }
    found: dict[str, list[float]] = {name: [] for name in makers}
    results = []
    for make in makers.values():  # compiles; and all three make the same batch
        make(order[:BATCH], outs[0])
        results.append(outs[0].copy())
    assert all(np.allclose(results[0], one, atol=1e-5) for one in results[1:])
    for _ in range(arguments.rounds):
        for name, make in makers.items():
            start = time.perf_counter()
            for at in range(0, IMAGES - BATCH + 1, BATCH):
                make(order[at : at + BATCH], outs[at // BATCH % RING])
            found[name].append(IMAGES // BATCH * BATCH / (time.perf_counter() - start))
    context = {"size": size, "rounds": arguments.rounds, "threads": 1}
    print(json.dumps(context | {name: metadata.version(name) for name in ("numba", "numpy")}))
    for name, rates in found.items():
        middle, low, high = (round(f(rates)) for f in (statistics.median, min, max))
        print(json.dumps({"row": name, "median": middle, "low": low, "high": high}))
    reference = found["plain loops, N,H,W,3"]
    for name, rates in found.items():
        middle = statistics.median(a / b for a, b in zip(rates, reference, strict=True))
        print(f"{name:<32}{statistics.median(rates):>12,.0f} images/s {middle:>6.2f} of N,H,W,3")


if __name__ == "__main__":
    main()
