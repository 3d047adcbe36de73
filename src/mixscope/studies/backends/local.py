"""A study's runs on this machine: a process for each, in a process group of its own."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from mixscope.studies.backends import Work, command, threads
from mixscope.studies.status import Standing
from mixscope.study.matrix import PlannedRun


@dataclass(slots=True)
class Process:
    """A process of this machine. process is None for one that another scheduler left behind."""

    pid: int
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        return {"pid": self.pid}

    def code(self) -> int | None:
        if self.process is not None:
            return self.process.poll()
        return None if psutil.pid_exists(self.pid) else 0

    def why(self) -> str | None:
        return None

    def age(self) -> float:
        try:
            return time.time() - float(psutil.Process(self.pid).create_time())
        except psutil.NoSuchProcess:
            return 0.0

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()


class Local:
    """This machine: a sub-process for each run, with the threads and the environment of its slot."""

    def __init__(
        self,
        out: Path,
        root: Path,
        *,
        threads: int,
        environments: Sequence[Mapping[str, str]],
        extra: Sequence[str],
    ) -> None:
        self.out, self.root, self.extra = out, root, extra
        self.threads, self.environments = threads, environments

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        return [(s.run, Process(s.pid)) for s in found if s.state == "running" and s.pid is not None]

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        return [self._start(planned, slot) for planned, slot in batch]

    def _start(self, planned: PlannedRun, slot: int) -> Work:
        line = command(planned, out=self.out, root=self.root, extra=self.extra)
        share = self.environments[slot % len(self.environments)]
        log = (self.out / "logs" / f"{planned.directory}.log").open("ab")
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads(self.threads), **share},
            start_new_session=True,  # so that the whole group can be stopped, and Ctrl-C reaches us alone
        )
        return Process(process.pid, process, log)
