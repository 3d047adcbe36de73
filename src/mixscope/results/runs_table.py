"""Reads results from a table: one row per run, or one row per experiment with mean and spread.

Columns are assigned by `columns`, numbers read by `printed_values`, predictions by `prediction_files`.
Inferences are recorded in the notes of the results; impossible values are rejected with file and line.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.errors import ConfigError, DataError, unknown
from mixscope.findings import Finding
from mixscope.results import columns, prediction_files, table_files, table_rows, vocabulary, wide_tables
from mixscope.results.columns import Columns
from mixscope.results.outcomes import Outcomes
from mixscope.results.results import DONE, FAILED, LAST, Experiment, Results, Run, Summary
from mixscope.results.table_files import Table
from mixscope.results.table_rows import Row
from mixscope.results.trackers import wandb_charts
from mixscope.study import roles

if TYPE_CHECKING:
    import pandas as pd

_JOINS = ("-", "_", " ", " | ", " || ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Options for reading a table that are not to be inferred.

    Attributes:
        columns: (role, heading) of columns; `columns.ROLES` lists the roles.
        baseline: Level of the augmentation that others are compared with.
        n_test: Number of test examples, if no column has it.
        n_seeds: Number of runs behind each row, if no column has it.
        table: Number of the table in a file with several, from 1; None for the first with accuracies.
        factors: Names of factors in claims.
    """

    columns: Sequence[tuple[str, str]] = ()
    baseline: str | None = None
    n_test: int | None = None
    n_seeds: int | None = None
    table: int | None = None
    factors: tuple[str, ...] = ()


def read(path: Path, reading: Reading = Reading()) -> Results:
    """Reads the results in a file.

    Args:
        path: CSV, TSV, JSON lines, Parquet, Markdown or HTML; paths of predictions in it are relative to it.
        reading: Options.

    Raises:
        DataError: If the file is invalid or has impossible values.
        ConfigError: If a named column, baseline or table does not exist.
    """
    document = table_files.read(path)
    if any(wandb_charts.is_chart(table.headings) for table in document.tables):
        raise DataError(
            "wrong-format",
            f"is a chart that W&B exported, a row a step; expected one row a run: `mixscope import"
            f" {path} --out results.zip` reads it",
            path=path,
        )
    tables = [_one_accuracy_a_row(t, reading, merged=document.prose) for t in document.tables]
    numbers = [t.number for t in tables]
    if reading.table is not None and reading.table not in numbers:
        raise ConfigError(
            "out-of-range", f"{path} has tables 1 to {max(numbers)}, got {reading.table}", key="--table"
        )
    wanted = [t for t in tables if reading.table in (None, t.number)]
    if len(wanted) > 1:
        wanted = [t for t in wanted if _holds_accuracy(t, reading)] or wanted
    notes = []
    if document.encoding != "utf-8":
        notes.append(Finding("read-encoding", params={"encoding": document.encoding}))
    if len(wanted) > 1:
        which = {"number": wanted[0].number, "count": len(tables)}
        notes.append(Finding("read-which-table", params=which))
    return of_table(wanted[0], reading, source=str(path), folder=path.parent, name=path.stem, notes=notes)


def _one_accuracy_a_row(table: Table, reading: Reading, *, merged: bool = False) -> Table:
    """Converts to one accuracy per row, unless the user names the column of accuracies."""
    given = {role for role, _ in reading.columns}
    return table if given & {"accuracy", "error", "predictions"} else wide_tables.long(table, merged=merged)


def of_frame(frame: "pd.DataFrame | Mapping[str, Any]", reading: Reading = Reading()) -> Results:
    """Reads results from a DataFrame or a mapping of equally long arrays; lines in messages are rows, from 1.

    Raises:
        DataError: If values are impossible, or arrays differ in length.
        ConfigError: If a named column or baseline does not exist.
    """
    import pandas as pd

    try:
        table = table_files.of_frame(frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(dict(frame)))
    except ValueError as problem:
        raise DataError(
            "wrong-type",
            f"{problem}; expected one-dimensional arrays of one length, an entry for each run",
            key="table",
        ) from problem
    if not table.rows:
        raise DataError("too-few", "has no row; expected one row a run", key="table")
    table = _one_accuracy_a_row(table, reading)
    return of_table(table, reading, source="table", folder=Path(), name="results")


def of_table(
    table: Table,
    reading: Reading = Reading(),
    *,
    source: str,
    folder: Path,
    name: str,
    notes: Sequence[Finding] = (),
) -> Results:
    """Reads results from a table. Raises as `read`.

    Args:
        table: Headings and rows, with one accuracy per row.
        reading: Options.
        source: Name of the table in messages.
        folder: Base folder of prediction files.
        name: Short name of the results.
        notes: Findings from earlier steps.
    """
    found = columns.find(table, reading.columns, reading.factors)
    _check_headings(table, found, source)
    table, last = table_rows.last_epochs(table, found)
    if not {"accuracy", "error", "predictions"} & found.of.keys():
        raise DataError(
            "missing-key",
            f"no column with accuracies or predictions among {_quoted(table.headings)}; name it by"
            " --column accuracy=HEADING",
            path=source,
        )
    if not found.factors:
        raise DataError(
            "missing-key",
            f"no column tells experiments apart among {_quoted(table.headings)}; name one by"
            " --column augmentation=HEADING",
            path=source,
        )
    rows, unit = table_rows.read(table, found, n_test=reading.n_test, n_seeds=reading.n_seeds, source=source)
    table_rows.number_seeds(rows, source)
    levels = {f: tuple(dict.fromkeys(row.levels[f] for row in rows)) for f in found.factors}
    design = _roles(levels, found, reading.baseline)
    names = _names(rows, levels)
    _test_sizes(rows, design, source, found.parts.get("dataset"))
    outcomes = _predictions(rows, found, folder, source, design)
    experiments = []
    data_names = _data_names(table, rows)
    for key, called in names.items():
        own = dict(zip(levels, key, strict=True))
        data = data_names.get(key) or own.get(found.parts.get("dataset", ""), name)
        experiments.append(Experiment(name=called, levels=own, data=data))
    runs, summaries = [], []
    for i, row in enumerate(rows):
        called = names[tuple(row.levels.values())]
        if row.n_seeds is not None and i not in outcomes:
            if row.accuracy is not None:
                summaries.append(_summary(row, called, source))
            continue
        runs.append(_run(row, called, outcomes.get(i), source))
    return Results(
        name=name,
        roles=design,
        experiments=tuple(experiments),
        runs=tuple(runs),
        summaries=tuple(summaries),
        seeds=tuple(sorted({r.seed for r in runs})),
        source=source,
        notes=(*notes, *last, *_notes(found, unit, design, rows, outcomes)),
    )


def _data_names(table: Table, rows: Sequence[Row]) -> dict[tuple[str, ...], str]:
    """The data set of each experiment in a table written by `Results.to_frame()`; else nothing."""
    if "data_name" not in table.headings:
        return {}
    at = table.headings.index("data_name")
    cells = {line.number: line.cells[at] for line in table.rows}
    return {tuple(row.levels.values()): cells[row.line] for row in rows}


def _quoted(headings: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(f'"{h}"' for h in headings[:most])
    return shown + (f" and {len(headings) - most} more" if len(headings) > most else "")


def _check_headings(table: Table, found: Columns, source: str) -> None:
    """Rejects duplicate headings if one of the columns has a role."""
    for at in (*found.of.values(), *found.factors.values(), *found.metrics.values()):
        heading = table.headings[at]
        if table.headings.count(heading) > 1:
            places = " and ".join(str(i) for i, h in enumerate(table.headings, 1) if h == heading)
            raise DataError(
                "duplicate",
                f'columns {places} are both called "{heading}"; expected one of a name; rename or'
                " delete the others",
                path=source,
            )


def _holds_accuracy(table: Table, reading: Reading) -> bool:
    try:
        return bool({"accuracy", "error", "predictions"} & columns.find(table, reading.columns).of.keys())
    except ConfigError:
        return False


def _names(rows: Sequence[Row], levels: Mapping[str, Sequence[str]]) -> dict[tuple[str, ...], str]:
    """Names of experiments: the rows' labels if they are one to one, else joined levels."""
    keys = list(dict.fromkeys(tuple(row.levels.values()) for row in rows))
    labels: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        labels[tuple(row.levels.values())].add(row.label)
    own = {key: next(iter(found)) for key, found in labels.items() if len(found) == 1}
    if len(own) == len(keys) and all(own.values()) and len(set(own.values())) == len(keys):
        return own
    varying = [i for i, each in enumerate(levels.values()) if len(each) > 1] or list(range(len(levels)))
    for join in _JOINS:
        names = {key: join.join(key[i] for i in varying) for key in keys}
        if len(set(names.values())) == len(keys):
            return names
    return {key: f"{'-'.join(key)} #{i}" for i, key in enumerate(keys, 1)}


def _roles(levels: Mapping[str, Sequence[str]], found: Columns, baseline: str | None) -> roles.Roles:
    """Roles by headings and levels in any supported language; given ones take precedence."""
    if baseline is not None and not any(baseline in each for each in levels.values()):
        augmentation = found.parts.get("augmentation")
        known = levels[augmentation] if augmentation else [x for each in levels.values() for x in each]
        raise ConfigError("unknown-name", unknown("level", baseline, known), key="--baseline")
    augmentation = found.parts.get("augmentation")
    if augmentation is None and baseline is None:
        free = [f for f in levels if f not in found.parts.values()]
        augmentation = next(
            (f for f in free if len(levels[f]) > 1 and any(_is_baseline(x) for x in levels[f])),
            next((f for f in free if any(vocabulary.augmentation(x) for x in levels[f])), None),
        )
    declared: dict[str, str | None] = {
        "augmentation": augmentation,
        "model": found.parts.get("model"),
        "pretraining": found.parts.get("pretraining"),
        "baseline": baseline,
    }
    if baseline is not None and (augmentation is None or baseline not in levels[augmentation]):
        declared["augmentation"] = None
    elif baseline is None and augmentation is not None:
        declared["baseline"] = next((x for x in levels[augmentation] if _is_baseline(x)), None)
    if found.parts.get("pretraining"):
        each = levels[found.parts["pretraining"]]
        declared["scratch"] = next((x for x in each if vocabulary.pretrained(x) is False), None)
    return roles.from_names(levels, **declared)


def _is_baseline(level: str) -> bool:
    return vocabulary.augmentation(level) == "default"


def _test_sizes(rows: Sequence[Row], design: roles.Roles, source: str, dataset: str | None) -> None:
    """Fills in known sizes of test sets; rejects different ones where results are compared."""
    for row in rows:
        known = vocabulary.KNOWN_DATA.get(vocabulary.dataset(row.levels[dataset]) or "") if dataset else None
        if row.n_test is None and known is not None:
            row.n_test = known.test_size
    first: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row.n_test is not None:
            other = first.setdefault(tuple(row.levels[f] for f in design.strata), row)
            if other.n_test != row.n_test:
                raise DataError(
                    "not-comparable",
                    f"{row.n_test:,} test examples, {other.n_test:,} in line"
                    f" {other.line}; expected one test set for all runs that are compared (another data set"
                    " is a separate factor)",
                    path=source,
                    line=row.line,
                )


def _predictions(
    rows: Sequence[Row], found: Columns, folder: Path, source: str, design: roles.Roles
) -> dict[int, Outcomes]:
    """Outcomes by index of the row."""
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row.predictions and row.state == DONE:
            together[tuple(row.levels[f] for f in design.strata)].append(i)
    outcomes: dict[int, Outcomes] = {}
    for mine in together.values():
        sources = []
        for i in mine:
            row = rows[i]
            only = dict(row.levels) | ({"seed": str(row.seed)} if "seed" in found.of else {})
            if row.label:
                only["experiment"] = row.label
            where = f"{source} line {row.line}"
            sources.append(prediction_files.Source(folder / row.predictions, where, only))
        for i, one in zip(mine, prediction_files.read(sources), strict=True):
            outcomes[i] = one
            stated, row = rows[i].accuracy, rows[i]
            if stated is not None and abs(stated - one.accuracy) > 0.006:
                raise DataError(
                    "inconsistent",
                    f"accuracy {100 * stated:.2f} %, but its predictions are right"
                    f" in {100 * one.accuracy:.2f} %; expected the same; correct one of them",
                    path=source,
                    line=row.line,
                )
            if row.n_test not in (None, len(one.ids)):
                raise DataError(
                    "inconsistent",
                    f"n_test {row.n_test:,}, but {row.predictions} has"
                    f" {len(one.ids):,} examples; expected the same number",
                    path=source,
                    line=row.line,
                )
    return outcomes


def _run(row: Row, experiment: str, outcomes: Outcomes | None, source: str) -> Run:
    metrics: dict[str, float | int | None] = {}
    if outcomes is not None:
        metrics = {"top1": outcomes.accuracy, "n": len(outcomes.ids), **row.metrics}
    elif row.accuracy is not None:
        metrics = {"top1": row.accuracy, "n": row.n_test, **row.metrics}
    assert row.seed is not None
    failed = row.state == FAILED
    return Run(
        experiment=experiment,
        seed=row.seed,
        state=row.state,
        error=f"{source} line {row.line} says so" if failed else None,
        metrics={"test": {LAST: metrics}} if metrics else {},
        load_outcomes=None
        if outcomes is None
        else lambda checkpoint: outcomes if checkpoint == LAST else None,
    )


def _summary(row: Row, experiment: str, source: str) -> Summary:
    assert row.accuracy is not None and row.n_seeds is not None
    if row.spread is not None and row.n_seeds < 2:
        raise DataError(
            "out-of-range",
            f"a spread of {row.n_seeds} run; expected n_seeds of 2 or more, or no spread",
            path=source,
            line=row.line,
        )
    return Summary(
        experiment=experiment,
        mean=row.accuracy,
        spread=row.spread,
        spread_kind=None if row.spread is None else row.spread_kind or "sd0",
        n_seeds=row.n_seeds,
        n_test=row.n_test,
    )


def _notes(
    found: Columns,
    unit: str,
    design: roles.Roles,
    rows: Sequence[Row],
    outcomes: Mapping[int, Outcomes],
) -> Iterable[Finding]:
    parts = [*found.said, *_factors(design), *([Finding(f"read-unit-{unit}")] if unit else [])]
    yield Finding("read-table", params={"all_parts": parts})
    if found.unused:
        yield Finding("read-unused", params={"headings": _quoted(found.unused)})
    if found.assumed:
        yield Finding("read-assumed")
    if found.best:
        yield Finding("read-best")
    if found.validation and not outcomes:
        yield Finding("read-validation")
    if any(row.spread is not None and not row.spread_kind for row in rows):
        yield Finding("read-spread-kind")
    if "seed" not in found.of and not all(row.n_seeds for row in rows):
        yield Finding("read-no-seeds")
    if not outcomes and not all(row.n_test for row in rows):
        yield Finding("read-no-n_test")
    groups: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows:
        groups[tuple(row.levels.values())] += (row.n_seeds or 1) if row.state == DONE else 0
    for code, seeds in (("read-single", 1), ("read-empty", 0)):
        mine = [", ".join(key) for key, count in groups.items() if count == seeds]
        if mine:
            yield Finding(code, params={"experiments": "; ".join(mine[:3]), "more": max(0, len(mine) - 3)})


def _factors(design: roles.Roles) -> Iterable[Finding]:
    parts = {design.model: "read-factor-model", design.pretraining: "read-factor-pretraining"}
    for factor in design.factors:
        if factor != design.augmentation:
            yield Finding(parts.get(factor, "read-factor"), params={"factor": factor})
        elif design.baseline is None:
            yield Finding("read-factor-no-baseline", params={"factor": factor})
        else:
            about = {"factor": factor, "baseline": design.baseline}
            yield Finding("read-factor-augmentation", params=about)
