"""Everything that a report tells, as plain figures: gathered once, run by run, in no language yet.

Predictions are read one file at a time and reduced at once, so that a study of many runs needs little
memory. What cannot be read becomes a sentence in the story, never an exception: a report of a partial or
damaged study says so.

What does not belong here: how figures are drawn or worded (plots.py, sections/), and verdicts (claims).
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixscope import calibration
from mixscope.audit.findings import AuditFinding
from mixscope.calibration import Reliability
from mixscope.claims import budget, health
from mixscope.claims.budget import Budget
from mixscope.claims.evidence import DAMAGED, PENDING, Evidence, RunEvidence
from mixscope.claims.health import Problem
from mixscope.claims.verdicts import Verdict
from mixscope.errors import DataError
from mixscope.findings import Finding
from mixscope.report import classes, published
from mixscope.report.classes import ClassGains, Confused
from mixscope.report.design import Design
from mixscope.report.design import read as read_design
from mixscope.report.published import Curve, Reference
from mixscope.runs import records
from mixscope.study.matrix import Study

FIGURES = ("top1", "top5", "precision", "recall", "f1", "nll", "ece")  # the first five in percent
PERCENT = ("top1", "top5", "precision", "recall", "f1", "ece")
CONFUSED = 30  # pairs a cell that are listed
FITTED = 2500  # validation images, about, that a temperature is fitted on


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A planned run. What is not there yet is None or empty. ended: when it was last heard of."""

    experiment: str
    levels: Mapping[str, str]
    seed: int
    directory: str
    state: str
    epochs_planned: int
    error: str | None
    epochs: Sequence[Mapping[str, Any]]
    environment: Mapping[str, Any] | None
    summary: Mapping[str, Any] | None
    health: Sequence[Finding]
    ended: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """Calibration after scaling: the temperature that fits the validation images, and the ECE in percent."""

    temperature: float
    ece: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a cell's predictions on the test split say. seeds: those that could be read, in order.

    hits: bool (seeds, n). labels: int64 (n,). counts: int64 (n_classes, n_classes), over seeds. scaled: by
    seed, where validation images were held out.
    """

    seeds: tuple[int, ...]
    labels: np.ndarray
    hits: np.ndarray
    counts: np.ndarray
    reliability: Reliability
    scaled: Mapping[int, Scaled]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One combination of levels over its seeds.

    data: the name of its data set. checkpoint: whose figures count: "last", under protocol published
    "best-on-test". by_seed: {figure: {seed: value}}, percent where PERCENT says so. published: {figure:
    percent} of the reference, if it has the cell. doubts: what an audit says against these.
    """

    experiment: str
    data: str
    levels: Mapping[str, str]
    checkpoint: str
    runs: tuple[Run, ...]
    by_seed: Mapping[str, Mapping[int, float]]
    judged: Judged | None
    published: Mapping[str, float | None] | None
    doubts: Sequence[AuditFinding]
    published_curves: Sequence[Curve]

    @property
    def seeds(self) -> int:
        """How many seeds have figures."""
        return len(self.by_seed["top1"])

    def mean(self, figure: str) -> float | None:
        """Mean over seeds of a figure, in its own unit; None where no seed has it."""
        values = list(self.by_seed[figure].values())
        return statistics.fmean(values) if values else None

    def deviation(self, figure: str) -> float | None:
        """Between seeds; None below two."""
        values = list(self.by_seed[figure].values())
        return statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmGains:
    """Class by class, what an arm gains over the plain one in the cell with these other levels."""

    levels: Mapping[str, str]
    arm: str
    seeds: int
    gains: ClassGains


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """What is known of a data set by name. superclass_of: a superclass number a class, or empty."""

    name: str
    digest: str
    classes: tuple[str, ...]
    superclasses: tuple[str, ...]
    superclass_of: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """Everything. problems: what is not as the study asks. unreadable: what of the records cannot be read.

    budgets: of the claims. gain_budgets: of every mixed arm over the plain one; their stratum has the arm.
    """

    study: Study
    folder: Path
    design: Design
    verdicts: Sequence[Verdict]
    cells: Sequence[Cell]
    data: Mapping[str, DataSet]
    class_gains: Mapping[str, Sequence[ArmGains]]
    problems: Sequence[Problem]
    budgets: Sequence[Budget]
    gain_budgets: Sequence[Budget]
    unreadable: Sequence[str]

    @property
    def runs(self) -> list[Run]:
        """Every run that the study asks for, done or not, cell by cell."""
        return [run for cell in self.cells for run in cell.runs]

    @property
    def done(self) -> list[Run]:
        """The runs whose figures are told."""
        return [run for run in self.runs if run.state == "done"]

    @property
    def complete(self) -> bool:
        """Whether every run that the study asks for is done."""
        return len(self.done) == len(self.runs)


def gather(
    evidence: Evidence,
    judge: Callable[[Evidence], Sequence[Verdict]],
    *,
    reference: Path | None = None,
    curves: Path | None = None,
) -> Story:
    """The story of a study, its claims judged by `judge` (claims.verdicts.judge).

    Raises DataError when a file of published figures cannot be read.
    """
    table = published.table(reference) if reference else None
    logs = published.curves(curves) if curves else {}
    unreadable: list[str] = []
    cells: list[Cell] = []
    data: dict[str, DataSet] = {}
    for experiment, by_seed in evidence.runs.items():
        cell = _cell(experiment, by_seed, table, logs.get(experiment, ()), unreadable)
        cells.append(cell)
        for run in cell.runs:
            if run.environment is not None:
                found = _data_set(run.environment["data"])
                data.setdefault(found.name, found)
    design = read_design(evidence.study)
    return Story(
        study=evidence.study,
        folder=evidence.folder,
        design=design,
        verdicts=judge(evidence),
        cells=_in_order(cells, evidence.study),
        data=data,
        class_gains=_class_gains(cells, design, unreadable),
        problems=health.examine(evidence),
        budgets=budget.follow(evidence),
        gain_budgets=_gain_budgets(evidence, cells, design),
        unreadable=unreadable,
    )


def _in_order(cells: Sequence[Cell], study: Study) -> list[Cell]:
    """In the order in which the study names its experiments, else the last factor varying fastest."""
    place = {name: i for i, name in enumerate(study.names or [name for name, _ in study.cells()])}
    return sorted(cells, key=lambda cell: place[cell.experiment])


# --- one cell -----------------------------------------------------------------------------------


def _cell(
    experiment: str,
    by_seed: Mapping[int, RunEvidence],
    reference: Reference | None,
    logs: Sequence[Curve],
    unreadable: list[str],
) -> Cell:
    runs = [_run(run, unreadable) for run in by_seed.values()]
    first = next(iter(by_seed.values())).planned
    checkpoint = "best-on-test" if first.config.train.protocol == "published" else "last"
    figures: dict[str, dict[int, float]] = {name: {} for name in FIGURES}
    for run in runs:
        if run.summary is not None:
            row = run.summary["results"]["test"].get(checkpoint, {})
            for name in FIGURES:
                if row.get(name) is not None:
                    figures[name][run.seed] = row[name] * (100.0 if name in PERCENT else 1.0)
    return Cell(
        experiment=experiment,
        data=first.config.data.name,
        levels=dict(first.cell),
        checkpoint=checkpoint,
        runs=tuple(runs),
        by_seed=figures,
        judged=_judged([r for r in by_seed.values() if r.done], f"test-{checkpoint}", unreadable),
        published=reference.values.get(experiment) if reference else None,
        doubts=reference.doubts.get(experiment, ()) if reference else (),
        published_curves=logs,
    )


def _run(run: RunEvidence, unreadable: list[str]) -> Run:
    if run.why is not None:
        unreadable.append(run.why)
    begun = run.state not in (PENDING, DAMAGED)
    status = records.read_status(run.path) if begun else {}
    return Run(
        experiment=run.planned.name,
        levels=dict(run.planned.cell),
        seed=run.planned.seed,
        directory=run.planned.directory,
        state=run.state,
        epochs_planned=run.planned.config.train.epochs,
        error=run.why or status.get("error"),
        epochs=run.epochs,
        environment=run.environment if begun and (run.path / "environment.json").exists() else None,
        summary=run.summary if run.done else None,
        health=run.health,
        ended=status.get("heartbeat"),
    )


def _judged(runs: Sequence[RunEvidence], name: str, unreadable: list[str]) -> Judged | None:
    """The predictions of a cell's runs, one file at a time."""
    seeds, hits, sure = [], [], []
    scaled: dict[int, Scaled] = {}
    labels: np.ndarray | None = None
    ids: np.ndarray | None = None
    counts: np.ndarray | None = None
    for run in runs:
        try:
            found = run.predictions(name)
        except DataError as problem:
            unreadable.append(str(problem))
            continue
        k = found.logits.shape[1]
        if labels is None or ids is None or counts is None:
            labels, ids, counts = found.labels, found.ids, np.zeros((k, k), np.int64)
        elif not np.array_equal(ids, found.ids) or counts.shape != (k, k):
            unreadable.append(
                f"{run.path}: its predictions are of other test examples than those of its cell"
            )
            continue
        said = found.logits.argmax(axis=1)
        sure.append(calibration.sureness(found.logits))
        hits.append(said == labels)
        scale = _scale(run, name, unreadable)
        if scale is not None:
            again = calibration.reliability(calibration.sureness(found.logits, scale), hits[-1])
            scaled[run.planned.seed] = Scaled(temperature=1.0 / scale, ece=100.0 * again.error)
        counts += np.bincount(labels * k + said, minlength=k * k).reshape(k, k)
        seeds.append(run.planned.seed)
    if labels is None or counts is None:
        return None
    return Judged(
        seeds=tuple(seeds),
        labels=labels,
        hits=np.array(hits),
        counts=counts,
        reliability=calibration.reliability(np.concatenate(sure), np.concatenate(hits)),
        scaled=scaled,
    )


def _scale(run: RunEvidence, name: str, unreadable: list[str]) -> float | None:
    """What the logits are to be multiplied by, from validation images; None where none were held out."""
    held_out = name.replace("test-", "val-", 1)
    if run.planned.config.data.val_fraction == 0 or name == "test-best-on-test":
        return None
    try:
        found = run.predictions(held_out)
    except DataError as problem:
        unreadable.append(str(problem))
        return None
    few = slice(None, None, max(1, len(found.labels) // FITTED))
    return calibration.scale_that_fits(found.logits[few], found.labels[few])


def _data_set(data: Mapping[str, Any]) -> DataSet:
    return DataSet(
        name=str(data["name"]),
        digest=str(data["digest"]),
        classes=tuple(map(str, data.get("class_names", ()))),
        superclasses=tuple(map(str, data.get("superclass_names", ()))),
        superclass_of=tuple(map(int, data.get("superclass_of", ()))),
    )


# --- over cells ---------------------------------------------------------------------------------


def _class_gains(cells: Sequence[Cell], design: Design, unreadable: list[str]) -> dict[str, list[ArmGains]]:
    """By data set, every mixed arm against the plain one beside it."""
    found: dict[str, list[ArmGains]] = {}
    if design.arm is None or design.plain is None:
        return found
    for plain in cells:
        if plain.levels[design.arm] != design.plain or plain.judged is None:
            continue
        for arm in cells:
            beside = design.without(arm.levels, design.arm) == design.without(plain.levels, design.arm)
            if arm is plain or not beside or arm.judged is None:
                continue
            if not np.array_equal(arm.judged.labels, plain.judged.labels):
                unreadable.append(
                    f"{arm.experiment} and {plain.experiment}: were judged on different examples"
                )
                continue
            gains = classes.gains(
                arm.judged.hits, plain.judged.hits, plain.judged.labels, len(plain.judged.counts)
            )
            seeds = min(len(arm.judged.seeds), len(plain.judged.seeds))
            levels = {f: level for f, level in plain.levels.items() if f != design.arm}
            one = ArmGains(levels=levels, arm=arm.levels[design.arm], seeds=seeds, gains=gains)
            found.setdefault(plain.data, []).append(one)
    return found


def _gain_budgets(evidence: Evidence, cells: Sequence[Cell], design: Design) -> list[Budget]:
    """Of every mixed arm over the plain one; the stratum has the arm."""
    found = []
    for plain in cells:
        if design.arm is None or plain.levels[design.arm] != design.plain:
            continue
        for arm in cells:
            if arm is not plain and design.without(arm.levels, design.arm) == design.without(
                plain.levels, design.arm
            ):
                weights = {arm.experiment: 1.0, plain.experiment: -1.0}
                one = budget.of(evidence, weights, stratum=arm.levels)
                found += [one] if one is not None else []
    return found


def confused(cell: Cell, most: int = CONFUSED) -> list[Confused]:
    """The pairs that a cell confuses most."""
    return classes.most_confused(cell.judged.counts, most) if cell.judged else []


def selection(run: Run) -> dict[str, float]:
    """Test top-1 in percent by checkpoint of a finished run: what choosing an epoch is worth."""
    tests = run.summary["results"]["test"] if run.summary else {}
    return {name: 100.0 * row["top1"] for name, row in tests.items()}


def superclass_gains(one: ArmGains, data: DataSet) -> np.ndarray:
    """Mean shrunken gain of each superclass, float64 (superclasses,), in percentage points."""
    of = np.array(data.superclass_of)
    return np.array([np.nanmean(one.gains.shrunken[of == s]) for s in range(len(data.superclasses))])
