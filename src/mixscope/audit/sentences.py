"""Checks sentences with values: orders ("A (x) > B (y)") and differences ("+19.9 p (23.8 -> 43.8)")."""

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from mixscope.audit.entries import Entry
from mixscope.audit.findings import CONTRADICTION, AuditFinding
from mixscope.findings import Finding
from mixscope.results.printed_values import PrintedValue, difference, signed
from mixscope.results.table_files import Sentence
from mixscope.results.vocabulary import LOWER_IS_BETTER, SHOWN, plain

_NUMBER = r"\d{1,12}(?:[.,]\d{1,12})?"
_POINTS = (
    r"%\s?p\b|%-?포인트|퍼센트\s?포인트|%-?points?|pp\b|p\.p\.|percentage points?|points?\b|pts?\b|p\b|포인트"
    r"|Prozentpunkte?n?|Punkte?n?\b|个?百分点|ポイント"
)
_INSIDE = re.compile(  # one number in brackets, optionally with a word before and a percent sign after it
    rf"^\s*(?:[^\W\d][^\d()+\-−–]*?[\s:=])?\s*(?P<sign>[+\-−–])?\s*(?P<number>{_NUMBER})\s*(?P<unit>%|{_POINTS})?\s*$"
)
_BRACKETS = re.compile(r"\(([^()]*)\)")
_NEXT = re.compile(r"^\s*(?P<relation>>=|<=|[><≥≤≫≪＞＜])\s*(?P<label>[^()<>≥≤≫≪＞＜;|]{1,80})$")
_BARE = re.compile(rf"(?<![\w.,\-−])(?P<number>{_NUMBER})\s*(?P<unit>%p?|pp)?(?![\w.,]*\d)")
_BETWEEN = re.compile(r"^\s*(>=|<=|[><≥≤≫≪＞＜])\s*$")
_ARROW = r"(?:→|⟶|➔|➜|⇒|=>|-{1,2}>|\bto\b|\bbis\b|\bauf\b|에서|から)"
_UNIT = rf"(?P<unit>{_POINTS}|[%％])?"
_RISE = rf"(?P<before>{_NUMBER})\s*[%％]?\s*{_ARROW}\s*(?P<after>{_NUMBER})\s*[%％]?"
_STATED = (
    re.compile(
        rf"(?P<sign>[+\-−–])?(?<![\d.,×x])(?P<stated>{_NUMBER})\s*{_UNIT}\s*[,:]?\s*"
        rf"\(\s*(?:[^\W\d][^\d()]{{0,30}}?\s)?{_RISE}\s*(?:로|へ|に)?\s*\)"
    ),
    re.compile(
        rf"{_RISE}\s*(?:로|으로|へ|に)?\s*[,:]?\s*\(\s*(?P<sign>[+\-−–])?\s*(?P<stated>{_NUMBER})\s*{_UNIT}\s*\)"
    ),
    re.compile(
        rf"{_RISE}\s*(?:로|으로)?\s*,?\s*(?P<sign>)(?P<stated>{_NUMBER})\s*{_UNIT}\s*(?:상승|향상|증가|개선|하락|감소|높)"
    ),
)


def findings(sentences: Sequence[Sentence], entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    """Stated orders and differences that contradict their own values, or those of the tables."""
    for sentence in sentences:
        yield from _orders(sentence)
        yield from _differences(sentence, entries)


def _lower_is_better(sentence: Sentence) -> bool:
    return any(LOWER_IS_BETTER.search(plain(t)) for t in (sentence.text, *sentence.context))


# --- orders ---


def _orders(sentence: Sentence) -> Iterator[AuditFinding]:
    for start, chain, relations in (*_in_brackets(sentence.text), *_bare(sentence.text)):
        downward = [r[0] in ">≥≫＞" for r in relations]
        if not (all(downward) or not any(downward)):
            continue
        figures = [f for _, f in chain]
        if not downward[0]:
            figures = figures[::-1]
        # ">" states that the earlier value is larger; values equal as printed may differ before rounding
        strict = any(r[0] in "><≫≪＞＜" and not r.endswith("=") for r in relations)
        wrong = [
            (a, b) for a, b in itertools.pairwise(figures) if a.high < b.low or (strict and a.high <= b.low)
        ]
        rising = all(a.low < b.high for a, b in itertools.pairwise(figures))
        if not wrong or (rising and _lower_is_better(sentence)):
            continue
        a, b = wrong[0]
        yield AuditFinding(
            severity=CONTRADICTION,
            rule="order",
            why=Finding("audit-order", params={"larger": str(a), "smaller": str(b)}),
            table=None,
            line=sentence.line_at(start),
            row=_excerpt(relations, chain),
            figures={label.strip() or i + 1: str(f) for i, (label, f) in enumerate(chain)},
        )


Chain = tuple[int, list[tuple[str, PrintedValue]], list[str]]


def _in_brackets(text: str) -> Iterator[Chain]:
    """Chains of the form A (x) > B (y) > C (z)."""
    found = []
    for bracket in _BRACKETS.finditer(text):
        inside = _INSIDE.match(bracket[1])
        if inside:
            found.append((bracket, inside))
    chain: list[tuple[str, PrintedValue]] = []
    relations: list[str] = []
    start = 0
    units: set[bool] = set()
    for i, (bracket, inside) in enumerate(found):
        before = text[found[i - 1][0].end() : bracket.start()] if i else ""
        link = _NEXT.match(before)
        if not link:
            if len(chain) > 1 and len(units) == 1:
                yield start, chain, relations
            label = re.split(r"[.:;,()|\n]|\s{2,}", text[: bracket.start()])[-1].strip()
            chain, relations, units = [], [], set()
            start = bracket.start() - len(label)
        else:
            relations.append(link["relation"])
            label = link["label"].strip()
        units.add((inside["unit"] or "") not in ("", "%"))
        chain.append((label, signed(inside["sign"], inside["number"])))
    if len(chain) > 1 and len(units) == 1:
        yield start, chain, relations


def _bare(text: str) -> Iterator[Chain]:
    """Chains of the form x % > y % > z %."""
    numbers = list(_BARE.finditer(text))
    chain: list[tuple[str, PrintedValue]] = []
    relations: list[str] = []
    start = 0
    for i, number in enumerate(numbers):
        link = _BETWEEN.match(text[numbers[i - 1].end() : number.start()]) if i else None
        if not link or (numbers[i - 1]["unit"] or "") != (number["unit"] or ""):
            if len(chain) > 1:
                yield start, chain, relations
            chain, relations, start = [], [], number.start()
        else:
            relations.append(link[1])
        chain.append(("", signed(None, number["number"])))
    if len(chain) > 1:
        yield start, chain, relations


def _excerpt(relations: Sequence[str], chain: Sequence[tuple[str, PrintedValue]]) -> str:
    parts = [f"{label} ({figure})" if label else str(figure) for label, figure in chain]
    return " ".join(p for pair in zip(parts, [*relations, ""], strict=True) for p in pair if p)


# --- differences ---


def _differences(sentence: Sentence, entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    taken: list[tuple[int, int]] = []
    for pattern in _STATED:
        for found in pattern.finditer(sentence.text):
            if any(a < found.end() and found.start() < b for a, b in taken):
                continue
            taken.append(found.span())
            if not found["sign"] and not found["unit"]:
                continue
            why = _does_not_follow(found, entries, _lower_is_better(sentence))
            if why:
                yield AuditFinding(
                    severity=CONTRADICTION,
                    rule="difference",
                    why=why,
                    table=None,
                    line=sentence.line_at(found.start()),
                    row=" ".join(found[0].split()),
                    figures={
                        "stated": (found["sign"] or "") + found["stated"],
                        "from": found["before"],
                        "to": found["after"],
                    },
                )


def _does_not_follow(found: re.Match[str], entries: Sequence[Entry], lower_is_better: bool) -> Finding | None:
    before, after = signed(None, found["before"]), signed(None, found["after"])
    stated = signed(found["sign"], found["stated"])
    relative = (found["unit"] or "") in ("", "%", "％")
    either_sign = not found["sign"] or lower_is_better
    low, high = difference(after, before)
    if not _agrees(stated, low, high, either_sign) and not (
        relative and _agrees(stated, *_relative(after, before), either_sign)
    ):
        return _not("audit-difference", before, after, stated)
    if relative and not _agrees(stated, low, high, either_sign):
        return None  # a relative change
    pairs = list(_in_tables(before, after, entries))
    if not pairs or any(_agrees(stated, *difference(b, a), either_sign, touching=False) for _, a, b in pairs):
        return None
    metric, a, b = pairs[0]
    exact = b.value - a.value
    cut = stated.value <= exact < stated.value + 2 * stated.half
    return _not("audit-difference-table", a, b, stated, metric=Finding(f"metric-{metric}"), cut=cut)


def _not(code: str, before: PrintedValue, after: PrintedValue, stated: PrintedValue, **more: Any) -> Finding:
    params = {"before": str(before), "after": str(after), "stated": str(stated)}
    return Finding(code, params=params | {"difference": f"{after.value - before.value:+}"} | more)


def _agrees(
    stated: PrintedValue, low: Decimal, high: Decimal, either_sign: bool, touching: bool = True
) -> bool:
    """Whether a difference between low and high may be printed as the stated value."""
    ranges = [(stated.low, stated.high)] + ([(-stated.high, -stated.low)] if either_sign else [])
    if touching:
        return any(a <= high and low <= b for a, b in ranges)
    return any(a < high and low < b for a, b in ranges)


def _relative(after: PrintedValue, before: PrintedValue) -> tuple[Decimal, Decimal]:
    if before.low <= 0:
        return Decimal("-Infinity"), Decimal("Infinity")
    return 100 * (after.low / before.high - 1), 100 * (after.high / before.low - 1)


def _in_tables(
    before: PrintedValue, after: PrintedValue, entries: Sequence[Entry]
) -> Iterator[tuple[str, PrintedValue, PrintedValue]]:
    """Pairs of table values of one metric that a text may mean by two values with no more decimals."""
    for metric in SHOWN:
        figures = [e.figures[metric] for e in entries if metric in e.figures]
        starts = [f for f in figures if f.half <= before.half and before.low <= f.value <= before.high]
        ends = [f for f in figures if f.half <= after.half and after.low <= f.value <= after.high]
        yield from ((metric, a, b) for a in starts for b in ends)
