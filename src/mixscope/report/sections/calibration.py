"""Section on calibration: reliability diagrams, and the effect of temperature scaling."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixscope import calibration
from mixscope.formatting import number
from mixscope.report import plots
from mixscope.report.grouping import augmentation_keys, mates, series_of
from mixscope.report.naming import spoken, word
from mixscope.report.plots import Line
from mixscope.report.shapes import Figure
from mixscope.report.story import ReportedExperiment, Story
from mixscope.report.words import Words


def charts(story: Story, words: Words) -> list[Figure]:
    """A reliability diagram for each model and stratum, one curve per augmentation."""
    found = []
    for levels, experiments in mates(story, but=[story.roles.augmentation]).items():
        curves, rows = [], []
        for experiment in experiments:
            if experiment.evaluated is None or experiment.evaluated.reliability is None:
                continue
            augmentation = experiment.levels.get(story.roles.augmentation or "", experiment.name)
            r = experiment.evaluated.reliability
            points = [(100 * float(c), 100 * float(a)) for c, a in zip(r.confidence, r.accuracy, strict=True)]
            curves.append(
                Line(
                    series=series_of(story, augmentation),
                    points=points,
                    hint=words.level(augmentation),
                    dots=True,
                )
            )
            rows.append(
                words(
                    "calibration.row_text", name=words.level(augmentation), ece=number(experiment.mean("ece"))
                )
            )
        if curves:
            name = words.levels(levels) or story.results.name
            found.append(
                plots.reliability(
                    f"reliability-{word(*(level for _, level in levels)) if levels else 'all'}",
                    curves,
                    augmentation_keys(story, [c for c in experiments if c.evaluated is not None], words),
                    title=words("calibration.figure", cell=name),
                    text=words("calibration.figure_text", rows=spoken(rows)),
                    x_name=words("calibration.confidence"),
                    unit=words("calibration.right"),
                )
            )
    return found


def ece_rows(experiments: Sequence[ReportedExperiment], story: Story, words: Words) -> Mapping[str, str]:
    """ECE of each augmentation in percentage points, for every seed."""
    return {
        words.level(c.levels.get(story.roles.augmentation or "", c.name)): ", ".join(
            number(v) for v in c.by_seed["ece"].values()
        )
        for c in experiments
        if c.by_seed["ece"]
    }


def captioned(story: Story, words: Words) -> list[dict[str, Any]]:
    """The diagrams with the ECE of every seed below them."""
    by_id = {figure.id: figure for figure in charts(story, words)}
    found = []
    for levels, experiments in mates(story, but=[story.roles.augmentation]).items():
        drawn = by_id.get(f"reliability-{word(*(v for _, v in levels)) if levels else 'all'}")
        if drawn is not None:
            rows = "; ".join(f"{k} {v}" for k, v in ece_rows(experiments, story, words).items())
            found.append({"figure": drawn, "caption": words("calibration.caption", rows=rows)})
    return found


def _floor(experiment: ReportedExperiment) -> float | None:
    """Expected ECE in percent of a calibrated network on the test set of one run, by chance."""
    if experiment.evaluated is None or experiment.evaluated.reliability is None:
        return None
    r = experiment.evaluated.reliability
    return 100.0 * calibration.noise_floor(r.confidence, r.examples / len(experiment.evaluated.seeds))


def eces(story: Story, words: Words) -> list[dict[str, Any]]:
    """ECE of each experiment before and after temperature scaling, mean and standard deviation over seeds."""
    rows = []
    for experiment in story.experiments:
        if experiment.evaluated is not None and experiment.by_seed["ece"]:
            scaled = list(experiment.evaluated.scaled.values())
            rows.append(
                {
                    "experiment": experiment,
                    "levels": words.levels(experiment.levels),
                    "floor": _floor(experiment),
                    "temperature": [s.temperature for s in scaled],
                    "after": [100.0 * s.ece for s in scaled],
                }
            )
    return rows
