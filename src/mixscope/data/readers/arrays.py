"""Images that are in memory already, as a split."""

from collections.abc import Iterator

import numpy as np

from mixscope.data.content import Split

BLOCK = 500  # images


def whole(images: np.ndarray, labels: np.ndarray) -> Split:
    """A split of all images, uint8 (n, 3, H, W), with labels int64 (n,)."""
    return Split(count=len(images), images=_cut(images), labels=labels)


def _cut(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BLOCK):
        yield images[start : start + BLOCK]
