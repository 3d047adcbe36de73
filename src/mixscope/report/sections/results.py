"""Section on results: one dot plot per data set, and the table of all experiments."""

from typing import Any

from markupsafe import Markup

from mixscope.formatting import number
from mixscope.report import plots, shapes
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import by_augmentation, by_data, series_of, shorter, some
from mixscope.report.labels import spoken, word
from mixscope.report.plots import Row
from mixscope.report.sections import answer
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts
from mixscope.results import tables


def charts(content: ReportContent, texts: Texts) -> list[Figure]:
    """One dot plot per data set: experiments as rows, seeds as marks."""
    found = []
    for data, experiments in by_data(content).items():
        values = [
            v for c in experiments for v in (*c.by_seed["top1"].values(), (c.published or {}).get("top1"))
        ]
        known = [v for v in values if v is not None]
        if not any(c.seeds for c in experiments):
            continue
        rows, sentences, before = [], [], None
        for experiment in by_augmentation(experiments, content):
            group = texts.levels(
                content.roles.without(shorter(experiment.levels, content, data), content.roles.augmentation)
            )
            name = (
                texts.level(experiment.levels[content.roles.augmentation])
                if content.roles.augmentation
                else experiment.name
            )
            mean = experiment.mean("top1")
            rows.append(
                Row(
                    name=name,
                    series=series_of(content, experiment.levels.get(content.roles.augmentation or "")),
                    seeds={
                        texts("page.seed", seed=s): v for s, v in some(experiment.by_seed["top1"].items())
                    },
                    mean=mean if experiment.seeds > 1 else None,
                    value=tables.shown("top1", mean, experiment.deviation("top1")),
                    published=(experiment.published or {}).get("top1"),
                    group=group if group != before else "",
                )
            )
            before = group
            key = "results.row_text" if mean is not None else "results.row_none"
            sentences.append(texts(key, name=f"{group}, {name}", mean=number(mean), seeds=experiment.seeds))
        found.append(
            plots.dots(
                f"results-{word(data)}",
                rows,
                title=texts("results.figure", stratum=texts.level(data)),
                text=texts("results.figure_text", rows=spoken(sentences)),
                unit="%",
                published=texts("results.published"),
                spread=texts("results.mean_sd"),
                limits=shapes.span(known),
            )
        )
    return found


def metrics(content: ReportContent) -> list[str]:
    """The metrics besides top-1 that have a column: known ones, or all for a study without results yet."""
    known = [
        m
        for m in tables.METRICS[1:]
        if any(experiment.mean(m) is not None for experiment in content.experiments)
    ]
    return known if known or content.results.plan is None else list(tables.METRICS[1:])


def table(content: ReportContent, texts: Texts) -> list[dict[str, Any]]:
    """One row per experiment, grouped by data set."""
    best = {one.experiment.name: bool(one.tied) for one in answer.best(content).values()}
    rows = []
    for experiments in by_data(content).values():
        low, high = shapes.span(v for c in experiments for v in c.by_seed["top1"].values())
        for experiment in experiments:
            seeds = experiment.by_seed["top1"]
            mean = experiment.mean("top1")
            theirs = (experiment.published or {}).get("top1")
            rows.append(
                {
                    "experiment": experiment,
                    "best": experiment.name in best and len(experiments) > 1,
                    "tied": best.get(experiment.name, False),
                    "each": "  ".join(number(v) for v in seeds.values()),
                    "strip": _strip(experiment, content, texts, low, high) if seeds else "",
                    "difference": None if mean is None or theirs is None else mean - theirs,
                }
            )
    return rows


def _strip(
    experiment: ReportedExperiment, content: ReportContent, texts: Texts, low: float, high: float
) -> Markup:
    """Seeds as marks on a small axis shared by the experiments of a data set."""
    series = series_of(content, experiment.levels.get(content.roles.augmentation or ""))
    marks = [
        shapes.dot(
            4 + 88 * (value - low) / (high - low),
            10,
            series,
            hint=f"{texts('page.seed', seed=seed)}: {number(value)} %",
        )
        for seed, value in some(experiment.by_seed["top1"].items())
    ]
    line = shapes.rule(0, 10, 96, 10, "grid")
    return Markup(
        '<svg class="chart strip" viewBox="0 0 96 20" aria-hidden="true">' + line + "".join(marks) + "</svg>"
    )
