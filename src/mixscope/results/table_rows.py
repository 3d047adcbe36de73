"""Converts the rows of a table of runs: levels, seed, state, accuracy as a fraction, spread.

Impossible values are rejected with their line: an accuracy of 134 %, fractions beside percent, a repeated
seed.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mixscope.errors import DataError, unknown
from mixscope.findings import Finding
from mixscope.results import columns, printed_values
from mixscope.results.columns import Columns
from mixscope.results.printed_values import PrintedValue
from mixscope.results.results import DONE, FAILED, INTERRUPTED, PENDING, SPREADS, STATES, State
from mixscope.results.table_files import Line, Table

_STATES = dict.fromkeys(("", "finished", "completed", "complete", "success", "succeeded", "ok"), DONE)
_STATES |= dict.fromkeys(("crashed", "error", "killed", "diverged", "nan", "oom"), FAILED)
_STATES |= dict.fromkeys(("preempted", "stopped"), INTERRUPTED)
_STATES |= dict.fromkeys(("queued", "scheduled"), PENDING)


@dataclass(slots=True)
class Row:
    """One converted row; values are fractions."""

    line: int
    levels: dict[str, str]
    label: str
    seed: int | None
    state: State
    accuracy: float | None
    spread: float | None
    spread_kind: str | None
    n_seeds: int | None
    n_test: int | None
    predictions: str
    metrics: dict[str, float] = field(default_factory=dict)


def read(
    table: Table, found: Columns, *, n_test: int | None, n_seeds: int | None, source: str
) -> tuple[list[Row], str]:
    """Reads the rows of a table.

    Args:
        table: Table with a column of accuracies or predictions.
        found: Roles of its columns.
        n_test: Number of test examples, if no column has it.
        n_seeds: Number of runs behind each row, if no column has it.
        source: Name of the table in messages.

    Returns:
        The rows, and the unit of their accuracies: "percent", "share" or "".

    Raises:
        DataError: If a row is invalid.
    """
    width = len(table.headings)
    in_percent = _in_percent(table, found)
    rows: list[Row] = []
    printed: list[PrintedValue | None] = []
    spreads: list[PrintedValue | None] = []
    for line in table.rows:
        if len(line.cells) != width:
            raise DataError(
                "wrong-format",
                f"has {len(line.cells)} cells, the headings {width}; expected as many (a decimal comma"
                " splits a number where cells are separated by commas)",
                path=source,
                line=line.number,
            )

        def cell(role: str, line: Line = line) -> str:
            return line.cells[found.of[role]] if role in found.of else ""

        levels = {}
        for factor, position in found.factors.items():
            levels[factor] = line.cells[position]
            if not levels[factor]:
                raise DataError(
                    "missing-key",
                    f'no {factor} given; expected a level under "{factor}" in every row',
                    path=source,
                    line=line.number,
                )
        state = _state(cell("state"), source, line.number)
        value = printed_values.read(cell("accuracy") or cell("error"))
        if value is None and (cell("accuracy") or cell("error")) and state == DONE:
            text = cell("accuracy") or cell("error")
            raise DataError(
                "wrong-type",
                f"{text!r} is no accuracy; expected a number, or a state such as failed; correct the cell",
                path=source,
                line=line.number,
            )
        if value is None and state == DONE and not cell("predictions"):
            raise DataError(
                "missing-key",
                "no accuracy and no predictions; expected one, or a state such as failed",
                path=source,
                line=line.number,
            )
        printed.append(value)
        spreads.append(printed_values.read(cell("spread")))
        own = _count(cell("n_seeds"), "n_seeds", source, line.number, 1)
        inside = value is not None and value.spread is not None
        if own is None and (inside or spreads[-1] is not None or n_seeds is not None):
            own = n_seeds
            if own is None:
                raise DataError(
                    "missing-key",
                    "a spread without its number of runs; give --n-seeds N",
                    path=source,
                    line=line.number,
                )
        kind = cell("spread_kind") or found.spread_kind
        if kind and kind not in SPREADS:
            raise DataError(
                "unknown-name",
                unknown("spread", kind, SPREADS) + "; write one of these",
                key="spread_kind",
                path=source,
                line=line.number,
            )
        rows.append(
            Row(
                line=line.number,
                levels=levels,
                label=cell("experiment"),
                seed=_count(cell("seed"), "seed", source, line.number),
                state=state,
                accuracy=None,
                spread=None,
                spread_kind=kind or None,
                n_seeds=own,
                n_test=_count(cell("n_test"), "n_test", source, line.number, 2) or n_test,
                predictions=cell("predictions"),
                metrics=_metrics(line, found, in_percent),
            )
        )
    unit = _unit(table, found, rows, printed, source)
    for row, value, spread in zip(rows, printed, spreads, strict=True):
        if value is not None:
            scale = 1.0 if unit == "share" and not value.percent else 100.0
            row.accuracy = float(value.value) / scale
            if "error" in found.of:
                row.accuracy = 1.0 - row.accuracy
            width_ = spread.value if spread is not None else value.spread
            row.spread = None if width_ is None else float(width_) / scale
    return rows, unit


def _unit(
    table: Table, found: Columns, rows: Sequence[Row], printed: Sequence[PrintedValue | None], source: str
) -> str:
    """ "percent" or "share"; "" without accuracies."""
    position = found.of.get("accuracy", found.of.get("error"))
    values = [(row, v) for row, v in zip(rows, printed, strict=True) if v is not None]
    if position is None or not values:
        return ""
    heading = table.headings[position]
    bare = [(row, v) for row, v in values if not v.percent]
    for row, value in values:
        if not 0 <= value.value <= 100:
            raise DataError(
                "out-of-range",
                f'{value.text} under "{heading}"; expected an accuracy of 0 to'
                " 100 %, or of 0 to 1; correct the cell",
                path=source,
                line=row.line,
            )
    small = [(row, v) for row, v in bare if 0 < v.value <= 1]
    large = [(row, v) for row, v in values if v.value > 1]
    stated = "%" in heading or "percent" in heading.lower()
    if small and large and not ("error" in found.of and stated):
        row, value = small[0]
        other, beside = large[0]
        raise DataError(
            "inconsistent",
            f'{value.text} under "{heading}" beside {beside.text} in line'
            f" {other.line}, shares mixed with percent; expected one unit (an accuracy below 1 % is"
            f" written with its sign: {value.text} %)",
            path=source,
            line=row.line,
        )
    if small and stated and "error" not in found.of and not large:
        return "share"  # accuracies below 1 % throughout are implausible
    return "percent" if large or stated or not small else "share"


def _count(text: str, key: str, source: str, line: int, least: int | None = None) -> int | None:
    if not text:
        return None
    number = printed_values.count(text)
    if number is None or (least is not None and number < least):
        expected = "a whole number" + ("" if least is None else f" of {least} or more")
        raise DataError(
            "wrong-type", f"expected {expected}, got {text[:60]!r}", key=key, path=source, line=line
        )
    return number


def _state(text: str, source: str, line: int) -> State:
    word = text.strip().lower()
    state = next((s for s in STATES if s == word), _STATES.get(word))
    if state is None:
        known = (*STATES, *filter(None, _STATES))
        raise DataError("unknown-name", unknown("state", text, known), key="state", path=source, line=line)
    return state


def _in_percent(table: Table, found: Columns) -> frozenset[str]:
    """The metrics between 0 and 1 whose column is printed in percent: a value is above 1 or has the sign."""
    printed = {
        m: [v for row in table.rows if at < len(row.cells) and (v := printed_values.read(row.cells[at]))]
        for m, at in found.metrics.items()
        if m in ("top5", "precision", "recall", "f1", "ece")
    }
    return frozenset(m for m, values in printed.items() if any(v.percent or v.value > 1 for v in values))


def _metrics(line: Line, found: Columns, in_percent: frozenset[str]) -> dict[str, float]:
    values = {m: printed_values.read(line.cells[at]) for m, at in found.metrics.items()}
    return {
        m: float(v.value) / (100.0 if m in in_percent else 1.0) for m, v in values.items() if v is not None
    }


def last_epochs(table: Table, found: Columns) -> tuple[Table, tuple[Finding, ...]]:
    """Reduces a table with a row per epoch to the last epochs, with a note."""
    at = next((i for i, h in enumerate(table.headings) if columns.plain(h) in columns.EPOCHS), None)
    if at is None or at in found.factors.values() or "seed" not in found.of:
        return table, ()
    last: dict[tuple[str, ...], Line] = {}
    for row in table.rows:
        if len(row.cells) != len(table.headings) or printed_values.count(row.cells[at]) is None:
            return table, ()
        key = (*(row.cells[i] for i in found.factors.values()), row.cells[found.of["seed"]])
        best = last.setdefault(key, row)
        if (printed_values.count(row.cells[at]) or 0) > (printed_values.count(best.cells[at]) or 0):
            last[key] = row
    if len(last) == len(table.rows):
        return table, ()
    rows = tuple(row for row in table.rows if any(row is kept for kept in last.values()))
    note = Finding("read-last-epoch", params={"heading": table.headings[at]})
    return Table(table.number, table.line, table.headings, rows, table.context, table.after), (note,)


def number_seeds(rows: Sequence[Row], source: str) -> None:
    """Numbers the runs without a seed, with distinct numbers per experiment so that nothing is paired.

    Raises:
        DataError: If a seed is repeated in one experiment, or occurs beside a row with a spread.
    """
    numbers = itertools.count()
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row.levels.values())].append(row)
    for mine in groups.values():
        summaries = [row for row in mine if row.n_seeds is not None]
        if summaries and len(mine) > 1:
            raise DataError(
                "duplicate",
                f"{label(mine[1])} is in line {mine[0].line} already;"
                " expected one row an experiment that has a spread, or one row a run",
                path=source,
                line=mine[1].line,
            )
        unnamed = [row for row in mine if row.seed is None]
        if unnamed and len(unnamed) < len(mine):
            raise DataError(
                "missing-key",
                f"no seed; the other runs of {label(mine[0])} have one; fill"
                " in the seed, or read none by --column ignore=HEADING",
                path=source,
                line=unnamed[0].line,
            )
        first: dict[int, Row] = {}
        for row in mine:
            row.seed = next(numbers) if row.seed is None else row.seed
            other = first.setdefault(row.seed, row)
            if other is not row:
                raise DataError(
                    "duplicate",
                    f"seed {row.seed} of {label(row)} is in line {other.line}"
                    " already; expected one row a run (delete one, or name the column that tells them apart"
                    " by --column factor=HEADING)",
                    path=source,
                    line=row.line,
                )


def label(row: Row) -> str:
    """The name of a row's experiment in messages."""
    return ", ".join(row.levels.values())
