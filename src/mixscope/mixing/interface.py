"""The interface of a mixing method: a function from random draws to boxes or masks.

The names of the function's parameters state which inputs it needs:

    lam      float64 (n,), Beta(alpha, alpha) in [0, 1]: the intended weight of the own image
    centre   float64 (n, 2), uniform in [0, 1): row, column
    size     int, side of the image in pixels
    random   numpy Generator for further draws; a batch always gets the same stream
    patch    int, side of the model's patches in pixels (or augment.grid), divides size
    peak     float64 (n, 2) in [0, 1): row, column of the partner's saliency maximum, after crop and flip

lam and centre do not depend on the method: runs that share seed and alpha share them (common random numbers).
The function returns one of the types below; a plain pair (box, blend) is read as Boxes and an array as Masks.
n is the number of images in the batch, or 1 for one row that applies to all of them.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import numpy as np

NEEDS = ("lam", "centre", "size", "random", "patch", "peak")

# The weight of the own label: "area" (fraction of own pixels), "attention" (TransMix), or given by the method
# as float (n,) in 0..1.
Label = Literal["area", "attention"] | np.ndarray

F = TypeVar("F", bound=Callable[..., object])


class Boxes(NamedTuple):
    """A box in which the partner replaces or is blended with the own image, at the same position.

    Attributes:
        box: int (n, 4), y0, y1, x0, x1 in pixels, half-open, inside the image.
        blend: float (n,) in 0..1, weight of the own image inside the box; it is 1 outside.
        label: Weight of the own label.
    """

    box: np.ndarray
    blend: np.ndarray
    label: Label = "area"


class Resized(NamedTuple):
    """A box that holds the whole partner image, resized (bilinear).

    Attributes:
        box: As in Boxes.
        label: Weight of the own label.
    """

    box: np.ndarray
    label: Label = "area"


class Masks(NamedTuple):
    """The weight of the own image at each pixel.

    Attributes:
        mask: float (n, size, size) in 0..1.
        label: Weight of the own label.
    """

    mask: np.ndarray
    label: Label = "area"


class Hidden(NamedTuple):
    """Mixing of hidden activations, at a block drawn for each batch; pixels are not mixed.

    Attributes:
        lam: float (n,) in 0..1, weight of the own activations and of the own label.
    """

    lam: np.ndarray


Answer = Boxes | Resized | Masks | Hidden


def method(name: str, title: str, paper: str) -> Callable[[F], F]:
    """Registers a function of this package as a mixing method. study/methods.py reads it from the source.

    Args:
        name: Name in settings.
        title: Display name.
        paper: arXiv id or DOI.
    """

    def same(function: F) -> F:
        return function

    return same
