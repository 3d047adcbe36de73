"""TensorBoard's event files, by TensorBoard's own reader: scalars by step, one run per folder."""

from pathlib import Path
from typing import Any

from mixscope.errors import ConfigError, DataError, extra
from mixscope.results.trackers.logged_run import LoggedRun, below, by_epoch

FILES = ("events.out.tfevents.*",)


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each folder with event files.

    Raises:
        DataError: If a file is damaged.
        ConfigError: If TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
        from tensorboard.util import tensor_util
    except ImportError as problem:
        raise ConfigError(
            "not-installed",
            f"event files are read by TensorBoard, which is not installed; {extra('tensorboard')}",
            path=folder,
        ) from problem

    def scalar(value: Any) -> float | None:
        if value.WhichOneof("value") == "simple_value":
            return float(value.simple_value)
        if value.WhichOneof("value") == "tensor" and not value.tensor.tensor_shape.dim:
            array = tensor_util.make_ndarray(value.tensor)
            return float(array) if array.dtype.kind in "fiu" else None
        return None

    runs = []
    for run in dict.fromkeys(file.parent for file in files):
        mine = [file for file in files if file.parent == run]
        rows = []
        for file in mine:
            try:
                events = list(LegacyEventFileLoader(str(file)).Load())
            except Exception as problem:  # TensorBoard has no exception class for damaged records
                raise DataError(
                    "damaged-file", f"is no event file of TensorBoard ({problem}); delete it", path=file
                ) from problem
            for event in events:
                found = {v.tag: scalar(v) for v in event.summary.value}
                rows.append({"epoch": float(event.step)} | {k: v for k, v in found.items() if v is not None})
        epochs = tuple(row for row in by_epoch(rows) if len(row) > 1)
        runs.append(LoggedRun(name=below(folder, run), epochs=epochs, file=mine[0]))
    return runs
