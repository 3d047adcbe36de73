"""Result tables of a study, from its summaries alone, in the column order of the published one.

The same summaries give the same bytes, in whatever order the runs were made: nothing here knows the time,
a path, or how often a run was interrupted.

What does not belong here: how a figure is computed (metrics.py), and whether a difference is real (claims).
"""

import csv
import io
import json
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mixscope import i18n
from mixscope.formatting import padded, width
from mixscope.runs import records
from mixscope.study.matrix import PlannedRun, Study

FIGURES = ("top1", "top5", "recall", "precision", "f1")
TITLES = {"top1": "Top-1", "top5": "Top-5", "f1": "F1"}
PUBLISHED_FACTORS = ("model", "augmentation", "pretrained")  # other factors come after these
NOT_SHOWN = ("checkpoint", "of", "failed", "runs")  # what a table for a person has no column for


def results(runs: Sequence[PlannedRun], out: Path) -> list[dict[str, Any]]:
    """A row for each cell: its levels, mean and standard deviation of each figure, seeds that are done and
    runs that failed.

    Figures are percent on the test split, of the last epoch; under protocol "published" of the epoch that is
    best on test (`checkpoint` says which). A deviation needs two seeds, a mean one; what is missing is None.
    runs: what each figure rests on, for every seed that is done.
    """
    rows = []
    for name in dict.fromkeys(r.name for r in runs):
        mine = sorted((r for r in runs if r.name == name), key=lambda r: r.seed)
        cell = dict(mine[0].cell)
        dataset = cell.pop("data", mine[0].config.data.name)
        factors = [
            *(f for f in PUBLISHED_FACTORS if f in cell),
            *(f for f in cell if f not in PUBLISHED_FACTORS),
        ]
        checkpoint = mine[0].config.train.checkpoint
        done = [(r, summary) for r in mine if (summary := _summary(r, out)) is not None]
        row: dict[str, Any] = {"experiment": name, "dataset": dataset, **{f: cell[f] for f in factors}}
        spread: dict[str, float | None] = {}
        for figure in FIGURES:
            found = [summary["results"]["test"][checkpoint][figure] for _, summary in done]
            values = [100.0 * value for value in found if value is not None]
            row[figure] = statistics.fmean(values) if values else None
            spread[f"{figure}_sd"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(
            {
                **row,
                **spread,
                "checkpoint": checkpoint,
                "seeds": len(done),
                "of": len(mine),
                "failed": sum(_failed(r, out) for r in mine),
                "runs": [
                    {
                        "seed": r.seed,
                        "digest": r.config.digest,
                        "code": summary["code"],
                        "data": summary["data"]["digest"],
                        "weights": summary["weights"].get("sha256"),
                    }
                    for r, summary in done
                ],
            }
        )
    return rows


def _failed(run: PlannedRun, out: Path) -> bool:
    path = out / run.directory
    return records.is_run(path) and records.read_status(path)["state"] == "failed"


def _summary(run: PlannedRun, out: Path) -> dict[str, Any] | None:
    path = out / run.directory
    if not records.is_run(path) or records.read_status(path)["state"] != "done":
        return None
    return records.read_summary(path)


# --- for a person -------------------------------------------------------------------------------


def text(rows: Sequence[dict[str, Any]], lang: str = "en") -> str:
    """The rows for a terminal: percent, mean +- standard deviation over seeds."""
    if not rows:
        return ""
    head, *body = _cells(rows, "+-", lang)
    widths = [max(width(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [
        "  ".join(padded(c, w) for c, w in zip(line, widths, strict=True)).rstrip() for line in (head, *body)
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)


def caption(rows: Sequence[dict[str, Any]]) -> str:
    """What the figures are, in a sentence."""
    said = {
        "last": "last epoch",
        "best-on-test": "the epoch that is best on the test split itself (protocol published), so optimistic",
    }
    which = "; ".join(said[name] for name in dict.fromkeys(row["checkpoint"] for row in rows))
    lost = "; means are of runs that finish" if any(row["failed"] for row in rows) else ""
    return f"Test split, percent, mean +- standard deviation over seeds; {which}{lost}"


def _cells(rows: Sequence[dict[str, Any]], plus_minus: str, lang: str = "en") -> list[list[str]]:
    about = [k for k in rows[0] if k not in FIGURES and k not in NOT_SHOWN and k != "seeds"]
    about = [k for k in about if not k.endswith("_sd")]
    titles = [_title(k, lang) for k in (*about, *FIGURES, "seeds")]
    return [
        titles,
        *(
            [
                *(str(row[k]) for k in about),
                *(_shown(row[f], row[f"{f}_sd"], plus_minus) for f in FIGURES),
                f"{row['seeds']}/{row['of']}"
                + (f", {i18n.message('table.failed', lang, count=row['failed'])}" if row["failed"] else ""),
            ]
            for row in rows
        ),
    ]


def _title(key: str, lang: str) -> str:
    """The heading of a column; in English as files have it."""
    known = f"table.{key}"
    return i18n.message(known, lang) if i18n.has(known, lang) else TITLES.get(key, key.capitalize())


def _shown(mean: float | None, sd: float | None, plus_minus: str) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2f}" if sd is None else f"{mean:.2f} {plus_minus} {sd:.2f}"


# --- files --------------------------------------------------------------------------------------


def write(study: Study, runs: Sequence[PlannedRun], out: Path) -> list[Path]:
    """OUT/tables: overall.{md,csv,json}, one {md,csv} a data set, and pretrained.{md,csv} where cells are.

    Returns the files. A run that is not done is named below every table that it belongs to.
    """
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    groups = {"overall": list(runs)}
    for dataset in dict.fromkeys(r.config.data.name for r in runs):
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", dataset)
        groups[name] = [r for r in runs if r.config.data.name == dataset]
    groups["pretrained"] = [r for r in runs if r.config.model.pretrained]
    files = []
    for name, mine in groups.items():
        if not mine:
            continue
        rows, missing = results(mine, out), not_done(mine, out)
        contents = {"md": _markdown(study, rows, missing), "csv": _csv(rows)}
        if name == "overall":
            contents["json"] = _json(study, rows, missing)
        for ending, content in contents.items():
            files.append(folder / f"{name}.{ending}")
            records.write_bytes(files[-1], content.encode())
    return files


def not_done(runs: Iterable[PlannedRun], out: Path) -> list[str]:
    """The runs whose figures are missing, by experiment and seed."""
    return [f"{r.name} seed {r.seed}" for r in runs if _summary(r, out) is None]


def _markdown(study: Study, rows: Sequence[dict[str, Any]], missing: Sequence[str]) -> str:
    head, *body = _cells(rows, "±")
    # Levels and figures apart: text to the left, numbers to the right.
    marks = ["---:" if title in {TITLES.get(f, f.capitalize()) for f in FIGURES} else "---" for title in head]
    lines = [f"# {study.title}", "", *(f"| {' | '.join(line)} |" for line in (head, marks, *body))]
    lines += ["", f"{caption(rows).replace('+-', '±')}. Study {study.name}, digest {study.digest}."]
    if missing:
        lines += ["", f"Not done: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    keys = [key for key in rows[0] if key != "runs"]
    writer.writerow(keys)
    for row in rows:
        writer.writerow(["" if row[k] is None else _number(row[k]) for k in keys])
    return buffer.getvalue()


def _number(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) else value


def _json(study: Study, rows: Sequence[dict[str, Any]], missing: Sequence[str]) -> str:
    tree = {
        "study": study.name,
        "digest": study.digest,
        "caption": caption(rows),
        "rows": list(rows),
        "not_done": list(missing),
    }
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
