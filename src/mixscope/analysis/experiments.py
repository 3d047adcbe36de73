"""Compares the experiments of a study by a metric that is a mean over images.

A metric is given as one value per seed and image, so that its interval includes both (claims/contrasts.py). A
metric that is not a mean, such as a ratio, is given as values with this mean and, to first order, the same
variance (delta method; `ratio` below).

Three kinds of contrast (study/gains.py): "gain" (an augmentation minus the baseline, in one model), "model"
(a model minus the first one, under one augmentation) and "difference of gains". Their intervals have 95 %
coverage each, without correction for multiple comparisons: they are exploratory, and claims are judged
elsewhere. With one seed an interval includes images only; `conditional` marks it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixscope import i18n, tabular
from mixscope.claims import contrasts
from mixscope.claims.contrasts import LEVEL, Sample
from mixscope.results import Results, Run
from mixscope.study import gains
from mixscope.study.gains import GAIN, MODEL, OF_GAINS, Contrast
from mixscope.study.roles import Roles

Found = Sequence[tuple[Run, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The analysed runs of one experiment.

    Attributes:
        name: Name of the experiment.
        levels: Level of every factor.
        data: Name of the data set.
        arch: timm name of the model.
        mix: Mixing method, "none" without mixing.
        model: Level of the model factor; `arch` where the study has none.
        augmentation: Level of the augmentation factor; `mix` where the study has none.
        seeds: Seeds of the analysed runs.
        samples: By metric, one value per seed and image; missing metrics are left out.
        founds: Results of `measure`, by seed.
    """

    name: str
    levels: Mapping[str, str]
    data: str
    arch: str
    mix: str
    model: str
    augmentation: str
    seeds: tuple[int, ...]
    samples: Mapping[str, Sample]
    founds: Sequence[Mapping[str, Any]]


Values = Mapping[str, np.ndarray | None]
Bounds = Mapping[str, tuple[float, float]]  # range of the values, by metric


def gather(
    results: Results, found: Found, values: Callable[[Sequence[Mapping[str, Any]]], Values]
) -> list[Experiment]:
    """Groups runs by experiment, in their order.

    Runs of one data set must have been evaluated on the same images.

    Args:
        results: Results of the study.
        found: Results of `measure`.
        values: Maps the results of an experiment's runs to its metrics, each float or bool (S, n), or None
            where it has none.
    """
    by_experiment: dict[str, list[tuple[Run, Mapping[str, Any]]]] = {}
    for run, one in found:
        by_experiment.setdefault(run.experiment, []).append((run, one))
    made = []
    for name, runs in by_experiment.items():
        own, seeds = results.experiment(name), tuple(run.seed for run, _ in runs)
        settings, levels = own.config, own.levels
        assert settings is not None, "only a study's own runs are analysed"
        founds = [one for _, one in runs]
        samples = {
            figure: Sample(np.asarray(each), seeds, f"{own.data}-{np.shape(each)[1]}")
            for figure, each in values(founds).items()
            if each is not None
        }
        made.append(
            Experiment(
                name=name,
                levels=levels,
                data=own.data,
                arch=settings.model.arch,
                mix=settings.augment.mix,
                model=levels.get(results.roles.model or "", settings.model.arch),
                augmentation=levels.get(results.roles.augmentation or "", settings.augment.mix),
                seeds=seeds,
                samples=samples,
                founds=founds,
            )
        )
    return made


def common(
    results: Results, found: Found, known: Callable[[Mapping[str, Any]], np.ndarray]
) -> dict[str, np.ndarray]:
    """Which images have a value in every run, by data set.

    A contrast pairs the images of its experiments, so an image that lacks a value in some run is excluded.

    Args:
        results: Results of the study.
        found: Results of `measure`.
        known: Maps the result of a run to bool (n,).

    Returns:
        bool (n,) by data set.
    """
    made: dict[str, np.ndarray] = {}
    for run, one in found:
        data, mine = results.experiment(run.experiment).data, known(one)
        made[data] = made[data] & mine if data in made else mine
    return made


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray | None:
    """Linearises a ratio of means (delta method).

    Args:
        above: float (S, n), numerator by seed and image.
        below: float (S, n), denominator by seed and image.

    Returns:
        Values whose mean is mean(above) / mean(below), with the same variance to first order; None where the
        mean of `below` is 0.
    """
    bottom = float(below.mean())
    if bottom == 0:
        return None
    at = float(above.mean()) / bottom
    found: np.ndarray = at + (above - at * below) / bottom
    return found


def document(results: Results, experiments: Sequence[Experiment], bounds: Bounds) -> dict[str, Any]:
    """Converts experiments and contrasts to plain values.

    factors     {"augmentation" and "model": the factor whose levels they are, or null}
    experiments experiment, levels, arch, mix, data, seeds, images, and figures: by name {estimate, low, high,
                conditional, by_seed}, or null where the experiment has none
    contrasts   kind ("gain", "model" or "difference of gains"), figure, weights ({experiment: weight}),
                estimate, low, high, conditional, seeds (of the experiment with fewest), seed_share (of the
                variance; null with one seed), and levels: augmentation, baseline, model, over (the model it
                is compared with, or null), where ({factor: level} of the others)

    Args:
        results: Results of the study.
        experiments: Its experiments.
        bounds: Range of the values of each metric.
    """
    figures = list(dict.fromkeys(name for experiment in experiments for name in experiment.samples))
    roles = _roles(results, experiments)
    compared = {"augmentation": roles.augmentation, "model": roles.model}
    return {
        "factors": {role: f if len(roles.levels(f)) > 1 else None for role, f in compared.items()},
        "experiments": [_experiment_document(experiment, figures, bounds) for experiment in experiments],
        "contrasts": [row for figure in figures for row in _contrasts(results, experiments, figure)],
    }


def _experiment_document(experiment: Experiment, figures: Sequence[str], bounds: Bounds) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "levels": dict(experiment.levels),
        "arch": experiment.arch,
        "mix": experiment.mix,
        "data": experiment.data,
        "seeds": list(experiment.seeds),
        "images": max(
            (s.correct.shape[1] for s in experiment.samples.values()), default=experiment.founds[0]["images"]
        ),
        "figures": {
            name: None
            if (sample := experiment.samples.get(name)) is None
            else mean(sample, *bounds[name]) | {"by_seed": sample.by_seed.tolist()}
            for name in figures
        },
    }


def interval(samples: Sequence[Sample], weights: Sequence[float]) -> dict[str, Any]:
    """A contrast of experiments with its interval.

    Returns:
        {estimate, low, high, conditional}; conditional: whether the interval holds for these seeds only,
        since an experiment has only one.
    """
    made = contrasts.estimate(samples, weights)
    reach = made.interval(LEVEL)
    return {"estimate": made.value, "low": reach.low, "high": reach.high, "conditional": made.conditional}


def mean(sample: Sample, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    """The mean of an experiment, as `interval` gives a contrast; its values are between low and high."""
    reach = contrasts.mean(sample, low, high, level=LEVEL)
    alone = len(sample.seeds) == 1
    return {"estimate": reach.estimate, "low": reach.low, "high": reach.high, "conditional": alone}


_KINDS = (GAIN, MODEL, OF_GAINS)


def contrasted(
    results: Results, experiments: Sequence[Experiment], *kinds: str
) -> Iterator[tuple[Contrast, list[tuple[Experiment, float]]]]:
    """Yields the contrasts of a study for which these experiments suffice, with weights by experiment.

    Args:
        results: Results of the study, with the roles of its factors.
        experiments: Some of its experiments.
        *kinds: Any of "gain", "model" and "difference of gains"; default: all.

    Yields:
        Gains, then models, then differences of gains, each in the order of the experiments.
    """
    roles, there = _roles(results, experiments), {experiment.name: experiment for experiment in experiments}
    order = list(there)
    found = []
    for contrast in gains.of_design(roles, kinds or _KINDS):
        weighted = gains.experiments(contrast.weights, contrast.stratum, roles.factors)
        terms = [(there[name], w) for levels, w in weighted if (name := results.named(levels)) in there]
        if len(terms) == len(weighted):
            found.append((contrast, terms))
    yield from sorted(found, key=lambda each: (_KINDS.index(each[0].kind), order.index(each[1][0][0].name)))


def _contrasts(results: Results, experiments: Sequence[Experiment], figure: str) -> list[dict[str, Any]]:
    having = [experiment for experiment in experiments if figure in experiment.samples]
    roles = _roles(results, having)
    return [
        _contrast(contrast.kind, figure, terms)
        | {
            "augmentation": terms[0][0].augmentation,
            "baseline": roles.baseline or terms[0][0].augmentation,
            "model": terms[0][0].model,
            "over": contrast.over,
            "where": dict(roles.without(terms[0][0].levels, roles.augmentation, roles.model)),
        }
        for contrast, terms in contrasted(results, having)
    ]


def _roles(results: Results, experiments: Sequence[Experiment]) -> Roles:
    return results.roles.among(experiment.levels for experiment in experiments)


def _contrast(kind: str, figure: str, terms: Sequence[tuple[Experiment, float]]) -> dict[str, Any]:
    samples, weights = [c.samples[figure] for c, _ in terms], [w for _, w in terms]
    return {
        "kind": kind,
        "figure": figure,
        "weights": {c.name: w for c, w in terms},
        **interval(samples, weights),
        "seeds": min(len(c.seeds) for c, _ in terms),
        "seed_share": contrasts.estimate(samples, weights).seed_share,
    }


# --- for a person, and for other programs -------------------------------------------------------


def tables(compared: Mapping[str, Any]) -> dict[str, str]:
    """Formats the result of `document` as experiments.csv and contrasts.csv, one metric per row."""
    rows = []
    for experiment in compared["experiments"]:
        about = {
            "experiment": experiment["experiment"],
            **experiment["levels"],
            "seeds": len(experiment["seeds"]),
        }
        for name, figure in experiment["figures"].items():
            found = figure or {}
            rows.append({**about, "figure": name, **{k: found.get(k) for k in ("estimate", "low", "high")}})
    contrasted = [
        {
            "kind": c.get("kind"),
            "figure": c["figure"],
            "weights": " ".join(f"{w:+g}*{name}" for name, w in c["weights"].items()),
            **{k: c[k] for k in ("estimate", "low", "high", "seeds", "seed_share")},
        }
        for c in compared["contrasts"]
    ]
    return {
        name: tabular.to_csv(each, number="")
        for name, each in (("experiments.csv", rows), ("contrasts.csv", contrasted))
        if each
    }


def lines(compared: Mapping[str, Any], names: Mapping[str, str], lang: str = "en") -> list[str]:
    """Formats the result of `document` as two tables: metrics by experiment, and contrasts.

    Args:
        compared: Result of `document`.
        names: Display names of the metrics to show.
        lang: "en" or "ko"; names of metrics and experiments are the same in both.
    """
    return [about(compared, lang), "", *table(compared, names), *differences(compared, names, lang)]


def about(compared: Mapping[str, Any], lang: str = "en") -> str:
    """The number of images, and what the intervals include."""
    experiments = compared["experiments"]
    images = sorted({experiment["images"] for experiment in experiments})
    seeds = "one" if any(len(experiment["seeds"]) == 1 for experiment in experiments) else "several"
    return i18n.message("analyses-about", lang, images=", ".join(f"{n:,}" for n in images), seeds=seeds)


def table(compared: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """A table of metrics by experiment."""
    head = ["experiment", *names.values(), "seeds"]
    return tabular.to_text(
        [
            head,
            *(
                [c["experiment"], *(shown(c["figures"].get(n)) for n in names), str(len(c["seeds"]))]
                for c in compared["experiments"]
            ),
        ]
    )


def differences(compared: Mapping[str, Any], names: Mapping[str, str], lang: str = "en") -> list[str]:
    """A table of contrasts after an empty line; nothing where there are none."""
    rows = [
        [sentence(c, names[c["figure"]]), shown(c, sign="+"), _off(c)]
        for c in compared["contrasts"]
        if c["figure"] in names
    ]
    return ["", i18n.message("analyses-differences", lang), *tabular.to_text(rows)] if rows else []


def _off(contrast: Mapping[str, Any]) -> str:
    return "" if contrast["low"] <= 0 <= contrast["high"] else "*"


def sentence(contrast: Mapping[str, Any], figure: str) -> str:
    """Describes what a contrast of `document` compares."""
    where = "".join(f", {level}" for level in contrast["where"].values())
    augmentation, of, over = contrast["augmentation"], contrast["model"], contrast["over"]
    gain = f"{augmentation} - {contrast['baseline']}"
    if contrast["kind"] == GAIN:
        return f"{figure}, {of}{where}: {gain}"
    if contrast["kind"] == MODEL:
        return f"{figure}, {augmentation}{where}: {of} - {over}"
    return f"{figure}{where}: ({of} - {over}) of ({gain})"


def shown(figure: Mapping[str, Any] | None, sign: str = "") -> str:
    """Formats a metric with its interval; sign "+" shows the sign."""
    if figure is None:
        return "-"
    return f"{figure['estimate']:{sign}.3f} [{figure['low']:{sign}.3f}, {figure['high']:{sign}.3f}]"
