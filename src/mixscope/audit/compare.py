"""Two studies beside each other, or a study and somebody's table: what differs in settings, in what they were
made with, and in results beyond noise.

Experiments find each other by name, else by their levels. Differences are the second minus the first.

Between two studies the interval of a difference counts seeds and test examples, as everywhere. A printed
figure has neither; it is taken for one more run on the same test set, so the question is whether one more run
of ours would land so far away: the variance between our runs times (1 + 1/S), with S - 1 degrees of freedom.
What the variance of theirs was, nobody knows. Holm's correction is made over all experiments that have a p.

What does not belong here: whether a printed figure is possible (audit), and verdicts on claims (verdicts.py).
"""

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from mixscope import audit, i18n
from mixscope.audit import entries, findings, reading
from mixscope.claims import contrasts, health
from mixscope.claims.contrasts import LEVEL, POINTS, Interval, Sample
from mixscope.claims.evidence import Evidence, RunEvidence
from mixscope.errors import DataError
from mixscope.study import config as settings
from mixscope.study.config import RunConfig

SHOWN = 3  # experiments in a sentence; the rest is counted
WITHIN, BEYOND, UNKNOWN = "within noise", "beyond noise", "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One experiment in both. first, second: mean test top-1 in percent, None where there is none.

    interval: of second minus first, in percentage points; None where runs are too few to know their noise.
    p, p_holm: two-sided. said: "beyond noise" when p_holm is at most 0.05, else "within noise"; "unknown"
    without a p. conditional: with one seed on either side the interval counts test examples only, and there
    is no p. doubts: what an audit of the table says of the row.
    """

    experiment: str
    first: float | None
    second: float | None
    seeds: tuple[int, int]
    interval: Interval | None
    conditional: bool
    p: float | None
    p_holm: float | None
    said: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """settings, made_with: sentences; only_first, only_second: experiments that the other does not have.

    problems: sentences on runs that are left out, and on what speaks against those that are not.
    """

    first: str
    second: str
    settings: tuple[str, ...]
    made_with: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    results: tuple[Difference, ...]
    problems: tuple[str, ...]


def studies(first: Evidence, second: Evidence, *, checkpoint: str = "last") -> Comparison:
    """Two studies' folders. Raises DataError when they share no experiment."""
    pairs = _pairs(first, second)
    if not pairs:
        raise DataError(
            f"{first.folder} and {second.folder}: share no experiment, neither by name nor by levels"
        )
    rows = [
        _difference(a, first.sample(a, checkpoint), second.sample(b, checkpoint)) for a, b in pairs.items()
    ]
    matched = set(pairs.values())
    same = first.study.name == second.study.name
    names = [f"{e.study.name} ({e.folder})" if same else e.study.name for e in (first, second)]
    return Comparison(
        first=names[0],
        second=names[1],
        settings=_settings(first, second, pairs),
        made_with=_made_with(first, second),
        only_first=tuple(name for name in first.runs if name not in pairs),
        only_second=tuple(name for name in second.runs if name not in matched),
        results=_corrected(rows),
        problems=(*_problems(names[0], first, checkpoint), *_problems(names[1], second, checkpoint)),
    )


def table(first: Evidence, file: Path, *, checkpoint: str = "last") -> Comparison:
    """A study's folder and a table in CSV or Markdown whose rows name experiments. Raises DataError."""
    document = reading.read(file)
    printed = {
        entry.experiment: float(entry.figures["top1"].value)
        for one in document.tables
        for entry in entries.read(one)[0]
        if entry.experiment is not None and "top1" in entry.figures
    }
    shared = [name for name in first.runs if name in printed]
    if not shared:
        raise DataError(
            f"{file}: no row with a top-1 names an experiment of {first.study.name}"
            f" ({_some(list(first.runs))})"
        )
    doubts: dict[str, list[str]] = {}
    for finding in audit.document(document).findings:
        if finding.severity != findings.NOTE:
            doubts.setdefault(str(finding.row), []).append(i18n.render(finding.why))
    rows = [
        dataclasses.replace(
            _against_printed(name, first.sample(name, checkpoint), printed[name]),
            doubts=tuple(doubts.get(name, ())),
        )
        for name in shared
    ]
    return Comparison(
        first=first.study.name,
        second=file.name,
        settings=(),
        made_with=(),
        only_first=tuple(name for name in first.runs if name not in printed),
        only_second=tuple(name for name in printed if name not in first.runs),
        results=_corrected(rows),
        problems=_problems(first.study.name, first, checkpoint),
    )


def _problems(name: str, evidence: Evidence, checkpoint: str) -> tuple[str, ...]:
    """What keeps runs out, or speaks against their figures."""
    found = health.examine(evidence, checkpoint)
    kinds = ("missing", "unfinished", "failed", "damaged", "stale", "health")
    return tuple(f"{name}: {p.sentence}" for p in found if p.kind in kinds)


# --- results --------------------------------------------------------------------------------------------


def _difference(name: str, first: Sample | None, second: Sample | None) -> Difference:
    seeds = (len(first.seeds) if first else 0, len(second.seeds) if second else 0)
    found = None
    if first is not None and second is not None:
        found = contrasts.points([second, first], [1.0, -1.0])
    known = found is not None and not found.conditional
    return Difference(
        experiment=name,
        first=None if first is None else POINTS * first.accuracy,
        second=None if second is None else POINTS * second.accuracy,
        seeds=seeds,
        interval=None if found is None else found.interval(),
        conditional=found is not None and found.conditional,
        p=min(1.0, 2 * min(found.p_above(), found.p_below())) if found is not None and known else None,
        p_holm=None,
        said=UNKNOWN,
    )


def _against_printed(name: str, ours: Sample | None, printed: float) -> Difference:
    mean = None if ours is None else POINTS * ours.accuracy
    interval, p = None, None
    if ours is not None and mean is not None and len(ours.seeds) > 1:
        size = len(ours.seeds)
        error = POINTS * math.sqrt(float(np.var(ours.by_seed, ddof=1)) * (1.0 + 1.0 / size))
        half = contrasts.t_factor(LEVEL, size - 1) * error
        apart = printed - mean
        interval = Interval(estimate=apart, low=apart - half, high=apart + half)
        p = 2 * float(stats.t.sf(abs(apart) / error, size - 1)) if error else float(apart == 0)
    return Difference(
        experiment=name,
        first=mean,
        second=printed,
        seeds=(0 if ours is None else len(ours.seeds), 1),
        interval=interval,
        conditional=False,
        p=p,
        p_holm=None,
        said=UNKNOWN,
    )


def _corrected(rows: Sequence[Difference]) -> tuple[Difference, ...]:
    adjusted = contrasts.holm({row.experiment: row.p for row in rows if row.p is not None})
    return tuple(
        row
        if row.experiment not in adjusted
        else dataclasses.replace(
            row,
            p_holm=adjusted[row.experiment],
            said=BEYOND if adjusted[row.experiment] <= 1.0 - LEVEL else WITHIN,
        )
        for row in rows
    )


# --- settings and what they were made with --------------------------------------------------------------


def _pairs(first: Evidence, second: Evidence) -> dict[str, str]:
    """{experiment of the first: of the second}."""
    levels = {tuple(sorted(cell.items())): name for name, cell in second.study.cells()}
    found = {}
    for name, cell in first.study.cells():
        other = name if name in second.runs else levels.get(tuple(sorted(cell.items())))
        if other is not None:
            found[name] = other
    return found


def _settings(first: Evidence, second: Evidence, pairs: Mapping[str, str]) -> tuple[str, ...]:
    """Each changed setting once, with the experiments in which it changed."""
    changed: dict[str, list[str]] = {}
    for a, b in pairs.items():
        before, after = _config(first, a), _config(second, b)
        for change in settings.differences(dataclasses.replace(before, seed=after.seed), after):
            changed.setdefault(change, []).append(a)
    found = [
        f"{change}  ({'all experiments' if len(names) == len(pairs) else _some(names)})"
        for change, names in changed.items()
    ]
    if first.study.seeds != second.study.seeds:
        found.append(f"seeds: {_seeds(first)} -> {_seeds(second)}")
    return tuple(found)


def _config(evidence: Evidence, name: str) -> RunConfig:
    return next(iter(evidence.runs[name].values())).planned.config


def _seeds(evidence: Evidence) -> str:
    return ", ".join(map(str, evidence.study.seeds))


def _made_with(first: Evidence, second: Evidence) -> tuple[str, ...]:
    """What finished runs were made with, where the two differ."""
    data = sorted({r.planned.config.data.name for e in (first, second) for r in _done(e)})
    kinds: list[tuple[str, Callable[[RunEvidence], Iterable[Hashable]]]] = [
        ("code", lambda r: r.summary.get("code") or [r.environment["code"]["digest"]]),
        *((f"data {name}", _digest_of(name)) for name in data),
        ("weights", lambda r: [r.environment["weights"].get("weights")]),
        ("device", lambda r: [r.environment["device"].get("name")]),
    ]
    packages = sorted({p for e in (first, second) for r in _done(e) for p in r.environment["packages"]})
    kinds += [(name, _version_of(name)) for name in packages]
    found = []
    for kind, told in kinds:
        sides = [_told(evidence, told) for evidence in (first, second)]
        if all(sides) and sides[0] != sides[1]:
            found.append(f"{kind}: {sides[0]} -> {sides[1]}")
    return tuple(found)


def _done(evidence: Evidence) -> list[RunEvidence]:
    return [run for name in evidence.runs for run in evidence.done(name)]


def _digest_of(name: str) -> Callable[[RunEvidence], Iterable[Hashable]]:
    def told(run: RunEvidence) -> Iterable[Hashable]:
        data: dict[str, Any] = run.environment["data"]
        return [data["digest"][:12]] if run.planned.config.data.name == name else []

    return told


def _version_of(name: str) -> Callable[[RunEvidence], Iterable[Hashable]]:
    return lambda run: [run.environment["packages"].get(name)]


def _told(evidence: Evidence, told: Callable[[RunEvidence], Iterable[Hashable]]) -> str:
    values = {str(value) for run in _done(evidence) for value in told(run) if value is not None}
    return " and ".join(sorted(values))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
