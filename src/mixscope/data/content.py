"""A data set as it is read or made, before it is stored: images in blocks, labels, names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WHITE = "#ffffff"  # what is put behind transparent pixels where nothing else is asked for
SPLIT_SEED = 20_240_601  # of validation and drawn test splits: fixed, so that all runs of a set have the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a user asks of a data set that has it open.

    Attributes:
        size: Side of the images, in pixels.
        test_fraction: Share of each class to hold out for a test split where there is none.
        background: Colour behind transparent pixels, as "#rrggbb"; None for white.
    """

    size: int | None = None
    test_fraction: float | None = None
    background: str | None = None

    def made_with(self, *, divided: bool) -> dict[str, Any]:
        """What the manifest records of it; divided: whether a test split was held out."""
        told = {"test_fraction": self.test_fraction} if divided else {}
        return told if self.background in (None, WHITE) else told | {"background": self.background}


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """One split as a format reads it.

    images: blocks of uint8 (n,3,H,W), together `count` images, in the order of `labels`, int64 (count,).
    boxes: int16 (count, 4) x0, y0, x1, y1 in pixels, or None.
    """

    count: int
    images: Iterable[np.ndarray]
    labels: np.ndarray
    boxes: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A whole data set as a format reads it.

    superclass_of: int (n_classes,), or empty. class_ids: what the set itself calls its classes, where that is
    not their names. notes: what a user should know of it, a sentence each.
    late_notes: the same, of what is known only when all images were read.
    made_with: plain values that the manifest keeps beside its source: what was asked for, or dials.
    """

    size: int
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    superclass_names: tuple[str, ...] = ()
    superclass_of: tuple[int, ...] = ()
    class_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    late_notes: Callable[[], Sequence[str]] = tuple
    made_with: dict[str, Any] = field(default_factory=dict)
