"""What training costs besides its arithmetic, and what share of the machine the arithmetic gets.

    python benchmarks/loop.py tax [--model small-resnet ...]    1 minute for the small ones, 6 for all
    python benchmarks/loop.py eval [--model ...]                1 minute, 4 for all
    python benchmarks/loop.py costs [--model ...]               2 minutes for all
    python benchmarks/loop.py peak [--model resnet50 ...] [--compile]   3 minutes a model; compiling adds some
    python benchmarks/loop.py start                             1 minute
Common: --root DIR, --batch N, --rounds N. Set OMP_NUM_THREADS to the cores that are idle.

tax: our loop trains, and between two of its steps a twin of the network makes the same step on the same batch
by hand, so that whatever else the machine does falls on both. Ratios are of one step and its neighbour, on
the clock and in processor time of this thread (which is all of it with one thread).
eval: the rows of `mixscope bench eval`.
costs: what is done besides steps, each measured alone, as a share of an epoch of 45,000 images (small
networks: of the 1,292 of digits).
peak: images/s of training, and the share of what a large float32 matrix product reaches in the same round.
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
from torch.utils.flop_counter import FlopCounterMode

from mixscope.bench import evaluation, rounds
from mixscope.cli.ending import ended
from mixscope.data.store import Store, data_root
from mixscope.errors import Interrupted
from mixscope.runs import display, opening, records
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, health, loop, models, optim
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
MATRIX = 2048
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
        self._loader, self._twin, self._optimiser = loader, twin.train(), optim.make(twin, given.optim)
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
                self.stop.asked = "enough steps"
            yield batch
            stepped = clocks()
            self._optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(self._twin(batch.images), batch.labels).backward()
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
    with opening.ready_for(given, root, CPU) as ready, tempfile.TemporaryDirectory() as folder:
        for turn in range(repeats):
            # Where in memory a network lies makes a difference, so both copies take both parts.
            twins = [copy.deepcopy(ready.built.module) for _ in range(2)]
            paired = Paired(ready.loader, twins[turn % 2], given, STEPS[name])
            with contextlib.suppress(Interrupted):
                loop.train(
                    given, twins[1 - turn % 2], loader=paired, clean=ready.clean, judges={}, findings=[],
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
    with opening.ready_for(given, root, CPU) as ready, tempfile.TemporaryDirectory() as folder:
        module, batches = ready.built.module, ready.loader.batches
        optimiser, ema = optim.make(module, given.optim), optim.Ema(module, 0.999)
        first = opening.first_batch(ready.loader, CPU)
        clean = opening.first_batch(ready.clean, CPU)
        state, place = checkpoint.State(), Path(folder)

        def step() -> None:
            optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(module(first.images), first.labels).backward()
            optimiser.step()

        def save() -> None:
            checkpoint.save(place, state, config=given, module=module, ema=None, optimiser=optimiser)

        def select() -> None:
            checkpoint.save_weights(place, "selected", module.state_dict(), config=given, epoch=1)

        row = dict.fromkeys(("train_loss", "lr", "clean_train_top1", "val_loss", "val_top1", "seconds"), 1.0)
        with records.begin(place / "run", given) as record:
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
                    None, 1, lambda: predict(module, ready.judges["val"], device=CPU, config=given.train)),
                "health check of input, a run": (None, None, lambda: health.contract(
                    train=ready.loader.spec, judged={"val": ready.judges["val"].spec}, module=module,
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


def median(do: Callable[[], object], repeats: int) -> float:
    """Seconds of a call; of one alone where it takes long, so that a table of costs does not cost more."""
    first = timed(do)
    return first if first > LONG else statistics.median(timed(do) for _ in range(repeats))


# --- the peak -----------------------------------------------------------------------------------


def peak(name: str, batch: int, repeats: int, compiled: bool) -> list[dict[str, Any]]:
    """Images/s of whole steps, and the share of a matrix product's rate, by precision, layout, compiling."""
    given = config(name, batch or 128)
    built = models.build(given.model, n_classes=100, image_size=32, seed=0).module
    images, labels = (
        torch.randn(given.train.batch_size, 3, 32, 32),
        torch.randint(100, (given.train.batch_size,)),
    )
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(built(images[:2]), labels[:2]).backward()
    flops = counter.get_total_flops() / 2  # of an image, forward and backward
    left, right = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    rows: dict[str, rounds.Row] = {"matrix product": lambda: 2 * MATRIX**3 / timed(lambda: left @ right)}
    ways = [(False, False), (False, True), (True, False), (True, True)]
    compiling: dict[str, float] = {}
    for bf16, last in ways:
        for quick in (False, True) if compiled else (False,):
            label = " ".join(["bf16" if bf16 else "fp32", *["channels_last"] * last, *["compiled"] * quick])
            do = whole_step(copy.deepcopy(built), images, labels, bf16=bf16, last=last, quick=quick)
            compiling[label] = timed(do) if quick else 0.0
            rows[label] = lambda do=do: given.train.batch_size / timed(do)
    found = rounds.measure(rows, unit="images/s", rounds=repeats)
    product = found.found["matrix product"]
    out = [{"model": name, "batch": given.train.batch_size, "way": "matrix product, float32",
            "gflops": statistics.median(product) / 1e9}]  # fmt: skip
    for label in list(rows)[1:]:
        shares = [100 * rate * flops / most for rate, most in zip(found.found[label], product, strict=True)]
        ratio = found.ratio(label, "fp32")
        out.append({
            "model": name, "batch": given.train.batch_size, "way": label,
            "gflops": statistics.median(found.found[label]) * flops / 1e9,
            "images_per_second": statistics.median(found.found[label]),
            "percent_of_product": statistics.median(shares), "low": min(shares), "high": max(shares),
            "of_fp32": ratio[0], "compile_s": compiling[label] or None,
        })  # fmt: skip
    return [{**dict.fromkeys(out[-1]), **row} for row in out] + kinds(name, built, images, labels, out[-1])


def whole_step(
    module: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, bf16: bool, last: bool, quick: bool
) -> Callable[[], None]:
    layout = torch.channels_last if last else torch.contiguous_format
    module.to(memory_format=layout).train()  # type: ignore[call-overload]
    optimiser = optim.make(module, settings.Optim(name="adamw"))
    forward: Any = torch.compile(module, dynamic=False) if quick else module
    precision: Any = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()

    def do() -> None:
        batch = images.contiguous(memory_format=layout)
        with precision:
            logits = forward(batch).float()
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, labels).backward()
        optimiser.step()

    return do


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


KINDS = {  # of operations, by a word of their name
    "convolution, backward": "convolution_backward",
    "convolution, forward": "mkldnn_convolution",
    "batch norm, backward": "batch_norm_backward",
    "batch norm, forward": "native_batch_norm",
    "layer norm": "layer_norm",
    "matrix products": "addmm aten::mm aten::bmm",
    "attention": "flash_attention",
    "activations": "threshold_backward clamp_min relu gelu",
    "pooling": "pool",
    "optimiser": "_fused_adamw",
    "copies and layout": "copy_ mkldnn_reorder",
    "additions": "aten::add",
}


def kinds(
    name: str, built: nn.Module, images: torch.Tensor, labels: torch.Tensor, like: dict[str, Any]
) -> list[dict[str, Any]]:
    """Where a step goes, by kind of operation: its own time, as a share of the step, for both layouts."""
    out = []
    for last in (False, True):
        do = whole_step(copy.deepcopy(built), images, labels, bf16=False, last=last, quick=False)
        do()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            do()
        events = seen.key_averages()
        total = sum(e.self_cpu_time_total for e in events)
        left = total
        for kind, words in KINDS.items():
            mine = sum(e.self_cpu_time_total for e in events if _is(e.key, words, kind))
            left -= mine
            out.append((kind, last, 100 * mine / total))
        out.append(("all else", last, 100 * left / total))
    return [
        {**dict.fromkeys(like), "model": name, "batch": len(images),
         "way": f"{kind}{', channels_last' if last else ''}", "percent_of_step": share}
        for kind, last, share in out if share > 0.05
    ]  # fmt: skip


def _is(key: str, words: str, kind: str) -> bool:
    first = next((k for k, w in KINDS.items() if any(word in key for word in w.split())), None)
    return first == kind


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
        mark("first step"); stop.asked = "the first step"; return step(*b, **c)
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
    parser.add_argument("what", choices=("tax", "eval", "costs", "peak", "start"))
    parser.add_argument("--model", action="append", choices=tuple(MODELS))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    root, names = data_root(given.root), given.model or list(MODELS)
    if given.what != "peak":
        for name in names:
            Store.open(root, config(name, given.batch).data.name)  # before anything is measured
    print(json.dumps({"context": rounds.machine() | {"torch_threads": torch.get_num_threads()}}))
    if given.what == "eval":
        for name in names:
            with evaluation.rows(config(name, given.batch), root) as bench:
                found = bench.measure(given.rounds)
            print(found.lines(), found.table(), sep="\n")
        return
    if given.what == "peak":
        names = given.model or ["resnet50", "vit-s16"]
    for name in names:
        if given.what == "tax":
            say(tax(name, root, given.batch, given.rounds))
        elif given.what == "costs":
            say(costs(name, root, given.batch, given.rounds))
        elif given.what == "start":
            say(start(name, root, given.batch, given.rounds))
        else:
            rows = peak(name, given.batch, given.rounds, given.compile)
            say([row for row in rows if row.get("percent_of_step") is None])
            say([{k: row[k] for k in ("model", "batch", "way", "percent_of_step")} for row in rows
                 if row.get("percent_of_step") is not None])  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(ended(main))
