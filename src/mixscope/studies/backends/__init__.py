"""Backends that execute the runs of a study: this machine, a Ray cluster, or a Slurm cluster.

All backends execute the same `mixscope train`, so that records, exit codes and resuming are the same
everywhere.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from mixscope.runs import records
from mixscope.studies.status import Standing
from mixscope.study.study import PlannedRun
from mixscope.threads import COUNTS, requested


class Work(Protocol):
    """One start of one run, wherever it is executed."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What scheduler.jsonl records about it."""
        ...

    def code(self) -> int | None:
        """Its exit code, negative for a signal as in subprocess; None while it runs or waits to run."""

    def why(self) -> str | None:
        """What the backend knows about its end; None leaves it to the exit code and the records."""

    def age(self) -> float:
        """Seconds since its process began; 0 while it waits."""

    def send(self, number: int) -> None:
        """Sends a signal to its processes; SIGTERM lets a run save itself."""

    def close(self) -> None:
        """Releases its resources after it has ended."""


class Backend(Protocol):
    """A place where runs are executed."""

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        """Processes or jobs of an earlier scheduler of this study that still run or wait."""

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        """Starts runs, each in its slot, in this order."""


def threads(count: int) -> dict[str, str]:
    """Environment variables that limit a run to `count` threads; OMP_NUM_THREADS can lower it further.

    On a shared machine, threads that share a core wait for each other.
    """
    return dict.fromkeys(COUNTS, str(min(count, requested(os.environ) or count)))


def command(planned: PlannedRun, *, out: Path, root: Path, extra: Sequence[str]) -> list[str]:
    """Writes the settings of a run to logs/ and returns the command that executes it on any machine."""
    file = out / "logs" / f"{planned.directory}.yaml"
    text = yaml.safe_dump(planned.config.to_dict(), sort_keys=False, allow_unicode=True)
    records.write_bytes(file, text.encode())
    line = [sys.executable, "-m", "mixscope", "train", "--config", str(file)]
    return [*line, "--out", str(out / planned.directory), "--root", str(root), *extra]
