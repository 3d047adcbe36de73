"""What the runs of a study left behind, gathered in one place: every later figure is computed from this.

A study's folder holds `study.yaml` (the study as it was planned) and a directory for each run. Evidence is
read, never made: a run that is missing, unfinished or made otherwise stays visible as what it is.

What does not belong here: what follows from the evidence (contrasts.py, verdicts.py, the report).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mixscope.claims.contrasts import Sample
from mixscope.errors import DataError
from mixscope.runs import records
from mixscope.runs.records import Predictions
from mixscope.study import matrix
from mixscope.study.config import RunConfig
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

    @property
    def label(self) -> str:
        """How sentences name it."""
        return f"{self.planned.name} seed {self.planned.seed}"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json. Raises DataError when the run is not done."""
        return records.read_summary(self.path)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json. Raises DataError."""
        return records.read_environment(self.path)

    @cached_property
    def settings(self) -> RunConfig:
        """config.yaml, which should be what was planned. Raises DataError."""
        return records.read_config(self.path)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """A row for each complete epoch. Raises DataError."""
        return records.read_events(self.path, "epoch") if self.state != "pending" else []

    def predictions(self, name: str) -> Predictions:
        """For instance "test-last"; read anew each time. Raises DataError."""
        return records.read_predictions(self.path, name)

    def correct(self, name: str) -> tuple[str, np.ndarray]:
        """Which test set predictions `name` are of, and which of its examples they get right, bool (n,).

        Runs with the same first part were tested on the same examples in the same order. Of equal logits the
        lower class counts, as in metrics.top_k. Raises DataError.
        """
        found = self.predictions(name)
        examples = hashlib.sha256(found.ids.tobytes() + found.labels.tobytes()).hexdigest()[:12]
        return f"{self.planned.config.data.name}-{examples}", found.logits.argmax(axis=1) == found.labels


@dataclass(frozen=True)
class Evidence:
    """A study's folder. runs: by experiment and seed, in the order in which the study asks for them."""

    study: Study
    folder: Path
    runs: Mapping[str, Mapping[int, RunEvidence]]

    def done(self, name: str) -> list[RunEvidence]:
        """The runs of an experiment that are done, in the order of its seeds."""
        return [run for run in self.runs[name].values() if run.done]

    def sample(self, name: str, checkpoint: str = "last") -> Sample | None:
        """What the finished runs of an experiment get right of the test split; None where there are none.

        checkpoint: "last", "selected" or "best-on-test". Rows that cannot be put below each other, because a
        run was tested on other examples than the first, are left out; health.py says so.
        Raises DataError for predictions that are missing or damaged.
        """
        found = {run.planned.seed: run.correct(f"test-{checkpoint}") for run in self.done(name)}
        if not found:
            return None
        test = next(iter(found.values()))[0]
        seeds = tuple(seed for seed, (key, _) in found.items() if key == test)
        return Sample(np.stack([found[seed][1] for seed in seeds]), seeds, test)


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
