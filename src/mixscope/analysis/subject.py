"""A trained run, opened to be probed: its network, its data, and a way to ask it about images.

What does not belong here: what is asked (one file for each analysis), and which runs (examine.py).
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mixscope.data.loader import Loader
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.runs import records
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, models
from mixscope.training.evaluate import predict

CHECKPOINT = "last"

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
    """A run that is done. module: on `device`, with the weights of its last epoch, in eval mode."""

    path: Path
    config: RunConfig
    store: Store
    module: nn.Module
    device: torch.device

    def logits(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """float32 (n, n_classes) for images uint8 (n, 3, H, W), in their order; classes: int64 (n,).

        They go through the loader, in batches, normalised as in training. Raises RunFailed for logits that
        are not finite.
        """
        pictures = Pictures(pixels, classes, self.store.mean, self.store.std)
        on_gpu = self.device.type == "cuda"
        with Loader(
            pictures,
            "test",
            batch_size=self.config.run.eval_batch_size,
            seed=self.config.seed,
            threads=self.config.run.loader_threads,
            device_augment=on_gpu,
            pin=on_gpu,
        ) as loader:
            return predict(self.module, loader, device=self.device, config=self.config.train)[2]


def stored(path: Path, root: Path) -> Store:
    """The data that a run was trained on. Raises DataError when they are not there, or others by now."""
    config, about = records.read_config(path), records.read_environment(path)
    store = Store.open(root, config.data.name)
    if store.digest != about["data"]["digest"]:
        raise DataError(
            f"{path}: was trained on {store.name} with checksum {about['data']['digest'][:12]}, which now is"
            f" {store.digest[:12]}; give the data it was trained on with --root"
        )
    return store


def opened(path: Path, store: Store) -> Subject:
    """A run with its network. Raises DataError for a checkpoint that cannot be read, ConfigError for a device
    that is not here."""
    config, about = records.read_config(path), records.read_environment(path)
    wanted = config.run.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{path}: was run on {wanted}, which is not here; analyse it where it is")
    if device.type == "cpu":  # sums are added in an order that depends on it
        torch.set_num_threads(about["device"]["threads"])
    # The weights come from the checkpoint, so the files they began from need not be there.
    bare = dataclasses.replace(config.model, pretrained=False)
    module = models.build(bare, n_classes=store.n_classes, image_size=store.size, seed=config.seed).module
    values, _ = checkpoint.weights(path / "checkpoints", CHECKPOINT)
    module.load_state_dict(values)
    return Subject(path, config, store, module.to(device).eval(), device)
