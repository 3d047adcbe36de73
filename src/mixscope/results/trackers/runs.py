"""Converts logged runs to a table of runs.

Chooses the epoch, the metric, and the settings that are factors.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixscope.errors import ConfigError, DataError, unknown
from mixscope.findings import Finding
from mixscope.results import columns, vocabulary
from mixscope.results.table_files import Line, Table
from mixscope.results.trackers.logged_run import LoggedRun, is_seed

LAST, BEST = "last", "best-on-validation"
RULES = (LAST, BEST)
_NOT_A_FACTOR = re.compile(
    r"(^|[._-])(id|name|dir|directory|path|file|folder|output|log|logs|logger|logdir|experiment|project|group|tags?"
    r"|resume|checkpoint|ckpt|time|timestamp|date|port|rank|gpus?|devices?|workers|num_workers|host|user|notes"
    r"|version|entity|run)($|[._-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A table of runs and findings on it."""

    table: Table
    notes: tuple[Finding, ...]


def table(
    runs: Sequence[LoggedRun],
    *,
    metric: str | None = None,
    epoch: str = LAST,
    factors: Sequence[str] = (),
    source: str = "log",
) -> Imported:
    """One row per run: factors, seed, state and accuracy.

    Args:
        runs: Runs of one program.
        metric: Name of the logged accuracy; None for the most likely: test before eval before validation.
        epoch: "last", or "best-on-validation": the epoch with the highest validation accuracy.
        factors: Settings that distinguish experiments; empty: all that vary except seeds, paths and the like,
            and parts of the runs' names if no setting varies.
        source: Name in messages.

    Raises:
        ConfigError: If a metric, rule or setting does not exist.
        DataError: If no run has logged an accuracy.
    """
    if epoch not in RULES:
        raise ConfigError("unknown-name", unknown("rule", epoch, RULES), key="--epoch")
    logged = list(dict.fromkeys(m for run in runs for row in run.epochs for m in row if m != "epoch"))
    if not logged:
        raise DataError(
            "missing-results", "no run has logged a number; expected an accuracy for each epoch", path=source
        )
    reported = _metric(logged, metric, source)
    chosen_by = _validation(logged, source) if epoch == BEST else None
    levels, notes = _levels(runs, factors)
    headings = (*levels, "seed", "state", reported)
    rows, ends = [], []
    for number, run in enumerate(runs, 1):
        value, at = _value(run, reported, chosen_by)
        state = run.state if value is not None or run.state != "done" else "failed"
        if value is not None:
            ends.append(at)
        seed = "" if run.seed is None else str(run.seed)
        cells = (*(levels[f][number - 1] for f in levels), seed, state, "" if value is None else repr(value))
        rows.append(Line(number, cells))
    rule = "last" if chosen_by is None else "best"
    if all(sum(reported in row for row in run.epochs) <= 1 for run in runs):
        rule = "once"
    about = {"metric": reported, "by": chosen_by or "", "runs": len(runs)}
    notes = [Finding(f"read-metric-{rule}", params=about), *notes]
    if chosen_by == reported:
        notes.append(Finding("read-selected", params={"metric": reported}))
    if ends and chosen_by is None and min(ends) < max(ends):
        notes.append(Finding("read-ends", params={"first": f"{min(ends):g}", "last": f"{max(ends):g}"}))
    if not any(row.cells[-3] for row in rows):
        headings = (*levels, "state", reported)
        rows = [Line(r.number, (*r.cells[:-3], *r.cells[-2:])) for r in rows]
    return Imported(Table(1, 0, headings, tuple(rows)), tuple(notes))


def _metric(logged: Sequence[str], given: str | None, source: str) -> str:
    if given is not None:
        if given not in logged:
            raise ConfigError(
                "unknown-name", unknown("logged metric", given, logged), key="--column accuracy"
            )
        return given
    ranked = sorted(logged, key=lambda name: -columns.rank(columns.plain(name)))
    if not columns.rank(columns.plain(ranked[0])):
        raise DataError(
            "missing-key",
            f"no accuracy among {', '.join(logged[:12])}; name it by --column accuracy=NAME",
            path=source,
        )
    return ranked[0]


def _validation(logged: Sequence[str], source: str) -> str:
    """The accuracy that selects the epoch."""
    split = re.compile(r"\b(val|valid|validation|dev|eval|evaluation)\b")
    named = [m for m in logged if columns.rank(columns.plain(m)) and split.search(columns.plain(m))]
    if not named:
        raise ConfigError(
            "missing-key",
            f"--epoch {BEST}: {source} has no validation accuracy (logged: {', '.join(logged[:12])}); use"
            f" --epoch {LAST}",
            key="--epoch",
        )
    return min(named, key=lambda m: columns.rank(columns.plain(m)))


def _value(run: LoggedRun, metric: str, chosen_by: str | None) -> tuple[float | None, float]:
    """The accuracy and its epoch; a metric logged once is used with any rule."""
    rows = [row for row in run.epochs if metric in row]
    if not rows:
        return None, 0.0
    if chosen_by is not None and len(rows) > 1:
        rows = [row for row in rows if chosen_by in row] or rows
        best = max(rows, key=lambda row: row.get(chosen_by, 0.0))
        return best[metric], best.get("epoch", 0.0)
    return rows[-1][metric], rows[-1].get("epoch", 0.0)


def _levels(runs: Sequence[LoggedRun], wanted: Sequence[str]) -> tuple[dict[str, list[str]], list[Finding]]:
    """`{factor: level of each run}`, and findings."""
    keys = list(dict.fromkeys(k for run in runs for k in run.settings))
    for factor in wanted:
        if factor not in keys:
            raise ConfigError("unknown-name", unknown("recorded setting", factor, keys), key="--factor")
    settings = {k: [run.settings.get(k, "") or "none" for run in runs] for k in keys}
    if wanted:
        return {k: settings[k] for k in wanted}, []
    varying = {k: v for k, v in settings.items() if len(set(v)) > 1 and _may_be_factor(k)}
    known = {k: v for k, v in settings.items() if k in ("model", "arch", "dataset") and k not in varying}
    if varying:
        return known | _without_twins(varying), []
    if len(runs) == 1 and known:
        return known, []
    named = _of_names([run.bare_name for run in runs])
    return known | named, [Finding("read-names")]


def _may_be_factor(key: str) -> bool:
    return not is_seed(key) and not _NOT_A_FACTOR.search(key)


def _without_twins(settings: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Removes settings equivalent to an earlier one."""
    kept: dict[str, list[str]] = {}
    seen = set()
    for key, levels in settings.items():
        pattern = tuple(levels.index(level) for level in levels)
        if pattern not in seen:
            kept[key] = levels
            seen.add(pattern)
    return kept


def _of_names(names: Sequence[str]) -> dict[str, list[str]]:
    """The varying parts of names as factors; the whole name if names have different structures."""
    parts = [
        [p for p in re.split(r"[/\\]|(?<![\d])[-_](?![\d]*$)|[-_](?=[a-zA-Z])", name) if p] for name in names
    ]
    if len({len(p) for p in parts}) != 1:
        return {"run": [name.strip("-_/. ") or "run" for name in names]}
    found: dict[str, list[str]] = {}
    for i, position in enumerate(zip(*parts, strict=True), 1):
        levels = [p.strip("-_. ") or "none" for p in position]
        if len(set(levels)) > 1 or len(parts[0]) == 1:
            found[_called(levels, found) or f"part {i}"] = levels
    return _without_twins(found) or {"run": [name.strip("-_/. ") or "run" for name in names]}


def _called(levels: Sequence[str], taken: Mapping[str, object]) -> str | None:
    kinds = {
        "augmentation": vocabulary.augmentation,
        "model": vocabulary.model,
        "dataset": vocabulary.dataset,
    }
    for kind, known in kinds.items():
        if kind not in taken and any(known(level) for level in levels):
            return kind
    return None
