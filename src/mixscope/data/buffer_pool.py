"""Worker threads and the buffers that they fill: which thread makes which batch when, in whose memory.

Batches are claimed in order, in runs (of small batches many, because handing over costs the same for any
size), and each maker writes to memory of its own, which comes back to it when the consumer is done: memory
that goes from core to core costs more than the work. Nothing waits on a clock.

A batch of 256 small images goes through all of a core's nearest cache, so whatever is touched between two
batches comes from further away, and costs several times what it costs in a loop of its own. Hence few
objects, few calls and no lock on the way of a batch.
"""

import itertools
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from mixscope.data.batch import Batch
from mixscope.data.batch_builder import BatchBuilder, is_ctrl_c
from mixscope.data.order import Position

Outcome = Batch | BaseException


class _Hands:
    """One maker of batches: its scratch memory, and the memory of runs that it is free to fill."""

    def __init__(self, maker: BatchBuilder) -> None:
        self.scratch = maker.scratch()
        self.free: SimpleQueue[_Memory | None] = SimpleQueue()


class _Memory:
    """For the batches of a run."""

    def __init__(self, maker: BatchBuilder, length: int, owner: _Hands) -> None:
        self.slots = [maker.slot() for _ in range(length)]
        self.owner = owner


class Pipeline:
    """Makes batches from one position on, without end (one epoch runs into the next)."""

    def __init__(self, maker: BatchBuilder, start: Position, *, threads: int, runs: int, length: int) -> None:
        """threads: besides the consumer's. runs: that there is memory for, each of `length` batches."""
        self.at = start.epoch * maker.batches + start.batch  # the batch that `take` gives next, of all epochs
        self._maker = maker
        self._start, self._length = start, length
        self._runs_each = -(-maker.batches // length)  # of an epoch
        self._runs_first = -(-(maker.batches - start.batch) // length)  # of the first, from `start` on
        self._claims = itertools.count()  # `next` is one step for the interpreter, whoever calls it
        self._done: list[SimpleQueue[tuple[list[Outcome], _Memory] | None]] = [
            SimpleQueue() for _ in range(runs)
        ]
        self._taken = 0
        self._ready: Iterator[Outcome] = iter(())
        self._in_hand: _Memory | None = None
        self._stopping = False
        workers = [_Hands(maker) for _ in range(threads)]
        self._own = _Hands(maker)
        makers = [*workers, self._own]
        for k in range(runs):
            owner = makers[k % len(makers)]
            owner.free.put(_Memory(maker, length, owner))
        self._workers = workers
        # Daemons, so that a loader that nobody closed does not keep the interpreter from ending.
        self._threads = [
            threading.Thread(target=self._work, args=(hands,), name=f"mixscope-loader-{k}", daemon=True)
            for k, hands in enumerate(workers)
        ]

    def start(self) -> None:
        """Starts the threads; `stop` ends them, also when not all of them could be started."""
        for thread in self._threads:
            thread.start()

    def take(self) -> Outcome:
        """The next batch, or what went wrong with it. The one taken before may be overwritten from now on.

        Raises RuntimeError in one thread when another has called `stop`.
        """
        outcome = next(self._ready, None)
        if outcome is None:
            if self._in_hand is not None:
                self._in_hand.owner.free.put(self._in_hand)
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
            made, self._in_hand = run
            self._ready = iter(made)
            outcome = next(self._ready)
            self._taken += 1
        self.at += 1
        return outcome

    def stop(self) -> None:
        """Ends the threads; waits for the batches in the making, not for those ahead.

        Of a loader that nobody closed the collector calls this, in whatever thread it runs. In one of ours
        nothing is waited for: it may hold the lock that the others need to end.
        """
        self._stopping = True
        for hands in self._workers:
            hands.free.put(None)
        for answer in self._done:
            answer.put(None)
        if threading.current_thread() in self._threads:
            return
        for thread in self._threads:
            if thread.is_alive():  # not all are, if one could not be started
                thread.join()

    def _work(self, hands: _Hands) -> None:
        while (memory := hands.free.get()) is not None and not self._stopping:
            epoch, batch = self._fill(memory)
            # In good time for the next epoch, and here, because the consumer is waited for and we are not.
            if batch > self._maker.batches // 2 and not self._stopping:
                self._maker.look_ahead(epoch + 1)

    def _fill(self, memory: _Memory) -> tuple[int, int]:
        """Claims the next run and makes its batches, up to the first that cannot be made; its first batch."""
        number = next(self._claims)
        epoch, first = at = self._place(number)
        made: list[Outcome] = []
        for batch, slot in enumerate(memory.slots, first):
            if batch == self._maker.batches:
                break
            if self._stopping:
                return at
            try:
                made.append(self._maker.make(epoch, batch, slot, memory.owner.scratch))
            except BaseException as problem:  # whatever it is, the consumer must hear of it in its turn
                if is_ctrl_c(problem):
                    raise
                made.append(problem)
                break
        # No more runs are under way than there is memory, so a place is empty when its turn comes again.
        self._done[number % len(self._done)].put((made, memory))
        return at

    def _place(self, number: int) -> tuple[int, int]:
        """Epoch and first batch of a run; runs end where epochs end."""
        epoch, later = self._start.epoch, number - self._runs_first
        if later < 0:
            return epoch, self._start.batch + number * self._length
        return epoch + 1 + later // self._runs_each, later % self._runs_each * self._length
