"""Section on calibration: reliability diagrams, and the effect of temperature scaling."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixscope import calibration
from mixscope.formatting import number
from mixscope.report import plots
from mixscope.report.grouping import arm_keys, mates, series_of
from mixscope.report.naming import spoken, word
from mixscope.report.plots import Line
from mixscope.report.shapes import Figure
from mixscope.report.story import Cell, Story
from mixscope.report.words import Words


def charts(told: Story, words: Words) -> list[Figure]:
    """A reliability diagram for each model and stratum, one curve per augmentation."""
    found = []
    for levels, cells in mates(told, but=[told.roles.augmentation]).items():
        curves, rows = [], []
        for cell in cells:
            if cell.judged is None or cell.judged.reliability is None:
                continue
            arm = cell.levels.get(told.roles.augmentation or "", cell.experiment)
            r = cell.judged.reliability
            points = [(100 * float(c), 100 * float(a)) for c, a in zip(r.confidence, r.accuracy, strict=True)]
            curves.append(Line(series=series_of(told, arm), points=points, hint=words.level(arm), dots=True))
            rows.append(words("calibration.row_text", name=words.level(arm), ece=number(cell.mean("ece"))))
        if curves:
            name = words.levels(levels) or told.results.name
            found.append(
                plots.reliability(
                    f"reliability-{word(*(level for _, level in levels)) if levels else 'all'}",
                    curves,
                    arm_keys(told, [c for c in cells if c.judged is not None], words),
                    title=words("calibration.figure", cell=name),
                    text=words("calibration.figure_text", rows=spoken(rows)),
                    x_name=words("calibration.confidence"),
                    unit=words("calibration.right"),
                )
            )
    return found


def ece_rows(cells: Sequence[Cell], told: Story, words: Words) -> Mapping[str, str]:
    """ECE of each augmentation in percentage points, for every seed."""
    return {
        words.level(c.levels.get(told.roles.augmentation or "", c.experiment)): ", ".join(
            number(v) for v in c.by_seed["ece"].values()
        )
        for c in cells
        if c.by_seed["ece"]
    }


def captioned(told: Story, words: Words) -> list[dict[str, Any]]:
    """The diagrams with the ECE of every seed below them."""
    by_id = {figure.id: figure for figure in charts(told, words)}
    found = []
    for levels, cells in mates(told, but=[told.roles.augmentation]).items():
        drawn = by_id.get(f"reliability-{word(*(v for _, v in levels)) if levels else 'all'}")
        if drawn is not None:
            rows = "; ".join(f"{k} {v}" for k, v in ece_rows(cells, told, words).items())
            found.append({"figure": drawn, "caption": words("calibration.caption", rows=rows)})
    return found


def _floor(cell: Cell) -> float | None:
    """Expected ECE in percent of a calibrated network on the test set of one run, by chance."""
    if cell.judged is None or cell.judged.reliability is None:
        return None
    r = cell.judged.reliability
    return 100.0 * calibration.noise_floor(r.confidence, r.examples / len(cell.judged.seeds))


def eces(told: Story, words: Words) -> list[dict[str, Any]]:
    """ECE of each experiment before and after temperature scaling, mean and standard deviation over seeds."""
    rows = []
    for cell in told.cells:
        if cell.judged is not None and cell.by_seed["ece"]:
            scaled = list(cell.judged.scaled.values())
            rows.append(
                {
                    "cell": cell,
                    "levels": words.levels(cell.levels),
                    "floor": _floor(cell),
                    "temperature": [s.temperature for s in scaled],
                    "after": [100.0 * s.ece for s in scaled],
                }
            )
    return rows
