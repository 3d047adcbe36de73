"""Starts runs as forks of a process with all imports done, so that a run starts immediately.

`python -m mixscope.fork_server` is started by a scheduler (studies/backends/forked.py) and reads orders from
standard input, one JSON object per line: {"start": number, "words": [...], "log": file, "environment": {...},
"bound": false} or {"drop": number}. It writes {"ready": true}, {"number": n, "pid": p} and {"number": n,
"code": c}. The process of a run leads its own session, writes its output to its log, and executes
`mixscope` with its arguments as a new process would.

This process holds nothing that a fork must not share: no threads, no CUDA context, no used random generators.
If that is not possible it ends before it is ready, and the scheduler starts new processes instead. It also
ends when its standard input ends; runs continue and are adopted by the next scheduler, unless they are bound.
"""

import atexit
import gc
import importlib
import itertools
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mixscope.signals import end_with_parent

UNFIT = 3  # exit code if the process holds something that a fork must not share
LOOK_SECONDS = 1.0  # interval of liveness checks, besides the notification of their end
CHECK_SECONDS = 60.0  # timeout of the first computation in a fork

Start = Mapping[str, Any]


def main() -> int:
    """Serves until standard input ends, and returns 0; in a fork it executes the command of a run."""
    orders, answers = os.dup(0), os.dup(1)  # imported code must not print among the answers
    _point(os.devnull, os.O_RDONLY, 0)
    os.dup2(2, 1)
    load()
    reason = unfit()
    if reason:
        sys.stderr.write(f"no runs are started from here: {reason}\n")
        return UNFIT
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # terminable until here; now runs depend on its answers
    words = Server(orders, answers).serve()
    if words is None:
        return 0
    from mixscope.__main__ import main as command

    sys.argv = [str(Path(__file__).with_name("__main__.py")), *words]
    code = command()
    end(code)


def end(code: int) -> NoReturn:
    """Ends a fork as multiprocessing does: an interpreter that is taken down would copy every shared page."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are not daemons
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):  # closed, or a full disk, which the run has reported
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def load() -> None:
    """Imports everything that runs import, with every file of the code version; parses the English messages.

    Files edited later do not affect the runs started here.
    """
    import mixscope
    from mixscope import i18n
    from mixscope.runs import code_version

    for name in ("timm", "mixscope.__main__", "mixscope.cli", "mixscope.runs.execute"):
        importlib.import_module(name)
    source = Path(mixscope.__file__).parent
    for file in code_version.files():
        parts = file.relative_to(source).with_suffix("").parts
        importlib.import_module(".".join(("mixscope", *(part for part in parts if part != "__init__"))))
    code_version.hold()
    i18n.catalogue("en")
    gc.collect()
    gc.freeze()  # collections in a fork would copy shared pages


def unfit() -> str:
    """Why this process must not be forked, "" if it can be."""
    import torch

    tasks = Path("/proc/self/task")
    if tasks.is_dir() and (count := len(list(tasks.iterdir()))) > 1:
        return f"libraries have started {count - 1} threads when they were imported"
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return "CUDA was initialised when libraries were imported"
    return _check()


def _check() -> str:
    """Why a fork cannot compute on this machine, "" if it can; tested once."""
    import torch

    child = os.fork()
    if child == 0:
        try:
            weights = torch.ones(64, 64, requires_grad=True)
            torch.autograd.backward((torch.ones(512, 64) @ weights).sum())
            os._exit(0)
        except BaseException:
            os._exit(1)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return "" if code == 0 else f"a fork that computes ends with code {code}"


class Server:
    """Receives orders and starts runs; `orders` and `answers` are file descriptors."""

    def __init__(self, orders: int, answers: int) -> None:
        self.orders, self.answers = orders, answers
        self.running: dict[
            int, tuple[int, int]
        ] = {}  # number and pid of a run, by the pipe that closes with it
        self.wanted: dict[int, Start] = {}
        self.half, self.ended = b"", False

    def serve(self) -> list[str] | None:
        """Starts, reports and cancels runs until the input ends.

        Returns:
            None in the server; in each forked process, the arguments of the command that it executes.
        """
        self._say(ready=True)
        while not self.ended:
            ready, _, _ = select.select([self.orders, *self.running], [], [], LOOK_SECONDS)
            for end in list(self.running):
                self._over(end, wait=end in ready)
            # Read all pending input first: an order may have been cancelled.
            while not self.ended and select.select([self.orders], [], [], 0)[0]:
                self._listen()
            while self.wanted and not self.ended:
                number = next(iter(self.wanted))
                words = self._start(number, self.wanted.pop(number))
                if words is not None:
                    return words
        return None

    def _say(self, **answer: Any) -> None:
        try:
            os.write(self.answers, json.dumps(answer).encode() + b"\n")  # short writes to a pipe are atomic
        except BrokenPipeError:
            self.ended = True

    def _listen(self) -> None:
        heard = os.read(self.orders, 1 << 16)
        if not heard:
            self.ended = True
            return
        *lines, self.half = (self.half + heard).split(b"\n")
        for order in map(json.loads, lines):
            if "start" in order:
                self.wanted[order["start"]] = order
            elif self.wanted.pop(order["drop"], None) is not None:
                self._say(number=order["drop"], code=-signal.SIGTERM)
            else:
                for number, pid in self.running.values():
                    if number == order["drop"]:
                        with suppress(ProcessLookupError):
                            os.killpg(pid, signal.SIGTERM)

    def _over(self, end: int, *, wait: bool) -> None:
        """Reports a run that has ended. wait: whether to wait for it, because its pipe was closed."""
        number, pid = self.running[end]
        ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        if ended:
            del self.running[end]
            os.close(end)
            self._say(number=number, code=os.waitstatus_to_exitcode(status))

    def _start(self, number: int, start: Start) -> list[str] | None:
        """Forks; returns None here, and in the fork the arguments of its command."""
        prepare(start["words"])
        sys.stdout.flush()
        sys.stderr.flush()
        mine, its = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(mine)
            for each in (self.orders, self.answers, *self.running):
                os.close(each)
            become(start, its)
            words: list[str] = start["words"]
            return words
        os.close(its)
        if os.read(mine, 1):  # the fork has its own session and can be signalled
            self.running[mine] = number, pid
            self._say(number=number, pid=pid)
        else:
            os.close(mine)
            self._say(number=number, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return None


def prepare(words: list[str]) -> None:
    """Loads the compiled kernels of a run; errors are left to the run itself."""
    from mixscope.data import kernels, order
    from mixscope.data.store import Store
    from mixscope.study import config as settings

    try:
        given = dict(itertools.pairwise(words))
        config = settings.load(Path(given["--config"]), [])
        size = Store.open(Path(given["--root"]), config.data.name).size
        kernels.fused(size, 0)
        kernels.fused(size, order.padding(config.augment.base, size))
        if config.augment.base == "rrc":
            kernels.resampler(size)
    except Exception as problem:
        sys.stderr.write(f"nothing was prepared for {words}: {problem}\n")


def become(start: Start, alive: int) -> None:
    """Makes a fork equivalent to a new process. alive: the pipe that closes with it."""
    import numpy as np
    import psutil
    import torch

    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if start["bound"]:
        end_with_parent()
    _point(start["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1)
    os.dup2(1, 2)
    for name, value in start["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # From the system, as in a new process; runs use their own random streams (rng.py).
    np.random.seed()
    torch.default_generator.seed()
    me = {"pid": os.getpid(), "born": psutil.Process().create_time(), "host": socket.gethostname()}
    with suppress(OSError):  # a full disk, which the run itself will report
        Path(start["log"]).with_suffix(".pid").write_text(json.dumps(me), encoding="utf-8")
    os.write(alive, b".")


def _point(file: str, flags: int, descriptor: int) -> None:
    opened = os.open(file, flags, 0o666)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    raise SystemExit(main())
