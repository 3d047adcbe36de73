"""What the runs of a study left behind, gathered in one place: every later figure is computed from this.

A study's folder holds `study.yaml` (the study as it was planned) and a directory for each run. Evidence is
read, never made: a run that is missing, unfinished, damaged or made otherwise stays visible as what it is.
Records are looked through when they are gathered, so that one damaged run is left out of every figure, and
nobody who computes them meets it half-way.

What does not belong here: what follows from the evidence (contrasts.py, verdicts.py, the report).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mixscope.claims.contrasts import Sample
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.runs import health_records, records
from mixscope.runs.records import Predictions
from mixscope.study import matrix
from mixscope.study.config import RunConfig
from mixscope.study.matrix import PlannedRun, Study

ON_TEST = "best-on-test"  # the checkpoint that only protocol "published" has
PENDING, DAMAGED = "pending", "damaged"
STATES = ("running", "interrupted", "failed", "done")
Shape = Mapping[str, type | tuple[type, ...]]
# What later figures rest on: {keys joined by dots: what stands there}.
_SUMMARY: Shape = {
    "digest": str,
    "protocol": str,
    "checkpoints": dict,
    "results.test": dict,
    "results.test.last": dict,
    "data.images.train": int,
    "health": list,
    "seconds": (int, float),
    "images_per_second": (int, float),
}
_ENVIRONMENT: Shape = {
    "digest": str,
    "code.digest": str,
    "packages": dict,
    "device": dict,
    "data.name": str,
    "data.digest": str,
    "weights.weights": str,
}
_FIGURES: Shape = {"top1": (int, float), "n": int}


@dataclass(frozen=True)
class RunEvidence:
    """One planned run and what there is of it.

    state: "pending", "running", "interrupted", "failed" or "done", as its status.json has it, or "damaged"
    where records cannot be what a run leaves behind; why: then in what. Only a run that is done has a
    summary.
    """

    planned: PlannedRun
    path: Path
    state: str
    why: str | None = None
    _correct: dict[str, tuple[str, np.ndarray]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether it ended as it should; only then its figures are looked at."""
        return self.state == "done"

    @property
    def label(self) -> str:
        """How sentences name it."""
        return f"{self.planned.name} seed {self.planned.seed}"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json. Raises DataError, also when the run is not done."""
        found = records.read_summary(self.path)
        file = self.path / "summary.json"
        _expect(file, found, _SUMMARY)
        for name, row in found["results"]["test"].items():
            _expect(file, row, _FIGURES, f"results.test.{name}")
        return found

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json. Raises DataError."""
        found = records.read_environment(self.path)
        _expect(self.path / "environment.json", found, _ENVIRONMENT)
        return found

    @cached_property
    def settings(self) -> RunConfig:
        """config.yaml, which should be what was planned. Raises DataError."""
        return records.read_config(self.path)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """A row for each complete epoch, none of a run that left no events yet. Raises DataError."""
        return self._events("epoch", {"epoch": int})

    @cached_property
    def health(self) -> list[Finding]:
        """What checks found, so far where a run is not done. Raises DataError."""
        rows: list[dict[str, Any]] = self.summary["health"] if self.done else []
        file = self.path / ("summary.json" if rows else "events.jsonl")
        rows = rows or self._events("health", {})
        try:
            return health_records.read(rows, self.planned.config.data.name)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise DataError(f"{file}: health holds what no run writes; the file is damaged") from problem

    def _events(self, kind: str, needed: Shape) -> list[dict[str, Any]]:
        if self.state in (PENDING, DAMAGED) or not (self.done or (self.path / "events.jsonl").exists()):
            return []
        found = records.read_events(self.path, kind)
        for row in found:
            _expect(self.path / "events.jsonl", row, needed, kind)
        return found

    def predictions(self, name: str) -> Predictions:
        """For instance "test-last"; read anew each time. Raises DataError."""
        return records.read_predictions(self.path, name)

    def correct(self, name: str) -> tuple[str, np.ndarray]:
        """Which test set predictions `name` are of, and which of its examples they get right, bool (n,).

        Runs with the same first part were tested on the same examples in the same order. Of equal logits the
        lower class counts, as in metrics.top_k. Kept, since it is a hundredth of what it is read from.
        Raises DataError.
        """
        if name not in self._correct:
            found = self.predictions(name)
            n, k = found.logits.shape
            if (
                n < 2
                or found.labels.min() < 0
                or found.labels.max() >= k
                or not np.isfinite(found.logits).all()
            ):
                raise DataError(
                    f"{self.path / 'predictions' / name}.npz: has no two examples, or what no network of"
                    f" {k} classes gives; `mixscope eval {self.path}` makes it again"
                )
            examples = hashlib.sha256(found.ids.tobytes() + found.labels.tobytes()).hexdigest()[:12]
            test = f"{self.planned.config.data.name}-{examples}"
            self._correct[name] = test, found.logits.argmax(axis=1) == found.labels
        return self._correct[name]

    def look_through(self, checkpoint: str) -> None:
        """Reads everything that figures of this checkpoint rest on. Raises DataError."""
        if self.state not in STATES:
            raise DataError(f"{self.path / 'status.json'}: no state {self.state!r} of runs is known")
        _ = self.settings, self.epochs, self.health
        if self.done:
            tested = self.summary["results"]["test"]
            for name in dict.fromkeys((checkpoint, *tested)):
                if name in tested and name in (checkpoint, ON_TEST):
                    self.correct(f"test-{name}")
        if self.done or (self.path / "environment.json").exists():
            _ = self.environment


def _expect(file: Path, value: Any, needed: Shape, where: str = "") -> None:
    """Raises DataError unless `value` has all these keys with values of these types."""
    for keys, kinds in needed.items():
        found = value
        for key in keys.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, kinds):
            at = f"{where}.{keys}" if where else keys
            raise DataError(f"{file}: {at} is {found!r}, which no run writes; the file is damaged")


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


def gather(folder: Path, checkpoint: str = "last") -> Evidence:
    """Everything in a study's folder, looked through for figures of this checkpoint.

    A run with damaged records is one of state "damaged". Raises DataError when the folder is no study's.
    """
    file = folder / "study.yaml"
    if not file.is_file():
        raise DataError(
            f"{folder}: is not a study's folder, it has no study.yaml; `mixscope study run STUDY` makes one"
        )
    study = matrix.load(str(file))
    runs: dict[str, dict[int, RunEvidence]] = {}
    for planned in study.expand():
        found = _look(planned, folder / planned.directory, checkpoint)
        runs.setdefault(planned.name, {})[planned.seed] = found
    return Evidence(study, folder, runs)


def _look(planned: PlannedRun, path: Path, checkpoint: str) -> RunEvidence:
    try:
        if not records.is_run(path):
            if (path / "summary.json").exists():
                raise DataError(f"{path}: has a summary and no config.yaml or no status.json")
            return RunEvidence(planned, path, PENDING)
        run = RunEvidence(planned, path, str(records.read_status(path)["state"]))
        run.look_through(checkpoint)
        return run
    except DataError as problem:
        return RunEvidence(planned, path, DAMAGED, str(problem))
