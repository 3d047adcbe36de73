"""The public loader for custom training loops: `mixscope.Loader`.

A thin wrapper of loader.Loader with what a loop in a notebook expects: a length, a new epoch for every
iteration, batches that can be kept, and mixing by name. Training uses loader.Loader itself, which reuses
batch memory and can be set to any position.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mixscope import mixing
from mixscope.data import loader
from mixscope.data.batch import Batch
from mixscope.data.loader_settings import Augmentation, Sampling, Workers
from mixscope.data.store import MANIFEST, Store, data_root
from mixscope.errors import ConfigError, unknown
from mixscope.study.config import Augment

SPLITS = ("train", "val", "test")
_MANY = 1_000_000  # epochs if their number is not given: only augment.off_epochs needs it


class Loader:
    """Batches of a prepared data set, augmented and mixed, epoch after epoch.

    Random draws are counter-based: batches depend on the seed and the epoch, not on the number of threads.

    Args:
        data: Name of a prepared data set (`mixscope data list`), or the path of its folder.
        split: "train", "val" or "test".
        batch_size: Images per batch; the last batch of an epoch may be smaller.
        mix: "none", a mixing method ("mixup", "cutmix", ...) or "switch".
        seed: Seed of sampling order, crops, flips and mixing, from 0.
        base: "none", "crop-flip" or "rrc"; default: "crop-flip" in training, else "none".
        augment: Further augmentation settings; `mix` and `base` take precedence where they are given.
        val_fraction: Fraction of the training images held out as "val".
        shuffle: Draw a new order each epoch; default: in training.
        drop_last: Leave out a smaller last batch.
        reuse: Return memory that the next batch overwrites. Faster, for loops that keep no batch.
        threads: Number of worker threads; 0 chooses automatically.
        epochs: Total number of epochs; only `augment.off_epochs` needs it.
        root: Folder of prepared data sets; default: `$MIXSCOPE_DATA`, else a folder in the user's home.

    Raises:
        ConfigError: If an argument is invalid.
        DataError: If the data set is not prepared or has no such rows.

    Example:
        ::

            loader = Loader("digits", "train", batch_size=64, mix="cutmix", seed=0)
            for batch in loader:
                loss = cross_entropy(model(batch.images), batch.targets(loader.n_classes))
    """

    def __init__(
        self,
        data: str | Path,
        split: str = "train",
        *,
        batch_size: int,
        mix: str | None = None,
        seed: int = 0,
        base: str | None = None,
        augment: Augment | None = None,
        val_fraction: float = 0.0,
        shuffle: bool | None = None,
        drop_last: bool = False,
        reuse: bool = False,
        threads: int = 0,
        epochs: int | None = None,
        root: str | Path | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ConfigError("unknown-name", unknown("split", split, SPLITS), key="split")
        training = split == "train"
        chosen = augment or Augment(base="crop-flip" if training else "none")
        given: dict[str, Any] = {"mix": mix, "base": base}
        chosen = dataclasses.replace(chosen, **{k: v for k, v in given.items() if v is not None})
        if chosen.off_epochs and epochs is None:
            raise ConfigError(
                "missing-key", "say how many epochs there will be (epochs=N)", key="augment.off_epochs"
            )
        store = _opened(data, root)
        _, rows = store.rows(split, val_fraction=val_fraction)
        mixer = mixing.make(
            chosen,
            seed=seed,
            epochs=epochs or _MANY,
            size=store.size,
            batch_size=batch_size,
            examples=len(rows),
            patch=chosen.grid,
        )
        self._loader = loader.Loader(
            store,
            split,
            Sampling(
                batch_size=batch_size,
                seed=seed,
                val_fraction=val_fraction,
                shuffle=training if shuffle is None else shuffle,
                drop_last=drop_last,
                repeats=chosen.repeats,
            ),
            Augmentation(base=chosen.base, erase=chosen.erase, policy=chosen.policy, mixer=mixer),
            Workers(threads=threads),
        )
        self._shown = {"batch_size": batch_size, "mix": chosen.mix, "base": chosen.base, "seed": seed}
        self._data, self._split = str(data), split
        self._reuse = reuse
        self._epoch = -1
        self.n_classes = store.n_classes
        self.class_names = store.class_names
        self.examples = self._loader.examples
        self.spec = self._loader.spec

    def __repr__(self) -> str:
        """Data set, split, size of an epoch, and the settings of the draws."""
        text = ", ".join(f"{name}={value!r}" for name, value in self._shown.items())
        return f"<Loader {self._data} {self._split}: {self.examples:,} images, {len(self):,} batches, {text}>"

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._loader.batches

    @property
    def epoch(self) -> int:
        """The epoch begun last, from 0; -1 before the first."""
        return self._epoch

    def __iter__(self) -> Iterator[Batch]:
        """Starts a new epoch, whether or not the previous one was completed."""
        self._epoch += 1
        return self._batches(self._epoch)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        self._loader.position = (epoch, 0)
        for batch in self._loader:
            if epoch != self._epoch:
                raise ConfigError(
                    "conflict", "another epoch of this loader was begun; iterate over one at a time"
                )
            yield batch if self._reuse else _copied(batch)

    def close(self) -> None:
        """Stops the worker threads and frees their memory; iterating again restarts them."""
        self._loader.close()

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _opened(data: str | Path, root: str | Path | None) -> Store:
    path = Path(data)
    if (path / MANIFEST).is_file():
        return Store.open(path.parent, path.name)
    return Store.open(data_root(None if root is None else Path(root)), str(data))


def _copied(batch: Batch) -> Batch:
    """A batch in newly allocated memory."""
    tensors = {
        name: value.clone()
        for name in ("images", "labels", "partner_labels", "lam")
        if (value := getattr(batch, name)) is not None
    }
    inner = batch.inner
    if inner is not None:
        inner = inner._replace(
            partner=None if inner.partner is None else inner.partner.clone(),
            box=None if inner.box is None else inner.box.clone(),
        )
    return batch._replace(ids=np.array(batch.ids), inner=inner, **tensors)
