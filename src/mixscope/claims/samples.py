"""Correctness of an experiment's finished runs, as the array that intervals are computed from."""

import numpy as np

from mixscope.claims.contrasts import Sample
from mixscope.results import Results
from mixscope.results.results import LAST


def sample(results: Results, name: str, checkpoint: str = LAST) -> Sample | None:
    """What the finished runs of an experiment get right of the test split.

    Runs that were tested on other examples than the first are left out: their rows cannot stand below each
    other, and `health` says so.

    Returns:
        None where no finished run has outcomes by example.

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
