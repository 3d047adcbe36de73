"""A study: factors, seeds and claims, expanded into experiments and their runs (matrix.py reads its file)."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixscope.errors import ConfigError, unknown
from mixscope.study import claim
from mixscope.study import config as settings
from mixscope.study.claim import Claim
from mixscope.study.config import RunConfig
from mixscope.study.document import Document, Key


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        name: Name of its experiment.
        levels: Its level of every factor.
        seed: Seed.
        config: Settings.
        directory: Name of its folder: experiment, seed and digest of the settings.
    """

    name: str
    levels: Mapping[str, str]
    seed: int
    config: RunConfig
    directory: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Computes the name of the directory."""
        object.__setattr__(self, "directory", f"{self.stem}-{self.config.digest}")

    @property
    def digest(self) -> str:
        """Of the settings; as `config.digest`, which is computed at every call."""
        return self.directory.rpartition("-")[2]

    @property
    def stem(self) -> str:
        """The common part of the directories of this experiment and seed, whatever the settings."""
        return f"{self.name}-s{self.seed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study.

    Attributes:
        name: Name of the study.
        title: What is compared.
        base: Settings of every run.
        factors: `{factor: {level: {setting: value}}}`, in order.
        rules: Settings that depend on several levels.
        seeds: Seeds, in order.
        names: Levels by name of the experiment; empty if names are joined levels.
        claims: The claims.
        looks: Numbers of seeds at which claims are judged, ascending; empty if not set.
        text: The complete study file, with everything it extends.
        file: The parsed file, with line numbers.
    """

    name: str
    title: str
    base: Mapping[str, Any]
    factors: Mapping[str, Mapping[str, Mapping[str, Any]]]
    rules: Sequence[Mapping[str, Any]]
    seeds: Sequence[int]
    names: Mapping[str, Mapping[str, str]]
    claims: tuple[Claim, ...]
    looks: tuple[int, ...]
    text: str
    file: Document = field(repr=False, compare=False)
    _runs: list[PlannedRun] = field(init=False, repr=False, compare=False, default_factory=list)

    @property
    def digest(self) -> str:
        """Digest of the claims and of all runs."""
        tree: dict[str, Any] = {"claims": [c.to_dict() for c in self.claims]}
        tree |= {"runs": [r.directory for r in self.expand()]} | ({"looks": self.looks} if self.looks else {})
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def claims_digest(self) -> str:
        """Digest of the claims and of the numbers of seeds at which they are judged."""
        return claim.digest(self.claims, self.looks)

    def experiments(self) -> list[tuple[str, dict[str, str]]]:
        """All combinations of levels with the experiments' names; the last factor varies fastest."""
        found = []
        for combination in itertools.product(*self.factors.values()):
            levels = dict(zip(self.factors, combination, strict=True))
            name = next((n for n, c in self.names.items() if dict(c) == levels), None)
            found.append(("-".join(levels.values()) if name is None else name, levels))
        return found

    def expand(self, *, only: Mapping[str, str] | None = None, seeds: int | None = None) -> list[PlannedRun]:
        """All runs, ordered so that complete comparisons appear early.

        Every model and augmentation of one stratum and seed come before the next.

        Args:
            only: Restricts to runs with these levels (factor=level), name=EXPERIMENT or seed=N.
            seeds: Number of seeds to use, from the first; None for all.

        Raises:
            ConfigError: If a name or seed is unknown, or settings are invalid.
        """
        if seeds is not None and not 1 <= seeds <= len(self.seeds):
            raise ConfigError(
                "out-of-range",
                f"{self.name} has {len(self.seeds)} seeds, of which {seeds} cannot be taken;"
                " list more under seeds in its file",
                key="--seeds",
            )
        wanted = dict(only or {})
        for key, value in wanted.items():
            self._known(key, value)
        first = set(self.seeds[:seeds])
        return [
            run
            for run in self._every()
            if run.seed in first
            and all(
                {**run.levels, "name": run.name, "seed": str(run.seed)}[key] == str(value)
                for key, value in wanted.items()
            )
        ]

    def _every(self) -> list[PlannedRun]:
        """All runs in order, cached, since status commands use them several times."""
        if not self._runs:
            compared = ("model", "augmentation")
            runs = []
            for name, levels in self.experiments():
                config = self._config(levels, self.seeds[0], name)
                for seed in self.seeds:  # the only setting in which the runs of an experiment differ
                    config = dataclasses.replace(config, seed=seed)
                    runs.append(PlannedRun(name=name, levels=levels, seed=seed, config=config))
            self._runs.extend(
                sorted(
                    runs,
                    key=lambda r: (
                        self._place(r.levels, compared, leave=True),
                        r.seed,
                        self._place(r.levels, compared),
                    ),
                )
            )
        return self._runs

    def _place(
        self, levels: Mapping[str, str], compared: Sequence[str], leave: bool = False
    ) -> tuple[int, ...]:
        """The position of an experiment along the compared factors, or along all others."""
        return tuple(
            list(known).index(levels[factor])
            for factor, known in self.factors.items()
            if (factor in compared) != leave
        )

    def _known(self, key: str, value: str) -> None:
        if key == "name":
            known = [name for name, _ in self.experiments()]
        elif key == "seed":
            known = [str(seed) for seed in self.seeds]
        elif key in self.factors:
            known = list(self.factors[key])
        else:
            raise ConfigError(
                "unknown-name", unknown("factor", key, [*self.factors, "name", "seed"]), key="--only"
            )
        if str(value) not in known:
            raise ConfigError(
                "unknown-name", unknown("level", value, known), key="--only", place=f"--only {key}"
            )

    def _config(
        self, levels: Mapping[str, str], seed: int, name: str, without: Key | None = None
    ) -> RunConfig:
        tree: dict[str, Any] = {}
        for at, part in self._parts(levels):
            for key, value in part.items():
                if (*at, key) != without:
                    settings.set_key(tree, key, value)
        tree["seed"] = seed
        try:
            return settings.from_dict(tree)
        except ConfigError as problem:
            raise problem.reworded(f"{name}: {problem}") from problem

    def _parts(self, levels: Mapping[str, str]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        """The settings of an experiment with their location in the file; later ones override."""
        yield ("base",), self.base
        for factor, level in levels.items():
            yield ("factors", factor, level), self.factors[factor][level]
        for i, rule in enumerate(self.rules):
            if all(levels[f] == level for f, level in rule["when"].items()):
                yield ("rules", i, "set"), rule["set"]

    def blamed(self, problem: ConfigError, levels: Mapping[str, str], setting: str) -> ConfigError:
        """The error with the location of a setting of an experiment in front of its text."""
        named = [(*at, key) for at, part in self._parts(levels) for key in part if key == setting]
        return self.file.blamed(problem, *(named[-1] if named else (setting,)))

    def check(self) -> None:
        """Builds the settings of every run once.

        Raises:
            ConfigError: If a setting is invalid; names its line.
        """
        for name, levels in self.experiments():
            try:
                self._config(levels, self.seeds[0], name)
            except ConfigError as problem:
                blamed = self._blamed(levels, name, problem)
                raise self.file.blamed(problem, *blamed) from problem

    def _blamed(self, levels: Mapping[str, str], name: str, problem: ConfigError) -> Key:
        """The last setting whose removal solves the problem; the file itself, (), if no single one does."""
        places = [(*at, key) for at, part in self._parts(levels) for key in part]
        for place in reversed(places):
            try:
                self._config(levels, self.seeds[0], name, without=place)
            except ConfigError as other:
                if (other.args, other.key) == (problem.args, problem.key):
                    continue
            return place
        return ()
