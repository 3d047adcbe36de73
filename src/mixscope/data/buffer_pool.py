"""Worker threads and their buffers.

Batches are claimed in order, in runs of several batches if they are small, because a handover costs the same
for any size. Each builder writes to its own buffers, which return to it when the consumer is done: memory
that moves between cores costs more than the work itself. Threads never poll.

A batch of 256 small images replaces the contents of a core's first-level cache, so anything touched between
two batches is fetched from further away, at several times its cost in a tight loop. Hence few objects, few
calls and no lock per batch.
"""

import itertools
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from mixscope.data.batch import Batch
from mixscope.data.batch_builder import BatchBuilder, is_ctrl_c
from mixscope.data.order import Position

Outcome = Batch | BaseException


class _Worker:
    """One builder of batches: its scratch memory, and its free run buffers."""

    def __init__(self, builder: BatchBuilder) -> None:
        self.scratch = builder.scratch()
        self.free: SimpleQueue[_Memory | None] = SimpleQueue()


class _Memory:
    """The buffers of one run of batches."""

    def __init__(self, builder: BatchBuilder, length: int, owner: _Worker) -> None:
        self.slots = [builder.slot() for _ in range(length)]
        self.owner = owner


class Pipeline:
    """Builds batches from one position on, without end (one epoch runs into the next)."""

    def __init__(
        self, builder: BatchBuilder, start: Position, *, threads: int, runs: int, length: int
    ) -> None:
        """Allocates buffers; `start` begins the work.

        Args:
            builder: Builds single batches.
            start: Position of the first batch.
            threads: Worker threads, besides the consumer's.
            runs: Number of run buffers.
            length: Batches per run.
        """
        # Index over all epochs of the next batch that `take` returns.
        self.at = start.epoch * builder.batches + start.batch
        self._builder = builder
        self._start, self._length = start, length
        self._runs_each = -(-builder.batches // length)  # of an epoch
        self._runs_first = -(-(builder.batches - start.batch) // length)  # of the first, from `start` on
        # The oldest run in progress is at most `runs` - 1 behind the newest, and that is at most half an
        # epoch behind the epoch drawn ahead.
        builder.begin(start.epoch, 2 + (2 * runs - 3 + self._runs_each) // (2 * self._runs_each))
        self._claims = itertools.count()  # `next` is atomic in the interpreter
        self._done: list[SimpleQueue[tuple[list[Outcome], _Memory] | None]] = [
            SimpleQueue() for _ in range(runs)
        ]
        self._taken = 0
        self._ready: Iterator[Outcome] = iter(())
        self._lent: _Memory | None = None
        self._stopping = False
        workers = [_Worker(builder) for _ in range(threads)]
        self._own = _Worker(builder)
        owners = [*workers, self._own]
        for k in range(runs):
            owner = owners[k % len(owners)]
            owner.free.put(_Memory(builder, length, owner))
        self._workers = workers
        # Daemon threads: a loader that is not closed must not keep the interpreter from ending.
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=f"mixscope-loader-{k}", daemon=True)
            for k, worker in enumerate(workers)
        ]

    def start(self) -> None:
        """Starts the threads; `stop` ends them, also when not all of them could be started."""
        for thread in self._threads:
            thread.start()

    def take(self) -> Outcome:
        """Returns the next batch or its error. The previous batch may be overwritten from now on.

        Raises:
            RuntimeError: If another thread has called `stop`.
        """
        outcome = next(self._ready, None)
        if outcome is None:
            if self._lent is not None:
                self._lent.owner.free.put(self._lent)
            answer = self._done[self._taken % len(self._done)]
            while answer.empty():
                try:
                    memory = self._own.free.get_nowait()
                except Empty:
                    break
                assert memory is not None
                self._fill(memory)
            run = answer.get()
            if run is None:
                raise RuntimeError("the loader was closed while a batch was waited for")
            made, self._lent = run
            self._ready = iter(made)
            outcome = next(self._ready)
            self._taken += 1
        self.at += 1
        return outcome

    def stop(self) -> None:
        """Ends the threads, after the batches in progress but without those not yet begun.

        The garbage collector calls this for a loader that was not closed, in any thread. In a worker thread
        it must not wait, because that thread may hold the lock that the others need to end.
        """
        self._stopping = True
        for worker in self._workers:
            worker.free.put(None)
        for answer in self._done:
            answer.put(None)
        if threading.current_thread() in self._threads:
            return
        for thread in self._threads:
            if thread.is_alive():  # false for threads that could not be started
                thread.join()

    def _work(self, worker: _Worker) -> None:
        while (memory := worker.free.get()) is not None and not self._stopping:
            epoch, batch = self._fill(memory)
            # Draws the next epoch here, in a worker thread, because training waits for the consumer only.
            if batch > self._builder.batches // 2 and not self._stopping:
                self._builder.look_ahead(epoch + 1)

    def _fill(self, memory: _Memory) -> tuple[int, int]:
        """Claims the next run and builds its batches, up to the first that fails; returns its position."""
        number = next(self._claims)
        epoch, first = at = self._place(number)
        made: list[Outcome] = []
        for batch, slot in enumerate(memory.slots, first):
            if batch == self._builder.batches:
                break
            if self._stopping:
                return at
            try:
                made.append(self._builder.make(epoch, batch, slot, memory.owner.scratch))
            except BaseException as problem:  # any error is passed to the consumer in order
                if is_ctrl_c(problem):
                    raise
                made.append(problem)
                break
        # There are never more runs than buffers, so the slot of this run is empty.
        self._done[number % len(self._done)].put((made, memory))
        return at

    def _place(self, number: int) -> tuple[int, int]:
        """Epoch and first batch of a run; runs end at the end of an epoch."""
        epoch, later = self._start.epoch, number - self._runs_first
        if later < 0:
            return epoch, self._start.batch + number * self._length
        return epoch + 1 + later // self._runs_each, later % self._runs_each * self._length
