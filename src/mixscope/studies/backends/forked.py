"""Client of the fork server (fork_server.py), and runs started by it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mixscope.threads import NUMPY_COUNT, waits

MODULE = "mixscope.fork_server"
TOLD_SECONDS = 1.0  # time a start waits for the process id from a ready server
SAME_BIRTH = 2.0  # tolerance for clock changes when comparing start times of processes

Spawn = Callable[[], Any]


def possible() -> bool:
    """Whether forking is safe on this system."""
    return sys.platform in ("linux", "darwin")


class ForkServer:
    """A process that starts runs as forks of itself; it is ready some seconds after its start.

    Args:
        log: File for its output, which is empty unless something fails.
        environment: Of the server and its runs, since libraries read some variables on import.
    """

    def __init__(self, *, log: Path, environment: Mapping[str, str]) -> None:
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**waits(environment), **environment, NUMPY_COUNT: "1"},
                start_new_session=True,  # so that Ctrl-C reaches the scheduler only
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._pipes = self.process.stdin, self.process.stdout
        self._orders, self._answers = (pipe.fileno() for pipe in self._pipes)
        os.set_blocking(self._answers, False)
        self._shared = {NUMPY_COUNT: environment.get(NUMPY_COUNT)}
        self._half = b""
        self._last = 0
        self.ready = self.ended = False
        self.pids: dict[int, int] = {}
        self.codes: dict[int, int] = {}

    def start(
        self, words: list[str], *, log: Path, environment: Mapping[str, str], bound: bool = False
    ) -> int:
        """Orders a run.

        Args:
            words: Arguments of `mixscope`, --config and --root among them.
            log: File to which its output is appended.
            environment: Variables in addition to the environment of the server.
            bound: Whether the run is sent SIGTERM when the server ends, on Linux.

        Returns:
            The number of the order.
        """
        self._last += 1
        extra = {**self._shared, **environment}
        self._say(start=self._last, words=words, log=str(log), environment=extra, bound=bound)
        return self._last

    def drop(self, number: int) -> None:
        """Cancels an order; a run that was started nevertheless is sent SIGTERM."""
        self._say(drop=number)
        if not self.ready:
            with suppress(ProcessLookupError):
                self.process.terminate()  # effective until it is ready

    def look(self) -> None:
        """Reads the server's messages."""
        while not self.ended:
            try:
                heard = os.read(self._answers, 1 << 16)
            except BlockingIOError:
                return
            if not heard:
                self._over()
                return
            *lines, self._half = (self._half + heard).split(b"\n")
            for answer in map(json.loads, lines):
                self.ready = True
                if "pid" in answer:
                    self.pids[answer["number"]] = answer["pid"]
                elif "code" in answer:
                    self.codes[answer["number"]] = answer["code"]

    def close(self) -> None:
        """Ends the server; its runs continue."""
        if not self.ended:
            if not self.ready:
                self.process.terminate()  # ignored once it is ready
            self._over()

    def _over(self) -> None:
        self.ended = True
        for pipe in self._pipes:
            with suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()

    def kill(self) -> None:
        """Kills a server that does not respond."""
        self.process.kill()

    def _say(self, **order: Any) -> None:
        if self.ended:
            return
        line = memoryview(json.dumps(order).encode() + b"\n")
        with suppress(BrokenPipeError):  # it has ended, which `look` detects
            while line:
                line = line[os.write(self._orders, line) :]


@dataclass(slots=True)
class Forked:
    """A run started by a fork server, or by a new process if the server ends first.

    Attributes:
        server: The fork server.
        number: Number of the order.
        spawn: Starts the new process, a Work.
        sent: Time of the order.
        instead: The new process, if there is one.
        stopped: Signal sent before it had a process.
    """

    server: ForkServer
    number: int
    spawn: Spawn
    sent: float = field(default_factory=time.monotonic)
    instead: Any = None
    stopped: int = 0

    @property
    def pid(self) -> int | None:
        """Its process id, once known."""
        return self.server.pids.get(self.number)

    @property
    def about(self) -> Mapping[str, Any]:
        """Process id."""
        if self.server.ready and self.instead is None:
            end = time.monotonic() + TOLD_SECONDS
            while self.pid is None and not self.server.ended and time.monotonic() < end:
                time.sleep(0.005)
                self.server.look()
        if self.instead is not None:
            known: Mapping[str, Any] = self.instead.about
            return known
        return {} if self.pid is None else {"pid": self.pid}

    def code(self) -> int | None:
        """Exit code, None while it runs."""
        if self.instead is not None:
            ended: int | None = self.instead.code()
            return ended
        self.server.look()
        if self.number in self.server.codes:
            return self.server.codes[self.number]
        if not self.server.ended:
            return None
        if self.pid is not None:  # its exit code is lost with the server; its records give the result
            return None if _lives(self.pid) else 0
        if self.stopped:
            return -self.stopped
        self.instead = self.spawn()
        return None

    def why(self) -> str | None:
        """Always None: exit code and records suffice."""
        return None

    def age(self) -> float:
        """Seconds since its start."""
        if self.instead is not None:
            return float(self.instead.age())
        if self.pid is None:
            return time.monotonic() - self.sent
        with suppress(psutil.Error):
            return time.time() - float(psutil.Process(self.pid).create_time())
        return 0.0

    def send(self, number: int) -> None:
        """Sends a signal to its process group, or remembers it until there is a process."""
        if self.instead is not None:
            self.instead.send(number)
        elif self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
        else:
            self.stopped = number
            self.server.kill() if number == signal.SIGKILL else self.server.drop(self.number)

    def close(self) -> None:
        """Releases its resources after it has ended."""
        if self.instead is not None:
            self.instead.close()


def left_behind(note: Path, host: str) -> psutil.Process | None:
    """The process of a run started here by an earlier server, while it lives.

    A later process with the same id has another start time, or executes something else.

    Args:
        note: File in which the run recorded its process, beside its log.
        host: Name of this machine.
    """
    try:
        recorded = json.loads(note.read_text(encoding="utf-8"))
        if recorded["host"] != host:
            return None
        process = psutil.Process(recorded["pid"])
        same = abs(process.create_time() - recorded["born"]) < SAME_BIRTH and MODULE in process.cmdline()
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
