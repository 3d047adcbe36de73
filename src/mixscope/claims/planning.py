"""Power against seeds, before the first run: how likely a claim would be SUPPORTED with so many seeds.

What has to be known is the standard deviation of test accuracy between runs of each experiment: from earlier
runs, from published ones, or assumed. None of them is exact, so power is a range. Studies are simulated with
Welch's interval and the rules of verdicts, looks included; only seeds vary, so that test examples still add
to what a real study sees.
"""

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from scipy import special, stats

from mixscope import rng
from mixscope.claims import looks, rules
from mixscope.claims.contrasts import POINTS
from mixscope.claims.looks import Look
from mixscope.errors import DataError
from mixscope.results import Results
from mixscope.results.results import LAST
from mixscope.study.matrix import Study

STUDIES = 4000
SHOWN = tuple(range(3, 21))  # seeds that are shown where a study declares no looks
EDGES = (0.9, 0.1)  # of the interval of an estimated standard deviation: 80 %


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Standard deviation between runs of an experiment.

    Attributes:
        low: Percentage points, of an 80 % interval where it is estimated.
        middle: The estimate.
        high: The upper end.
        source: Where it is from.
    """

    low: float
    middle: float
    high: float
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Power of one claim.

    Attributes:
        claim: Its id, or the name of a contrast.
        effect: The true contrast in every stratum, percentage points; 0 for an equivalence.
        strata: In how many strata it has to be shown.
        seeds: Numbers of seeds.
        low: Power with each of them at the upper end of the standard deviations, 0 to 1.
        middle: At their estimates.
        high: At their lower end.
        average: Seeds that are run on average until the claim is supported or looks end; None without looks.
    """

    claim: str
    effect: float
    strata: int
    seeds: tuple[int, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    average: float | None


# --- standard deviations --------------------------------------------------------------------------------


def assumed(sd: float) -> Spread:
    """A standard deviation that the user gives, percentage points."""
    return Spread(low=sd, middle=sd, high=sd, source=f"given: {sd:g} pp")


def published(data: str | None = None) -> Spread:
    """The range of standard deviations that are published or were measured, of one data set if known."""
    text = (resources.files("mixscope.claims") / "published_sd.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    mine = [row for row in rows if row["data"] == data] or rows
    found = sorted(float(row["sd_pp"]) for row in mine)
    source = f"{len(found)} published or measured standard deviations (claims/published_sd.csv)"
    return Spread(low=found[0], middle=statistics.median(found), high=found[-1], source=source)


def observed(results: Results, checkpoint: str = LAST) -> tuple[dict[str, Spread], Spread]:
    """Standard deviations of earlier runs.

    Returns:
        By experiment, of those with two finished runs or more, or a printed spread; and pooled over all.

    Raises:
        DataError: If there is no such experiment.
    """
    variances: dict[str, tuple[float, int]] = {}
    for experiment in results.experiments:
        values = [
            POINTS * float(top1)
            for run in results.done_of(experiment.name)
            if (top1 := run.metrics.get("test", {}).get(checkpoint, {}).get("top1")) is not None
        ]
        summary = results.summary_of(experiment.name)
        if len(values) > 1:
            variances[experiment.name] = statistics.variance(values), len(values) - 1
        elif summary is not None and summary.sd is not None:
            variances[experiment.name] = (POINTS * summary.sd) ** 2, summary.n_seeds - 1
    if not variances:
        raise DataError(f"{results.source}: no experiment has two finished runs, so no spread between runs")
    freedom = sum(df for _, df in variances.values())
    pooled = sum(v * df for v, df in variances.values()) / freedom
    whole = _between(pooled, freedom, f"pooled over {len(variances)} experiments of {results.name}")
    return {
        name: _between(v, df, f"{df + 1} runs of {name}") for name, (v, df) in variances.items() if v > 0
    }, whole


def _between(variance: float, df: int, source: str) -> Spread:
    low, high = (math.sqrt(variance * df / float(stats.chi2.ppf(q, df))) for q in EDGES)
    return Spread(low=low, middle=math.sqrt(variance), high=high, source=source)


# --- power ----------------------------------------------------------------------------------------------


def of_study(
    study: Study, spreads: Mapping[str, Spread], otherwise: Spread, *, effect: float | None = None
) -> list[Curve]:
    """Power of every claim of a study that is not an estimate.

    Args:
        study: With its claims and looks.
        spreads: By experiment.
        otherwise: For experiments without one.
        effect: True effect of directional claims, percentage points; default: the margin of each claim, the
            smallest effect that matters. An equivalence has none.
    """
    names = {tuple(cell.items()): name for name, cell in study.cells()}
    family = rules.family(study.claims)
    plan = looks.plan(study.looks, len(study.seeds)) if study.looks else ()
    curves = []
    for claim in study.claims:
        if claim.expect == "none":
            continue
        strata = [
            {names[tuple(cell.items())]: w for cell, w in claim.weights(stratum, study.factors)}
            for stratum in claim.strata(study.factors)
        ]
        truth = 0.0 if claim.expect == "equivalent" else claim.margin if effect is None else effect
        curves.append(
            curve(
                claim.id,
                strata,
                spreads,
                otherwise,
                expect=claim.expect,
                margin=claim.margin,
                effect=truth,
                tests=len(family) if claim in family else 1,
                paired=claim.pair_seeds,
                plan=plan,
            )
        )
    return curves


def curve(
    name: str,
    strata: Sequence[Mapping[str, float]],
    spreads: Mapping[str, Spread],
    otherwise: Spread,
    *,
    expect: str,
    margin: float,
    effect: float,
    tests: int = 1,
    paired: bool = False,
    plan: Sequence[Look] = (),
) -> Curve:
    """Power of one claim, which has to be supported in all of its strata.

    Args:
        name: What it is called.
        strata: Weight of each experiment, for every stratum.
        spreads: By experiment.
        otherwise: For experiments without one.
        expect: "above", "below" or "equivalent".
        margin: Percentage points that matter.
        effect: The size of the true contrast, on the claimed side.
        tests: Claims that share Holm's correction, counted as Bonferroni's.
        paired: Whether seeds are paired. Nothing is known of how experiments move together, so the variance
            is the same and only degrees of freedom are lost.
        plan: Looks; empty for one look at any number of seeds.
    """
    found = {}
    averages = []
    for end in ("high", "middle", "low"):
        whole = 1.0
        stopped: np.ndarray | None = None
        for i, weights in enumerate(strata):
            each = [abs(w) * getattr(spreads.get(n, otherwise), end) for n, w in weights.items()]
            sds = [math.sqrt(math.fsum(s * s for s in each))] if paired else each
            said = _supported(sds, expect, margin, effect, tests, plan, seed=i)
            stopped = said if stopped is None else stopped & said
            whole = whole * said.mean(axis=1)
        found[end] = whole
        if plan and end == "middle" and stopped is not None:
            numbers = np.array([look.seeds for look in plan])
            at = np.where(stopped.any(axis=0), numbers[stopped.argmax(axis=0)], numbers[-1])
            averages.append(float(at.mean()))
    seeds = tuple(look.seeds for look in plan) or SHOWN
    return Curve(
        claim=name,
        effect=effect,
        strata=len(strata),
        seeds=seeds,
        low=tuple(np.atleast_1d(found["high"]).tolist()),
        middle=tuple(np.atleast_1d(found["middle"]).tolist()),
        high=tuple(np.atleast_1d(found["low"]).tolist()),
        average=averages[0] if averages else None,
    )


def _supported(
    sds: Sequence[float],
    expect: str,
    margin: float,
    effect: float,
    tests: int,
    plan: Sequence[Look],
    *,
    seed: int,
) -> np.ndarray:
    """Whether simulated studies support a claim, bool (numbers of seeds, studies); with looks, at that look
    or an earlier one."""
    steps = list(plan) or [
        Look(number=1, of=1, seeds=n, level=looks.ONE_SIDED, narrow=looks.EQUIVALENCE, next=None)
        for n in SHOWN
    ]
    draws = rng.generator(seed, "bootstrap", 4)
    runs = draws.standard_normal((STUDIES, len(sds), steps[-1].seeds)) * np.asarray(sds)[:, None]
    found = np.zeros((len(steps), STUDIES), dtype=bool)
    for k, step in enumerate(steps):
        now = runs[:, :, : step.seeds]
        terms = now.var(axis=2, ddof=1) / step.seeds
        variance = np.maximum(terms.sum(axis=1), 1e-300)
        df = variance**2 / np.maximum((terms**2).sum(axis=1), 1e-300) * (step.seeds - 1)
        value, error = effect + now.mean(axis=2).sum(axis=1), np.sqrt(variance)

        def beyond(level: float, df: np.ndarray = df) -> np.ndarray:
            limit: np.ndarray = -special.stdtrit(df, level)
            return limit

        if expect == "equivalent":
            found[k] = np.abs(value) + beyond(step.narrow) * error < margin
        else:
            inside = np.abs(value) + beyond(step.level) * error < margin
            found[k] = (value - beyond(step.level / tests) * error > 0) & ~inside
        if plan and k:
            found[k] |= found[k - 1]
    return found


def lines(curves: Sequence[Curve]) -> list[str]:
    """The curves for a terminal: a bar for the middle of each range."""
    said = []
    for one in curves:
        strata = f", in all {one.strata} strata" if one.strata > 1 else ""
        said.append(f"{one.claim}: power at a true effect of {one.effect:g} pp{strata}")
        for n, low, middle, high in zip(one.seeds, one.low, one.middle, one.high, strict=True):
            bar = "#" * round(30 * middle)
            ends = f"{100 * low:.0f} to {100 * high:.0f} %" if low < high else f"{100 * middle:.0f} %"
            said.append(f"  {n:>4} seeds  {bar:<30}  {ends}")
        if one.average is not None:
            said.append(f"  stopping when decided: {one.average:.1f} seeds on average")
    return said
