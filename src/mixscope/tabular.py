"""Tables as text: CSV for machines, aligned columns for terminals, Markdown for pages.

One writer per format, so that every CSV file is protected against formula injection and every Markdown cell
escaped.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from mixscope.formatting import printable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # characters that start a formula in a spreadsheet


def to_csv(rows: Sequence[Mapping[str, Any]], *, number: str = ".6g") -> str:
    """Formats rows with equal keys as CSV; missing and non-finite values are empty.

    Args:
        rows: At least one row.
        number: Format of floats; "" keeps all digits.
    """
    return csv_of([list(rows[0]), *([_entry(value, number) for value in row.values()] for row in rows)])


def csv_of(rows: Iterable[Sequence[object]]) -> str:
    """Formats rows of cells as CSV, with texts guarded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return buffer.getvalue()


def from_csv(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text below its first line, which names the columns; cells without spaces around them.

    Raises:
        csv.Error: If it cannot be parsed.
    """
    rows = csv.DictReader(io.StringIO(text))
    return [{key: (cell or "").strip() for key, cell in row.items() if key} for row in rows]


def guarded(text: str) -> str:
    """Prefixes text with an apostrophe where a spreadsheet would interpret it as a formula."""
    if text[:1] not in FORMULA or not text:
        return text
    try:
        float(text)  # a signed number is not a formula
    except ValueError:
        return f"'{text}"
    return text


def _entry(value: Any, number: str) -> Any:
    if isinstance(value, float):
        return (f"{value:{number}}" if number else value) if value == value else ""
    return "" if value is None else value


def to_text(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> list[str]:
    """Formats rows of equal length as lines with aligned columns, below a header (if any) and a rule."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    style = "simple" if head else "plain"
    return [line.rstrip() for line in formatted(cells, head, style).splitlines()]


def formatted(rows: Sequence[Sequence[str]], head: Sequence[str], style: str) -> str:
    """Formats rows of text cells in a style of `tabulate` ("simple", "github", "latex", "html" ...)."""
    return str(tabulate(rows, headers=list(head), tablefmt=style, disable_numparse=True))


def to_markdown(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Formats a Markdown table with escaped cells.

    Args:
        head: Column titles.
        rows: Cells, as many per row as there are titles.
        right: Titles of the right-aligned columns.
    """
    marks = ["---:" if title in right else "---" for title in head]
    lines = [list(map(_cell, head)), marks, *(list(map(_cell, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    text = " ".join(str(text).split()).replace("\\", "\\\\")
    for sign in "|<>`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
