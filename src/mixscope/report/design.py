"""Which part each factor of a study plays: the report groups by what is compared and by where it holds.

What does not belong here: how the factors are called in a language (words.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mixscope.study.matrix import Study


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """The parts of the factors, found by what their levels set and not by their names.

    factors: {factor: its levels}. arm: the factor that says how training images are mixed; plain: its level
    without mixing. model: the factor that says which network. pretrained: the factor that says where the
    first weights come from; scratch: its level without weights. None where a study has no such factor.
    """

    factors: Mapping[str, tuple[str, ...]]
    arm: str | None
    plain: str | None
    model: str | None
    pretrained: str | None
    scratch: str | None

    @property
    def arms(self) -> tuple[str, ...]:
        """The levels of the factor that mixes; empty where a study has none."""
        return self.factors[self.arm] if self.arm else ()

    @property
    def mixed(self) -> tuple[str, ...]:
        """The arms that are compared with the plain one."""
        return tuple(level for level in self.arms if level != self.plain)

    @property
    def strata(self) -> tuple[str, ...]:
        """The factors that are neither compared arms nor models: a figure for each of their combinations."""
        return tuple(f for f in self.factors if f not in (self.arm, self.model))

    def without(self, cell: Mapping[str, str], *factors: str | None) -> tuple[tuple[str, str], ...]:
        """The levels of a cell but for some factors: cells that agree in them can be compared."""
        return tuple((f, level) for f, level in cell.items() if f not in factors)


def read(study: Study) -> Design:
    """The parts of a study's factors."""
    parts = {f: set().union(*(levels[v] for v in levels)) for f, levels in study.factors.items()}
    arm = next((f for f, keys in parts.items() if "augment.mix" in keys), None)
    model = next((f for f, keys in parts.items() if "model.arch" in keys), None)
    pretrained = next((f for f, keys in parts.items() if "model.pretrained" in keys and f != model), None)
    return Design(
        factors={f: tuple(levels) for f, levels in study.factors.items()},
        arm=arm,
        plain=_level(study, arm, "augment.mix", "none"),
        model=model,
        pretrained=pretrained,
        scratch=_level(study, pretrained, "model.pretrained", False),
    )


def _level(study: Study, factor: str | None, key: str, value: object) -> str | None:
    """The level that sets `key` to `value`."""
    levels = study.factors[factor] if factor else {}
    return next((level for level, settings in levels.items() if settings.get(key) == value), None)
