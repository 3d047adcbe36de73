"""Splits cells with several numbers, "84.0% (Top-1) / 97.1% (Top-5)", into columns."""

import re
from collections.abc import Sequence

from mixscope.results import printed_values
from mixscope.results.table_files import Line, Table

_SLASH = re.compile(r"\s*[/|;]\s*")
_PART = re.compile(
    r"^(?:(?P<before>[^\W\d][^:=]{0,30}?)\s*[:=]\s*)?(?P<number>[^()]+?(?:\s*\([+\-−–][^()]*\))?)\s*"
    r"(?:\((?P<after>[^\W\d][^()]*)\))?$"
)


def split(table: Table) -> Table:
    """Splits every column in which most cells have the same number of values separated by slashes.

    A new column is named by the old heading and the label of its number; without labels by its part of the
    heading ("Top-1 / Top-5"), else by the heading and its index.
    """
    columns = {c: parts for c in range(len(table.headings)) if (parts := _parts(table, c))}
    if not columns:
        return table
    headings: list[str] = []
    cells: list[list[str]] = [[] for _ in table.rows]
    for c, heading in enumerate(table.headings):
        if c not in columns:
            headings.append(heading)
            for new, old in zip(cells, table.rows, strict=True):
                new.append(old.cells[c] if c < len(old.cells) else "")
            continue
        labels, numbers = columns[c]
        headings += _names(heading, labels)
        for row, own in zip(cells, numbers, strict=True):
            row += own
    rows = tuple(Line(old.number, tuple(new)) for old, new in zip(table.rows, cells, strict=True))
    return Table(table.number, table.line, tuple(headings), rows, table.context)


def _parts(table: Table, column: int) -> tuple[list[str], list[list[str]]] | None:
    """The labels and, for each row, the numbers of a column; None if it cannot be split."""
    found: list[list[tuple[str, str]] | None] = []
    filled = 0
    for row in table.rows:
        cell = row.cells[column] if column < len(row.cells) else ""
        filled += bool(cell)
        found.append(_numbers(cell) if len(cell) <= printed_values.LONGEST else None)
    widths = [len(parts) for parts in found if parts and len(parts) > 1]
    if not widths or 2 * len(widths) <= filled or len(set(widths)) > 1:
        return None
    width = widths[0]
    labels = [""] * width
    for parts in found:
        if parts and len(parts) == width:
            labels = [old or label for old, (label, _) in zip(labels, parts, strict=True)]
    blank = [""] * width
    return labels, [
        [number for _, number in parts] if parts and len(parts) == width else list(blank) for parts in found
    ]


def _numbers(cell: str) -> list[tuple[str, str]] | None:
    """(label, number) of each part of a cell; None if a part is not a number."""
    parts = []
    for text in _SLASH.split(cell):
        found = _PART.match(text)
        if not found or printed_values.read(found["number"]) is None:
            return None
        parts.append((found["before"] or found["after"] or "", found["number"].strip()))
    return parts


def _names(heading: str, labels: Sequence[str]) -> list[str]:
    own = _SLASH.split(heading)
    if len(own) == len(labels) and not all(labels):
        return [f"{part} {label}".strip() for part, label in zip(own, labels, strict=True)]
    return [f"{heading} {label or i}".strip() for i, label in enumerate(labels, 1)]
