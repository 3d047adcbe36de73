"""Contrasts of experiments with known accuracies, or mean and spread, but no per-example predictions.

Such values show the variance between training seeds only, so the interval is Welch's (Biometrika 34, 1947)
over seeds and holds for more seeds on this test set:

    V = sum_c w_c^2 s_c^2 / S_c

Another test set would give another result. By how much can only be estimated with per-example pairing;
without it, the bound

    V + sum_c w_c^2 p_c (1 - p_c) / n_c

treats the examples of every experiment as independent draws. Experiments nearly always share a test set, and
then the bound is too wide: up to 3 times the interval that pairs examples (docs/notes/log.md: coverage of
both).

All functions are pure; accuracies are fractions in [0, 1], and estimates have the unit of their weights.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mixscope.claims.contrasts import POINTS, Estimate, Sample
from mixscope.errors import DataError
from mixscope.results import Summary


@dataclass(frozen=True, kw_only=True)
class Accuracies:
    """What is known about an experiment's test accuracy without its predictions.

    Attributes:
        accuracy: Mean over seeds, in [0, 1].
        sd: Standard deviation over seeds (divisor S - 1), in the same unit; None if unknown.
        n_seeds: Number of runs, S.
        n_test: Number of test examples; None if unknown.
        seeds: Names of the seeds, as long as `by_seed`; empty if only a mean is known.
        values: Accuracy of each seed, in [0, 1]; empty if only a mean is known.
    """

    accuracy: float
    sd: float | None
    n_seeds: int
    n_test: int | None = None
    seeds: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    @classmethod
    def of_runs(
        cls, values: Sequence[float], seeds: Sequence[int] | None = None, n_test: int | None = None
    ) -> "Accuracies":
        """Accuracies of single runs.

        Args:
            values: Accuracy of each run, in [0, 1].
            seeds: Their seeds; default 0, 1, ... (not paired with others).
            n_test: Number of test examples.
        """
        given = tuple(map(float, values))
        return cls(
            accuracy=math.fsum(given) / len(given),
            sd=_sd(given),
            n_seeds=len(given),
            n_test=n_test,
            seeds=tuple(range(len(given))) if seeds is None else tuple(seeds),
            values=given,
        )

    @classmethod
    def of_summary(cls, summary: Summary) -> "Accuracies":
        """Mean and standard deviation as printed in a table."""
        return cls(accuracy=summary.mean, sd=summary.sd, n_seeds=summary.n_seeds, n_test=summary.n_test)

    @cached_property
    def by_seed(self) -> np.ndarray:
        """Accuracy of each seed, float64 (S,); empty if only a mean is known."""
        return np.asarray(self.values, np.float64)

    @property
    def binomial(self) -> float | None:
        """Variance of one run's accuracy over test examples, p (1 - p) / n; None if n is unknown."""
        return self.accuracy * (1.0 - self.accuracy) / self.n_test if self.n_test else None

    @property
    def logit(self) -> float:
        """Log-odds of the accuracy, with half a hit and half a miss added so that it is finite."""
        p = self._inside
        return math.log(p / (1.0 - p))

    @property
    def slope(self) -> float:
        """Derivative of the log-odds with respect to the accuracy."""
        p = self._inside
        return 1.0 / (p * (1.0 - p))

    @property
    def _inside(self) -> float:
        n = self.n_seeds * (self.n_test or 1_000_000)
        return (self.accuracy * n + 0.5) / (n + 1.0)

    def only(self, seeds: Sequence[int]) -> "Accuracies":
        """The runs of these seeds, in this order."""
        chosen = [self.values[self.seeds.index(s)] for s in seeds]
        return Accuracies.of_runs(chosen, seeds, self.n_test)


def of_sample(sample: Sample) -> Accuracies:
    """The accuracies of runs with known predictions, for contrasts with runs without."""
    return Accuracies.of_runs(sample.by_seed.tolist(), sample.seeds, sample.correct.shape[1])


def points(
    experiments: Sequence[Accuracies],
    weights: Sequence[float],
    *,
    paired: bool = False,
    new_examples: bool = False,
) -> Estimate:
    """The contrast in percentage points; see `estimate`."""
    return estimate(experiments, [POINTS * w for w in weights], paired=paired, new_examples=new_examples)


def logits(
    experiments: Sequence[Accuracies],
    weights: Sequence[float],
    *,
    paired: bool = False,
    new_examples: bool = False,
) -> Estimate:
    """The contrast of log-odds, its variance by the delta method; see `estimate`."""
    scaled = [w * c.slope for c, w in zip(experiments, weights, strict=True)]
    found = estimate(experiments, scaled, paired=paired, new_examples=new_examples)
    value = math.fsum(w * c.logit for c, w in zip(experiments, weights, strict=True))
    return dataclasses.replace(found, value=value)


def estimate(
    experiments: Sequence[Accuracies],
    weights: Sequence[float],
    *,
    paired: bool = False,
    new_examples: bool = False,
) -> Estimate:
    """Welch's estimate of sum_c w_c accuracy_c.

    Args:
        experiments: What is known about each experiment.
        weights: Weight of each.
        paired: Compare seed by seed; requires the same named seeds in every experiment.
        new_examples: Add the binomial variance of every experiment, for the bound above.

    Returns:
        The estimate. It is conditional on these runs, with the binomial variance alone (infinite if the
        number of test examples is unknown), if the standard deviation of any experiment is unknown, or if all
        are 0: then runs were copied or rounded, and 0 does not measure the variance between seeds.

    Raises:
        DataError: If `paired` and the seeds are unknown or differ.
    """
    assert len(experiments) == len(weights) > 0
    pairs = list(zip(experiments, weights, strict=True))
    value = math.fsum(w * c.accuracy for c, w in pairs)
    binomial = math.fsum(w * w * (math.inf if c.binomial is None else c.binomial) for c, w in pairs)
    seeds: tuple[float, ...] = ()
    degrees: tuple[int, ...] = ()
    if paired:
        if len({c.seeds for c in experiments}) != 1 or not experiments[0].seeds:
            raise DataError(
                "not-comparable",
                "pairing by seed needs an accuracy of every seed, and the same seeds everywhere",
            )
        if experiments[0].n_seeds > 1:
            each = sum((w * c.by_seed for c, w in pairs), np.zeros(experiments[0].n_seeds))
            seeds = (float(np.var(each, ddof=1)) / len(each),)
            degrees = (len(each) - 1,)
    elif all(c.sd is not None for c in experiments):
        seeds = tuple(w * w * (c.sd or 0.0) ** 2 / c.n_seeds for c, w in pairs)
        degrees = tuple(c.n_seeds - 1 for c in experiments)
    conditional = math.fsum(seeds) == 0
    return Estimate(
        value=value,
        examples=binomial if conditional or new_examples else 0.0,
        examples_df=math.inf,
        seeds=() if conditional else seeds,
        seeds_df=() if conditional else degrees,
        residual=0.0,
        conditional=conditional,
    )


def _sd(values: Sequence[float]) -> float | None:
    """Divisor S - 1; exactly 0 for equal values, and None for a single one."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1)) if len(set(values)) > 1 else 0.0
