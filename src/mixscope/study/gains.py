"""Contrasts of a design: gains over the baseline, differences between models, differences of gains.

Used by claims, reports, analyses and audits: a contrast weights the levels of the factors that it compares,
the weight of an experiment is the product of its levels' weights, and the other factors form the strata.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixscope.study.roles import Roles

GAIN, MODEL, OF_GAINS = "gain", "model", "difference of gains"
Levels = Mapping[str, Sequence[str] | Mapping[str, Any]]  # {factor: its levels}
Weights = Mapping[str, Mapping[str, float]]  # {factor: {level: weight}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """A comparison in one stratum.

    Attributes:
        kind: "gain" (an augmentation minus the baseline), "model" (a model minus the first one, under one
            augmentation) or "difference of gains" (of a model minus that of the first one).
        weights: Weight of each level of the compared factors.
        stratum: Level of every other factor.
        augmentation: The augmentation; None for a study without any.
        model: The model; None for a study without any.
        over: The model that it is compared with; None for a gain.
    """

    kind: str
    weights: Weights
    stratum: Mapping[str, str]
    augmentation: str | None
    model: str | None
    over: str | None = None


def experiments(
    weights: Weights, stratum: Mapping[str, Any], factors: Iterable[str]
) -> list[tuple[dict[str, str], float]]:
    """The experiments of a contrast in one stratum: their levels, in the order of `factors`, and weights."""
    found = []
    for levels in itertools.product(*weights.values()):
        weight = 1.0
        for each, level in zip(weights.values(), levels, strict=True):
            weight *= each[level]
        chosen = {**stratum, **dict(zip(weights, levels, strict=True))}
        found.append(({f: chosen[f] for f in factors}, weight))
    return found


def strata(weights: Weights, factors: Levels, where: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The strata of a contrast: every combination of the factors that it does not compare.

    Args:
        weights: Weights of the contrast.
        factors: Levels of every factor.
        where: Levels to which some of these factors are restricted.
    """
    free = [f for f in factors if f not in weights]
    each = [[where[f]] if where and f in where else list(factors[f]) for f in free]
    return [dict(zip(free, levels, strict=True)) for levels in itertools.product(*each)]


def of_design(roles: Roles, kinds: Sequence[str] = (GAIN, MODEL, OF_GAINS)) -> Iterator[Contrast]:
    """Yields every contrast of these kinds: all gains first, then models, then differences of gains.

    A design without a baseline has no gains; one with a single model has gains only.
    """
    gain: dict[str, Weights] = {}
    if roles.augmentation is not None and roles.baseline is not None:
        gain = {x: {roles.augmentation: {x: 1.0, roles.baseline: -1.0}} for x in roles.compared}
    models = roles.levels(roles.model)
    between: dict[str, Weights] = {}
    if roles.model is not None:
        between = {m: {roles.model: {m: 1.0, models[0]: -1.0}} for m in models[1:]}
    wanted: list[tuple[str, Weights, str | None, str | None]] = []
    if GAIN in kinds:
        wanted += [(GAIN, weights, x, None) for x, weights in gain.items()]
    if MODEL in kinds:
        wanted += [(MODEL, weights, None, m) for m, weights in between.items()]
    if OF_GAINS in kinds:
        for m, model in between.items():
            wanted += [(OF_GAINS, {**model, **weights}, x, m) for x, weights in gain.items()]
    for kind, weights, augmentation, named in wanted:
        for stratum in strata(weights, roles.factors):
            yield Contrast(
                kind=kind,
                weights=weights,
                stratum=stratum,
                augmentation=augmentation or stratum.get(roles.augmentation or ""),
                model=named or stratum.get(roles.model or ""),
                over=None if kind == GAIN else models[0],
            )
