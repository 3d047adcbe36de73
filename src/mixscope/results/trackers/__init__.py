"""Reads the logs of other training programs into one table of runs: one reader each, recognized by its files.

    timm_summary    summary.csv (and args.yaml) of timm's training script
    lightning_csv   metrics.csv (and hparams.yaml) of Lightning's CSVLogger
    trainer_state   trainer_state.json of Hugging Face's Trainer
    event_files     TensorBoard's event files
    wandb_runs      offline runs of Weights & Biases
    mlflow_store    MLflow's local store, mlruns/
    wandb_charts    charts exported as CSV by W&B's web page

Tables of runs exported as CSV by a tracker's web page are read like any table of runs.
"""

from collections.abc import Callable
from pathlib import Path

from mixscope.errors import DataError
from mixscope.results.trackers import (
    event_files,
    lightning_csv,
    mlflow_store,
    timm_summary,
    trainer_state,
    wandb_charts,
    wandb_runs,
)
from mixscope.results.trackers.logged_run import LoggedRun

_READERS: dict[str, tuple[tuple[str, ...], Callable[[Path, list[Path]], list[LoggedRun]]]] = {
    "timm": (timm_summary.FILES, timm_summary.read),
    "Lightning": (lightning_csv.FILES, lightning_csv.read),
    "Hugging Face": (trainer_state.FILES, trainer_state.read),
    "W&B": (wandb_runs.FILES, wandb_runs.read),
    "MLflow": (mlflow_store.FILES, mlflow_store.read),
    "TensorBoard": (event_files.FILES, event_files.read),
    "W&B chart": (wandb_charts.FILES, wandb_charts.read),
}


def read(source: Path) -> tuple[str, list[LoggedRun]]:
    """Reads every run below a folder, by the first reader with matching files.

    Args:
        source: A folder of runs, one run's folder, or one of the files named above.

    Returns:
        The name of the program, and the runs by path.

    Raises:
        DataError: If there is nothing to read, or a file is damaged.
    """
    if not source.exists():
        raise DataError("missing-file", "does not exist; expected a folder of runs", path=source)
    found = kinds(source)
    if found:
        program, files = next(iter(found.items()))
        return program, _READERS[program][1](source.parent if source.is_file() else source, files)
    known = ", ".join(p for patterns, _ in _READERS.values() for p in patterns if p not in wandb_charts.FILES)
    raise DataError(
        "wrong-format",
        f"holds no log that is known ({known}, charts exported by W&B); a table of runs in CSV,"
        " one row a run, is read by `mixscope judge FILE` as it is",
        path=source,
    )


def kinds(source: Path) -> dict[str, list[Path]]:
    """The logs at or below a path by program, in the order of precedence."""
    found = {}
    for program, (patterns, _) in _READERS.items():
        if source.is_file():
            files = [source] if any(source.match(p) for p in patterns) else []
        else:
            files = sorted({f for p in patterns for f in source.rglob(p) if f.is_file()})
        if patterns == wandb_charts.FILES:  # not recognizable by name
            files = [file for file in files if wandb_charts.holds(file)]
        if files:
            found[program] = files
    return found
