"""Consistency rules for the values of a table.

A contradiction is reported only if no values that round to the printed ones are consistent. A value that one
rule has refuted is not used as evidence by the next: either reading is accepted there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from mixscope.audit import f1_bounds
from mixscope.audit.entries import FACETS, Entry
from mixscope.audit.findings import CONTRADICTION, NOTE, SUSPICION, AuditFinding
from mixscope.claims import bands
from mixscope.findings import Finding
from mixscope.results import vocabulary as words
from mixscope.results.printed_values import PrintedValue, difference
from mixscope.results.vocabulary import SHOWN

# Precision minus recall; exceeded in every cell known to be invalid in a published table.
GAP_POINTS = Decimal("2.5")
_TINY = 1e-9


def is_balanced(entry: Entry, balanced: bool) -> bool:
    """Whether the test set has equally many examples of each class: stated by the user, or known."""
    return balanced or entry.facets.get("dataset") in words.KNOWN_DATA


def of_entry(entry: Entry, balanced: bool, test_size: int | None) -> Iterator[AuditFinding]:
    """Findings from one entry's own values; test_size None takes the known size of the data set."""
    even = is_balanced(entry, balanced)
    figures = entry.figures
    apart = _apart(figures.get("top1"), figures.get("recall"), test_size or words.test_size(entry.facets))
    apart = apart if even else None
    hits = [figures[m] for m in ("top1", "recall") if m in figures]
    if apart:
        yield _recall(entry, apart == "clearly")
    yield from _top5(entry, hits if apart == "clearly" else hits[:1] if "top1" in figures else [])
    if {"precision", "recall"} <= figures.keys():
        recalls = hits if apart == "clearly" else [figures["recall"]]
        refuted = even and all(
            _share(figures["precision"].high) < f1_bounds.precision_least(_share(r.low)) - _TINY
            for r in recalls
        )
        if refuted:
            yield _precision(entry)
        else:
            broken = list(_f1(entry, recalls, even))
            yield from broken
            if even and not broken:
                yield from _gap(entry, recalls)
    yield from _band(entry)


def _apart(a: PrintedValue | None, b: PrintedValue | None, test_size: int = 1) -> str | None:
    """Whether two printed values differ.

    Returns:
        "clearly" if they cannot be one value; "barely" if rounding a tie up and down would explain the
        difference, but no tie is a number of hits on this many test examples; else None.
    """
    if a is None or b is None:
        return None
    distance = max(a.low, b.low) - min(a.high, b.high)
    if distance == 0:
        hits = min(a.high, b.high) * test_size / 100
        return "barely" if hits != hits.to_integral_value() else None
    return "clearly" if distance > 0 else None


def _recall(entry: Entry, proven: bool) -> AuditFinding:
    figures = entry.figures
    swapped = _apart(figures["top1"], figures.get("precision")) is None and "precision" in figures
    why = Finding("audit-recall-is-top1", params={"swapped": swapped})
    if not proven:
        why = Finding("audit-recall-one-unit")
    return _finding(entry, CONTRADICTION if proven else SUSPICION, "recall-is-top1", why, "top1", "recall")


def _top5(entry: Entry, hits: Sequence[PrintedValue]) -> Iterator[AuditFinding]:
    top5 = entry.figures.get("top5")
    if top5 is not None and hits and all(top5.high <= f.low for f in hits):
        why = Finding("audit-top5-below-top1")
        yield _finding(entry, CONTRADICTION, "top5-below-top1", why, "top1", "top5")


def _precision(entry: Entry) -> AuditFinding:
    recall = float(entry.figures["recall"].low)
    why = Finding("audit-precision-bound", params={"least": 100 * f1_bounds.precision_least(recall / 100)})
    return _finding(entry, CONTRADICTION, "precision-bound", why, "recall", "precision")


def _f1(entry: Entry, recalls: Sequence[PrintedValue], even: bool) -> Iterator[AuditFinding]:
    f1, precision = entry.figures.get("f1"), entry.figures["precision"]
    if f1 is None:
        return
    most = max(f1_bounds.f1_most(_share(precision.high), _share(r.high)) for r in recalls)
    least = min(f1_bounds.f1_least(_share(precision.low), _share(r.low), balanced=even) for r in recalls)
    if _share(f1.low) > most + _TINY or _share(f1.high) < least - _TINY:
        why = Finding("audit-f1-bound", params={"least": 100 * least, "most": 100 * most})
        yield _finding(entry, CONTRADICTION, "f1-bound", why, "precision", "recall", "f1")


def _gap(entry: Entry, recalls: Sequence[PrintedValue]) -> Iterator[AuditFinding]:
    gap = min(entry.figures["precision"].value - r.value for r in recalls)
    if gap >= GAP_POINTS:
        why = Finding("audit-precision-recall-gap", params={"gap_pp": float(gap)})
        yield _finding(entry, SUSPICION, "precision-recall-gap", why, "precision", "recall")


def _band(entry: Entry) -> Iterator[AuditFinding]:
    top1, facets = entry.figures.get("top1"), entry.facets
    family = words.family(facets.get("model", ""))
    mixing = {"default": "none"}.get(facets.get("augmentation", ""), facets.get("augmentation"))
    if top1 is None or family is None:
        return
    known = bands.of(data=facets.get("dataset", ""), family=family, mixing=mixing)
    if not known or any(b.low is not None and b.holds(float(top1.value)) for b in known):
        return
    above = top1.low > max(Decimal(str(b.high)) for b in known)
    below = top1.high < min(Decimal(str(b.low or 0)) for b in known)
    pretrained = facets.get("pretrained")
    params = {"bands": [b.finding() for b in known]}
    if above and pretrained == "no":
        yield _finding(entry, SUSPICION, "band", Finding("audit-band-above", params=params), "top1")
    elif below and pretrained == "yes":
        why = Finding("audit-band-below-pretrained", params=params)
        yield _finding(entry, SUSPICION, "band", why, "top1")
    elif below:
        yield _finding(entry, SUSPICION, "band", Finding("audit-band-below", params=params), "top1")
    elif pretrained == "no" and not above and all(b.low is None or float(top1.value) < b.low for b in known):
        yield _finding(entry, NOTE, "band", Finding("audit-band-weak", params=params), "top1")


# --- tables against each other ---


def exchanged_headings(entries: Sequence[Entry]) -> tuple[list[Entry], list[AuditFinding]]:
    """Detects swapped headings: every row of a table has top-5 below top-1.

    Returns:
        The corrected entries, and one finding per table.
    """
    tables = defaultdict(list)
    for entry in entries:
        if {"top1", "top5"} <= entry.figures.keys():
            tables[entry.table].append(entry)
    wrong = {
        t: rows
        for t, rows in tables.items()
        if len(rows) > 1 and all(e.figures["top5"].high <= e.figures["top1"].low for e in rows)
    }
    findings = [
        _finding(
            rows[0],
            CONTRADICTION,
            "top5-below-top1",
            Finding("audit-top5-headings"),
            "top1",
            "top5",
        )
        for rows in wrong.values()
    ]
    corrected = [
        replace(e, figures={**e.figures, "top1": e.figures["top5"], "top5": e.figures["top1"]})
        if e.table in wrong and {"top1", "top5"} <= e.figures.keys()
        else e
        for e in entries
    ]
    return corrected, findings


def printed_twice(entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    """Finds cells printed with different values, in two tables of a document or twice in one.

    Cells are identified by their experiment's name, or else by every facet and every other column. If at
    least half of the common cells of two tables differ, the tables report different things (another epoch or
    split), and there is no finding.
    """
    first: dict[Any, Entry] = {}
    pairs: dict[tuple[int, int], list[tuple[Entry, Entry, str]]] = defaultdict(list)
    for entry in entries:
        key = _identity(entry)
        if key is None:
            continue
        earlier = first.setdefault(key, entry)
        if earlier is entry or (earlier.experiment and not _compatible(earlier, entry)):
            continue
        for metric in earlier.figures.keys() & entry.figures.keys():
            pairs[earlier.table, entry.table].append((earlier, entry, metric))
    for (one, other), shared in pairs.items():
        different = [p for p in shared if _apart(p[0].figures[p[2]], p[1].figures[p[2]]) == "clearly"]
        if one == other:
            continue  # reported by `numbering`
        if len(shared) >= 3 and 2 * len(different) >= len(shared):
            continue
        for a, b, metric in different:
            params = {"table": one, "line": a.line, "value": str(a.figures[metric])}
            params |= {"other_table": other, "other_line": b.line, "other_value": str(b.figures[metric])}
            why = Finding("audit-printed-twice", params=params)
            severity = CONTRADICTION if a.experiment or len(shared) >= 3 else SUSPICION
            figures = {f"table {one}": str(a.figures[metric]), f"table {other}": str(b.figures[metric])}
            yield _finding(b, severity, "printed-twice", why, shown={SHOWN[metric]: "", **figures})


def _identity(entry: Entry) -> Any:
    if entry.experiment and words.numbering(entry.experiment):
        levels = entry.label.removeprefix(entry.experiment)
        return ("name", words.numbering(entry.experiment), levels)
    facets = entry.facets
    if "model" not in facets or "augmentation" not in facets:
        return None
    extras = tuple(sorted((words.plain(k), words.plain(v)) for k, v in entry.extras.items()))
    return ("facets", tuple(facets.get(f) for f in FACETS), extras)


def _compatible(a: Entry, b: Entry) -> bool:
    """Whether two entries of one name may be the same model."""
    same = all(a.facets[f] == b.facets[f] for f in FACETS if f in a.facets and f in b.facets)
    common = {words.plain(k): v for k, v in a.extras.items()}
    other = {words.plain(k): v for k, v in b.extras.items()}
    return same and all(words.plain(common[k]) == words.plain(other[k]) for k in common.keys() & other.keys())


def stated_gains(entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    """Finds differences in brackets, "78.52 (+2.10)", that lead to no other value of the table."""
    for entry in entries:
        for metric, figure in entry.figures.items():
            gain = figure.gain
            others = [
                e.figures[metric]
                for e in entries
                if e.table == entry.table and metric in e.figures and e is not entry
            ]
            if gain is None or not others:
                continue
            spans = [difference(figure, o) for o in others]
            if not any(
                (gain.low <= b and a <= gain.high) or (-gain.high <= b and a <= -gain.low) for a, b in spans
            ):
                params = {"metric": Finding(f"metric-{metric}"), "gain": str(gain)}
                why = Finding("audit-no-difference", params=params)
                yield _finding(entry, SUSPICION, "difference", why, metric)


def numbering(entries: Sequence[Entry]) -> Iterator[AuditFinding]:
    """Finds gaps and duplicates in the numbering of experiments; names shared by many rows are ignored."""
    seen: dict[str, dict[int, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        found = words.numbering(entry.experiment) if entry.experiment else None
        if found:
            seen[found[0]][found[1]].append(entry)
    for numbers in seen.values():
        yield from _gaps(numbers)
        yield from _doubles(numbers)


def _gaps(numbers: Mapping[int, Sequence[Entry]]) -> Iterator[AuditFinding]:
    missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
    if not missing or len(numbers) < 3 or 3 * len(missing) > len(numbers):
        return
    for number in missing:
        after = numbers[min(n for n in numbers if n > number)][0]
        prefix = re.sub(r"\d+\s*$", "", after.experiment or "")
        why = Finding("audit-number-missing", params={"name": f"{prefix}{number}"})
        yield _finding(after, SUSPICION, "numbering", why, shown={"missing": f"{prefix}{number}"})


def _doubles(numbers: Mapping[int, Sequence[Entry]]) -> Iterator[AuditFinding]:
    doubled = []
    for rows in numbers.values():
        a = rows[0]
        for b in rows[1:]:
            if a.line == b.line and a.table == b.table:
                continue
            inside = a.table == b.table and not _differs(a, b)
            if inside or not all(
                a.facets[f] == b.facets[f] for f in FACETS if f in a.facets and f in b.facets
            ):
                doubled.append((a, b))
    if len(numbers) < 3 or 3 * len({id(a) for a, _ in doubled}) > len(numbers):
        return
    for a, b in doubled:
        params: dict[str, Any] = {"name": b.experiment, "line": a.line}
        why = Finding("audit-number-repeated", params=params)
        if _described(a) != _described(b):
            params |= {"first": _described(a), "second": _described(b)}
            why = Finding("audit-number-twice", params=params)
        yield _finding(b, CONTRADICTION, "numbering", why, shown={"twice": str(b.experiment)})


def _differs(a: Entry, b: Entry) -> bool:
    """Whether a column other than the facets (a seed, an epoch) distinguishes two rows."""
    return any(a.extras[k] != b.extras.get(k) and not _is_result(a.extras[k]) for k in a.extras)


def _is_result(cell: str) -> bool:
    return bool(re.search(r"\d\.\d", cell))


def _described(entry: Entry) -> list[str | Finding]:
    shown: list[str | Finding] = [entry.facets[f] for f in FACETS[:3] if f in entry.facets]
    code = {"yes": "audit-pretrained", "no": "audit-scratch"}.get(entry.facets.get("pretrained", ""))
    shown += [Finding(code)] if code else []
    return shown or [Finding("audit-another-row")]


def _share(percent: Decimal) -> float:
    return min(1.0, max(0.0, float(percent) / 100))


def _finding(
    entry: Entry,
    severity: str,
    rule: str,
    why: Finding,
    *metrics: str,
    shown: Mapping[str, str] | None = None,
) -> AuditFinding:
    figures = {SHOWN[m]: str(entry.figures[m]) for m in metrics} if shown is None else shown
    return AuditFinding(
        severity=severity,
        rule=rule,
        why=why,
        table=entry.table,
        line=entry.line,
        row=entry.label,
        figures={k: v for k, v in figures.items() if v},
    )


def of_entries(
    entries: Iterable[Entry], balanced: bool, test_size: int | None
) -> tuple[list[Entry], list[AuditFinding]]:
    """Applies all rules to all tables of a document.

    Returns:
        The entries, with swapped headings corrected, and the findings.
    """
    corrected, findings = exchanged_headings(list(entries))
    for entry in corrected:
        findings += of_entry(entry, balanced, test_size)
    findings += printed_twice(corrected)
    findings += stated_gains(corrected)
    findings += numbering(corrected)
    return corrected, findings
