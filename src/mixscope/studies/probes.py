"""Measured costs of training steps on this machine, cached with time and load.

A probe (runs/probe.py) is identified by everything its cost depends on: network, image size, batch,
precision, device, threads, machine, code and torch version. It is repeated when it is old, or when the load
by other programs has changed.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from mixscope import user_cache
from mixscope.findings import Finding
from mixscope.hardware import cores, processor
from mixscope.runs import code_version, record_schema
from mixscope.runs.environment import versions
from mixscope.runs.record_schema import AMOUNT, COUNT, MOMENT, RATE, TEXT, THREADS, or_null
from mixscope.studies import backends
from mixscope.study.config import RunConfig
from mixscope.threads import NUMPY_COUNT, used

PROBES, KEPT = "probes.json", 200
STALE_DAYS = 7.0
OTHER_LOAD = 0.5  # change of the load by other programs, in cores, that invalidates a probe
PROBE = {
    "startup_seconds": AMOUNT,
    "train_rate": RATE,
    "judge_rate": RATE,
    "memory_bytes": COUNT,
    "device_bytes": or_null(COUNT),
    "checkpoint_bytes": COUNT,
    "weights_bytes": COUNT,
    "measured": {"time": MOMENT, "machine": TEXT, "cores": THREADS, "threads": THREADS, "busy_cores": AMOUNT},
}
# Settings that determine the speed of a step; augmentation, seed and initial weights do not.
SHAPE = (
    "data.name",
    "augment.policy",
    "model.",
    "run.device",
    "train.batch_size",
    "train.accumulate",
    "train.precision",
    "train.channels_last",
    "train.compile",
    "optim.name",
)

Figures = Mapping[str, Any]
Measure = Callable[[Sequence[RunConfig]], Sequence[Figures | Finding]]


class Probe(Protocol):
    """Source of measured costs."""

    def figures(self, config: RunConfig, size: int) -> Figures | None:
        """A cached measurement; size: side of the images in pixels."""

    def measure(self, wanted: Mapping[str, tuple[RunConfig, int]]) -> Mapping[str, Figures | Finding]:
        """Measures the cost of runs.

        Args:
            wanted: Settings and image size in pixels, by any key.

        Returns:
            By the same keys, the measurement or the reason why there is none.
        """


def shape(config: RunConfig) -> str:
    """Identifies the settings that determine the speed of a step."""
    kept = {k: v for k, v in config.flat().items() if k.startswith(SHAPE) and k != "model.pretrained"}
    return json.dumps({**kept, "averaged": config.optim.ema_decay > 0}, sort_keys=True)


def shape_of_size(config: RunConfig, size: int) -> str:
    """As `shape`, for all data sets with one image size in pixels."""
    return json.dumps({**json.loads(shape(config)), "data.name": size}, sort_keys=True)


class Remembered:
    """Cached measurements; measures nothing."""

    def __init__(self, *, threads: int) -> None:
        """threads: number of threads of a run."""
        # CUDA_VISIBLE_DEVICES: GPUs of one machine may differ.
        machine = f"{platform.node()} {processor()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')} {threads}"
        self.about = f"{machine} {code_version.digest()} {versions(('torch',))}"
        self.kept = _read()

    def figures(self, config: RunConfig, size: int) -> Figures | None:
        """A cached measurement; size: side of the images in pixels."""
        return self.kept.get(self.name(config, size))

    def measure(self, wanted: Mapping[str, tuple[RunConfig, int]]) -> Mapping[str, Figures | Finding]:
        """The cached measurements."""
        unknown = Finding("probe-not-made")
        return {key: self.figures(*about) or unknown for key, about in wanted.items()}

    def name(self, config: RunConfig, size: int) -> str:
        """Identifies a probe, in 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.about} {shape_of_size(config, size)}".encode()).hexdigest()[:16]


class Prober(Remembered):
    """Probes in separate processes; recent measurements under the same load are reused."""

    def __init__(
        self,
        *,
        root: Path,
        threads: int,
        notice: Callable[[Finding], None],
        run: Measure | None = None,
        busy: Callable[[], float] | None = None,
    ) -> None:
        """Configures measurements.

        Args:
            root: Folder of prepared data sets.
            threads: Threads per run.
            notice: Called with what is measured, and why it is repeated.
            run: Runs probes; None runs them in separate processes.
            busy: Returns the number of cores used by other programs; None observes them for a moment.
        """
        super().__init__(threads=threads)
        self.threads, self.notice = threads, notice
        self.run = run or (lambda configs: run_probes(configs, root=root, threads=threads))
        self.busy = busy or used

    def measure(self, wanted: Mapping[str, tuple[RunConfig, int]]) -> Mapping[str, Figures | Finding]:
        """As `Probe.measure`; recent measurements are reused and new ones cached."""
        if not wanted:
            return {}
        busy, found, missing = self.busy(), dict[str, Figures | Finding](), dict[str, tuple[RunConfig, int]]()
        for key, (config, size) in wanted.items():
            known = self.figures(config, size)
            again = None if known is None else doubt(known["measured"], busy=busy, now=time.time())
            if known is not None and again is None:
                found[key] = known
                continue
            missing[key] = (config, size)
            measured = {
                "model": config.model.arch,
                "size": size,
                "precision": config.train.precision,
                "batch": config.train.batch_size,
                "why": again or "",
            }
            self.notice(Finding("probe-measures", params=measured))
        about = {
            "time": time.strftime(record_schema.TIME),
            "machine": f"{platform.node()}, {processor()}",
            "cores": cores(),
            "threads": self.threads,
            "busy_cores": round(busy, 2),
        }
        for (key, (config, size)), made in zip(
            missing.items(), self.run([config for config, _ in missing.values()]), strict=True
        ):
            found[key] = made
            if not isinstance(made, Finding):
                found[key] = self.kept[self.name(config, size)] = {**made, "measured": about}
        if missing and (problem := user_cache.write(PROBES, dict(list(self.kept.items())[-KEPT:]))):
            self.notice(Finding("probe-not-kept", params={"problem": problem}))
        return found


def doubt(measured: Mapping[str, Any], *, busy: float, now: float) -> Finding | None:
    """Why a probe is repeated; None if it is valid.

    Args:
        measured: When and under what load it was made.
        busy: Cores used by other programs now.
        now: Time on the clock of time.time.
    """
    days = (now - datetime.strptime(measured["time"], record_schema.TIME).timestamp()) / 86400
    if not 0 <= days < STALE_DAYS:
        return Finding("probe-old", params={"days": days})
    if abs(busy - measured["busy_cores"]) > OTHER_LOAD:
        return Finding("probe-load", params={"busy": busy, "then": measured["busy_cores"]})
    return None


def run_probes(configs: Sequence[RunConfig], *, root: Path, threads: int | None) -> list[Figures | Finding]:
    """The values of probes (runs/probe.py), or why there are none.

    Libraries are imported once for all of them.

    Args:
        configs: Settings to measure.
        root: Folder of prepared data sets.
        threads: Threads per run; None leaves them to the environment.
    """
    if not configs:
        return []
    request = json.dumps({"configs": [config.to_dict() for config in configs], "root": str(root)})
    done = subprocess.run(
        [sys.executable, "-m", "mixscope.runs.probe"],
        input=request,
        capture_output=True,
        text=True,
        env={**os.environ, **({} if threads is None else backends.threads(threads)), NUMPY_COUNT: "1"},
    )
    made = [json.loads(line) for line in done.stdout.splitlines()]
    error = done.stderr.strip().splitlines() or [f"the probe ended with code {done.returncode}"]
    made += [{"error": error[-1]}] * (len(configs) - len(made))
    return [_failed(each) if "error" in each else each for each in made]


def _failed(answer: Mapping[str, Any]) -> Finding:
    found = answer.get("finding")
    return Finding.from_dict(found) if found else Finding("recorded-error", params={"text": answer["error"]})


def _read() -> dict[str, Figures]:
    """Cached probes that match."""
    kept = user_cache.read(PROBES)
    return {name: found for name, found in kept.items() if record_schema.misfit(found, PROBE) is None}
