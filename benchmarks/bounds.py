"""Bounds that figures of the loader must keep, and a sentence for each that is passed.

Counts of instructions do not depend on the clock or on what else runs; they do depend on the compiler, so the
bounds are a quarter above what was counted. Ratios within one process depend on both, so theirs only catch
what is plainly broken: a kernel that lost its vector operations has a tenth of its rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bound:
    """least, most: what is still allowed; None for no bound on that side. unit: said behind the figures."""

    unit: str
    least: float | None = None
    most: float | None = None


INSTRUCTIONS = "instructions an image"
# Counted with numba 0.68.1 (LLVM 20) on the processor that valgrind 3.19 shows, which has AVX2.
COUNTS = {
    name: Bound(unit=INSTRUCTIONS, most=round(1.25 * counted, -1))
    for name, counted in {
        "kernel none, 32 px": 2930,
        "kernel mixup, 32 px": 4800,
        "kernel cutmix, 32 px": 4080,
        "kernel none, 64 px": 9060,
        "kernel mixup, 64 px": 17630,
        "kernel cutmix, 64 px": 12360,
    }.items()
}
RATIOS = {
    "bare kernel to plain conversion, shuffled, 1 thread": Bound(unit="times", least=0.4),
    "loader to bare kernel, 2 threads": Bound(unit="times", least=0.4),
    "bare kernel mixup to none, 1 thread": Bound(unit="times", least=0.35),
    "bare kernel cutmix to none, 1 thread": Bound(unit="times", least=0.35),
}


def judge(figures: Mapping[str, float], bounds: Mapping[str, Bound]) -> list[str]:
    """A sentence for each bound that is passed, in the order of `bounds`, and for each that has no figure.

    A figure without a bound is nobody's business.
    """
    return [said for name, bound in bounds.items() if (said := _judged(name, figures.get(name), bound))]


def _judged(name: str, figure: float | None, bound: Bound) -> str:
    if figure is None:
        return f"{name}: was not measured, so nothing is known of it; see why above"
    beyond = bound.most is not None and not figure <= bound.most
    short = bound.least is not None and not figure >= bound.least
    if not beyond and not short:
        return ""
    limit = f"at most {bound.most:,g}" if beyond else f"at least {bound.least:,g}"
    return (
        f"{name}: {figure:,.4g} {bound.unit}, expected {limit}; find the change that did it, or set another"
        " bound in benchmarks/bounds.py and say why"
    )
