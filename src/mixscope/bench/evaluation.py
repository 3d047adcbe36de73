"""Evaluation against a bare forward loop over prepared batches.

Evaluation keeps every example's id, label and logits, in order, and checks that all are finite; the bare loop
keeps logits only. Both give the same logits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from torch import nn

from mixscope.bench.rounds import Bench
from mixscope.bench.train import UNIT, Timed, context, now, ready
from mixscope.data.loader import Loader, Sampling, Workers
from mixscope.runs import device as devices
from mixscope.runs import setup
from mixscope.study.config import RunConfig
from mixscope.training import convolution, precision
from mixscope.training.evaluate import predict

BARE, OURS, FED = "bare forward loop, ready batches", "mixscope, ready batches", "mixscope, its loader"
RATIOS = ((OURS, BARE), (FED, BARE))


def bare(config: RunConfig, module: nn.Module, batches: Timed, device: torch.device) -> torch.Tensor:
    """A hand-written loop: logits float32 (n, n_classes), in the order of the batches."""
    layout = convolution.layout(config.train, device)
    found = []
    module.eval()
    with torch.inference_mode(), precision.autocast(config.train.precision, device):
        for batch in batches:
            found.append(module(batch.images.contiguous(memory_format=layout)).float())
    return torch.cat(found).cpu()


@contextmanager
def rows(config: RunConfig, root: Path, *, seconds: float = 1.0, steps: int = 0) -> Iterator[Bench]:
    """Yields the rows for a run with these settings; loaders are open during the block.

    Batches are those that evaluate the training images, of run.eval_batch_size.

    Args:
        config: Settings of the run.
        root: Folder of prepared data sets.
        seconds: Approximate time per measurement.
        steps: Batches per measurement; 0 determines how many fill `seconds`.

    Raises:
        ConfigError, DataError: As a run.
    """
    with (
        devices.processes(config.run.device) as device,
        setup.ready_for(config, root, device) as made,
        Loader(
            made.store,
            "train",
            Sampling(batch_size=config.run.eval_batch_size, seed=config.seed),
            workers=Workers(
                threads=config.run.loader_threads,
                device_augment=device.type == "cuda",
                pin=device.type == "cuda",
            ),
        ) as loader,
    ):
        module = made.built.module
        convolution.place(module, config.train, device)
        few = ready(loader, device)

        def timed(count: int) -> Timed:
            return Timed(lambda: iter(few), loader.spec, count, device)

        if not steps:
            trial = timed(3)
            bare(config, module, trial, device)
            steps = max(2, min(1000, round(seconds / (trial.seconds / 2))))

        def by_hand() -> float:
            start = now(device)
            found = bare(config, module, timed(steps), device)
            return len(found) / (now(device) - start)

        def predicted(batches: Timed) -> float:
            start = now(device)
            ids, _, _ = predict(module, cast(Loader, batches), device=device, config=config.train)
            return len(ids) / (now(device) - start)

        fed = Timed(lambda: iter(loader), loader.spec, steps, device)
        yield Bench(
            unit=UNIT,
            rows={BARE: by_hand, OURS: lambda: predicted(timed(steps)), FED: lambda: predicted(fed)},
            ratios=RATIOS,
            context={
                **context(config, made, device), "batch": config.run.eval_batch_size, "batches": steps,
                "compile": False,  # whatever the settings: runs compile training steps only
            },
        )  # fmt: skip
