"""Charts exported as CSV by the web page of Weights & Biases: one row per step, and three columns per run.

    "Step","mixup-s0 - val_acc","mixup-s0 - val_acc__MIN","mixup-s0 - val_acc__MAX","mixup-s1 - val_acc",...

Cells are empty between runs that log at different steps. A chart of grouped runs has the same layout and
contains means over the runs of a group, which show in their minimum and maximum; it is rejected.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mixscope.errors import DataError
from mixscope.results import table_files
from mixscope.results.trackers.logged_run import LoggedRun, by_epoch, numbers

FILES = ("*.csv",)
_BETWEEN, _LOW, _HIGH = " - ", "__MIN", "__MAX"
_HEAD = 1_000_000  # longest header line in bytes
_ROUNDED = 1e-6  # tolerance for the difference of a value from its minimum and maximum


def is_chart(headings: Sequence[str]) -> bool:
    """Whether headings are those of a chart."""
    return any(_run_of(h) and h + _LOW in headings and h + _HIGH in headings for h in headings[1:])


def holds(file: Path) -> bool:
    """Whether a CSV file is a chart, by its headings."""
    try:
        with file.open("rb") as opened:
            text, _ = table_files.decode(opened.readline(_HEAD))
        return is_chart(next(csv.reader(io.StringIO(text)), []))
    except (OSError, UnicodeError, csv.Error):
        return False


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads the runs of all charts, merged by name: a chart has one metric or several.

    Raises:
        DataError: If a chart is damaged, contains groups of runs, or two runs have one name.
    """
    found: dict[str, list[dict[str, float]]] = {}
    where: dict[str, Path] = {}
    seen: dict[tuple[str, str], Path] = {}
    for file in files:
        headings, rows = _rows(file)
        for heading in headings[1:]:
            if heading + _LOW not in headings or heading + _HIGH not in headings:
                continue
            run, metric = _run_of(heading), heading.rpartition(_BETWEEN)[2]
            if metric.startswith("_"):  # internal to W&B, such as _step
                continue
            if (run, metric) in seen:
                raise DataError(
                    "duplicate",
                    f"{metric} of the run {run} is in {seen[run, metric].name} already; give one"
                    " chart of each metric",
                    path=file,
                )
            seen[run, metric] = file
            where.setdefault(run, file)
            for number, (at, row) in enumerate(rows, 2):
                if heading in row:
                    _check_single(row, heading, file, number)
                    found.setdefault(run, []).append({"epoch": at, metric: row[heading]})
    return [
        LoggedRun(name=run, epochs=by_epoch(found.get(run, ())), file=file) for run, file in where.items()
    ]


def _run_of(heading: str) -> str:
    """The name of the run in a heading; "" if there is none."""
    return heading.rpartition(_BETWEEN)[0]


def _rows(file: Path) -> tuple[list[str], list[tuple[float, dict[str, float]]]]:
    """Headings, and for each row its position on the axis and its numbers."""
    try:
        text, _ = table_files.decode(file.read_bytes())
        headings, *cells = list(csv.reader(io.StringIO(text), strict=True))
    except (OSError, UnicodeError, ValueError, csv.Error) as problem:
        raise DataError(
            "wrong-format", f"cannot be read as CSV ({problem}); export the chart again", path=file
        ) from problem
    twice = [h for h in headings if headings.count(h) > 1]
    if twice:
        raise DataError(
            "duplicate",
            f'two columns are called "{twice[0]}", so two runs have one name; rename one and export'
            " the chart again",
            path=file,
        )
    rows = []
    for number, row in enumerate((row for row in cells if row), 2):
        if len(row) != len(headings):
            raise DataError(
                "wrong-format",
                f"has {len(row)} cells, expected {len(headings)}; export the chart again",
                path=file,
                place=f"{file} row {number}",
            )
        read_ = numbers(dict(zip(headings, row, strict=True)))
        rows.append((read_.get(headings[0], float(number)), read_))
    return headings, rows


def _check_single(row: dict[str, float], heading: str, file: Path, number: int) -> None:
    low, high = (row.get(heading + end, row[heading]) for end in (_LOW, _HIGH))
    if high - low > _ROUNDED * max(1.0, abs(high)):
        raise DataError(
            "wrong-format",
            f'"{heading}" is a mean of values from {low:g} to {high:g}; expected those of one run:'
            " ungroup the runs and choose random sampling in the chart's settings, then export it again",
            path=file,
            place=f"{file} row {number}",
        )
