"""Communication between the processes (ranks) of one run.

A run in a single process is rank 0 of 1, at no cost.
"""

import time
from typing import TypeVar

import torch
from torch import distributed, nn

T = TypeVar("T")

EXCHANGE_SECONDS = 1.0  # approximate interval of exchanges; torchrun kills 30 s after its own signal


def rank() -> int:
    """Index of this process, from 0."""
    return distributed.get_rank() if _several() else 0


def count() -> int:
    """Number of processes of the run."""
    return distributed.get_world_size() if _several() else 1


def gather(value: T) -> list[T]:
    """Gathers a value of every rank, in rank order, on every rank; a collective call."""
    if not _several():
        return [value]
    found: list[T | None] = [None] * count()
    distributed.all_gather_object(found, value)
    return [each for each in found if each is not None]


def wait() -> None:
    """Barrier: returns when every rank has called it."""
    if _several():
        distributed.barrier()


class Exchange:
    """Exchange of requests between ranks about every EXCHANGE_SECONDS, at the same turn on all ranks.

    A turn is a batch. The number of turns until the next exchange follows from the last one, so that
    different clocks cannot desynchronize the ranks.
    """

    def __init__(self) -> None:
        self._every = self._left = 1
        self._since = time.monotonic()

    def turn(self, wish: T, *, now: bool = False) -> list[T] | None:
        """Exchanges at some turns.

        Args:
            wish: This rank's request.
            now: Exchange at this turn.

        Returns:
            Requests of all ranks in rank order, None at a turn without exchange.
        """
        self._left -= 1
        if _several() and self._left > 0 and not now:
            return None
        taken = self._every - self._left
        wishes = gather((wish, time.monotonic() - self._since))
        slowest = max(seconds for _, seconds in wishes)
        self._every = max(1, min(2 * taken, int(taken * EXCHANGE_SECONDS / max(slowest, 1e-9))))
        self._left, self._since = self._every, time.monotonic()
        return [each for each, _ in wishes]


@torch.no_grad()
def share_buffers(module: nn.Module) -> None:
    """Broadcasts the buffers of rank 0, in place; a collective call.

    In training each rank's batch norm sees its own images, so the statistics differ after one step. Those of
    rank 0 are saved, and evaluation must use the same on every rank.
    """
    if _several():
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()
