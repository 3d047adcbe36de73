"""Tables as text: CSV for machines, aligned columns for terminals, Markdown for pages.

One writer each, so that every CSV guards against formulas and every Markdown table escapes its cells.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from mixscope.formatting import printable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for the beginning of a formula


def to_csv(rows: Sequence[Mapping[str, Any]], *, number: str = ".6g") -> str:
    """Rows of equal keys as CSV; missing and non-finite values are empty.

    Args:
        rows: At least one.
        number: Format of floats; "" keeps all digits.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([guarded(str(key)) for key in rows[0]])
    writer.writerows([_entry(value, number) for value in row.values()] for row in rows)
    return buffer.getvalue()


def guarded(text: str) -> str:
    """A text from outside with an apostrophe in front where a spreadsheet would take it for a formula."""
    if text[:1] not in FORMULA or not text:
        return text
    try:
        float(text)  # a number with its sign is none
    except ValueError:
        return f"'{text}"
    return text


def _entry(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, float):
        return (f"{value:{number}}" if number else value) if value == value else ""
    return "" if value is None else value


def to_text(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> list[str]:
    """Rows of equal length as lines whose columns stand below each other, below a head and a rule."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    style = "simple" if head else "plain"
    text = tabulate(cells, headers=list(head), tablefmt=style, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def to_markdown(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """A Markdown table; what would end a cell, or be taken for markup, is escaped.

    Args:
        head: Titles of the columns.
        rows: Texts, as many as there are titles.
        right: Titles of columns whose cells stand to the right.
    """
    marks = ["---:" if title in right else "---" for title in head]
    lines = [list(map(_cell, head)), marks, *(list(map(_cell, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    text = " ".join(str(text).split()).replace("\\", "\\\\")
    for sign in "|<>`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
