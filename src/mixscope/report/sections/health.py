"""Health checks: by cell, in sentences, what they cap, and what choosing an epoch is worth.

What does not belong here: markup (templates/health.html), and how charts are drawn (plots.py).
"""

import statistics
from collections.abc import Sequence
from typing import Any

from mixscope.report import story
from mixscope.report.story import Story
from mixscope.report.words import Words
from mixscope.results import Run


def checks(told: Story) -> dict[str, Any]:
    """Checks by cell, and the sentences of those that ask to be looked at, with the runs that have them."""
    checked = [run for run in told.results.runs if run.health]
    cells = [cell for cell in told.cells if any(run.health for run in cell.runs)]
    kinds = list(dict.fromkeys(str(f["check"]).partition("/")[0] for run in checked for f in run.health))
    sentences: dict[tuple[str, str], dict[str, list[str]]] = {}
    for run in checked:
        for finding in run.health:
            if finding["ok"] is False:
                key = (str(finding["check"]).partition("/")[0], str(finding["sentence"]))
                sentences.setdefault(key, {}).setdefault(run.experiment, []).append(f"s{run.seed}")
    return {
        "runs": len(checked),
        "count": sum(f["ok"] is not None for run in checked for f in run.health),
        "failed": sum(f["ok"] is False for run in checked for f in run.health),
        "cells": [cell.experiment for cell in cells],
        "rows": [
            {"check": kind, "counts": [_well_and_failed(cell.runs, kind) for cell in cells]} for kind in kinds
        ],
        "sentences": [
            (check, sentence, "; ".join(f"{name} {' '.join(seeds)}" for name, seeds in runs.items()))
            for (check, sentence), runs in sentences.items()
        ],
    }


def _well_and_failed(runs: Sequence[Run], kind: str) -> tuple[int, int]:
    """How many runs are well in every check of a kind, and how many are not."""
    well = failed = 0
    for run in runs:
        found = [f["ok"] for f in run.health if str(f["check"]).partition("/")[0] == kind]
        failed += False in found
        well += True in found and False not in found
    return well, failed


def gates(told: Story, words: Words) -> dict[str, list[str]]:
    """What caps a verdict, with the claims and strata where it does."""
    found: dict[str, list[str]] = {}
    for verdict in told.verdicts:
        for reading in verdict.readings:
            where = ": ".join(filter(None, (verdict.claim, words.levels(reading.stratum))))
            for gate in reading.gates:
                found.setdefault(gate, []).append(where)
    return found


def checkpoints(told: Story, words: Words) -> dict[str, Any]:
    """Mean test top-1 of each cell by checkpoint, where there is more than one."""
    names = list(dict.fromkeys(name for run in told.results.done for name in story.selection(run)))
    rows = []
    for cell in told.cells:
        found = [story.selection(run) for run in cell.runs if run.metrics]
        if found:
            means = [
                statistics.fmean(f[name] for f in found) if all(name in f for f in found) else None
                for name in names
            ]
            rows.append({"experiment": cell.experiment, "cell": words.levels(cell.levels), "values": means})
    return {"names": names, "rows": rows if len(names) > 1 else []}
