"""Section on health checks.

By experiment, as sentences, what they cap, and the effect of selecting an epoch.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from mixscope.report.content import ReportContent, selection
from mixscope.report.labels import limits
from mixscope.report.texts import Texts
from mixscope.results import Run

FAILED = ("warn", "fail")


def checks(content: ReportContent, texts: Texts) -> dict[str, Any]:
    """Checks by experiment, and failed checks as sentences with their runs."""
    checked = [run for run in content.results.runs if run.health]
    experiments = [
        experiment for experiment in content.experiments if any(run.health for run in experiment.runs)
    ]
    codes = list(dict.fromkeys(f.code for run in checked for f in run.health))
    failed: dict[tuple[str, str], dict[str, list[str]]] = {}
    for run in checked:
        for finding in run.health:
            if finding.severity in FAILED:
                key = (finding.code, texts.render(finding))
                failed.setdefault(key, {}).setdefault(run.experiment, []).append(f"s{run.seed}")
    return {
        "runs": len(checked),
        "count": sum(f.severity != "note" for run in checked for f in run.health),
        "failed": sum(f.severity in FAILED for run in checked for f in run.health),
        "checks": codes,
        "rows": [
            {
                "experiment": experiment.name,
                "counts": [_passed_and_failed(experiment.runs, code) for code in codes],
            }
            for experiment in experiments
        ],
        "sentences": [
            (code, text, "; ".join(f"{name} {' '.join(seeds)}" for name, seeds in runs.items()))
            for (code, text), runs in failed.items()
        ],
    }


def _passed_and_failed(runs: Sequence[Run], code: str) -> tuple[int, int]:
    """Number of runs that passed every check of a code, and of those that did not."""
    passed = failed = 0
    for run in runs:
        found = [f.severity for f in run.health if f.code == code]
        bad = any(severity in FAILED for severity in found)
        failed += bad
        passed += "ok" in found and not bad
    return passed, failed


def gates(content: ReportContent, texts: Texts) -> dict[str, list[str]]:
    """What caps verdicts, with the affected claims; of a claim that is affected in part, its strata."""
    found: dict[str, list[str]] = {}
    for verdict in content.verdicts:
        strata: dict[str, list[str]] = {}
        for reading in verdict.readings:
            for gate in limits(reading, texts.language):
                strata.setdefault(gate, []).append(texts.levels(reading.stratum))
        for gate, mine in strata.items():
            part = len(mine) < len(verdict.readings)
            where = f"{verdict.claim}: {' / '.join(mine)}" if part else verdict.claim
            found.setdefault(gate, []).append(where)
    return found


def checkpoints(content: ReportContent, texts: Texts) -> dict[str, Any]:
    """Mean test top-1 of each experiment by checkpoint, if there are several."""
    names = list(dict.fromkeys(name for run in content.results.done for name in selection(run)))
    rows = []
    for experiment in content.experiments:
        found = [selection(run) for run in experiment.runs if run.metrics]
        if found:
            means = [
                statistics.fmean(f[name] for f in found) if all(name in f for f in found) else None
                for name in names
            ]
            rows.append(
                {"experiment": experiment.name, "levels": texts.levels(experiment.levels), "values": means}
            )
    return {"names": names, "rows": rows if len(names) > 1 else []}
