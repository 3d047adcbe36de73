"""The role of each factor of a study: augmentation, baseline, model, pretraining, strata.

Everything that groups or compares results uses this module. Roles are derived once, from the settings of
levels, or from names of factors and levels where results have no settings, or they are declared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mixscope.errors import ConfigError, unknown

# Names of factors and levels used when settings are unknown; compared in lower case without punctuation.
AUGMENTATION = ("augmentation", "augment", "aug", "mix", "mixing", "method", "regularization", "policy")
MODEL = ("model", "arch", "architecture", "network", "net", "backbone", "modelname", "encoder")
PRETRAINING = ("pretrained", "pretraining", "pretrain", "init", "initialization", "weights")
BASELINE = ("default", "none", "baseline", "base", "vanilla", "plain", "normal", "standard", "noaug", "no")
SCRATCH = ("scratch", "fromscratch", "none", "no", "false", "random", "0", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Factors with their levels and roles.

    Attributes:
        factors: Levels of every factor, in order.
        augmentation: Factor of the augmentation or mixing method; None without one.
        baseline: Its level that the others are compared with.
        model: Factor of the network; None without one.
        pretraining: Factor of the initial weights; None without one.
        scratch: Its level without pretrained weights.
    """

    factors: Mapping[str, tuple[str, ...]]
    augmentation: str | None = None
    baseline: str | None = None
    model: str | None = None
    pretraining: str | None = None
    scratch: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a role assigned to an unknown factor or level."""
        for role in ("augmentation", "model", "pretraining"):
            factor = getattr(self, role)
            if factor is not None and factor not in self.factors:
                raise ConfigError("unknown-name", unknown("factor", factor, self.factors), key=role)
        for role, factor in (("baseline", self.augmentation), ("scratch", self.pretraining)):
            level = getattr(self, role)
            if level is not None and level not in self.levels(factor):
                raise ConfigError(
                    "unknown-name", unknown(f"level of {factor}", level, self.levels(factor)), key=role
                )

    def with_baseline(self, level: str) -> "Roles":
        """The same roles with another baseline; the factor of this level becomes the augmentation.

        Raises:
            ConfigError: If no factor has this level.
        """
        if not self.factors:
            raise ConfigError(
                "conflict",
                f"--baseline {level}: these results have no factors; give a study or a table with a column of"
                " levels",
                key="--baseline",
            )
        having = [f for f in self.factors if level in self.factors[f]]
        if not having:
            known = self.augmentations or [x for each in self.factors.values() for x in each]
            raise ConfigError("unknown-name", unknown("level", level, known), key="--baseline")
        factor = self.augmentation if self.augmentation in having else having[0]
        pretraining = None if self.pretraining == factor else self.pretraining
        return replace(
            self,
            augmentation=factor,
            baseline=level,
            model=None if self.model == factor else self.model,
            pretraining=pretraining,
            scratch=self.scratch if pretraining else None,
        )

    def among(self, experiments: Iterable[Mapping[str, str]]) -> "Roles":
        """The same roles restricted to the levels of these experiments.

        Args:
            experiments: Levels of each experiment.
        """
        there = list(experiments)
        factors = {
            f: tuple(level for level in levels if any(one.get(f) == level for one in there))
            for f, levels in self.factors.items()
        }
        return replace(
            self,
            factors=factors,
            baseline=self.baseline if self.baseline in factors.get(self.augmentation or "", ()) else None,
            scratch=self.scratch if self.scratch in factors.get(self.pretraining or "", ()) else None,
        )

    def levels(self, factor: str | None) -> tuple[str, ...]:
        """Levels of a factor, in order; empty for None."""
        return self.factors[factor] if factor else ()

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Every level of the augmentation factor, the baseline included."""
        return self.levels(self.augmentation)

    @property
    def compared(self) -> tuple[str, ...]:
        """The augmentations that are compared with the baseline."""
        return tuple(level for level in self.augmentations if level != self.baseline)

    @property
    def strata(self) -> tuple[str, ...]:
        """The factors that are neither augmentation nor model.

        Results are compared within each combination.
        """
        return tuple(f for f in self.factors if f not in (self.augmentation, self.model))

    def without(self, levels: Mapping[str, str], *factors: str | None) -> tuple[tuple[str, str], ...]:
        """The levels of an experiment except those of some factors.

        Experiments with equal values are comparable.
        """
        return tuple((f, level) for f, level in levels.items() if f not in factors)


def from_settings(
    factors: Mapping[str, Mapping[str, Mapping[str, Any]]], base: Mapping[str, Any] | None = None
) -> Roles:
    """Derives roles from the settings of levels.

    A setting that a level omits is that of the base, else the default.

    If no level sets the mixing method, the augmentation is the factor with such a name that changes
    augmentation settings, and its baseline the level with such a name.

    Args:
        factors: `{factor: {level: {setting: value}}}`, as in a study.
        base: `{setting: value}` of every run.
    """
    base = base or {}
    keys: dict[str, set[str]] = {f: set().union(*levels.values()) for f, levels in factors.items()}
    augmentation = next((f for f, mine in keys.items() if "augment.mix" in mine), None)
    model = next((f for f, mine in keys.items() if "model.arch" in mine), None)
    pretraining = next((f for f, mine in keys.items() if "model.pretrained" in mine and f != model), None)

    if augmentation is None:
        setting = [f for f, mine in keys.items() if any(key.startswith("augment.") for key in mine)]
        augmentation = _first(setting, AUGMENTATION)

    def level(factor: str | None, key: str, value: object, names: Iterable[str]) -> str | None:
        levels = factors[factor] if factor else {}
        named = next((name for name, settings in levels.items() if settings.get(key) == value), None)
        if named is not None or factor is None:
            return named
        silent = [
            name for name, settings in levels.items() if settings.get(key, base.get(key, value)) == value
        ]
        if len(silent) == 1:
            return silent[0]
        return _first(silent or levels, names)

    return Roles(
        factors={f: tuple(levels) for f, levels in factors.items()},
        augmentation=augmentation,
        baseline=level(augmentation, "augment.mix", "none", BASELINE),
        model=model,
        pretraining=pretraining,
        scratch=level(pretraining, "model.pretrained", False, SCRATCH),
    )


def from_names(factors: Mapping[str, Iterable[str]], **declared: str | None) -> Roles:
    """Derives roles from the names of factors and levels.

    Args:
        factors: Levels of every factor, in order.
        **declared: Roles given by the user, which take precedence: `augmentation`, `baseline`, `model`,
            `pretraining`, `scratch`. A declared baseline also determines the augmentation, the factor with
            this level.

    Raises:
        ConfigError: If a declared role is not a factor or level.
    """
    levels = {f: tuple(each) for f, each in factors.items()}
    given = {role: value for role, value in declared.items() if value is not None}
    baseline = given.get("baseline")
    having = next((f for f, mine in levels.items() if baseline is not None and baseline in mine), None)
    found: dict[str, str | None] = {
        "augmentation": having or _first(levels, AUGMENTATION),
        "model": _first(levels, MODEL),
        "pretraining": _first(levels, PRETRAINING),
        **given,
    }
    for role, factor, names in (
        ("baseline", "augmentation", BASELINE),
        ("scratch", "pretraining", SCRATCH),
    ):
        found.setdefault(role, _first(levels.get(found[factor] or "", ()), names))
    return Roles(factors=levels, **found)


def _first(names: Iterable[str], known: Iterable[str]) -> str | None:
    """The name that comes first in `known`, ignoring case and punctuation."""
    plain = {"".join(c for c in name.lower() if c.isalnum()): name for name in names}
    return next((plain[word] for word in known if word in plain), None)
