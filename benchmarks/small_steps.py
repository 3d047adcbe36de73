"""Where the time of a training step of a small network goes, by operator, and what is beside the operators.

    python benchmarks/small_steps.py [--root DIR] [--set digits] [--steps 60] [--rounds 5]

The networks of the quickstart and of the two-core study, batches of 32 and 128, in turn, one thread. A step
is what a run does (training/loop.py): forward, loss, backward, check of the loss, optimizer. The profiler
gives the time of each operator without those that it calls; what is left of the clock is Python, dispatch,
the profiler and the loader. Shares of a step, median of the rounds, and operators a step; the rate without
the profiler.

One JSON line a network and batch, then a table. Shares stay meaningful on a busy machine, rates do not.
"""

import contextlib
import json
import math
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import arguments
from mixscope import tabular
from mixscope.bench import data_set
from mixscope.cli.exit_codes import ended
from mixscope.data.device import feed
from mixscope.data.order import Position
from mixscope.data.store import data_root
from mixscope.runs import setup
from mixscope.study import config
from mixscope.training import loop

NETWORKS = {
    "quickstart's ResNet": [
        "model.arch=resnet10t",
        "model.kwargs={channels: [16, 24, 32, 48], stem_width: 8}",
    ],
    "quickstart's ViT": [
        "model.arch=vit_tiny_patch16_224",
        "model.patch_size=8",
        "model.kwargs={embed_dim: 64, depth: 3, num_heads: 4}",
    ],
    "two-core ResNet": [
        "model.arch=resnet10t",
        "model.kwargs={channels: [16, 32, 64, 128], stem_width: 16}",
    ],
    "two-core ViT": [
        "model.arch=vit_tiny_patch16_224",
        "model.patch_size=8",
        "model.kwargs={embed_dim: 64, depth: 4, num_heads: 2}",
    ],
}
BATCHES = (32, 128)
# By what an operator's name holds; the first that fits counts.
KINDS = {
    "optimizer": ("_fused_adam", "_fused_sgd"),
    "products and convolutions": ("conv", "mm", "matmul", "linear", "Conv"),
    "attention": ("attention", "softmax"),
    "norms": ("norm",),
    "activations, pooling": ("relu", "gelu", "silu", "pool", "dropout", "upsample"),
    "copies and memory": ("copy", "empty", "clone", "contiguous", "to", "zero", "fill", "cat", "resize"),
}


def kind(operator: str) -> str:
    """The row that an operator belongs to."""
    return next((k for k, parts in KINDS.items() if any(p in operator for p in parts)), "everything else")


class Steps:
    """A network in training."""

    def __init__(self, settings: config.RunConfig, ready: setup.Ready) -> None:
        self.loader, self.device = ready.loader, ready.device
        self.training = loop.prepare(settings, ready.built.module, device=ready.device, compiled=False)
        self.training.module.train()

    def make(self, count: float, seconds: float = math.inf) -> float:
        """Makes so many steps of whole batches, or those of so many seconds; returns seconds a step."""
        made, took = 0, 0.0
        while made < count and took < seconds:
            self.loader.position = Position(self.training.state.epoch, 0)
            tally = loop.tally_of(self.training, time.monotonic())
            start = time.perf_counter()
            for at, batch in enumerate(feed(self.loader, self.device)):
                if self.loader.global_size(at) < self.loader.global_size(0):
                    break
                loop.set_rate(self.training, self.loader.batches)
                loop.backward(self.training, batch, tally, images=self.loader.global_size(at))
                loop.check_loss(self.training, tally, Path(), None)
                loop.update(self.training)
                made += 1
                if made == count or took + time.perf_counter() - start > seconds:
                    break
            took += time.perf_counter() - start
            self.loader.close()
            self.training.state.epoch += 1
        return took / made


def shares(steps: Steps, count: int) -> tuple[dict[str, float], float]:
    """Shares of a step by kind of operator, and operators a step."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        seconds = steps.make(count) * count
    by_kind: Counter[str] = Counter()
    calls = 0
    for event in found.key_averages():
        if event.key.startswith(("aten::", "autograd::", "Optimizer", "torch::")) or "Backward" in event.key:
            by_kind[kind(event.key)] += event.self_cpu_time_total / 1e6
            calls += event.count if event.key.startswith("aten::") else 0
    part = {name: by_kind[name] / seconds for name in (*KINDS, "everything else")}
    return {**part, "Python, dispatch, profiler, loader": 1 - sum(part.values())}, calls / count


@dataclass(kw_only=True)
class Case:
    """A network and a batch, and what was measured of it in each round."""

    network: str
    batch: int
    steps: Steps
    seconds: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)
    calls: float = 0.0

    def round(self, count: int) -> None:
        """Measures once without the profiler and once with it."""
        self.seconds.append(self.steps.make(count))
        part, self.calls = shares(self.steps, count)
        self.parts.append(part)

    def record(self) -> dict[str, Any]:
        """What is printed."""
        each = {name: [part[name] for part in self.parts] for name in self.parts[0]}
        return {
            "network": self.network,
            "batch": self.batch,
            "rounds": len(self.seconds),
            "images/s": round(self.batch / statistics.median(self.seconds)),
            "ms a step": round(1e3 * statistics.median(self.seconds), 2),
            "low": round(1e3 * min(self.seconds), 2),
            "high": round(1e3 * max(self.seconds), 2),
            "operators a step": round(self.calls),
            "shares": {name: round(statistics.median(values), 3) for name, values in each.items()},
            "ranges": {name: [round(min(v), 3), round(max(v), 3)] for name, v in each.items()},
        }


def settings_of(network: str, batch: int, name: str) -> config.RunConfig:
    """Settings of a run that trains longer than it is measured."""
    return config.load(
        None,
        [
            f"data.name={name}",
            "augment.mix=mixup",
            "optim.name=adamw",
            "run.device=cpu",
            f"train.batch_size={batch}",
            "train.epochs=1000",
            *NETWORKS[network],
        ],
    )


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    root = data_root(given.root)
    store = data_set.chosen(root, given.name)
    with contextlib.ExitStack() as open_until_the_end:
        cases = []
        for network in NETWORKS:
            for batch in BATCHES:
                settings = settings_of(network, batch, store.name)
                ready = open_until_the_end.enter_context(setup.ready_for(settings, root, torch.device("cpu")))
                cases.append(Case(network=network, batch=batch, steps=Steps(settings, ready)))
                cases[-1].steps.make(given.steps)  # warms up
        order, chance = list(cases), random.Random(0)
        for _ in range(given.rounds):
            chance.shuffle(order)
            for case in order:
                case.round(given.steps)
    rows = []
    for found in (case.record() for case in cases):
        print(json.dumps(found), flush=True)
        times = f"{found['ms a step']} ({found['low']} to {found['high']})"
        rows.append([found["network"], str(found["batch"]), times, *map(str, found["shares"].values())])
    print("\n" + "\n".join(tabular.to_text(rows, ["network", "batch", "ms a step", *found["shares"]])))


if __name__ == "__main__":
    raise SystemExit(ended(main))
