"""Sampling order and augmentation parameters of one epoch.

Pure functions of (seed, epoch) and sizes. Crops and flips belong to an example, by its row in the stored
split, so they do not depend on the batch size, the fraction held out for validation, or the number of threads
or ranks. Per example, the draws of an epoch take 8 bytes of order, 4 of crop (8 with random resized crops)
and 1 of flip; an image of 32 pixels has 3072 bytes.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixscope.data import erasing, policy
from mixscope.rng import generator

# Random resized crop, He et al., arXiv 1512.03385 sec. 3.4 and torchvision's defaults.
RRC_AREA = (0.08, 1.0)  # fraction of the image
RRC_RATIO = (3 / 4, 4 / 3)  # width / height
RRC_TRIES = 10


class Position(NamedTuple):
    """A position in the sequence of batches: before batch `batch` of epoch `epoch`, both from 0."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class Draws:
    """All draws of one epoch.

    Attributes:
        order: int64 (examples of the logical split,), rows of the stored split in sampling order; read-only.
        places: int64, of the same length, index of the draws of each: the row, plus N for each further copy
            of a repeated image; read-only, and `order` itself without repeats.
        crop: uint16, by place: (N, 2), row and column of the window in the padded image, or (N, 4), row,
            column, height and width of a random resized crop, in pixels.
        flip: bool (N,), horizontal flip.
        erase: int32 (N, 4), see erasing.py; (0, ...) without erasing.
        policy: uint8 (N, operations, 3), see policy.py; (0, ...) without a policy.
    """

    order: np.ndarray
    places: np.ndarray
    crop: np.ndarray
    flip: np.ndarray
    erase: np.ndarray
    policy: np.ndarray


def draw(
    rows: np.ndarray,
    *,
    stored: int,
    seed: int,
    epoch: int,
    base: str,
    shuffle: bool,
    size: int,
    erase: str = "none",
    operations: str = "none",
    repeats: int = 1,
) -> Draws:
    """Draws one epoch.

    Args:
        rows: int64, rows of the stored split to sample from.
        stored: Images in the stored split.
        seed: Seed of the run.
        epoch: Epoch, from 0.
        base: "none" (no crop, no flip), "crop-flip" or "rrc".
        shuffle: Random order; without it the order is that of `rows`.
        size: Side of the images in pixels.
        erase: As augment.erase.
        operations: As augment.policy.
        repeats: Consecutive copies of each of the first images in the order, as many images as are needed
            (repeated augmentation, Hoffer et al., arXiv 1901.09335; Touvron et al., arXiv 2012.12877). The
            first copy is drawn as if there were no repeats.
    """
    ordered = generator(seed, "order", epoch).permutation(rows) if shuffle else rows.view()
    places = ordered
    if repeats > 1:
        ordered = ordered.repeat(repeats)[: len(rows)]
        places = ordered + stored * (np.arange(len(rows)) % repeats)
    ordered.flags.writeable = places.flags.writeable = False
    copies = [
        _of_copy(stored, seed, (epoch, copy) if copy else (epoch,), base, size, erase, operations)
        for copy in range(repeats)
    ]
    return Draws(ordered, places, *(np.concatenate(parts) for parts in zip(*copies, strict=True)))


def _of_copy(
    stored: int, seed: int, address: tuple[int, ...], base: str, size: int, erase: str, operations: str
) -> tuple[np.ndarray, ...]:
    """Crop, flip, erased box and operations of one copy of every image."""
    erased = erasing.boxes(erase, stored, seed=seed, address=address, size=size)
    done = policy.draws(operations, stored, seed=seed, address=address)
    if base == "none":
        return np.zeros((stored, 2), np.uint16), np.zeros(stored, np.bool_), erased, done
    if base == "rrc":
        crop = resized_crops(stored, seed=seed, address=address, size=size)
    else:
        windows = 2 * padding(base, size) + 1
        crop = generator(seed, "crop", *address).integers(0, windows, (stored, 2), dtype=np.uint16)
    return crop, generator(seed, "flip", *address).integers(0, 2, stored, dtype=np.bool_), erased, done


def padding(base: str, size: int) -> int:
    """Zero pixels on each side before a crop: an eighth of the side for "crop-flip" (4 at 32 px), else 0."""
    return size // 8 if base == "crop-flip" else 0


def resized_crops(n: int, *, seed: int, address: tuple[int, ...], size: int) -> np.ndarray:
    """Draws boxes of random resized crops inside square images.

    Area and the logarithm of the aspect ratio are uniform; the first of ten proposals that fits is used, the
    whole image if none fits.

    Returns:
        uint16 (n, 4), row, column, height, width in pixels.
    """
    draws = generator(seed, "crop", *address)
    crop = np.tile(np.array([0, 0, size, size], np.uint16), (n, 1))
    open_ = np.ones(n, np.bool_)
    for _ in range(RRC_TRIES):  # every try draws for all images: draws do not depend on other examples
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
    """Number of global batches in an epoch; the last one is smaller, or dropped."""
    return examples // batch_size if drop_last else -(-examples // batch_size)


def members(examples: int, batch_size: int, batch: int) -> slice:
    """The slice of the epoch's order that is global batch `batch`."""
    return slice(batch * batch_size, min((batch + 1) * batch_size, examples))


def shard(n: int, rank: int, ranks: int) -> slice:
    """The contiguous part of a global batch of `n` images that belongs to rank `rank` of `ranks`.

    Sizes differ by at most one; some are empty when n < ranks.
    """
    return slice(n * rank // ranks, n * (rank + 1) // ranks)
