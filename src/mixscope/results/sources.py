"""Loads results from any source: a study's folder, a run's folder, a bundle, a table, a data frame."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.errors import ConfigError, DataError
from mixscope.results import bundle, folders, runs_table
from mixscope.results.results import LAST, Results
from mixscope.results.runs_table import Reading
from mixscope.runs import records
from mixscope.study import matrix

if TYPE_CHECKING:
    import pandas


def load(
    source: "str | Path | Results | pandas.DataFrame | Mapping[str, Any]",
    *,
    checkpoint: str = LAST,
    reading: Reading | None = None,
) -> Results:
    """Reads results.

    Args:
        source: Folder of a study (also while it runs) or a run, a bundle, a table (CSV, TSV, JSON lines,
            Parquet, Markdown, HTML), a DataFrame, or a mapping of columns; one row per run, or per experiment
            with mean and spread.
        checkpoint: Checkpoint of a study or bundle whose predictions are verified immediately.
        reading: Options for tables; for a study or bundle only the baseline is used.

    Raises:
        DataError: If the file or folder does not exist or cannot be read.
        ConfigError: If `source` is none of these, or a named column or baseline does not exist.
    """
    if isinstance(source, Results):
        return source
    reading = reading or Reading()
    if not isinstance(source, str | Path):
        if not isinstance(source, Mapping) and not hasattr(source, "itertuples"):
            raise ConfigError(
                "wrong-type",
                f"expected a path, results, a DataFrame or a mapping of columns, got a"
                f" {type(source).__name__}; give arrays as {{'model': [...], 'accuracy': [...]}}, or to"
                " contrast_arrays",
                key="results",
            )
        return runs_table.of_frame(source, reading)
    path = Path(source)
    if bundle.is_bundle(path):
        return _compared(bundle.read(path, checkpoint), reading)
    if path.is_dir():
        if not (path / matrix.KEPT).is_file():
            if (lost := records.lost(path)) is not None:
                raise lost
            if records.is_run(path):
                return _compared(folders.run(path, checkpoint), reading)
        return _compared(folders.study(path, checkpoint), reading)
    if not path.exists():
        raise DataError(
            "missing-file",
            "there is no such file or folder; expected a study's folder, a bundle or a table of results",
            path=path,
        )
    return runs_table.read(path, reading)


def _compared(results: Results, reading: Reading) -> Results:
    """Sets the named baseline, if there is one."""
    if reading.baseline is None:
        return results
    return dataclasses.replace(results, roles=results.roles.with_baseline(reading.baseline))
