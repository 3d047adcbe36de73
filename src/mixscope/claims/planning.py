"""Power before the first run: the probability that a claim is SUPPORTED, against the number of seeds.

This requires the standard deviation of test accuracy between runs of each experiment: from earlier or
published runs, or assumed. All are uncertain, so power is a range. Studies are simulated with Welch's
interval and the verdict rules, with looks and required claims; only seeds vary, so that test examples add
further variance in a real study. Holm's correction is replaced by Bonferroni's, its strictest step, so that
true power is slightly higher.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from scipy import optimize, special, stats

from mixscope import i18n, rng, tabular
from mixscope.claims import looks, rules
from mixscope.claims.contrasts import POINTS
from mixscope.claims.looks import Look
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.results.results import LAST
from mixscope.study.claim import Claim, agree
from mixscope.study.gains import Levels

STUDIES = 4000
SHOWN = tuple(range(3, 21))  # seeds shown for a study without looks
EDGES = (0.9, 0.1)  # quantiles of the 80 % interval of an estimated standard deviation


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Standard deviation between runs of an experiment.

    Attributes:
        low: Lower end of an 80 % interval if it is estimated, percentage points.
        middle: Estimate.
        high: Upper end.
        source: Its origin, a message without severity.
    """

    low: float
    middle: float
    high: float
    source: Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Power of one claim.

    Attributes:
        claim: Its id, or the name of a contrast.
        effect: The true contrast in percentage points, in the stratum where it is smallest; 0 for an
            equivalence.
        needs: Claims that must be supported too, and the true contrast of each.
        strata: Number of strata in which it must hold.
        seeds: Numbers of seeds.
        looks: Whether these are looks, at or before which the claim is supported.
        low: Power for each of them at the upper end of the standard deviations, in [0, 1].
        middle: Power at their estimates.
        high: Power at their lower end.
        average: Average number of seeds until the claim is supported or looks end; None without looks.
    """

    claim: str
    effect: float
    needs: Mapping[str, float]
    strata: int
    seeds: tuple[int, ...]
    looks: bool
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    average: float | None


# --- standard deviations --------------------------------------------------------------------------------


def assumed(sd: float) -> Spread:
    """A standard deviation given by the user, in percentage points."""
    return Spread(low=sd, middle=sd, high=sd, source=Finding("power-given", params={"sd": f"{sd:g}"}))


def published(data: str | None = None) -> Spread:
    """The range of published or measured standard deviations, of one data set if possible."""
    text = (resources.files("mixscope.claims") / "published_sd.csv").read_text(encoding="utf-8")
    rows = tabular.from_csv(text)
    mine = [row for row in rows if row["data"] == data] or rows
    found = sorted(float(row["sd_pp"]) for row in mine)
    own = sum(row["kind"] == "measured" for row in mine)
    counts = {"count": len(mine), "published": len(mine) - own, "own": own}
    source = Finding("power-published", params=counts)
    return Spread(low=found[0], middle=statistics.median(found), high=found[-1], source=source)


def observed(results: Results) -> tuple[dict[str, Spread], Spread]:
    """Standard deviations of earlier runs.

    Returns:
        By experiment, for those with two finished runs or a printed standard deviation; and pooled over all.

    Raises:
        DataError: If there is no such experiment.
    """
    variances: dict[str, tuple[float, int]] = {}
    for experiment in results.experiments:
        values = [
            POINTS * float(top1)
            for run in results.done_of(experiment.name)
            if (top1 := run.metrics.get("test", {}).get(LAST, {}).get("top1")) is not None
        ]
        summary = results.summary_of(experiment.name)
        if len(values) > 1:
            variances[experiment.name] = statistics.variance(values), len(values) - 1
        elif summary is not None and summary.sd is not None:
            variances[experiment.name] = (POINTS * summary.sd) ** 2, summary.n_seeds - 1
    if not variances:
        raise DataError(
            "too-few", "no experiment has two finished runs, so no spread between runs", path=results.source
        )
    freedom = sum(df for _, df in variances.values())
    pooled = sum(v * df for v, df in variances.values()) / freedom
    whole = _between(pooled, freedom, _pooled(len(variances), results.name))
    return {
        name: _between(v, df, Finding("power-runs", params={"runs": df + 1, "experiment": name}))
        for name, (v, df) in variances.items()
        if v > 0
    }, whole


def _pooled(experiments: int, results: str) -> Finding:
    return Finding("power-pooled", params={"experiments": experiments, "results": results})


def _between(variance: float, df: int, source: Finding) -> Spread:
    low, high = (math.sqrt(variance * df / float(stats.chi2.ppf(q, df))) for q in EDGES)
    return Spread(low=low, middle=math.sqrt(variance), high=high, source=source)


# --- power ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A claim whose power is computed, in all of its strata.

    Attributes:
        name: Its name.
        strata: For each stratum its levels by factor, and the weight of each experiment.
        expect: "above", "below" or "equivalent".
        margin: Smallest difference that matters, in percentage points.
        effect: Smallest true contrast on the claimed side; not used for an equivalence.
        tests: Number of claims that share Holm's correction, treated as Bonferroni's.
        paired: Whether seeds are paired. Correlations are unknown, so the variance is the same and only
            degrees of freedom are lost.
    """

    name: str
    strata: Sequence[tuple[Mapping[str, str], Mapping[str, float]]]
    expect: str
    margin: float
    effect: float
    tests: int = 1
    paired: bool = False

    @property
    def side(self) -> float:
        """1 or -1: the claimed side of 0."""
        return -1.0 if self.expect == "below" else 1.0

    @property
    def level(self) -> float:
        """One-sided error over all looks."""
        return looks.EQUIVALENCE if self.expect == "equivalent" else looks.ONE_SIDED


def of_claims(
    claims: Sequence[Claim],
    factors: Levels,
    named: Callable[[Sequence[tuple[dict[str, str], float]]], Mapping[str, float]],
    spreads: Mapping[str, Spread],
    otherwise: Spread,
    *,
    looks_at: Sequence[int] = (),
    effect: float | None = None,
) -> list[Curve]:
    """Power of every claim except estimates, together with the claims it needs.

    Args:
        claims: All claims of a study or of a claims file.
        factors: Levels of every factor.
        named: Converts weights by levels (`Claim.weights`) to weights by experiment.
        spreads: Standard deviations by experiment.
        otherwise: Standard deviation of the other experiments.
        looks_at: Numbers of seeds at which claims are judged; empty without looks.
        effect: True effect of directional claims in percentage points; default: each claim's margin, the
            smallest effect that matters. Not used for equivalences.

    Raises:
        ConfigError: If no accuracies make a claim and all its required claims true.
    """
    family = rules.family(claims)
    plan = looks.plan(looks_at, looks_at[-1]) if looks_at else ()
    by_id = {claim.id: claim for claim in claims}

    def target(claim: Claim) -> Target:
        strata = [(stratum, named(claim.weights(stratum, factors))) for stratum in claim.strata(factors)]
        return Target(
            name=claim.id,
            strata=strata,
            expect=claim.expect,
            margin=claim.margin,
            effect=0.0 if claim.expect == "equivalent" else claim.margin if effect is None else effect,
            tests=len(family) if claim in family else 1,
            paired=claim.pair_seeds,
        )

    return [
        curve(
            target(claim),
            spreads,
            otherwise,
            needs=[target(by_id[name]) for name in rules.all_needs(claim, by_id)],
            plan=plan,
        )
        for claim in claims
        if claim.expect != "none"
    ]


def curve(
    target: Target,
    spreads: Mapping[str, Spread],
    otherwise: Spread,
    *,
    needs: Sequence[Target] = (),
    plan: Sequence[Look] = (),
) -> Curve:
    """Power of one claim, which must be supported in all of its strata together with its required claims.

    Runs of all experiments are drawn together, so that a claim and its required claims share them as in a
    study. A claim counts at the look at which its required claims are supported too.

    Args:
        target: The claim.
        spreads: Standard deviations by experiment.
        otherwise: Standard deviation of the other experiments.
        needs: Required claims, directly or indirectly.
        plan: Looks; empty for one look at any number of seeds.

    Raises:
        ConfigError: If no accuracies make the claim and all its required claims true.
    """
    steps = list(plan) or [
        Look(number=1, of=1, seeds=n, level=looks.ONE_SIDED, narrow=looks.EQUIVALENCE, next=None)
        for n in SHOWN
    ]
    every = [target, *needs]
    names = list(dict.fromkeys(n for one in every for _, weights in one.strata for n in weights))
    truth = _truth(every, names)
    draws = rng.generator(0, "bootstrap", 4)
    runs = draws.standard_normal((len(names), STUDIES, steps[-1].seeds))
    found = {}
    average = None
    for end in ("high", "middle", "low"):
        sds = np.array([getattr(spreads.get(name, otherwise), end) for name in names])
        settled = decided(every, names, truth[:, None, None] + sds[:, None, None] * runs, steps)
        found[end] = tuple(settled.mean(axis=1).tolist())
        if plan and end == "middle":
            numbers = np.array([look.seeds for look in plan])
            average = float(
                np.where(settled.any(axis=0), numbers[settled.argmax(axis=0)], numbers[-1]).mean()
            )
    return Curve(
        claim=target.name,
        effect=_least(target, names, truth),
        needs={other.name: _least(other, names, truth) for other in needs},
        strata=len(target.strata),
        seeds=tuple(step.seeds for step in steps),
        looks=bool(plan),
        low=found["high"],
        middle=found["middle"],
        high=found["low"],
        average=average,
    )


def _row(weights: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Weights of all experiments, float64 (experiments,)."""
    return np.array([weights.get(name, 0.0) for name in names])


def _truth(targets: Sequence[Target], names: Sequence[str]) -> np.ndarray:
    """The smallest accuracies (sum of squares) for which every claim has its effect, float64 (experiments,).

    Solved as a least distance problem (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23).
    """
    rows, least = [], []
    for one in targets:
        sides = (1.0, -1.0) if one.expect == "equivalent" else (one.side,)
        for _, weights in one.strata:
            rows += [side * _row(weights, names) for side in sides]
            least += [one.effect] * len(sides)
    bounded = np.vstack([np.array(rows).T, least])
    dual, _ = optimize.nnls(bounded, np.array([0.0] * len(names) + [1.0]))
    residual = bounded @ dual
    residual[-1] -= 1.0
    if -residual[-1] < 1e-9:
        raise ConfigError(
            "conflict",
            "no accuracies are such that it and all that it needs are true; it has no power",
            key=f"claims.{targets[0].name}",
        )
    return np.asarray(-residual[:-1] / residual[-1])


def _least(target: Target, names: Sequence[str], truth: np.ndarray) -> float:
    """The true contrast on the claimed side, in the stratum where it is smallest."""
    if target.expect == "equivalent":
        return 0.0
    return round(min(target.side * float(_row(w, names) @ truth) for _, w in target.strata), 9)


def decided(
    targets: Sequence[Target], names: Sequence[str], accuracies: np.ndarray, steps: Sequence[Look]
) -> np.ndarray:
    """Whether simulated studies support the first claim together with all others, bool (steps, studies).

    The rules are those of verdicts.py. Claims of the Holm family that are not among the targets count as p =
    1. With several looks a supported claim stays supported, and a stratum supported alone stops there.

    Args:
        targets: The claim, and its required claims.
        names: Experiments.
        accuracies: Percentage points, float64 (experiments, studies, seeds).
        steps: Looks of one plan, or numbers of seeds each of which is the only look.
    """
    several = steps[0].of > 1
    whole, readings = [], []
    for one in targets:
        p, outside = map(
            np.stack,
            zip(*(_tested(one, _row(w, names), accuracies, steps) for _, w in one.strata), strict=True),
        )
        alone = outside & (p * len(one.strata) * one.tests <= one.level)  # (strata, steps, studies)
        if several:
            alone = np.logical_or.accumulate(alone, axis=1)
        whole.append(np.where(alone, 0.0, p).max(axis=0))
        readings.append((alone, outside))
    corrected = _holm(whole, [one.tests for one in targets])
    supported = [
        alone | (outside & (mine <= one.level))
        for one, (alone, outside), mine in zip(targets, readings, corrected, strict=True)
    ]
    found: np.ndarray = np.all(supported[0], axis=0)
    for (levels, _), other in itertools.product(targets[0].strata, range(1, len(targets))):
        for k, (theirs, _) in enumerate(targets[other].strata):
            if agree(levels, theirs):
                found &= supported[other][k]
    return np.asarray(np.logical_or.accumulate(found)) if several else found


def _holm(p: Sequence[np.ndarray], tests: Sequence[int]) -> list[np.ndarray]:
    """p after Holm's correction over those with several tests; the others as they are."""
    found = list(p)
    members = [i for i, each in enumerate(tests) if each > 1]
    if members:
        mine = np.stack([p[i] for i in members])
        order = mine.argsort(axis=0)
        steps = tests[members[0]] - np.arange(len(members))
        adjusted = np.take_along_axis(mine, order, axis=0) * steps.reshape(-1, *[1] * p[0].ndim)
        np.put_along_axis(mine, order, np.maximum.accumulate(adjusted), axis=0)
        for i, each in zip(members, mine, strict=True):
            found[i] = each
    return found


def _tested(
    target: Target, weights: np.ndarray, accuracies: np.ndarray, steps: Sequence[Look]
) -> tuple[np.ndarray, np.ndarray]:
    """One stratum of a claim: p as if there were but one look, and whether its interval is not inside the
    margin; float64 and bool (steps, studies)."""
    own = np.flatnonzero(weights)
    runs = (target.side * weights[own])[:, None, None] * accuracies[own]
    runs = runs.sum(axis=0, keepdims=True) if target.paired else runs
    p = np.empty((len(steps), accuracies.shape[1]))
    outside = np.ones_like(p, dtype=bool)
    for k, step in enumerate(steps):
        now = runs[:, :, : step.seeds]
        terms = now.var(axis=2, ddof=1) / step.seeds
        variance = np.maximum(terms.sum(axis=0), 1e-300)
        df = variance**2 / np.maximum((terms**2).sum(axis=0), 1e-300) * (step.seeds - 1)
        value, error = now.mean(axis=2).sum(axis=0), np.sqrt(variance)
        if target.expect == "equivalent":
            p[k] = special.stdtr(df, (np.abs(value) - target.margin) / error) * target.level / step.narrow
        else:
            p[k] = special.stdtr(df, -value / error) * target.level / step.level
            outside[k] = np.abs(value) - special.stdtrit(df, step.level) * error >= target.margin
    return p, outside


def lines(curves: Sequence[Curve], lang: str = "en") -> list[str]:
    """Formats the curves for a terminal, with a bar for the middle of each range."""
    texts = []
    for one in curves:
        needs = ", ".join(
            i18n.message("power-need", lang, claim=name, effect=f"{effect:g}")
            for name, effect in one.needs.items()
        )
        about = {"claim": one.claim, "effect": f"{one.effect:g}", "strata": one.strata}
        texts.append(i18n.message("power-claim", lang, **about, needs=needs, needs_count=len(one.needs)))
        for n, low, middle, high in zip(one.seeds, one.low, one.middle, one.high, strict=True):
            ends = list(dict.fromkeys(f"{100 * end:.0f}" for end in (low, high)))
            shown = i18n.message("power-range", lang, low=ends[0], high=ends[1]) if ends[1:] else ends[0]
            row = {"n": f"{n:>4}", "bar": f"{'#' * round(30 * middle):<30}", "ends": shown}
            texts.append("  " + i18n.message("power-row", lang, **row))
        if one.average is not None:
            texts.append("  " + i18n.message("power-stop", lang, seeds=one.average))
    return texts
