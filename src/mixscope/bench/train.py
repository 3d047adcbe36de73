"""The overhead of the training loop compared with a bare hand-written loop.

The bare loop is what one would write first: forward, loss, backward, step, on prepared batches. The training
loop does the same on the same batches through `training.loop.train`, with records, learning rate schedule and
loss checks; and again on batches of the loader. Both start with the same weights and end with the same. Steps
are timed from the second on: the first one allocates optimizer state.
"""

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from mixscope.bench.rounds import Bench, Row
from mixscope.data.batch import Batch, InputSpec
from mixscope.data.device import feed
from mixscope.data.loader import Loader
from mixscope.errors import ConfigError
from mixscope.runs import device as devices
from mixscope.runs import display, recording, setup
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training import convolution, loop, optim, precision
from mixscope.training.stop import Stop

READY = 8  # number of distinct batches, which are reused
UNIT = "images/s"
BARE, OURS, FED = "bare loop, ready batches", "mixscope loop, ready batches", "mixscope loop, its loader"
RATIOS = ((OURS, BARE), (FED, BARE))

# A network small enough for the overhead to be visible.
SMALL = (
    "model.arch=vit_tiny_patch16_224",
    "model.patch_size=8",
    "model.kwargs={embed_dim: 48, depth: 2, num_heads: 2}",
)
SETTINGS = ("optim.schedule=constant", "train.batch_size=128")


def config(name: str, pairs: Sequence[str] = ()) -> RunConfig:
    """Settings for the benchmark: a small network on the data set `name`, unless `pairs` override it.

    Raises:
        ConfigError: As `mixscope train`.
    """
    model = () if any(pair.startswith("model.arch=") for pair in pairs) else SMALL
    return settings.load(None, [*model, *SETTINGS, *pairs, f"data.name={name}"])


class Timed:
    """Batches in place of a loader, which times the steps after the first of a pass in `seconds`.

    A pass has `batches` batches, taken from one source after the other.
    """

    def __init__(
        self, source: Callable[[], Iterator[Batch]], spec: InputSpec, batches: int, device: torch.device
    ) -> None:
        self.spec, self.batches, self.position = spec, batches, (0, 0)
        self.seconds, self.images, self.examples = 0.0, 0, 0
        self._source, self._device, self._sizes = source, device, [0] * batches
        self._left: Iterator[Batch] = iter(())

    def __iter__(self) -> Iterator[Batch]:
        start, self.images = 0.0, 0
        for k in range(self.batches):
            batch = self._next()
            self._sizes[k] = len(batch.ids)
            if k == 1:
                start = now(self._device)
            if k:
                self.images += len(batch.ids)
            yield batch
        self.seconds = now(self._device) - start
        self.position = (0, 0)

    def _next(self) -> Batch:
        batch = next(self._left, None)
        while batch is None:
            self._left = self._source()
            batch = next(self._left, None)
        return batch

    def global_size(self, batch: int) -> int:
        """Number of images in a batch that was handed out."""
        return self._sizes[batch]

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds


def now(device: torch.device) -> float:
    """Current time in seconds, after the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def ready(loader: Loader, device: torch.device, count: int = READY) -> list[Batch]:
    """Copies of the first full batches of a loader, finished and on `device`; the loader is closed."""
    batches: list[Batch] = []
    for batch in feed(loader, device):
        if len(batches) == count or (batches and len(batch.ids) < len(batches[0].ids)):
            break
        copies: dict[str, Any] = {
            name: value.clone()
            for name in ("images", "labels", "partner_labels", "lam")
            if (value := getattr(batch, name)) is not None
        }
        batches.append(batch._replace(**copies))
    loader.close()
    loader.position = (0, 0)
    return batches


def bare(config: RunConfig, module: nn.Module, batches: Timed, device: torch.device) -> None:
    """A pass of the hand-written loop.

    The same steps and nothing else, without weight average and clipping.
    """
    layout = convolution.place(module, config.train, device)
    smoothing = config.augment.label_smoothing
    optimiser = optim.make(module, config.optim)
    forward: Any = torch.compile(module) if config.train.compile is True else module
    module.train()
    for batch in batches:
        images = batch.images.contiguous(memory_format=layout)
        with precision.autocast(config.train.precision, device):
            logits = forward(images).float()
        if batch.lam is None or batch.partner_labels is None:
            loss = functional.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
        else:
            own, other = (
                functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
                for labels in (batch.labels, batch.partner_labels)
            )
            loss = (batch.lam * own + (1 - batch.lam) * other).mean()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()


def ours(config: RunConfig, module: nn.Module, batches: Timed, clean: Timed, device: torch.device) -> None:
    """A pass of the training loop: an epoch of a run with records in a temporary folder."""
    config = replace(config, train=replace(config.train, epochs=1))
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        with recording.begin(Path(folder) / "run", config) as record:
            loop.train(
                config,
                module,
                loader=cast(Loader, batches),
                clean=cast(Loader, clean),
                evaluated={},
                findings=(),
                device=device,
                folder=record.checkpoints,
                record=record,
                show=display.silent(),
                stop=Stop(),
            )


@contextmanager
def rows(config: RunConfig, root: Path, *, seconds: float = 1.0, steps: int = 0) -> Iterator[Bench]:
    """Yields the rows for a run with these settings; loaders are open during the block.

    Args:
        config: Settings of the run.
        root: Folder of prepared data sets.
        seconds: Approximate time per measurement.
        steps: Timed steps; 0 determines how many fill `seconds`.

    Raises:
        ConfigError: As a run, and for train.compile=auto.
        DataError: As a run.
    """
    if config.train.compile == "auto":
        raise ConfigError(
            "conflict",
            "train.compile=auto depends on the number of steps of a run, which a measurement does not have;"
            " give train.compile=true or train.compile=false",
            key="train.compile",
        )
    with devices.processes(config.run.device) as device, setup.ready_for(config, root, device) as made:
        module, spec = made.built.module.to(device), made.loader.spec
        initial = copy.deepcopy(module.state_dict())
        few = ready(made.loader, device)

        def timed(count: int, source: Callable[[], Iterator[Batch]] = lambda: iter(few)) -> Timed:
            return Timed(source, spec, count, device)

        def fresh() -> nn.Module:
            module.load_state_dict(initial)
            return module

        if not steps:
            trial = timed(3)
            bare(config, fresh(), trial, device)
            steps = max(2, min(1000, round(seconds / (trial.seconds / 2))))
        clean = timed(1)

        def by_hand() -> float:
            batches = timed(steps + 1)
            bare(config, fresh(), batches, device)
            return batches.rate

        def looped(source: Callable[[], Iterator[Batch]]) -> Row:
            batches = timed(steps + 1, source)  # kept: a loader continues at its position

            def row() -> float:
                ours(config, fresh(), batches, clean, device)
                return batches.rate

            return row

        yield Bench(
            unit=UNIT,
            rows={BARE: by_hand, OURS: looped(lambda: iter(few)), FED: looped(lambda: iter(made.loader))},
            ratios=RATIOS,
            context=context(config, made, device) | {"steps": steps},
        )


def context(config: RunConfig, made: setup.Ready, device: torch.device) -> dict[str, Any]:
    """Properties of the network and device that values depend on."""
    return {
        "set": made.store.name, "size": made.store.size, "model": config.model.arch,
        "parameters": made.built.parameters, "precision": config.train.precision,
        "channels_last": convolution.layout(config.train, device) is torch.channels_last,
        "compile": config.train.compile,
        "batch": config.train.batch_size, "device": str(device), "torch_threads": torch.get_num_threads(),
    }  # fmt: skip
