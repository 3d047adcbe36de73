"""Data sets that are already in memory as arrays."""

from collections.abc import Iterator

import numpy as np

from mixscope.data.content import Split

BLOCK = 500  # images


def whole(images: np.ndarray, labels: np.ndarray) -> Split:
    """Returns a split of all images.

    Args:
        images: uint8 (n, 3, H, W).
        labels: int64 (n,).
    """
    return Split(count=len(images), images=_cut(images), labels=labels)


def _cut(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BLOCK):
        yield images[start : start + BLOCK]
