"""What training and evaluation cost besides their arithmetic, which is measured in arithmetic.py.

    python benchmarks/loop.py tax [--model small-resnet ...]    1 minute for the small ones, 6 for all
    python benchmarks/loop.py eval [--model ...]                1 minute, 4 for all
    python benchmarks/loop.py costs [--model ...]               2 minutes for all
    python benchmarks/loop.py start                             1 minute
Common: --root DIR, --batch N, --rounds N. Set OMP_NUM_THREADS to the cores that are idle.

tax: our loop trains, and between two of its steps a twin of the network makes the same step on the same batch
by hand, so that whatever else the machine does falls on both. Ratios are of one step and its neighbour, on
the clock and in processor time of this thread (which is all of it with one thread).
eval: the rows of `mixscope bench eval`.
costs: what is done besides steps, each measured alone, as a share of an epoch of 45,000 images (small
networks: of the 1,292 of digits).
start: a fresh process up to its first step, by parts. One JSON line a row, then a table.
"""

import argparse
import contextlib
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mixscope.bench import evaluation, rounds
from mixscope.cli.exit_codes import ended
from mixscope.data.store import Store, data_root
from mixscope.errors import Interrupted
from mixscope.runs import display, recording, setup
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, convolution, health, loop, optim
from mixscope.training.evaluate import predict
from mixscope.training.stop import Stop

CPU = torch.device("cpu")
MODELS = {
    "small-resnet": [
        "data.name=digits", "augment.base=none", "train.batch_size=32", "model.arch=resnet10t",
        "model.kwargs={channels: [16, 24, 32, 48], stem_width: 8}",
    ],
    "small-vit": [
        "data.name=digits", "augment.base=none", "train.batch_size=32", "model.arch=vit_tiny_patch16_224",
        "model.patch_size=8", "model.kwargs={embed_dim: 64, depth: 3, num_heads: 4}",
    ],
    "resnet50": ["data.name=cifar100", "model.arch=resnet50"],
    "vit-s16": ["data.name=cifar100", "model.arch=vit_small_patch16_224"],
}  # fmt: skip
STEPS = {"small-resnet": 300, "small-vit": 300, "resnet50": 12, "vit-s16": 12}  # of a measurement of the tax
WARM = 2
LONG = 2.0  # seconds


def config(name: str, batch: int, *pairs: str) -> RunConfig:
    size = [f"train.batch_size={batch}"] if batch else []
    return settings.load(
        None, ["optim.name=adamw", "train.epochs=1000", "run.device=cpu", *MODELS[name], *size, *pairs]
    )


def say(rows: Sequence[dict[str, Any]]) -> None:
    """One JSON line a row, then the same as a table."""
    for row in rows:
        print(json.dumps(row))
    keys = list(rows[0])
    cells = [keys, *([_short(row.get(key)) for key in keys] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(keys))]
    for line in cells:
        print("  ".join(cell.ljust(wide) for cell, wide in zip(line, widths, strict=True)).rstrip())


def _short(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


# --- the tax ------------------------------------------------------------------------------------


class Paired:
    """A loader in whose iteration a twin of the network makes each step by hand, right after our loop did."""

    def __init__(self, loader: Any, twin: nn.Module, given: RunConfig, enough: int) -> None:
        self.stop, self._enough = Stop(), enough
        self._layout = convolution.layout(given.train, CPU)
        twin.train().to(memory_format=self._layout)
        self._loader, self._twin, self._optimiser = loader, twin, optim.make(twin, given.optim)
        self.batches, self.examples, self.spec = loader.batches, loader.examples, loader.spec
        self.global_size = loader.global_size
        self.pairs: list[tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = []

    @property
    def position(self) -> Any:
        return self._loader.position

    @position.setter
    def position(self, position: Any) -> None:
        self._loader.position = position

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._loader)
        while True:
            start = clocks()
            batch = next(batches, None)
            if batch is None:
                return
            taken = clocks()
            if len(self.pairs) >= self._enough:
                self.stop.received = "enough steps"
            yield batch
            stepped = clocks()
            self._optimiser.zero_grad(set_to_none=True)
            images = batch.images.contiguous(memory_format=self._layout)
            functional.cross_entropy(self._twin(images), batch.labels).backward()
            self._optimiser.step()
            if len(batch.ids) == self.global_size(0):
                self.pairs.append((since(start, taken), since(taken, stepped), since(stepped, clocks())))


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def since(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return b[0] - a[0], b[1] - a[1]


class Nobody:
    """A record that keeps nothing."""

    events_bytes = 0

    def nothing(self, *_: object, **__: object) -> None:
        pass

    event = status = heartbeat = cut = nothing


def tax(name: str, root: Path, batch: int, repeats: int) -> list[dict[str, Any]]:
    """Ours is the step and the taking of its batch; steps on batches that are ready leave the taking out."""
    given, pairs = config(name, batch), []
    with setup.ready_for(given, root, CPU) as ready, tempfile.TemporaryDirectory() as folder:
        for turn in range(repeats):
            # Where in memory a network lies makes a difference, so both copies take both parts.
            twins = [copy.deepcopy(ready.built.module) for _ in range(2)]
            paired = Paired(ready.loader, twins[turn % 2], given, STEPS[name])
            with contextlib.suppress(Interrupted):
                loop.train(
                    given, twins[1 - turn % 2], loader=paired, clean=ready.clean, evaluated={}, findings=[],
                    device=CPU, folder=Path(folder), record=Nobody(), show=display.silent(), stop=paired.stop,
                )  # fmt: skip
            for file in Path(folder).iterdir():
                file.unlink()
            ready.loader.position = (0, 0)
            ready.loader.close()
            pairs += paired.pairs[WARM:]
    rows = []
    for which, clock in enumerate(("clock", "processor time")):
        steps = [step[which] / bare[which] for _, step, bare in pairs]
        whole = [(take[which] + step[which]) / bare[which] for take, step, bare in pairs]
        rows.append({
            "model": name, "batch": given.train.batch_size, "by": clock, "steps": len(pairs),
            "bare_ms": 1e3 * statistics.median(bare[which] for *_, bare in pairs),
            "tax_ready_percent": 100 * (statistics.median(steps) - 1),
            "tax_loader_percent": 100 * (statistics.median(whole) - 1),
            "low": 100 * (np.quantile(whole, 0.25) - 1), "high": 100 * (np.quantile(whole, 0.75) - 1),
        })  # fmt: skip
    return rows


# --- the costs ----------------------------------------------------------------------------------


def costs(name: str, root: Path, batch: int, repeats: int) -> list[dict[str, Any]]:
    """Seconds of each thing, how often in an epoch (None: once a run), and its share of an epoch."""
    given = config(name, batch, "optim.ema_decay=0.999")
    with setup.ready_for(given, root, CPU) as ready, tempfile.TemporaryDirectory() as folder:
        layout = convolution.layout(given.train, CPU)
        module, batches = ready.built.module.to(memory_format=layout), ready.loader.batches
        optimiser, ema = optim.make(module, given.optim), optim.Ema(module, 0.999)
        first = setup.first_batch(ready.loader, CPU)
        clean = setup.first_batch(ready.clean, CPU)
        state, place = checkpoint.State(), Path(folder)

        def step() -> None:
            optimiser.zero_grad(set_to_none=True)
            images = first.images.contiguous(memory_format=layout)
            functional.cross_entropy(module(images), first.labels).backward()
            optimiser.step()

        def save() -> None:
            checkpoint.save(place, state, config=given, module=module, ema=None, optimiser=optimiser)

        def select() -> None:
            checkpoint.save_weights(place, "selected", module.state_dict(), config=given, epoch=1)

        row = dict.fromkeys(("train_loss", "lr", "clean_train_top1", "val_loss", "val_top1", "seconds"), 1.0)
        with recording.begin(place / "run", given) as record:
            record.cut(0)

            def write() -> None:
                record.event("epoch", row)
                record.status("running", epoch=1, step=1)

            def beat() -> None:
                record.heartbeat(epoch=1, step=1, images_per_second=1.0, device_bytes=None)

            module.train()
            a_step = median(step, repeats)
            epoch = a_step * batches
            every = {
                "a step": (a_step, batches, step),
                "EMA, a step": (None, batches, lambda: ema.update(module)),
                "records, an epoch": (None, 1, write),
                "heartbeat, twice a second": (None, epoch * 2, beat),
                "checkpoint (last.pt), an epoch": (None, 1, save),
                "selected weights, a better epoch": (None, 1, select),
                "clean-train subset, an epoch": (
                    None, 1, lambda: predict(module, ready.clean, device=CPU, config=given.train)),
                "validation, an epoch": (
                    None, 1, lambda: predict(module, ready.evaluated["val"], device=CPU, config=given.train)),
                "health check of input, a run": (None, None, lambda: health.contract(
                    train=ready.loader.spec, evaluated={"val": ready.evaluated["val"].spec}, module=module,
                    train_batch=first.images, clean_batch=clean.images)),
                "health check of drift, a run": (
                    None, None, lambda: health.drift(module, clean.images, clean.labels)),
            }  # fmt: skip
            rows = []
            for what, (known, times, do) in every.items():
                seconds = known if known is not None else median(do, min(repeats, 5))
                share = None if times is None else 100 * seconds * times / epoch
                rows.append({
                    "model": name, "batch": given.train.batch_size, "what": what, "ms": 1e3 * seconds,
                    "in_an_epoch": times if times is None else round(times, 1), "percent_of_epoch": share,
                })  # fmt: skip
        size = (place / "last.pt").stat().st_size
        rows.append(
            {"model": name, "batch": None, "what": f"last.pt holds {size / 2**20:.1f} MB", "ms": None}
        )
    return rows


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def median(do: Callable[[], object], repeats: int) -> float:
    """Seconds of a call; of one alone where it takes long, so that a table of costs does not cost more."""
    first = timed(do)
    return first if first > LONG else statistics.median(timed(do) for _ in range(repeats))


# --- the start ----------------------------------------------------------------------------------

CHILD = """
import json, sys, time
began = json.loads(sys.argv[1])["began"]
marks = {"interpreter": time.time() - began}
def mark(name): marks[name] = time.time() - began
import numpy; mark("numpy")
import torch; mark("torch")
import timm; mark("timm")
import numba; mark("numba")
from mixscope.errors import Interrupted
from mixscope.runs import display, execute; mark("mixscope")
from mixscope.study import config as settings
from mixscope.training import loop, optim
from pathlib import Path
from mixscope.training.stop import Stop
import mixscope.data.store as store, mixscope.training.models as models
build, opened, stop = models.build, store.Store.open.__func__, Stop()
def building(*a, **k):
    mark("data opened"); made = build(*a, **k); mark("network built"); return made
models.build = building
train = loop.train
def training(*a, **k):
    mark("checked, kernels loaded"); return train(*a, **k)
execute.loop.train = training
make = optim.make
def making(*a):
    made = make(*a); step = made.step
    def first(*b, **c):
        mark("first step"); stop.received = "the first step"; return step(*b, **c)
    made.step = first
    return made
optim.make = making
asked = json.loads(sys.argv[1])
try:
    given = settings.load(None, asked["pairs"])
    execute.run(given, root=Path(asked["root"]), out=Path(asked["out"]), stop=stop)
except Exception as problem:
    assert "stopped by" in str(problem), problem
print(json.dumps(marks))
"""


def start(name: str, root: Path, batch: int, repeats: int) -> list[dict[str, Any]]:
    """Seconds from the start of a process until each part is done, medians."""
    pairs = ["optim.name=adamw", "run.device=cpu", *MODELS[name]]
    pairs += [f"train.batch_size={batch}"] if batch else []
    found: list[dict[str, float]] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            asked = json.dumps(
                {"pairs": pairs, "root": str(root), "out": f"{folder}/run", "began": time.time()}
            )
            done = subprocess.run(
                [sys.executable, "-c", CHILD, asked],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=os.environ,
            )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    rows, before = [], 0.0
    for part in found[0]:
        ends = [each[part] for each in found]
        until = statistics.median(ends)
        rows.append({
            "model": name, "part": part, "until_s": until, "takes_s": until - before,
            "low": min(ends), "high": max(ends), "n": repeats,
        })  # fmt: skip
        before = until
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tax", "eval", "costs", "start"))
    parser.add_argument("--model", action="append", choices=tuple(MODELS))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    root, names = data_root(given.root), given.model or list(MODELS)
    if given.what != "peak":
        for name in names:
            Store.open(root, config(name, given.batch).data.name)  # before anything is measured
    print(json.dumps({"context": rounds.machine() | {"torch_threads": torch.get_num_threads()}}))
    if given.what == "eval":
        for name in names:
            size = [f"run.eval_batch_size={given.batch}"] if given.batch else []
            with evaluation.rows(config(name, 0, *size), root) as bench:
                found = bench.measure(given.rounds)
            print(found.lines(), found.table(), sep="\n")
        return
    for name in names:
        if given.what == "tax":
            say(tax(name, root, given.batch, given.rounds))
        elif given.what == "costs":
            say(costs(name, root, given.batch, given.rounds))
        else:
            say(start(name, root, given.batch, given.rounds))


if __name__ == "__main__":
    raise SystemExit(ended(main))
