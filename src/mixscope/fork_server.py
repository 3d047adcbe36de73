"""Starts runs as forks of a process that has imported everything once, so that a run begins at once.

`python -m mixscope.fork_server`, which a scheduler starts (studies/backends/forked.py), reads orders from
standard input, a line of JSON each: {"start": number, "words": [...], "log": file, "environment": {...}} or
{"drop": number}. It writes {"ready": true}, {"number": n, "pid": p} and {"number": n, "code": c}. A run's
process leads a session of its own, has its log for output, and executes `mixscope` with its words as a fresh
process does.

Nothing is in this process that a fork may not share: no thread, no CUDA context, no random number drawn.
Where that cannot be had it ends before it is ready, and whoever asked starts fresh processes. When its
standard input ends it ends as well; runs that go on are adopted by the next scheduler.
"""

import gc
import importlib
import itertools
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

UNFIT = 3  # exit code where something is here that a fork may not share
LOOK_SECONDS = 1.0  # how often it is looked whether runs live, beside the sign that their end gives
CHECK_SECONDS = 60.0  # how long the first fork may take to compute

Start = Mapping[str, Any]


def main() -> int:
    """Serves until standard input ends, and returns 0; in a fork it executes the command of a run."""
    orders, answers = os.dup(0), os.dup(1)  # nothing that is imported may print among the answers
    _point(os.devnull, os.O_RDONLY, 0)
    os.dup2(2, 1)
    load()
    reason = unfit()
    if reason:
        sys.stderr.write(f"no runs are started from here: {reason}\n")
        return UNFIT
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # until here it may be ended; now runs hang on its answers
    words = Server(orders, answers).serve()
    if words is None:
        return 0
    from mixscope.__main__ import main as command

    sys.argv = [str(Path(__file__).with_name("__main__.py")), *words]
    return command()


def load() -> None:
    """Imports what runs import, every file that can change their values included, and notes their version.

    A file that is edited later is not what runs from here are made with.
    """
    import timm  # noqa: F401

    import mixscope
    from mixscope import __main__, cli  # noqa: F401
    from mixscope.runs import code_version, execute  # noqa: F401

    source = Path(mixscope.__file__).parent
    for file in code_version.files():
        parts = file.relative_to(source).with_suffix("").parts
        importlib.import_module(".".join(("mixscope", *(part for part in parts if part != "__init__"))))
    code_version.hold()
    gc.collect()
    gc.freeze()  # collections in a fork would write to pages that all share


def unfit() -> str:
    """Why this process may not be forked, "" where it may."""
    import torch

    tasks = Path("/proc/self/task")
    if tasks.is_dir() and (count := len(list(tasks.iterdir()))) > 1:
        return f"libraries have started {count - 1} threads when they were imported"
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return "CUDA was initialised when libraries were imported"
    return _check()


def _check() -> str:
    """Why a fork cannot compute here, "" where it can: tried once, in one."""
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
    """Takes orders and starts runs. orders, answers: descriptors."""

    def __init__(self, orders: int, answers: int) -> None:
        self.orders, self.answers = orders, answers
        self.running: dict[int, tuple[int, int]] = {}  # by the pipe that ends with a run: its number and pid
        self.wanted: dict[int, Start] = {}
        self.half, self.ended = b"", False

    def serve(self) -> list[str] | None:
        """Returns None when there is nothing more to do; in a fork, the words of its command."""
        self._say(ready=True)
        while not self.ended:
            ready, _, _ = select.select([self.orders, *self.running], [], [], LOOK_SECONDS)
            for end in list(self.running):
                self._over(end, wait=end in ready)
            # All that was said, before anything is done: an order may have been taken back.
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
            os.write(self.answers, json.dumps(answer).encode() + b"\n")  # a pipe takes a short line whole
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
        """Tells of a run that has ended. wait: for it, as its pipe has ended, which only it should hold."""
        number, pid = self.running[end]
        ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        if ended:
            del self.running[end]
            os.close(end)
            self._say(number=number, code=os.waitstatus_to_exitcode(status))

    def _start(self, number: int, start: Start) -> list[str] | None:
        """Forks; returns None here, and in the fork the words of its command."""
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
            return cast(list[str], start["words"])
        os.close(its)
        if os.read(mine, 1):  # its session is its own, so that it can be signalled
            self.running[mine] = number, pid
            self._say(number=number, pid=pid)
        else:
            os.close(mine)
            self._say(number=number, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return None


def prepare(words: list[str]) -> None:
    """Loads the compiled kernels that a run will call; what goes wrong here the run itself will say."""
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
    """Makes a fork what a fresh process of a run is. alive: the pipe that ends with it."""
    import numpy as np
    import psutil
    import torch

    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _point(start["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1)
    os.dup2(1, 2)
    for name, value in start["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # From the system, as in a fresh process; runs draw from streams of their own (rng.py).
    np.random.seed()
    torch.default_generator.seed()
    me = {"pid": os.getpid(), "born": psutil.Process().create_time(), "host": socket.gethostname()}
    with suppress(OSError):  # as on a full disk, which the run itself will say
        Path(start["log"]).with_suffix(".pid").write_text(json.dumps(me), encoding="utf-8")
    os.write(alive, b".")


def _point(file: str, flags: int, descriptor: int) -> None:
    opened = os.open(file, flags, 0o666)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    raise SystemExit(main())
