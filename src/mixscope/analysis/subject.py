"""A trained run, opened to be probed: its network, its data, and a way to ask it about images."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mixscope import rng
from mixscope.data.batch import Batch
from mixscope.data.device import feed
from mixscope.data.loader import Loader, Sampling, Workers
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.runs import records
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, models
from mixscope.training.evaluate import predict

CHECKPOINT = "last"
SAMPLE_SEED = 20_241_125  # of the images that a limit keeps: fixed, so that every run is shown the same
PACED = 32  # images that the pace is taken from

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Pictures:
    """Images in memory, normalised as those of a store, where the loader expects a store.

    pixels: uint8 (n, 3, H, W). classes: int64 (n,).
    """

    pixels: np.ndarray
    classes: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.pixels.shape[2])

    def images(self, split: str) -> np.ndarray:
        """uint8 (n, 3, H, W): the same for every split."""
        return self.pixels

    def labels(self, split: str) -> np.ndarray:
        """int64 (n,): the same for every split."""
        return self.classes

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """Every image, whatever the split is called."""
        return split, np.arange(len(self.classes))


@dataclass(frozen=True)
class Subject:
    """A run that is done. network: on `device`, with the weights of its last epoch, in eval mode; or what
    makes it when it is asked for, so that an analysis of records alone loads none."""

    path: Path
    config: RunConfig
    store: Store
    network: nn.Module | Callable[[], nn.Module]
    device: torch.device

    @cached_property
    def module(self) -> nn.Module:
        """The network, made when it is first asked for."""
        made: nn.Module = self.network if isinstance(self.network, nn.Module) else self.network()
        return made

    def logits(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """float32 (n, n_classes) for images uint8 (n, 3, H, W), in their order; classes: int64 (n,).

        They go through the loader, in batches, normalised as in training. Raises RunFailed for logits that
        are not finite.
        """
        with self._loader(pixels, classes, self.config.run.eval_batch_size) as loader:
            return predict(self.module, loader, device=self.device, config=self.config.train)[2]

    def batches(self, pixels: np.ndarray, classes: np.ndarray, most: int = 0) -> Iterator[Batch]:
        """The same images in their order, in batches of `most` (0 takes the run's own), on the device:
        float32, normalised. For what needs more than logits; a batch is gone when the next is asked for."""
        with self._loader(pixels, classes, most or self.config.run.eval_batch_size) as loader:
            yield from feed(loader, self.device)

    def pace(self) -> float:
        """Seconds that an image takes, forward, about: from one small batch after another that warms up."""
        pixels = np.zeros((PACED, 3, self.store.size, self.store.size), np.uint8)
        classes = np.zeros(PACED, np.int64)
        self.logits(pixels, classes)
        began = time.perf_counter()
        self.logits(pixels, classes)
        return (time.perf_counter() - began) / PACED

    def _loader(self, pixels: np.ndarray, classes: np.ndarray, most: int) -> Loader:
        on_gpu = self.device.type == "cuda"
        return Loader(
            Pictures(pixels, classes, self.store.mean, self.store.std),
            "test",
            Sampling(batch_size=most, seed=self.config.seed),
            workers=Workers(threads=self.config.run.loader_threads, device_augment=on_gpu, pin=on_gpu),
        )

    def sample(self, split: str, limit: int | None) -> "Chosen":
        """The images of a split that an analysis looks at; see `chosen`."""
        return chosen(self.store, split, limit, self.config)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some images of a split. ids: int64 (n,), sorted rows of the stored split `stored`, as predictions have
    them. pixels: uint8 (n, 3, H, W). classes: int64 (n,)."""

    stored: str
    ids: np.ndarray
    pixels: np.ndarray
    classes: np.ndarray


def chosen(store: Store, split: str, limit: int | None, config: RunConfig) -> Chosen:
    """All images of a split, or `limit` of them: drawn once and for all, so that runs of one data set are
    shown the same, a set that is sorted by class keeps all of its classes, and a larger limit contains a
    smaller one. Raises DataError where the split has none.
    """
    stored, rows = _rows(store, split, config)
    if limit is not None and limit < len(rows):
        rows = np.sort(rng.generator(SAMPLE_SEED, "sample").permutation(rows)[:limit])
    return Chosen(stored, rows, store.images(stored)[rows], np.asarray(store.labels(stored)[rows]))


def count(store: Store, split: str, limit: int | None, config: RunConfig) -> int:
    """How many images `chosen` gives, without reading them."""
    n = len(_rows(store, split, config)[1])
    return n if limit is None else min(limit, n)


def _rows(store: Store, split: str, config: RunConfig) -> tuple[str, np.ndarray]:
    per_class = config.data.per_class if split == "train" else 0
    return store.rows(split, val_fraction=config.data.val_fraction, per_class=per_class)


def stored(path: Path, root: Path) -> Store:
    """The data that a run was trained on. Raises DataError when they are not there, or others by now."""
    config, about = records.check_chain(path), records.read_environment(path)
    store = Store.open(root, config.data.name)
    store.check()
    if not store.has_digest(about["data"]["digest"]):
        raise DataError(
            f"{path}: was trained on {store.name} with checksum {about['data']['digest'][:12]}, which now is"
            f" {store.digest[:12]}; give the data it was trained on with --root"
        )
    return store


def opened(path: Path, store: Store) -> Subject:
    """A run with its network, which is loaded when it is first asked for. Raises ConfigError for a device
    that is not here; loading raises DataError for a checkpoint that cannot be read."""
    config, about = records.check_chain(path), records.read_environment(path)
    wanted = config.run.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{path}: was run on {wanted}, which is not here; analyse it where it is")
    if device.type == "cpu":  # sums are added in an order that depends on it
        torch.set_num_threads(about["device"]["threads"])

    def network() -> nn.Module:
        # The weights come from the checkpoint, so the files they began from need not be there.
        bare = dataclasses.replace(config.model, pretrained=False)
        built = models.build(bare, n_classes=store.n_classes, image_size=store.size, seed=config.seed)
        values, _ = checkpoint.weights(path / "checkpoints", CHECKPOINT, config)
        checkpoint.put(built.module, values, path)
        return built.module.to(device).eval()

    return Subject(path, config, store, network, device)
