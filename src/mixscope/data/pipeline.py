"""Who makes which batch when: worker threads, and a ring of memory that is used again.

A job is a run of batches of one epoch: of small ones many, because handing over (a lock, a thread that wakes
up) costs the same for any size. Nothing waits on a clock: free memory is a job, finished batches the answer.

What does not belong here: what is in a batch (maker.py), and where in the epochs one is (loader.py).
"""

import threading
from collections import deque
from queue import SimpleQueue

from mixscope.data.batch import Batch
from mixscope.data.maker import Maker
from mixscope.data.order import Position

Outcome = Batch | BaseException


class Run:
    """Memory for some batches in a row, and where their maker answers."""

    def __init__(self, maker: Maker, length: int) -> None:
        self.slots = [maker.slot() for _ in range(length)]
        self.done: SimpleQueue[deque[Outcome]] = SimpleQueue()


_Job = tuple[Position, int, Run]  # the first batch, how many, and where to


class Pipeline:
    """Makes batches from one position on, without end (one epoch runs into the next)."""

    def __init__(self, maker: Maker, start: Position, *, threads: int, runs: int, length: int) -> None:
        """runs: of memory, each for `length` batches."""
        self.at = start  # the batch that `take` gives next
        self._ahead = start  # the first batch that is not asked for yet
        self._batches = maker.batches
        self._todo: SimpleQueue[_Job | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._waiting = deque(Run(maker, length) for _ in range(runs))  # in the order they were asked for
        self._in_hand: Run | None = None
        self._ready: deque[Outcome] = deque()
        for run in self._waiting:
            self._order(run)
        # Daemons, so that a loader that nobody closed does not keep the interpreter from ending.
        self._threads = [
            threading.Thread(
                target=_work,
                args=(maker, self._todo, self._stopping),
                name=f"mixscope-loader-{k}",
                daemon=True,
            )
            for k in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> Outcome:
        """The next batch, or what went wrong with it. The one taken before may be overwritten from now on."""
        if not self._ready:
            if self._in_hand is not None:
                self._order(self._in_hand)
                self._waiting.append(self._in_hand)
            self._in_hand = self._waiting.popleft()
            self._ready = self._in_hand.done.get()
        self.at = _after(self.at, 1, self._batches)
        return self._ready.popleft()

    def stop(self) -> None:
        """Ends the threads; waits for the batches in the making, not for those ahead."""
        self._stopping.set()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _order(self, run: Run) -> None:
        count = min(len(run.slots), self._batches - self._ahead.batch)
        self._todo.put((self._ahead, count, run))
        self._ahead = _after(self._ahead, count, self._batches)


def _after(at: Position, count: int, batches: int) -> Position:
    """`count` batches later, of an epoch that has at least that many left."""
    return Position(at.epoch, at.batch + count) if at.batch + count < batches else Position(at.epoch + 1, 0)


def _work(maker: Maker, todo: "SimpleQueue[_Job | None]", stopping: threading.Event) -> None:
    scratch = maker.scratch()
    middle = maker.batches // 2
    while (job := todo.get()) is not None and not stopping.is_set():
        first, count, run = job
        made: deque[Outcome] = deque()
        for batch, slot in zip(range(first.batch, first.batch + count), run.slots, strict=False):
            if stopping.is_set():
                break
            try:
                made.append(maker.make(Position(first.epoch, batch), slot, scratch))
            except BaseException as problem:  # whatever it is, the consumer must hear of it
                made.append(problem)
                break
        run.done.put(made)
        if first.batch <= middle < first.batch + count:  # in good time, so that the next epoch begins at once
            maker.look_ahead(first.epoch + 1)
