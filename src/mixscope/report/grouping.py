"""Grouping, order and colours of experiments in a report."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from mixscope.report.shapes import Key
from mixscope.report.story import Cell, Story
from mixscope.report.words import Words

Seed = TypeVar("Seed")


MOST_SEEDS = 24  # of an experiment that charts show; more can neither be told apart nor be loaded quickly


def some(seeds: Iterable[Seed]) -> list[Seed]:
    """The seeds, or runs, of an experiment that a chart shows: the first of them."""
    return list(itertools.islice(seeds, MOST_SEEDS))


def left_out(told: Story) -> dict[str, int] | None:
    """How many seeds charts show, and how many an experiment has at most; None where they show all."""
    most = max((len(cell.runs) for cell in told.cells), default=0)
    return {"shown": MOST_SEEDS, "seeds": most} if most > MOST_SEEDS else None


def series_of(story: Story, arm: str | None) -> int:
    """The colour of an augmentation: its index among the augmentations."""
    return story.roles.augmentations.index(arm) if arm in story.roles.augmentations else 0


def shorter(levels: Mapping[str, str], told: Story, data: str) -> dict[str, str]:
    """The levels that distinguish the experiments of one data set."""
    cells = by_data(told)[data]
    return {f: v for f, v in levels.items() if len({cell.levels[f] for cell in cells}) > 1}


def by_data(told: Story) -> dict[str, list[Cell]]:
    """Experiments by data set, in order."""
    found: dict[str, list[Cell]] = {}
    for cell in told.cells:
        found.setdefault(cell.data, []).append(cell)
    return found


def arms_together(cells: Sequence[Cell], told: Story) -> list[Cell]:
    """Experiments ordered so that the augmentations of one model and stratum are adjacent."""
    roles = told.roles
    outer = [f for f in roles.factors if f != roles.augmentation]
    inner = [roles.augmentation] if roles.augmentation else []
    place = {f: list(levels) for f, levels in roles.factors.items()}
    return sorted(
        cells,
        key=lambda c: [place[f].index(c.levels[f]) for f in (*outer, *inner)],
    )


def mates(told: Story, *, but: Iterable[str | None]) -> dict[tuple[tuple[str, str], ...], list[Cell]]:
    """Groups of experiments that agree in all factors except `but`, in order."""
    found: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
    left_out = list(but)
    for cell in told.cells:
        found.setdefault(told.roles.without(cell.levels, *left_out), []).append(cell)
    return found


def arm_keys(told: Story, cells: Sequence[Cell], words: Words) -> list[Key]:
    """Legend entries for the augmentations of these experiments."""
    arms = dict.fromkeys(cell.levels.get(told.roles.augmentation or "", cell.experiment) for cell in cells)
    return [Key(series=series_of(told, arm), name=words.level(arm)) for arm in arms]
