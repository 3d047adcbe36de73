"""Cutout and Random Erasing: erased boxes, drawn once per epoch.

Boxes are in the coordinates of the network's input, after crop and flip; erased pixels get the data's mean
colour.
"""

import math

import numpy as np

from mixscope.rng import generator

# torchvision's defaults: those of Zhong et al., arXiv 1708.04896, except for the probability of 0.5.
SHARE = 0.5
AREA = (0.02, 0.33)
RATIO = (0.3, 3.3)  # height / width
TRIES = 10


def boxes(kind: str, n: int, *, seed: int, address: tuple[int, ...], size: int) -> np.ndarray:
    """Draws erased boxes of n images.

    Args:
        kind: "none", "cutout" or "random-erasing".
        n: Number of images.
        seed: Seed of the run.
        address: Address of the draws, besides the seed.
        size: Side of the images in pixels.

    Returns:
        int32 (n, 4), y0, y1, x0, x1, half-open; (0, 4) for "none".
    """
    if kind == "none":
        return np.empty((0, 4), np.int32)
    draws = generator(seed, "erase", *address)
    return cutout(draws.random((n, 2)), size) if kind == "cutout" else random_erasing(draws, n, size)


def cutout(centre: np.ndarray, size: int) -> np.ndarray:
    """Returns squares of half the image's side, clipped to the image.

    DeVries & Taylor, arXiv 1708.04552: 16 of 32 pixels, as there for CIFAR-10.

    Args:
        centre: float64 (n, 2) in [0, 1), row and column.
        size: Side of the images in pixels.
    """
    first = (centre * size).astype(np.int32) - size // 4
    box = np.empty((len(centre), 4), np.int32)
    box[:, ::2] = np.maximum(first, 0)
    box[:, 1::2] = np.minimum(first + size // 2, size)
    return box


def random_erasing(draws: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Random Erasing (arXiv 1708.04896) as in torchvision: the first of ten proposals that fits, p = 0.5."""
    box = np.zeros((n, 4), np.int32)
    open_ = draws.random(n) < SHARE
    for _ in range(TRIES):  # every try draws for all images: draws do not depend on other examples
        area = draws.uniform(*AREA, n) * size * size
        ratio = np.exp(draws.uniform(math.log(RATIO[0]), math.log(RATIO[1]), n))
        place = draws.random((n, 2))
        sides = np.rint(np.sqrt(np.stack([area * ratio, area / ratio], axis=1))).astype(np.int32)
        fits = open_ & (sides < size).all(axis=1)
        first = (place * (size - sides + 1)).astype(np.int32)
        box[fits, ::2], box[fits, 1::2] = first[fits], (first + sides)[fits]
        open_ &= ~fits
    return box
