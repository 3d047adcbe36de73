"""What is judged of a claim, by which rule, and in which words.

A claim is read in every stratum, then over all of them. The rule looks at intervals alone:

    above, below   SUPPORTED when the 95% interval lies on the claimed side of 0; REFUTED when it lies on the
                   other side, or inside the margin without leaving out 0
    equivalent     SUPPORTED when the 90% interval lies inside the margin; REFUTED when the 95% interval lies
                   outside of it. That nothing was found never supports it.
    none           an ESTIMATE

Gates cap what the rule says at INCONCLUSIVE: fewer than three seeds, runs that were not made alike, a failed
health check, a sign that differs between percentage points and logits, Holm's correction over the family of
directional claims, and a needed claim that is not supported. With one seed a reading is EXPLORATORY. Over
strata a claim is REFUTED if one stratum refutes it, SUPPORTED if all support it, else MIXED or INCONCLUSIVE.

What does not belong here: how an interval is computed (contrasts.py), what is wrong with the evidence
(health.py), and how a verdict looks (report).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mixscope.claims import contrasts, health, power, samples
from mixscope.claims.bootstrap import Bootstrap
from mixscope.claims.contrasts import LEVEL, NARROW, POINTS, Estimate, Sample
from mixscope.claims.contrasts import Interval as Interval
from mixscope.results.results import BEST_ON_TEST, Results, Run
from mixscope.study.claim import Claim

SUPPORTED, REFUTED, INCONCLUSIVE = "SUPPORTED", "REFUTED", "INCONCLUSIVE"
MIXED, EXPLORATORY, MISSING, ESTIMATE = "MIXED", "EXPLORATORY", "MISSING", "ESTIMATE"
# What caps a verdict, each in one word.
GATES = ("seeds", "settings", "code", "data", "checkpoint", "health", "scales", "holm", "needs")
FEWEST_SEEDS = 3
ALPHA = (1 - LEVEL) / 2  # one-sided, so that Holm in a family of one says what the 95% interval says


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One claim in one stratum.

    points, logits, bootstrap: 95% intervals; None where there is too little to compute them. narrow: the 90%
    interval that an equivalence claim is judged by. standard_error: percentage points; seed_share: the part
    of the variance that comes from seeds. seeds: of the cell that has fewest. correlation: between the arms,
    over seeds, as contrasts.correlation has it. p, p_holm: one-sided, of the claimed direction or of
    equivalence; None for estimates and with one seed. gates: sentences that say what caps the verdict, and
    gate_kinds for each of them one word of GATES. seeds_needed: for 80 % power at the observed variance; None
    with one seed, and where no number of seeds up to 1,000 would do. tipping_sd: with one seed, the standard
    deviation between runs, in percentage points, that would erase the result; None where test examples alone
    leave it open. missing: the experiments without a finished run.

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

    @property
    def seeds_would_settle(self) -> int | None:
        """The seeds needed, where it is seeds that an inconclusive reading lacks; None where it is not."""
        lacks_seeds = self.verdict == INCONCLUSIVE and set(self.gate_kinds) <= {"seeds", "holm"}
        return self.seeds_needed if lacks_seeds else None


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


def judge(results: Results, *, checkpoint: str = "last") -> list[Verdict]:
    """A verdict for each claim, in the order of its file. Equal results give equal figures.

    checkpoint: "last" or "selected". Raises DataError when a finished run has no
    predictions of it.
    """
    bench = _Bench(results, checkpoint)
    claims = results.claims
    alone = {claim.id: [bench.read(claim, stratum) for stratum in bench.strata(claim)] for claim in claims}
    corrected = _holm(claims, alone)
    settled = {
        claim.id: [_needs(r, claim, claims, corrected) for r in corrected[claim.id]] for claim in claims
    }
    return [_over_strata(claim, settled[claim.id]) for claim in claims]


# --- the rule -------------------------------------------------------------------------------------------


def rule(expect: str, margin: float, points: Interval, narrow: Interval) -> tuple[str, bool]:
    """What intervals say of a claim, and whether the effect is negligible: inside the margin.

    points: 95%; narrow: 90%; both in percentage points, as the margin.
    """
    if expect == "none":
        return ESTIMATE, False
    if expect == "equivalent":
        outside = points.low > margin or points.high < -margin
        return (SUPPORTED if narrow.inside(margin) else REFUTED if outside else INCONCLUSIVE), False
    low, high = (points.low, points.high) if expect == "above" else (-points.high, -points.low)
    negligible = points.inside(margin)
    if low > 0:
        return SUPPORTED, negligible
    return (REFUTED if high < 0 or negligible else INCONCLUSIVE), negligible


def over_strata(readings: Sequence[str]) -> str:
    """The verdict of a claim that is made in every stratum, from the verdict in each."""
    kinds = set(readings)
    if len(kinds) == 1:
        return readings[0]
    if REFUTED in kinds:
        return REFUTED
    if SUPPORTED in kinds:
        return MIXED
    kinds.discard(MISSING)
    return kinds.pop() if len(kinds) == 1 else INCONCLUSIVE


# --- one claim in one stratum ---------------------------------------------------------------------------


class _Bench:
    """What readings share: samples of every cell, and one bootstrap of all of them."""

    def __init__(self, results: Results, checkpoint: str) -> None:
        self._results = results
        self._checkpoint = checkpoint
        found = {e.name: samples.sample(results, e.name, checkpoint) for e in results.experiments}
        self._samples = {name: sample for name, sample in found.items() if sample is not None}
        self._bootstrap = Bootstrap(self._samples)
        self._chosen: dict[str, Sample | None] = {}
        self._family = family(results.claims)
        self._tests = sum(len(self.strata(claim)) for claim in self._family)

    def strata(self, claim: Claim) -> list[dict[str, str]]:
        return claim.strata(self._results.factors)

    def read(self, claim: Claim, stratum: Mapping[str, str]) -> Reading:
        weights = self._results.weights(claim.weights(stratum, self._results.factors))
        missing = tuple(name for name in weights if name not in self._samples)
        if missing:
            return _nothing(claim, stratum, weights, missing)
        cells = [self._samples[name] for name in weights]
        common = contrasts.common_seeds(cells)
        if claim.pair_seeds:
            if not common:
                return _nothing(claim, stratum, weights, ())
            cells = [cell.only(common) for cell in cells]
        each = list(weights.values())
        points = contrasts.points(cells, each, paired=claim.pair_seeds)
        logits = contrasts.logits(cells, each, paired=claim.pair_seeds)
        runs = [run for name in weights for run in self._results.done_of(name)]
        seeds = min(len(cell.seeds) for cell in cells)
        gates = [*_few(seeds), *_made_otherwise(runs, self._checkpoint), *_scales(claim, points, logits)]
        uncapped, negligible = rule(claim.expect, claim.margin, points.interval(), points.interval(NARROW))
        outlook = power.Outlook.of(points)
        needed = None
        if outlook is not None:
            tests = self._tests if claim in self._family else 1
            needed = outlook.seeds_needed(expect=claim.expect, margin=claim.margin, tests=tests)
        squares = sum(w * w / len(c.seeds) for c, w in zip(cells, each, strict=True))
        tipping = power.tipping_sd(points, squares, expect=claim.expect, margin=claim.margin)
        one = points.conditional
        by_seed = contrasts.contrast_by_seed([c.only(common) for c in cells], each) if common else ()
        return Reading(
            claim=claim.id,
            stratum=dict(stratum),
            verdict=EXPLORATORY if one else _capped(uncapped, gates),
            points=points.interval(),
            logits=logits.interval(),
            narrow=points.interval(NARROW),
            bootstrap=self._resampled(weights, cells, claim.pair_seeds),
            standard_error=points.standard_error,
            seed_share=points.seed_share,
            degrees=points.degrees,
            seeds=seeds,
            paired=claim.pair_seeds,
            correlation=contrasts.correlation(cells, each),
            p=None if one else _p(claim, points),
            p_holm=None,
            negligible=negligible,
            gates=tuple(sentence for _, sentence in gates),
            seeds_needed=needed,
            tipping_sd=tipping if one else None,
            missing=(),
            cells=weights,
            by_seed={s: POINTS * float(v) for s, v in zip(common, by_seed, strict=True)},
            gate_kinds=tuple(kind for kind, _ in gates),
            caveats=tuple(p.sentence for p in health.caveats(runs)),
            uncapped=uncapped,
            chosen_on_test=self._on_test(weights, claim.pair_seeds),
        )

    def _resampled(self, weights: Mapping[str, float], cells: Sequence[Sample], paired: bool) -> Interval:
        whole = all(self._samples[n].seeds == c.seeds for n, c in zip(weights, cells, strict=True))
        bench = self._bootstrap if whole else Bootstrap(dict(zip(weights, cells, strict=True)))
        return bench.interval(weights, paired=paired)

    def _on_test(self, weights: Mapping[str, float], paired: bool) -> Interval | None:
        """The contrast at the epochs that are best on test, where every run has chosen one."""
        runs = [run for name in weights for run in self._results.done_of(name)]
        if not all(BEST_ON_TEST in run.metrics.get("test", {}) for run in runs):
            return None
        for name in weights:
            if name not in self._chosen:
                self._chosen[name] = samples.sample(self._results, name, BEST_ON_TEST)
        cells = [sample for name in weights if (sample := self._chosen[name]) is not None]
        if paired:
            cells = [c.only(contrasts.common_seeds(cells)) for c in cells]
        return contrasts.points(cells, list(weights.values()), paired=paired).interval()


def _nothing(
    claim: Claim, stratum: Mapping[str, str], weights: Mapping[str, float], missing: tuple[str, ...]
) -> Reading:
    """A reading without figures: cells are missing, or pairing was declared and no seed is common to them."""
    unpaired = () if missing else ("no seed is common to all its cells, and the study pairs them by seed",)
    return Reading(
        claim=claim.id,
        stratum=dict(stratum),
        verdict=MISSING,
        points=None,
        logits=None,
        narrow=None,
        bootstrap=None,
        standard_error=None,
        seed_share=None,
        degrees=None,
        seeds=0,
        paired=claim.pair_seeds,
        correlation=None,
        p=None,
        p_holm=None,
        negligible=False,
        gates=unpaired,
        seeds_needed=None,
        tipping_sd=None,
        missing=missing,
        cells=dict(weights),
        gate_kinds=("seeds",) * len(unpaired),
    )


def _p(claim: Claim, points: Estimate) -> float | None:
    if claim.expect == "none":
        return None
    if claim.expect == "equivalent":
        return points.p_equivalent(claim.margin)
    return points.p_above() if claim.expect == "above" else points.p_below()


def _capped(uncapped: str, gates: Sequence[tuple[str, str]]) -> str:
    return INCONCLUSIVE if gates and uncapped != ESTIMATE else uncapped


# --- gates: (kind, sentence) ----------------------------------------------------------------------------


def _few(seeds: int) -> list[tuple[str, str]]:
    if seeds >= FEWEST_SEEDS:
        return []
    count = "one seed" if seeds == 1 else f"{seeds} seeds"
    return [("seeds", f"{count} where a verdict needs {FEWEST_SEEDS}")]


def _made_otherwise(runs: Sequence[Run], checkpoint: str) -> list[tuple[str, str]]:
    return [(p.kind, p.sentence) for p in health.gates(runs, checkpoint) if p.caps]


def _scales(claim: Claim, points: Estimate, logits: Estimate) -> list[tuple[str, str]]:
    """A sign that differs between the scales. Where a claim says that there is no effect, the sign of an
    estimate near 0 is a matter of chance: it differs only if one of the intervals leaves out 0."""
    if points.value * logits.value >= 0:
        return []
    both = (points.interval(), logits.interval())
    if claim.expect == "equivalent" and all(i.low <= 0 <= i.high for i in both):
        return []
    sentence = f"the sign differs between scales: {points.value:+.2f} pp, {logits.value:+.3f} logits"
    return [("scales", sentence)]


# --- claims beside each other ---------------------------------------------------------------------------


def family(claims: Sequence[Claim]) -> list[Claim]:
    """The claims whose readings Holm's correction is made over: directional, not secondary, and not resting
    on others. One that needs others is supported only when they are, after the correction."""
    return [c for c in claims if c.expect in ("above", "below") and not c.secondary and not c.needs]


def _holm(claims: Sequence[Claim], readings: Mapping[str, list[Reading]]) -> dict[str, list[Reading]]:
    """Readings with their p after Holm. The family is all that was planned: a reading that cannot be made yet
    counts as p = 1, so that no verdict is easier to get from a part of a study."""
    members = [claim.id for claim in family(claims)]
    p = {f"{name}/{i}": 1.0 if r.p is None else r.p for name in members for i, r in enumerate(readings[name])}
    adjusted = contrasts.holm(p)
    found: dict[str, list[Reading]] = {}
    for claim in claims:
        found[claim.id] = [
            _corrected(r, adjusted.get(f"{claim.id}/{i}"), len(p)) for i, r in enumerate(readings[claim.id])
        ]
    return found


def _corrected(reading: Reading, adjusted: float | None, size: int) -> Reading:
    if adjusted is None or reading.p is None:
        return reading
    reading = dataclasses.replace(reading, p_holm=adjusted)
    if reading.uncapped != SUPPORTED or adjusted <= ALPHA:
        return reading
    sentence = (
        f"one of {size} directional readings: p {reading.p:.3g} alone is {adjusted:.3g} after Holm,"
        f" above {ALPHA:.3g}"
    )
    return _gated(reading, "holm", sentence)


def _gated(reading: Reading, kind: str, sentence: str) -> Reading:
    verdict = reading.verdict if reading.verdict in (EXPLORATORY, MISSING) else INCONCLUSIVE
    return dataclasses.replace(
        reading,
        verdict=verdict,
        gates=(*reading.gates, sentence),
        gate_kinds=(*reading.gate_kinds, kind),
    )


def _needs(
    reading: Reading, claim: Claim, claims: Sequence[Claim], readings: Mapping[str, list[Reading]]
) -> Reading:
    """A reading together with what its claim needs: refuted with any of them, supported only with all.

    Compared are the strata of the needed claim that agree with this one in every factor that both have.
    """
    for name in _all_needs(claim, {c.id: c for c in claims}):
        for other in readings[name]:
            if any(reading.stratum.get(f, level) != level for f, level in other.stratum.items()):
                continue
            sentence = f"it needs {name}, which is {other.verdict.lower()}"
            if other.verdict == REFUTED and reading.verdict not in (EXPLORATORY, MISSING, REFUTED):
                reading = dataclasses.replace(_gated(reading, "needs", sentence), verdict=REFUTED)
            elif other.verdict != SUPPORTED and reading.verdict == SUPPORTED:
                reading = _gated(reading, "needs", sentence)
    return reading


def _all_needs(claim: Claim, claims: Mapping[str, Claim]) -> list[str]:
    """What a claim needs, and what that needs in turn; each once, itself left out."""
    found: list[str] = []
    waiting = list(claim.needs)
    while waiting:
        name = waiting.pop(0)
        if name not in found and name != claim.id:
            found.append(name)
            waiting += claims[name].needs
    return found


def _over_strata(claim: Claim, readings: Sequence[Reading]) -> Verdict:
    return Verdict(
        claim=claim.id,
        text=dict(claim.text),
        expect=claim.expect,
        margin=claim.margin,
        secondary=claim.secondary,
        verdict=over_strata([r.verdict for r in readings]),
        why=_reason(claim, readings[0]) if len(readings) == 1 else _why(readings),
        readings=tuple(readings),
    )


def _why(readings: Sequence[Reading]) -> str:
    """How the strata fared, in words, the decisive ones first and by name."""
    order = (REFUTED, SUPPORTED, INCONCLUSIVE, ESTIMATE, EXPLORATORY, MISSING)
    words = {ESTIMATE: "estimated", EXPLORATORY: "exploratory", MISSING: "without finished runs"}
    parts = []
    for kind in order:
        mine = [r for r in readings if r.verdict == kind]
        word = words.get(kind, kind.lower())
        if mine and len(mine) == len(readings):
            return f"{word} in all {len(readings)} strata"
        if mine:
            named = kind in (REFUTED, SUPPORTED)
            where = f" ({'; '.join(stratum_text(r.stratum) for r in mine)})" if named else ""
            parts.append(f"{word} in {len(mine)} of {len(readings)} strata{where}")
    return ", ".join(parts)


def _reason(claim: Claim, reading: Reading) -> str:
    """Why a claim of a single stratum got its verdict."""
    if reading.verdict == MISSING or reading.points is None:
        return f"no finished run of {', '.join(reading.missing)}" if reading.missing else reading.gates[0]
    if reading.verdict == EXPLORATORY:
        return "one seed cannot show how much runs differ"
    if reading.verdict != reading.uncapped:
        return "; ".join(reading.gates)
    if reading.verdict == ESTIMATE:
        return "nothing is claimed of it"
    points, margin = reading.points, f"{claim.margin:g} pp"
    if claim.expect == "equivalent":
        if reading.verdict == SUPPORTED:
            return f"the 90% interval lies within {margin} of 0"
        if reading.verdict == REFUTED:
            return f"the 95% interval lies more than {margin} from 0"
        return f"the interval reaches beyond {margin} from 0"
    if points.low > 0 or points.high < 0:
        where = f"the 95% interval lies {'above' if points.low > 0 else 'below'} 0"
        return f"{where}, within {margin} of it: negligible" if reading.negligible else where
    if reading.negligible:
        return f"the 95% interval holds 0 and lies within {margin} of it"
    return f"the 95% interval holds 0 and reaches beyond {margin}"


def stratum_text(stratum: Mapping[str, str]) -> str:
    """The levels of a stratum in a row; "all" where there is but one stratum."""
    return ", ".join(stratum.values()) if stratum else "all"
