"""A study: one YAML file that names factors, seeds and experiments, expanded into runs.

    name: my-study
    title: What is compared, in one line
    base: {train.epochs: 50, ...}              settings of every run
    factors:                                   each level is a set of settings
      model: {resnet50: {model.arch: resnet50}, vit: {model.arch: vit_small_patch16_224}}
    rules:                                     settings that hang on several levels
      - {when: {model: vit, data: tiny}, set: {model.patch_size: 8}}
    seeds: [0, 1, 2]
    names: {Control-1: {model: resnet50, ...}, ...}   one per combination; without it names are made of levels

What does not belong here: running (runs/scheduler.py), and the settings themselves (config.py).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from mixscope.errors import ConfigError, unknown
from mixscope.study import config as settings
from mixscope.study.config import RunConfig

KEYS = ("name", "title", "base", "factors", "rules", "seeds", "names")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One run of a study. cell: its level of every factor. directory: of its records, inside the study's."""

    name: str
    cell: Mapping[str, str]
    seed: int
    config: RunConfig

    @property
    def directory(self) -> str:
        return f"{self.name}-s{self.seed}-{self.config.digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study as its file says it. factors: {factor: {level: {setting: value}}}, in order."""

    name: str
    title: str
    base: Mapping[str, Any]
    factors: Mapping[str, Mapping[str, Mapping[str, Any]]]
    rules: Sequence[Mapping[str, Any]]
    seeds: Sequence[int]
    names: Mapping[str, Mapping[str, str]]

    def cells(self) -> list[tuple[str, dict[str, str]]]:
        """Every combination of levels with its experiment's name, the last factor varying fastest."""
        found = []
        for levels in itertools.product(*self.factors.values()):
            cell = dict(zip(self.factors, levels, strict=True))
            name = next((n for n, c in self.names.items() if dict(c) == cell), None)
            found.append((name or "-".join(cell.values()), cell))
        return found

    def expand(self, *, only: Mapping[str, str] | None = None, seeds: int | None = None) -> list[PlannedRun]:
        """All runs, so ordered that complete comparisons appear early: every model and arm of one stratum and
        seed before the next.

        only: keep runs with these levels (factor=level), name=EXPERIMENT or seed=N. seeds: the first so many.
        Raises ConfigError for names that are not known and settings that do not fit.
        """
        wanted = dict(only or {})
        for key, value in wanted.items():
            self._known(key, value)
        runs = []
        for name, cell in self.cells():
            for seed in self.seeds[: seeds or len(self.seeds)]:
                about = {**cell, "name": name, "seed": str(seed)}
                if all(about[key] == str(value) for key, value in wanted.items()):
                    runs.append(
                        PlannedRun(name=name, cell=cell, seed=seed, config=self._config(cell, seed, name))
                    )
        compared = ("model", "augmentation")
        return sorted(
            runs,
            key=lambda r: (self._place(r.cell, compared, leave=True), r.seed, self._place(r.cell, compared)),
        )

    def _place(
        self, cell: Mapping[str, str], compared: Sequence[str], leave: bool = False
    ) -> tuple[int, ...]:
        """Where a cell stands along the compared factors, or along all others."""
        return tuple(
            list(levels).index(cell[factor])
            for factor, levels in self.factors.items()
            if (factor in compared) != leave
        )

    def _known(self, key: str, value: str) -> None:
        if key == "name":
            known = [name for name, _ in self.cells()]
        elif key == "seed":
            known = [str(seed) for seed in self.seeds]
        elif key in self.factors:
            known = list(self.factors[key])
        else:
            raise ConfigError(unknown("--only", "factor", key, [*self.factors, "name", "seed"]))
        if str(value) not in known:
            raise ConfigError(unknown(f"--only {key}", "level", value, known))

    def _config(self, cell: Mapping[str, str], seed: int, name: str) -> RunConfig:
        tree: dict[str, Any] = {}
        parts = [self.base, *(self.factors[factor][level] for factor, level in cell.items())]
        parts += [r["set"] for r in self.rules if all(cell[f] == level for f, level in r["when"].items())]
        for part in parts:
            for key, value in part.items():
                settings.set_key(tree, key, value)
        tree["seed"] = seed
        return settings.from_dict(tree, where=f"study {self.name}, {name}: ")


def builtin() -> list[str]:
    """The names of the studies that come with mixscope."""
    folder = resources.files("mixscope.study") / "builtin"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load(study: str) -> Study:
    """A study from a YAML file, or a built-in one by its name.

    Raises ConfigError that names the file, the line where YAML is broken, and the key.
    """
    if study.endswith((".yaml", ".yml")):
        return parse(settings.read_yaml(Path(study)), where=study)
    if study not in builtin():
        raise ConfigError(unknown("STUDY", "built-in study (or .yaml file)", study, builtin()))
    text = (resources.files("mixscope.study") / "builtin" / f"{study}.yaml").read_text(encoding="utf-8")
    return parse(yaml.safe_load(text), where=study)


def parse(tree: Mapping[str, Any], *, where: str) -> Study:
    """A study from nested dictionaries, every combination of it checked. Raises ConfigError."""
    for key in tree:
        if key not in KEYS:
            raise ConfigError(unknown(f"{where}: {key}", "key of a study", key, KEYS))
    for key in ("name", "factors", "seeds"):
        if not tree.get(key):
            raise ConfigError(f"{where}: {key} is missing; a study needs name, factors and seeds")
    seeds = tree["seeds"]
    if (
        not isinstance(seeds, list)
        or not all(isinstance(s, int) for s in seeds)
        or len(set(seeds)) < len(seeds)
    ):
        raise ConfigError(f"{where}: seeds: expected a list of different whole numbers, got {seeds!r}")
    factors: dict[str, dict[str, dict[str, Any]]] = {}
    for factor, levels in _mapping(tree["factors"], f"{where}: factors").items():
        factors[str(factor)] = {}
        for level, values in _mapping(levels, f"{where}: factors.{factor}").items():
            factors[str(factor)][_word(level)] = dict(
                _mapping(values or {}, f"{where}: factors.{factor}.{level}")
            )
    study = Study(
        name=str(tree["name"]),
        title=str(tree.get("title", tree["name"])),
        base=_mapping(tree.get("base") or {}, f"{where}: base"),
        factors=factors,
        rules=[_rule(r, factors, f"{where}: rules[{i}]") for i, r in enumerate(tree.get("rules") or [])],
        seeds=seeds,
        names={
            str(n): _cell(c, factors, f"{where}: names.{n}") for n, c in (tree.get("names") or {}).items()
        },
    )
    _check_names(study, where)
    study.expand()
    return study


def _rule(rule: object, factors: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, Any]:
    found = _mapping(rule, where)
    if set(found) != {"when", "set"}:
        raise ConfigError(f"{where}: expected when and set, got {', '.join(map(str, found))}")
    when = {
        f: _level(f, level, factors, f"{where}.when") for f, level in _mapping(found["when"], where).items()
    }
    return {"when": when, "set": _mapping(found["set"], f"{where}.set")}


def _cell(cell: object, factors: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, str]:
    found = _mapping(cell, where)
    levels = {f: _level(f, level, factors, where) for f, level in found.items()}
    missing = [f for f in factors if f not in levels]
    if missing:
        raise ConfigError(f"{where}: says nothing of {', '.join(missing)}; a name belongs to one combination")
    return {f: levels[f] for f in factors}


def _level(factor: str, level: object, factors: Mapping[str, Mapping[str, Any]], where: str) -> str:
    if factor not in factors:
        raise ConfigError(unknown(where, "factor", factor, factors))
    name = _word(level)
    if name not in factors[factor]:
        raise ConfigError(unknown(f"{where}.{factor}", "level", name, factors[factor]))
    return name


def _check_names(study: Study, where: str) -> None:
    """Either every combination has one name of its own, or none has."""
    if not study.names:
        return
    named = [tuple(cell.values()) for cell in study.names.values()]
    twice = next((n for n, c in zip(study.names, named, strict=True) if named.count(c) > 1), None)
    if twice is not None:
        raise ConfigError(f"{where}: names.{twice}: another name has the same combination")
    missing = [c for c in itertools.product(*study.factors.values()) if c not in named]
    if missing:
        raise ConfigError(f"{where}: names: the combination {', '.join(missing[0])} has no name")


def _word(level: object) -> str:
    """A level's name; YAML reads yes and no as true and false."""
    return ("yes" if level else "no") if isinstance(level, bool) else str(level)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected `key: value`, got {value!r}")
    return value
