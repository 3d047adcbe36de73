"""Gain against training budget: the contrasts of a study at every recorded epoch.

The gain of an augmentation may depend on training time. Records contain accuracies of every epoch, not
predictions, so these intervals include seeds only and are narrower than those of verdicts; no verdict is
based on them. The learning rate of an early epoch is still high: the value is not that of a shorter training.

Running runs are included up to their current epoch; at each epoch the seeds count that every experiment has.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mixscope.claims import contrasts
from mixscope.results import Results, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A contrast after one epoch, in percentage points.

    Attributes:
        epoch: Epoch.
        by_seed: The contrast of each seed.
        low: Lower end of the 95 % interval, from seeds only; None with one seed.
        high: Upper end.
    """

    epoch: int
    by_seed: Mapping[int, float]
    low: float | None
    high: float | None

    @property
    def estimate(self) -> float:
        """Mean over seeds, in percentage points."""
        return math.fsum(self.by_seed.values()) / len(self.by_seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A contrast after every epoch, in order.

    Attributes:
        claim: Id of the claim; "" if it is not a claim of the study.
        stratum: Levels of the other factors.
        split: "val", or "test" without a validation split.
        points: The epochs.
    """

    claim: str
    stratum: Mapping[str, str]
    split: str
    points: tuple[Point, ...]

    @property
    def seeds(self) -> list[int]:
        """Seeds of any epoch."""
        return sorted({seed for point in self.points for seed in point.by_seed})


def follow(results: Results) -> list[Budget]:
    """Every contrast claimed by a study for which all experiments have recorded an epoch."""
    found = []
    for claim in results.claims:
        for stratum in claim.strata(results.factors):
            weights = results.weights(claim.weights(stratum, results.factors))
            one = of(results, weights, claim=claim.id, stratum=stratum, paired=claim.pair_seeds)
            found += [one] if one is not None else []
    return found


def of(
    results: Results,
    weights: Mapping[str, float],
    *,
    claim: str = "",
    stratum: Mapping[str, str],
    paired: bool = False,
) -> Budget | None:
    """One contrast; None before all of its experiments have recorded an epoch. weights: by experiment."""
    for split in ("val", "test"):
        curves = {
            name: {run.seed: curve for run in results.runs_of(name) if (curve := _curve(run, split))}
            for name in weights
        }
        seeds = sorted(set.intersection(*(set(mine) for mine in curves.values())))
        each = {seed: set.intersection(*(set(mine[seed]) for mine in curves.values())) for seed in seeds}
        points = []
        for epoch in sorted(set().union(*each.values())):
            there = [seed for seed in seeds if epoch in each[seed]]
            values = {name: np.array([mine[s][epoch] for s in there]) for name, mine in curves.items()}
            points.append(_point(epoch, there, values, weights, paired))
        if points:
            return Budget(claim=claim, stratum=dict(stratum), split=split, points=tuple(points))
    return None


def _point(
    epoch: int,
    seeds: Sequence[int],
    accuracies: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    paired: bool,
) -> Point:
    each: np.ndarray = sum((weights[name] * mine for name, mine in accuracies.items()), np.zeros(len(seeds)))
    half = _half(accuracies, each, weights, paired)
    middle = float(each.mean())
    return Point(
        epoch=epoch,
        by_seed=dict(zip(seeds, each.tolist(), strict=True)),
        low=None if half is None else middle - half,
        high=None if half is None else middle + half,
    )


def _half(
    accuracies: Mapping[str, np.ndarray], each: np.ndarray, weights: Mapping[str, float], paired: bool
) -> float | None:
    """Half width of a contrast's 95 % interval from accuracies of seeds, float (S,) by experiment.

    `each` is the contrast of each seed. Without pairing this is Welch's interval. None with one seed.
    """
    size = len(each)
    if size < 2:
        return None
    if paired:
        terms = [float(np.var(each, ddof=1)) / size]
    else:
        terms = [weights[n] ** 2 * float(np.var(mine, ddof=1)) / size for n, mine in accuracies.items()]
    variance = math.fsum(terms)
    df = contrasts.degrees(variance, variance, terms, [size - 1] * len(terms), math.inf)
    return contrasts.t_factor(contrasts.LEVEL, df) * math.sqrt(variance)


def _curve(run: Run, split: str) -> dict[int, float]:
    """Top-1 in percent by epoch; empty if the split was not evaluated during training."""
    rows = {row["epoch"]: row.get(f"{split}_top1") for row in run.epochs}
    return {epoch: top1 for epoch, top1 in rows.items() if top1 is not None}
