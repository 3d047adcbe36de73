"""Processes that stay loaded and carry out calls, one process for each slot.

A process imports libraries once and then works on one item after another, so that many runs are evaluated or
analysed in parallel. The processes are new ones, not forks: the caller may have computed already, and numpy's
threads, on which the last bits of an analysis can depend, are those of a single process. With one slot
everything happens in the calling process.
"""

import multiprocessing
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType, TracebackType
from typing import Any

from mixscope import threads
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed

OF_ONE_ITEM = (DataError, RunFailed)  # errors that say nothing about other items
LEAVING_SECONDS = 10.0  # time for a process to remove its unfinished files

Carried = tuple[int, Any]


@dataclass(slots=True)
class _Worker:
    """A process, our end of its pipe, and the index of the item that it works on."""

    process: SpawnProcess
    pipe: Connection
    at: int | None = None


class Workers:
    """Carries out calls in up to `slots` processes, which start with the first calls and end with the block.

    SIGTERM ends the block with Interrupted, as Ctrl-C ends it with KeyboardInterrupt.
    """

    def __init__(self, slots: int) -> None:
        """slots: Number of items in work at once."""
        if slots < 1:
            raise ConfigError("out-of-range", f"--slots must be 1 or more, got {slots}", key="--slots")
        self.slots = slots
        self._workers: list[_Worker] = []
        self._before: Any = None

    def __enter__(self) -> "Workers":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, _stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.pipe.close()  # ends one that waits
            if worker.at is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(LEAVING_SECONDS)
            worker.process.kill()
            worker.process.join()
        self._workers.clear()
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def each(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Carried]:
        """Calls a function with every item.

        Args:
            function: A function of a module, which processes can import.
            items: Its arguments.

        Yields:
            Index of an item and what the function returned, in order of completion; instead of a result the
            error, if it is of that item alone: DataError, RunFailed, or a process that was killed.

        Raises:
            Exception: Any other error of the function.
        """
        if self.slots == 1:
            for at, item in enumerate(items):
                try:
                    found = function(item)
                except OF_ONE_ITEM as problem:
                    found = problem
                yield at, found
            return
        left = deque(enumerate(items))
        while self._give(function, left):
            busy = {worker.pipe: worker for worker in self._workers if worker.at is not None}
            ready = wait(list(busy))
            ended = [self._ended(worker) for pipe, worker in busy.items() if pipe in ready]
            self._give(function, left)
            for at, found in ended:
                if isinstance(found, Exception) and not isinstance(found, OF_ONE_ITEM):
                    raise found
                yield at, found

    def _give(self, function: Callable[[Any], Any], left: deque[tuple[int, Any]]) -> bool:
        """Gives items to idle processes, and starts missing ones; returns whether any works."""
        idle = [worker for worker in self._workers if worker.at is None]
        while left and (idle or len(self._workers) < self.slots):
            worker = idle.pop() if idle else self._started()
            worker.at, item = left.popleft()
            with suppress(BrokenPipeError):  # it was killed, which `wait` reports
                worker.pipe.send((function, item))
        return any(worker.at is not None for worker in self._workers)

    def _started(self) -> _Worker:
        ours, its = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        with threads.short_wait(), _deaf():
            process = context.Process(target=_serve, args=(its,), daemon=True)
            process.start()
        its.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _ended(self, worker: _Worker) -> Carried:
        """Takes the result of a process, or removes one that was killed."""
        at, worker.at = worker.at, None
        assert at is not None
        try:
            return at, worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._workers.remove(worker)
            worker.pipe.close()
            worker.process.join()
            return at, RunFailed(
                "process-failed",
                f"its process ended with code {worker.process.exitcode}; -9 often means that memory ran out,"
                " and fewer --slots need less",
            )


def together(problems: Sequence[DataError | RunFailed], are: str) -> DataError | RunFailed:
    """One error for several: the first, and the others below it. are: what is said of their number."""
    first = problems[0]
    if len(problems) == 1:
        return first
    others = "; ".join(str(problem) for problem in problems[1:])
    return first.reworded(f"{first} (and {len(problems) - 1} more {are}: {others})")


def _stop(number: int, _: FrameType | None) -> None:
    raise Interrupted(
        f"stopped by {signal.Signals(number).name}", "the same command goes on with what is left"
    )


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started in this block never hear Ctrl-C, which the terminal sends to all of them.

    The block itself hears it at its end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- in the process -----------------------------------------------------------------------------


def _serve(pipe: Connection) -> None:
    """Carries out calls until the pipe is closed, as it also is when its parent dies."""
    signal.signal(signal.SIGTERM, _leave)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send_bytes(_carried_out(pipe.recv_bytes()))


def _carried_out(call: bytes) -> bytes:
    """The pickled result of a call, or its error."""
    try:
        function, item = pickle.loads(call)
        return pickle.dumps(function(item))
    except OF_ONE_ITEM as problem:
        return pickle.dumps(problem)
    except Exception as problem:
        problem.add_note("".join(traceback.format_exception(problem)))
        try:
            return pickle.dumps(problem)
        except Exception:
            return pickle.dumps(RuntimeError("".join(traceback.format_exception(problem))))


def _leave(number: int, _: FrameType | None) -> None:
    """Ends by an exception, which removes unfinished files."""
    raise SystemExit(128 + number)
