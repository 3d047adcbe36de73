"""Converts values to percent, and detects and corrects those printed in another unit by mistake.

A column is read in the unit of its majority: fractions in 0 to 1, or percent. A value that does not fit is a
misprint if no other reading is possible or another value of its row confirms it, otherwise a suspicion: a
broken run may well have 0.5 %.
"""

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mixscope.audit.findings import CONTRADICTION, SUSPICION
from mixscope.findings import Finding
from mixscope.results.printed_values import Figure

HUNDRED = Decimal(100)
Column = Mapping[int, Figure]  # row -> printed value


@dataclass(frozen=True, slots=True)
class Misprint:
    """A misprinted cell.

    Attributes:
        row: Its row.
        column: Its column.
        severity: "contradiction" or "suspicion".
        why: The observation.
        mended: The corrected value in percent; None if it is ambiguous.
    """

    row: int
    column: int
    severity: str
    why: Finding
    mended: Figure | None


def is_share(column: Column, heading: str, error: bool) -> bool:
    """Whether a column is printed as fractions of 1, not in percent.

    Small percentages are common for errors, where the heading may say so, but not for accuracies.
    """
    if not column or (error and re.search("[%％]", heading)):
        return False
    small = [f for f in column.values() if not f.percent and 0 <= f.value <= 1]
    return 3 * len(small) >= 2 * len(column)


def is_percentage(column: Column) -> bool:
    """Whether a column can be percentages or fractions: mostly unsigned, and mostly up to 100."""
    return 2 * _possible(column) > len(column)


def may_be_percentage(column: Column) -> bool:
    """As `is_percentage` for half of the cells, which is not conclusive."""
    return len(column) > 0 and 2 * _possible(column) == len(column)


def _possible(column: Column) -> int:
    return sum(not f.signed and 0 <= f.value <= HUNDRED for f in column.values())


def settle(
    columns: Mapping[int, Column], headings: Sequence[str], errors: frozenset[int]
) -> tuple[dict[int, dict[int, Figure]], list[Misprint]]:
    """Converts all values to percent and detects misprints.

    Args:
        columns: {column: {row: value}} of one table.
        headings: Headings of all columns.
        errors: Columns of error rates, which are converted to accuracies.
    """
    shares = {c for c, column in columns.items() if is_share(column, headings[c], c in errors)}
    settled: dict[int, dict[int, Figure]] = {}
    for c, column in columns.items():
        settled[c] = {
            r: f.times(HUNDRED) if c in shares and not f.percent and f.value <= 1 else f
            for r, f in column.items()
        }
    misprints = list(_misprints(columns, settled, shares))
    for m in misprints:
        if m.mended is None:
            del settled[m.column][m.row]
        else:
            settled[m.column][m.row] = m.mended
    for c in errors & settled.keys():
        settled[c] = {r: f.complement() for r, f in settled[c].items()}
    return settled, misprints


def _misprints(
    columns: Mapping[int, Column], settled: Mapping[int, Column], shares: set[int]
) -> Iterator[Misprint]:
    odd_comma = _odd_comma(columns)
    for c, column in columns.items():
        for r, figure in column.items():
            others = [float(f.value) for row, f in settled[c].items() if row != r]
            beside = [float(settled[k][r].value) for k in settled if k != c and r in settled[k]]
            found = _value(figure, others, beside, c in shares) or _notation(figure, odd_comma, settled[c][r])
            if found:
                severity, why, mended = found
                yield Misprint(r, c, severity, why, mended)


Found = tuple[str, Finding, Figure | None]


def _value(figure: Figure, others: list[float], beside: list[float], share: bool) -> Found | None:
    value = float(figure.value)
    if value < 0:
        return CONTRADICTION, Finding("audit-below-zero"), None
    if value > 100:
        return CONTRADICTION, Finding("audit-above-100"), _with_point(figure, others, beside)
    if not others:
        return None
    if share and value > 1 and not figure.percent:
        return CONTRADICTION, Finding("audit-percent-among-shares"), figure
    typical = statistics.median(others)
    if share or not 0 < value <= 1 or typical < 5:
        return None
    mended = figure.times(HUNDRED)
    if any(0.5 <= b / (100 * value) <= 2 for b in beside):
        return (
            CONTRADICTION,
            Finding("audit-share-among-percents", params={"confirmed": True}),
            mended,
        )
    if beside or not 0.5 * min(others) <= 100 * value <= 2 * max(others):
        return None
    if figure.percent == 0 and figure.half < Decimal("0.005") < 1:
        return CONTRADICTION, Finding("audit-share-among-percents", params={"confirmed": False}), mended
    return SUSPICION, Finding("audit-maybe-share"), None


def _with_point(figure: Figure, others: list[float], beside: list[float]) -> Figure | None:
    for k in (2, 1, 3):
        mended = figure.times(Decimal(1).scaleb(-k))
        near = any(0.8 <= b / float(mended.value) <= 1.25 for b in beside if b > 0)
        if mended.value <= 100 and others and (near or min(others) <= mended.value <= max(others)):
            return mended
    return None


def _notation(figure: Figure, odd_comma: bool | None, read: Figure) -> Found | None:
    if figure.percent > 1:
        return CONTRADICTION, Finding("audit-percent-signs", params={"count": figure.percent}), read
    if odd_comma is not None and _has_point(figure) and figure.comma == odd_comma:
        code = "audit-decimal-comma" if figure.comma else "audit-decimal-point"
        return CONTRADICTION, Finding(code), read
    return None


def _has_point(figure: Figure) -> bool:
    return figure.half < Decimal("0.5")


def _odd_comma(columns: Mapping[int, Column]) -> bool | None:
    """Whether the rarer decimal mark of a table is the comma; None if there is only one, or no rarer one."""
    marks = [f.comma for column in columns.values() for f in column.values() if _has_point(f)]
    commas = sum(marks)
    if 0 < 3 * commas <= len(marks):
        return True
    if 0 < 3 * (len(marks) - commas) <= len(marks):
        return False
    return None
