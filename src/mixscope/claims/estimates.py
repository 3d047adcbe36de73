"""Contrasts with the most detailed data known for all experiments.

Per-example correctness, accuracies, or summaries.

If every experiment has per-example correctness, examples are paired (contrasts.py). Otherwise all are reduced
to their accuracies (accuracies.py), and the interval holds for more seeds on this test set.
"""

import dataclasses
import math
from collections.abc import Sequence

from mixscope.claims import accuracies, contrasts
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import Estimate, Sample

Known = Sample | Accuracies
TEST_SIZE = 10_000  # assumed size of a test set if it is needed and unknown


def by_example(experiments: Sequence[Known]) -> list[Sample] | None:
    """The experiments if all have per-example correctness, else None."""
    found = [experiment for experiment in experiments if isinstance(experiment, Sample)]
    return found if len(found) == len(experiments) else None


def reduced(experiments: Sequence[Known]) -> list[Accuracies]:
    """The accuracies of every experiment."""
    return [
        accuracies.of_sample(experiment) if isinstance(experiment, Sample) else experiment
        for experiment in experiments
    ]


def points(experiments: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast in percentage points, from the most detailed data known for all experiments."""
    whole = by_example(experiments)
    if whole is not None:
        return contrasts.points(whole, weights, paired=paired)
    return accuracies.points(_with_sizes(reduced(experiments), weights, paired), weights, paired=paired)


def unassumed(experiments: Sequence[Known], weights: Sequence[float]) -> Estimate:
    """The contrast in percentage points, without assuming a test set size.

    Its variance is infinite if neither a standard deviation over seeds nor the number of test examples is
    known.
    """
    whole = by_example(experiments)
    if whole is not None:
        return contrasts.points(whole, weights)
    return accuracies.points(reduced(experiments), weights)


def logits(experiments: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast of log-odds, from the most detailed data known for all experiments."""
    whole = by_example(experiments)
    if whole is not None:
        return contrasts.logits(whole, weights, paired=paired)
    return accuracies.logits(_with_sizes(reduced(experiments), weights, paired), weights, paired=paired)


def bound(experiments: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate | None:
    """The wider estimate, in percentage points, that includes other test examples.

    Returns:
        None if examples are paired, or if a standard deviation over seeds or a number of test examples is
        unknown.
    """
    if by_example(experiments) is not None:
        return None
    known = reduced(experiments)
    if any(experiment.n_test is None for experiment in known):
        return None
    found = accuracies.points(known, weights, paired=paired, new_examples=True)
    return None if found.conditional else found


def size_assumed(experiments: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> bool:
    """Whether only test examples are included, and their number is unknown and assumed to be `TEST_SIZE`."""
    if by_example(experiments) is not None:
        return False
    return not math.isfinite(accuracies.points(reduced(experiments), weights, paired=paired).variance)


def _with_sizes(
    experiments: Sequence[Accuracies], weights: Sequence[float], paired: bool
) -> list[Accuracies]:
    if math.isfinite(accuracies.points(experiments, weights, paired=paired).variance):
        return list(experiments)
    return [dataclasses.replace(c, n_test=c.n_test or TEST_SIZE) for c in experiments]
