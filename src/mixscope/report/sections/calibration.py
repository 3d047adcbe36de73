"""Section on calibration: reliability diagrams, and the effect of temperature scaling."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixscope import calibration
from mixscope.formatting import number
from mixscope.report import plots
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import augmentation_keys, mates, series_of
from mixscope.report.labels import spoken, word
from mixscope.report.plots import Line
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts


def charts(content: ReportContent, texts: Texts) -> list[Figure]:
    """A reliability diagram for each model and stratum, one curve per augmentation."""
    found = []
    for levels, experiments in mates(content, but=[content.roles.augmentation]).items():
        curves, rows = [], []
        for experiment in experiments:
            if experiment.evaluated is None or experiment.evaluated.reliability is None:
                continue
            augmentation = experiment.levels.get(content.roles.augmentation or "", experiment.name)
            r = experiment.evaluated.reliability
            points = [(100 * float(c), 100 * float(a)) for c, a in zip(r.confidence, r.accuracy, strict=True)]
            curves.append(
                Line(
                    series=series_of(content, augmentation),
                    points=points,
                    hint=texts.level(augmentation),
                    dots=True,
                )
            )
            rows.append(
                texts(
                    "calibration.row_text", name=texts.level(augmentation), ece=number(experiment.mean("ece"))
                )
            )
        if curves:
            name = texts.levels(levels) or content.results.name
            found.append(
                plots.reliability(
                    f"reliability-{word(*(level for _, level in levels)) if levels else 'all'}",
                    curves,
                    augmentation_keys(content, [c for c in experiments if c.evaluated is not None], texts),
                    title=texts("calibration.figure", experiment=name),
                    text=texts("calibration.figure_text", rows=spoken(rows)),
                    x_name=texts("calibration.confidence"),
                    unit=texts("calibration.right"),
                )
            )
    return found


def ece_rows(
    experiments: Sequence[ReportedExperiment], content: ReportContent, texts: Texts
) -> Mapping[str, str]:
    """ECE of each augmentation in percentage points, for every seed."""
    return {
        texts.level(c.levels.get(content.roles.augmentation or "", c.name)): ", ".join(
            number(v) for v in c.by_seed["ece"].values()
        )
        for c in experiments
        if c.by_seed["ece"]
    }


def captioned(content: ReportContent, texts: Texts) -> list[dict[str, Any]]:
    """The diagrams with the ECE of every seed below them."""
    by_id = {figure.id: figure for figure in charts(content, texts)}
    found = []
    for levels, experiments in mates(content, but=[content.roles.augmentation]).items():
        drawn = by_id.get(f"reliability-{word(*(v for _, v in levels)) if levels else 'all'}")
        if drawn is not None:
            rows = "; ".join(f"{k} {v}" for k, v in ece_rows(experiments, content, texts).items())
            found.append({"figure": drawn, "caption": texts("calibration.caption", rows=rows)})
    return found


def _floor(experiment: ReportedExperiment) -> float | None:
    """Expected ECE in percent of a calibrated network on the test set of one run, by chance."""
    if experiment.evaluated is None or experiment.evaluated.reliability is None:
        return None
    r = experiment.evaluated.reliability
    return 100.0 * calibration.noise_floor(r.confidence, r.examples / len(experiment.evaluated.seeds))


def eces(content: ReportContent, texts: Texts) -> list[dict[str, Any]]:
    """ECE of each experiment before and after temperature scaling, mean and standard deviation over seeds."""
    rows = []
    for experiment in content.experiments:
        if experiment.evaluated is not None and experiment.by_seed["ece"]:
            scaled = list(experiment.evaluated.scaled.values())
            rows.append(
                {
                    "experiment": experiment,
                    "levels": texts.levels(experiment.levels),
                    "floor": _floor(experiment),
                    "temperature": [s.temperature for s in scaled],
                    "after": [100.0 * s.ece for s in scaled],
                }
            )
    return rows
