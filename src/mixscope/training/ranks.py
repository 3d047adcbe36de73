"""Several processes, one run: who am I, and what do the others say.

A run alone is rank 0 of 1, and nothing here costs anything then.

What does not belong here: how the processes are started (runs/execute.py).
"""

from typing import TypeVar

from torch import distributed

T = TypeVar("T")


def rank() -> int:
    return distributed.get_rank() if _several() else 0


def count() -> int:
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


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()
