"""Estimates and intervals of a contrast: a weighted sum of the accuracies of experiments.

An experiment is trained with several seeds and tested on the same examples. Two sources of variance
are counted, the seeds and the test examples (Bouthillier et al. 2021, arXiv 2103.03098):

    delta_i   = sum_c w_c mean_s y_csi                   the contrast on example i
    V_example = Var_i(delta_i) / n
    V_seed    = sum_c w_c^2 s_c^2 / S_c                  s_c^2: variance over seeds of its accuracy
    V_e       = sum_c w_c^2 mean_i(s_ci^2) / (S_c n)     s_ci^2: variance over seeds of example i
    V         = max(V_example, V_seed + V_example - V_e)

V_e is contained in both of the others: the run-specific errors. The interval is Student's with

    df = U V / sum_c (v_c^2 / (S_c - 1))                 U = max(V_seed, V_e), v_c the terms of V_seed

degrees of freedom, at least the smallest S_c - 1 and at most those of the examples. U is the part of V due to
seeds; U^2 in place of U V would be its degrees of freedom after Welch (Biometrika 34, 1947) and Satterthwaite
(Biometrics 2, 1946). The rest is estimated from thousands of examples, so the whole has more: V^2 after
Satterthwaite. That is too many where two degrees dominate (coverage 0.921 at nominal 0.95), so the factor is
V / U instead of (V / U)^2 (0.934; docs/notes/log.md). For V = U all three are equal.

Cells are always paired by test example. They are paired by seed only if the study declares it before it runs:
then the contrast of each seed is one observation, with S - 1 degrees of freedom.

All functions are pure; accuracies are fractions in [0, 1], and estimates have the unit of their weights:
weights times 100 give percentage points.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import stats

POINTS = 100.0
LEVEL, NARROW = 0.95, 0.90


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An interval of one contrast, in percentage points or in logits."""

    estimate: float
    low: float
    high: float
    level: float = LEVEL

    def inside(self, margin: float) -> bool:
        """Whether the interval is strictly within (-margin, margin), in its own unit."""
        return -margin < self.low and self.high < margin


class Seeded(Protocol):
    """What is known about an experiment by seed: correctness, or accuracies alone."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Names of the seeds."""

    @property
    def by_seed(self) -> np.ndarray:
        """Accuracy of each seed, float64 (S,)."""

    def only(self, seeds: Sequence[int]) -> "Seeded":
        """The runs of these seeds, in this order."""


@dataclass(frozen=True)
class Sample:
    """Per-example correctness of the runs of one experiment.

    Attributes:
        correct: bool or float (S, n), one row per seed, one column per test example.
        seeds: Seed of each row.
        test: Name of the test set; experiments with the same name are aligned by example.
    """

    correct: np.ndarray
    seeds: tuple[int, ...]
    test: str = "test"

    def __post_init__(self) -> None:
        assert self.correct.ndim == 2 and len(self.correct) == len(self.seeds) >= 1
        assert self.correct.shape[1] >= 2, "a variance over examples needs two of them"

    @property
    def n_seeds(self) -> int:
        """Number of runs, S."""
        return len(self.seeds)

    @property
    def n_test(self) -> int:
        """Number of test examples, n."""
        return int(self.correct.shape[1])

    @cached_property
    def by_seed(self) -> np.ndarray:
        """Accuracy of each seed, float64 (S,)."""
        found: np.ndarray = self.correct.mean(axis=1, dtype=np.float64)
        return found

    @cached_property
    def by_example(self) -> np.ndarray:
        """Mean over seeds of each example, float64 (n,)."""
        found: np.ndarray = self.correct.mean(axis=0, dtype=np.float64)
        return found

    @cached_property
    def accuracy(self) -> float:
        """Mean over seeds and examples, 0 to 1."""
        return float(self.by_seed.mean())

    @cached_property
    def residual(self) -> float:
        """Mean over examples of their variance over seeds; 0 with one seed, where it is unknown."""
        if len(self.seeds) == 1:
            return 0.0
        if self.correct.dtype == np.bool_:  # variance of S zeros and ones
            p, size = self.by_example, len(self.seeds)
            return float((p * (1.0 - p)).mean() * size / (size - 1))
        return float(self.correct.var(axis=0, ddof=1, dtype=np.float64).mean())

    @property
    def logit(self) -> float:
        """Log-odds of the accuracy, with half a hit and half a miss added so that it is finite."""
        n = self.correct.size
        hits = self.accuracy * n
        return math.log((hits + 0.5) / (n - hits + 0.5))

    @property
    def slope(self) -> float:
        """Derivative of the log-odds with respect to the accuracy, at the same corrected accuracy."""
        n = self.correct.size
        p = (self.accuracy * n + 0.5) / (n + 1.0)
        return 1.0 / (p * (1.0 - p))

    def only(self, seeds: Sequence[int]) -> "Sample":
        """The rows of these seeds, in this order."""
        rows = [self.seeds.index(s) for s in seeds]
        return Sample(self.correct[rows], tuple(seeds), self.test)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A contrast with the components of its variance, in the unit of its weights.

    With one seed in any experiment V_seed is unknown, and the estimate is conditional on these checkpoints.

    Attributes:
        value: The estimate.
        examples: V_example.
        examples_df: Its degrees of freedom.
        seeds: V_seed of each experiment (of the whole contrast when paired).
        seeds_df: Degrees of freedom of each.
        residual: V_e.
        conditional: Whether it is conditional on these checkpoints.
    """

    value: float
    examples: float
    examples_df: float
    seeds: tuple[float, ...]
    seeds_df: tuple[int, ...]
    residual: float
    conditional: bool

    @property
    def from_seeds(self) -> float:
        """The part of the variance that more seeds would reduce, U above.

        0 with one seed, where it is unknown.
        """
        return 0.0 if self.conditional else min(max(math.fsum(self.seeds), self.residual), self.variance)

    @property
    def from_examples(self) -> float:
        """The part of the variance that more seeds would not reduce."""
        return self.variance - self.from_seeds

    @property
    def variance(self) -> float:
        """Variance of the estimate in its unit squared, from seeds and examples without double counting."""
        return max(self.examples, math.fsum(self.seeds) + self.examples - self.residual)

    @property
    def standard_error(self) -> float:
        """Standard error in the unit of the estimate."""
        return math.sqrt(self.variance)

    @property
    def seed_share(self) -> float | None:
        """The fraction of the variance due to seeds, in [0, 1]; None with one seed, where it is unknown."""
        return None if self.conditional or self.variance == 0 else self.from_seeds / self.variance

    @property
    def degrees(self) -> float:
        """Effective degrees of freedom, at most those of the examples, which also hold if nothing varies."""
        return degrees(self.variance, self.from_seeds, self.seeds, self.seeds_df, self.examples_df)

    def interval(self, level: float = LEVEL) -> Interval:
        """The two-sided t interval of that level, in [0, 1], with `degrees` degrees of freedom."""
        half = t_factor(level, self.degrees) * self.standard_error
        return Interval(estimate=self.value, low=self.value - half, high=self.value + half, level=level)

    def p_above(self, bound: float = 0.0) -> float:
        """One-sided p-value: probability of so high an estimate if the true value were `bound`."""
        return self._tail(self.value - bound)

    def p_below(self, bound: float = 0.0) -> float:
        """One-sided p-value: probability of so low an estimate if the true value were `bound`."""
        return self._tail(bound - self.value)

    def p_equivalent(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987): the larger p-value."""
        return max(self.p_above(-margin), self.p_below(margin))

    @property
    def p_two_sided(self) -> float | None:
        """Two-sided p-value of no difference; None if the estimate is conditional on these checkpoints."""
        return None if self.conditional else min(1.0, 2 * min(self.p_above(), self.p_below()))

    def _tail(self, distance: float) -> float:
        if self.variance == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / self.standard_error, self.degrees))


def degrees(
    variance: float, from_seeds: float, terms: Sequence[float], terms_df: Sequence[int], most: float
) -> float:
    """Effective degrees of freedom of a variance of which `from_seeds` comes from these terms, as above.

    Not less than those of the term with fewest, as with Satterthwaite: experiments with common random numbers
    are correlated, so that V_e, which assumes independence, can reduce V below the terms.
    """
    below = sum(v * v / df for v, df in zip(terms, terms_df, strict=True))
    return min(max(from_seeds * variance / below, min(terms_df)), most) if below and variance else most


def t_factor(level: float, degrees: float) -> float:
    """Half width of a two-sided t interval of that level, in standard errors."""
    return float(stats.t.ppf(0.5 + level / 2, degrees))


def mean(
    sample: Sample,
    low: float = 0.0,
    high: float = 1.0,
    *,
    level: float = LEVEL,
    trials: int | None = None,
) -> Interval:
    """The interval of one experiment's mean, whose values are between `low` and `high`.

    Student's, as for a contrast, truncated at the bounds. If all values are equal to one bound, Student's
    interval has no width; then it is the exact interval of this number of examples (Clopper and Pearson,
    Biometrika 26, 1934), which is conservative for values between the bounds.

    Args:
        sample: Values of an experiment; a fraction or an accuracy is in [0, 1].
        low: Lower bound of the values.
        high: Upper bound of the values; may be infinite.
        level: Confidence level, in [0, 1].
        trials: Number of examples of the exact interval; all of them by default.
    """
    found = estimate([sample], [1.0]).interval(level)
    reach = (high - low) * (1.0 - (0.5 - level / 2.0) ** (1.0 / (trials or sample.n_test)))
    if math.isfinite(reach) and (sample.correct == low).all():
        return dataclasses.replace(found, low=low, high=low + reach)
    if math.isfinite(reach) and (sample.correct == high).all():
        return dataclasses.replace(found, low=high - reach, high=high)
    return dataclasses.replace(found, low=max(low, found.low), high=min(high, found.high))


def points(experiments: Sequence[Sample], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast in percentage points. experiments and weights in one order; paired: by seed."""
    return estimate(experiments, [POINTS * w for w in weights], paired=paired)


def logits(experiments: Sequence[Sample], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast of log-odds.

    Its variance is that of the contrast whose weights are multiplied by the slope of the log-odds at each
    experiment's accuracy (delta method), so that both scales share one formula.
    """
    found = estimate(
        experiments, [w * c.slope for c, w in zip(experiments, weights, strict=True)], paired=paired
    )
    value = math.fsum(w * c.logit for c, w in zip(experiments, weights, strict=True))
    return dataclasses.replace(found, value=value)


def estimate(experiments: Sequence[Sample], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """sum_c w_c accuracy_c with the components of its variance, as above.

    Cells with different test sets share no examples, so each set has its own V_example, and they add.

    Args:
        experiments: The experiments.
        weights: Weight of each.
        paired: Every experiment must have the same seeds; the contrast of one seed is one observation.
    """
    assert len(experiments) == len(weights) > 0
    if paired:
        assert len({c.seeds for c in experiments}) == 1, (
            "pairing by seed needs the same seeds in every experiment"
        )
    examples = residual = below = 0.0
    for test in dict.fromkeys(c.test for c in experiments):
        mine = [(c, w) for c, w in zip(experiments, weights, strict=True) if c.test == test]
        delta = sum((w * c.by_example for c, w in mine), np.zeros(mine[0][0].correct.shape[1]))
        n = len(delta)
        v = float(np.var(delta, ddof=1)) / n
        examples += v
        below += v * v / (n - 1)
        if paired:
            each = Sample(_by_seed_and_example(mine), mine[0][0].seeds, test)
            residual += each.residual / (len(each.seeds) * n)
        else:
            residual += math.fsum(w * w * c.residual / (len(c.seeds) * n) for c, w in mine)
    conditional = any(len(c.seeds) == 1 for c in experiments)
    seeds: tuple[float, ...] = ()
    degrees: tuple[int, ...] = ()
    if conditional:
        residual = 0.0
    elif paired:
        each_seed = contrast_by_seed(experiments, weights)
        seeds = (float(np.var(each_seed, ddof=1)) / len(each_seed),)
        degrees = (len(each_seed) - 1,)
    else:
        seeds = tuple(
            w * w * float(np.var(c.by_seed, ddof=1)) / len(c.seeds)
            for c, w in zip(experiments, weights, strict=True)
        )
        degrees = tuple(len(c.seeds) - 1 for c in experiments)
    return Estimate(
        value=math.fsum(w * c.accuracy for c, w in zip(experiments, weights, strict=True)),
        examples=examples,
        examples_df=examples**2 / below if below else float(min(c.correct.shape[1] for c in experiments) - 1),
        seeds=seeds,
        seeds_df=degrees,
        residual=residual,
        conditional=conditional,
    )


def _by_seed_and_example(experiments: Sequence[tuple[Sample, float]]) -> np.ndarray:
    """The contrast of every seed on every example, float64 (S, n)."""
    found = np.zeros(experiments[0][0].correct.shape)
    for experiment, weight in experiments:
        found += weight * experiment.correct
    return found


def contrast_by_seed(experiments: Sequence[Seeded], weights: Sequence[float]) -> np.ndarray:
    """sum_c w_c accuracy_c of every seed, float64 (S,). Every experiment must have the same seeds."""
    found: np.ndarray = sum(
        (w * c.by_seed for c, w in zip(experiments, weights, strict=True)),
        np.zeros(len(experiments[0].seeds)),
    )
    return found


def common_seeds(experiments: Sequence[Seeded]) -> tuple[int, ...]:
    """The seeds that every experiment has, in the order of the first."""
    return tuple(s for s in experiments[0].seeds if all(s in c.seeds for c in experiments))


def shared(experiments: Sequence[Seeded], weights: Sequence[float]) -> float | None:
    """The fraction of the variance over seeds that pairing by seed removes.

    It is 1 - Var_s(sum_c w_c a_cs) / sum_c w_c^2 s_c^2. For two experiments with equal variance this is
    Pearson's correlation of their accuracies over seeds. It is negative (at least 1 minus the number of
    experiments) where they are negatively correlated, and then the unpaired interval is too narrow. None
    with fewer than 3 common seeds, or if nothing varies.
    """
    seeds = common_seeds(experiments)
    if len(seeds) < 3:
        return None
    same = [c.only(seeds) for c in experiments]
    alone = math.fsum(w * w * float(np.var(c.by_seed, ddof=1)) for c, w in zip(same, weights, strict=True))
    if alone == 0:
        return None
    return 1.0 - float(np.var(contrast_by_seed(same, weights), ddof=1)) / alone


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Smallest family-wise levels that reject each, Holm-adjusted p-values (Scand. J. Statist. 6, 1979)."""
    found: dict[str, float] = {}
    largest = 0.0
    for rank, key in enumerate(sorted(p, key=lambda k: (p[k], k))):
        largest = max(largest, min(1.0, (len(p) - rank) * p[key]))
        found[key] = largest
    return {key: found[key] for key in p}
