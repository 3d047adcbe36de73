"""Published values, shown beside the results: never expected values, never corrected."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixscope import audit, tabular
from mixscope.audit import entries, findings
from mixscope.audit.findings import AuditFinding
from mixscope.errors import DataError
from mixscope.results import table_files

FIGURES = ("top1", "top5", "recall", "precision", "f1")


@dataclass(frozen=True, slots=True)
class Curve:
    """One published run by epoch; each list has one entry per epoch, None where nothing is printed.

    Attributes:
        segment: Which of several logs of the same experiment, from 1.
        epoch: Epochs.
        top1: Test top-1 in percent.
        train_loss: Training loss.
    """

    segment: int
    epoch: list[int]
    top1: list[float | None]
    train_loss: list[float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A published table.

    Attributes:
        values: {experiment: {metric: percent}}, None where no number is printed.
        doubts: {experiment: findings} of an audit on the row.
    """

    values: Mapping[str, Mapping[str, float | None]]
    doubts: Mapping[str, tuple[AuditFinding, ...]]


def table(file: Path) -> Reference:
    """Reads the tables of a CSV or Markdown file, and the audit's findings on each row.

    An experiment may occur in several tables, such as an overall one and one per data set: the first with a
    number counts, and the audit reports contradictions. Tables without numbers, such as a design, are
    ignored.

    Raises:
        DataError: If there is no table, or no row with a number names its experiment.
    """
    document = table_files.read(file)
    values: dict[str, dict[str, float | None]] = {}
    for one in document.tables:
        for entry in entries.read(one)[0]:
            figures = {name: entry.figures.get(name) for name in FIGURES}
            if entry.experiment is None or entry.experiment in values or not any(figures.values()):
                continue
            values[entry.experiment] = {
                name: float(figure.value) if figure is not None and 0 <= figure.value <= 100 else None
                for name, figure in figures.items()
            }
    if not values:
        raise DataError(
            "wrong-format",
            "no row of its tables has a number and names its experiment, which is how rows find ours",
            path=file,
        )
    doubts: dict[str, list[AuditFinding]] = {}
    for finding in audit.document(document).findings:
        if finding.row in values and finding.severity != findings.NOTE:
            doubts.setdefault(str(finding.row), []).append(finding)
    return Reference(values=values, doubts={name: tuple(found) for name, found in doubts.items()})


def curves(file: Path) -> dict[str, list[Curve]]:
    """Reads {experiment.

    Its logs in order} from a CSV with `experiment`, `epoch`, `test_top1_percent` and more.

    The last log of an experiment is the published run.

    Raises:
        DataError: If the file cannot be read.
    """
    by_log: dict[tuple[str, int], list[Mapping[str, str]]] = {}
    for number, row in enumerate(_rows(file, ("experiment", "epoch", "test_top1_percent")), start=2):
        segment = _number(row.get("log_segment") or "1")
        if _number(row["epoch"]) is None or segment is None:
            raise DataError(
                "wrong-type", "expected whole numbers for epoch and log_segment", path=file, line=number
            )
        by_log.setdefault((row["experiment"], int(segment)), []).append(row)
    found: dict[str, list[Curve]] = {}
    for (experiment, segment), rows in sorted(by_log.items(), key=lambda item: item[0]):
        rows = sorted(rows, key=lambda row: float(row["epoch"]))
        columns = ("test_top1_percent", "train_loss")
        values = [[_number(row.get(column)) for row in rows] for column in columns]
        curve = Curve(segment, [int(float(row["epoch"])) for row in rows], *values)
        found.setdefault(experiment, []).append(curve)
    return found


def _rows(file: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(
            "wrong-format", f"cannot be read as a CSV of published figures ({problem})", path=file
        ) from problem
    rows = tabular.from_csv(text)
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise DataError(
            "missing-key",
            f"has no column {', '.join(missing)}; expected a CSV whose first line has {', '.join(needed)}",
            path=file,
        )
    return rows


def _number(text: str | None) -> float | None:
    fits = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*%*", text or "")
    return float(fits[1]) if fits else None
