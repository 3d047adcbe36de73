"""Shapes of charts as SVG text: scales, text, lines, marks, headings and legends; a Figure holds the result.

Colours are CSS classes (style.css), never values; every colour is accompanied by a shape or a dash. External
text is escaped here.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from mixscope.formatting import printable
from mixscope.report import drawing

WIDTH, HEIGHT = 360.0, 232.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 44.0, 34.0
BOLD = 1.1  # relative width of bold letters
HEAD = BOLD * 12.5 / 11  # width of title letters relative to small ones
LINE = 15.0  # line height of titles and legends
NARROW = 24.0  # narrower cells of a heat map show integers
HEAT_OPACITY = 0.85  # of the strongest cell of a heat map
STRONG = 0.72  # share of the strongest value from which on the text of a cell is drawn on a strong colour
SERIES = 8  # colours and shapes in style.css; further series repeat them


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A chart.

    Attributes:
        id: Id for links and file names.
        title: Title for screen readers.
        text: Description for screen readers.
        svg: The SVG text.
    """

    id: str
    title: str
    text: str
    svg: Markup

    def _repr_svg_(self) -> str:
        """For notebooks: on white, with literal colours."""
        return drawing.light(str(self.svg))

    def save(self, file: str | Path) -> Path:
        """Writes the chart as .svg, .pdf or .png, by the ending of the name.

        PDF and PNG are rendered by CairoSVG, the extra `figures`, for print: on white, text as text in a PDF;
        a PNG has 300 dpi at 90 mm.

        Raises:
            ConfigError: If the name has another ending, or the extra is not installed.
        """
        return drawing.save(str(self.svg), Path(file))


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An entry of a legend."""

    series: int
    name: str
    look: str = "bold"


def figure(id: str, title: str, text: str, body: Iterable[str], *, width: float, height: float) -> Figure:
    """Combines elements to one drawing with title and description."""
    svg = (
        f'<svg class="chart" viewBox="0 0 {px(width)} {px(height)}" role="img"'
        f' aria-labelledby="{id}-t {id}-d"'
        f' xmlns="http://www.w3.org/2000/svg"><title id="{id}-t">{escaped(title)}</title>'
        f'<desc id="{id}-d">{escaped(text)}</desc>{"".join(body)}</svg>'
    )
    return Figure(id=id, title=title, text=text, svg=Markup(svg))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values between low and high, at most `most`.

    >>> ticks(0.0, 9.3)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0) if s * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def span(values: Iterable[float], *, pad: float = 0.06, around: float | None = None) -> tuple[float, float]:
    """Axis limits for these values, with some padding; around: a value to include."""
    known = [v for v in values if math.isfinite(v)]
    known += [around] if around is not None else []
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = (high - low) * pad or max(abs(high) * 0.1, 0.5)
    return low - margin, high + margin


def shown(value: float, digits: int | None = None) -> str:
    """A number on an axis: as short as possible, with thousands separators and a true minus sign.

    >>> shown(-0.4, 0), shown(-1234.5, 1)
    ('0', '−1,234.5')
    """
    if digits is not None:
        return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "−")  # no negative zero
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    return f"{value:,.6g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}".replace("-", "−")


def px(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def escaped(text: object) -> str:
    """Escapes text and removes control characters, which are invalid in XML."""
    return escape(printable(str(text)))


def label(x: float, y: float, text: object, kind: str = "", anchor: str = "start") -> str:
    """SVG text at a point, in pixels. kind: CSS class. anchor: part of the text at the point."""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{px(x)}" y="{px(y)}" class="{kind}"{where}>{escaped(text)}</text>'


def rule(x0: float, y0: float, x1: float, y1: float, kind: str, hint: str = "") -> str:
    """An SVG line between two points, in pixels. kind: CSS class. hint: text on hover."""
    inside = f"<title>{escaped(hint)}</title></line>" if hint else "</line>"
    return f'<line x1="{px(x0)}" y1="{px(y0)}" x2="{px(x1)}" y2="{px(y1)}" class="{kind}">{inside}'


def box(x: float, y: float, width: float, height: float, kind: str, hint: str = "", more: str = "") -> str:
    """An SVG rectangle from its upper left corner, in pixels. more: further attributes after a space."""
    inside = f"<title>{escaped(hint)}</title>" if hint else ""
    where = f'x="{px(x)}" y="{px(y)}" width="{px(max(width, 0))}" height="{px(max(height, 0))}"'
    return f'<rect {where} class="{kind}"{more}>{inside}</rect>'


def path(points: Sequence[tuple[float, float]], kind: str, hint: str = "") -> str:
    """An SVG line through all points, (x, y) in pixels."""
    inside = f"<title>{escaped(hint)}</title>" if hint else ""
    drawn = " ".join(f"{px(x)},{px(y)}" for x, y in points)
    return f'<polyline points="{drawn}" class="{kind}">{inside}</polyline>'


def dot(x: float, y: float, series: int, *, size: float = 3.5, kind: str = "", hint: str = "") -> str:
    """A mark in the colour and shape of its series: circle, square, triangle, diamond."""
    series %= SERIES
    inside = f"<title>{escaped(hint)}</title>" if hint else ""
    kind = f"dot f{series} {kind}".strip()
    if series % 4 == 0:
        return f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(size)}" class="{kind}">{inside}</circle>'
    s = size
    corners = {
        1: [(-s, -s), (s, -s), (s, s), (-s, s)],
        2: [(0, -1.25 * s), (1.2 * s, 0.9 * s), (-1.2 * s, 0.9 * s)],
        3: [(0, -1.4 * s), (1.4 * s, 0), (0, 1.4 * s), (-1.4 * s, 0)],
    }[series % 4]
    drawn = " ".join(f"{px(x + dx)},{px(y + dy)}" for dx, dy in corners)
    return f'<polygon points="{drawn}" class="{kind}">{inside}</polygon>'


def diamond(x: float, y: float, kind: str, size: float = 5.0, hint: str = "") -> str:
    """An SVG diamond around a point. size: from its centre to a corner, in pixels."""
    inside = f"<title>{escaped(hint)}</title>" if hint else ""
    corners = [(x, y - size), (x + size, y), (x, y + size), (x - size, y)]
    drawn = " ".join(f"{px(a)},{px(b)}" for a, b in corners)
    return f'<polygon points="{drawn}" class="{kind}">{inside}</polygon>'


def wide(text: str) -> float:
    """About how wide a text of 11 px is: Chinese, Japanese and Korean letters are square."""
    return sum(11.0 if ord(c) > 0x1100 else 6.1 for c in text)


def short(text: str, width: float) -> str:
    """The text, truncated to a width."""
    if wide(text) <= width:
        return text
    while text and wide(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, width: float) -> list[str]:
    """Breaks text into lines of at most `width`, between words; a longer word is truncated on its own line.

    >>> wrapped("top-1 by experiment", 80)
    ['top-1 by', 'experiment']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and wide(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [short(line, width) for line in lines] or [""]


def headed(
    id: str,
    title: str,
    text: str,
    body: Iterable[str],
    *,
    width: float,
    height: float,
    keys: Sequence[Key] = (),
    right: str = "",
) -> Figure:
    """A drawing below its title and legend, which take as many lines as needed.

    Args:
        id: As in `figure`.
        title: As in `figure`.
        text: As in `figure`.
        body: Elements placed for one line each; moved down if there are more.
        width: Width of the drawing.
        height: Height of the drawing with one line each.
        keys: The legend.
        right: Text at the right of the title, in small letters.
    """
    lines = wrapped(title, (width - 12) / HEAD - (wide(right) + 8 if right else 0))
    parts = [label(6, 15 + LINE * i, line, "head") for i, line in enumerate(lines)]
    if right:
        parts.append(label(width - 6, 15, right, "small", "end"))
    legend, rows = _legend(keys, 32 + LINE * (len(lines) - 1), width)
    down = LINE * (len(lines) - 1 + max(0, rows - 1))
    drawn = "".join(body)
    moved = f'<g transform="translate(0 {px(down)})">{drawn}</g>' if down else drawn
    return figure(id, title, text, [*parts, *legend, moved], width=width, height=height + down)


def _legend(keys: Sequence[Key], y: float, width: float) -> tuple[list[str], int]:
    """Legend entries in as many rows as needed, and the number of rows."""
    x, rows, parts = 8.0, 1 if keys else 0, list[str]()
    for key in keys:
        if x > 8 and x + 20 + wide(key.name) > width:
            x, y, rows = 8.0, y + LINE, rows + 1
        series = key.series % SERIES
        parts.append(rule(x, y - 3.5, x + 14, y - 3.5, f"curve c{series} {key.look}"))
        if key.look == "bold":
            parts.append(dot(x + 7, y - 3.5, series, size=2.8))
        parts.append(label(x + 18, y, short(key.name, width - x - 20), "small"))
        x += 30 + wide(key.name)
    return parts, rows
