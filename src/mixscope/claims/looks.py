"""Sequential analysis: the level of each look, so that the error over all looks is that of one.

A study that is judged again after every few seeds, until a claim is supported, errs more often than its
intervals state. Therefore it declares beforehand at which numbers of seeds it is judged, and spends its error
over the looks as the square of the fraction of seeds (alpha spending, Lan and DeMets, Biometrika 70, 1983).
Normal theory does not apply: with three seeds, the tails of the t statistic of a contrast depend on how the
variance is distributed over its experiments. Levels are therefore computed from simulated studies without an
effect, for four patterns of variance, and the smallest level over the patterns is used.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import special

from mixscope import rng, user_cache
from mixscope.claims.contrasts import LEVEL, NARROW

ONE_SIDED, EQUIVALENCE = (1 - LEVEL) / 2, (1 - NARROW) / 2  # total error
STUDIES = 100_000
CHUNK = 10_000
CACHE, KEPT_PLANS = "look_levels.json", 200
# Standard deviations between runs of each experiment; a contrast paired by seed counts as one experiment.
PATTERNS = {
    "paired": (1.0,),
    "2 experiments": (1.0, 1.0),
    "4 experiments": (1.0, 1.0, 1.0, 1.0),
    "one noisy of 4": (4.0, 1.0, 1.0, 1.0),
}
# Results of `levels`, (one-sided, equivalence) per look, for common plans.
KNOWN: dict[tuple[int, ...], tuple[tuple[float, float], ...]] = {
    (3, 5, 8, 12): ((0.0007, 0.0016), (0.0016, 0.0042), (0.0064, 0.0146), (0.0177, 0.0377)),
    (3, 5, 8): ((0.0019, 0.0046), (0.0046, 0.0116), (0.0173, 0.0371)),
    (3, 5): ((0.0053, 0.0128), (0.0146, 0.0357)),
    (5, 10): ((0.004, 0.0095), (0.0195, 0.0409)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One number of seeds at which a study is judged.

    Attributes:
        number: Number of the look, from 1.
        of: Number of looks.
        seeds: Seeds of every experiment that count.
        level: One-sided error of a directional claim at this look; 0.025 if it is the only one.
        narrow: One-sided error of an equivalence at this look; 0.05 if it is the only one.
        next: Seeds of the next look; None after the last.
    """

    number: int
    of: int
    seeds: int
    level: float
    narrow: float
    next: int | None


def plan(looks: Sequence[int], seeds: int) -> tuple[Look, ...]:
    """The looks of a study, in order.

    Args:
        looks: Declared numbers of seeds, ascending; empty if a study is judged once.
        seeds: The number of seeds in that case.

    Returns:
        The looks that have a level. One that is too early to spend any error decides nothing and is left out.
    """
    every = tuple(looks) or (seeds,)
    able = {n: level for n, level in zip(every, levels(every), strict=True) if min(level) > 0}
    numbers, found = tuple(able), tuple(able.values())
    return tuple(
        Look(
            number=i + 1,
            of=len(numbers),
            seeds=n,
            level=found[i][0],
            narrow=found[i][1],
            next=numbers[i + 1] if i + 1 < len(numbers) else None,
        )
        for i, n in enumerate(numbers)
    )


def levels(looks: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """The (one-sided, equivalence) level of every look."""
    if len(looks) == 1:
        return ((ONE_SIDED, EQUIVALENCE),)
    return KNOWN[looks] if looks in KNOWN else _kept(looks)


@cache
def _kept(looks: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Levels of a plan from the user's cache, or from a simulation that takes some seconds."""
    code = b"".join(Path(file).read_bytes() for file in (__file__, rng.__file__))
    about = f"{np.__version__} {scipy.__version__} {hashlib.sha256(code).hexdigest()} {looks}"
    name = hashlib.sha256(about.encode()).hexdigest()[:16]
    kept = user_cache.read(CACHE)
    if (found := _fitting(kept.get(name), looks)) is not None:
        return found
    found = simulated(looks)
    user_cache.write(CACHE, dict([*kept.items(), (name, found)][-KEPT_PLANS:]))
    return found


def _fitting(kept: Any, looks: tuple[int, ...]) -> tuple[tuple[float, float], ...] | None:
    """Cached levels; None if they are invalid or spend too much."""
    try:
        found = tuple((float(one), float(both)) for one, both in kept)
    except (TypeError, ValueError):
        return None
    fit = len(found) == len(looks) and all(0 <= a <= ONE_SIDED and 0 <= b <= EQUIVALENCE for a, b in found)
    return found if fit else None


def simulated(looks: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """The (one-sided, equivalence) level of every look from 100,000 seeded studies of each pattern."""
    each = [
        tails(looks, spreads, studies=STUDIES, seed=1000 * i) for i, spreads in enumerate(PATTERNS.values())
    ]
    return tuple(zip(spend(each, looks, ONE_SIDED), spend(each, looks, EQUIVALENCE), strict=True))


def spend(tails: Sequence[np.ndarray], looks: Sequence[int], total: float) -> list[float]:
    """The level of every look by quadratic spending.

    Args:
        tails: One-sided p-values of simulated studies without an effect, float64 (looks, studies), by
            pattern.
        looks: Numbers of seeds, ascending.
        total: Error over all looks.

    Returns:
        The largest levels for which no pattern has spent more than `total` times the squared fraction of
        seeds at any look, minus two standard errors of the simulation, rounded down to four decimals.
    """
    alive = [np.ones(each.shape[1], dtype=bool) for each in tails]
    found = []
    for k, n in enumerate(looks):
        allowed = total * (n / looks[-1]) ** 2 * alive[0].size
        allowed -= 2 * math.sqrt(allowed)  # standard error of a count
        candidates = []
        for each, left in zip(tails, alive, strict=True):
            budget = int(allowed) - int((~left).sum())
            p = each[k][left]
            candidates.append(float(np.partition(p, budget - 1)[budget - 1]) if budget > 0 else 0.0)
        level = _down(min(candidates))
        found.append(level)
        for each, left in zip(tails, alive, strict=True):
            left &= each[k] > level
    return found


def _down(level: float) -> float:
    if level <= 0:
        return 0.0
    digits = max(4, -math.floor(math.log10(level)))
    scale = 10.0**digits
    return math.floor(level * scale) / scale


def tails(
    looks: Sequence[int], spreads: Sequence[float], *, studies: int, seed: int, truth: float = 0.0
) -> np.ndarray:
    """One-sided p-values of simulated studies at every look, float64 (looks, studies).

    Runs of experiment c have normally distributed accuracies with standard deviation `spreads[c]`; all
    weights are 1. The interval is that of contrasts.py if only seeds vary, Welch's.

    Args:
        looks: Numbers of seeds, ascending.
        spreads: Standard deviation between the runs of each experiment.
        studies: Number of studies.
        seed: Seed of the draws.
        truth: True contrast, in the unit of `spreads`.
    """
    found = np.empty((len(looks), studies))
    deviations = np.asarray(spreads)[:, None]
    for start in range(0, studies, CHUNK):
        size = min(CHUNK, studies - start)
        draws = rng.generator(seed, "bootstrap", 3, start)
        runs = draws.standard_normal((size, len(spreads), looks[-1])) * deviations
        sums, squares = runs.cumsum(axis=2), (runs**2).cumsum(axis=2)
        for k, n in enumerate(looks):
            mean = sums[:, :, n - 1] / n
            terms = (squares[:, :, n - 1] / n - mean**2) / (n - 1)
            variance = terms.sum(axis=1)
            freedom = variance**2 / (terms**2).sum(axis=1) * (n - 1)
            value = truth + mean.sum(axis=1)
            found[k, start : start + size] = special.stdtr(freedom, -value / np.sqrt(variance))
    return found
