"""Runs of a study on this machine: one process each, in its own process group."""

import dataclasses
import os
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from mixscope.signals import end_with_parent
from mixscope.studies import backends
from mixscope.studies.backends import Work, command
from mixscope.studies.backends.forked import Forked, ForkServer, left_behind, possible
from mixscope.studies.status import Standing
from mixscope.study.study import PlannedRun
from mixscope.threads import Threads


@dataclass(slots=True)
class Process:
    """A process started by this scheduler."""

    pid: int
    process: subprocess.Popen[bytes]
    log: IO[bytes] | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        """Process id."""
        return {"pid": self.pid}

    def code(self) -> int | None:
        """Exit code, None while it runs."""
        return self.process.poll()

    def why(self) -> str | None:
        """Always None: exit code and records suffice."""
        return None

    def age(self) -> float:
        """Seconds since its start."""
        try:
            return time.time() - float(psutil.Process(self.pid).create_time())
        except psutil.NoSuchProcess:
            return 0.0

    def send(self, number: int) -> None:
        """Sends a signal to its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def close(self) -> None:
        """Closes its log."""
        if self.log is not None:
            self.log.close()


@dataclass(slots=True)
class Adopted:
    """A process of an earlier scheduler; psutil distinguishes it from later processes with the same id."""

    process: psutil.Process

    @property
    def about(self) -> Mapping[str, Any]:
        """Process id."""
        return {"pid": self.process.pid}

    def code(self) -> int | None:
        """0 once it has ended, None while it runs: its records give the result."""
        try:
            lives = self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            lives = False
        return None if lives else 0

    def why(self) -> str | None:
        """Always None."""
        return None

    def age(self) -> float:
        """Seconds since its start."""
        return time.time() - float(self.process.create_time())

    def send(self, number: int) -> None:
        """Sends a signal to its process group if it leads one, as processes started by a scheduler do."""
        if self.code() is not None:
            return
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getpgid(self.process.pid) == self.process.pid:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def close(self) -> None:
        """Nothing to release."""
        pass


def training(places: Collection[Path]) -> dict[Path, psutil.Process]:
    """The processes of this machine that train into these folders, by folder.

    Processes are recognized by their command line, `mixscope train ... --out PLACE`, since recorded process
    ids may have been reused. Of several ranks the oldest is returned.
    """
    wanted = {place.resolve(): place for place in places}
    found: dict[Path, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            place = _trains_into(process.cmdline(), process)
            if place is None or place not in wanted or process.status() == psutil.STATUS_ZOMBIE:
                continue
            before = found.get(wanted[place])
            if before is None or process.create_time() < before.create_time():
                found[wanted[place]] = process
        except (psutil.Error, OSError, ValueError):
            continue  # it has ended, or is not accessible
    return found


def _trains_into(line: Sequence[str], process: psutil.Process) -> Path | None:
    """The folder into which a process trains, None for any other process."""
    named = [i for i, word in enumerate(line) if word == "mixscope" or Path(word).name == "mixscope"]
    verbs = [i for i in named if line[i + 1 : i + 2] == ["train"]]
    if not verbs:
        return None
    rest = line[verbs[0] + 2 :]
    for word, following in zip(rest, [*rest[1:], ""], strict=True):
        out = (
            following if word == "--out" else word.removeprefix("--out=") if word.startswith("--out=") else ""
        )
        if out:
            return (Path(process.cwd()) / out).resolve()
    return None


class Launcher:
    """Starts runs on this machine: as forks of a server if there is one, else as new processes.

    Args:
        environment: Environment variables of all runs.
        fork: Whether runs start as forks, if the system can.
        bound: Whether a run is sent SIGTERM when its parent dies, on Linux.
    """

    def __init__(self, environment: Mapping[str, str], *, fork: bool, bound: bool = False) -> None:
        self.environment, self.fork, self.bound = environment, fork and possible(), bound
        self.server: ForkServer | None = None

    def start(self, line: Sequence[str], *, log: Path, share: Mapping[str, str]) -> Work:
        """Starts a run.

        Args:
            line: Its command, as a new process.
            log: File to which its output is appended.
            share: Further environment variables.
        """

        def spawn() -> Process:
            file = log.open("ab")
            process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**self.environment, **share},
                start_new_session=True,  # so that the group can be stopped, and Ctrl-C reaches us alone
                preexec_fn=end_with_parent if self.bound and sys.platform == "linux" else None,
            )
            return Process(process.pid, process, file)

        server = self._serving(log.with_name("fork-server.log")) if self.fork else None
        if server is None:
            return spawn()
        words = list(line[line.index("mixscope") + 1 :])
        return Forked(server, server.start(words, log=log, environment=share, bound=self.bound), spawn)

    def close(self) -> None:
        """Starts nothing more; running runs continue."""
        if self.server is not None:
            self.server.close()

    def _serving(self, log: Path) -> ForkServer | None:
        """The fork server; a new one if it was killed, None if it is not available."""
        if self.server is not None:
            self.server.look()
            if not self.server.ended:
                return self.server
            if not self.server.ready:
                return None
        self.server = ForkServer(log=log, environment=self.environment)
        return self.server


class Local:
    """This machine: a process for each run, with the threads and the environment of its slot.

    Args:
        out: Folder of the study.
        root: Folder of prepared data sets.
        threads: Threads per run.
        environments: Extra environment variables of each slot.
        extra: Further arguments of every `mixscope train`.
        fork: Whether runs start as forks of a process with all imports done, if the system can.
        decided: The cores shared by all slots, and how their threads wait.
    """

    def __init__(
        self,
        out: Path,
        root: Path,
        *,
        threads: int,
        environments: Sequence[Mapping[str, str]],
        extra: Sequence[str],
        fork: bool = False,
        decided: Threads | None = None,
    ) -> None:
        self.out, self.root, self.extra, self.environments = out, root, extra, environments
        settings: Mapping[str, str] = {}
        if decided is not None:
            why = f"a slot's share of {decided.why}"
            settings = dataclasses.replace(decided, count=None, why=why).environment
        self.launcher = Launcher({**os.environ, **settings, **backends.threads(threads)}, fork=fork)

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        """Runs of this machine that are trained now, also those that have not written a record yet."""
        runs = {self.out / s.run.directory: s.run for s in found if s.state not in ("done", "conflict")}
        processes, host = training(runs), socket.gethostname()
        for place, run in runs.items():
            forked = left_behind(self.out / "logs" / f"{run.directory}.pid", host)
            if forked is not None:
                processes.setdefault(place, forked)
        return [(runs[place], Adopted(process)) for place, process in processes.items()]

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        """Starts a process per run."""
        return [self._start(planned, slot) for planned, slot in batch]

    def close(self) -> None:
        """Starts nothing more; running runs continue."""
        self.launcher.close()

    def _start(self, planned: PlannedRun, slot: int) -> Work:
        line = command(planned, out=self.out, root=self.root, extra=self.extra)
        log = self.out / "logs" / f"{planned.directory}.log"
        return self.launcher.start(line, log=log, share=self.environments[slot % len(self.environments)])
