"""A data set as read or generated, before it is stored: images in blocks, labels, names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WHITE = "#ffffff"  # default background of transparent pixels
SPLIT_SEED = 20_240_601  # of validation and drawn test splits: fixed, so that all runs share them


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The user's choices for a data set that leaves them open.

    Attributes:
        size: Side of the images in pixels.
        test_fraction: Fraction of each class held out for a test split where there is none.
        background: Colour behind transparent pixels, as "#rrggbb"; None for white.
    """

    size: int | None = None
    test_fraction: float | None = None
    background: str | None = None

    def made_with(self, *, divided: bool) -> dict[str, Any]:
        """What the manifest records of it; divided: whether a test split was held out."""
        made = {"test_fraction": self.test_fraction} if divided else {}
        return made if self.background in (None, WHITE) else made | {"background": self.background}


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """One split as read by a format.

    Attributes:
        count: Number of images.
        images: Blocks of uint8 (n, 3, H, W), `count` images in total, in the order of `labels`.
        labels: int64 (count,).
        boxes: int16 (count, 4), x0, y0, x1, y1 in pixels, or None.
    """

    count: int
    images: Iterable[np.ndarray]
    labels: np.ndarray
    boxes: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A whole data set as read by a format.

    Attributes:
        size: Side of the images in pixels.
        class_names: Display names of the classes.
        splits: Splits by name.
        superclass_names: Display names of the superclasses.
        superclass_of: int (n_classes,), or empty.
        class_ids: The data set's own identifiers of its classes, where they differ from the names.
        notes: Sentences that a user should read.
        late_notes: The same, known only after all images are read.
        made_with: Plain values for the manifest: the user's choices, or the parameters of a generated data
            set.
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
