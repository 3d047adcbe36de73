"""Charts as files and in notebooks: SVG for light and dark mode, or SVG, PDF and PNG for print."""

import functools
import re
from importlib import resources
from pathlib import Path

from mixscope.atomic import replacing
from mixscope.errors import ConfigError

PNG_WIDTH = 1063  # pixels: 300 dpi at 90 mm, a column of a paper
ENDINGS = (".svg", ".pdf", ".png")


def alone(svg: str) -> str:
    """A chart as a standalone file, in light or dark mode as the reader prefers."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_styled(svg, _sheet(), "var(--card)")}\n'


def light(svg: str) -> str:
    """A chart on white with literal colours, for notebooks, print and programs without CSS variables."""
    return _styled(svg, _printed(), "#ffffff")


def save(svg: str, file: Path) -> Path:
    """Writes a chart as .svg, .pdf or .png.

    Raises:
        ConfigError: If the ending is different, or CairoSVG is missing.
    """
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError("wrong-type", "expected a name that ends in .svg, .pdf or .png", path=file)
    if ending == ".svg":
        content = alone(svg).encode()
    else:
        try:
            import cairosvg
        except (ImportError, OSError) as problem:  # OSError: the cairo library is missing
            raise ConfigError(
                "not-installed",
                f"PDF and PNG are drawn by CairoSVG, which is not there ({problem}); in a checkout of"
                " mixscope `pip install -e '.[figures]'`, else `pip install cairosvg`; .svg needs nothing",
                path=file,
            ) from problem
        source = light(svg).encode()
        if ending == ".pdf":
            content = cairosvg.svg2pdf(bytestring=source)
        else:
            content = cairosvg.svg2png(bytestring=source, output_width=PNG_WIDTH)
    try:
        with replacing(file) as written:
            written.write(content)
    except OSError as problem:
        raise ConfigError(
            "no-access", f"cannot be written ({problem.strerror}); choose another place", path=file
        ) from problem
    return file


def _styled(svg: str, css: str, page: str) -> str:
    start = svg.index("</desc>") + len("</desc>")
    return (
        f'{svg[:start]}<style>{css}</style><rect width="100%" height="100%" style="fill: {page}"/>'
        f"{svg[start:]}"
    )


def _sheet() -> str:
    return (resources.files("mixscope.report") / "templates" / "figure.css").read_text(encoding="utf-8")


@functools.cache
def _printed() -> str:
    """The style rules of charts, with colours replaced by their print values.

    Selectors are restricted to the chart, so that a style in a notebook changes nothing else. The halo of
    texts is omitted, since not every program draws it behind the letters.
    """
    sheet = _sheet()
    colours = dict(re.findall(r"(--[\w-]+): ([^;]+);", sheet[sheet.index("@media print") :]))
    rules = sheet[sheet.index("\n.chart {") :].strip()
    rules = re.sub(r"var\((--[\w-]+)\)", lambda name: colours[name[1]], rules)
    rules = re.sub(r" paint-order: stroke;[^}]*", " ", rules)
    return re.sub(r"(^|} )(\.[cf]\d)", r"\1.chart \2", rules, flags=re.MULTILINE)
