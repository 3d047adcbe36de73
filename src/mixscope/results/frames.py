"""Results as pandas data frames: one row per run, or one row per run and test example."""

from typing import Any

import pandas

from mixscope.results.results import Experiment, Results, Run

OF_EXAMPLES = ("ids", "labels", "predicted", "correct", "top5", "confidence", "log_likelihood")
SINGULAR = {"ids": "id", "labels": "label"}
# Columns that are not factors.
COLUMNS = (
    *("experiment", "seed", "state", "checkpoint", "accuracy", "n_test"),
    *("top5", "precision", "recall", "f1", "nll", "brier", "ece", "classes_never_predicted"),
    *("mean", "spread", "spread_kind", "n_seeds", "predictions"),
    *("protocol", "config_digest", "code_digest", "data_name", "data_digest", "weights_digest"),
    *("device", "packages", "seconds", "directory", "error"),
    *("id", "label", "predicted", "correct", "confidence", "log_likelihood"),
)


def runs(results: Results, checkpoint: str) -> pandas.DataFrame:
    """One row per run, or per experiment with known mean and spread only.

    Columns: experiment, one per factor, seed (Int64), state, checkpoint, accuracy (test top-1, fraction),
    n_test (Int64), the other test metrics; mean, spread, spread_kind and n_seeds for summaries; then
    protocol, config_digest, code_digest, data_name, data_digest, weights_digest, device, packages, seconds,
    directory and error. Unknown values are missing. A factor with the name of one of these is in the column
    `factor.NAME`.
    """
    rows = [_run(results.experiment(run.experiment), run, checkpoint) for run in results.runs]
    for summary in results.summaries:
        rows.append(
            _named(results.experiment(summary.experiment))
            | {
                "state": "done",
                "n_test": summary.n_test,
                "mean": summary.mean,
                "spread": summary.spread,
                "spread_kind": summary.spread_kind,
                "n_seeds": summary.n_seeds,
            }
        )
    frame = pandas.DataFrame(rows)
    whole = [name for name in ("seed", "n_test", "n_seeds") if name in frame]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def outcomes(results: Results, checkpoint: str) -> pandas.DataFrame:
    """One row per finished run and test example, without runs that have no outcomes.

    Columns: experiment, one per factor, seed, id, label, predicted, correct, top5, confidence,
    log_likelihood, with the dtypes of `Outcomes`; columns that no run has are omitted.
    """
    parts = []
    for run in results.done:
        found = run.outcomes(checkpoint)
        if found is not None:
            arrays = {SINGULAR.get(name, name): getattr(found, name) for name in OF_EXAMPLES}
            part = pandas.DataFrame({name: array for name, array in arrays.items() if array is not None})
            about = _named(results.experiment(run.experiment)) | {"seed": run.seed}
            for at, (name, value) in enumerate(about.items()):
                part.insert(at, name, value)
            parts.append(part)
    return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()


def _named(experiment: Experiment) -> dict[str, Any]:
    levels = {f"factor.{f}" if f in COLUMNS else f: level for f, level in experiment.levels.items()}
    return {"experiment": experiment.name, **levels}


def _run(experiment: Experiment, run: Run, checkpoint: str) -> dict[str, Any]:
    metrics = dict(run.metrics.get("test", {}).get(checkpoint, {}))
    made = run.provenance
    return {
        **_named(experiment),
        "seed": run.seed,
        "state": run.state,
        "checkpoint": checkpoint,
        "accuracy": metrics.pop("top1", None),
        "n_test": metrics.pop("n", None),
        **metrics,
        "protocol": made.protocol if made else None,
        "config_digest": " ".join(made.config_digests) if made else None,
        "code_digest": " ".join(made.code_digests) if made else None,
        "data_name": experiment.data,
        "data_digest": made.data.digest if made and made.data else None,
        "weights_digest": made.weights.get("sha256") if made else None,
        "device": made.device.get("name") if made else None,
        "packages": " ".join(f"{name}={v}" for name, v in made.packages.items() if v) if made else None,
        "seconds": made.seconds if made else None,
        "directory": run.directory or None,
        "error": run.error,
    }
