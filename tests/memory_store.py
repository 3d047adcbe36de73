"""A store in memory, for tests of the loader: random images, and the answers that store.py would give."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixscope.data.loader import Augmentation, Loader, Sampling, Store, Workers


@dataclass
class MemoryStore:
    """`stored` random images of `size` pixels; "val" are every fourth row when some are held out."""

    stored: int
    size: int = 32

    def __post_init__(self) -> None:
        draws = np.random.default_rng(self.stored)
        self.mean, self.std = np.array([0.507, 0.487, 0.441]), np.array([0.267, 0.256, 0.276])
        self._images = draws.integers(0, 256, (self.stored, 3, self.size, self.size), dtype=np.uint8)
        self._labels = draws.integers(0, 10, self.stored)

    def images(self, split: str) -> np.ndarray:
        return self._images

    def labels(self, split: str) -> np.ndarray:
        return self._labels

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        rows = np.arange(self.stored)
        if val_fraction:
            rows = rows[rows % 4 == 0] if split == "val" else rows[rows % 4 != 0]
        rows.flags.writeable = False
        return "test" if split == "test" else "train", rows


def loader_with(store: Store, split: str, **settings: Any) -> Loader:
    """A loader whose settings are given as one list, each for the group that has it."""
    groups = []
    for group in (Sampling, Augmentation, Workers):
        mine = {field.name for field in dataclasses.fields(group)} & set(settings)
        groups.append(group(**{name: settings.pop(name) for name in mine}))
    assert not settings, f"no loader has {', '.join(settings)}"
    return Loader(store, split, *groups)
