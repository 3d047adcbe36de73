"""Parses printed numbers, and the range of values that round to them.

A number printed with d decimals represents every value that rounds to it: value +- half a unit of its last
place. Arithmetic on printed numbers is exact (decimal), so that a proof of a contradiction never depends on
floating point.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal

_LATEX = re.compile(r"\\(?:mathbf|textbf|bf|mathrm|text|underline)\b|[{}$]")
_SPREAD = r"(?:(?:±|\+/-|\+-)\s*(?P<spread>\d+(?:[.,]\d+)?)\s*[%％]?)?"
_NUMBER = re.compile(
    r"^[~≈]?\s*(?P<sign>[+\-−–])?\s*(?P<number>\d{1,3}(?:,\d{3})+\.\d+|\d+(?:[.,]\d+)?|[.,]\d+)\s*"
    r"(?P<percent>[%％]*)\s*"
    + _SPREAD
    + r"\s*(?:\(\s*(?P<inside>[^()]*)\)|(?P<arrow>[↑↓▲▼]\s*\d+(?:[.,]\d+)?)\s*%?p?p?)?"
    r"\s*[↑↓▲▼]?\s*$"
)
_GAIN = re.compile(r"^\s*(?P<sign>[+\-−–↑↓▲▼])\s*(?P<number>\d+(?:[.,]\d+)?)\s*(?:%p|%|pp|p|pts?)?\s*$")
LONGEST = 200  # longest cell, in characters, that can be a number
_DROPPED = str.maketrans("", "", "*_`†‡§¹²³⁴⁵⁶⁷⁸⁹⁰\u200b\xa0\ufe0f")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedValue:
    """A printed number.

    Attributes:
        text: As printed.
        value: In the column's unit.
        half: Half a unit of the last printed place.
        percent: Number of percent signs after it.
        comma: Whether it has a decimal comma.
        signed: Whether it has a sign.
        gain: A signed number in brackets after it, as printed.
        spread: The value after +-, in the column's unit.
    """

    text: str
    value: Decimal
    half: Decimal
    percent: int = 0
    comma: bool = False
    signed: bool = False
    gain: "PrintedValue | None" = None
    spread: Decimal | None = None

    @property
    def low(self) -> Decimal:
        """The smallest value that is printed like this."""
        return self.value - self.half

    @property
    def high(self) -> Decimal:
        """The largest value that is printed like this."""
        return self.value + self.half

    def times(self, factor: Decimal) -> "PrintedValue":
        """The same printed text in another unit."""
        gain = self.gain.times(factor) if self.gain else None
        spread = None if self.spread is None else self.spread * factor
        return replace(self, value=self.value * factor, half=self.half * factor, gain=gain, spread=spread)

    def complement(self) -> "PrintedValue":
        """An error rate converted to an accuracy, in percent."""
        return replace(self, value=Decimal(100) - self.value)

    def __str__(self) -> str:
        return self.text


def read(text: str) -> PrintedValue | None:
    """The number printed in a cell, None if there is none.

    Emphasis, footnote marks, a spread (± 0.3), and brackets after it are allowed.

    >>> read("**54.61%**").value, read("54,6 ± 0,2").half, read("79.11 (+6.36)").gain.value, read("n/a")
    (Decimal('54.61'), Decimal('0.05'), Decimal('6.36'), None)
    """
    if len(text) > LONGEST:
        return None
    bare = re.sub(r"_?\{?\\pm\s*([\d.,]+)\}?", r" ± \1", text).replace("\\%", "%")
    bare = unicodedata.normalize("NFKC", _LATEX.sub("", bare).translate(_DROPPED)).strip()
    found = _NUMBER.match(bare)
    if not found:
        return None
    gain = _GAIN.match(found["inside"] or found["arrow"] or "")
    number = found["number"]
    return PrintedValue(
        text=text.strip(),
        value=_decimal(number) * (-1 if found["sign"] in ("-", "−", "–") else 1),
        half=_half(number),
        percent=len(found["percent"]),
        comma="," in number and "." not in number,
        signed=found["sign"] is not None,
        gain=signed(gain["sign"], gain["number"]) if gain else None,
        spread=_decimal(found["spread"]) if found["spread"] else None,
    )


def count(text: str) -> int | None:
    """An integer, possibly with thousands separators; None if the cell has none.

    >>> count("10,000"), count("10 000"), count("3.0"), count("10.5")
    (10000, 10000, 3, None)
    """
    bare = re.sub(r"(?<=\d)[,. '\u202f\xa0](?=\d{3}(?!\d))", "", text.strip()[:LONGEST])
    bare = re.sub(r"\.0+$", "", bare)
    return int(bare) if re.fullmatch(r"[+-]?\d{1,18}", bare) else None


def signed(sign: str | None, number: str) -> PrintedValue:
    """A number from a text: "+", "-" or None, and its digits."""
    negative = sign in ("-", "−", "–", "↓", "▼")
    return PrintedValue(
        text=f"{sign or ''}{number}",
        value=_decimal(number) * (-1 if negative else 1),
        half=_half(number),
        comma="," in number,
        signed=bool(sign),
    )


def difference(later: PrintedValue, earlier: PrintedValue) -> tuple[Decimal, Decimal]:
    """The smallest and largest difference consistent with two printed values."""
    return later.low - earlier.high, later.high - earlier.low


def _decimal(number: str) -> Decimal:
    if "," in number and "." in number:
        return Decimal(number.replace(",", ""))
    return Decimal(number.replace(",", "."))


def _half(number: str) -> Decimal:
    _, _, decimals = number.replace(",", ".").rpartition(".") if re.search(r"[.,]", number) else ("", "", "")
    return Decimal(5).scaleb(-len(decimals) - 1)
