"""Decides whether a column of scores contains accuracies or error rates if its heading does not say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mixscope.results import printed_values, vocabulary
from mixscope.results.printed_values import PrintedValue
from mixscope.results.table_files import Table
from mixscope.results.vocabulary import Heading


@dataclass(frozen=True, slots=True)
class Direction:
    """Whether the values of a column are error rates, and how this is known.

    Attributes:
        error: Whether they are error rates, not accuracies.
        basis: "heading" or "caption" if one of these says so, "gains" or "chance" if the values allow one
            reading only, "beside" if those of a column with a like heading do, "assumed" if nothing tells
            and accuracies are assumed.
    """

    error: bool
    basis: str


def directions(table: Table, headings: Mapping[int, Heading]) -> dict[int, Direction]:
    """Which columns contain error rates.

    Columns whose headings name no direction ("ImageNet Cls (%)") contain error rates if the gains stated in
    cells are positive where values decrease, "21.40 (+2.28)" below 23.68; else if a caption says so; else if
    every value is below chance accuracy on that data set; else if this holds for another of these columns.

    Args:
        table: The table.
        headings: Parsed headings of the columns of scores.
    """
    found = {c: _direction(table, c, heading) for c, heading in headings.items()}
    for c, heading in headings.items():
        if found[c].basis == "assumed":
            like = {
                found[k].error
                for k, other in headings.items()
                if other.metric == heading.metric and found[k].basis in ("gains", "chance")
            }
            if len(like) == 1:
                found[c] = Direction(like.pop(), "beside")
    return found


def _direction(table: Table, column: int, heading: Heading) -> Direction:
    if heading.error or not heading.open:
        return Direction(heading.error, "heading")
    cells = [row.cells[column] for row in table.rows if column < len(row.cells)]
    values = [v for cell in cells if (v := printed_values.read(cell)) is not None]
    falls, rises = _led_to_by_gains(values, -1), _led_to_by_gains(values, 1)
    if falls != rises:
        return Direction(falls, "gains")
    named = caption(table.context)
    if named:
        return Direction(named[1], "caption")
    if _below_chance(values, heading, "%" in table.headings[column]):
        return Direction(True, "chance")
    return Direction(False, "assumed")


def caption(context: Sequence[str]) -> tuple[str, bool] | None:
    """(metric, error) named by the nearest of these texts that names one, or None."""
    return next((named for text in reversed(context) if (named := vocabulary.metric_of(text))), None)


def _led_to_by_gains(values: Sequence[PrintedValue], sign: int) -> bool:
    """Whether every value with a stated gain lies by that gain above (below, for -1) one without."""
    plain = [v for v in values if v.gain is None]
    gains = [(v, v.gain) for v in values if v.gain is not None and v.gain.value]
    return len(gains) > 0 and all(
        any(abs(v.value - sign * g.value - p.value) <= v.half + g.half + p.half for p in plain)
        for v, g in gains
    )


def _below_chance(values: Sequence[PrintedValue], heading: Heading, percent: bool) -> bool:
    classes = vocabulary.n_classes(dict(heading.levels).get("dataset", ""))
    if classes is None or not values or not (percent or any(v.percent for v in values)):
        return False
    return all(0 <= v.value < Decimal(100) / classes for v in values)
