"""What the machine could do at most, for peers.py to measure beside the loaders: with all cores.

The same functions as in `mixscope bench loader`, which has more such rows.
"""

from collections.abc import Callable

from mixscope.bench import upper_bounds
from mixscope.bench.loader import IMAGES, MIXES
from mixscope.bench.rounds import Row
from mixscope.bench.upper_bounds import BATCH, Bytes
from mixscope.hardware import cores

BATCHES = IMAGES // BATCH


def kernel(mix: str) -> Callable[[Bytes], Row]:
    """The loader's kernel without a loader."""
    return lambda source: upper_bounds.in_threads(
        upper_bounds.kernel(source, mix), source.size, cores(), BATCHES
    )


def conversion(source: Bytes) -> Row:
    """Bytes to floats as they lie, by torch; nothing is normalised."""
    return upper_bounds.by_torch(upper_bounds.torch_conversion(source), source.size, cores(), BATCHES)


def copy(source: Bytes) -> Row:
    """A copy that moves as many bytes as the kernel does for an image."""
    return upper_bounds.copy(cores(), upper_bounds.traffic(source.size))


# The order is that of the table.
LIMITS: dict[str, Callable[[Bytes], Row]] = {
    **{f"limit: bare kernel, {mix}": kernel(mix) for mix in MIXES},
    "limit: conversion uint8 to float32 by torch": conversion,
    "limit: copy of as many bytes": copy,
}
