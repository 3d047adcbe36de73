"""Charts as SVG text: scalable, selectable, for light and dark mode, readable without a mouse.

Every chart is a pure function of values and texts and returns a Figure. Colours are CSS classes (style.css),
never values. Charts have the width of a phone, so that their text is readable there; pages place charts
side by side.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mixscope.formatting import ends
from mixscope.report.shapes import (
    BOLD,
    BOTTOM,
    HEAT_OPACITY,
    HEIGHT,
    LEFT,
    LINE,
    NARROW,
    RIGHT,
    SERIES,
    STRONG,
    TOP,
    WIDTH,
    Figure,
    Key,
    box,
    diamond,
    dot,
    escaped,
    headed,
    label,
    path,
    px,
    rule,
    short,
    shown,
    span,
    ticks,
    wide,
    wrapped,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One curve.

    Attributes:
        series: Its colour and shape.
        points: (x, y).
        look: "bold", "thin", "dash" or "ghost".
        hint: Text on hover.
        dots: Whether points are marked.
    """

    series: int
    points: Sequence[tuple[float, float]]
    look: str = "bold"
    hint: str = ""
    dots: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ribbon:
    """An interval along a curve: x, low, high."""

    series: int
    points: Sequence[tuple[float, float, float]]


def lines(
    id: str,
    *,
    title: str,
    text: str,
    curves: Sequence[Line],
    keys: Sequence[Key],
    x_name: str,
    unit: str,
    zero: bool = False,
    band: float | None = None,
    y_limits: tuple[float, float] | None = None,
    x_limits: tuple[float, float] | None = None,
    width: float = WIDTH,
    height: float = HEIGHT,
    ribbons: Sequence[Ribbon] = (),
) -> Figure:
    """A line chart.

    zero: draw a line at 0, always visible. band: draw a strip of +-band around it. ribbons: intervals behind
    the curves; they do not extend the axis beyond four times the range of the curves.
    """
    drawn = plane(
        curves=curves,
        x_name=x_name,
        unit=unit,
        zero=zero,
        band=band,
        y_limits=y_limits,
        x_limits=x_limits,
        width=width,
        height=height,
        ribbons=ribbons,
    )
    return headed(id, title, text, drawn, width=width, height=height, keys=keys)


def plane(
    *,
    curves: Sequence[Line],
    x_name: str,
    unit: str,
    zero: bool = False,
    band: float | None = None,
    y_limits: tuple[float, float] | None = None,
    x_limits: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    width: float = WIDTH,
    height: float = HEIGHT,
    ribbons: Sequence[Ribbon] = (),
) -> list[str]:
    """Axes and curves of a chart as drawn by `lines`, without its heading. x_ticks: default: round values."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points if math.isfinite(y)]
    x_low, x_high = x_limits or ((min(xs), max(xs)) if xs else (0.0, 1.0))
    if x_high <= x_low:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    y_low, y_high = y_limits or span(ys, around=0.0 if zero else None)
    for value in (v for ribbon in ribbons for _, *edges in ribbon.points for v in edges):
        extent = y_high - y_low
        y_low, y_high = (
            min(y_low, max(value, y_low - extent * 0.02)),
            max(y_high, min(value, y_high + extent * 0.02)),
        )
    at_x = _scale(x_low, x_high, LEFT, width - RIGHT)
    at_y = _scale(y_low, y_high, height - BOTTOM, TOP)
    parts = []
    if band is not None:
        top, bottom = at_y(min(band, y_high)), at_y(max(-band, y_low))
        parts.append(box(LEFT, top, width - RIGHT - LEFT, bottom - top, "band"))
    for value in ticks(y_low, y_high):
        kind = "zero" if zero and value == 0 else "grid"
        parts += [rule(LEFT, at_y(value), width - RIGHT, at_y(value), kind)]
        parts += [label(LEFT - 5, at_y(value) + 3.5, shown(value), "tick", "end")]
    for ribbon in ribbons:
        upper = [(at_x(x), at_y(min(max(high, y_low), y_high))) for x, _, high in ribbon.points]
        lower = [(at_x(x), at_y(min(max(low, y_low), y_high))) for x, low, _ in ribbon.points]
        around = " ".join(f"{px(x)},{px(y)}" for x, y in [*upper, *reversed(lower)])
        parts.append(f'<polygon points="{around}" class="ribbon f{ribbon.series % SERIES}"/>')
    found = [t for t in ticks(x_low, x_high, 6 if width > 300 else 4) if t == int(t)] or [x_low]
    for value in found if x_ticks is None else x_ticks:
        parts.append(label(at_x(value), height - BOTTOM + 14, shown(value), "tick", "middle"))
    parts.append(label(width - RIGHT, height - 4, x_name, "small", "end"))
    parts.append(label(6, height - 4, unit, "small"))
    for curve in curves:
        series = curve.series % SERIES
        points = [(at_x(x), at_y(y)) for x, y in curve.points if math.isfinite(y)]
        if len(points) > 1:
            parts.append(path(points, f"curve c{series} {curve.look}", curve.hint))
        if curve.dots or len(points) == 1:
            size = 3.2 if curve.look == "bold" else 2.0
            parts += [dot(x, y, series, size=size, kind=curve.look, hint=curve.hint) for x, y in points]
    return parts


def panels(
    id: str,
    each: Sequence[Sequence[str]],
    *,
    title: str,
    text: str,
    below: str,
    width: float = WIDTH,
    height: float = HEIGHT,
    columns: int = 2,
) -> Figure:
    """Small multiples: charts of one size in rows under one title. below: caption."""
    across = min(columns, len(each)) * width
    parts = []
    for i, drawn in enumerate(each):
        x, y = i % columns * width, 26 + i // columns * height
        parts.append(f'<g transform="translate({px(x)} {px(y)})">{"".join(drawn)}</g>')
    lines = wrapped(below, across - 12)
    down = 26 + -(-len(each) // columns) * height + 7
    parts += [label(6, down + 7 + LINE * i, line, "small") for i, line in enumerate(lines)]
    return headed(id, title, text, parts, width=across, height=down + LINE * len(lines))


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    factor = (end - start) / (high - low) if high > low else 0.0
    return lambda value: start + (value - low) * factor


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """An estimate with its interval in a forest plot.

    Attributes:
        name: Name of the row.
        estimate: The estimate.
        low: Lower end, None without an interval.
        high: Upper end, None without an interval.
        value: The estimate as text.
        margin: Margin of the claim.
        group: Heading above the first row of a group.
        inner: A second, narrower interval.
        seeds: The estimate by seed.
        hollow: Whether the interval includes less than usual.
        hint: Text on hover.
    """

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    value: str
    margin: float
    group: str = ""
    inner: tuple[float, float] | None = None
    seeds: Sequence[float] = ()
    hollow: bool = False
    hint: str = ""


def forest(
    id: str, bars: Sequence[Bar], *, title: str, text: str, unit: str, below: str, above: str
) -> Figure:
    """A forest plot: estimates with intervals around a line at 0, the margin as a strip.

    Names above their bars.

    below, above: meaning of values on either side of 0.
    """
    row, heading, top, bottom, line = 34.0, 26.0, 26.0, 40.0, 13.0
    left, right = 14.0, WIDTH - 14.0
    names = [wrapped(bar.name, right - left - wide(bar.value) - 10) for bar in bars]
    height = top + bottom + sum(row + (heading if bar.group else 0) for bar in bars)
    height += sum(line * (len(lines) - 1) for lines in names)
    values = [v for b in bars for v in (b.estimate, b.low, b.high, *b.seeds) if v is not None]
    margin = max((b.margin for b in bars), default=0.0)
    low, high = span([*values, margin, -margin], around=0.0, pad=0.04)
    at = _scale(low, high, left, right)
    parts = []
    body = top + 4, height - bottom
    y = top
    bands: list[str] = []
    marks: list[str] = []
    for bar, lines in zip(bars, names, strict=True):
        if bar.group:
            group = short(bar.group, WIDTH - 12)
            marks.append(box(3, y + 7, BOLD * wide(group) + 6, 19, "veil"))
            marks.append(label(6, y + 18, group, "group"))
            y += heading
        for part in lines[:-1]:
            marks += [box(left - 3, y, wide(part) + 6, 14, "veil"), label(left, y + 11, part, "small")]
            y += line
        middle = y + 22
        strip = at(bar.margin) - at(-bar.margin)
        bands.append(box(at(-bar.margin), y + 15, strip, 14, "band", f"± {bar.margin:g}"))
        name = lines[-1]
        for x, written in ((left, name), (right - wide(bar.value), bar.value)):
            marks.append(box(x - 3, y, wide(written) + 6, 14, "veil"))
        marks.append(label(left, y + 11, name, "small"))
        marks.append(label(right, y + 11, bar.value, "number", "end"))
        kind = " hollow" if bar.hollow else ""
        if bar.low is not None and bar.high is not None:
            marks.append(rule(at(bar.low), middle, at(bar.high), middle, f"reach{kind}", bar.hint))
            marks += [rule(at(v), middle - 4, at(v), middle + 4, "reach") for v in (bar.low, bar.high)]
        if bar.inner is not None:
            marks.append(rule(at(bar.inner[0]), middle, at(bar.inner[1]), middle, "reach inner", bar.hint))
        marks += [f'<circle cx="{px(at(v))}" cy="{px(middle + 7)}" r="1.8" class="seed"/>' for v in bar.seeds]
        if bar.estimate is not None:
            marks.append(diamond(at(bar.estimate), middle, f"estimate{kind}", 4.6, bar.hint))
        y += row
    parts += bands
    for value in ticks(low, high, 6):
        parts.append(rule(at(value), body[0], at(value), body[1], "zero" if value == 0 else "grid"))
        parts.append(label(at(value), height - bottom + 14, shown(value), "tick", "middle"))
    parts += marks
    parts.append(label(left, height - 6, f"← {below}", "small"))
    parts.append(label((left + right) / 2, height - 6, unit, "small", "middle"))
    parts.append(label(right, height - 6, f"{above} →", "small", "end"))
    return headed(id, title, text, parts, width=WIDTH, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The seeds of one experiment in a dot plot.

    mean: None without seeds. published: drawn as a hollow diamond.
    """

    name: str
    series: int
    seeds: Mapping[str, float]
    mean: float | None
    value: str
    published: float | None = None
    group: str = ""


def _columns(at: Callable[[float], float], low: float, high: float, top: float, bottom: float) -> list[str]:
    """Vertical grid lines with their values below."""
    found = []
    for value in ticks(low, high, 4):
        found.append(rule(at(value), top, at(value), bottom, "grid"))
        found.append(label(at(value), bottom + 14, shown(value), "tick", "middle"))
    return found


def _names_width(names: Iterable[str]) -> float:
    """Left margin of a chart with rows, wide enough for their names."""
    return min(160.0, max(92.0, 16.0 + max(map(wide, names), default=0.0)))


def dots(
    id: str,
    rows: Sequence[Row],
    *,
    title: str,
    text: str,
    unit: str,
    published: str,
    spread: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A dot plot: every seed as a mark in its row, the mean as a bar, the published value as a diamond.

    spread: description of the numbers on the right.
    """
    step, heading, top, bottom = 24.0, 24.0, 24.0, 34.0
    height = top + bottom + sum(step + (heading if row.group else 0) for row in rows)
    values = [v for r in rows for v in (*r.seeds.values(), r.published) if v is not None]
    low, high = limits or span(values)
    left, right = _names_width(row.name for row in rows), WIDTH - 88.0
    at = _scale(low, high, left, right)
    parts = []
    parts += _columns(at, low, high, top, height - bottom)
    y = top
    for row in rows:
        if row.group:
            parts.append(label(6, y + 17, short(row.group, WIDTH - 12), "group"))
            y += heading
        middle = y + step / 2
        parts.append(label(left - 8, middle + 4, short(row.name, left - 14), "small", "end"))
        if row.published is not None:
            hint = f"{published}: {row.published:.2f} {unit}"
            parts.append(diamond(at(row.published), middle, "estimate hollow", 5.0, hint))
        for seed, value in row.seeds.items():
            parts.append(dot(at(value), middle, row.series, size=3.4, hint=f"{seed}: {value:.2f} {unit}"))
        if row.mean is not None:
            parts.append(
                rule(at(row.mean), middle - 8, at(row.mean), middle + 8, f"mean c{row.series % SERIES}")
            )
        parts.append(label(WIDTH - 6, middle + 4, row.value, "number", "end"))
        y += step
    parts.append(label(right, height - 4, unit, "small", "end"))
    if any(row.published is not None for row in rows):
        parts += [diamond(12, height - 8, "estimate hollow", 4.5), label(22, height - 4, published, "small")]
    return headed(id, title, text, parts, width=WIDTH, height=height, right=spread)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Seeds before and after a change, as a row; value: the difference of their means as text."""

    name: str
    series: int
    before: Sequence[float]
    after: Sequence[float]
    value: str
    group: str = ""


def pairs(
    id: str,
    rows: Sequence[Pair],
    *,
    title: str,
    text: str,
    unit: str,
    difference: str,
    names: tuple[str, str],
) -> Figure:
    """Rows from one mean to another: hollow before, filled after, small marks for seeds."""
    step, heading, top, bottom = 24.0, 24.0, 42.0, 34.0
    height = top + bottom + sum(step + (heading if row.group else 0) for row in rows)
    low, high = span([v for r in rows for v in (*r.before, *r.after)])
    left, right = _names_width(row.name for row in rows), WIDTH - 64.0
    at = _scale(low, high, left, right)
    parts = [diamond(left, 29, "estimate hollow", 4.5)]
    parts += [label(left + 10, 33, names[0], "small")]
    second = left + 34 + wide(names[0])
    parts += [diamond(second, 29, "estimate", 4.5), label(second + 10, 33, names[1], "small")]
    parts.append(label(WIDTH - 6, 33, difference, "small", "end"))
    parts += _columns(at, low, high, top, height - bottom)
    y = top
    for row in rows:
        if row.group:
            parts.append(label(6, y + 17, short(row.group, WIDTH - 12), "group"))
            y += heading
        middle, series = y + step / 2, row.series % SERIES
        parts.append(label(left - 8, middle + 4, short(row.name, left - 14), "small", "end"))
        means = [sum(v) / len(v) for v in (row.before, row.after)]
        hint = f"{row.name}: {means[0]:.2f} → {means[1]:.2f} {unit}"
        parts.append(rule(at(means[0]), middle, at(means[1]), middle, f"curve c{series}", hint))
        for values in (row.before, row.after):
            parts += [
                f'<circle cx="{px(at(v))}" cy="{px(middle + 6)}" r="1.8" class="seed"/>' for v in values
            ]
        parts.append(dot(at(means[0]), middle, series, size=4.0, kind="open", hint=hint))
        parts.append(dot(at(means[1]), middle, series, size=4.0, hint=hint))
        parts.append(label(WIDTH - 6, middle + 4, row.value, "number", "end"))
        y += step
    parts.append(label(right, height - 4, unit, "small", "end"))
    return headed(id, title, text, parts, width=WIDTH, height=height)


def sorted_bars(
    id: str,
    values: Sequence[float],
    names: Sequence[str],
    marked: Sequence[bool],
    *,
    series: int,
    title: str,
    text: str,
    unit: str,
    x_name: str,
    limits: tuple[float, float] | None = None,
    faint: Sequence[float] = (),
) -> Figure:
    """One bar per value, the largest first; marked ones in full colour.

    faint: a second value each, as a tick.
    """
    order = sorted(range(len(values)), key=lambda i: -values[i])
    low, high = limits or span([*values, *faint], around=0.0)
    at_y = _scale(low, high, HEIGHT - BOTTOM, TOP - 14)
    each = (WIDTH - LEFT - RIGHT) / max(1, len(order))
    parts = []
    for value in ticks(low, high):
        parts.append(rule(LEFT, at_y(value), WIDTH - RIGHT, at_y(value), "zero" if value == 0 else "grid"))
        parts.append(label(LEFT - 5, at_y(value) + 3.5, shown(value), "tick", "end"))
    for place, i in enumerate(order):
        x, y0, y1 = LEFT + place * each, at_y(0.0), at_y(values[i])
        kind = f"bar f{series % SERIES}" + ("" if marked[i] else " pale")
        wide_enough = each * (0.84 if each > 3 else 0.96)
        hint = f"{names[i]}: {values[i]:+.2f} {unit}"
        parts.append(box(x, min(y0, y1), wide_enough, max(abs(y1 - y0), 0.6), kind, hint))
        if faint:
            parts.append(rule(x, at_y(faint[i]), x + wide_enough, at_y(faint[i]), "faint"))
        if len(order) <= 12:
            parts.append(label(x + each / 2, HEIGHT - BOTTOM + 13, short(names[i], each), "tick", "middle"))
    parts.append(label(WIDTH - RIGHT, HEIGHT - 4, x_name, "small", "end"))
    parts.append(label(6, HEIGHT - 4, unit, "small"))
    return headed(id, title, text, parts, width=WIDTH, height=HEIGHT)


def heat(
    id: str,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    text: str,
    unit: str,
    digits: int = 1,
    reach: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """A table of gains coloured by value: blue above 0, orange below, with the values as text.

    Args:
        id: Id of the chart.
        values: float (rows, columns), nan where there is none.
        rows: Names of the rows.
        columns: Names of the columns.
        title: Title.
        text: Description.
        unit: Unit of the values.
        digits: Decimals.
        reach: Ends of the intervals, shown on hover.
    """
    across, down = 44.0, 20.0
    left = min(212.0, 16.0 + max(wide(name) for name in rows))
    above = min(260.0, max((wide(name) for name in columns), default=0.0))
    top = 32.0 + above
    across = min(across, (WIDTH - left - 6) / max(1, len(columns)))
    digits = digits if across >= NARROW else 0
    height = top + down * len(rows) + 20
    most = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    parts = []
    for j, name in enumerate(columns):
        x = left + (j + 0.5) * across + 3.5
        turned = f'transform="rotate(-90 {px(x)} {px(top - 6)})"'
        parts.append(
            f'<text x="{px(x)}" y="{px(top - 6)}" class="small" {turned}>{escaped(short(name, above))}</text>'
        )
    for i, row in enumerate(rows):
        y = top + i * down
        parts.append(label(left - 6, y + 14, short(row, left - 12), "small", "end"))
        for j, column in enumerate(columns):
            value = float(values[i, j])
            if not math.isfinite(value):
                continue
            strength = min(1.0, abs(value) / (most or 1.0))
            hint = f"{row}, {column}: {value:+.2f} {unit}"
            if reach is not None and math.isfinite(reach[0][i, j]):
                hint += f" {ends(reach[0][i, j], reach[1][i, j])}"
            more = f' fill-opacity="{strength * HEAT_OPACITY:.2f}"'
            parts.append(
                box(
                    left + j * across,
                    y,
                    across - 1.5,
                    down - 1.5,
                    "gain" if value >= 0 else "loss",
                    hint,
                    more,
                )
            )
            kind = "cell strong" if strength > STRONG else "cell"
            parts.append(
                label(left + (j + 0.5) * across - 0.7, y + 13.5, shown(value, digits), kind, "middle")
            )
    parts.append(label(6, height - 5, unit, "small"))
    return headed(id, title, text, parts, width=WIDTH, height=height)


def scatter(
    id: str, points: Sequence[Sequence[float]], groups: Sequence[int], *, title: str, text: str
) -> Figure:
    """Points without axes, one colour per group; beyond eight groups colours repeat as rings."""
    found = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    side, top = WIDTH - 2 * RIGHT, 24.0
    at_x, at_y = (_scale(*span(found[:, c], pad=0.03), *ends) for c, ends in ((0, (0, side)), (1, (side, 0))))
    parts = []
    parts.append(box(RIGHT, top, side, side, "band", more=' fill-opacity="0.5"'))
    for (x, y), group in zip(found, groups, strict=True):
        kind = f"dot f{group % SERIES}" + ("" if group < SERIES else " open")
        where = f'cx="{px(RIGHT + at_x(x))}" cy="{px(top + at_y(y))}"'
        parts.append(f'<circle {where} r="2.4" class="{kind}"/>')
    return headed(id, title, text, parts, width=WIDTH, height=top + side + RIGHT)


def reliability(
    id: str,
    curves: Sequence[Line],
    keys: Sequence[Key],
    *,
    title: str,
    text: str,
    x_name: str,
    unit: str,
) -> Figure:
    """A reliability diagram: accuracy against confidence, both 0 to 100 %.

    Calibrated models are on the diagonal.
    """
    diagonal = Line(series=0, points=[(0.0, 0.0), (100.0, 100.0)], look="ideal")
    return lines(
        id,
        title=title,
        text=text,
        curves=[diagonal, *curves],
        keys=keys,
        x_name=x_name,
        unit=unit,
        y_limits=(0.0, 100.0),
        x_limits=(0.0, 100.0),
    )
