"""The two-way bootstrap: a second opinion on every interval, by resampling instead of by formula.

Test examples are drawn with replacement, the same ones for every cell that was tested on them; seeds are
drawn with replacement within each cell. The two deviations are added, since a study made again would have
other examples and other seeds.

Drawn naively, this counts too little and too much: S seeds drawn from S seeds vary too little by
(S - 1) / S, and which examples a run gets wrong by chance (V_e in contrasts.py) is in both deviations, so it
would count twice, or three times where both are drawn in one go (Owen, Ann. Appl. Stat. 1, 2007). So the
deviations of seeds are spread by the one and shrunk by the other. Percentiles know nothing of Student's t
either: with few seeds the interval is narrower than that of contrasts.py, and not the one to judge by.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np

from mixscope import rng
from mixscope.claims.contrasts import LEVEL, POINTS, Interval, Sample, points

RESAMPLES = 2000
CHUNK = 100  # resamples at a time, so that their weights of 10,000 examples stay in the cache


class Bootstrap:
    """Resampled accuracies of all cells of a study, drawn once for all its contrasts.

    cells: by experiment. Draws have an address: they depend on the seed, the test set and the experiment's
    name and on nothing else, so that one cell more or less changes no other cell's draws.
    """

    def __init__(self, cells: Mapping[str, Sample], *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self._cells = dict(cells)
        self._resamples = resamples
        self._seed = seed
        self._examples: dict[str, np.ndarray] = {}
        for test in dict.fromkeys(c.test for c in cells.values()):
            self._examples |= self._resample(test, {n: c for n, c in cells.items() if c.test == test})

    def interval(
        self, weights: Mapping[str, float], *, paired: bool = False, level: float = LEVEL
    ) -> Interval:
        """Percentiles of the contrast in percentage points. weights: by experiment.

        paired: the same seeds are drawn in every cell; all of them must have the same seeds. With one seed in
        any cell the interval is conditional on these checkpoints, as that of contrasts.py.
        """
        cells = [self._cells[name] for name in weights]
        found = points(cells, list(weights.values()), paired=paired)
        seeds = math.fsum(found.seeds)
        shrink = math.sqrt(max(0.0, 1.0 - found.residual / seeds)) if seeds else 0.0
        drawn = np.full(self._resamples, found.value)
        for name, weight in weights.items():
            drawn += POINTS * weight * (self._examples[name] - self._cells[name].accuracy)
            if shrink:
                drawn += POINTS * weight * shrink * self._seeds(name, paired)
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        return Interval(estimate=found.value, low=float(low), high=float(high), level=level)

    def _resample(self, test: str, cells: Mapping[str, Sample]) -> dict[str, np.ndarray]:
        """The accuracy of every cell on each resample of the examples, float64 (resamples,) by experiment.

        Sums of whole numbers are exact in float32 below 2^24, in whatever order they are added.
        """
        hits = np.stack([c.correct.sum(axis=0, dtype=np.float32) for c in cells.values()])
        n = hits.shape[1]
        draws = rng.generator(self._seed, "bootstrap", 0, _address(test))
        found = np.empty((len(hits), self._resamples))
        for start in range(0, self._resamples, CHUNK):
            size = min(CHUNK, self._resamples - start)
            who = draws.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
            counts = np.bincount(who.ravel(), minlength=size * n).reshape(size, n)
            # Not `@`: the threads of BLAS wait for each other where a training run has the cores.
            found[:, start : start + size] = np.einsum("cn,rn->cr", hits, counts.astype(np.float32))
        return {name: found[i] / (n * len(c.seeds)) for i, (name, c) in enumerate(cells.items())}

    def _seeds(self, name: str, paired: bool) -> np.ndarray:
        """How far the mean over drawn seeds lies from that of all, spread as above, float64 (resamples,)."""
        accuracies = self._cells[name].by_seed
        size = len(accuracies)
        draws = rng.generator(self._seed, "bootstrap", 1, _address("paired" if paired else name))
        counts = draws.multinomial(size, np.full(size, 1.0 / size), self._resamples)
        found: np.ndarray = math.sqrt(size / (size - 1.0)) * (counts / size - 1.0 / size) @ accuracies
        return found


def _address(name: str) -> int:
    return zlib.crc32(name.encode())
