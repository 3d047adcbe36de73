"""Figures that somebody published, to be set beside ours: never expected values, never corrected.

What does not belong here: whether a published table contradicts itself (claims, `mixscope audit`).
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixscope.errors import DataError

FIGURES = ("top1", "top5", "recall", "precision", "f1")


@dataclass(frozen=True, slots=True)
class Curve:
    """One published run, epoch by epoch; each list has an entry an epoch, None where nothing is printed.

    segment: which of several logs of the same experiment, 1 the first.
    """

    segment: int
    epoch: list[int]
    top1: list[float | None]
    train_loss: list[float | None]
    test_loss: list[float | None]
    lr: list[float | None]


def table(file: Path) -> dict[str, dict[str, float | None]]:
    """{experiment: {figure: percent}} of a CSV with the column `experiment` and at least `top1`.

    Percent signs are dropped, doubled ones too; what is no number is None. Raises DataError.
    """
    found: dict[str, dict[str, float | None]] = {}
    for row in _rows(file, ("experiment", "top1")):
        figures = {name: _number(row.get(name)) for name in FIGURES}
        found[row["experiment"]] = {
            k: v if v is not None and 0 <= v <= 100 else None for k, v in figures.items()
        }
    return found


def curves(file: Path) -> dict[str, list[Curve]]:
    """{experiment: its logs in order} of a CSV with `experiment`, `epoch`, `test_top1_percent` and more.

    The last log of an experiment is the published run. Raises DataError.
    """
    by_log: dict[tuple[str, int], list[Mapping[str, str]]] = {}
    for number, row in enumerate(_rows(file, ("experiment", "epoch", "test_top1_percent")), start=2):
        segment = _number(row.get("log_segment") or "1")
        if _number(row["epoch"]) is None or segment is None:
            raise DataError(f"{file}, line {number}: expected whole numbers for epoch and log_segment")
        by_log.setdefault((row["experiment"], int(segment)), []).append(row)
    found: dict[str, list[Curve]] = {}
    for (experiment, segment), rows in sorted(by_log.items(), key=lambda item: item[0]):
        rows = sorted(rows, key=lambda row: float(row["epoch"]))
        columns = ("test_top1_percent", "train_loss", "test_loss", "learning_rate")
        values = [[_number(row.get(column)) for row in rows] for column in columns]
        curve = Curve(segment, [int(float(row["epoch"])) for row in rows], *values)
        found.setdefault(experiment, []).append(curve)
    return found


def _rows(file: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{file}: cannot be read as a CSV of published figures ({problem})") from problem
    rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(text.splitlines())]
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise DataError(
            f"{file}: has no column {', '.join(missing)}; expected a CSV whose first line has"
            f" {', '.join(needed)}"
        )
    return rows


def _number(text: str | None) -> float | None:
    fits = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*%*", text or "")
    return float(fits[1]) if fits else None
