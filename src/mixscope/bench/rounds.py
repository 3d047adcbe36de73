"""Rows measured in turn, round after round, so that whatever else the machine does falls on all of them.

A row is a function that measures once and returns a rate (or a time). Within a round the rows come in a new
random order each time, and ratios are taken within a round: of two rows that were measured a second apart.
Absolute figures belong to one machine and one day; ratios are what may be quoted.
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
Told = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is to be measured; see `measure`. Another script may add rows of its own to these."""

    unit: str
    rows: dict[str, Row]
    ratios: tuple[tuple[str, str], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def measure(self, rounds: int, told: Told | None = None) -> "Measured":
        """All rows in turn, `rounds` times."""
        return measure(
            self.rows, unit=self.unit, rounds=rounds, ratios=self.ratios, context=self.context, told=told
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found.

    unit: of the figures, "images/s" for instance. found: the figures of every row, one a round, in the order
    of the rounds. ratios: (what, of what), names of rows. context: machine, versions and settings.
    """

    unit: str
    found: dict[str, list[float]]
    ratios: tuple[tuple[str, str], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def ratio(self, what: str, reference: str) -> tuple[float, float, float]:
        """Median, least and greatest of the ratios within a round; each row must have been measured."""
        pairs = zip(self.found[what], self.found[reference], strict=True)
        each = [a / b for a, b in pairs]
        return statistics.median(each), min(each), max(each)

    def with_row(self, name: str, make: Callable[..., float], *of: str) -> "Measured":
        """One more row, made within each round of the rows `of`; as it is where one was not measured."""
        if not all(each in self.found for each in of):
            return self
        figures = [make(*values) for values in zip(*(self.found[each] for each in of), strict=True)]
        return replace(self, found=self.found | {name: figures})

    def records(self) -> Iterator[dict[str, Any]]:
        """Plain values: the context, then a record a row, then one a ratio."""
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
        """For people: a line a row, then a line a ratio."""
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
        """JSON, a line a record."""
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
    told: Told | None = None,
    warm_up: bool = True,
) -> Measured:
    """Every row once to warm up (it compiles, starts workers, fills caches), then `rounds` times.

    rounds: 1 or more. warm_up: False for rows of minutes that start fresh processes anyway. told: called with
    (measurements done, measurements in all), for a progress bar.
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
            if told:
                told(done, total)
        chance.shuffle(order)
    return Measured(
        unit=unit,
        found=found,
        ratios=tuple(ratios),
        context=machine() | {"rounds": rounds, **(context or {})},
    )


def machine() -> dict[str, Any]:
    """Cores that this process may use, load of the last minute, processor, and versions of packages."""
    return {
        "cores": cores(), "load": os.getloadavg()[0], "processor": processor() or platform.machine(),
        "python": platform.python_version(),
    } | {k: v for k, v in versions().items() if v}  # fmt: skip


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
