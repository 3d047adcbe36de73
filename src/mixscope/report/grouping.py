"""Grouping, order and colours of experiments in a report."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.shapes import Key
from mixscope.report.texts import Texts

Seed = TypeVar("Seed")


MOST_SEEDS = 24  # of an experiment that charts show; with more, charts are illegible and slow to load


def some(seeds: Iterable[Seed]) -> list[Seed]:
    """The seeds, or runs, of an experiment that a chart shows: the first of them."""
    return list(itertools.islice(seeds, MOST_SEEDS))


def left_out(content: ReportContent) -> dict[str, int] | None:
    """How many seeds charts show, and how many an experiment has at most; None where they show all."""
    most = max((len(experiment.runs) for experiment in content.experiments), default=0)
    return {"shown": MOST_SEEDS, "seeds": most} if most > MOST_SEEDS else None


def series_of(content: ReportContent, augmentation: str | None) -> int:
    """The colour of an augmentation: its index among the augmentations."""
    return (
        content.roles.augmentations.index(augmentation) if augmentation in content.roles.augmentations else 0
    )


def shorter(levels: Mapping[str, str], content: ReportContent, data: str) -> dict[str, str]:
    """The levels that distinguish the experiments of one data set."""
    experiments = by_data(content)[data]
    return {f: v for f, v in levels.items() if len({experiment.levels[f] for experiment in experiments}) > 1}


def by_data(content: ReportContent) -> dict[str, list[ReportedExperiment]]:
    """Experiments by data set, in order."""
    found: dict[str, list[ReportedExperiment]] = {}
    for experiment in content.experiments:
        found.setdefault(experiment.data, []).append(experiment)
    return found


def by_augmentation(
    experiments: Sequence[ReportedExperiment], content: ReportContent
) -> list[ReportedExperiment]:
    """Experiments ordered so that the augmentations of one model and stratum are adjacent."""
    roles = content.roles
    outer = [f for f in roles.factors if f != roles.augmentation]
    inner = [roles.augmentation] if roles.augmentation else []
    place = {f: list(levels) for f, levels in roles.factors.items()}
    return sorted(
        experiments,
        key=lambda c: [place[f].index(c.levels[f]) for f in (*outer, *inner)],
    )


def mates(
    content: ReportContent, *, but: Iterable[str | None]
) -> dict[tuple[tuple[str, str], ...], list[ReportedExperiment]]:
    """Groups of experiments that agree in all factors except `but`, in order."""
    found: dict[tuple[tuple[str, str], ...], list[ReportedExperiment]] = {}
    left_out = list(but)
    for experiment in content.experiments:
        found.setdefault(content.roles.without(experiment.levels, *left_out), []).append(experiment)
    return found


def augmentation_keys(
    content: ReportContent, experiments: Sequence[ReportedExperiment], texts: Texts
) -> list[Key]:
    """Legend entries for the augmentations of these experiments."""
    augmentations = dict.fromkeys(
        experiment.levels.get(content.roles.augmentation or "", experiment.name) for experiment in experiments
    )
    return [
        Key(series=series_of(content, augmentation), name=texts.level(augmentation))
        for augmentation in augmentations
    ]
