"""What mixing costs on top of making a batch, in microseconds a batch of 256.

Pixels are mixed where the loader makes them, in the kernel that also gathers, crops, flips and normalises:
"mixing adds" is a plan and the kernel with it, less the kernel without mixing. A plan is asked for batch by
batch, as the loader's threads do. Every row keeps one thread busy, and what is measured is the time that the
processor gave to it, so that other work on the machine disturbs little.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from mixscope import mixing
from mixscope.bench import bare
from mixscope.bench.bare import BATCH, Bytes
from mixscope.bench.rounds import Bench, Measured, Row
from mixscope.data import kernels, order
from mixscope.study import methods

UNIT = f"microseconds a batch of {BATCH}"
METHODS = (*(name for name in methods.builtin() if name != "manifold"), "switch")  # those that move pixels
SIZES = (32, 64)
STORED = 4096  # random images
EXAMPLES = 50_000  # of the epoch that is planned
BUNCH = 0.05  # seconds of processor time of one measurement

Call = Callable[[int], object]  # one call; its argument counts calls


def alone(size: int) -> str:
    """Name of the row without mixing."""
    return f"kernel, {size} px"


def mixed(mix: str, size: int) -> str:
    """Name of the row with mixing."""
    return f"kernel and plan {mix}, {size} px"


def adds(mix: str, size: int) -> str:
    """Name of the computed row: what mixing adds."""
    return f"mixing adds {mix}, {size} px"


def thread_time(call: Call, bunch: float = BUNCH) -> Row:
    """Microseconds of this thread's processor time a call; tries out how many calls fill `bunch` seconds."""
    calls = 0

    def timed(count: int) -> float:
        start = time.thread_time()
        for number in range(count):
            call(number)
        return time.thread_time() - start

    def measure() -> float:
        nonlocal calls
        if not calls:
            timed(2)  # compiles, fills caches
            calls = max(2, int(bunch / max(timed(2) / 2, 1e-7)))
        return timed(calls) / calls * 1e6

    return measure


def plan_calls(mixes: Sequence[str] = METHODS) -> dict[str, Call]:
    """A plan of a drawn epoch, and the drawing of one."""
    rows: dict[str, Call] = {}
    for mix in mixes:
        name = methods.label(mix)
        for per in ("sample", "batch"):
            mixer = bare.mixer(mix, per, SIZES[0], EXAMPLES)
            plans = bare.plans(mixer, 0)
            rows[f"plan {name}"] = lambda call, p=plans: p.of(call % (EXAMPLES // BATCH), BATCH)  # type: ignore[misc]
            rows[f"plans of an epoch {name}, per {per}"] = lambda call, m=mixer: bare.plans(m, call)  # type: ignore[misc]
    return rows


def pixel_calls(size: int, mixes: Sequence[str] = METHODS) -> dict[str, Call]:
    """The fused kernel from bytes to a finished batch, with a new plan for each batch."""
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
        mixed(methods.label(mix), size): row(bare.plans(bare.mixer(mix, "batch", size, EXAMPLES), 0))
        for mix in mixes
    }


def rows(sizes: Sequence[int] = SIZES, bunch: float = BUNCH, own: Sequence[str] = ()) -> Bench:
    """All rows.

    sizes: of images, in pixels. bunch: seconds of one measurement of a row. own: methods that do not come
    with mixscope, by name in settings. Raises ConfigError for one of these that cannot be had.
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
    """With what mixing adds."""
    for size in measured.context["sizes"]:
        for mix in measured.context["methods"]:
            measured = measured.with_row(
                adds(mix, size), lambda with_, without: with_ - without, mixed(mix, size), alone(size)
            )
    return measured
