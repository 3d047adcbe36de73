"""The cost of mixing in microseconds per batch of 256.

Pixels are mixed in the loader's kernel, which also gathers, crops, flips and normalises: "mixing adds" is
plan and kernel, minus the kernel without mixing. Plans are requested batch by batch, as in the loader's
threads. Every row keeps one thread busy and measures its CPU time, so that other work on the machine has
little effect.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from mixscope import mixing
from mixscope.bench import upper_bounds
from mixscope.bench.rounds import Bench, Measured, Row
from mixscope.bench.upper_bounds import BATCH, Bytes
from mixscope.data import kernels, order
from mixscope.study import methods

UNIT = f"microseconds a batch of {BATCH}"
# Methods that change pixels.
METHODS = (*(name for name in methods.builtin() if name != "manifold"), "switch")
SIZES = (32, 64)
STORED = 4096  # random images
EXAMPLES = 50_000  # size of the planned epoch
BUNCH = 0.05  # CPU seconds per measurement

Call = Callable[[int], object]  # one call; its argument is the number of the call


def alone(size: int) -> str:
    """Name of the row without mixing."""
    return f"kernel, {size} px"


def mixed(mix: str, size: int) -> str:
    """Name of the row with mixing."""
    return f"kernel and plan {mix}, {size} px"


def adds(mix: str, size: int) -> str:
    """Name of the computed row: the cost of mixing."""
    return f"mixing adds {mix}, {size} px"


def thread_time(call: Call, bunch: float = BUNCH) -> Row:
    """Microseconds of this thread's CPU time per call.

    The number of calls is chosen to fill `bunch` seconds.
    """
    calls = 0

    def timed(count: int) -> float:
        start = time.thread_time()
        for number in range(count):
            call(number)
        return time.thread_time() - start

    def measure() -> float:
        nonlocal calls
        if not calls:
            timed(2)  # warm-up: compiles, fills caches
            calls = max(2, int(bunch / max(timed(2) / 2, 1e-7)))
        return timed(calls) / calls * 1e6

    return measure


def plan_calls(mixes: Sequence[str] = METHODS) -> dict[str, Call]:
    """Rows for taking a plan of a drawn epoch, and for drawing an epoch."""
    rows: dict[str, Call] = {}
    for mix in mixes:
        name = methods.label(mix)
        for per in ("sample", "batch"):
            mixer = upper_bounds.mixer(mix, per, SIZES[0], EXAMPLES)
            plans = upper_bounds.plans(mixer, 0)
            rows[f"plan {name}"] = partial(_plan, plans)
            rows[f"plans of an epoch {name}, per {per}"] = partial(upper_bounds.plans, mixer)
    return rows


def _plan(plans: mixing.Plans, call: int) -> object:
    return plans.of(call % (EXAMPLES // BATCH), BATCH)


def pixel_calls(size: int, mixes: Sequence[str] = METHODS) -> dict[str, Call]:
    """Rows of the fused kernel from bytes to a finished batch, with a new plan for each batch."""
    source = Bytes.random(STORED, size)
    draws, (scale, bias) = source.draws, source.normaliser
    fill = kernels.fused(size, order.padding("crop-flip", size))
    out, scratch = torch.empty(BATCH, 3, size, size).numpy(), np.empty((BATCH, 3, size, size), np.uint8)

    def row(plans: mixing.Plans | None) -> Call:
        def call(count: int) -> None:
            own = draws.order[count % source.batches * BATCH :][:BATCH]
            plan = plans.of(count % (EXAMPLES // BATCH), BATCH) if plans else None
            # As in the loader.
            mixed = kernels.UNMIXED if plan is None else plan.pixels
            places = (own, own, draws.crop, draws.flip)
            fill(source.images, *places, *kernels.KEPT, *mixed, scale, bias, scratch, out)

        return call

    return {alone(size): row(None)} | {
        mixed(methods.label(mix), size): row(
            upper_bounds.plans(upper_bounds.mixer(mix, "batch", size, EXAMPLES), 0)
        )
        for mix in mixes
    }


def rows(sizes: Sequence[int] = SIZES, bunch: float = BUNCH, own: Sequence[str] = ()) -> Bench:
    """Defines all rows.

    Args:
        sizes: Image sizes in pixels.
        bunch: CPU seconds per measurement.
        own: Names in settings of user-defined methods.

    Raises:
        ConfigError: If a user-defined method cannot be loaded.
    """
    mixes = (*METHODS, *own)
    calls = plan_calls(mixes)
    for size in sizes:
        calls |= pixel_calls(size, mixes)
    named = [methods.label(mix) for mix in mixes]
    return Bench(
        unit=UNIT,
        rows={name: thread_time(call, bunch) for name, call in calls.items()},
        ratios=tuple((alone(size), mixed(mix, size)) for size in sizes for mix in named),
        context={"batch": BATCH, "examples": EXAMPLES, "sizes": list(sizes), "methods": named},
    )


def computed(measured: Measured) -> Measured:
    """Adds the rows of what mixing adds."""
    for size in measured.context["sizes"]:
        for mix in measured.context["methods"]:
            measured = measured.with_row(
                adds(mix, size), lambda with_, without: with_ - without, mixed(mix, size), alone(size)
            )
    return measured
