"""Merges rows of one experiment: epochs of one run, and runs with different seeds.

Of a table with a row per epoch the last one counts. Seeds are averaged, in any order of rows, and their
standard deviation is kept.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from mixscope.audit.entries import Entry
from mixscope.results.printed_values import PrintedValue, count

_PLACES = Decimal("0.01")
FEWEST_EPOCHS = 3


def last_epochs(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without those of earlier epochs, if a table has a row per epoch from 0 or 1 on."""
    groups: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        if count(entry.facets.get("epochs", "")) is not None:
            facets = {k: v for k, v in entry.facets.items() if k != "epochs"}
            groups[entry.experiment, entry.seed, *_experiment(replace(entry, facets=facets))].append(entry)
    dropped: set[int] = set()
    kept: dict[int, Entry] = {}
    for mine in groups.values():
        numbers = [count(e.facets["epochs"]) or 0 for e in mine]
        if len(set(numbers)) < FEWEST_EPOCHS or sorted(set(numbers)) != list(
            range(min(numbers), max(numbers) + 1)
        ):
            continue
        if min(numbers) > 1:
            continue
        last = [e for e, n in zip(mine, numbers, strict=True) if n == max(numbers)]
        dropped |= {id(e) for e in mine} - {id(e) for e in last}
        for entry in last:
            kept[id(entry)] = replace(entry, facets={k: v for k, v in entry.facets.items() if k != "epochs"})
    return [kept.get(id(e), e) for e in entries if id(e) not in dropped]


def over_seeds(entries: Sequence[Entry]) -> list[Entry]:
    """Merges the runs of each experiment into one entry with their means and values by seed.

    Runs belong to one experiment if only a column of seeds distinguishes them.
    """
    groups: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[_experiment(entry) if entry.seed else id(entry)].append(entry)
    return [_mean(mine) if len(mine) > 1 else mine[0] for mine in groups.values()]


def _experiment(entry: Entry) -> Any:
    extras = {k: v for k, v in entry.extras.items() if not any(c.isdigit() for c in v) and v}
    known = "model" in entry.facets or "augmentation" in entry.facets
    name = None if known else entry.experiment
    return (entry.table, name, tuple(sorted(entry.facets.items())), tuple(sorted(extras.items())))


def _mean(mine: Sequence[Entry]) -> Entry:
    shared = set.intersection(*(set(e.figures) for e in mine))
    figures, values = {}, {}
    for metric in mine[0].figures:
        if metric in shared:
            each = [e.figures[metric] for e in mine]
            mean = sum((f.value for f in each), Decimal(0)) / len(each)
            half = sum((f.half for f in each), Decimal(0)) / len(each)
            text = f"{mean.quantize(_PLACES)} (mean of {len(each)} seeds)"
            figures[metric] = PrintedValue(text=text, value=mean, half=half)
            values[metric] = tuple(float(f.value) / 100 for f in each)
    return replace(mine[0], figures=figures, by_seed=values)


def deviation(entry: Entry, metric: str) -> float | None:
    """Standard deviation over seeds, in percentage points; None for a single run."""
    values = entry.by_seed.get(metric, ())
    return 100 * statistics.stdev(values) if len(values) > 1 else None
