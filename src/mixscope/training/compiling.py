"""Decides whether torch.compile pays off for a run: time saved over all steps against compile time.

The rule needs one measurement, the seconds per uncompiled step, and two constants measured once
(docs/notes/log.md): the fraction of a step saved by compiling, and compile seconds per layer. Both vary
between machines and versions of torch, so the savings must exceed the cost by a factor of PAYS.
"""

import copy
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mixscope.errors import ConfigError
from mixscope.formatting import duration
from mixscope.study.config import Train
from mixscope.training import convolution, precision

# Fraction of a step that is saved and compile seconds per layer, besides a constant: for networks with batch
# norm, whose passes over memory are fused, and for others.
SAVED = {True: 0.15, False: 0.04}
# On a CPU the convolutions of wide networks are matrix products, which compiling makes slower: a ResNet50
# takes a quarter longer. In narrow ones what lies between convolutions takes most of a step: a ResNet of up
# to 48 channels saved 0.23. Between the two nothing was measured.
NARROW, SAVED_IF_NARROW = 48, 0.2
SECONDS_A_LAYER = {True: 0.4, False: 0.1}
SECONDS_AT_LEAST = 25.0
PAYS = 2.0
STEPS = 3  # timed steps, after one that allocates; the fastest counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The decision and its inputs.

    Attributes:
        on: Whether to compile.
        why: Reason, one sentence.
        step_seconds: Measured seconds per step, None where nothing was measured.
        cost_seconds: Estimated compile time.
        saved_seconds: Estimated savings over all steps.
    """

    on: bool
    why: str
    step_seconds: float | None = None
    cost_seconds: float | None = None
    saved_seconds: float | None = None


def choose(
    train: Train, module: nn.Module, batch: Callable[[], torch.Tensor], *, steps: int, device: torch.device
) -> Choice:
    """Decides whether to compile `module` for a run; the module is not modified.

    Args:
        train: Settings.
        module: The network.
        batch: Called if a step is to be timed; returns all images of a step, float32 (n, 3, H, W). Of a step
            with gradient accumulation only one part is timed, since a whole batch may not fit into memory.
        steps: Steps of the run.
        device: Device of the run.

    Raises:
        ConfigError: If compilation is requested and not possible.
    """
    lacks = device.type == "cpu" and not _has_compiler()
    if train.compile is True and lacks:
        raise ConfigError(
            "not-installed",
            "train.compile=true needs a C++ compiler on a CPU, and none is found; install g++, or set CXX,"
            " or leave it out",
            key="train.compile",
        )
    if train.compile != "auto":
        return Choice(on=train.compile, why="as requested")
    if lacks:
        return Choice(on=False, why="no: there is no C++ compiler here")
    layers = [each for each in module.modules() if not any(True for _ in each.children())]
    convolutional = any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in layers)
    share = SAVED[convolutional]
    if convolutional and device.type == "cpu":
        widest = max((each.out_channels for each in layers if isinstance(each, nn.Conv2d)), default=0)
        if widest > NARROW:
            why = "no: on a CPU wide convolutions are matrix products, which compiling makes slower"
            return Choice(on=False, why=why)
        share = SAVED_IF_NARROW
    cost = SECONDS_AT_LEAST + SECONDS_A_LAYER[convolutional] * len(layers)
    images = batch()
    part = images[: max(1, len(images) // train.accumulate)]
    step = train.accumulate * min(_seconds(train, module, part, device))
    return decide(step=step, steps=steps, share=share, cost=cost)


def decide(*, step: float, steps: int, share: float, cost: float) -> Choice:
    """The decision rule.

    Args:
        step: Seconds per uncompiled step.
        steps: Steps of the run.
        share: Fraction of a step saved by compiling.
        cost: Compile time in seconds.
    """
    saved = step * steps * share
    on = saved > PAYS * cost
    why = (
        f"{'yes' if on else 'no'}: it takes about {duration(cost)} and would save about {duration(saved)} of"
        f" {steps:,} steps of {step:.2g} s"
    )
    return Choice(on=on, why=why, step_seconds=step, cost_seconds=cost, saved_seconds=saved)


def _has_compiler() -> bool:
    names = (os.environ.get("CXX") or "g++", "c++", "clang++")
    return any(shutil.which(name) for name in names)


def _seconds(train: Train, module: nn.Module, images: torch.Tensor, device: torch.device) -> Iterator[float]:
    """Times forward, backward and optimizer step on a copy of the network."""
    layout = convolution.layout(train, device)
    twin: Any = copy.deepcopy(module).train()
    twin.to(device=device, memory_format=layout)
    optimiser = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.0, fused=True)
    images = images.contiguous(memory_format=layout)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for count in range(STEPS + 1):
            start = time.perf_counter()
            with precision.autocast(train.precision, device):
                loss = twin(images).float().square().mean()
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if count:
                yield time.perf_counter() - start
