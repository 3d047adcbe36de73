"""How a mixing method is written: a function from draws to what is mixed.

The function's parameters say what it needs, by name:

    lam      float64 (n,), Beta(alpha, alpha) in [0, 1]: the weight of the own image that is aimed at
    centre   float64 (n, 2), uniform in [0, 1): row, column
    size     int, pixels of a side
    random   numpy Generator for further draws, the same whenever a batch is asked for
    patch    int, pixels of a side of the model's patches (or augment.grid), which divides size
    peak     float64 (n, 2) in [0, 1): row, column where the partner is most salient, after its crop and flip

lam and centre do not depend on the method: arms with one seed and alpha share them (common random numbers).
The answer is one of the types below; a plain pair (box, blend) is taken for Boxes and an array for Masks. n
is the images of a batch, or 1 that stands for all of them.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import numpy as np

NEEDS = ("lam", "centre", "size", "random", "patch", "peak")

# The weight of the own label: "area" for the share of own pixels, "attention" for TransMix, or stated by the
# method, float (n,) in 0..1.
Label = Literal["area", "attention"] | np.ndarray

F = TypeVar("F", bound=Callable[..., object])


class Boxes(NamedTuple):
    """A box in which the partner is seen, at the same place.

    box: int (n, 4), y0, y1, x0, x1 in pixels, half-open, inside the image. blend: float (n,) in 0..1, the
    weight of the own image inside the box; outside it is 1.
    """

    box: np.ndarray
    blend: np.ndarray
    label: Label = "area"


class Resized(NamedTuple):
    """A box that is filled with the whole partner, resized (bilinear). box: as in Boxes."""

    box: np.ndarray
    label: Label = "area"


class Masks(NamedTuple):
    """The weight of the own image at each pixel. mask: float (n, size, size) in 0..1."""

    mask: np.ndarray
    label: Label = "area"


class Hidden(NamedTuple):
    """Pixels stay; hidden activations are mixed, at a block drawn for each batch.

    lam: float (n,) in 0..1, the weight of the own activations and of the own label.
    """

    lam: np.ndarray


Answer = Boxes | Resized | Masks | Hidden


def method(name: str, title: str, paper: str) -> Callable[[F], F]:
    """Declares a function of this package a mixing method. Settings read it from the source (study/methods).

    name: in settings. title: as people call it. paper: arXiv id or DOI.
    """

    def same(function: F) -> F:
        return function

    return same
