"""Contrasts of whatever is known of each experiment: correctness by example, accuracies, mean and spread.

Where every experiment has correctness by example, examples are paired (contrasts.py). Where one has not, all
are reduced to their accuracies (accuracies.py), and the interval is of more seeds on this test set.
"""

import dataclasses
import math
from collections.abc import Sequence

from mixscope.claims import accuracies, contrasts
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import Estimate, Sample

Known = Sample | Accuracies
TEST_SIZE = 10_000  # of a test set that nobody told the size of, where only its examples are counted


def by_example(cells: Sequence[Known]) -> list[Sample] | None:
    """The cells where all have correctness by example, else None."""
    found = [cell for cell in cells if isinstance(cell, Sample)]
    return found if len(found) == len(cells) else None


def reduced(cells: Sequence[Known]) -> list[Accuracies]:
    """What is known of every cell's accuracies."""
    return [accuracies.of_sample(cell) if isinstance(cell, Sample) else cell for cell in cells]


def points(cells: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast in percentage points, by the finest that is known of all cells."""
    whole = by_example(cells)
    if whole is not None:
        return contrasts.points(whole, weights, paired=paired)
    return accuracies.points(_with_sizes(reduced(cells), weights, paired), weights, paired=paired)


def unassumed(cells: Sequence[Known], weights: Sequence[float]) -> Estimate:
    """The contrast in percentage points, nothing assumed of the test set.

    Its variance is infinite where no spread over seeds is known and the number of test examples is not.
    """
    whole = by_example(cells)
    if whole is not None:
        return contrasts.points(whole, weights)
    return accuracies.points(reduced(cells), weights)


def logits(cells: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate:
    """The contrast of log-odds, by the finest that is known of all cells."""
    whole = by_example(cells)
    if whole is not None:
        return contrasts.logits(whole, weights, paired=paired)
    return accuracies.logits(_with_sizes(reduced(cells), weights, paired), weights, paired=paired)


def bound(cells: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> Estimate | None:
    """The wider estimate, in percentage points, that counts other test examples too.

    Returns:
        None where examples are paired, where no spread over seeds is known, and where a number of test
        examples is not.
    """
    if by_example(cells) is not None:
        return None
    known = reduced(cells)
    if any(cell.n_test is None for cell in known):
        return None
    found = accuracies.points(known, weights, paired=paired, new_examples=True)
    return None if found.conditional else found


def size_assumed(cells: Sequence[Known], weights: Sequence[float], *, paired: bool = False) -> bool:
    """Whether only test examples are counted and their number is not known, so that it is `TEST_SIZE`."""
    if by_example(cells) is not None:
        return False
    return not math.isfinite(accuracies.points(reduced(cells), weights, paired=paired).variance)


def _with_sizes(cells: Sequence[Accuracies], weights: Sequence[float], paired: bool) -> list[Accuracies]:
    if math.isfinite(accuracies.points(cells, weights, paired=paired).variance):
        return list(cells)
    return [dataclasses.replace(c, n_test=c.n_test or TEST_SIZE) for c in cells]
