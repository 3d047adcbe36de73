"""What is judged of a claim, and in which words.

What does not belong here: how an interval is computed (contrasts.py), and how a verdict looks (report).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SUPPORTED, REFUTED, INCONCLUSIVE = "SUPPORTED", "REFUTED", "INCONCLUSIVE"
MIXED, EXPLORATORY, MISSING, ESTIMATE = "MIXED", "EXPLORATORY", "MISSING", "ESTIMATE"
# What caps a verdict, each in one word.
GATES = ("seeds", "settings", "code", "data", "checkpoint", "health", "scales", "holm", "needs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Of one contrast, in percentage points or in logits."""

    estimate: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One claim in one stratum.

    points, logits, bootstrap: 95% intervals; None where there is too little to compute them. narrow: the 90%
    interval that an equivalence claim is judged by. standard_error: percentage points; seed_share: the part
    of the variance that comes from seeds. seeds: of the cell that has fewest. correlation: between the arms,
    over seeds. p, p_holm: one-sided. gates: sentences that say what caps the verdict, and gate_kinds for each
    of them one word of GATES. seeds_needed: for 80 % power at the observed variance. tipping_sd: the standard
    deviation between runs, in percentage points, that would erase the result. missing: the experiments
    without a finished run.

    cells: the weight of each experiment. by_seed: the contrast of each seed that all cells have, in
    percentage points. caveats: sentences that do not cap the verdict. uncapped: what the rule says of the
    interval alone, before gates, Holm and what the claim needs. chosen_on_test: the same contrast, each run
    at the epoch that was best on the test split; only under protocol "published".
    """

    claim: str
    stratum: Mapping[str, str]
    verdict: str
    points: Interval | None
    logits: Interval | None
    narrow: Interval | None
    bootstrap: Interval | None
    standard_error: float | None
    seed_share: float | None
    degrees: float | None
    seeds: int
    paired: bool
    correlation: float | None
    p: float | None
    p_holm: float | None
    negligible: bool
    gates: tuple[str, ...]
    seeds_needed: int | None
    tipping_sd: float | None
    missing: tuple[str, ...]
    cells: Mapping[str, float] = field(default_factory=dict)
    by_seed: Mapping[int, float] = field(default_factory=dict)
    gate_kinds: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    uncapped: str | None = None
    chosen_on_test: Interval | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A claim over all its strata."""

    claim: str
    text: Mapping[str, str]
    expect: str
    margin: float
    secondary: bool
    verdict: str
    why: str
    readings: tuple[Reading, ...]
