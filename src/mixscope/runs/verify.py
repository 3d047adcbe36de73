"""Re-evaluates every finished run of a study from its checkpoints and compares with its summary.

Detects summaries that contradict their own checkpoints, whichever of the two was changed.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixscope.errors import DataError, RunFailed
from mixscope.runs import evaluate, records
from mixscope.workers import Workers, together

# Tolerance for rounding on other hardware, besides records.ROUNDED_IMAGES.
LIKELIHOOD = 0.01  # relative, of the loss


def finished(paths: Sequence[Path], *, root: Path, notice: Callable[[Path], None], slots: int = 1) -> None:
    """Re-evaluates the test split of finished runs, all of them also where some are wrong; writes nothing.

    Args:
        paths: Run folders.
        root: Folder of prepared data sets.
        notice: Called with each run that agrees.
        slots: Runs evaluated at once, in a process each.

    Raises:
        DataError: If a summary differs beyond rounding (names the run), or as evaluate.evaluate.
        RunFailed: If a run cannot be evaluated for another reason.
    """
    problems: list[DataError | RunFailed] = []
    with Workers(slots) as workers:
        for at, found in workers.each(_compared, [(path, root) for path in paths]):
            if found is None:
                notice(paths[at])
            elif isinstance(found, RunFailed):
                problems.append(found.reworded(f"{paths[at]}: {found}", path=paths[at]))
            else:
                problems.append(found)
    if problems:
        raise together(problems, "wrong")


def _compared(work: tuple[Path, Path]) -> None:
    """Re-evaluates a run. Raises DataError if its summary differs."""
    path, root = work
    recorded = records.read_summary(path)["results"]["test"]
    for row in evaluate.evaluate([path], split="test", root=root, write=False):
        wrong = differences(recorded.get(row["checkpoint"], {}), row)
        if wrong:
            raise DataError(
                "changed",
                f"evaluated again, its checkpoint {row['checkpoint']} gives other values than its"
                f" summary ({'; '.join(wrong)}), so its records or checkpoints were changed and no table"
                " is written; remove that folder and run the study, which makes the run again",
                path=path,
            )


def differences(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Metrics in which a summary and a re-evaluation differ beyond rounding, `name: recorded -> found`."""
    wrong = []
    n = found["n"]
    allowed = {
        "n": 0.0,
        "top1": max(records.ROUNDED_IMAGES / n, records.ROUNDED_SHARE),
        "top5": max(records.ROUNDED_IMAGES / n, records.ROUNDED_SHARE),
    }
    allowed["nll"] = LIKELIHOOD * abs(found["nll"]) + 1e-6
    for name, most in allowed.items():
        a, b = recorded.get(name), found[name]
        if (a is None) != (b is None) or (a is not None and abs(a - b) > most):
            shown = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in (a, b)]
            wrong.append(f"{name}: {shown[0]} -> {shown[1]}")
    return wrong
