"""Cells of a study compared by a figure that is a mean over images: arms in a model, models under an arm.

A figure is given as a value for each seed and image, so that its interval counts both (claims/contrasts.py).
A figure that is no mean, such as a ratio, is given as values whose mean it is and that vary as it does to
first order (delta method; `ratio` below).

Three kinds of contrast: "arm" (an augmentation less none, in one model), "model" (a model less the first one,
under one augmentation) and "did" (the difference of two such arms: what the augmentation does to one model
more than to the other). Their intervals are 95 % each and not corrected for their number: they say where to
look, and claims are judged elsewhere. With one seed an interval counts images only; `conditional` says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixscope import tabular
from mixscope.claims import contrasts
from mixscope.claims.contrasts import LEVEL, Sample
from mixscope.results import Results, Run
from mixscope.study import gains
from mixscope.study.gains import GAIN, MODEL, OF_GAINS, Contrast
from mixscope.study.roles import Roles

Found = Sequence[tuple[Run, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The analysed runs of one experiment.

    Attributes:
        experiment: Its name.
        levels: Level of every factor.
        data: Name of its data set.
        arch: timm name of its model.
        arm: Its mixing method, "none" where nothing is mixed.
        model: Its level of the factor of models; `arch` where the study has none.
        augmentation: Its level of the factor of augmentations; `arm` where the study has none.
        seeds: Of its analysed runs.
        samples: By figure, a value for each seed and image; a figure that it has not is left out.
        founds: What `measure` gave, by seed.
    """

    experiment: str
    levels: Mapping[str, str]
    data: str
    arch: str
    arm: str
    model: str
    augmentation: str
    seeds: tuple[int, ...]
    samples: Mapping[str, Sample]
    founds: Sequence[Mapping[str, Any]]


Values = Mapping[str, np.ndarray | None]
Bounds = Mapping[str, tuple[float, float]]  # of figures; two numbers between which all values lie


def gather(
    results: Results, found: Found, values: Callable[[Sequence[Mapping[str, Any]]], Values]
) -> list[Cell]:
    """Runs by experiment, in their order.

    values: from what was found of a cell's runs to its figures, each float or bool (S, n), or None where it
    has none. Runs of one data set were shown the same images; where a run was shown fewer, that is an error
    of the caller.
    """
    by_experiment: dict[str, list[tuple[Run, Mapping[str, Any]]]] = {}
    for run, one in found:
        by_experiment.setdefault(run.experiment, []).append((run, one))
    made = []
    for name, runs in by_experiment.items():
        experiment, seeds = results.experiment(name), tuple(run.seed for run, _ in runs)
        settings, levels = experiment.config, experiment.levels
        assert settings is not None, "only a study's own runs are analysed"
        founds = [one for _, one in runs]
        samples = {
            figure: Sample(np.asarray(each), seeds, f"{experiment.data}-{np.shape(each)[1]}")
            for figure, each in values(founds).items()
            if each is not None
        }
        made.append(
            Cell(
                experiment=name,
                levels=levels,
                data=experiment.data,
                arch=settings.model.arch,
                arm=settings.augment.mix,
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
    """Which images something is known of in every run, bool (n,), by data set: a contrast pairs the images of
    its cells, so a figure that some run lacks for an image is compared over the others.

    known: from what was found of a run to bool (n,).
    """
    made: dict[str, np.ndarray] = {}
    for run, one in found:
        data, mine = results.experiment(run.experiment).data, known(one)
        made[data] = made[data] & mine if data in made else mine
    return made


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray | None:
    """Values whose mean is mean(above) / mean(below), and that vary as it does to first order.

    above, below: float (S, n), of the same seeds and images. None where the mean of `below` is 0.
    """
    bottom = float(below.mean())
    if bottom == 0:
        return None
    at = float(above.mean()) / bottom
    found: np.ndarray = at + (above - at * below) / bottom
    return found


def document(results: Results, cells: Sequence[Cell], bounds: Bounds) -> dict[str, Any]:
    """Cells and contrasts as plain values. bounds: between which the values of each figure lie.

    factors     {"arm" and "model": the factor whose levels they are, or null}
    cells       experiment, levels, arch, arm, data, seeds, images, and figures: by name {estimate, low, high,
                conditional, by_seed}, or null where the cell has none
    contrasts   kind ("arm", "model" or "did"), figure, weights ({experiment: weight}), estimate, low, high,
                conditional, seeds (of the cell that has fewest), seed_share (of the variance; null with one
                seed), and of what, as levels: arm, plain (the arm without mixing), model, over (the model
                that it is compared with, or null), where ({factor: level} of the others)
    """
    figures = list(dict.fromkeys(name for cell in cells for name in cell.samples))
    roles = _roles(results, cells)
    compared = {"arm": roles.augmentation, "model": roles.model}
    return {
        "factors": {role: f if len(roles.levels(f)) > 1 else None for role, f in compared.items()},
        "cells": [_cell_document(cell, figures, bounds) for cell in cells],
        "contrasts": [row for figure in figures for row in _contrasts(results, cells, figure)],
    }


def _cell_document(cell: Cell, figures: Sequence[str], bounds: Bounds) -> dict[str, Any]:
    return {
        "experiment": cell.experiment,
        "levels": dict(cell.levels),
        "arch": cell.arch,
        "arm": cell.arm,
        "data": cell.data,
        "seeds": list(cell.seeds),
        "images": max((s.correct.shape[1] for s in cell.samples.values()), default=cell.founds[0]["images"]),
        "figures": {
            name: None
            if (sample := cell.samples.get(name)) is None
            else mean(sample, *bounds[name]) | {"by_seed": sample.by_seed.tolist()}
            for name in figures
        },
    }


def interval(samples: Sequence[Sample], weights: Sequence[float]) -> dict[str, Any]:
    """A contrast of cells as {estimate, low, high, conditional}; conditional: on these seeds, of which one
    cell has only one."""
    made = contrasts.estimate(samples, weights)
    reach = made.interval(LEVEL)
    return {"estimate": made.value, "low": reach.low, "high": reach.high, "conditional": made.conditional}


def mean(sample: Sample, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    """The mean of a cell, as `interval` gives a contrast; low, high: between which its values lie."""
    reach = contrasts.mean(sample, low, high, level=LEVEL)
    alone = len(sample.seeds) == 1
    return {"estimate": reach.estimate, "low": reach.low, "high": reach.high, "conditional": alone}


_KINDS = {GAIN: "arm", MODEL: "model", OF_GAINS: "did"}


def contrasted(
    results: Results, cells: Sequence[Cell], *kinds: str
) -> Iterator[tuple[Contrast, list[tuple[Cell, float]]]]:
    """The contrasts of a study that these cells make up, with weights by cell.

    Args:
        results: Of the study, which knows the roles of its factors.
        cells: Of some of its experiments.
        *kinds: Of "gain", "model" and "difference of gains"; default: all.

    Yields:
        Gains, then models, then differences of gains, each in the order of its cells.
    """
    roles, there = _roles(results, cells), {cell.experiment: cell for cell in cells}
    order = list(there)
    found = []
    for contrast in gains.of_design(roles, kinds or tuple(_KINDS)):
        weighted = gains.cells(contrast.weights, contrast.stratum, roles.factors)
        terms = [(there[name], w) for levels, w in weighted if (name := results.named(levels)) in there]
        if len(terms) == len(weighted):
            found.append((contrast, terms))
    yield from sorted(
        found, key=lambda each: (list(_KINDS).index(each[0].kind), order.index(each[1][0][0].experiment))
    )


def _contrasts(results: Results, cells: Sequence[Cell], figure: str) -> list[dict[str, Any]]:
    having = [cell for cell in cells if figure in cell.samples]
    roles = _roles(results, having)
    return [
        _contrast(_KINDS[contrast.kind], figure, terms)
        | {
            "arm": terms[0][0].augmentation,
            "plain": roles.baseline or terms[0][0].augmentation,
            "model": terms[0][0].model,
            "over": contrast.over,
            "where": dict(roles.without(terms[0][0].levels, roles.augmentation, roles.model)),
        }
        for contrast, terms in contrasted(results, having)
    ]


def _roles(results: Results, cells: Sequence[Cell]) -> Roles:
    return results.roles.among(cell.levels for cell in cells)


def _contrast(kind: str, figure: str, terms: Sequence[tuple[Cell, float]]) -> dict[str, Any]:
    samples, weights = [c.samples[figure] for c, _ in terms], [w for _, w in terms]
    return {
        "kind": kind,
        "figure": figure,
        "weights": {c.experiment: w for c, w in terms},
        **interval(samples, weights),
        "seeds": min(len(c.seeds) for c, _ in terms),
        "seed_share": contrasts.estimate(samples, weights).seed_share,
    }


# --- for a person, and for other programs -------------------------------------------------------


def tables(compared: Mapping[str, Any]) -> dict[str, str]:
    """cells.csv and contrasts.csv of what `document` gave, a figure a row."""
    rows = []
    for cell in compared["cells"]:
        about = {"experiment": cell["experiment"], **cell["levels"], "seeds": len(cell["seeds"])}
        for name, figure in cell["figures"].items():
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
        for name, each in (("cells.csv", rows), ("contrasts.csv", contrasted))
        if each
    }


def lines(compared: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Two tables of what `document` gave: figures by cell, and contrasts. names: figures that are shown, and
    how a table calls them."""
    return [about(compared), "", *table(compared, names), *differences(compared, names)]


def about(compared: Mapping[str, Any]) -> str:
    """How many images, and what the intervals are over."""
    cells = compared["cells"]
    images = sorted({cell["images"] for cell in cells})
    lone = any(len(cell["seeds"]) == 1 for cell in cells)
    over = "images; one seed, so nothing is known of what seeds do" if lone else "seeds and images"
    return f"{', '.join(f'{n:,}' for n in images)} images; estimate [95 % interval over {over}]"


def table(compared: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Figures by cell."""
    head = ["experiment", *names.values(), "seeds"]
    return tabular.to_text(
        [
            head,
            *(
                [c["experiment"], *(shown(c["figures"].get(n)) for n in names), str(len(c["seeds"]))]
                for c in compared["cells"]
            ),
        ]
    )


def differences(compared: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Contrasts, below a line that is empty; nothing where there are none."""
    rows = [
        [sentence(c, names[c["figure"]]), shown(c, sign="+"), _off(c)]
        for c in compared["contrasts"]
        if c["figure"] in names
    ]
    return ["", "differences (* the interval leaves out 0)", *tabular.to_text(rows)] if rows else []


def _off(contrast: Mapping[str, Any]) -> str:
    return "" if contrast["low"] <= 0 <= contrast["high"] else "*"


def sentence(contrast: Mapping[str, Any], figure: str) -> str:
    """What a contrast of `document` compares, in words."""
    where = "".join(f", {level}" for level in contrast["where"].values())
    arm, of, over = contrast["arm"], contrast["model"], contrast["over"]
    if contrast["kind"] == "arm":
        return f"{figure}, {of}{where}: {arm} less {contrast['plain']}"
    if contrast["kind"] == "model":
        return f"{figure}, {arm}{where}: {of} less {over}"
    return f"{figure}{where}: what {arm} does to {of}, less what it does to {over}"


def shown(figure: Mapping[str, Any] | None, sign: str = "") -> str:
    """A figure with its interval; sign: "+" for one that may be negative."""
    if figure is None:
        return "-"
    return f"{figure['estimate']:{sign}.3f} [{figure['low']:{sign}.3f}, {figure['high']:{sign}.3f}]"
