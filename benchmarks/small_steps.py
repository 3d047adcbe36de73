"""Where the time of a training step of a small network goes, by operator, and what is beside the operators.

    python benchmarks/small_steps.py [--root DIR] [--set digits] [--steps 60] [--rounds 5]

The networks of the quickstart and of the two-core study, batches of 32 and 128, one thread. Each step is what
a run does (training/loop.py): forward, loss, backward, check of the loss, optimizer. The profiler gives the
time of each operator without those that it calls; what is left of the clock is Python, dispatch, the profiler
and the loader. Shares of a step, median of the rounds, and operators a step; the rate without the profiler.

One JSON line a network and batch, then a table. Shares stay meaningful on a busy machine, rates do not.
"""

import json
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import arguments
from mixscope import tabular
from mixscope.bench import sets
from mixscope.cli.ending import ended
from mixscope.data.device import feed
from mixscope.data.order import Position
from mixscope.data.store import data_root
from mixscope.runs import setup
from mixscope.study import config
from mixscope.training import loop

NETWORKS = {
    "ResNet10t 16-128": [
        "model.arch=resnet10t",
        "model.kwargs={channels: [16, 32, 64, 128], stem_width: 16}",
    ],
    "ViT 96x4": [
        "model.arch=vit_tiny_patch16_224",
        "model.patch_size=8",
        "model.kwargs={embed_dim: 96, depth: 4, num_heads: 3}",
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

    def make(self, count: int) -> float:
        """Makes so many steps of whole batches; returns seconds a step."""
        made, took = 0, 0.0
        while made < count:
            self.loader.position = Position(self.training.state.epoch, 0)
            tally = loop.tally_of(self.training, time.monotonic())
            start = time.perf_counter()
            for at, batch in enumerate(feed(self.loader, self.device)):
                if made == count or self.loader.global_size(at) < self.loader.global_size(0):
                    break
                loop.set_rate(self.training, self.loader.batches)
                loop.backward(self.training, batch, tally, images=self.loader.global_size(at))
                loop.check_loss(self.training, tally, Path(), None)
                loop.update(self.training)
                made += 1
            took += time.perf_counter() - start
            self.loader.close()
            self.training.state.epoch += 1
        return took / count


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


def measured(network: str, batch: int, root: Path, name: str, steps: int, rounds: int) -> dict[str, Any]:
    """What is printed of a network and a batch."""
    settings = config.load(
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
    with setup.ready_for(settings, root, torch.device("cpu")) as ready:
        made = Steps(settings, ready)
        made.make(steps)
        plain, parts, calls = [], [], 0.0
        for _ in range(rounds):
            plain.append(made.make(steps))
            part, calls = shares(made, steps)
            parts.append(part)
    return {
        "network": network,
        "batch": batch,
        "images/s": round(batch / statistics.median(plain)),
        "ms a step": round(1e3 * statistics.median(plain), 2),
        "operators a step": round(calls),
        "shares": {name: round(statistics.median(part[name] for part in parts), 3) for name in parts[0]},
    }


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    root = data_root(given.root)
    store = sets.chosen(root, given.name)
    rows = []
    for network in NETWORKS:
        for batch in BATCHES:
            found = measured(network, batch, root, store.name, given.steps, given.rounds)
            print(json.dumps(found), flush=True)
            rows.append([network, str(batch), str(found["ms a step"]), *map(str, found["shares"].values())])
    head = ["network", "batch", "ms a step", *found["shares"]]
    print("\n" + "\n".join(tabular.to_text(rows, head)))


if __name__ == "__main__":
    raise SystemExit(ended(main))
