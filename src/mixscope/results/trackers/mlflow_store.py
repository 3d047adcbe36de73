"""MLflow's local store: mlruns/EXPERIMENT/RUN with meta.yaml and a file per parameter and metric."""

from pathlib import Path

from mixscope.errors import DataError
from mixscope.results.results import DONE, FAILED, RUNNING
from mixscope.results.trackers.logged_run import LoggedRun, by_epoch, settings_of_yaml

FILES = ("meta.yaml",)
_STATES = dict.fromkeys(("1", "RUNNING", "2"), RUNNING) | dict.fromkeys(("3", "FINISHED"), DONE)


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each meta.yaml with a run_id that was not deleted.

    Raises:
        DataError: If a file is damaged.
    """
    runs = []
    for file in files:
        meta = settings_of_yaml(file)
        if "run_id" not in meta or meta.get("lifecycle_stage") == "deleted":
            continue
        runs.append(
            LoggedRun(
                name=_text(file.parent / "tags" / "mlflow.runName") or meta.get("run_name", meta["run_id"]),
                settings={p.name: _text(p) for p in _files(file.parent / "params")},
                epochs=by_epoch(row for m in _files(file.parent / "metrics") for row in _metric(m)),
                state=_STATES.get(meta.get("status", ""), FAILED),
                file=file,
            )
        )
    return runs


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip() if file.exists() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError("wrong-format", "cannot be read as text; delete it", path=file) from problem


def _metric(file: Path) -> list[dict[str, float]]:
    """The lines "time value step" of a metric."""
    name = file.relative_to(next(p for p in file.parents if p.name == "metrics")).as_posix()
    rows = []
    for number, line in enumerate(_text(file).splitlines(), 1):
        try:
            _, value, step, *_ = [*line.split(), "0"]
            rows.append({"epoch": float(step), name: float(value)})
        except ValueError as problem:
            raise DataError(
                "wrong-format", f"expected TIME VALUE STEP, got {line[:40]!r}", path=file, line=number
            ) from problem
    return rows
