"""The verdict rules: from intervals and p-values to verdicts, in a stratum, over strata, and over claims.

In one stratum, with delta the margin of the claim:

    above, below   NEGLIGIBLE if the interval is inside (-delta, delta), whether or not it excludes 0;
                   else SUPPORTED if it is on the claimed side of 0, REFUTED if it is on the other
    equivalent     SUPPORTED if the narrow interval is inside (-delta, delta); REFUTED if the wide one is
                   outside of it. "Not significant" never supports it.
    none           an ESTIMATE

More evidence therefore never turns REFUTED into SUPPORTED. A claim is made in every stratum: its p-value is
the maximum over strata, which needs no correction (an intersection-union test, Berger, Technometrics 24,
1982), while a single stratum of several is SUPPORTED or REFUTED only at the level divided by their number.
Holm's correction is applied over claims.
"""

import math
from collections.abc import Mapping, Sequence

from scipy import stats

from mixscope.claims import contrasts
from mixscope.claims.contrasts import LEVEL, Estimate, Interval
from mixscope.study.claim import RULES as RULES
from mixscope.study.claim import Claim

SUPPORTED, REFUTED, NEGLIGIBLE, INCONCLUSIVE = "SUPPORTED", "REFUTED", "NEGLIGIBLE", "INCONCLUSIVE"
PARTLY, UNFINISHED, SCALE_DEPENDENT, POST_HOC = "PARTLY", "UNFINISHED", "SCALE-DEPENDENT", "POST-HOC"
EXPLORATORY, MISSING, ESTIMATE = "EXPLORATORY", "MISSING", "ESTIMATE"
SETTLED = (SUPPORTED, REFUTED, NEGLIGIBLE)
ALPHA = (1 - LEVEL) / 2  # one-sided
DIFFER = 0.05  # level of the test for differences between strata


def rule(
    expect: str, margin: float, points: Interval, narrow: Interval, *, wide: Interval | None = None
) -> str:
    """The verdict of the intervals on a claim in one stratum.

    Args:
        expect: "above", "below", "equivalent" or "none".
        margin: Smallest difference that matters, in percentage points.
        points: Interval of the contrast in percentage points, 95 % if the study is judged once.
        narrow: 90 % interval, used for equivalences only.
        wide: Interval by which one stratum of several refutes a claim: its one-sided level is divided by the
            number of strata. Default: `points`.

    Returns:
        SUPPORTED, REFUTED, NEGLIGIBLE, INCONCLUSIVE or ESTIMATE.
    """
    wide = points if wide is None else wide
    if expect == "none":
        return ESTIMATE
    if expect == "equivalent":
        if narrow.inside(margin):
            return SUPPORTED
        return REFUTED if wide.low > margin or wide.high < -margin else INCONCLUSIVE
    if points.inside(margin):
        return NEGLIGIBLE
    if expect == "above":
        return SUPPORTED if points.low > 0 else REFUTED if wide.high < 0 else INCONCLUSIVE
    return SUPPORTED if points.high < 0 else REFUTED if wide.low > 0 else INCONCLUSIVE


def over_strata(readings: Sequence[str]) -> str:
    """The verdict on a claim made in every stratum, from the verdict in each."""
    kinds = set(readings)
    if len(kinds) == 1:
        return readings[0]
    if POST_HOC in kinds:
        return POST_HOC
    if REFUTED in kinds:
        return REFUTED
    there = kinds - {MISSING}
    if len(there) == 1:
        (only,) = there
        return UNFINISHED if only in SETTLED else only
    return PARTLY if SUPPORTED in there else INCONCLUSIVE


def heterogeneity(found: Sequence[Estimate]) -> float | None:
    """p-value of no difference between strata, by Welch's test of several means (Biometrika 38, 1951).

    Strata that share test examples are treated as independent, which makes p too large.

    Args:
        found: The contrast in each stratum.

    Returns:
        None with fewer than two strata, or if a variance is unknown or 0.
    """
    k = len(found)
    if k < 2 or any(e.conditional or e.variance <= 0 for e in found):
        return None
    weights = [1.0 / e.variance for e in found]
    total = math.fsum(weights)
    mean = math.fsum(w * e.value for w, e in zip(weights, found, strict=True)) / total
    between = math.fsum(w * (e.value - mean) ** 2 for w, e in zip(weights, found, strict=True)) / (k - 1)
    lack = math.fsum((1 - w / total) ** 2 / e.degrees for w, e in zip(weights, found, strict=True))
    statistic = between / (1 + 2 * (k - 2) / (k * k - 1) * lack)
    return float(stats.f.sf(statistic, k - 1, (k * k - 1) / (3 * lack)))


# --- several claims -------------------------------------------------------------------------------------


def family(claims: Sequence[Claim]) -> list[Claim]:
    """The claims under Holm's correction: directional and not secondary, with or without `needs`."""
    return [c for c in claims if c.expect in ("above", "below") and not c.secondary]


def all_needs(claim: Claim, claims: Mapping[str, Claim]) -> list[str]:
    """The claims that a claim needs, directly or indirectly; each once, without itself."""
    found: list[str] = []
    waiting = list(claim.needs)
    while waiting:
        name = waiting.pop(0)
        if name not in found and name != claim.id:
            found.append(name)
            waiting += claims[name].needs
    return found


def corrected(p: Mapping[str, Sequence[float]]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """p-values of claims after Holm's correction, and those of single strata.

    Args:
        p: One-sided p-value of every planned stratum of every claim of the family: 1 if there is nothing to
            test yet, so that part of a study does not get easier verdicts.

    Returns:
        By claim: its largest p-value, adjusted by Holm over claims; and the p-value of each stratum, adjusted
        by Bonferroni over the strata of all claims of the family.
    """
    whole = contrasts.holm({claim: max(each) for claim, each in p.items()})
    alone = {claim: [min(1.0, one * len(each) * len(p)) for one in each] for claim, each in p.items()}
    return whole, alone
