"""Studies drawn from a model with known truth: what intervals and verdicts are tried on.

An example is right for a run when its difficulty in that cell, a shift of the seed and a draw of its own lie
below the cell's level; so the truth, and each source of variance, is what the numbers say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mixscope.claims.contrasts import Estimate, Sample


def runs(
    rng: np.random.Generator,
    accuracies: list[float],
    *,
    seeds: int,
    n: int,
    example: float = 1.0,
    cell: float = 0.3,
    seed: float = 0.02,
    residual: float = 0.5,
) -> list[Sample]:
    """A sample for each cell whose expected accuracy is that of `accuracies`.

    Standard deviations on the probit scale: `example` is shared by all cells, `cell` is an example's own in
    one cell, `residual` its own in one run. `seed`: the standard deviation between runs, as a share: the
    level of a run is moved so far.
    """
    total = np.sqrt(example**2 + cell**2 + residual**2)
    shared = example * rng.standard_normal(n)
    found = []
    for accuracy in accuracies:
        levels = np.clip(accuracy + seed * rng.standard_normal(seeds), 1e-3, 1 - 1e-3)
        cut = total * stats.norm.ppf(levels)
        draws = shared + cell * rng.standard_normal(n) + residual * rng.standard_normal((seeds, n))
        found.append(Sample(draws < cut[:, None], tuple(range(seeds))))
    return found


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Many drawn studies at once, as far as an interval sees them: thousands of examples, few seeds.

    value: float (times,). terms: V_seed of each cell, float (times, cells). The rest is as in Estimate.
    """

    value: np.ndarray
    terms: np.ndarray
    examples: float
    residual: float
    seeds: int
    n: int

    def estimate(self, i: int) -> Estimate:
        return Estimate(
            value=float(self.value[i]),
            examples=self.examples,
            examples_df=self.n - 1.0,
            seeds=tuple(self.terms[i].tolist()),
            seeds_df=(self.seeds - 1,) * self.terms.shape[1],
            residual=self.residual,
            conditional=False,
        )

    def covers(self, truth: float) -> np.ndarray:
        """Whether each 95% interval holds the truth, bool (times,): Estimate's formulas, on arrays."""
        from_seeds = np.maximum(self.terms.sum(axis=1), self.residual)
        variance = np.maximum(self.examples, self.terms.sum(axis=1) + self.examples - self.residual)
        degrees = from_seeds * variance / (self.terms**2 / (self.seeds - 1)).sum(axis=1)
        factor = np.interp(np.minimum(degrees, self.n - 1), DEGREES, T_975)
        inside: np.ndarray = np.abs(self.value - truth) < factor * np.sqrt(variance)
        return inside


DEGREES = np.concatenate([np.linspace(1, 60, 6000), np.linspace(60.1, 10_000, 4000)])
T_975 = stats.t.ppf(0.975, DEGREES)


def moments(
    rng: np.random.Generator,
    *,
    times: int,
    shares: Sequence[float],
    seeds: int,
    from_seed: float,
    from_residual: float,
    truth: float = 0.0,
    error: float = 1.0,
    n: int = 10_000,
) -> Moments:
    """Studies of a contrast whose standard error is `error`.

    from_seed, from_residual: the parts of its variance that come from the differences between runs and from
    what single runs get wrong by chance; the rest is from examples. shares: how the first is spread over
    cells.
    """
    total, cells = error**2, len(shares)
    terms = total * (from_seed * np.asarray(shares) + from_residual / cells)
    drawn = terms * rng.chisquare(seeds - 1, (times, cells)) / (seeds - 1)
    return Moments(
        value=rng.normal(truth, error, times),
        terms=drawn,
        examples=total * (1.0 - from_seed),
        residual=total * from_residual,
        seeds=seeds,
        n=n,
    )
