"""Results of trained classifiers: experiments with factor levels, their runs, and per-example outcomes.

One structure for all measurements, whoever trained the models: a study's folder, a bundle, a CSV of
accuracies, prediction files, a table of means. Claims, reports, comparisons and tables take it and nothing
else. Unknown values are None or empty, never a guess and never 0.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mixscope import i18n
from mixscope.errors import DataError, unknown
from mixscope.findings import Finding
from mixscope.results import analysis_documents
from mixscope.results.outcomes import Outcomes
from mixscope.study import gains
from mixscope.study.claim import Claim
from mixscope.study.config import RunConfig
from mixscope.study.gains import Contrast
from mixscope.study.roles import Roles

if TYPE_CHECKING:
    import pandas

LAST, SELECTED, BEST_ON_TEST = "last", "selected", "best-on-test"  # checkpoints
State = Literal["pending", "running", "interrupted", "failed", "done", "damaged"]
STATES: tuple[State, ...] = get_args(State)
PENDING, RUNNING, INTERRUPTED, FAILED, DONE, DAMAGED = STATES
SPREADS = ("sd", "sd0", "se", "ci95")  # kinds of spread in printed tables

Metrics = Mapping[str, Mapping[str, Mapping[str, float | int | None]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """The data that a run was trained and tested on.

    Attributes:
        name: Name in the study.
        digest: Digest of its bytes; None if it was not recorded.
        classes: Name of each class; empty if unknown.
        superclasses: Name of each superclass; empty without any.
        superclass_of: Index into `superclasses` for each class; empty without any.
        images: Number of images by split.
    """

    name: str
    digest: str | None = None
    classes: tuple[str, ...] = ()
    superclasses: tuple[str, ...] = ()
    superclass_of: tuple[int, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)

    def class_name(self, number: int) -> str:
        """Name of a class; its number if the name is unknown."""
        return self.classes[number] if number < len(self.classes) else str(number)


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """The provenance of a run, from its records.

    Attributes:
        config_digests: Digests of the settings in each record; one if they agree.
        code_digests: Digests of the code, more than one if other code resumed the run.
        revision: Git revision of the code; None without one.
        modified: Whether files differed from that revision; None without one.
        data: The data set; None if unknown.
        weights: Origin of the initial weights: weights, file, sha256, training_data, and so on.
        packages: Version of each package.
        device: Device: name, type, threads, ranks.
        system: mixscope, python, platform, cpu, cores, memory_gib.
        protocol: "sound" or "published"; None before the run is finished.
        checkpoints: Epoch of each evaluated checkpoint.
        seconds: Training time; None if unknown.
        images_per_second: Training throughput; None if unknown.
        study: What the run recorded about its study at its start: name, claims (their digest), rules, seeds,
            looks, factors; None if it recorded nothing.
    """

    config_digests: tuple[str, ...] = ()
    code_digests: tuple[str, ...] = ()
    revision: str | None = None
    modified: bool | None = None
    data: DataSet | None = None
    weights: Mapping[str, Any] = field(default_factory=dict)
    packages: Mapping[str, str | None] = field(default_factory=dict)
    device: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
    protocol: str | None = None
    checkpoints: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    images_per_second: float | None = None
    study: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """Calibration after temperature scaling (Guo et al. 2017, arXiv 1706.04599).

    Attributes:
        temperature: Fitted on all validation images.
        ece: Expected calibration error on the test split after scaling, 0 to 1.
    """

    temperature: float
    ece: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One combination of levels.

    Attributes:
        name: Unique among the experiments.
        levels: Level of every factor.
        data: Name of its data set.
        config: Settings of its runs, for any seed; None for models trained elsewhere.
    """

    name: str
    levels: Mapping[str, str]
    data: str
    config: RunConfig | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Run:
    """One run of an experiment: planned, running or ended.

    Attributes:
        experiment: Name of its experiment.
        seed: Unique within the experiment.
        state: One of `STATES`. Only "done" counts as a result; "damaged" means that its records are damaged.
        error: Why it failed or what is damaged, in a sentence; None otherwise.
        finding: The same as data, if available.
        metrics: `{split: {checkpoint: {metric: value}}}`: n (examples), top1, top5, precision, recall, f1,
            ece (in [0, 1]), nll (nats), brier (0 to 2). A run with known accuracy only has `{"test": {"last":
            {"top1": accuracy, "n": n_test}}}`.
        epochs: One row per completed epoch: epoch, train_loss, val_top1 (percent), lr, seconds, and so on.
        health: Findings of the health checks.
        provenance: Its provenance; None if it was not recorded.
        config: Its planned settings; None for models trained elsewhere.
        directory: Name of its folder; "" without one.
        heard: When its records were last written, ISO 8601 with time zone; None if unknown.
        stale: Whether a folder of this experiment and seed with other settings exists.
    """

    experiment: str
    seed: int
    state: State = DONE
    error: str | None = None
    finding: Finding | None = None
    metrics: Metrics = field(default_factory=dict)
    epochs: Sequence[Mapping[str, Any]] = ()
    health: Sequence[Finding] = ()
    provenance: Provenance | None = None
    config: RunConfig | None = None
    directory: str = ""
    heard: str | None = None
    stale: bool = False
    load_outcomes: Callable[[str], Outcomes | None] | None = field(default=None, repr=False, compare=False)
    load_scaled: Callable[[str], Scaled | None] | None = field(default=None, repr=False, compare=False)
    _kept: dict[str, Outcomes | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        """Experiment, seed and state."""
        return f"<Run {self.label}: {self.state}>"

    @property
    def done(self) -> bool:
        """Whether it is finished; only then it counts as a result."""
        return self.state == DONE

    @property
    def label(self) -> str:
        """Name in sentences."""
        return f"{self.experiment} seed {self.seed}"

    @property
    def reason(self) -> Finding | None:
        """Why it failed or what is damaged; None otherwise."""
        finding = None if self.error is None else Finding("recorded-error", "fail", {"text": self.error})
        return self.finding or finding

    def outcomes(self, checkpoint: str = LAST) -> Outcomes | None:
        """Outcomes on the test split, read on first access and cached.

        Args:
            checkpoint: "last", "selected" or "best-on-test"; "last" for models trained elsewhere.

        Returns:
            None if only metrics are known, and for an unfinished run.

        Raises:
            DataError: If the predictions are missing or damaged.
        """
        if not self.done or self.load_outcomes is None:
            return None
        if checkpoint not in self._kept:
            self._kept[checkpoint] = self.load_outcomes(checkpoint)
        return self._kept[checkpoint]

    def scaled(self, checkpoint: str = LAST) -> Scaled | None:
        """Calibration after temperature scaling; None without a validation split.

        Raises:
            DataError: If the predictions are missing or damaged.
        """
        return self.load_scaled(checkpoint) if self.done and self.load_scaled is not None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """An experiment with known mean accuracy and spread over seeds, without its runs.

    Attributes:
        experiment: Name of its experiment.
        mean: Mean test accuracy over seeds, in [0, 1].
        spread: In the unit of `mean`; None if unknown.
        spread_kind: "sd" (divisor n_seeds - 1), "sd0" (divisor n_seeds), "se" (of the mean) or "ci95" (half
            width of a 95 % interval); None without a spread.
        n_seeds: Number of runs.
        n_test: Number of test examples; None if unknown.
    """

    experiment: str
    mean: float
    spread: float | None
    spread_kind: str | None
    n_seeds: int
    n_test: int | None

    def __post_init__(self) -> None:
        """Raises DataError for impossible values."""
        if not 0 <= self.mean <= 1:
            raise DataError(
                "out-of-range",
                f"expected a mean accuracy of 0 to 1, got {self.mean:g}",
                path=self.experiment,
            )
        if self.spread is not None and self.spread_kind not in SPREADS:
            raise DataError(
                "unknown-name",
                unknown("spread", self.spread_kind, SPREADS),
                key="spread_kind",
                path=self.experiment,
            )
        if self.n_seeds < 1 or (self.spread is not None and not self.spread >= 0):
            raise DataError(
                "out-of-range", "expected 1 seed or more and a spread of 0 or more", path=self.experiment
            )
        if self.spread is not None and self.n_seeds < 2:
            raise DataError(
                "out-of-range",
                f"a spread of {self.spread:g} needs two runs or more, got 1",
                path=self.experiment,
            )

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds (divisor n_seeds - 1), in the unit of `mean`.

        None without a spread.
        """
        if self.spread is None:
            return None
        if self.spread_kind == "sd":
            return self.spread
        if self.spread_kind == "sd0":
            return self.spread * math.sqrt(self.n_seeds / (self.n_seeds - 1))
        error = self.spread / _half_width(self.n_seeds) if self.spread_kind == "ci95" else self.spread
        return error * math.sqrt(self.n_seeds)


def _half_width(n_seeds: int) -> float:
    """Half width of Student's 95 % interval, in standard errors."""
    from scipy import stats

    return float(stats.t.ppf(0.975, n_seeds - 1))


@dataclass(frozen=True, kw_only=True, repr=False)
class Results:
    """Results of trained classifiers.

    Attributes:
        name: Short name, for instance of the study.
        title: One line on what is compared.
        roles: Factors with their levels and roles.
        experiments: In order; every one has a level of every factor.
        runs: In order, those of one experiment by planned seed; unfinished ones included.
        summaries: Experiments with known mean and spread only.
        seeds: Planned seeds; existing ones if nothing was planned.
        claims: Claims made beforehand; empty without claims.
        looks: Numbers of seeds at which claims are judged; empty if not declared.
        claims_digest: Digest of the plan's claims and looks; None without a plan.
        claims_file: Where the claims were read, if not in the plan; "" otherwise.
        digest: Digest of the plan, claims included; None without a plan.
        source: Origin, for messages.
        folder: The study's folder; None for results from elsewhere.
        plan: Text of the study file; None without a plan.
        notes: What was inferred or assumed in reading; `said` gives sentences.
        unasked: Folders of runs that were started for this study and are not in its plan now.
    """

    name: str
    roles: Roles
    experiments: tuple[Experiment, ...]
    runs: tuple[Run, ...] = ()
    summaries: tuple[Summary, ...] = ()
    title: str = ""
    seeds: tuple[int, ...] = ()
    claims: tuple[Claim, ...] = ()
    looks: tuple[int, ...] = ()
    claims_digest: str | None = None
    claims_file: str = ""
    digest: str | None = None
    source: str = ""
    folder: Path | None = None
    plan: str | None = None
    notes: tuple[Finding, ...] = ()
    unasked: tuple[str, ...] = ()
    load_analysis: Callable[[str], Mapping[str, Any] | None] | None = field(
        default=None, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Raises DataError for inconsistent experiments, levels or runs."""
        names = [experiment.name for experiment in self.experiments]
        for name in names:
            if names.count(name) > 1:
                raise DataError("duplicate", f"two experiments are called {name}", path=self.source)
        for experiment in self.experiments:
            for factor, levels in self.factors.items():
                if experiment.levels.get(factor) not in levels:
                    level = experiment.levels.get(factor)
                    raise DataError(
                        "unknown-name",
                        unknown("level", level, levels),
                        key=factor,
                        place=f"{experiment.name}: {factor}",
                    )
        seen = set()
        for run in self.runs:
            if run.experiment not in names:
                raise DataError(
                    "unknown-name",
                    unknown("experiment", run.experiment, names),
                    path=self.source,
                    place=f"{self.source}: seed {run.seed}",
                )
            if run.state not in STATES:
                raise DataError(
                    "unknown-name",
                    unknown("state", run.state, STATES),
                    key="state",
                    place=f"{run.label}: state",
                )
            if (run.experiment, run.seed) in seen:
                raise DataError(
                    "duplicate", f"{run.label} is there twice; one row a run is expected", path=self.source
                )
            seen.add((run.experiment, run.seed))
        for summary in self.summaries:
            if summary.experiment not in names:
                raise DataError(
                    "unknown-name", unknown("experiment", summary.experiment, names), path=self.source
                )

    def __repr__(self) -> str:
        """Name, size and source; the data are in `to_frame()`."""
        count = f"{len(self.done)} of {len(self.runs)} runs done"
        return f"<Results {self.name}: {len(self.experiments)} experiments, {count}, from {self.source}>"

    def said(self, lang: str = "en") -> list[str]:
        """The notes as sentences, in English ("en") or Korean ("ko")."""
        return [i18n.render(note, lang) for note in self.notes]

    @property
    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Levels of every factor, in order."""
        return self.roles.factors

    @property
    def done(self) -> list[Run]:
        """The runs that count as results, in order."""
        return [run for run in self.runs if run.done]

    @property
    def complete(self) -> bool:
        """Whether every planned run is finished."""
        return all(run.done for run in self.runs)

    def experiment(self, name: str) -> Experiment:
        """An experiment by name.

        Raises:
            KeyError: If it does not exist.
        """
        found = next((e for e in self.experiments if e.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def named(self, levels: Mapping[str, str]) -> str | None:
        """The name of the experiment with these levels; None if there is none."""
        wanted = dict(levels)
        return next((e.name for e in self.experiments if dict(e.levels) == wanted), None)

    def weights(self, experiments: Sequence[tuple[Mapping[str, str], float]]) -> dict[str, float]:
        """Converts weights by levels (`gains.experiments`) to weights by experiment.

        Raises:
            DataError: If no experiment has these levels.
        """
        names = {tuple(e.levels[f] for f in self.factors): e.name for e in self.experiments}
        found = {}
        for levels, weight in experiments:
            name = names.get(tuple(levels[f] for f in self.factors))
            if name is None:
                raise DataError(
                    "missing-results",
                    f"no experiment has the levels {', '.join(levels.values())}",
                    path=self.source,
                )
            found[name] = weight
        return found

    def contrasts(self, *kinds: str) -> list[tuple[Contrast, dict[str, float]]]:
        """Gains over the baseline, differences between models and of gains, with weights by experiment.

        Args:
            *kinds: Any of "gain", "model" and "difference of gains"; default: all.

        Returns:
            Those whose experiments all exist.
        """
        there = {tuple(e.levels[f] for f in self.factors) for e in self.experiments}
        found = []
        for contrast in gains.of_design(self.roles, kinds or (gains.GAIN, gains.MODEL, gains.OF_GAINS)):
            experiments = gains.experiments(contrast.weights, contrast.stratum, self.factors)
            if all(tuple(levels.values()) in there for levels, _ in experiments):
                found.append((contrast, self.weights(experiments)))
        return found

    def runs_of(self, name: str) -> list[Run]:
        """The runs of an experiment, finished or not."""
        return [run for run in self.runs if run.experiment == name]

    def done_of(self, name: str) -> list[Run]:
        """The finished runs of an experiment."""
        return [run for run in self.runs_of(name) if run.done]

    def summary_of(self, name: str) -> Summary | None:
        """Mean and spread of an experiment with unknown runs; None if they are known."""
        return next((s for s in self.summaries if s.experiment == name), None)

    def analysis(self, name: str) -> Mapping[str, Any] | None:
        """The summary of an analysis (`mixscope analyze --what NAME`); None if there is none.

        Raises:
            DataError: If it is damaged.
        """
        found = self.load_analysis(name) if self.load_analysis is not None else None
        return None if found is None else analysis_documents.current(found)

    def to_frame(self, checkpoint: str = LAST) -> "pandas.DataFrame":
        """One row per run; results/frames.py documents the columns.

        Raises:
            DataError: If predictions are missing or damaged.
        """
        from mixscope.results import frames

        return frames.runs(self, checkpoint)

    def outcomes(self, checkpoint: str = LAST) -> "pandas.DataFrame":
        """One row per finished run and test example; results/frames.py documents the columns.

        Raises:
            DataError: If predictions are missing or damaged.
        """
        from mixscope.results import frames

        return frames.outcomes(self, checkpoint)
