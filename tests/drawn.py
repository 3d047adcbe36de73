"""Studies drawn from a model with known truth: what intervals and verdicts are tried on.

An example is right for a run when its difficulty in that cell, a shift of the seed and a draw of its own lie
below the cell's level; so the truth, and each source of variance, is what the numbers say.
"""

import numpy as np
from scipy import stats

from mixscope.claims.contrasts import Sample


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
