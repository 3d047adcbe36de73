"""Data of an experiment's finished runs from which intervals are computed."""

import numpy as np

from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import Sample
from mixscope.results import Results
from mixscope.results.results import LAST


def known(results: Results, name: str, checkpoint: str = LAST) -> Sample | Accuracies | None:
    """Per-example correctness of an experiment's runs, else their accuracies, else mean and spread.

    Returns:
        None if there is no finished run.

    Raises:
        DataError: If predictions are missing or damaged.
    """
    runs = results.done_of(name)
    if runs and all(run.outcomes(checkpoint) is not None for run in runs):
        return sample(results, name, checkpoint)
    tested = {run.seed: run.metrics.get("test", {}).get(checkpoint, {}) for run in runs}
    values = {seed: float(top1) for seed, m in tested.items() if (top1 := m.get("top1")) is not None}
    if values:
        sizes = {m.get("n") for m in tested.values()}
        size = sizes.pop() if len(sizes) == 1 else None
        return Accuracies.of_runs(list(values.values()), list(values), int(size) if size else None)
    summary = results.summary_of(name)
    return None if summary is None else Accuracies.of_summary(summary)


def sample(results: Results, name: str, checkpoint: str = LAST) -> Sample | None:
    """Per-example correctness of the finished runs of an experiment on the test split.

    Runs tested on other examples than the first are left out, since their rows cannot be aligned; `health`
    reports them.

    Returns:
        None if no finished run has per-example outcomes.

    Raises:
        DataError: If predictions are missing or damaged.
    """
    data = results.experiment(name).data
    found = {
        run.seed: (f"{data}-{one.test}", one.correct)
        for run in results.done_of(name)
        if (one := run.outcomes(checkpoint)) is not None
    }
    if not found:
        return None
    test = next(iter(found.values()))[0]
    seeds = tuple(seed for seed, (key, _) in found.items() if key == test)
    return Sample(np.stack([found[seed][1] for seed in seeds]), seeds, test)
