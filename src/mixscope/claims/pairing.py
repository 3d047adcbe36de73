"""What pairing by seed buys or costs, and which estimators leave less to the chance of the seed.

Accuracies are arrays `a` of shape (cells, S): a row for each cell, a column for each seed, the same seeds in
every row. A contrast is a weight for each cell.

    alone  = sum_c w_c^2 Var_s(a_cs)        the variance of one seed's contrast when cells are independent
    shared = 1 - Var_s(sum_c w_c a_cs) / alone

Pairing takes the share `shared` off the variance (for two arms that vary equally it is their correlation) and
leaves S - 1 degrees of freedom of cells * (S - 1), so that the interval becomes narrower only beyond
`break_even`.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from mixscope import rng
from mixscope.claims.contrasts import LEVEL, t_factor

RESAMPLES = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """An estimate with its interval, which is None where it cannot be had."""

    value: float
    low: float | None
    high: float | None


def alone(a: np.ndarray, weights: np.ndarray) -> float:
    """sum_c w_c^2 Var_s(a_cs), in the unit of a squared: for one seed a cell."""
    return float(weights**2 @ a.var(axis=1, ddof=1))


def shared(a: np.ndarray, weights: np.ndarray) -> float:
    """The share of `alone` that pairing by seed takes off; below 0 where it adds. NaN when nothing varies."""
    before = alone(a, weights)
    return 1.0 - float(np.var(weights @ a, ddof=1)) / before if before else math.nan


def correlation(x: np.ndarray, y: np.ndarray, *, level: float = LEVEL) -> Range:
    """Pearson's correlation of x and y, (S,) each, with Fisher's interval (Metron 1, 1921); S >= 4."""
    assert len(x) == len(y) >= 4, "Fisher's interval needs four pairs"
    found = float(np.corrcoef(x, y)[0, 1])
    half = special.ndtri(0.5 + level / 2) / math.sqrt(len(x) - 3)
    return Range(
        value=found,
        low=math.tanh(math.atanh(found) - half),
        high=math.tanh(math.atanh(found) + half),
    )


def half_width(variance: float, seeds: int, degrees: float, *, level: float = LEVEL) -> float:
    """What half the t interval of a mean over `seeds` is on average, for normal errors of that variance."""
    mean_of_root = math.sqrt(2 / degrees) * math.exp(
        special.gammaln((degrees + 1) / 2) - special.gammaln(degrees / 2)
    )
    return t_factor(level, degrees) * math.sqrt(variance / seeds) * mean_of_root


def relative_width(share: float, seeds: int, cells: int, *, level: float = LEVEL) -> float:
    """Width of the paired interval over that of the unpaired one, on average, where only seeds vary.

    share: what `shared` estimates. Cells are taken to vary equally, and their variances to be estimated
    independently, which makes it 2 % too low at S = 3 and a correlation of 0.7. Below 1 pairing pays.
    """
    paired = half_width(1.0 - share, seeds, seeds - 1, level=level)
    return paired / half_width(1.0, seeds, cells * (seeds - 1), level=level)


def break_even(seeds: int, cells: int, *, level: float = LEVEL) -> float:
    """The `shared` from which on pairing makes the interval narrower."""
    return 1.0 - relative_width(0.0, seeds, cells, level=level) ** -2


def worth(share: float, seeds: int, cells: int, *, level: float = LEVEL) -> int:
    """How many seeds make the unpaired interval no wider, on average, than the paired one of `seeds`."""
    goal = half_width(1.0 - share, seeds, seeds - 1, level=level)
    return next(s for s in itertools.count(2) if half_width(1.0, s, cells * (s - 1), level=level) <= goal)


def factor(before: np.ndarray, after: np.ndarray) -> float:
    """Variance over seeds within cells by the second estimator over that by the first; a sum over cells.

    Both (cells, S). For every contrast whose weights are equal in size it is the ratio of `alone`.
    """
    return float(after.var(axis=1, ddof=1).sum() / before.var(axis=1, ddof=1).sum())


def left_by_control(a: np.ndarray, x: np.ndarray) -> float:
    """The share of the variance within cells that a control variate leaves: 1 - r^2, one slope for all cells.

    Adjusted for the slope, so that it is 1 on average (and may exceed 1) where x says nothing.

    a, x: (cells, S). This much is gained only where the mean of x is known. With a mean that is taken from
    the same S runs the estimate is the plain one, and the factor exactly 1; taken from `m` runs it is
    `1 - r^2 (1 - S / m)`. NaN where x does not vary.
    """
    y, z = (each - each.mean(axis=1, keepdims=True) for each in (a, x))
    below = float((y**2).sum() * (z**2).sum())
    if not below:
        return math.nan
    degrees = a.size - len(a)
    return (1.0 - float((y * z).sum()) ** 2 / below) * degrees / (degrees - 1)


def over_seeds(
    statistic: Callable[[np.ndarray], float],
    seeds: int,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Range:
    """The statistic of all seeds, and percentiles of it over seeds that are drawn with replacement.

    statistic: given the columns to use, int64 (S,). Draws in which fewer than three seeds differ are left
    out, as they say nothing of a variance, and so are those for which the statistic is NaN. Of 8 seeds the
    percentiles of `shared`, `factor` and `left_by_control` hold the truth 87 to 90 times in 100, not 95.
    """
    draws = rng.generator(seed, "bootstrap", 2)
    drawn = []
    for _ in range(resamples):
        columns = draws.integers(0, seeds, size=seeds)
        if len(np.unique(columns)) >= 3:
            drawn.append(statistic(columns))
    found = np.asarray(drawn)
    found = found[~np.isnan(found)]
    value = statistic(np.arange(seeds))
    if not len(found):
        return Range(value=value, low=None, high=None)
    low, high = np.quantile(found, [0.5 - level / 2, 0.5 + level / 2])
    return Range(value=value, low=float(low), high=float(high))
