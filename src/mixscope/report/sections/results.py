"""Section on results: one dot plot per data set, and the table of all experiments."""

from typing import Any

from markupsafe import Markup

from mixscope.formatting import number
from mixscope.report import plots, shapes
from mixscope.report.grouping import arms_together, by_data, series_of, shorter, some
from mixscope.report.naming import spoken, word
from mixscope.report.plots import Row
from mixscope.report.sections import answer
from mixscope.report.shapes import Figure
from mixscope.report.story import Cell, Story
from mixscope.report.words import Words
from mixscope.results import tables


def charts(told: Story, words: Words) -> list[Figure]:
    """One dot plot per data set: experiments as rows, seeds as marks."""
    found = []
    for data, cells in by_data(told).items():
        values = [v for c in cells for v in (*c.by_seed["top1"].values(), (c.published or {}).get("top1"))]
        known = [v for v in values if v is not None]
        if not any(c.seeds for c in cells):
            continue
        rows, sentences, before = [], [], None
        for cell in arms_together(cells, told):
            group = words.levels(
                told.roles.without(shorter(cell.levels, told, data), told.roles.augmentation)
            )
            name = (
                words.level(cell.levels[told.roles.augmentation])
                if told.roles.augmentation
                else cell.experiment
            )
            mean = cell.mean("top1")
            rows.append(
                Row(
                    name=name,
                    series=series_of(told, cell.levels.get(told.roles.augmentation or "")),
                    seeds={words("page.seed", seed=s): v for s, v in some(cell.by_seed["top1"].items())},
                    mean=mean if cell.seeds > 1 else None,
                    value=tables.shown("top1", mean, cell.deviation("top1")),
                    published=(cell.published or {}).get("top1"),
                    group=group if group != before else "",
                )
            )
            before = group
            key = "results.row_text" if mean is not None else "results.row_none"
            sentences.append(words(key, name=f"{group}, {name}", mean=number(mean), seeds=cell.seeds))
        found.append(
            plots.dots(
                f"results-{word(data)}",
                rows,
                title=words("results.figure", stratum=words.level(data)),
                text=words("results.figure_text", rows=spoken(sentences)),
                unit="%",
                published=words("results.published"),
                spread=words("results.mean_sd"),
                limits=shapes.span(known),
            )
        )
    return found


def metrics(told: Story) -> list[str]:
    """The metrics besides top-1 that have a column: known ones, or all for a study without results yet."""
    known = [m for m in tables.METRICS[1:] if any(cell.mean(m) is not None for cell in told.cells)]
    return known if known or told.results.plan is None else list(tables.METRICS[1:])


def table(told: Story, words: Words) -> list[dict[str, Any]]:
    """One row per experiment, grouped by data set."""
    best = {one.cell.experiment: bool(one.tied) for one in answer.best(told).values()}
    rows = []
    for cells in by_data(told).values():
        low, high = shapes.span(v for c in cells for v in c.by_seed["top1"].values())
        for cell in cells:
            seeds = cell.by_seed["top1"]
            mean = cell.mean("top1")
            theirs = (cell.published or {}).get("top1")
            rows.append(
                {
                    "cell": cell,
                    "best": cell.experiment in best and len(cells) > 1,
                    "tied": best.get(cell.experiment, False),
                    "each": "  ".join(number(v) for v in seeds.values()),
                    "strip": _strip(cell, told, words, low, high) if seeds else "",
                    "difference": None if mean is None or theirs is None else mean - theirs,
                }
            )
    return rows


def _strip(cell: Cell, told: Story, words: Words, low: float, high: float) -> Markup:
    """Seeds as marks on a small axis shared by the experiments of a data set."""
    series = series_of(told, cell.levels.get(told.roles.augmentation or ""))
    marks = [
        shapes.dot(
            4 + 88 * (value - low) / (high - low),
            10,
            series,
            hint=f"{words('page.seed', seed=seed)}: {number(value)} %",
        )
        for seed, value in some(cell.by_seed["top1"].items())
    ]
    line = shapes.rule(0, 10, 96, 10, "grid")
    return Markup(
        '<svg class="chart strip" viewBox="0 0 96 20" aria-hidden="true">' + line + "".join(marks) + "</svg>"
    )
