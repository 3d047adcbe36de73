"""Reads results from a study's folder, also while it runs, and from a single run's folder.

Records are validated here and nowhere later: a run with invalid records is "damaged" and excluded, so that
one damaged file never blocks the rest. Predictions are verified once, since every later value depends on
them, and read again on demand.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixscope import calibration, metrics
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.results.outcomes import Outcomes
from mixscope.results.results import (
    BEST_ON_TEST,
    DAMAGED,
    DONE,
    LAST,
    PENDING,
    DataSet,
    Experiment,
    Provenance,
    Results,
    Run,
    Scaled,
    State,
)
from mixscope.runs import health_records, record_schema, records
from mixscope.study import matrix, roles
from mixscope.study.config import RunConfig
from mixscope.study.roles import Roles
from mixscope.study.study import PlannedRun, Study

_DIRECTORY = re.compile(r".+-[0-9a-f]{16}", re.DOTALL)  # name of a run's folder, see PlannedRun


def study(folder: Path, checkpoint: str = LAST) -> Results:
    """Reads the results of a study's folder.

    Args:
        folder: Contains study.yaml and one folder per started run.
        checkpoint: Checkpoint whose predictions are verified immediately: "last" or "selected". Others are
            verified on reading.

    Raises:
        DataError: If it is not the folder of a study.
        ConfigError: If its study.yaml cannot be read.
    """
    file = folder / matrix.KEPT
    if not file.is_file():
        raise DataError(
            "wrong-format",
            "is not a study's folder, it has no study.yaml; `mixscope study run STUDY` makes one",
            path=folder,
        )
    return of_plan(matrix.load(str(file)), folder, checkpoint)


def of_plan(planned: Study, folder: Path, checkpoint: str = LAST) -> Results:
    """Reads the results of a study whose runs are or will be in `folder`, which need not exist."""
    expected = planned.expand()
    there = {path.name for path in records.list_runs(folder)} if folder.is_dir() else set()
    of_stem: dict[str, set[str]] = {}  # directories by experiment and seed, whatever their settings
    for directory in filter(_DIRECTORY.fullmatch, there):
        of_stem.setdefault(directory.rpartition("-")[0], set()).add(directory)
    shared = _Shared()
    first = {run.name: run for run in reversed(expected)}
    order = list(planned.names) or [name for name, _ in planned.experiments()]
    runs: dict[str, list[PlannedRun]] = {name: [] for name in order}
    for one in expected:
        if one.name in runs:
            runs[one.name].append(one)
    return Results(
        name=planned.name,
        title=planned.title,
        roles=roles.from_settings(planned.factors, planned.base),
        experiments=tuple(
            Experiment(
                name=name,
                levels=dict(first[name].levels),
                data=first[name].config.data.name,
                config=first[name].config,
            )
            for name in order
        ),
        runs=tuple(
            _planned(run, folder, checkpoint, bool(of_stem.get(run.stem, set()) - {run.directory}), shared)
            for mine in runs.values()
            for run in mine
        ),
        seeds=tuple(planned.seeds),
        claims=planned.claims,
        looks=planned.looks,
        claims_digest=planned.claims_digest,
        digest=planned.digest,
        source=str(folder),
        folder=folder,
        plan=planned.text,
        unasked=_unasked(folder, there - {run.directory for run in expected}),
        load_analysis=lambda name: analysis(folder, name),
    )


def run(path: Path, checkpoint: str = LAST) -> Results:
    """Reads the results of a single run's folder: one experiment without factors.

    Raises:
        DataError: If it is not a run directory.
    """
    if not records.is_run(path):
        raise DataError("wrong-format", "is not a run directory", path=path)
    config = records.read_config(path)
    found = _read(path, path.name, config.seed, config, checkpoint, _Shared())
    experiment = Experiment(name=path.name, levels={}, data=config.data.name, config=config)
    return Results(
        name=path.name,
        title=path.name,
        roles=Roles(factors={}),
        experiments=(experiment,),
        runs=(found,),
        seeds=(config.seed,),
        source=str(path),
    )


def analysis(folder: Path, name: str) -> dict[str, Any] | None:
    """The summary of an analysis in a study's folder; None if there is none.

    Raises:
        DataError: If it is damaged.
    """
    file = folder / "analysis" / name / "summary.json"
    if not file.is_file():
        return None
    try:
        found = record_schema.parse(file.read_bytes())
        if not isinstance(found, dict):
            raise ValueError(f"holds {type(found).__name__}")
    except (OSError, ValueError) as problem:
        raise DataError(
            "damaged-file",
            f"is damaged, or of another version; `mixscope analyze {folder} --what {name}` writes it again",
            path=file,
        ) from problem
    return found


def _unasked(folder: Path, names: set[str]) -> tuple[str, ...]:
    """Folders of runs that recorded being started for a study and are not planned now.

    Damaged ones are ignored.
    """
    found = []
    for name in sorted(names):
        try:
            if isinstance(records.read_environment(folder / name).get("study"), dict):
                found.append(name)
        except DataError:
            continue
    return tuple(found)


def _planned(planned: PlannedRun, folder: Path, checkpoint: str, stale: bool, shared: "_Shared") -> Run:
    """A planned run, whatever exists of it. stale: whether one with other settings exists."""
    path = folder / planned.directory
    about: dict[str, Any] = {
        "experiment": planned.name,
        "seed": planned.seed,
        "config": planned.config,
        "directory": planned.directory,
        "stale": stale,
    }
    try:
        if not records.is_run(path):
            if (lost := records.lost(path, planned.config)) is not None:
                raise lost
            return Run(**about, state=PENDING)
        found = _read(path, planned.name, planned.seed, planned.config, checkpoint, shared, stale=stale)
        own, recorded = planned.digest, found.provenance.config_digests if found.provenance else ()
        if recorded and own not in recorded:  # a copied or renamed folder
            raise records.damaged("record-stranger", path=str(path), digest=recorded[0], own=own)
        return found
    except DataError as problem:
        return Run(**about, state=DAMAGED, error=str(problem), finding=problem.finding)


def _read(
    path: Path,
    experiment: str,
    seed: int,
    config: RunConfig,
    checkpoint: str,
    shared: "_Shared",
    *,
    stale: bool = False,
) -> Run:
    """Reads a started run and validates its records. Raises DataError."""
    status = records.read_status(path)
    state: State = status["state"]  # validated by record_schema
    done = state == DONE
    recorded = records.read_config(path)
    summary = records.read_summary(path) if done else None
    environment = records.read_environment(path) if done or (path / "environment.json").exists() else None
    events = (path / "events.jsonl").exists()
    if done and not events:
        raise records.damaged("record-lost-events", path=str(path))
    found = Run(
        experiment=experiment,
        seed=seed,
        state=state,
        error=status.get("error"),
        finding=_finding(status),
        metrics=summary["results"] if summary else {},
        epochs=tuple(records.read_events(path, "epoch", strict=done)) if events else (),
        health=_health(path, summary, config) if done or events else (),
        provenance=_provenance(environment, summary, recorded) if environment else None,
        config=config,
        directory=path.name,
        heard=status.get("heartbeat"),
        stale=stale,
        load_outcomes=_outcomes_of(path, shared),
        load_scaled=_scaled_of(path, config),
    )
    for name in dict.fromkeys((checkpoint, BEST_ON_TEST)):
        if done and name in found.metrics["test"]:
            found.outcomes(name)
    return found


# --- records --------------------------------------------------------------------------------------------


def _finding(status: Mapping[str, Any]) -> Finding | None:
    """Why a run ended, as data; None if an earlier version wrote only a sentence."""
    found = status.get("finding")
    return Finding.from_dict(found) if found else None


def _health(path: Path, summary: Mapping[str, Any] | None, config: RunConfig) -> tuple[Finding, ...]:
    """Findings of health checks, of an unfinished run those so far."""
    rows = (summary or {}).get("health")
    file = path / ("summary.json" if rows else "events.jsonl")
    if not rows and file.exists():
        rows = records.read_events(path, "health", strict=summary is not None)
    try:
        return tuple(health_records.read(rows or [], config.data.name))
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        if isinstance(problem, DataError):
            raise
        wrong = record_schema.differs("health", str(problem), Finding("expected-findings"))
        record = "summary" if rows else "run"
        raise records.damaged("record-misfit", path=str(file), problem=wrong, record=record) from problem


def _provenance(
    environment: Mapping[str, Any], summary: Mapping[str, Any] | None, recorded: RunConfig
) -> Provenance:
    code, data, hardware = environment["code"], environment["data"], environment.get("hardware") or {}
    finished = summary or {}
    digests = [recorded.digest, environment["digest"], *([summary["digest"]] if summary else [])]
    return Provenance(
        config_digests=tuple(dict.fromkeys(digests)),
        code_digests=tuple(finished.get("code") or [code["digest"]]),
        revision=code.get("revision"),
        modified=code.get("dirty"),
        data=DataSet(
            name=data["name"],
            digest=data["digest"],
            classes=tuple(map(str, data.get("class_names", ()))),
            superclasses=tuple(map(str, data.get("superclass_names", ()))),
            superclass_of=tuple(map(int, data.get("superclass_of", ()))),
            images=dict(summary["data"]["images"]) if summary else {},
        ),
        weights=environment["weights"],
        packages=environment["packages"],
        device=environment["device"],
        system={name: environment.get(name) for name in ("mixscope", "python", "platform")} | hardware,
        protocol=finished.get("protocol"),
        checkpoints=finished.get("checkpoints", {}),
        seconds=finished.get("seconds"),
        images_per_second=finished.get("images_per_second"),
        study=begun if isinstance(begun := environment.get("study"), dict) else None,
    )


# --- predictions ----------------------------------------------------------------------------------------


class _Shared:
    """ids and labels of each test set, stored once for all runs tested on it."""

    def __init__(self) -> None:
        self._sets: list[tuple[np.ndarray, np.ndarray]] = []

    def once(self, ids: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for one in self._sets:
            if np.array_equal(one[0], ids) and np.array_equal(one[1], labels):
                return one
        self._sets.append((ids, labels))
        return ids, labels


def _outcomes_of(path: Path, shared: _Shared) -> Callable[[str], Outcomes | None]:
    def load(checkpoint: str) -> Outcomes | None:
        found = records.read_predictions(path, f"test-{checkpoint}")
        file = path / "predictions" / f"test-{checkpoint}.npz"
        ids, labels = shared.once(found.ids, found.labels)
        try:
            made = Outcomes.from_logits(ids, labels, found.logits)
        except DataError as problem:
            raise records.damaged(
                "predictions-damaged", path=str(file), reason=str(problem), run=str(path)
            ) from problem
        return made

    return load


def _scaled_of(path: Path, config: RunConfig) -> Callable[[str], Scaled | None]:
    def load(checkpoint: str) -> Scaled | None:
        if config.data.val_fraction == 0 or checkpoint == BEST_ON_TEST:
            return None
        held = records.read_predictions(path, f"val-{checkpoint}")
        found = records.read_predictions(path, f"test-{checkpoint}")
        scale = calibration.scale_that_fits(held.logits, held.labels)
        return Scaled(
            temperature=1.0 / scale, ece=metrics.ece(scale * found.logits.astype(np.float64), found.labels)
        )

    return load
