"""Section on gains by class: sorted bars, a map of superclasses, and the largest and smallest gains."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mixscope.formatting import signed
from mixscope.report import plots, shapes
from mixscope.report.content import AugmentationGains, ReportContent, superclass_gains
from mixscope.report.grouping import series_of, shorter
from mixscope.report.labels import class_name, readable, spoken, word
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts

NAMED = 5  # classes named at either end of a sorted chart
RATE = 0.05  # false discovery rate
MAPPED = 24  # classes without superclasses that still fit into a map
COLUMNS = 8  # columns per map; further ones are drawn below


def certain(one: AugmentationGains) -> np.ndarray:
    """Classes that differ from 0, tested jointly, bool (n_classes,); none with one seed.

    What one run has learned about a class does not generalize to the next run.
    """
    result: np.ndarray = np.nan_to_num(one.gains.q, nan=1.0) <= RATE
    return result if one.seeds > 1 else np.zeros_like(result)


def charts(content: ReportContent, texts: Texts) -> dict[str, list[tuple[Figure, AugmentationGains]]]:
    """By data set, sorted bars for each augmentation, model and stratum, on one scale per data set."""
    found: dict[str, list[tuple[Figure, AugmentationGains]]] = {}
    for name, gains in content.class_gains.items():
        data = content.data[name]
        limits = shapes.span((v for one in gains for v in one.gains.gain), around=0.0)
        for one in gains:
            known = np.flatnonzero(np.isfinite(one.gains.gain))
            order = known[np.argsort(-one.gains.gain[known], kind="stable")]
            ends = [
                ", ".join(
                    f"{class_name(data, int(k))} {signed(float(one.gains.gain[k]), 1)}" for k in part[:NAMED]
                )
                for part in (order, order[::-1])
            ]
            sure = certain(one)
            where = texts.levels(shorter(one.levels, content, name)) or texts.level(name)
            title = texts("classes.figure", augmentation=texts.level(one.augmentation), stratum=where)
            figure = plots.sorted_bars(
                f"classes-{word(*one.levels.values(), one.augmentation)}",
                [float(one.gains.gain[k]) for k in known],
                [class_name(data, int(k)) for k in known],
                [bool(sure[k]) for k in known],
                faint=[float(one.gains.shrunken[k]) for k in known],
                series=series_of(content, one.augmentation),
                title=title,
                text=texts(
                    "classes.figure_text",
                    classes=len(known),
                    certain=int(sure.sum()),
                    top=ends[0],
                    bottom=ends[1],
                ),
                unit=texts("page.unit_pp"),
                x_name=texts("classes.sorted") if len(known) > 12 else "",
                limits=limits,
            )
            found.setdefault(name, []).append((figure, one))
    return found


def maps(content: ReportContent, texts: Texts) -> dict[str, list[Figure]]:
    """By data set, maps of gains: superclasses, or the classes if they are few, against experiments."""
    found: dict[str, list[Figure]] = {}
    for name, gains in content.class_gains.items():
        data = content.data[name]
        if data.superclasses:
            rows: Sequence[str] = [readable(name) for name in data.superclasses]
            columns = [superclass_gains(one, data) for one in gains]
        elif len(data.classes) <= MAPPED:
            rows = [readable(name) for name in data.classes]
            columns = [one.gains.shrunken for one in gains]
        else:
            continue
        names = [_map_column(one, name, content, texts) for one in gains]
        values = np.array(columns).T
        order = np.argsort(-np.nan_to_num(values.mean(axis=1)), kind="stable")
        sentences = [
            f"{rows[i]}: "
            + ", ".join(f"{n} {signed(float(v), 1)}" for n, v in zip(names, values[i], strict=True))
            + "."
            for i in order
        ]
        title = texts("classes.heat" if data.superclasses else "classes.heat_classes")
        parts = -(-len(names) // COLUMNS)
        each = -(-len(names) // parts)  # maps of about equal size
        for part in range(parts):
            mine = slice(part * each, (part + 1) * each)
            found.setdefault(name, []).append(
                plots.heat(
                    f"class-map-{word(name)}" + (f"-{part + 1}" if part else ""),
                    values[order][:, mine],
                    [rows[i] for i in order],
                    names[mine],
                    title=title if parts == 1 else f"{title} ({part + 1}/{parts})",
                    text=texts("classes.heat_text", rows=spoken(sentences)),
                    unit=texts("page.unit_pp"),
                )
            )
    return found


def _map_column(one: AugmentationGains, data: str, content: ReportContent, texts: Texts) -> str:
    return " ".join(
        [texts.level(one.augmentation), *map(texts.level, shorter(one.levels, content, data).values())]
    )


def class_gains(content: ReportContent, texts: Texts) -> dict[str, list[dict[str, Any]]]:
    """By data set, the bars of every augmentation with its largest and smallest gains."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, drawn in charts(content, texts).items():
        data = content.data[name]
        for figure, one in drawn:
            shrunken = one.gains.shrunken
            known = np.flatnonzero(np.isfinite(shrunken))
            # Ties after shrinkage are broken by the raw gain.
            order = known[np.lexsort((-one.gains.gain[known], -shrunken[known]))]

            def listed(numbers: Iterable[int], data: Any = data, gain: np.ndarray = one.gains.gain) -> str:
                return ", ".join(f"{class_name(data, int(k))} {signed(float(gain[k]), 1)}" for k in numbers)

            found.setdefault(name, []).append(
                {
                    "figure": figure,
                    "certain": int(certain(one).sum()),
                    "classes": len(known),
                    "most": listed(order[:NAMED]),
                    "least": listed(order[::-1][:NAMED]),
                }
            )
    return found
