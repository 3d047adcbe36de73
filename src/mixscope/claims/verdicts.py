"""Verdicts on a study's claims: in every stratum, over all of them, and with other claims.

rules.py converts intervals to verdicts. This module determines at which number of seeds a study is judged
(looks.py), from which runs, and what caps the verdict (gates.py, health.py). A capped verdict is
INCONCLUSIVE, SCALE-DEPENDENT if only log-odds contradict it, and POST HOC if claims or the plan were edited
after the first run. With one seed a reading is EXPLORATORY. A claim that needs others is supported only
together with them.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

from mixscope.claims import (
    contrasts,
    corrections,
    estimates,
    gates,
    health,
    looks,
    post_hoc,
    power,
    rules,
    samples,
)
from mixscope.claims.bootstrap import Bootstrap
from mixscope.claims.contrasts import NARROW, POINTS, Estimate, Interval
from mixscope.claims.estimates import Known
from mixscope.claims.gates import FEWEST_SEEDS, Gate
from mixscope.claims.looks import Look
from mixscope.claims.readings import Reading, Verdict
from mixscope.claims.rules import (
    ESTIMATE,
    EXPLORATORY,
    INCONCLUSIVE,
    MISSING,
    NEGLIGIBLE,
    PARTLY,
    POST_HOC,
    REFUTED,
    SCALE_DEPENDENT,
    SETTLED,
    SUPPORTED,
    UNFINISHED,
    over_strata,
    rule,
)
from mixscope.findings import Finding
from mixscope.results.results import BEST_ON_TEST, DAMAGED, DONE, FAILED, PENDING, Results, Run
from mixscope.study.claim import Claim

__all__ = [
    "ESTIMATE",
    "EXPLORATORY",
    "FEWEST_SEEDS",
    "INCONCLUSIVE",
    "MISSING",
    "NEGLIGIBLE",
    "PARTLY",
    "POST_HOC",
    "REFUTED",
    "SCALE_DEPENDENT",
    "SETTLED",
    "SUPPORTED",
    "UNFINISHED",
    "Interval",
    "Reading",
    "Verdict",
    "judge",
    "over_strata",
    "rule",
]

LOST, ENDED = (FAILED, DAMAGED), (DONE, FAILED, DAMAGED)
FEW_ERRORS = 5.0  # errors per run below which intervals are too narrow
# A warning is given if this part of the variance is due to one of at least so many experiments.
NOISY, NOISY_AMONG = 0.8, 4
OPPOSED = -0.5  # value of `shared` below which the unpaired interval is too narrow


def judge(results: Results, *, checkpoint: str = "last") -> list[Verdict]:
    """A verdict for each claim, in the order of the file. Equal results give equal values.

    Args:
        results: Results of trained models.
        checkpoint: "last" or "selected".

    Raises:
        DataError: If a finished run has no predictions of the checkpoint.
    """
    bench = _Bench(results, checkpoint)
    claims = results.claims
    alone = {claim.id: [bench.read(claim, stratum) for stratum in bench.strata(claim)] for claim in claims}
    corrected = corrections.corrected(claims, alone)
    settled = {
        claim.id: [corrections.with_needs(r, claim, claims, corrected) for r in corrected[claim.id]]
        for claim in claims
    }
    edited = post_hoc.edits(results)
    return [
        corrections.over_all_strata(
            claim, [corrections.post_hoc(r, edited) for r in settled[claim.id]], bench.heterogeneity(claim)
        )
        for claim in claims
    ]


class _Bench:
    """Data shared by readings: samples of every experiment, the looks, and one bootstrap."""

    def __init__(self, results: Results, checkpoint: str) -> None:
        self._results = results
        self._checkpoint = checkpoint
        found = {e.name: samples.known(results, e.name, checkpoint) for e in results.experiments}
        self._samples = {name: sample for name, sample in found.items() if sample is not None}
        whole = {n: s for n, s in self._samples.items() if isinstance(s, contrasts.Sample)}
        self._bootstrap = Bootstrap(whole)
        self._chosen: dict[str, contrasts.Sample | None] = {}
        self._family = rules.family(results.claims)
        self._estimates: dict[str, list[Estimate]] = {}
        self._states = {(run.experiment, run.seed): run.state for run in results.runs}
        self._looks = looks.plan(results.looks, post_hoc.first_seeds(results))

    def strata(self, claim: Claim) -> list[dict[str, str]]:
        return claim.strata(self._results.factors)

    def heterogeneity(self, claim: Claim) -> float | None:
        """p-value of no difference between the strata of a claim that have readings."""
        return rules.heterogeneity(self._estimates.get(claim.id, []))

    def _counted(self, claim: Claim, names: Sequence[str]) -> tuple[Look, bool, dict[str, list[int]]]:
        """The look at which a claim is judged, whether its runs have all ended, and the seeds that count.

        It is the last look reached, else the first. Without a plan every run counts.
        """
        if self._results.plan is None:
            return self._found(names)
        planned = self._results.seeds
        reached = [
            look
            for look in self._looks
            if look.seeds <= len(planned)
            and all(self._state(n, seed) in ENDED for n in names for seed in planned[: look.seeds])
        ]
        look = reached[-1] if reached else self._looks[0]
        seeds = planned if claim.expect == "none" else planned[: look.seeds]
        return look, bool(reached), {name: list(seeds) for name in names}

    def _found(self, names: Sequence[str]) -> tuple[Look, bool, dict[str, list[int]]]:
        """The same without a plan: the existing seeds, in their order."""
        every = {name: [run.seed for run in self._results.runs_of(name)] for name in names}
        counts = [self._ended(name, every[name]) for name in names]
        if not self._results.looks:
            done = all(self._state(n, seed) in ENDED for n in names for seed in every[n])
            return self._looks[0], done, every
        reached = [look for look in self._looks if look.seeds <= min(counts)]
        look = reached[-1] if reached else self._looks[0]
        return look, bool(reached), {name: seeds[: look.seeds] for name, seeds in every.items()}

    def _ended(self, name: str, seeds: Sequence[int]) -> int:
        """Number of seeds of an experiment that ended before the first that has not."""
        summary = self._results.summary_of(name)
        if summary is not None:
            return summary.n_seeds
        return next((i for i, s in enumerate(seeds) if self._state(name, s) not in ENDED), len(seeds))

    def _planned(self, name: str) -> list[str]:
        """States of all planned runs of an experiment, including those beyond the look."""
        if self._results.plan is None:
            return [run.state for run in self._results.runs_of(name)]
        return [self._state(name, seed) for seed in self._results.seeds]

    def _state(self, name: str, seed: int) -> str:
        return self._states.get((name, seed), PENDING)

    def read(self, claim: Claim, stratum: Mapping[str, str]) -> Reading:
        weights = self._results.weights(claim.weights(stratum, self._results.factors))
        look, reached, counted = self._counted(claim, list(weights))
        found_samples = {name: self._sample(name, counted[name]) for name in weights}
        missing = tuple(name for name, sample in found_samples.items() if sample is None)
        states = {name: [self._state(name, seed) for seed in counted[name]] for name in weights}
        planned = {name: self._planned(name) for name in weights}
        if not reached and self._results.looks:
            for mine in states.values():
                mine += [PENDING] * (look.seeds - len(mine))
        if missing:
            return _nothing(claim, stratum, weights, missing, gates.failed(planned, LOST))
        experiments = [sample for sample in found_samples.values() if sample is not None]
        common = contrasts.common_seeds(experiments)
        if claim.pair_seeds:
            if not common:
                return _nothing(claim, stratum, weights, (), [gates.gate("seeds", "no-common-seed")])
            experiments = [experiment.only(common) for experiment in experiments]
        each = list(weights.values())
        points = estimates.points(experiments, each, paired=claim.pair_seeds)
        logits = estimates.logits(experiments, each, paired=claim.pair_seeds)
        bound = estimates.bound(experiments, each, paired=claim.pair_seeds)
        runs = [r for name in weights for r in self._results.done_of(name) if r.seed in counted[name]]
        seeds = min(experiment.n_seeds for experiment in experiments)
        strata = len(self.strata(claim))
        level = 1 - 2 * look.level
        judged, narrow = points.interval(level), points.interval(1 - 2 * look.narrow)
        wide = points.interval(1 - 2 * look.level / strata)
        uncapped = rule(claim.expect, claim.margin, judged, narrow, wide=wide)
        found = [
            *gates.few(seeds),
            *(self._skipped(look, planned) if reached else gates.unfinished(look, states, ENDED)),
            *gates.failed(planned, LOST),
            *copied(runs, self._checkpoint),
            *(Gate(p.kind, p.finding) for p in health.gates(runs, self._checkpoint)),
            *gates.scales(claim.expect, uncapped, judged, logits.interval(level)),
        ]
        low, needed, high = self._outlook(claim, points, look.seeds if reached else 0)
        squares = sum(w * w / c.n_seeds for c, w in zip(experiments, each, strict=True))
        tipping = power.tipping_sd(points, squares, expect=claim.expect, margin=claim.margin)
        one = points.conditional
        by_seed = contrasts.contrast_by_seed([c.only(common) for c in experiments], each) if common else ()
        shared = contrasts.shared(experiments, each)
        beside, too_narrow = _too_narrow(experiments, weights, shared, claim.pair_seeds, points.seeds)
        if not one:
            self._estimates.setdefault(claim.id, []).append(points)
        return Reading(
            claim=claim.id,
            stratum=dict(stratum),
            verdict=EXPLORATORY if one else _capped(uncapped, [g.kind for g in found]),
            points=points.interval(),
            logits=logits.interval(),
            narrow=points.interval(NARROW),
            bootstrap=self._resampled(weights, experiments, claim.pair_seeds),
            standard_error=points.standard_error,
            seed_share=points.seed_share,
            degrees=points.degrees,
            seeds=seeds,
            paired=claim.pair_seeds,
            shared=shared,
            p=None if one else _p(claim, points),
            gates=tuple(g.sentence for g in found),
            findings=tuple(g.finding for g in found),
            seeds_needed=needed,
            seeds_low=low,
            seeds_high=high,
            tipping_sd=tipping if one else None,
            look=look if reached and claim.expect != "none" else None,
            judged=_decisive(claim.expect, uncapped, points.interval(), narrow, judged),
            paired_points=beside,
            cells=weights,
            by_seed={s: POINTS * float(v) for s, v in zip(common, by_seed, strict=True)},
            gate_kinds=tuple(g.kind for g in found),
            caveats=tuple(p.finding for p in health.caveats(runs)),
            warnings=too_narrow,
            uncapped=uncapped,
            chosen_on_test=self._on_test(weights, counted, claim.pair_seeds),
            bound=None if bound is None else bound.interval(),
        )

    def _skipped(self, look: Look, planned: Mapping[str, Sequence[str]]) -> list[Gate]:
        if self._results.plan is None:
            return []
        return gates.skipped(look, [each.seeds for each in self._looks], planned, PENDING)

    def _sample(self, name: str, seeds: Sequence[int]) -> Known | None:
        """Results of an experiment's runs with these seeds; None if there are none."""
        sample = self._samples.get(name)
        if sample is None:
            return None
        mine = [seed for seed in sample.seeds if seed in seeds]
        return sample if len(mine) == len(sample.seeds) else sample.only(mine) if mine else None

    def _outlook(
        self, claim: Claim, points: Estimate, judged: int
    ) -> tuple[int | None, int | None, int | None]:
        """Seeds that would settle the claim: lower end, at the observed variance, and upper end.

        A study with looks is judged at these only: the next look with at least as many seeds counts.
        """
        outlook = power.Outlook.of(points)
        if outlook is None:
            return None, None, None
        tests = len(self._family) if claim in self._family else 1
        low, needed, high = outlook.seeds_between(
            expect=claim.expect, margin=claim.margin, tests=tests, level=1 - 2 * self._looks[-1].level
        )
        if not self._results.looks:
            return low, needed, high
        later = [each.seeds for each in self._looks if each.seeds > judged]

        def at_a_look(seeds: int | None) -> int | None:
            return None if seeds is None else next((n for n in later if n >= seeds), None)

        return at_a_look(low), at_a_look(needed), at_a_look(high)

    def _resampled(
        self, weights: Mapping[str, float], experiments: Sequence[Known], paired: bool
    ) -> Interval | None:
        """The bootstrap interval; None without per-example correctness."""
        known = estimates.by_example(experiments)
        if known is None:
            return None
        whole = all(self._samples[n].seeds == c.seeds for n, c in zip(weights, known, strict=True))
        bench = self._bootstrap if whole else Bootstrap(dict(zip(weights, known, strict=True)))
        return bench.interval(weights, paired=paired)

    def _on_test(
        self, weights: Mapping[str, float], seeds: Mapping[str, Sequence[int]], paired: bool
    ) -> Interval | None:
        """The contrast at the best test epochs, if every run has selected one."""
        runs = [r for name in weights for r in self._results.done_of(name) if r.seed in seeds[name]]
        if not runs or not all(BEST_ON_TEST in run.metrics.get("test", {}) for run in runs):
            return None
        for name in weights:
            if name not in self._chosen:
                self._chosen[name] = samples.sample(self._results, name, BEST_ON_TEST)
        experiments = [
            sample.only([seed for seed in sample.seeds if seed in seeds[name]])
            for name in weights
            if (sample := self._chosen[name]) is not None
        ]
        if paired:
            experiments = [c.only(contrasts.common_seeds(experiments)) for c in experiments]
        return contrasts.points(experiments, list(weights.values()), paired=paired).interval()


def copied(runs: Sequence[Run], checkpoint: str) -> list[Gate]:
    """Gate for runs of one experiment with bitwise equal predictions: copies, not other seeds.

    If only predicted classes are known, runs without a single error are not treated as copies.
    """
    seen: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        found = run.outcomes(checkpoint)
        if found is None or (
            found.log_likelihood is None and (found.predicted is None or found.correct.all())
        ):
            continue
        parts = (found.predicted, found.confidence, found.log_likelihood)
        whole = hashlib.sha256(b"".join(part.tobytes() for part in parts if part is not None)).hexdigest()
        seen.setdefault((run.experiment, whole), []).append(run.seed)
    where = [f"{name} ({', '.join(map(str, mine))})" for (name, _), mine in seen.items() if len(mine) > 1]
    return [gates.gate("copied", "runs-copied", runs="; ".join(where))] if where else []


def _nothing(
    claim: Claim,
    stratum: Mapping[str, str],
    weights: Mapping[str, float],
    missing: tuple[str, ...],
    found: Sequence[Gate],
) -> Reading:
    """A reading without values.

    Experiments are missing, or pairing was declared and no seed is common to them.
    """
    return Reading(
        claim=claim.id,
        stratum=dict(stratum),
        verdict=MISSING,
        paired=claim.pair_seeds,
        gates=tuple(g.sentence for g in found),
        findings=tuple(g.finding for g in found),
        missing=missing,
        cells=dict(weights),
        gate_kinds=tuple(g.kind for g in found),
    )


def _p(claim: Claim, points: Estimate) -> float | None:
    if claim.expect == "none":
        return None
    if claim.expect == "equivalent":
        return points.p_equivalent(claim.margin)
    return points.p_above() if claim.expect == "above" else points.p_below()


def _decisive(expect: str, uncapped: str, usual: Interval, narrow: Interval, judged: Interval) -> Interval:
    """The interval that a verdict rests on: only the support of an equivalence rests on the narrow one."""
    if expect == "none":
        return usual
    return narrow if expect == "equivalent" and uncapped != REFUTED else judged


def _capped(uncapped: str, kinds: Sequence[str]) -> str:
    if not kinds or uncapped == ESTIMATE:
        return uncapped
    return SCALE_DEPENDENT if set(kinds) == {"scales"} else INCONCLUSIVE


def _too_narrow(
    experiments: Sequence[Known],
    named: Mapping[str, float],
    shared: float | None,
    paired: bool,
    spread: Sequence[float],
) -> tuple[Interval | None, tuple[Finding, ...]]:
    """Reasons why the interval is too narrow, and the interval for paired seeds.

    Args:
        experiments: Data of each experiment.
        named: Weight of each experiment.
        shared: Fraction of the variance over seeds that pairing removes.
        paired: Whether the interval pairs seeds.
        spread: Fraction of the variance over seeds due to each experiment.
    """
    found = []
    weights = list(named.values())
    fewest = min((1 - c.accuracy) * c.n_test if c.n_test else math.inf for c in experiments)
    if fewest < FEW_ERRORS:
        found.append(Finding("few-errors", "warn", {"errors": fewest, "needed": FEW_ERRORS}))
    if estimates.size_assumed(experiments, weights, paired=paired):
        found.append(Finding("test-size-assumed", "warn", {"n": estimates.TEST_SIZE}))
    narrow = bool(found)
    if estimates.by_example(experiments) is None:
        found.append(Finding("on-this-test-set", "note"))
    if shared is not None and shared < OPPOSED and not paired:
        found.append(Finding("opposed-experiments", "warn", {"added": -100.0 * shared}))
        narrow = True
    total = math.fsum(spread)
    if not paired and len(spread) >= NOISY_AMONG and total > 0 and max(spread) > NOISY * total:
        name = list(named)[spread.index(max(spread))]
        found.append(Finding("one-noisy", "warn", {"experiment": name, "share": 100 * max(spread) / total}))
        narrow = True
    common = contrasts.common_seeds(experiments)
    if not narrow or paired or len(common) < 2:
        return None, tuple(found)
    same = [experiment.only(common) for experiment in experiments]
    return estimates.points(same, weights, paired=True).interval(), tuple(found)
