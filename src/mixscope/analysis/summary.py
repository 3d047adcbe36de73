"""What an analysis hands to the report: a typed summary, read from the summary.json that it wrote.

Cells and contrasts are the same for every analysis (cells.document); what only one of them has (diagrams,
curves, maps) stays under `details` by its name, as the analysis documents it. Torch-free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A metric of one experiment with its 95 % interval.

    Attributes:
        estimate: In the metric's own unit; shares are 0 to 1.
        low: Lower end.
        high: Upper end.
        conditional: Whether the interval holds for these seeds only, since there is but one.
        by_seed: The metric of each seed.
    """

    estimate: float
    low: float
    high: float
    conditional: bool
    by_seed: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """The analysed runs of one experiment.

    Attributes:
        experiment: Its name.
        levels: Level of every factor.
        arch: timm name of its model.
        arm: Its mixing method.
        data: Name of its data set.
        seeds: Of its analysed runs.
        images: Number of images that were analysed.
        figures: Metrics by name; None where the experiment has none.
    """

    experiment: str
    levels: Mapping[str, str]
    arch: str
    arm: str
    data: str
    seeds: Sequence[int]
    images: int
    figures: Mapping[str, Value | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A contrast of experiments in one metric, with its 95 % interval.

    Attributes:
        kind: "arm" (augmentations in a model), "model" or "did" (difference of differences).
        figure: Name of the metric.
        weights: Weight of each experiment.
        estimate: In the metric's own unit.
        low: Lower end.
        high: Upper end.
        conditional: Whether the interval holds for these seeds only.
        seeds: Of the experiment that has fewest.
        arm: Level of the augmentation.
        plain: Level of the baseline.
        model: Level of the model.
        over: Level of the model that it is compared with; None within a model.
        where: Levels of the other factors.
        seed_share: Part of the variance that comes from seeds; None with one seed.
    """

    kind: str
    figure: str
    weights: Mapping[str, float]
    estimate: float
    low: float
    high: float
    conditional: bool
    seeds: int
    arm: str
    plain: str
    model: str
    over: str | None
    where: Mapping[str, str]
    seed_share: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Everything that one analysis found.

    Attributes:
        what: Name of the analysis.
        arm_factor: Factor whose levels are augmentations; None without one.
        model_factor: Factor whose levels are models; None without one.
        cells: The experiments.
        contrasts: The differences.
        notes: By experiment and method, what the analysis could not do.
        details: What only this analysis has, by name, as plain values.
    """

    what: str
    arm_factor: str | None
    model_factor: str | None
    cells: Sequence[Experiment]
    contrasts: Sequence[Difference]
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def read(what: str, document: Mapping[str, Any]) -> Summary:
    """The summary that an analysis wrote.

    Args:
        what: Name of the analysis.
        document: Its summary.json, or what its `compare` gave.

    Raises:
        KeyError, TypeError, AttributeError: If the document is none of an analysis.
    """
    own = ("what", "factors", "cells", "contrasts", "notes")
    return Summary(
        what=what,
        arm_factor=document["factors"]["arm"],
        model_factor=document["factors"]["model"],
        cells=[
            Experiment(**_of(Experiment, cell) | {"figures": _values(cell["figures"])})
            for cell in document["cells"]
        ],
        contrasts=[Difference(**_of(Difference, one)) for one in document["contrasts"]],
        notes=document.get("notes", {}),
        details={name: value for name, value in document.items() if name not in own},
    )


def _values(found: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Value | None]:
    return {name: None if one is None else Value(**_of(Value, one)) for name, one in found.items()}


def _of(kind: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a class, of those that a document has: later versions may write more."""
    return {one.name: found[one.name] for one in fields(kind) if one.name in found}
