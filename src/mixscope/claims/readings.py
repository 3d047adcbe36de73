"""A claim in one stratum and over all of them, as judged: what verdicts.py returns."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mixscope import i18n
from mixscope.claims.contrasts import Interval
from mixscope.claims.looks import Look
from mixscope.claims.rules import (
    ESTIMATE,
    INCONCLUSIVE,
    RULES,
    SETTLED,
)
from mixscope.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One claim in one stratum.

    Attributes:
        claim: Id of the claim.
        stratum: Level of every factor outside the contrast.
        verdict: The verdict.
        points: 95 % interval in percentage points; None with too few data.
        logits: 95 % interval of log-odds.
        narrow: 90 % interval of an equivalence.
        bootstrap: 95 % bootstrap interval in percentage points.
        standard_error: Percentage points.
        seed_share: Fraction of the variance due to seeds.
        degrees: Degrees of freedom.
        seeds: Number of seeds of the experiment with fewest.
        paired: Whether seeds are paired.
        shared: Fraction of the variance over seeds that pairing by seed would remove; negative if it would
            add.
        p: One-sided p-value of the claimed direction or of equivalence; None for estimates and with one seed.
        p_holm: p-value of the claim over its strata, corrected for looks and by Holm.
        gates: Sentences on what caps the verdict.
        seeds_needed: Number of seeds for 80 % power at the observed variance; None with one seed, and if more
            than 1,000.
        tipping_sd: With one seed, the standard deviation between runs, in percentage points, that would
            invalidate the result; None if test examples alone make it inconclusive.
        missing: Experiments without a finished run.
        seeds_low: As seeds_needed, at the lower end of an 80 % interval of the variance.
        seeds_high: As seeds_needed, at the upper end.
        look: The look at which the reading is judged; None for an estimate, and before the first look.
        judged: The interval that the verdict is based on, with the level of that look.
        paired_points: Interval for paired seeds, if the other is too narrow (`caveats` explain why).
        cells: Weight of each experiment.
        by_seed: The contrast of each seed common to all experiments, in percentage points.
        gate_kinds: Kind of each gate, see gates.Gate.
        findings: The gates as data.
        caveats: Remarks that do not cap the verdict.
        warnings: Reasons why the interval is too narrow.
        uncapped: The verdict of the interval alone, before gates, Holm and required claims.
        chosen_on_test: The same contrast at each run's best test epoch; only under protocol "published".
        bound: If examples are not paired, the interval that includes other test examples.
    """

    claim: str
    stratum: Mapping[str, str]
    verdict: str
    points: Interval | None = None
    logits: Interval | None = None
    narrow: Interval | None = None
    bootstrap: Interval | None = None
    standard_error: float | None = None
    seed_share: float | None = None
    degrees: float | None = None
    seeds: int = 0
    paired: bool = False
    shared: float | None = None
    p: float | None = None
    p_holm: float | None = None
    gates: tuple[str, ...] = ()
    seeds_needed: int | None = None
    tipping_sd: float | None = None
    missing: tuple[str, ...] = ()
    seeds_low: int | None = None
    seeds_high: int | None = None
    look: Look | None = None
    judged: Interval | None = None
    paired_points: Interval | None = None
    cells: Mapping[str, float] = field(default_factory=dict)
    by_seed: Mapping[int, float] = field(default_factory=dict)
    gate_kinds: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    caveats: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    uncapped: str | None = None
    chosen_on_test: Interval | None = None
    bound: Interval | None = None

    @property
    def quotable_p(self) -> float | None:
        """The corrected p-value if it may be quoted: None beside a verdict capped by a gate.

        Holm's correction is not such a gate, since p includes it.
        """
        return self.p_holm if set(self.gate_kinds) <= {"holm"} else None

    @property
    def seeds_would_settle(self) -> tuple[int, int | None] | None:
        """Range of seeds that would settle an inconclusive reading.

        None if more seeds would not; the upper end is None if even 1,000 might not suffice.
        """
        lacks_seeds = self.verdict == INCONCLUSIVE and set(self.gate_kinds) <= {"seeds", "holm", "unfinished"}
        if not lacks_seeds or self.seeds_low is None:
            return None
        there = self.seeds_high is not None and self.seeds_high <= self.seeds
        return None if there else (self.seeds_low, self.seeds_high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A claim over all its strata.

    Attributes:
        claim: Id of the claim.
        text: `{language: sentence}`.
        expect: Expected direction.
        margin: Percentage points.
        secondary: Whether the claim is secondary.
        verdict: The verdict.
        why: Its reason.
        readings: One per stratum.
        p_holm: p-value of the whole claim after Holm's correction; None if it is not part of the family.
        heterogeneity: p-value of no difference between strata; only if it is small may a text state that
            strata differ.
        rules: Version of the verdict rules.
    """

    claim: str
    text: Mapping[str, str]
    expect: str
    margin: float
    secondary: bool
    verdict: str
    why: Finding
    readings: tuple[Reading, ...]
    p_holm: float | None = None
    heterogeneity: float | None = None
    rules: int = RULES

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; why in English."""
        return dataclasses.asdict(self) | {"why": i18n.render(self.why)}

    @property
    def settled(self) -> bool:
        """Whether it needs no more seeds."""
        return self.verdict in SETTLED or self.verdict == ESTIMATE


def stratum_text(stratum: Mapping[str, str]) -> str:
    """The levels of a stratum; "all" if there is only one stratum."""
    return ", ".join(stratum.values()) if stratum else "all"
