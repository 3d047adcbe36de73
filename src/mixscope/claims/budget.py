"""Gain against budget: the contrasts of a study at every epoch that its runs recorded.

Whether an arm pays may hang on how long one trains. Records keep accuracies of every epoch, not predictions,
so these intervals count seeds only and are narrower than those of a verdict; nothing is judged by them. The
learning rate of an early epoch is still high: this is not what a shorter run would end with.

What does not belong here: verdicts, and curves of single runs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixscope.claims import contrasts
from mixscope.claims.evidence import Evidence, RunEvidence
from mixscope.study.claim import Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A contrast at one epoch, in percentage points.

    split: "val", or "test" where nothing is held out for validation. low, high: 95%, from seeds only; None
    with one seed. seeds: of the cell that has fewest.
    """

    claim: str
    stratum: Mapping[str, str]
    epoch: int
    split: str
    estimate: float
    low: float | None
    high: float | None
    seeds: int


def follow(evidence: Evidence) -> list[Point]:
    """Every contrast at every epoch that all finished runs of its cells have. Raises DataError."""
    names = {tuple(cell.items()): name for name, cell in evidence.study.cells()}
    found = []
    for claim in evidence.study.claims:
        for stratum in claim.strata(evidence.study.factors):
            levels = claim.weights(stratum, evidence.study.factors)
            weights = {names[tuple(cell.items())]: weight for cell, weight in levels}
            found += _follow(claim, stratum, {n: evidence.done(n) for n in weights}, weights)
    return found


def _follow(
    claim: Claim,
    stratum: Mapping[str, str],
    runs: Mapping[str, list[RunEvidence]],
    weights: Mapping[str, float],
) -> list[Point]:
    if not all(runs.values()):
        return []
    if claim.pair_seeds:
        common = set.intersection(*({r.planned.seed for r in mine} for mine in runs.values()))
        runs = {name: [r for r in mine if r.planned.seed in common] for name, mine in runs.items()}
        if not common:
            return []
    split = next((s for s in ("val", "test") if all(_curve(r, s) for m in runs.values() for r in m)), None)
    if split is None:
        return []
    curves = {name: [_curve(run, split) for run in mine] for name, mine in runs.items()}
    epochs = set.intersection(*(set(curve) for mine in curves.values() for curve in mine))
    found = []
    for epoch in sorted(epochs):
        accuracies = {name: np.array([curve[epoch] for curve in mine]) for name, mine in curves.items()}
        estimate, half = seeds_only(accuracies, weights, paired=claim.pair_seeds)
        found.append(
            Point(
                claim=claim.id,
                stratum=dict(stratum),
                epoch=epoch,
                split=split,
                estimate=estimate,
                low=None if half is None else estimate - half,
                high=None if half is None else estimate + half,
                seeds=min(len(mine) for mine in runs.values()),
            )
        )
    return found


def seeds_only(
    accuracies: Mapping[str, np.ndarray], weights: Mapping[str, float], *, paired: bool = False
) -> tuple[float, float | None]:
    """A contrast and half its 95% interval from the accuracies of seeds, float (S,) by experiment.

    Without pairing this is Welch's interval. None for the half with one seed in any cell.
    """
    estimate = math.fsum(weights[name] * float(mine.mean()) for name, mine in accuracies.items())
    if any(len(mine) < 2 for mine in accuracies.values()):
        return estimate, None
    if paired:
        each = sum(weights[name] * mine for name, mine in accuracies.items())
        terms = [float(np.var(each, ddof=1)) / np.size(each)]
        freedom = [np.size(each) - 1]
    else:
        terms = [weights[n] ** 2 * float(np.var(mine, ddof=1)) / len(mine) for n, mine in accuracies.items()]
        freedom = [len(mine) - 1 for mine in accuracies.values()]
    variance = math.fsum(terms)
    df = contrasts.degrees(variance, variance, terms, freedom, math.inf)
    return estimate, contrasts.t_factor(contrasts.LEVEL, df) * math.sqrt(variance)


def _curve(run: RunEvidence, split: str) -> dict[int, float]:
    """Top-1 in percent by epoch; empty where the split was not judged along the way."""
    rows = {row["epoch"]: row.get(f"{split}_top1") for row in run.epochs}
    return {epoch: top1 for epoch, top1 in rows.items() if top1 is not None}
