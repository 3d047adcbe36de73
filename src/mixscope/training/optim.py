"""Optimizers, learning rate schedule, and exponential moving average of weights."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mixscope.study.config import Optim


def make(module: nn.Module, settings: Optim) -> torch.optim.Optimizer:
    """Builds the optimizer over the trainable parameters of `module`.

    Weight decay applies to matrices and filters only: norms, biases, class tokens, position embeddings,
    everything with one dimension and the names in timm's `no_weight_decay()` are excluded. A step is one
    fused pass over the weights: on a CPU a quarter to an eighth of the time of torch's default, which is a
    tenth of the whole step for a small network. A checkpoint records how its optimizer was built, so that a
    run that began with torch's default resumes with it.
    """
    exempt: set[str] = set(getattr(module, "no_weight_decay", set)())
    trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    decayed = [p for name, p in trained if p.ndim > 1 and name not in exempt]
    spared = [p for name, p in trained if p.ndim <= 1 or name in exempt]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=True
        )
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, fused=True)


def lr_at(settings: Optim, *, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Learning rate of a step, counted from 0 over all epochs.

    Linear warm-up from 0 (the last warm-up step has the full rate), then constant, or a cosine to min_lr
    (Loshchilov & Hutter, arXiv 1608.03983) that would be reached one step after the last. Updated every step;
    the published study updated it once per epoch on the same curve.
    """
    warm = round(settings.warmup_epochs * steps_per_epoch)
    if step < warm:
        return settings.lr * (step + 1) / warm
    if settings.schedule == "constant":
        return settings.lr
    done = (step - warm) / max(epochs * steps_per_epoch - warm, 1)
    return settings.min_lr + 0.5 * (settings.lr - settings.min_lr) * (1 + math.cos(math.pi * done))


class Ema:
    """Exponential moving average of a module's weights; buffers (batch-norm statistics) are copied.

    Attributes:
        module: The averaged network.
        decay: Weight of the previous average in each update.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Moves the average towards the weights of `module`, in place."""
        averages: list[Tensor] = list(self.module.parameters())
        weights: list[Tensor] = list(module.parameters())
        torch._foreach_lerp_(averages, weights, 1.0 - self.decay)
        for average, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights and the buffers, under the names of the model."""
        return self.module.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads strictly.

        Raises:
            RuntimeError: If names or shapes differ, as in torch.
        """
        self.module.load_state_dict(state)
