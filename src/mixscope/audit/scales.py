"""Converts values to percent, and detects and corrects those printed in another unit by mistake.

A column is read in the unit of its majority: fractions in 0 to 1, or percent; where its heading says percent,
or errors stand in it, fractions need nine values in ten. A value that does not fit is a misprint if no other
reading is possible or another value of its row confirms it, otherwise a suspicion: a broken run may well have
0.5 %. Evidence are only values whose own unit is certain, not those that are impossible or may be fractions.
"""

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from mixscope.audit.findings import CONTRADICTION, SUSPICION
from mixscope.findings import Finding
from mixscope.results.printed_values import PrintedValue

HUNDRED = Decimal(100)
Column = Mapping[int, PrintedValue]  # row -> printed value


@dataclass(frozen=True, slots=True)
class Misprint:
    """A misprinted cell.

    Attributes:
        row: Its row.
        column: Its column.
        severity: "contradiction" or "suspicion".
        why: The observation.
        corrected: The corrected value in percent; None if it is ambiguous.
    """

    row: int
    column: int
    severity: str
    why: Finding
    corrected: PrintedValue | None


def is_share(column: Column, heading: str, error: bool) -> bool:
    """Whether a column is printed as fractions of 1, not in percent.

    Small percentages are common for errors, where the heading may say so, but not for accuracies.
    """
    percent = says_percent(heading)
    if not column or (error and percent):
        return False
    small = [f for f in column.values() if not f.percent and 0 <= f.value <= 1]
    needed = Fraction(9, 10) if error or percent else Fraction(2, 3)
    return len(small) >= needed * len(column)


def says_percent(heading: str) -> bool:
    """Whether a heading has a percent sign."""
    return re.search("[%％]", heading) is not None


def is_percentage(column: Column) -> bool:
    """Whether a column can be percentages or fractions: mostly unsigned, and mostly up to 100."""
    return 2 * _possible(column) > len(column)


def may_be_percentage(column: Column) -> bool:
    """As `is_percentage` for half of the cells, which is not conclusive."""
    return len(column) > 0 and 2 * _possible(column) == len(column)


def _possible(column: Column) -> int:
    return sum(not f.signed and 0 <= f.value <= HUNDRED for f in column.values())


def settle(
    columns: Mapping[int, Column],
    headings: Sequence[str],
    errors: frozenset[int],
    alike: Mapping[int, Set[int]],
) -> tuple[dict[int, dict[int, PrintedValue]], list[Misprint]]:
    """Converts all values to percent and detects misprints.

    Args:
        columns: {column: {row: value}} of one table.
        headings: Headings of all columns.
        errors: Columns of error rates, which are converted to accuracies.
        alike: For each column, those whose values in one row are of about its size: metrics of the same test
            set.
    """
    shares = {c for c, column in columns.items() if is_share(column, headings[c], c in errors)}
    settled: dict[int, dict[int, PrintedValue]] = {}
    for c, column in columns.items():
        settled[c] = {
            r: f.times(HUNDRED) if c in shares and not f.percent and f.value <= 1 else f
            for r, f in column.items()
        }
    misprints = list(_misprints(columns, settled, shares, errors, alike))
    for m in misprints:
        if m.corrected is None:
            del settled[m.column][m.row]
        else:
            settled[m.column][m.row] = m.corrected
    for c in errors & settled.keys():
        settled[c] = {r: f.complement() for r, f in settled[c].items()}
    return settled, misprints


def _misprints(
    columns: Mapping[int, Column],
    settled: Mapping[int, Column],
    shares: set[int],
    errors: frozenset[int],
    alike: Mapping[int, Set[int]],
) -> Iterator[Misprint]:
    odd_comma = _odd_comma(columns)
    # In percent, by column and row; a value of 1 or less in a column of percentages may be a fraction itself.
    certain = {
        c: {r: float(f.value) for r, f in column.items() if (0 if c in shares else 1) < f.value <= HUNDRED}
        for c, column in settled.items()
    }
    for c, column in columns.items():
        for r, figure in column.items():
            others = [value for row, value in certain[c].items() if row != r]
            beside = [certain[k][r] for k in alike[c] if r in certain.get(k, {})]
            found = _value(figure, others, beside, c in shares, c in errors)
            found = found or _notation(figure, odd_comma, settled[c][r])
            if found:
                severity, why, corrected = found
                yield Misprint(r, c, severity, why, corrected)


Found = tuple[str, Finding, PrintedValue | None]


def _value(
    figure: PrintedValue, others: list[float], beside: list[float], share: bool, error: bool
) -> Found | None:
    value = float(figure.value)
    if value < 0:
        return CONTRADICTION, Finding("audit-below-zero"), None
    if value > 100:
        return CONTRADICTION, Finding("audit-above-100"), _with_point(figure, others, beside)
    if share:
        if value <= 1 or figure.percent or not others:
            return None
        return CONTRADICTION, Finding("audit-percent-among-shares"), figure
    if not 0 < value <= 1:
        return None
    if others:
        typical = min(others) if error else statistics.median(others)
    else:
        typical = 0 if error or figure.percent else 100
    # Macro precision is at least macro recall squared, and at chance top-5 is five times top-1.
    plain = any(0.5 * value <= b <= 10 * math.sqrt(value) for b in beside)
    confirmed = any(0.5 <= b / (100 * value) <= 2 for b in beside)
    if typical < 5 or (plain and not confirmed):
        return None
    if confirmed and not plain:
        params = {"confirmed": True}
        return CONTRADICTION, Finding("audit-share-among-percents", params=params), figure.times(HUNDRED)
    if others and not 0.5 * min(others) <= 100 * value <= 2 * max(others):
        return None
    if others and not beside and not figure.percent and figure.half < Decimal("0.005"):
        params = {"confirmed": False}
        return CONTRADICTION, Finding("audit-share-among-percents", params=params), figure.times(HUNDRED)
    return SUSPICION, Finding("audit-maybe-share"), None


def _with_point(figure: PrintedValue, others: list[float], beside: list[float]) -> PrintedValue | None:
    """The value with a decimal point where only one place is possible: by its row, or else its column."""
    possible = [m for k in (1, 2, 3) if (m := figure.times(Decimal(1).scaleb(-k))).value <= HUNDRED]
    by_row = [m for m in possible if any(0.8 <= b / float(m.value) <= 1.25 for b in beside)]
    by_column = [m for m in possible if others and min(others) <= m.value <= max(others)]
    corrected = by_row or by_column
    return corrected[0] if len(corrected) == 1 else None


def _notation(figure: PrintedValue, odd_comma: bool | None, read: PrintedValue) -> Found | None:
    if figure.percent > 1:
        return CONTRADICTION, Finding("audit-percent-signs", params={"count": figure.percent}), read
    if odd_comma is not None and _has_point(figure) and figure.comma == odd_comma:
        code = "audit-decimal-comma" if figure.comma else "audit-decimal-point"
        return CONTRADICTION, Finding(code), read
    return None


def _has_point(figure: PrintedValue) -> bool:
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
