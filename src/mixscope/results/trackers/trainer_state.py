"""Hugging Face's Trainer: trainer_state.json, in the run's folder and in each of its checkpoints.

The one with most steps has the whole history. The Trainer records no settings in it, so runs are
distinguished by their folders.
"""

import json
from pathlib import Path
from typing import Any

from mixscope.errors import DataError
from mixscope.results.results import DONE, RUNNING
from mixscope.results.trackers.logged_run import LoggedRun, below, by_epoch, numbers

FILES = ("trainer_state.json",)


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each folder with trainer_state.json, merging its checkpoints.

    Raises:
        DataError: If a file is damaged.
    """
    states: dict[Path, tuple[int, Path, dict[str, Any]]] = {}
    for file in files:
        run = file.parent.parent if file.parent.name.startswith("checkpoint-") else file.parent
        state = _state(file)
        step = int(state["global_step"])
        if run not in states or step >= states[run][0]:
            states[run] = (step, file, state)
    return [
        LoggedRun(
            name=below(folder, run) if run.is_relative_to(folder) else run.name,
            epochs=by_epoch(map(numbers, state["log_history"])),
            state=DONE if step >= int(state.get("max_steps") or 0) else RUNNING,
            file=file,
        )
        for run, (step, file, state) in states.items()
    ]


def _state(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
        if isinstance(found["log_history"], list) and isinstance(found["global_step"], int):
            if all(isinstance(row, dict) for row in found["log_history"]):
                return dict(found)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DataError(
        "wrong-format",
        "is no trainer_state.json, or cut off; expected global_step and log_history; copy it again",
        path=file,
    )
