"""Result tables of a study, from its summaries alone.

What does not belong here: how a figure is computed (metrics.py), and whether a difference is real.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixscope.runs import records
from mixscope.study.matrix import PlannedRun

FIGURES = ("top1", "top5", "precision", "recall", "f1")


def results(runs: Sequence[PlannedRun], out: Path) -> list[dict[str, Any]]:
    """A row for each cell: its levels, seeds done, and mean and standard deviation of each figure.

    Figures are percent on the test split, of the last epoch; under protocol "published" of the epoch that is
    best on test. A deviation needs two seeds, a mean one; what is missing is None.
    """
    rows = []
    for name in dict.fromkeys(r.name for r in runs):
        mine = [r for r in runs if r.name == name]
        done = [found for found in (_figures(r, out) for r in mine) if found is not None]
        row: dict[str, Any] = {"experiment": name, **mine[0].cell, "seeds": len(done), "of": len(mine)}
        for figure in FIGURES:
            values = [100.0 * d[figure] for d in done if d[figure] is not None]
            row[figure] = statistics.fmean(values) if values else None
            row[f"{figure}_sd"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(row)
    return rows


def _figures(run: PlannedRun, out: Path) -> dict[str, Any] | None:
    path = out / run.directory
    if not records.is_run(path) or records.read_status(path)["state"] != "done":
        return None
    test: dict[str, Any] = records.read_summary(path)["results"]["test"]
    found: dict[str, Any] = test["best-on-test" if run.config.train.protocol == "published" else "last"]
    return found


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for a person: percent, mean +- standard deviation over seeds."""
    if not rows:
        return ""
    about = [
        key
        for key in rows[0]
        if key not in FIGURES and not key.endswith("_sd") and key not in ("seeds", "of")
    ]
    head = [*about, *FIGURES, "seeds"]
    body = [
        [
            *(str(row[key]) for key in about),
            *(_shown(row[figure], row[f"{figure}_sd"]) for figure in FIGURES),
            f"{row['seeds']}/{row['of']}",
        ]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in (head, *body)
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)


def _shown(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2f}" if sd is None else f"{mean:.2f} +- {sd:.2f}"
