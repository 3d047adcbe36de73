"""The content of a report as plain values, gathered once, independent of language.

Unreadable records become findings in the report, never exceptions: a report on a partial or damaged study
says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mixscope import calibration
from mixscope.audit.findings import AuditFinding
from mixscope.calibration import Reliability
from mixscope.claims import budget, exploratory, health
from mixscope.claims.budget import Budget
from mixscope.claims.exploratory import Explored
from mixscope.claims.health import Problem
from mixscope.claims.verdicts import Verdict
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.report import classes, published
from mixscope.report.classes import ClassGains, Confused
from mixscope.report.published import Curve, Reference
from mixscope.results import DataSet, Experiment, Results, Run, Scaled, tables
from mixscope.results.results import DAMAGED
from mixscope.study.gains import GAIN, Contrast
from mixscope.study.roles import Roles

CONFUSED = 30  # listed pairs per experiment


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """Test predictions of an experiment.

    Attributes:
        seeds: Readable seeds, in order.
        labels: int64 (n,).
        hits: bool (seeds, n).
        counts: int64 (n_classes, n_classes), over seeds.
        reliability: None if confidences are unknown.
        scaled: By seed, if validation images were held out.
    """

    seeds: tuple[int, ...]
    labels: np.ndarray
    hits: np.ndarray
    counts: np.ndarray
    reliability: Reliability | None
    scaled: Mapping[int, Scaled]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedExperiment(tables.Measured):
    """One experiment over its seeds, with more than its metrics.

    Attributes:
        evaluated: Test predictions, None if unknown.
        published: {metric: percent} of the reference, if it has the experiment.
        doubts: Findings of an audit on these values.
        published_curves: Published logs.
    """

    evaluated: Evaluated | None
    published: Mapping[str, float | None] | None
    doubts: Sequence[AuditFinding]
    published_curves: Sequence[Curve]


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationGains:
    """Gains by class of an augmentation over the baseline in the experiment with these other levels."""

    levels: Mapping[str, str]
    augmentation: str
    seeds: int
    gains: ClassGains


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportContent:
    """The whole content.

    Attributes:
        results: The results.
        verdicts: Verdicts on the claims.
        experiments: The experiments.
        data: Data sets by name.
        class_gains: Gains by class, by data set.
        problems: Deviations from the study.
        budgets: Contrasts of the claims by epoch.
        gain_budgets: Gains of every augmentation by epoch; their stratum includes the augmentation.
        explored: Gains and differences of gains, if there are no claims.
        unreadable: Findings on unreadable records.
    """

    results: Results
    verdicts: Sequence[Verdict]
    experiments: Sequence[ReportedExperiment]
    data: Mapping[str, DataSet]
    class_gains: Mapping[str, Sequence[AugmentationGains]]
    problems: Sequence[Problem]
    budgets: Sequence[Budget]
    gain_budgets: Sequence[Budget]
    explored: Sequence[Explored]
    unreadable: Sequence[Finding]

    @property
    def roles(self) -> Roles:
        """Factors and their roles."""
        return self.results.roles


def gather(
    results: Results,
    judge: Callable[[Results], Sequence[Verdict]],
    *,
    reference: Path | None = None,
    curves: Path | None = None,
) -> ReportContent:
    """Gathers the content of a report.

    Args:
        results: The results.
        judge: Judges the claims (claims.verdicts.judge).
        reference: File of published values.
        curves: File of published curves.

    Raises:
        DataError: If a file of published values cannot be read.
    """
    table = published.table(reference) if reference else None
    logs = published.curves(curves) if curves else {}
    unreadable: list[Finding] = []
    experiments = [
        _reported(results, e, table, logs.get(e.name, ()), unreadable) for e in results.experiments
    ]
    data: dict[str, DataSet] = {}
    for run in results.runs:
        if run.provenance is not None and run.provenance.data is not None:
            data.setdefault(run.provenance.data.name, run.provenance.data)
    for experiment in experiments:
        k = len(experiment.evaluated.counts) if experiment.evaluated is not None else 0
        data.setdefault(experiment.data, DataSet(name=experiment.data, classes=tuple(map(str, range(k)))))
    return ReportContent(
        results=results,
        verdicts=judge(results),
        experiments=experiments,
        data=data,
        class_gains=_class_gains(results, experiments, unreadable),
        problems=health.examine(results),
        budgets=budget.follow(results),
        gain_budgets=_gain_budgets(results),
        explored=_explored(results),
        unreadable=unreadable,
    )


# --- one experiment -----------------------------------------------------------------------------


def _reported(
    results: Results,
    experiment: Experiment,
    reference: Reference | None,
    logs: Sequence[Curve],
    unreadable: list[Finding],
) -> ReportedExperiment:
    measured = tables.measured(results, experiment)
    unreadable += [run.reason for run in measured.runs if run.state == DAMAGED and run.reason is not None]
    return ReportedExperiment(
        **{each.name: getattr(measured, each.name) for each in fields(measured)},
        evaluated=_evaluated(results.done_of(experiment.name), measured.checkpoint, unreadable),
        published=reference.values.get(experiment.name) if reference else None,
        doubts=reference.doubts.get(experiment.name, ()) if reference else (),
        published_curves=logs,
    )


def _evaluated(runs: Sequence[Run], checkpoint: str, unreadable: list[Finding]) -> Evaluated | None:
    """Per-example outcomes of an experiment's runs, if they have labels and predicted classes."""
    seeds, hits, sure = [], [], []
    scaled: dict[int, Scaled] = {}
    labels: np.ndarray | None = None
    ids: np.ndarray | None = None
    counts: np.ndarray | None = None
    for run in runs:
        try:
            found = run.outcomes(checkpoint)
        except DataError as problem:
            unreadable.append(problem.finding)
            continue
        mine = found.confusion() if found is not None else None
        if found is None or found.labels is None or mine is None:
            continue
        if labels is None or ids is None or counts is None:
            labels, ids, counts = found.labels, found.ids, np.zeros_like(mine)
        elif not np.array_equal(ids, found.ids) or counts.shape != mine.shape:
            name = run.directory or run.label
            unreadable.append(Finding("predictions-other-examples", "warn", {"path": name}))
            continue
        if found.confidence is not None:
            sure.append(found.confidence)
        hits.append(found.correct)
        try:
            after = run.scaled(checkpoint)
        except DataError as problem:
            unreadable.append(problem.finding)
        else:
            scaled |= {run.seed: after} if after is not None else {}
        counts += mine
        seeds.append(run.seed)
    if labels is None or counts is None:
        return None
    known = len(sure) == len(hits)
    return Evaluated(
        seeds=tuple(seeds),
        labels=labels,
        hits=np.array(hits),
        counts=counts,
        reliability=calibration.reliability(np.concatenate(sure), np.concatenate(hits)) if known else None,
        scaled=scaled,
    )


# --- over experiments ---------------------------------------------------------------------------


def _class_gains(
    results: Results, experiments: Sequence[ReportedExperiment], unreadable: list[Finding]
) -> dict[str, list[AugmentationGains]]:
    """By data set, every augmentation against its baseline."""
    by_name = {experiment.name: experiment for experiment in experiments}
    found: dict[str, list[AugmentationGains]] = {}
    for contrast, weights in _baseline_first(results):
        augmentation, baseline = (by_name[name] for name in weights)
        if augmentation.evaluated is None or baseline.evaluated is None:
            continue
        if not np.array_equal(augmentation.evaluated.labels, baseline.evaluated.labels):
            both = [augmentation.name, baseline.name]
            unreadable.append(Finding("runs-other-examples", "warn", {"runs": both}))
            continue
        gains = classes.gains(
            augmentation.evaluated.hits,
            baseline.evaluated.hits,
            baseline.evaluated.labels,
            len(baseline.evaluated.counts),
        )
        one = AugmentationGains(
            levels=contrast.stratum,
            augmentation=str(contrast.augmentation),
            seeds=min(len(augmentation.evaluated.seeds), len(baseline.evaluated.seeds)),
            gains=gains,
        )
        found.setdefault(baseline.data, []).append(one)
    return found


def _explored(results: Results) -> Sequence[Explored]:
    """Gains and differences of gains, if there are no claims and a baseline is known."""
    if results.claims or results.roles.baseline is None or not results.roles.compared:
        return ()
    return exploratory.explore(results)


def _baseline_first(results: Results) -> list[tuple[Contrast, dict[str, float]]]:
    """Gains in the order of their baselines: those of one model and stratum together."""
    order = [experiment.name for experiment in results.experiments]
    return sorted(results.contrasts(GAIN), key=lambda found: order.index(list(found[1])[1]))


def _gain_budgets(results: Results) -> list[Budget]:
    """Gains of every augmentation over the baseline; the stratum includes the augmentation."""
    found = []
    for _, weights in _baseline_first(results):
        levels = results.experiment(next(iter(weights))).levels
        one = budget.of(results, weights, stratum=levels)
        found += [one] if one is not None else []
    return found


def confused(experiment: ReportedExperiment, most: int = CONFUSED) -> list[Confused]:
    """The pairs that an experiment confuses most."""
    return classes.most_confused(experiment.evaluated.counts, most) if experiment.evaluated else []


def selection(run: Run) -> dict[str, float]:
    """Test top-1 in percent by checkpoint of a finished run, to show the effect of selecting an epoch."""
    tests = run.metrics.get("test", {})
    return {name: 100.0 * top1 for name, row in tests.items() if (top1 := row.get("top1")) is not None}


def superclass_gains(one: AugmentationGains, data: DataSet) -> np.ndarray:
    """Mean shrunken gain of each superclass, float64 (superclasses,), in percentage points."""
    of = np.array(data.superclass_of)
    return np.array([np.nanmean(one.gains.shrunken[of == s]) for s in range(len(data.superclasses))])
