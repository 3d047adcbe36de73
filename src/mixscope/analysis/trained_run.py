"""A trained run opened for analysis: its network, its data, and functions to evaluate images."""

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
SAMPLE_SEED = 20_241_125  # of the images kept by a limit: fixed, so that all runs see the same images
PACED = 32  # images of a timing batch

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Pictures:
    """Images in memory with the interface of a store, normalised with its statistics.

    Attributes:
        pixels: uint8 (n, 3, H, W).
        classes: int64 (n,).
        mean: float64 (3,), in [0, 1].
        std: float64 (3,), in [0, 1].
    """

    pixels: np.ndarray
    classes: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @property
    def size(self) -> int:
        """Side of the square images in pixels."""
        return int(self.pixels.shape[2])

    def images(self, split: str) -> np.ndarray:
        """uint8 (n, 3, H, W), the same for every split."""
        return self.pixels

    def labels(self, split: str) -> np.ndarray:
        """int64 (n,), the same for every split."""
        return self.classes

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """All images, whatever the split."""
        return split, np.arange(len(self.classes))


@dataclass(frozen=True)
class Subject:
    """A finished run.

    Attributes:
        path: Folder of the run.
        config: Settings of the run.
        store: Data set.
        network: The network on `device` with the weights of the last epoch, in eval mode; or a function that
            builds it on demand, so that analyses of records do not load it.
        device: Device.
    """

    path: Path
    config: RunConfig
    store: Store
    network: nn.Module | Callable[[], nn.Module]
    device: torch.device

    @cached_property
    def module(self) -> nn.Module:
        """The network, built on first access."""
        made: nn.Module = self.network if isinstance(self.network, nn.Module) else self.network()
        return made

    def logits(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Evaluates images in batches through the loader, normalised as in training.

        Args:
            pixels: uint8 (n, 3, H, W).
            classes: int64 (n,).

        Returns:
            float32 (n, n_classes), in the order of the images.

        Raises:
            RunFailed: If logits are not finite.
        """
        with self._loader(pixels, classes, self.config.run.eval_batch_size) as loader:
            return predict(self.module, loader, device=self.device, config=self.config.train)[2]

    def batches(self, pixels: np.ndarray, classes: np.ndarray, most: int = 0) -> Iterator[Batch]:
        """Yields the images in order on the device, float32, normalised, for more than logits.

        A batch is overwritten when the next is requested.

        Args:
            pixels: uint8 (n, 3, H, W).
            classes: int64 (n,).
            most: Size of a batch; 0 takes the run's own.
        """
        with self._loader(pixels, classes, most or self.config.run.eval_batch_size) as loader:
            yield from feed(loader, self.device)

    def pace(self) -> float:
        """Estimated seconds per image of a forward pass, from a small batch after a warm-up."""
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
        """The images of a split used by an analysis; see `chosen`."""
        return chosen(self.store, split, limit, self.config)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some images of a split.

    Attributes:
        stored: Name of the stored split.
        ids: int64 (n,), sorted rows of the stored split, as in predictions.
        pixels: uint8 (n, 3, H, W).
        classes: int64 (n,).
    """

    stored: str
    ids: np.ndarray
    pixels: np.ndarray
    classes: np.ndarray


def chosen(store: Store, split: str, limit: int | None, config: RunConfig) -> Chosen:
    """Returns all images of a split, or a fixed random sample of `limit` images.

    All runs of a data set get the same sample, a set sorted by class keeps all of its classes, and a larger
    limit contains a smaller one.

    Raises:
        DataError: If the split is empty.
    """
    stored, rows = _rows(store, split, config)
    if limit is not None and limit < len(rows):
        rows = np.sort(rng.generator(SAMPLE_SEED, "sample").permutation(rows)[:limit])
    return Chosen(stored, rows, store.images(stored)[rows], np.asarray(store.labels(stored)[rows]))


def count(store: Store, split: str, limit: int | None, config: RunConfig) -> int:
    """The number of images that `chosen` returns, without reading them."""
    n = len(_rows(store, split, config)[1])
    return n if limit is None else min(limit, n)


def _rows(store: Store, split: str, config: RunConfig) -> tuple[str, np.ndarray]:
    per_class = config.data.per_class if split == "train" else 0
    return store.rows(split, val_fraction=config.data.val_fraction, per_class=per_class)


def stored(path: Path, root: Path) -> Store:
    """Opens the data that a run was trained on.

    Raises:
        DataError: If they are missing or have changed.
    """
    config, about = records.check_chain(path), records.read_environment(path)
    store = Store.open(root, config.data.name)
    store.check()
    if not store.has_digest(about["data"]["digest"]):
        raise DataError(
            "changed",
            f"was trained on {store.name} with checksum {about['data']['digest'][:12]}, which now is"
            f" {store.digest[:12]}; give the data it was trained on with --root",
            path=path,
        )
    return store


def opened(path: Path, store: Store) -> Subject:
    """Opens a run; its network is loaded on first access.

    Raises:
        ConfigError: If its device is not available; loading raises DataError for a damaged checkpoint.
    """
    config, about = records.check_chain(path), records.read_environment(path)
    wanted = config.run.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            "unavailable", f"was run on {wanted}, which is not here; analyse it where it is", path=path
        )
    if device.type == "cpu":  # the number of threads changes the order of summation
        torch.set_num_threads(about["device"]["threads"])

    def network() -> nn.Module:
        # The weights come from the checkpoint, so the files of pretrained weights are not needed.
        bare = dataclasses.replace(config.model, pretrained=False)
        built = models.build(bare, n_classes=store.n_classes, image_size=store.size, seed=config.seed)
        values, _ = checkpoint.weights(path / "checkpoints", CHECKPOINT, config)
        checkpoint.put(built.module, values, path)
        return built.module.to(device).eval()

    return Subject(path, config, store, network, device)
