"""Re-evaluates every finished run of a study from its checkpoints and compares with its summary.

Detects summaries that contradict their own checkpoints, whichever of the two was changed.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixscope.errors import DataError
from mixscope.runs import evaluate, records

# Tolerance for rounding on other hardware, besides records.ROUNDED_IMAGES.
LIKELIHOOD = 0.01  # relative, of the loss


def finished(paths: Sequence[Path], *, root: Path, notice: Callable[[Path], None]) -> None:
    """Re-evaluates the test split of finished runs; writes nothing.

    Args:
        paths: Run folders.
        root: Folder of prepared data sets.
        notice: Called with each run that agrees.

    Raises:
        DataError: If a summary differs beyond rounding (names the run), or as evaluate.evaluate.
    """

    def compare(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        recorded = records.read_summary(path)["results"]["test"]
        for row in rows:
            wrong = differences(recorded.get(row["checkpoint"], {}), row)
            if wrong:
                raise DataError(
                    f"{path}: evaluated again, its checkpoint {row['checkpoint']} gives other values than its"
                    f" summary ({'; '.join(wrong)}), so its records or checkpoints were changed and no table"
                    " is written; remove that folder and run the study, which makes the run again"
                )
        notice(path)

    evaluate.evaluate(paths, split="test", root=root, write=False, notice=compare)


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
