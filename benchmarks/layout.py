"""Stored bytes as N,3,H,W or as N,H,W,3: which order costs less to turn into batches.

    python benchmarks/layout.py [--size 32] [--rounds 15]

The same work three times, on one thread, from random images in one random order: crop and flip by address,
bytes to normalised float32 N,3,H,W. Twice in plain loops that differ in nothing but where a byte lies, and
once by the loader's own kernel, which needs planar rows. A quarter of a minute. One JSON line a row and a
ratio, then a table.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch

from mixscope.bench import upper_bounds
from mixscope.bench.rounds import measure
from mixscope.bench.upper_bounds import BATCH, Bytes, Make
from mixscope.cli.exit_codes import ended

IMAGES = 20_000
PLANAR, INTERLEAVED = "plain loops, N,3,H,W", "plain loops, N,H,W,3"
OURS = "the loader's kernel, N,3,H,W"


def planar(images, rows, top, left, flip, scale, bias, out):
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


def interleaved(images, rows, top, left, flip, scale, bias, out):
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


def by_loops(kernel: Callable[..., None], images: np.ndarray, source: Bytes) -> Make:
    """One of the loops above. images: padded, in its layout."""
    draws, (scale, bias) = source.draws, source.normaliser
    top, left = draws.crop[:, 0].astype(np.int64), draws.crop[:, 1].astype(np.int64)
    compiled: Any = numba.njit(nogil=True, fastmath={"contract"})(kernel)

    def make(batch: int, out: np.ndarray, _: np.ndarray) -> None:
        rows = draws.order[batch % source.batches * BATCH :][:BATCH]
        compiled(images, rows, top[rows], left[rows], draws.flip[rows], scale, bias, out)

    return make


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    size, pad = given.size, given.size // 8
    source = Bytes.random(IMAGES, size)
    padded = np.pad(source.images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    makes = {
        PLANAR: by_loops(planar, padded, source),
        INTERLEAVED: by_loops(interleaved, np.ascontiguousarray(padded.transpose(0, 2, 3, 1)), source),
        OURS: upper_bounds.kernel(source),
    }
    results = torch.zeros(len(makes), BATCH, 3, size, size).numpy()
    for make, out in zip(makes.values(), results, strict=True):
        make(0, out, out)
    assert np.allclose(results, results[:1], atol=1e-5), "all three make the same batch"
    found = measure(
        {name: upper_bounds.in_threads(make, size, 1, source.batches) for name, make in makes.items()},
        unit="images/s",
        rounds=given.rounds,
        ratios=((PLANAR, INTERLEAVED), (OURS, INTERLEAVED)),
        context={"size": size, "threads": 1, "images": IMAGES},
    )
    print(f"{found.lines()}\n\n{found.table()}")


if __name__ == "__main__":
    raise SystemExit(ended(main))
