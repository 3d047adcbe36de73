"""How many seeds would settle a claim, and what a single seed cannot show.

A claim is settled when its verdict is SUPPORTED, REFUTED or NEGLIGIBLE. `chance` is the probability of that
if the true value were the estimate and the variances those observed: more seeds reduce the part of the
variance due to seeds, not that due to test examples.
"""

import dataclasses
import math
from dataclasses import dataclass

from scipy import stats

from mixscope.claims.contrasts import LEVEL, NARROW, Estimate, degrees, t_factor

POWER = 0.8
FEWEST, MOST = 3, 1000  # range of considered seeds; below three there is no verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The variance of a contrast for other numbers of seeds, in the unit of the estimate.

    Attributes:
        value: Assumed true value.
        examples: Part of the variance that seeds do not reduce.
        examples_df: Its degrees of freedom.
        seeds: S_c times V_seed of each experiment: the variance between single runs times the squared weight.
        known: Degrees of freedom of the estimated variance between runs; infinite if it is given.
    """

    value: float
    examples: float
    examples_df: float
    seeds: tuple[float, ...]
    known: float = math.inf

    @classmethod
    def of(cls, found: Estimate) -> "Outlook | None":
        """From an estimate; None with one seed, where the variance between runs is unknown."""
        if found.conditional:
            return None
        total = math.fsum(found.seeds)
        spread = found.from_seeds / total if total else 0.0
        runs = tuple(v * (df + 1) * spread for v, df in zip(found.seeds, found.seeds_df, strict=True))
        known = degrees(total, total, found.seeds, found.seeds_df, math.inf)
        return cls(
            value=found.value,
            examples=found.from_examples,
            examples_df=found.examples_df,
            seeds=runs,
            known=known,
        )

    def variance(self, seeds: int) -> float:
        """Variance of the contrast with this number of seeds per experiment, in its unit squared."""
        return self.examples + math.fsum(self.seeds) / seeds

    def degrees(self, seeds: int) -> float:
        """Degrees of freedom with this number of seeds per experiment (Welch-Satterthwaite)."""
        terms = [v / seeds for v in self.seeds]
        freedom = [seeds - 1] * len(terms)
        return degrees(self.variance(seeds), math.fsum(terms), terms, freedom, self.examples_df)

    def chance(
        self, seeds: int, *, expect: str, margin: float, tests: int = 1, level: float = LEVEL
    ) -> float:
        """The probability that this number of seeds settles a claim, in either direction.

        Args:
            seeds: Number of seeds per experiment.
            expect: As in a study's claims; "none" is settled when the 95 % interval excludes 0.
            margin: As in a study's claims.
            tests: Number of directional claims that share Holm's correction, treated as Bonferroni's.
            level: Level of the interval, that of the last look if there are several.
        """
        error, df = math.sqrt(self.variance(seeds)), self.degrees(seeds)
        if error == 0:
            return 1.0
        if expect == "equivalent":
            narrow = 1.0 - (1.0 - level) * (1.0 - NARROW) / (1.0 - LEVEL)
            inside = margin - t_factor(narrow, df) * error  # equivalence: the estimate must be within this
            outside = margin + t_factor(level, df) * error  # refuted: or beyond this
            return self._between(-inside, inside, error) + 1.0 - self._between(-outside, outside, error)
        t, away = t_factor(level, df), self.value / error
        claimed, other = t_factor(1.0 - (1.0 - level) / tests, df), t
        above, below = (other, claimed) if expect == "below" else (claimed, other)
        found = _beyond(above, df, away) + _beyond(below, df, -away)
        within = min(margin - t * error, t * error)
        if expect != "none" and within > 0:  # the interval is inside the margin and includes 0
            found += self._between(-within, within, error)
        return min(1.0, found)

    def _between(self, low: float, high: float, error: float) -> float:
        if high <= low:
            return 0.0
        return float(stats.norm.cdf((high - self.value) / error) - stats.norm.cdf((low - self.value) / error))

    def seeds_needed(
        self, *, expect: str, margin: float, tests: int = 1, level: float = LEVEL, power: float = POWER
    ) -> int | None:
        """The smallest number of seeds with that probability; None if MOST is not sufficient."""

        def enough(seeds: int) -> bool:
            return self.chance(seeds, expect=expect, margin=margin, tests=tests, level=level) >= power

        low, high = FEWEST - 1, FEWEST
        while not enough(high):
            if high >= MOST:
                return None
            low, high = high, min(2 * high, MOST)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high

    def times(self, factor: float) -> "Outlook":
        """The same with the variance between runs multiplied by `factor`."""
        return dataclasses.replace(self, seeds=tuple(factor * v for v in self.seeds))

    def seeds_between(
        self, *, expect: str, margin: float, tests: int = 1, level: float = LEVEL
    ) -> tuple[int | None, int | None, int | None]:
        """Seeds needed at the low end of an 80 % interval of the variance, at its estimate, at the high end.

        A standard deviation from three seeds is known to within a factor of about 3.
        """

        def needed(outlook: Outlook) -> int | None:
            return outlook.seeds_needed(expect=expect, margin=margin, tests=tests, level=level)

        if not math.isfinite(self.known):
            return needed(self), needed(self), needed(self)
        below, above = (self.known / float(stats.chi2.ppf(q, self.known)) for q in (0.9, 0.1))
        return needed(self.times(below)), needed(self), needed(self.times(above))


def _beyond(t: float, df: float, away: float) -> float:
    """The probability that an estimate `away` standard errors above 0 is significantly above 0."""
    if df > 1e4:  # the noncentral t is inaccurate there and nearly normal
        return float(stats.norm.sf(t - away))
    return float(stats.nct.sf(t, df, away))


def tipping_sd(found: Estimate, weights_squared: float, *, expect: str, margin: float) -> float | None:
    """The standard deviation between runs that would invalidate a result of one seed, in the estimate's unit.

    An equivalence is invalidated when the 90 % interval reaches the margin, any other claim when the 95 %
    interval reaches 0.

    Args:
        found: The estimate.
        weights_squared: sum_c w_c^2 / S_c; a standard deviation sd between runs adds sd^2 times that to the
            variance.
        expect: As in a study's claims.
        margin: As in a study's claims.

    Returns:
        None if test examples alone make the result inconclusive.
    """
    distance, level = abs(found.value), LEVEL
    if expect == "equivalent":
        distance, level = margin - abs(found.value), NARROW
    variance = (distance / t_factor(level, found.examples_df)) ** 2 - found.examples
    return math.sqrt(variance / weights_squared) if distance > 0 and variance > 0 else None
