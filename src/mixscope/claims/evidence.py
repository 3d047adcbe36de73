"""What the runs of a study left behind, gathered in one place: every later figure is computed from this.

A study's folder holds `study.yaml` (the study as it was planned) and a directory for each run. Evidence is
read, never made: a run that is missing, unfinished or made otherwise stays visible as what it is.

What does not belong here: what follows from the evidence (contrasts.py, verdicts.py, the report).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mixscope.errors import DataError
from mixscope.runs import records
from mixscope.runs.records import Predictions
from mixscope.study import matrix
from mixscope.study.matrix import PlannedRun, Study


@dataclass(frozen=True)
class RunEvidence:
    """One planned run and what there is of it.

    state: "pending", "running", "interrupted", "failed" or "done", as its status.json has it. Only a run that
    is done has a summary.
    """

    planned: PlannedRun
    path: Path
    state: str

    @property
    def done(self) -> bool:
        return self.state == "done"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json. Raises DataError when the run is not done."""
        return records.read_summary(self.path)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json. Raises DataError."""
        return records.read_environment(self.path)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """A row for each complete epoch. Raises DataError."""
        return records.read_events(self.path, "epoch") if self.state != "pending" else []

    def predictions(self, name: str) -> Predictions:
        """For instance "test-last"; read anew each time. Raises DataError."""
        return records.read_predictions(self.path, name)


@dataclass(frozen=True)
class Evidence:
    """A study's folder. runs: by experiment and seed, in the order in which the study asks for them."""

    study: Study
    folder: Path
    runs: Mapping[str, Mapping[int, RunEvidence]]


def gather(folder: Path) -> Evidence:
    """Everything in a study's folder. Raises DataError when it is none, or its records are damaged."""
    file = folder / "study.yaml"
    if not file.is_file():
        raise DataError(
            f"{folder}: is not a study's folder, it has no study.yaml; `mixscope study run STUDY` makes one"
        )
    study = matrix.load(str(file))
    runs: dict[str, dict[int, RunEvidence]] = {}
    for planned in study.expand():
        path = folder / planned.directory
        state = records.read_status(path)["state"] if records.is_run(path) else "pending"
        runs.setdefault(planned.name, {})[planned.seed] = RunEvidence(planned, path, state)
    return Evidence(study, folder, runs)
