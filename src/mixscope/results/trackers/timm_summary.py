"""timm's training script: summary.csv with one row per epoch, args.yaml with its arguments.

timm names its held-out split "eval"; by default that is the data set's validation split.
"""

from pathlib import Path

from mixscope.results.trackers.logged_run import LoggedRun, below, by_epoch, rows_of_csv, settings_of_yaml

FILES = ("summary.csv",)


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each summary.csv.

    Raises:
        DataError: If a file is damaged.
    """
    runs = []
    for file in files:
        settings = settings_of_yaml(file.parent / "args.yaml")
        runs.append(
            LoggedRun(
                name=below(folder, file.parent),
                settings=_with_augmentation(settings),
                epochs=by_epoch(rows_of_csv(file)),
                file=file,
            )
        )
    return runs


def _with_augmentation(settings: dict[str, str]) -> dict[str, str]:
    """Adds the mixing method that the strengths `mixup` and `cutmix` select."""
    strengths = {name: settings.get(name, "0") for name in ("mixup", "cutmix")}
    if not any(name in settings for name in strengths):
        return settings
    used = [name for name, value in strengths.items() if _number(value) > 0]
    rest = {k: v for k, v in settings.items() if k not in strengths}
    return {"augmentation": "+".join(used) or "none"} | rest


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
