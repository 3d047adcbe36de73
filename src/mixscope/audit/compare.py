"""Compares two studies, or a study and a published table: settings, provenance, and results beyond noise.

Experiments are matched by name, else by their levels. Differences are second minus first.

Between two studies the interval of a difference includes seeds and test examples, as everywhere. A printed
value has neither; it is treated as one more run on the same test set, so the question is whether one more run
of the study could be so far away: the variance between its runs times (1 + 1/S), with S - 1 degrees of
freedom. The variance of the published runs is unknown. p-values are corrected by Holm over all experiments
that have one.
"""

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from mixscope import audit
from mixscope.audit import entries, findings
from mixscope.claims import contrasts, estimates, health, samples
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import LEVEL, POINTS, Interval, Sample
from mixscope.claims.estimates import Known
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.results import Provenance, Results, table_files
from mixscope.runs import code_version
from mixscope.study import config as settings

SHOWN = 3  # experiments listed in a sentence; the rest is counted
WITHIN, BEYOND, UNKNOWN, ALIKE = "within noise", "beyond noise", "unknown", "alike"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One experiment in both sources.

    Attributes:
        experiment: Name of the experiment.
        first: Mean test top-1 in percent, None where there is none.
        second: Mean test top-1 in percent, None where there is none.
        seeds: Number of seeds of both.
        interval: 95 % interval of second minus first, in percentage points; None with too few runs to
            estimate noise.
        conditional: Whether the interval includes test examples only, because either side has one seed; then
            there is no p.
        p: Two-sided p-value.
        p_holm: p-value after Holm's correction.
        said: "beyond noise" if p_holm is at most 0.05, else "within noise"; "unknown" without a p; "alike"
            where the runs of both are correct on the same examples, seed by seed: they may be the same runs,
            for which an interval for independent studies is meaningless.
        doubts: Findings of an audit on the table's row.
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
    doubts: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The comparison of two sources.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        settings: Changed settings with the experiments that have the change, () for all, None for a change of
            the study.
        made_with: Differences in provenance (code, packages, devices).
        only_first: Experiments that only the first has.
        only_second: Experiments that only the second has.
        results: Differences by experiment.
        problems: (study, finding) on excluded runs, and caveats on the others.
    """

    first: str
    second: str
    settings: tuple[tuple[str, tuple[str, ...] | None], ...]
    made_with: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    results: tuple[Difference, ...]
    problems: tuple[tuple[str, Finding], ...]


def studies(first: Results, second: Results, *, checkpoint: str = "last") -> Comparison:
    """Compares two studies' folders.

    Raises:
        DataError: If they share no experiment.
    """
    pairs = _pairs(first, second)
    if not pairs:
        raise DataError(
            "not-comparable",
            f"{first.source} and {second.source}: share no experiment, neither by name nor by levels",
        )
    rows = [
        _difference(a, samples.known(first, a, checkpoint), samples.known(second, b, checkpoint))
        for a, b in pairs.items()
    ]
    matched = set(pairs.values())
    same = first.name == second.name
    names = [f"{e.name} ({e.source})" if same else e.name for e in (first, second)]
    return Comparison(
        first=names[0],
        second=names[1],
        settings=_settings(first, second, pairs),
        made_with=_made_with(first, second),
        only_first=tuple(name for name in _names(first) if name not in pairs),
        only_second=tuple(name for name in _names(second) if name not in matched),
        results=_corrected(rows),
        problems=(*_problems(names[0], first, checkpoint), *_problems(names[1], second, checkpoint)),
    )


def table(first: Results, file: Path, *, checkpoint: str = "last") -> Comparison:
    """Compares a study's folder with a table in CSV or Markdown whose rows name experiments.

    Raises:
        DataError: If no row names an experiment of the study.
    """
    document = table_files.read(file)
    printed = {
        entry.experiment: float(entry.figures["top1"].value)
        for one in document.tables
        for entry in entries.read(one)[0]
        if entry.experiment is not None and "top1" in entry.figures
    }
    shared = [name for name in _names(first) if name in printed]
    if not shared:
        raise DataError(
            "not-comparable",
            f"no row with a top-1 names an experiment of {first.name} ({_some(_names(first))})",
            path=file,
        )
    doubts: dict[str, list[Finding]] = {}
    for finding in audit.document(document).findings:
        if finding.severity != findings.NOTE:
            doubts.setdefault(str(finding.row), []).append(finding.why)
    rows = [
        dataclasses.replace(
            _against_printed(name, samples.known(first, name, checkpoint), printed[name]),
            doubts=tuple(doubts.get(name, ())),
        )
        for name in shared
    ]
    return Comparison(
        first=first.name,
        second=file.name,
        settings=(),
        made_with=(),
        only_first=tuple(name for name in _names(first) if name not in printed),
        only_second=tuple(name for name in printed if name not in _names(first)),
        results=_corrected(rows),
        problems=_problems(first.name, first, checkpoint),
    )


def _names(results: Results) -> list[str]:
    return [experiment.name for experiment in results.experiments]


def _problems(name: str, results: Results, checkpoint: str) -> tuple[tuple[str, Finding], ...]:
    """Findings that exclude runs, or cast doubt on their values."""
    found = health.examine(results, checkpoint)
    kinds = ("missing", "unfinished", "failed", "damaged", "stale", "health")
    return tuple((name, p.finding) for p in found if p.kind in kinds)


# --- results --------------------------------------------------------------------------------------------


def _difference(name: str, first: Known | None, second: Known | None) -> Difference:
    seeds = (first.n_seeds if first else 0, second.n_seeds if second else 0)
    found = None
    alike = first is not None and second is not None and _alike(first, second)
    if first is not None and second is not None and not alike:
        found = estimates.points([second, first], [1.0, -1.0])
    return Difference(
        experiment=name,
        first=None if first is None else POINTS * first.accuracy,
        second=None if second is None else POINTS * second.accuracy,
        seeds=seeds,
        interval=None if found is None else found.interval(),
        conditional=found is not None and found.conditional,
        p=None if found is None else found.p_two_sided,
        p_holm=None,
        said=ALIKE if alike else UNKNOWN,
    )


def _alike(first: Known, second: Known) -> bool:
    """Whether the runs of two experiments have the same results, seed by seed."""
    if set(first.seeds) != set(second.seeds) or not first.seeds:
        return first == second if isinstance(first, Accuracies) and isinstance(second, Accuracies) else False
    again = second.only(first.seeds)
    if isinstance(first, Sample) and isinstance(again, Sample):
        return first.test == again.test and np.array_equal(first.correct, again.correct)
    return np.array_equal(first.by_seed, again.by_seed)


def _against_printed(name: str, ours: Known | None, printed: float) -> Difference:
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


# --- settings and provenance ----------------------------------------------------------------------------


def _pairs(first: Results, second: Results) -> dict[str, str]:
    """{experiment of the first: of the second}."""
    theirs = _names(second)
    found = {}
    for mine in first.experiments:
        other = mine.name if mine.name in theirs else second.named(mine.levels)
        if other is not None:
            found[mine.name] = other
    return found


def _settings(
    first: Results, second: Results, pairs: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """Each changed setting once, with the experiments in which it changed."""
    changed: dict[str, list[str]] = {}
    for a, b in pairs.items():
        before, after = first.experiment(a).config, second.experiment(b).config
        if before is None or after is None:
            continue
        for change in settings.differences(dataclasses.replace(before, seed=after.seed), after):
            changed.setdefault(change, []).append(a)
    found: list[tuple[str, tuple[str, ...] | None]] = [
        (change, () if len(names) == len(pairs) else tuple(names)) for change, names in changed.items()
    ]
    if first.seeds != second.seeds:
        found.append((f"seeds: {_seeds(first)} -> {_seeds(second)}", None))
    return tuple(found)


def _seeds(results: Results) -> str:
    return ", ".join(map(str, results.seeds))


def _made_with(first: Results, second: Results) -> tuple[str, ...]:
    """Differences in the provenance of finished runs."""
    made = [m for results in (first, second) for m in _provenances(results)]
    data = sorted({m.data.name for m in made if m.data})
    packages = sorted({name for m in made for name in m.packages})
    kinds: list[tuple[str, Callable[[Provenance], Iterable[Hashable]]]] = [
        ("code", lambda m: code_version.distinct(m.code_digests)),
        *((f"data {name}", _digest_of(name)) for name in data),
        ("weights", lambda m: [m.weights.get("weights")]),
        ("device", lambda m: [m.device.get("name")]),
        *((name, _version_of(name)) for name in packages),
    ]
    found = []
    for kind, values_of in kinds:
        sides = [_values(results, values_of) for results in (first, second)]
        if all(sides) and sides[0] != sides[1]:
            found.append(f"{kind}: {sides[0]} -> {sides[1]}")
    return tuple(found)


def _provenances(results: Results) -> list[Provenance]:
    return [run.provenance for run in results.done if run.provenance is not None]


def _digest_of(name: str) -> Callable[[Provenance], Iterable[Hashable]]:
    return lambda m: [m.data.digest[:12]] if m.data and m.data.name == name and m.data.digest else []


def _version_of(name: str) -> Callable[[Provenance], Iterable[Hashable]]:
    return lambda m: [m.packages.get(name)]


def _values(results: Results, values_of: Callable[[Provenance], Iterable[Hashable]]) -> str:
    values = {str(value) for m in _provenances(results) for value in values_of(m) if value is not None}
    return " and ".join(sorted(values))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
