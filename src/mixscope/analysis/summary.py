"""Typed summaries of analyses for the report, read from their summary.json.

Experiments and contrasts are the same for every analysis (experiments.document); what only one of them has
(diagrams, curves, maps) is kept under `details`, as the analysis documents it. Torch-free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from mixscope import i18n
from mixscope.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A metric of one experiment with its 95 % interval.

    Attributes:
        estimate: In the metric's unit; fractions are in [0, 1].
        low: Lower end.
        high: Upper end.
        conditional: Whether the interval holds for these seeds only, since there is only one.
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
        name: Name of the experiment.
        levels: Level of every factor.
        arch: timm name of the model.
        mix: Mixing method.
        data: Name of the data set.
        seeds: Seeds of the analysed runs.
        images: Number of analysed images.
        figures: Metrics by name; None where the experiment has none.
    """

    name: str
    levels: Mapping[str, str]
    arch: str
    mix: str
    data: str
    seeds: Sequence[int]
    images: int
    figures: Mapping[str, Value | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A contrast of experiments in one metric, with its 95 % interval.

    Attributes:
        kind: "gain" (augmentations in a model), "model" or "difference of gains".
        figure: Name of the metric.
        weights: Weight of each experiment.
        estimate: In the metric's unit.
        low: Lower end.
        high: Upper end.
        conditional: Whether the interval holds for these seeds only.
        seeds: Number of seeds of the experiment with fewest.
        augmentation: Level of the augmentation.
        baseline: Level of the baseline.
        model: Level of the model.
        over: Level of the model that it is compared with; None within a model.
        where: Levels of the other factors.
        seed_share: Fraction of the variance due to seeds; None with one seed.
    """

    kind: str
    figure: str
    weights: Mapping[str, float]
    estimate: float
    low: float
    high: float
    conditional: bool
    seeds: int
    augmentation: str
    baseline: str
    model: str
    over: str | None
    where: Mapping[str, str]
    seed_share: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The results of one analysis.

    Attributes:
        what: Name of the analysis.
        augmentation_factor: Factor whose levels are augmentations; None without one.
        model_factor: Factor whose levels are models; None without one.
        experiments: The experiments.
        contrasts: The differences.
        notes: Observations by experiment and method.
        details: Results specific to this analysis, by name, as plain values.
    """

    what: str
    augmentation_factor: str | None
    model_factor: str | None
    experiments: Sequence[Experiment]
    contrasts: Sequence[Difference]
    notes: Mapping[str, Mapping[str, Finding]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def read(what: str, document: Mapping[str, Any]) -> Summary:
    """Reads the summary of an analysis.

    Args:
        what: Name of the analysis.
        document: Its summary.json, or the result of its `compare`.

    Raises:
        KeyError, TypeError, AttributeError: If the document is not that of an analysis.
    """
    own = ("what", "factors", "experiments", "contrasts", "notes")
    return Summary(
        what=what,
        augmentation_factor=document["factors"]["augmentation"],
        model_factor=document["factors"]["model"],
        experiments=[
            Experiment(**_of(Experiment, one, name="experiment") | {"figures": _values(one["figures"])})
            for one in document["experiments"]
        ],
        contrasts=[Difference(**_of(Difference, one)) for one in document["contrasts"]],
        notes={
            name: {method: note(one) for method, one in each.items()}
            for name, each in document.get("notes", {}).items()
        },
        details={name: value for name, value in document.items() if name not in own},
    )


def note(found: Mapping[str, Any] | str) -> Finding:
    """Reads an observation; one that an older version wrote as an English sentence is kept as recorded."""
    if isinstance(found, str):
        return Finding("recorded-error", params={i18n.RECORDED: found})
    return Finding.from_dict(found)


def _values(found: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Value | None]:
    return {name: None if one is None else Value(**_of(Value, one)) for name, one in found.items()}


def _of(kind: Any, found: Mapping[str, Any], **keys: str) -> dict[str, Any]:
    """Selects the fields of a class from a document, whose later versions may write more.

    Args:
        kind: Dataclass.
        found: Part of the document.
        **keys: Key of each field that has another name in the document.
    """
    named = {one.name: keys.get(one.name, one.name) for one in fields(kind)}
    return {name: found[key] for name, key in named.items() if key in found}
