"""Who comes when, and how each image is cropped and mirrored: the draws of one epoch.

Pure functions of (seed, epoch) and sizes. Crops and flips belong to an example, by its row in the stored
split, so they stay the same whatever the batch size, the share held out for validation, the number of
threads or of ranks. Per example the draws of an epoch take 8 bytes of order, 4 of crop (8 with random
resized crops) and 1 of flip; an image of 32 pixels has 3072.

What does not belong here: pixels (kernels.py) and threads (loader.py).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixscope.rng import generator

# Random resized crop, He et al., arXiv 1512.03385 sec. 3.4 and torchvision's defaults.
RRC_AREA = (0.08, 1.0)  # share of the image
RRC_RATIO = (3 / 4, 4 / 3)  # width / height
RRC_TRIES = 10


class Position(NamedTuple):
    """A place in the sequence of batches: `batch` batches of epoch `epoch` lie before it."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class Draws:
    """All draws of one epoch.

    order: int64 (examples of the logical split,), rows of the stored split in the order in which they come,
    read-only.
    crop: uint16, by row of the stored split: (N, 2), row and column of the window in the padded image, or
    (N, 4), row, column, height and width of a random resized crop, in pixels. flip: bool (N,), mirrored.
    """

    order: np.ndarray
    crop: np.ndarray
    flip: np.ndarray


def draw(
    rows: np.ndarray, *, stored: int, seed: int, epoch: int, base: str, shuffle: bool, size: int
) -> Draws:
    """The draws of one epoch over `rows` (int64) of a stored split of `stored` images of `size` pixels.

    base: "none" (no crop, no flip), "crop-flip" or "rrc". Without `shuffle` the order is that of `rows`.
    """
    ordered = generator(seed, "order", epoch).permutation(rows) if shuffle else rows.view()
    ordered.flags.writeable = False
    if base == "none":
        return Draws(ordered, np.zeros((stored, 2), np.uint16), np.zeros(stored, np.bool_))
    if base == "rrc":
        crop = resized_crops(stored, seed=seed, epoch=epoch, size=size)
    else:
        windows = 2 * padding(base, size) + 1
        crop = generator(seed, "crop", epoch).integers(0, windows, (stored, 2), dtype=np.uint16)
    flip = generator(seed, "flip", epoch).integers(0, 2, stored, dtype=np.bool_)
    return Draws(ordered, crop, flip)


def padding(base: str, size: int) -> int:
    """Zero pixels on each side before a crop: an eighth of the side for "crop-flip" (4 at 32 px), else 0."""
    return size // 8 if base == "crop-flip" else 0


def resized_crops(n: int, *, seed: int, epoch: int, size: int) -> np.ndarray:
    """Boxes of random resized crops inside square images: row, column, height, width, uint16 (n, 4), pixels.

    The area is uniform, the logarithm of the ratio is uniform; of ten tries the first that fits counts, and
    where none fits it is the whole image.
    """
    draws = generator(seed, "crop", epoch)
    crop = np.tile(np.array([0, 0, size, size], np.uint16), (n, 1))
    open_ = np.ones(n, np.bool_)
    for _ in range(RRC_TRIES):  # every try draws for all, so that a draw does not depend on other examples
        area = draws.uniform(*RRC_AREA, n) * size * size
        ratio = np.exp(draws.uniform(math.log(RRC_RATIO[0]), math.log(RRC_RATIO[1]), n))
        place = draws.random((n, 2))
        height = np.rint(np.sqrt(area / ratio)).astype(np.int64)
        width = np.rint(np.sqrt(area * ratio)).astype(np.int64)
        fits = open_ & (height >= 1) & (width >= 1) & (height <= size) & (width <= size)
        top = (place[:, 0] * (size - height + 1)).astype(np.int64)
        left = (place[:, 1] * (size - width + 1)).astype(np.int64)
        crop[fits] = np.stack([top, left, height, width], axis=1)[fits].astype(np.uint16)
        open_ &= ~fits
    return crop


def batches(examples: int, batch_size: int, *, drop_last: bool) -> int:
    """Global batches in an epoch; the last one is shorter, or dropped."""
    return examples // batch_size if drop_last else -(-examples // batch_size)


def members(examples: int, batch_size: int, batch: int) -> slice:
    """Where global batch `batch` lies in the order of the epoch."""
    return slice(batch * batch_size, min((batch + 1) * batch_size, examples))


def shard(n: int, rank: int, ranks: int) -> slice:
    """The contiguous part of a global batch of `n` that rank `rank` of `ranks` gets.

    Sizes differ by at most one; some are empty when n < ranks.
    """
    return slice(n * rank // ranks, n * (rank + 1) // ranks)
