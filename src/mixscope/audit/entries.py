"""Converts a printed table to entries: one trained model each, with its levels and its values in percent.

Columns are recognized by their headings, and by their cells where headings do not suffice. Cells in the wrong
column are reported and, if only one order makes sense, moved, so that one slip gives one finding.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixscope.audit import scales
from mixscope.audit.findings import CONTRADICTION, NOTE, AuditFinding
from mixscope.findings import Finding
from mixscope.results import composite_cells, score_columns
from mixscope.results import vocabulary as words
from mixscope.results.printed_values import PrintedValue
from mixscope.results.printed_values import read as read_figure
from mixscope.results.table_files import Line, Table
from mixscope.results.vocabulary import Heading

FACETS = ("dataset", "model", "augmentation", "pretrained", "epochs", "condition")
_ACCEPTED = {
    "dataset": {"dataset"},
    "model": {"model"},
    "augmentation": {"augmentation"},
    "pretrained": {"mark"},
    "epochs": {"number"},
    "experiment": {"experiment", "number"},
    "metric": {"number"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One trained model in a table.

    Attributes:
        table: Number of the table.
        line: Line of the file.
        label: Description for display.
        experiment: Its name, if it has one.
        facets: Canonical levels of "dataset", "model", "augmentation", "pretrained" ("yes" or "no") and
            "epochs", as far as known; "condition" is what a heading states besides its metric where several
            numbers share a cell ("Corrupted").
        extras: Cells of other columns, by heading.
        figures: Values by metric ("top1", "precision", ... or "score"), in percent; error rates are converted
            to accuracies.
        seed: Cell of a column of seeds; "" without one.
        by_seed: Values of each seed by metric, as fractions, where the entry represents several runs.
    """

    table: int
    line: int
    label: str
    experiment: str | None
    facets: Mapping[str, str]
    extras: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, PrintedValue] = field(default_factory=dict)
    seed: str = ""
    by_seed: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def read(table: Table) -> tuple[list[Entry], list[AuditFinding]]:
    """Reads the entries of a table, and findings on misplaced cells and units."""
    findings = list(_wrong_length(table))
    printed = table.headings
    table = composite_cells.split(table)
    parted = {h: _above(h, printed) for h in table.headings if h not in printed}
    wrong = {f.line for f in findings}
    width = len(table.headings)
    rows = [
        Line(r.number, (r.cells[: 1 if r.number in wrong else width] + ("",) * width)[:width])
        for r in table.rows
        if any(r.cells)
    ]
    table, rows = _second_headings(table, rows)
    headings, found = _headings(table, rows, parted)
    findings += found
    rows, found = _in_order(table, headings, rows)
    findings += found
    figures, found = _figures(table, headings, rows)
    return list(_entries(table, headings, rows, figures)), findings + found


def _wrong_length(table: Table) -> Iterable[AuditFinding]:
    width = len(table.headings)
    for row in table.rows:
        if len(row.cells) != width and len(row.cells) > 1:
            yield AuditFinding(
                severity=CONTRADICTION,
                rule="row-length",
                why=Finding("audit-row-length"),
                table=table.number,
                line=row.number,
                row=row.cells[0] or None,
                figures={"cells": str(len(row.cells)), "headings": str(width)},
            )


# --- columns ---


def _second_headings(table: Table, rows: list[Line]) -> tuple[Table, list[Line]]:
    """Merges a first row of words above columns of values into the headings."""
    if len(rows) < 2:
        return table, rows
    below = [[r.cells[c] for r in rows[1:] if r.cells[c]] for c in range(len(table.headings))]
    figures = [c for c, cells in enumerate(below) if 2 * sum(map(bool, map(read_figure, cells))) > len(cells)]
    first = [rows[0].cells[c] for c in figures if rows[0].cells[c]]
    if not first or any(read_figure(cell) or len(words.plain(cell)) < 2 for cell in first):
        return table, rows
    joined, above = list(table.headings), ""
    for c in figures:
        above = table.headings[c] or above  # a heading over several columns is in the first of them
        joined[c] = f"{above} {rows[0].cells[c]}".strip()
    return replace(table, headings=tuple(joined)), rows[1:]


def _letters(table: Table, found: list[Heading]) -> list[Heading]:
    """Reads P and R beside F1 as precision and recall; a single letter alone has no meaning."""
    plain = [words.plain(h).replace("%", "").strip() for h in table.headings]
    if {"p", "r"} <= set(plain) and any(h.metric == "f1" for h in found):
        short = {"p": "precision", "r": "recall"}
        return [Heading("metric", short[w]) if w in short else h for w, h in zip(plain, found, strict=True)]
    return found


def _headings(
    table: Table, rows: Sequence[Line], parted: Mapping[str, str]
) -> tuple[list[Heading], list[AuditFinding]]:
    """The content of each column.

    By its heading, or by its cells where the heading is unclear or contradicted.

    Args:
        table: The table.
        rows: Its rows.
        parted: {heading: heading of the cells that several numbers shared}.
    """
    found = _letters(table, [words.heading(h) for h in table.headings])
    found = [_conditioned(h, parted.get(text, "")) for h, text in zip(found, table.headings, strict=True)]
    content = [Counter(k for row in rows for k in words.kinds(row.cells[c])) for c in range(len(found))]
    filled = [sum(bool(words.kinds(row.cells[c])) for row in rows) for c in range(len(found))]
    texts = [sum(len(row.cells[c]) > 1 for row in rows) for c in range(len(found))]

    def holds(c: int, kind: str) -> bool:
        return filled[c] > 0 and 2 * sum(content[c][k] for k in _ACCEPTED[kind]) > filled[c]

    def by_content(c: int) -> str:
        """The one unused kind that most cells of a column match, else "other"."""
        taken = {h.kind for k, h in enumerate(found) if k != c}
        kinds = [
            k for k in ("dataset", "model", "augmentation") if k not in taken and 2 * content[c][k] > texts[c]
        ]
        return kinds[0] if len(kinds) == 1 else "other"

    for c, heading in enumerate(found):
        marks = 2 * content[c]["mark"] > filled[c] > 0
        if heading.kind == "metric" and heading.levels and heading.metric == "score" and marks:
            found[c] = replace(heading, kind="indicator")
        elif heading.kind == "metric" and filled[c] and not holds(c, "metric"):
            found[c] = Heading("other")
    scores = {c: h for c, h in enumerate(found) if h.kind == "metric" and h.open}
    directions = score_columns.directions(table, scores)
    for c, known in directions.items():
        if known.error and (found[c].metric == "top1" or known.basis != "caption"):
            found[c] = replace(found[c], metric="top1", error=True)
    findings = list(_exchanged(table, found, holds))
    for c, heading in enumerate(found):
        if heading.kind in FACETS and filled[c] and not holds(c, heading.kind):
            better = by_content(c)
            if better != "other" or content[c]["number"] == filled[c]:
                found[c] = Heading(better, guessed=True)
        elif heading.kind in ("by-content", "other"):
            found[c] = Heading(by_content(c), guessed=True)
            numbered = content[c]["experiment"] == len(rows) > 1
            if found[c].kind == "other" and numbered and all(h.kind != "experiment" for h in found):
                found[c] = Heading("experiment", guessed=True)
    found = _one_each(table, found)
    for c, known in directions.items():
        if found[c].kind == "metric" and found[c].metric == "top1" and known.basis != "caption":
            read_as = Finding("audit-read-errors" if known.error else "audit-read-accuracies")
            why = Finding("audit-direction", params={"read": read_as, "basis": known.basis})
            findings.append(_note(table, rows, c, "direction", why))
    return found, findings


def _note(table: Table, rows: Sequence[Line], c: int, rule: str, why: Finding) -> AuditFinding:
    """A note on how a column is read, with its first value."""
    return AuditFinding(
        severity=NOTE,
        rule=rule,
        why=why,
        table=table.number,
        line=table.line,
        row="headings",
        figures={table.headings[c]: next((row.cells[c] for row in rows if row.cells[c]), "")},
    )


def _above(heading: str, printed: Sequence[str]) -> str:
    return max((h for h in printed if h and heading.startswith(h)), key=len, default="")


def _conditioned(heading: Heading, above: str) -> Heading:
    """Distinguishes a metric that shared its cells with others by the heading of those cells."""
    condition = words.without_metric(above) if heading.kind == "metric" else ""
    return replace(heading, levels=(*heading.levels, ("condition", condition))) if condition else heading


def _exchanged(
    table: Table, found: list[Heading], holds: Callable[[int, str], bool]
) -> Iterable[AuditFinding]:
    """Findings on two headings that are swapped."""
    for a, b in itertools.combinations(range(len(found)), 2):
        one, other = found[a].kind, found[b].kind
        if one == other or one not in FACETS or other not in FACETS:
            continue
        if holds(a, other) and holds(b, one) and not holds(a, one) and not holds(b, other):
            found[a], found[b] = found[b], found[a]
            yield AuditFinding(
                severity=CONTRADICTION,
                rule="shifted-cells",
                why=Finding(
                    "audit-columns-swapped",
                    params={"first": table.headings[a], "second": table.headings[b]},
                ),
                table=table.number,
                line=table.line,
                row="headings",
                figures={
                    table.headings[a]: table.rows[0].cells[a],
                    table.headings[b]: table.rows[0].cells[b],
                },
            )


def _one_each(table: Table, found: Sequence[Heading]) -> list[Heading]:
    """Selects one column per metric (with the same levels): the test split's, else the first."""
    result = list(found)
    named = score_columns.caption(table.context)
    no_score = named is None and any(words.is_no_score(context) for context in table.context[-1:])
    for c, heading in enumerate(result):
        if heading.metric == "score" and heading.kind == "metric" and named:
            result[c] = replace(heading, metric=named[0], error=named[1])
        elif heading.metric == "score" and heading.kind == "metric" and no_score:
            result[c] = Heading("other")
    seen: dict[tuple[str | None, tuple[tuple[str, str], ...]], int] = {}
    for c, heading in enumerate(result):
        if heading.kind == "metric":
            key = (heading.metric, heading.levels)
            if key in seen:
                mine = "test" in table.headings[c].lower() and "test" not in table.headings[seen[key]].lower()
                result[seen[key] if mine else c] = Heading("other")
            seen[key] = c if key not in seen or result[c].kind == "metric" else seen[key]
        elif heading.kind in FACETS and any(h.kind == heading.kind for h in result[:c]):
            result[c] = Heading("other")
    return result


# --- rows ---


def _in_order(
    table: Table, headings: Sequence[Heading], rows: Sequence[Line]
) -> tuple[list[Line], list[AuditFinding]]:
    """Rows with every cell in its column, and findings on misplaced cells."""
    judged = [  # columns recognized by their cells are not checked
        c
        for c, h in enumerate(headings)
        if h.kind in _ACCEPTED
        and not h.guessed
        and 2 * sum(_fits(r.cells[c], h.kind) for r in rows)
        > sum(bool(words.kinds(r.cells[c])) for r in rows)
    ]
    result, findings = [], []
    for row in rows:
        wrong = [
            c
            for c in judged
            if words.kinds(row.cells[c]) - {"experiment"} and not _fits(row.cells[c], headings[c].kind)
        ]
        order = _reorder(row, wrong, judged, headings)
        if not order and len(wrong) == 1 and headings[wrong[0]].kind == "augmentation":
            if words.mark(row.cells[wrong[0]]) is False:  # "✗" means none
                cells = list(row.cells)
                cells[wrong[0]] = "none"
                row, wrong = Line(row.number, tuple(cells)), []
        if wrong:
            places = sorted(set(wrong) | {c for c, k in (order or {}).items() if c != k})
            numbers = any("number" in words.kinds(row.cells[c]) for c in wrong)
            slipped = not order and (len(wrong) > 1 or numbers)
            outcome = "reordered" if order else "row" if slipped else "cell" if len(places) == 1 else "cells"
            shown: dict[Any, str] = {table.headings[c]: row.cells[c] for c in places}
            under = [Finding("audit-cell-under", params={"value": v, "heading": k}) for k, v in shown.items()]
            findings.append(
                AuditFinding(
                    severity=CONTRADICTION,
                    rule="shifted-cells",
                    why=Finding("audit-shifted-cells", params={"cells": under, "outcome": outcome}),
                    table=table.number,
                    line=row.number,
                    row=_label(row, headings, drop=set(wrong)),
                    figures=shown,
                )
            )
            cells = list(row.cells)
            for c in places:
                cells[c] = row.cells[order[c]] if order else ""
            if slipped:  # its name is still visible
                cells = [v if headings[c].kind == "experiment" else "" for c, v in enumerate(cells)]
            row = Line(row.number, tuple(cells))
        result.append(row)
    return result, findings


def _fits(cell: str, kind: str) -> bool:
    return bool(words.kinds(cell) & _ACCEPTED[kind])


def _reorder(
    row: Line, wrong: Sequence[int], judged: Sequence[int], headings: Sequence[Heading]
) -> dict[int, int] | None:
    """{column: the column of its cell}, where the wrong cells only need to be permuted."""
    if not 1 <= len(wrong) <= 5:
        return None
    places = [tuple(wrong)] if len(wrong) > 1 else [(wrong[0], c) for c in judged if c != wrong[0]]
    for among in places:
        for order in itertools.permutations(among):
            moved = dict(zip(among, order, strict=True))
            if any(c != k for c, k in moved.items()) and all(
                _fits(row.cells[k], headings[c].kind) for c, k in moved.items()
            ):
                return moved
    return None


def _label(row: Line, headings: Sequence[Heading], drop: Iterable[int] = ()) -> str:
    for c, h in enumerate(headings):
        if h.kind == "experiment" and row.cells[c]:
            return row.cells[c]
    parts = [row.cells[c] for c, h in enumerate(headings) if h.kind in FACETS[:3] and c not in set(drop)]
    shown = " ".join(p for p in parts if p and words.mark(p) is None)
    start = [words.pretrained(row.cells[c]) for c, h in enumerate(headings) if h.kind == "pretrained"]
    if shown and start and start[0] is not None:
        shown += " pretrained" if start[0] else " from scratch"
    return shown or next((c for c in row.cells if c), f"line {row.number}")


# --- figures ---


def _figures(
    table: Table, headings: Sequence[Heading], rows: Sequence[Line]
) -> tuple[dict[int, dict[int, PrintedValue]], list[AuditFinding]]:
    """{column: {row: value in percent}}, and findings on misprints."""
    read = {}
    for c, heading in enumerate(headings):
        if heading.kind == "metric":
            read[c] = {r: f for r, row in enumerate(rows) if (f := read_figure(row.cells[c]))}
    columns = {c: column for c, column in read.items() if scales.is_percentage(column)}
    most = 2 * len(columns) > len(read)
    for c, column in read.items():
        # With a misprint in a column of two there is no majority: its heading or other columns decide.
        if scales.may_be_percentage(column) and (most or scales.says_percent(table.headings[c])):
            columns[c] = column
    columns = dict(sorted(columns.items()))
    errors = frozenset(c for c in columns if headings[c].error)
    tests = {c: _test_set(headings[c]) for c in columns}
    alike = {c: {k for k in columns if k != c and tests[k] == tests[c]} for c in columns}
    settled, misprints = scales.settle(columns, table.headings, errors, alike)
    cells: dict[tuple[int, str, Finding], dict[Any, str]] = {}
    for m in misprints:  # a row in another unit is one slip
        why = (m.row, m.severity, m.why)
        cells.setdefault(why, {})[table.headings[m.column]] = rows[m.row].cells[m.column]
    findings = [
        AuditFinding(
            severity=severity,
            rule="percent-typo",
            why=why,
            table=table.number,
            line=rows[row].number,
            row=_label(rows[row], headings),
            figures=figures,
        )
        for (row, severity, why), figures in cells.items()
    ]
    for c in errors:
        if scales.is_share(columns[c], table.headings[c], True):
            findings.append(_note(table, rows, c, "unit", Finding("audit-error-unit")))
    return settled, findings


def _test_set(heading: Heading) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """What columns have in common whose values in one row are of about the same size."""
    return heading.error, tuple(level for level in heading.levels if level[0] in ("dataset", "condition"))


def _entries(
    table: Table,
    headings: Sequence[Heading],
    rows: Sequence[Line],
    figures: Mapping[int, Mapping[int, PrintedValue]],
) -> Iterable[Entry]:
    below = {k: v for k, v in words.levels_in(table.after) if k == "dataset"}
    given = below | _of_context(table.context)
    bare = _bare_models_are_baselines(headings, rows)
    above: dict[str, str] = {}  # empty cells repeat the cell above
    section: dict[str, str] = {}
    for r, row in enumerate(rows):
        filled = [c for c in row.cells if c]
        if len(filled) == 1 and len(row.cells) > 2 and not words.numbering(filled[0]):
            section = dict(words.levels_in(filled[0]))
            continue
        facets = {**given, **section, **_facets(row, headings, above)}
        if bare and "augmentation" not in facets and not any("+" in row.cells[c] for c in bare):
            facets["augmentation"] = "default"
        above |= {k: facets[k] for k in ("dataset", "model") if k in facets}
        name = next(
            (row.cells[c] for c, h in enumerate(headings) if h.kind == "experiment" and row.cells[c]), None
        )
        extras = {
            table.headings[c]: row.cells[c] for c, h in enumerate(headings) if h.kind in ("other", "seed")
        }
        by_levels: dict[tuple[tuple[str, str], ...], dict[str, PrintedValue]] = {}
        for c, heading in enumerate(headings):
            if c in figures and r in figures[c] and heading.metric:
                by_levels.setdefault(heading.levels, {})[heading.metric] = figures[c][r]
        for levels, metrics in by_levels.items() or [((), {})]:
            label = _label(row, headings)
            yield Entry(
                table=table.number,
                line=row.number,
                label=" ".join([label, *(v for _, v in levels)]),
                experiment=name,
                facets={**facets, **dict(levels)},
                extras=extras,
                figures=metrics,
                seed=next((row.cells[c] for c, h in enumerate(headings) if h.kind == "seed"), ""),
            )


def _bare_models_are_baselines(headings: Sequence[Heading], rows: Sequence[Line]) -> list[int]:
    """Model columns in which some names contain an augmentation ("ResNet + Cutout"), if no column does."""
    if any(h.kind in ("augmentation", "indicator") or dict(h.levels).get("augmentation") for h in headings):
        return []
    models = [c for c, h in enumerate(headings) if h.kind == "model"]
    return [c for c in models if any("augmentation" in _model(row.cells[c]) for row in rows)]


def _of_context(context: Sequence[str]) -> dict[str, str]:
    """Levels stated by the headings above a table for all its rows; the nearest heading wins."""
    facets: dict[str, str] = {}
    for text in context:
        facets |= {
            k: v for k, v in words.levels_in(text) if k in ("dataset", "model", "pretrained", "epochs")
        }
    return facets


def _facets(row: Line, headings: Sequence[Heading], above: Mapping[str, str]) -> dict[str, str]:
    facets: dict[str, str] = {}
    mixes = []
    ticked = False
    for c, heading in enumerate(headings):
        cell = row.cells[c]
        if heading.kind == "indicator":
            ticked = True
            level = dict(heading.levels).get("augmentation")
            if words.mark(cell) and level:
                mixes.append(level)
        elif heading.kind in ("dataset", "model") and not cell:
            if heading.kind in above:
                facets[heading.kind] = above[heading.kind]
        elif heading.kind == "dataset":
            facets["dataset"] = words.dataset(cell) or words.plain(cell)
        elif heading.kind == "model":
            facets |= _model(cell)
        elif heading.kind == "epochs":
            facets |= {"epochs": words.plain(cell)} if cell else {}
        elif heading.kind == "augmentation":
            facets["augmentation"] = words.augmentation(cell) or words.plain(cell) or "default"
        elif heading.kind == "pretrained":
            known = words.pretrained(cell)
            if known is not None:
                facets["pretrained"] = "yes" if known else "no"
        elif heading.kind in ("experiment", "other") and not words.numbering(cell):
            named = dict(words.levels_in(cell)) if heading.kind == "experiment" else {}
            facets = {**{k: v for k, v in named.items() if k in ("model", "augmentation")}, **facets}
    if ticked:
        facets["augmentation"] = "+".join(sorted(mixes)) or "default"
    return facets


def _model(cell: str) -> dict[str, str]:
    found = {"model": words.model(cell) or words.plain(cell)}
    mix = dict(words.levels_in(cell)).get("augmentation")
    return {**found, "augmentation": mix} if mix else found
