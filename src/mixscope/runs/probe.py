"""Measures the cost of a run on this machine.

Some of its steps and a short evaluation, in a separate process.

`python -m mixscope.runs.probe` reads {"root": DIR, "configs": [...]} from standard input and writes a line of
JSON for each config as soon as it is measured: its values, or {"error": reason}. Libraries are imported once;
every config is then measured in a fork, so that none shares the memory of another. The network is trained
from scratch, since weights do not change the cost of a step, and nothing is left behind.
"""

import dataclasses
import functools
import json
import math
import os
import select
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from mixscope.data.device import feed
from mixscope.data.order import Position
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError, RunFailed
from mixscope.runs import device as devices
from mixscope.runs import recording, records, setup
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training import loop
from mixscope.training.evaluate import predict
from mixscope.training.loop import Training

SECONDS = 1.5  # time for steps; at least one step
JUDGING_SECONDS = 0.5  # time for evaluation, likewise
# An epoch has one batch, or for smaller batches than LARGE this many images, to avoid frequent restarts.
LARGE, IMAGES = 256, 2048
FEW = 8  # images of the warm-up pass, which loads libraries and selects algorithms
WATCHED = 3  # steps after which memory has reached its peak
LONGEST = 600.0  # timeout of a probe in seconds


def measure(config: RunConfig, *, root: Path, began: float) -> dict[str, Any]:
    """Measures a run in this process.

    Args:
        config: Settings of the run.
        root: Folder of prepared data sets.
        began: Start of the measurement on the clock of time.monotonic; libraries are imported before.

    Returns:
        startup_seconds: from `began` to the first step. train_rate, judge_rate: images per second.
        memory_bytes: peak of the process, without mapped files. device_bytes: peak of its GPU, None on a CPU.
        checkpoint_bytes: size of last.pt. weights_bytes: size of the weights alone.

    Raises:
        ConfigError, DataError, RunFailed: As a run.
    """
    small = _few_images(config, root)
    with devices.processes(small.run.device) as device, setup.ready_for(small, root, device) as ready:
        startup = time.monotonic() - began
        training = loop.prepare(small, ready.built.module, device=device, compiled=None)
        step, memory = _step(training, ready)
        evaluation = _evaluation(training, ready)
        with tempfile.TemporaryDirectory() as folder:
            loop.write_checkpoint(training, Path(folder), name="last")
            checkpoint_bytes = (Path(folder) / "last.pt").stat().st_size
        weights = training.evaluated_model.state_dict().values()
    return {
        "startup_seconds": startup,
        "train_rate": ready.loader.global_size(0) / step,
        "judge_rate": ready.clean.examples / evaluation,
        "memory_bytes": memory,
        "device_bytes": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
        "checkpoint_bytes": checkpoint_bytes,
        "weights_bytes": sum(value.numel() * value.element_size() for value in weights),
    }


def rate(config: RunConfig, *, root: Path, threads: int) -> float:
    """Images per second of training with `threads` threads. Raises as `measure` does."""
    torch.set_num_threads(threads)
    small = _few_images(config, root)
    with devices.processes(small.run.device) as device, setup.ready_for(small, root, device) as ready:
        training = loop.prepare(small, ready.built.module, device=device, compiled=False)
        return ready.loader.global_size(0) / _step(training, ready)[0]


def _few_images(config: RunConfig, root: Path) -> RunConfig:
    """The same network and batches on few images, and an endless number of epochs."""
    batch = config.train.batch_size
    classes = Store.open(root, config.data.name).n_classes
    few = math.ceil((batch if batch >= LARGE else IMAGES) / classes)
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, per_class=min(few, config.data.per_class or few)),
        model=dataclasses.replace(config.model, pretrained=False),
        augment=dataclasses.replace(config.augment, off_epochs=0),
        optim=dataclasses.replace(config.optim, warmup_epochs=0.0),
        train=dataclasses.replace(config.train, epochs=1000),
    )


def _step(training: Training, ready: setup.Ready) -> tuple[float, int]:
    """Median seconds per step of a whole batch, and peak memory of the process."""
    loader, device, took, memory = ready.loader, training.device, list[float](), 0
    warm = training.quick is training.forward  # compilation happens in the first whole batch
    training.module.train()
    while not took or sum(took) < SECONDS:
        loader.position = Position(training.state.epoch, 0)
        tally = loop.tally_of(training, time.monotonic())
        for at, batch in enumerate(feed(loader, device)):
            images = loader.global_size(at)
            if images < loader.global_size(0):
                break
            if not training.state.step and warm:
                _pass(training, batch.images[:FEW])
            if not at:
                last = time.perf_counter()
            loop.set_rate(training, loader.batches)
            loop.backward(training, batch, tally, images=images)
            loop.check_loss(training, tally, Path(), None)  # waits for the device
            if len(took) < WATCHED:
                memory = max(memory, recording.memory_bytes())
            loop.update(training)
            now = time.perf_counter()
            if warm:
                took.append(now - last)
            warm, last = True, now
            training.state.step += 1
            if sum(took) >= SECONDS:
                break
        loader.close()
        training.state.epoch += 1
    return statistics.median(took), max(memory, recording.memory_bytes())


def _pass(training: Training, images: torch.Tensor) -> None:
    """Forward and backward on a few images, without a step."""
    with training.autocast:
        logits = training.forward(images.contiguous(memory_format=training.layout)).float()
    torch.autograd.backward(logits.sum())


def _evaluation(training: Training, ready: setup.Ready) -> float:
    """Seconds to evaluate the clean training images, the fastest of several repetitions."""
    took = list[float]()
    while not took or sum(took) < JUDGING_SECONDS:
        start = time.perf_counter()
        predict(training.evaluated_model, ready.clean, device=training.device, config=training.config.train)
        took.append(time.perf_counter() - start)
    return min(took)


# --- the process --------------------------------------------------------------------------------


def rates(config: RunConfig, *, root: Path, counts: Iterable[int]) -> dict[int, float]:
    """Training speed for several numbers of threads, in images per second; failed measurements are left out.

    Each is measured in a fork, so this process stays single-threaded.
    """

    def work(count: int) -> dict[str, Any]:
        return {"rate": rate(config, root=root, threads=count)}

    made = {count: forked(functools.partial(work, count)) for count in counts}
    return {count: found["rate"] for count, found in made.items() if "rate" in found}


def forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Result of `work` in a fork of this process, which must be single-threaded, or {"error": reason}."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with open(writing, "w", encoding="utf-8") as file:
                json.dump(_answer(work), file)
            os._exit(0)
        except BaseException as problem:
            lines = str(problem).strip().splitlines() or [""]
            os.write(2, f"{type(problem).__name__}: {lines[-1]}\n".encode())
            os._exit(1)
    os.close(writing)
    with open(reading, encoding="utf-8") as file:
        in_time, _, _ = select.select([file], [], [], LONGEST)
        if not in_time:
            os.kill(child, signal.SIGKILL)
        text = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time:
        return {"error": f"the probe took longer than {LONGEST:.0f} s"}
    if code != 0 or not text:
        return {
            "error": f"the probe ended with code {code}" + (f"; {records.LESS_MEMORY}" if code == -9 else "")
        }
    made: dict[str, Any] = json.loads(text)
    return made


def _answer(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except (ConfigError, DataError, RunFailed) as problem:
        return {"error": str(problem), "finding": problem.finding.to_dict()}


def main() -> int:
    """Reads configs from standard input and prints a line of JSON for each; returns the exit code."""
    request = json.load(sys.stdin)
    root = Path(request["root"])
    for config in request["configs"]:
        began = time.monotonic()

        def work(config: Any = config, began: float = began) -> dict[str, Any]:
            return measure(settings.from_dict(config), root=root, began=began)

        found = forked(work) if hasattr(os, "fork") else _answer(work)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
