"""Converts tables as printed in documents to long tables with one accuracy per row.

Numbers that share a cell are split (`composite_cells`), merged cells are filled, "ResNet-50 + CutMix" becomes
a model and an augmentation, and accuracies of several models in columns become rows.
"""

import itertools
import re

from mixscope.results import columns, composite_cells, score_columns, vocabulary
from mixscope.results.table_files import Line, Table

_WITH = re.compile(r"^(?P<model>.+?)\s*(?:\+|\bw/|\bwith\b|\()\s*(?P<augmentation>[^()]+?)\)?$")

_SPLITS = re.compile(
    r"\b(train(ing)?|test|eval(uation)?|val(id|idation)?|dev|final|last|best|max|mean|ema)\b", re.IGNORECASE
)


def long(table: Table, *, merged: bool = False) -> Table:
    """Converts a table with several columns of accuracies to one accuracy per row.

    Args:
        table: The table as read.
        merged: Whether an empty cell means "as above", as in documents.
    """
    table = composite_cells.split(table)
    return _stacked(_models_apart(_filled_down(table) if merged else table))


def _filled_down(table: Table) -> Table:
    """Fills empty cells of text columns from above, as for merged cells of documents."""
    above: list[str] = [""] * len(table.headings)
    rows = []
    for row in table.rows:
        cells = list(row.cells)
        for c, value in enumerate(cells[: len(above)]):
            kind = vocabulary.heading(table.headings[c]).kind
            if not value and kind in ("model", "dataset"):
                cells[c] = above[c]
            above[c] = cells[c]
        rows.append(Line(row.number, tuple(cells)))
    return Table(table.number, table.line, table.headings, tuple(rows), table.context)


def _models_apart(table: Table) -> Table:
    """Moves an augmentation after the network, "ResNet-50 + CutMix", to a separate column."""
    kinds = [vocabulary.heading(h).kind for h in table.headings]
    if "augmentation" in kinds:
        return table
    for c, kind in enumerate(kinds):
        cells = [_cell(row, c) for row in table.rows]
        if kind not in ("model", "by-content") or not any(vocabulary.model(cell) for cell in cells):
            continue
        parts = [_model_and_augmentation(cell) for cell in cells]
        if not any(augmentation for _, augmentation in parts):
            continue
        rows = [
            Line(row.number, (*row.cells[:c], model, augmentation or "none", *row.cells[c + 1 :]))
            for row, (model, augmentation) in zip(table.rows, parts, strict=True)
        ]
        headings = (*table.headings[: c + 1], "augmentation", *table.headings[c + 1 :])
        return Table(table.number, table.line, headings, tuple(rows), table.context)
    return table


def _model_and_augmentation(cell: str) -> tuple[str, str]:
    found = _WITH.match(cell)
    if found and vocabulary.augmentation(found["augmentation"]):
        return found["model"], found["augmentation"]
    return cell, ""


def _stacked(table: Table) -> Table:
    """Converts columns of accuracies of several models, augmentations or data sets to rows.

    "ResNet-18 Top-1" and "ViT Top-1" become a column of accuracies and a factor with these two levels.
    """
    parsed = {c: vocabulary.heading(h) for c, h in enumerate(table.headings)}
    wide = [
        c
        for c, h in parsed.items()
        if h.kind == "metric"
        and h.metric in ("top1", "score")
        and columns.numeric([_cell(row, c) for row in table.rows])
    ]
    rests = {c: vocabulary.without_metric(table.headings[c]) for c in wide}
    if not all(_SPLITS.sub("", rest).strip() for rest in rests.values()):
        return table  # accuracies of several splits or epochs
    if len(wide) < 2 or not all(rests.values()) or len(set(rests.values())) < len(wide):
        return table
    facets = [{k for k, _ in parsed[c].levels} for c in wide]
    shared = set.intersection(*facets)
    factor = next((f for f in ("model", "augmentation", "dataset", "pretrained") if f in shared), "condition")
    kept = [c for c in parsed if c not in wide]
    percent = any("%" in table.headings[c] for c in wide)
    if any(map(vocabulary.is_no_score, table.context[-1:])) and not score_columns.caption(table.context):
        return table  # losses or times
    known = score_columns.directions(table, {c: parsed[c] for c in wide})
    errors = [c for c in wide if known[c].error]
    if 0 < len(errors) < len(wide):
        return table  # error rates beside accuracies: one column is read, the others are reported
    assumed = any(each.basis == "assumed" for each in known.values())
    # A heading that leaves the direction open is reported by whoever reads the accuracies.
    measured = ("error" if errors else "classification" if assumed else "top-1") + (" (%)" if percent else "")
    rows = [
        Line(row.number, (*(_cell(row, k) for k in kept), rests[c], _cell(row, c)))
        for row, c in itertools.product(table.rows, wide)
        if _cell(row, c)
    ]
    headings = (*(table.headings[c] for c in kept), factor, measured)
    return Table(table.number, table.line, headings, tuple(rows), table.context)


def _cell(row: Line, column: int) -> str:
    return row.cells[column] if column < len(row.cells) else ""
