"""The two-way bootstrap: a second interval for every contrast, by resampling instead of by formula.

Test examples are drawn with replacement, the same for every experiment tested on them; seeds are drawn with
replacement within each experiment. The two deviations are added, since a repetition of the study would have
other examples and other seeds.

The naive bootstrap is biased in both directions: S seeds drawn from S seeds vary too little by (S - 1) / S,
and the run-specific errors (V_e in contrasts.py) are part of both deviations, so they would count twice, or
three times when both are drawn jointly (Owen, Ann. Appl. Stat. 1, 2007). The deviations of seeds are
therefore rescaled for both. Percentiles do not account for Student's t either: with few seeds the interval is
narrower than that of contrasts.py, and is not used for verdicts.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np

from mixscope import rng
from mixscope.claims.contrasts import LEVEL, POINTS, Interval, Sample, points

RESAMPLES = 2000
CHUNK = 100  # resamples per chunk, so that their weights of 10,000 examples fit into the cache


class Bootstrap:
    """Resampled accuracies of all experiments of a study, drawn once for all contrasts.

    Draws are counter-based: they depend on the seed, the test set and the experiment's name only, so that
    adding an experiment does not change the draws of others.

    Args:
        experiments: Correctness by experiment.
        resamples: Number of resamples.
        seed: Seed of the draws.
    """

    def __init__(
        self, experiments: Mapping[str, Sample], *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        self._experiments = dict(experiments)
        self._resamples = resamples
        self._seed = seed
        self._examples: dict[str, np.ndarray] = {}
        for test in dict.fromkeys(c.test for c in experiments.values()):
            self._examples |= self._resample(test, {n: c for n, c in experiments.items() if c.test == test})

    def interval(
        self, weights: Mapping[str, float], *, paired: bool = False, level: float = LEVEL
    ) -> Interval:
        """Percentile interval of a contrast in percentage points.

        With one seed in any experiment the interval is conditional on these checkpoints, as in contrasts.py.

        Args:
            weights: Weights by experiment.
            paired: Draw the same seeds in every experiment; all must have the same seeds.
            level: Confidence level.
        """
        experiments = [self._experiments[name] for name in weights]
        found = points(experiments, list(weights.values()), paired=paired)
        seeds = math.fsum(found.seeds)
        shrink = math.sqrt(max(0.0, 1.0 - found.residual / seeds)) if seeds else 0.0
        drawn = np.full(self._resamples, found.value)
        for name, weight in weights.items():
            drawn += POINTS * weight * (self._examples[name] - self._experiments[name].accuracy)
            if shrink:
                drawn += POINTS * weight * shrink * self._seeds(name, paired)
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        return Interval(estimate=found.value, low=float(low), high=float(high), level=level)

    def _resample(self, test: str, experiments: Mapping[str, Sample]) -> dict[str, np.ndarray]:
        """Accuracies by experiment on each resample of the examples, float64 (resamples,).

        Sums of integers are exact in float32 below 2^24, in any order.
        """
        hits = np.stack([c.correct.sum(axis=0, dtype=np.float32) for c in experiments.values()])
        n = hits.shape[1]
        draws = rng.generator(self._seed, "bootstrap", 0, _address(test))
        found = np.empty((len(hits), self._resamples))
        for start in range(0, self._resamples, CHUNK):
            size = min(CHUNK, self._resamples - start)
            who = draws.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
            counts = np.bincount(who.ravel(), minlength=size * n).reshape(size, n)
            # Not `@`: BLAS threads wait for each other while a training run occupies the cores.
            found[:, start : start + size] = np.einsum("cn,rn->cr", hits, counts.astype(np.float32))
        return {name: found[i] / (n * len(c.seeds)) for i, (name, c) in enumerate(experiments.items())}

    def _seeds(self, name: str, paired: bool) -> np.ndarray:
        """Deviation of the mean over drawn seeds from that of all, rescaled, float64 (resamples,)."""
        accuracies = self._experiments[name].by_seed
        size = len(accuracies)
        draws = rng.generator(self._seed, "bootstrap", 1, _address("paired" if paired else name))
        counts = draws.multinomial(size, np.full(size, 1.0 / size), self._resamples)
        found: np.ndarray = math.sqrt(size / (size - 1.0)) * (counts / size - 1.0 / size) @ accuracies
        return found


def _address(name: str) -> int:
    return zlib.crc32(name.encode())
