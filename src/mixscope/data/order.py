"""Who comes when, and how each image is cropped and mirrored: the draws of one epoch.

Pure functions of (seed, epoch) and sizes. Crops and flips belong to an example, by its row in the stored
split, so they stay the same whatever the batch size, the share held out for validation, the number of
threads or of ranks. Per example the draws of an epoch take 8 bytes of order, 4 of crop (8 with random
resized crops) and 1 of flip; an image of 32 pixels has 3072.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixscope.data import erasing, policy
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
    read-only. places: int64, as long, where each one's draws stand: the row, and N more for each copy of an
    image that is repeated; read-only, and order itself where none is.
    crop: uint16, by place: (N, 2), row and column of the window in the padded image, or (N, 4), row, column,
    height and width of a random resized crop, in pixels. flip: bool (N,), mirrored. erase: int32 (N, 4), see
    erasing.py, and policy: uint8 (N, operations, 3), see policy.py; (0, ...) without.
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
    """The draws of one epoch over `rows` (int64) of a stored split of `stored` images of `size` pixels.

    base: "none" (no crop, no flip), "crop-flip" or "rrc". Without `shuffle` the order is that of `rows`.
    erase, operations: augment.erase and augment.policy. repeats: each image of the first so many as are
    needed comes so often in a row (repeated augmentation, Hoffer et al., arXiv 1901.09335; Touvron et al.,
    arXiv 2012.12877); its first copy is drawn as if it came once.
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
    """Boxes of random resized crops inside square images: row, column, height, width, uint16 (n, 4), pixels.

    The area is uniform, the logarithm of the ratio is uniform; of ten tries the first that fits counts, and
    where none fits it is the whole image.
    """
    draws = generator(seed, "crop", *address)
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
