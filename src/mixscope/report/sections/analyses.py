"""Section on analyses: results of `mixscope analyze`, one part per analysis, from their summaries.

The same charts are in the report and, in English, beside each analysis. Compared are augmentations within a
model, models under an augmentation, and differences of gains. Intervals are those of the summary.
"""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixscope.analysis.summary import Difference, Experiment, Summary, Value, read
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.formatting import number, signed
from mixscope.report import plots
from mixscope.report.labels import word
from mixscope.report.plots import Bar, Line, Ribbon
from mixscope.report.shapes import Figure, Key
from mixscope.report.texts import Texts
from mixscope.results import Results
from mixscope.study.gains import GAIN, MODEL, OF_GAINS

PARTS = ("attribution", "calibration", "features", "mixtures", "robustness")
# All other metrics are fractions, shown in percent.
PLAIN_UNITS = ("nll", "nll-scaled", "brier", "brier-scaled", "near", "far")
HEADLINES = {
    "attribution": tuple(
        f"{figure}-{method}"
        for figure in ("inside", "follows")
        for method in ("gradcam", "integrated", "rollout")
    ),
    "calibration": ("ece", "nll"),
    "features": ("knn", "probe"),
    "mixtures": ("mass-mixup", "mass-cutmix", "near", "far"),
}
KINDS = (GAIN, MODEL, OF_GAINS)
LOOKS = ("bold", "dash", "ghost")  # line styles of models in a chart by augmentation
SHEETS = 3  # images per data set in a report
Matrix = Sequence[Sequence[float | None]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One analysis.

    Attributes:
        name: Name of the analysis.
        images: Number of images, as text.
        one_seed: Whether there is only one seed.
        figures: Shown charts.
        folded: Further charts, collapsed.
        sheets: (address, text) of images.
        experiments: Table of experiments, header first.
        contrasts: Table of contrasts, header first.
        notes: Remarks of the analysis, each after the metric and experiments that it concerns.
    """

    name: str
    images: str
    one_seed: bool
    figures: Sequence[Figure]
    folded: Sequence[Figure] = ()
    sheets: Sequence[tuple[str, str]] = ()
    experiments: Sequence[Sequence[str]] = ()
    contrasts: Sequence[Sequence[str]] = ()
    notes: Sequence[tuple[str, Finding]] = ()


def parts(results: Results, texts: Texts) -> list[Part]:
    """The parts of all existing analyses.

    Raises:
        DataError: If a summary is damaged.
    """
    found = []
    for name in PARTS:
        document = results.analysis(name)
        if document is None:
            continue
        place = results.folder / "analysis" / name if results.folder else None
        try:
            found.append(_part(read(name, document), place, texts))
        except (KeyError, TypeError, AttributeError) as problem:
            raise DataError(
                "damaged-file",
                f"is damaged, or of another version; `mixscope analyze {results.source} --what {name}` writes"
                " it again",
                path=f"{results.source}/analysis/{name}/summary.json",
            ) from problem
    return found


def charts(document: Mapping[str, Any], texts: Texts) -> list[Figure]:
    """Every chart of one analysis, from the result of its `compare`."""
    summary = read(document["what"], document)
    shown, folded = _CHARTS[summary.what](summary, texts)
    return [*shown, *folded]


def _part(summary: Summary, place: Path | None, texts: Texts) -> Part:
    shown, folded = _CHARTS[summary.what](summary, texts)
    images = sorted({experiment.images for experiment in summary.experiments})
    of_whom: dict[tuple[str, Finding], list[str]] = {}
    for name, by_method in summary.notes.items():
        for note in by_method.items():
            of_whom.setdefault(note, []).append(name)
    notes = [
        (f"{_figure(f'inside-{method}', texts)}, {', '.join(names)}", finding)
        for (method, finding), names in of_whom.items()
    ]
    return Part(
        name=summary.what,
        images=", ".join(f"{n:,}" for n in images),
        one_seed=any(len(experiment.seeds) == 1 for experiment in summary.experiments),
        figures=shown,
        folded=folded,
        sheets=list(_sheets(place, summary, texts)) if place else [],
        experiments=_experiment_rows(summary, texts),
        contrasts=_contrast_rows(summary, texts),
        notes=notes,
    )


def _sheets(place: Path, summary: Summary, texts: Texts) -> Iterator[tuple[str, str]]:
    for data in dict.fromkeys(experiment.data for experiment in summary.experiments):
        for file in sorted(place.glob(f"{data}-*.png"))[:SHEETS]:
            address = f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
            yield address, texts("analyses.sheet", data=texts.level(data))


# --- names and tables ---------------------------------------------------------------------------


def _figure(name: str, texts: Texts) -> str:
    return texts.of("analyses.figure", name)


def _scale(name: str) -> tuple[float, int]:
    """Display factor and decimals of a metric: fractions in percent."""
    return (1.0, 3) if name in PLAIN_UNITS else (100.0, 1)


def _unit(name: str, texts: Texts) -> str:
    return "" if name in PLAIN_UNITS else texts("page.unit_pp")


def _kind(kind: str, texts: Texts, group: str = "kind") -> str:
    return texts(f"analyses.{group}.{kind.replace(' ', '-')}")


def _between(contrast: Difference, texts: Texts) -> str:
    """The two sides of a contrast, as a difference."""
    augmentation, of = texts.level(contrast.augmentation), texts.level(contrast.model)
    if contrast.kind == GAIN:
        return f"{of}: {augmentation} − {texts.level(contrast.baseline)}"
    return f"{augmentation}: {of} − {texts.level(contrast.over or '')}"


def _reach(figure: Value | Difference | None, name: str, *, difference: bool) -> str:
    if figure is None:
        return "–"
    times, digits = _scale(name)
    say = signed if difference else number
    estimate, low, high = (say(times * getattr(figure, k), digits) for k in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def _experiment_rows(summary: Summary, texts: Texts) -> list[list[str]]:
    names = list(dict.fromkeys(n for experiment in summary.experiments for n in experiment.figures))
    rows = [[texts("analyses.experiment"), texts("analyses.levels"), *(_figure(n, texts) for n in names)]]
    for experiment in summary.experiments:
        values = [_reach(experiment.figures.get(n), n, difference=False) for n in names]
        rows.append([experiment.name, texts.levels(experiment.levels), *values])
    return rows


def _contrast_rows(summary: Summary, texts: Texts) -> list[list[str]]:
    head = [texts(f"analyses.col.{name}") for name in ("figure", "where", "kind", "between", "difference")]
    rows = [head]
    for one in summary.contrasts:
        name = one.figure
        rows.append(
            [
                _figure(name, texts),
                texts.levels(one.where) or "–",
                _kind(one.kind, texts),
                _between(one, texts),
                _reach(one, name, difference=True),
            ]
        )
    return rows


# --- what charts share --------------------------------------------------------------------------


def _strata(summary: Summary) -> dict[tuple[tuple[str, str], ...], list[Experiment]]:
    """Experiments by the levels of factors other than augmentation and model."""
    left_out = (summary.augmentation_factor, summary.model_factor)
    found: dict[tuple[tuple[str, str], ...], list[Experiment]] = {}
    for experiment in summary.experiments:
        key = tuple((f, level) for f, level in experiment.levels.items() if f not in left_out)
        found.setdefault(key, []).append(experiment)
    return found


def _of(experiment: Experiment, summary: Summary, factor: str) -> str:
    """The augmentation or model of an experiment."""
    if factor == "augmentation":
        return (
            experiment.levels[summary.augmentation_factor] if summary.augmentation_factor else experiment.mix
        )
    return experiment.levels[summary.model_factor] if summary.model_factor else experiment.arch


def _orders(summary: Summary) -> tuple[list[str], list[str]]:
    """Augmentations and models in order, which determines colours and line styles."""
    augmentations = dict.fromkeys(
        _of(experiment, summary, "augmentation") for experiment in summary.experiments
    )
    models = dict.fromkeys(_of(experiment, summary, "model") for experiment in summary.experiments)
    return list(augmentations), list(models)


def _headed(stratum: Sequence[tuple[str, str]], title: str, texts: Texts) -> str:
    return f"{texts.levels(stratum)} · {title}" if stratum else title


def _forests(summary: Summary, names: Sequence[str], texts: Texts) -> list[Figure]:
    """Differences of one metric in one stratum, all kinds below each other."""
    found = []
    for stratum in _strata(summary):
        for name in names:
            mine = [c for c in summary.contrasts if c.figure == name and c.where == dict(stratum)]
            bars = [
                _bar(c, _between(c, texts), name, texts, _kind(kind, texts) if first else "")
                for kind in KINDS
                for first, c in zip(
                    [True, *[False] * len(mine)], [c for c in mine if c.kind == kind], strict=False
                )
            ]
            if bars:
                found.append(
                    _forest(
                        f"differences-{word(summary.what, name, *(v for _, v in stratum))}",
                        bars,
                        _headed(stratum, _figure(name, texts), texts),
                        _unit(name, texts),
                        texts,
                    )
                )
    return found


def _forest(id: str, bars: Sequence[Bar], title: str, unit: str, texts: Texts) -> Figure:
    text = texts("analyses.forest_text", rows="; ".join(f"{b.name} {b.value}" for b in bars[:8]))
    less, more = texts("analyses.less"), texts("analyses.more")
    return plots.forest(id, bars, title=title, text=text, unit=unit, below=less, above=more)


def _bar(contrast: Difference, name: str, figure: str, texts: Texts, group: str) -> Bar:
    times, digits = _scale(figure)
    values = {k: times * getattr(contrast, k) for k in ("estimate", "low", "high")}
    return Bar(
        name=name,
        estimate=values["estimate"],
        low=values["low"],
        high=values["high"],
        value=signed(values["estimate"], digits),
        margin=0.0,
        group=group,
        hollow=contrast.conditional,
        hint=f"{name}: {_reach(contrast, figure, difference=True)}",
    )


@dataclass(frozen=True, kw_only=True)
class _Course:
    """An experiment's curve with its interval: x, estimate, low, high."""

    experiment: Experiment
    points: Sequence[tuple[float, float, float, float]]


def _curves(
    id: str,
    title: str,
    courses: Sequence[_Course],
    summary: Summary,
    texts: Texts,
    *,
    x_name: str,
    unit: str,
    zero: bool = False,
    floor: float = -math.inf,
    ceiling: float = math.inf,
) -> Figure:
    """Experiments of one stratum: one colour per augmentation, one line style per model.

    floor, ceiling: range of intervals.
    """
    augmentations, models = _orders(summary)
    lines, ribbons, rows = [], [], []
    for course in courses:
        augmentation, model = (
            _of(course.experiment, summary, "augmentation"),
            _of(course.experiment, summary, "model"),
        )
        look = LOOKS[models.index(model) % len(LOOKS)]
        name = f"{texts.level(model)}, {texts.level(augmentation)}"
        points = [(x, y) for x, y, _, _ in course.points]
        lines.append(
            Line(series=augmentations.index(augmentation), points=points, look=look, hint=name, dots=True)
        )
        reach = [(x, max(low, floor), min(high, ceiling)) for x, _, low, high in course.points]
        ribbons.append(Ribbon(series=augmentations.index(augmentation), points=reach))
        rows.append(f"{name}: {number(points[0][1], 1)} → {number(points[-1][1], 1)}")
    here = [m for m in models if any(_of(c.experiment, summary, "model") == m for c in courses)]
    signs = dict(zip(LOOKS, ("—", "- -", "···"), strict=True))
    legend = ", ".join(f"{signs[LOOKS[models.index(m) % len(LOOKS)]]} {texts.level(m)}" for m in here)
    keys = [Key(series=augmentations.index(a), name=texts.level(a)) for a in augmentations]
    return plots.lines(
        id,
        title=title,
        text=texts("analyses.curve_text", rows="; ".join(rows)),
        curves=lines,
        keys=keys,
        x_name=x_name,
        unit=f"{unit}   {legend}",
        ribbons=ribbons,
        zero=zero,
    )


def _point(x: float, one: Mapping[str, Any], times: float = 100.0) -> tuple[float, float, float, float]:
    return (x, times * one["estimate"], times * one["low"], times * one["high"])


# --- each analysis ------------------------------------------------------------------------------

Charts = tuple[list[Figure], list[Figure]]


def _attribution(summary: Summary, texts: Texts) -> Charts:
    return _forests(summary, HEADLINES["attribution"], texts), []


def _calibration(summary: Summary, texts: Texts) -> Charts:
    """Differences, and reliability diagrams after scaling; those before scaling are in another section."""
    augmentations, models = _orders(summary)
    drawn = []
    for stratum, experiments in _strata(summary).items():
        for model in models:
            for kind in ("plain", "scaled"):
                mine = [
                    (experiment, summary.details["diagrams"][experiment.name].get(kind))
                    for experiment in experiments
                    if _of(experiment, summary, "model") == model
                ]
                curves = [
                    Line(
                        series=augmentations.index(_of(experiment, summary, "augmentation")),
                        points=[
                            (100 * x, 100 * y)
                            for x, y in zip(found["confidence"], found["right"], strict=True)
                        ],
                        hint=texts.level(_of(experiment, summary, "augmentation")),
                        dots=True,
                    )
                    for experiment, found in mine
                    if found is not None
                ]
                if curves:
                    title = _headed((*stratum, ("model", model)), texts(f"analyses.diagram.{kind}"), texts)
                    drawn.append(
                        plots.reliability(
                            f"diagram-{word(kind, model, *(v for _, v in stratum))}",
                            curves,
                            [Key(series=augmentations.index(a), name=texts.level(a)) for a in augmentations],
                            title=title,
                            text=title,
                            x_name=texts("calibration.confidence"),
                            unit=texts("calibration.right"),
                        )
                    )
    return _forests(summary, HEADLINES["calibration"], texts), drawn


def _features(summary: Summary, texts: Texts) -> Charts:
    named = {experiment.name: experiment for experiment in summary.experiments}

    def called(name: str) -> str:
        levels = (_of(named[name], summary, factor) for factor in ("model", "augmentation"))
        return " ".join(texts.level(level) for level in levels)

    shown, folded = [], []
    for kind in ("cka", "kappa"):
        for one in summary.details[kind]:
            names = [called(e) for e in one["experiments"]]
            title = f"{texts.level(one['data'])} · {texts(f'analyses.likeness.{kind}')}"
            name = f"{kind}-{word(one['data'])}"
            ends = (one["low"], one["high"])
            shown.append(_heat(name, one["mean"], names, names, title, ends))
    for one in summary.details["layers"]:
        title = texts("analyses.layers", rows=called(one["rows"]), columns=called(one["columns"]))
        name = f"layers-{word(one['data'], one['rows'], one['columns'])}"
        sides = (one["row_layers"], one["column_layers"])
        rows, columns = ([layer.rpartition(".")[2] for layer in side] for side in sides)
        folded.append(_heat(name, one["values"], rows, columns, title))
    for way in ("tsne", "pca"):
        for name, drawn in summary.details["maps"].items():
            title = f"{texts.level(named[name].data)} · {called(name)} · {texts(f'analyses.map.{way}')}"
            made = plots.scatter(f"{way}-{word(name)}", drawn[way], drawn["classes"], title=title, text=title)
            (shown if way == "tsne" else folded).append(made)
    return [*_forests(summary, HEADLINES["features"], texts), *shown], folded


def _heat(
    id: str,
    values: Matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    ends: tuple[Matrix, Matrix] | None = None,
) -> Figure:
    def percent(matrix: Matrix) -> np.ndarray:
        found: np.ndarray = 100 * np.array([[math.nan if v is None else v for v in row] for row in matrix])
        return found

    return plots.heat(
        id,
        percent(values),
        rows,
        columns,
        title=title,
        text=title,
        unit="CKA × 100" if id.startswith(("cka", "layers")) else "× 100",
        digits=0,
        reach=None if ends is None else (percent(ends[0]), percent(ends[1])),
    )


def _mixtures(summary: Summary, texts: Texts) -> Charts:
    shown = []
    augmentations, models = _orders(summary)
    for stratum, experiments in _strata(summary).items():
        for kind in ("mixup", "cutmix"):
            for model in models:
                mine = [
                    experiment for experiment in experiments if _of(experiment, summary, "model") == model
                ]
                curves = [
                    Line(series=0, points=[(0.0, 0.0), (100.0, 100.0)], look="ideal"),
                    Line(series=0, points=[(0.0, 100.0), (100.0, 0.0)], look="ideal"),
                ]
                for experiment in mine:
                    rows = summary.details["curves"][experiment.name][kind]
                    augmentation = _of(experiment, summary, "augmentation")
                    series = augmentations.index(augmentation)
                    for name, look in (("own", "bold"), ("partner", "dash")):
                        points = [(100 * row["share"], 100 * row[name]["estimate"]) for row in rows]
                        hint = f"{texts.level(augmentation)}, {texts(f'analyses.{name}')}"
                        curves.append(Line(series=series, points=points, look=look, hint=hint))
                if mine:
                    title = _headed((*stratum, ("model", model)), texts(f"analyses.inputs.{kind}"), texts)
                    shown.append(
                        plots.lines(
                            f"along-{word(kind, model, *(v for _, v in stratum))}",
                            title=title,
                            text=title,
                            curves=curves,
                            keys=[
                                Key(series=augmentations.index(a), name=texts.level(a)) for a in augmentations
                            ],
                            x_name=texts("analyses.share"),
                            unit=texts("analyses.said"),
                            y_limits=(0.0, 100.0),
                            x_limits=(0.0, 100.0),
                        )
                    )
        courses = [
            _Course(experiment=c, points=[_point(row["distance"], row, 1.0) for row in rows])
            for c in experiments
            if (rows := summary.details["gradients"][c.name][1:])  # 1 at distance 0
        ]
        if courses:
            shown.append(
                _curves(
                    word("gradients", *(v for _, v in stratum)),
                    _headed(stratum, texts("analyses.gradients"), texts),
                    courses,
                    summary,
                    texts,
                    x_name=texts("analyses.distance"),
                    unit="",
                    zero=True,
                )
            )
    return shown, _forests(summary, HEADLINES["mixtures"], texts)


# Position of a strength on the axis, and of clean images.
_AXES: Mapping[str, tuple[float, float]] = {"low-pass": (100.0, 100.0), "high-pass": (100.0, 0.0)}


def _robustness(summary: Summary, texts: Texts) -> Charts:
    shown = []
    curves = summary.details["curves"]
    names = list(next(iter(curves.values())))
    for stratum, experiments in _strata(summary).items():
        for name in names:
            courses = [
                _Course(
                    experiment=c, points=sorted(_strengths(name, summary.details["curves"][c.name][name]))
                )
                for c in experiments
            ]
            shown.append(
                _curves(
                    f"curve-{word(name, *(v for _, v in stratum))}",
                    _headed(stratum, _figure(f"area-{name}", texts), texts),
                    courses,
                    summary,
                    texts,
                    x_name=texts.of("analyses.strength", name, texts("analyses.severity")),
                    unit=texts("analyses.right"),
                    floor=0.0,
                    ceiling=100.0,
                )
            )
    return [*_areas(summary, texts, (OF_GAINS, GAIN)), *shown], _areas(summary, texts, (MODEL,))


def _strengths(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, float, float, float]]:
    times, clean = _AXES.get(name, (1.0, 0.0))
    for row in rows:
        level = row["level"]
        if name in ("shuffle", "drop"):  # grid sizes double
            yield _point(0.0 if level is None else math.log2(level), row)
        else:
            yield _point(clean if level is None else times * level, row)


def _areas(summary: Summary, texts: Texts, kinds: Sequence[str]) -> list[Figure]:
    """Differences of all areas between the same experiments."""
    by_pair: dict[tuple[str, str], list[Difference]] = {}
    for one in summary.contrasts:
        if one.kind in kinds and one.figure != "clean":
            by_pair.setdefault((one.kind, str(one.weights)), []).append(one)
    made = []
    for kind in kinds:
        for (its, _), mine in by_pair.items():
            if its == kind:
                bars = [_bar(c, _figure(c.figure, texts), c.figure, texts, "") for c in mine]
                between = f"{_kind(kind, texts, 'kind_short')} {_between(mine[0], texts)}"
                title = _headed(tuple(mine[0].where.items()), between, texts)
                name = word(kind, *mine[0].where.values(), mine[0].model, mine[0].augmentation)
                made.append(_forest(f"areas-{name}", bars, title, texts("page.unit_pp"), texts))
    return made


_CHARTS = {
    "attribution": _attribution,
    "calibration": _calibration,
    "features": _features,
    "mixtures": _mixtures,
    "robustness": _robustness,
}
