"""Measures rows in turn, round after round, so that other load on the machine affects all of them.

A row is a function that measures once and returns a rate (or a time). Rows are measured in a new random order
in each round, and ratios are computed within a round, between measurements seconds apart. Absolute values
depend on machine and load; ratios can be quoted.
"""

import json
import os
import platform
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixscope.hardware import cores, processor
from mixscope.runs.environment import versions

Row = Callable[[], float]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Rows to measure; see `measure`. Scripts can add rows of their own."""

    unit: str
    rows: dict[str, Row]
    ratios: tuple[tuple[str, str], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def measure(self, rounds: int, progress: Progress | None = None) -> "Measured":
        """Measures all rows in turn, `rounds` times."""
        return measure(
            self.rows,
            unit=self.unit,
            rounds=rounds,
            ratios=self.ratios,
            context=self.context,
            progress=progress,
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measurements.

    Attributes:
        unit: Unit of the values, for instance "images/s".
        found: Values of every row, one per round, in the order of the rounds.
        ratios: Pairs of row names (numerator, denominator).
        context: Machine, versions and settings.
    """

    unit: str
    found: dict[str, list[float]]
    ratios: tuple[tuple[str, str], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def ratio(self, what: str, reference: str) -> tuple[float, float, float]:
        """Median, minimum and maximum of the ratios within a round; both rows must have been measured."""
        pairs = zip(self.found[what], self.found[reference], strict=True)
        each = [a / b for a, b in pairs]
        return statistics.median(each), min(each), max(each)

    def with_row(self, name: str, make: Callable[..., float], *of: str) -> "Measured":
        """Adds a row computed within each round from the rows `of`; unchanged if one was not measured."""
        if not all(each in self.found for each in of):
            return self
        figures = [make(*values) for values in zip(*(self.found[each] for each in of), strict=True)]
        return replace(self, found=self.found | {name: figures})

    def records(self) -> Iterator[dict[str, Any]]:
        """Plain values: the context, then a record per row, then one per ratio."""
        yield {"context": self.context, "unit": self.unit}
        for name, figures in self.found.items():
            yield {
                "row": name, "median": statistics.median(figures), "low": min(figures), "high": max(figures),
                "rounds": len(figures),
            }  # fmt: skip
        for what, reference in self._shown():
            median, low, high = self.ratio(what, reference)
            yield {"ratio": what, "of": reference, "median": median, "low": low, "high": high}

    def table(self) -> str:
        """Formats the measurements: a line per row, then a line per ratio."""
        wide = max((len(name) for name in self.found), default=0) + 2
        lines = [f"{self.unit + ' (median, range)':<{wide}}"]
        for name, figures in self.found.items():
            low, high = _short(min(figures)), _short(max(figures))
            lines.append(f"{name:<{wide}}{_short(statistics.median(figures)):>12}   {low} .. {high}")
        shown = self._shown()
        if shown:
            lines += ["", "ratios within a round (median, range)"]
        for what, reference in shown:
            median, low_, high_ = self.ratio(what, reference)
            lines.append(f"{median:>8.3g}   {low_:.3g} .. {high_:.3g}   {what}  /  {reference}")
        return "\n".join(lines)

    def lines(self) -> str:
        """Formats the records as JSON, one per line."""
        return "\n".join(json.dumps(record) for record in self.records())

    def _shown(self) -> list[tuple[str, str]]:
        return [(a, b) for a, b in self.ratios if a in self.found and b in self.found]


def measure(
    rows: Mapping[str, Row],
    *,
    unit: str,
    rounds: int = 5,
    ratios: Sequence[tuple[str, str]] = (),
    context: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    warm_up: bool = True,
) -> Measured:
    """Measures every row once to warm up (compilation, workers, caches), then `rounds` times.

    Args:
        rows: Measuring functions by name.
        unit: Unit of the values.
        rounds: Number of rounds, at least 1.
        ratios: Pairs of rows to compare.
        context: Recorded with the values.
        progress: Called with the number of measurements done, and their total.
        warm_up: False for rows that take minutes and start new processes anyway.

    Raises:
        ValueError: If `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be 1 or more, got {rounds}")
    order, chance = list(rows), random.Random(0)
    begin = 0 if warm_up else 1
    done, total = 0, len(rows) * (rounds + 1 - begin)
    found: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(begin, rounds + 1):
        for name in order:
            figure = rows[name]()
            if number:
                found[name].append(figure)
            done += 1
            if progress:
                progress(done, total)
        chance.shuffle(order)
    return Measured(
        unit=unit,
        found=found,
        ratios=tuple(ratios),
        context=machine() | {"rounds": rounds, **(context or {})},
    )


def machine() -> dict[str, Any]:
    """Cores of this process, load average of the last minute, processor, and package versions."""
    return {
        "cores": cores(), "load": os.getloadavg()[0], "processor": processor() or platform.machine(),
        "python": platform.python_version(),
    } | {k: v for k, v in versions().items() if v}  # fmt: skip


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
