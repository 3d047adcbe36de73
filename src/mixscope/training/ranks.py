"""Several processes, one run: who am I, and what do the others say.

A run alone is rank 0 of 1, and nothing here costs anything then.
"""

import time
from typing import TypeVar

import torch
from torch import distributed, nn

T = TypeVar("T")

TALK_SECONDS = 1.0  # about how often ranks tell each other of signals; torchrun kills 30 s after its own


def rank() -> int:
    """Which of the processes this is, from 0; 0 when it is alone."""
    return distributed.get_rank() if _several() else 0


def count() -> int:
    """How many processes the run has, 1 when it is alone."""
    return distributed.get_world_size() if _several() else 1


def gather(value: T) -> list[T]:
    """What every rank has, in the order of ranks, on every rank; all ranks must call it."""
    if not _several():
        return [value]
    found: list[T | None] = [None] * count()
    distributed.all_gather_object(found, value)
    return [each for each in found if each is not None]


def wait() -> None:
    """Returns when every rank is here."""
    if _several():
        distributed.barrier()


class Talk:
    """Ranks tell each other what they wish, about once in TALK_SECONDS, always at the same turn.

    A turn is a batch; all ranks take the same turns. How many pass until the next talk follows from what
    was said in the last one, so that clocks that differ never part the ranks.
    """

    def __init__(self) -> None:
        self._every = self._left = 1
        self._since = time.monotonic()

    def turn(self, wish: T, *, now: bool = False) -> list[T] | None:
        """What every rank wishes, in the order of ranks, or None at a turn without talk; now: with talk."""
        self._left -= 1
        if _several() and self._left > 0 and not now:
            return None
        taken = self._every - self._left
        said = gather((wish, time.monotonic() - self._since))
        slowest = max(seconds for _, seconds in said)
        self._every = max(1, min(2 * taken, int(taken * TALK_SECONDS / max(slowest, 1e-9))))
        self._left, self._since = self._every, time.monotonic()
        return [each for each, _ in said]


@torch.no_grad()
def share_buffers(module: nn.Module) -> None:
    """Gives every rank the buffers of rank 0, in place; all ranks must call it.

    In training each rank's batch norm runs over its own images, so the statistics drift apart within a step.
    Those of rank 0 are the ones that are saved: judged must be the same everywhere.
    """
    if _several():
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()
