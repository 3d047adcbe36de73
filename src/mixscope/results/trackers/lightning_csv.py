"""Lightning's CSVLogger: metrics.csv with one row per logging call, hparams.yaml with settings."""

from pathlib import Path

from mixscope.results.trackers.logged_run import LoggedRun, below, by_epoch, rows_of_csv, settings_of_yaml

FILES = ("metrics.csv",)


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each metrics.csv.

    Raises:
        DataError: If a file is damaged.
    """
    return [
        LoggedRun(
            name=below(folder, file.parent),
            settings=settings_of_yaml(file.parent / "hparams.yaml"),
            epochs=by_epoch(rows_of_csv(file)),
            file=file,
        )
        for file in files
    ]
