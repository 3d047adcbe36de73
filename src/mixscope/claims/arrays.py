"""The difference between two models from arrays: per-example correctness, or accuracies.

For models trained elsewhere, without files and studies.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixscope.claims import accuracies, contrasts
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import LEVEL, Estimate, Interval, Sample
from mixscope.claims.statements import (
    DIFFERENCE,
    EXAMPLES_ONLY,
    ON_EXAMPLES,
    ON_SET,
    PAIRED,
    WELCH,
    Statement,
    known,
)
from mixscope.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ArrayContrast:
    """The difference in accuracy of two models, first minus second.

    Attributes:
        names: Names of the two models.
        accuracy: Mean test accuracy of each, percent.
        difference: Percentage points.
        low: Lower end of the interval, percentage points.
        high: Upper end.
        level: Confidence level of the interval, in [0, 1].
        p: Two-sided p-value of no difference; None with one seed.
        degrees: Degrees of freedom of the t interval.
        seeds: Number of runs of each.
        examples: Number of test examples; None if unknown.
        paired_examples: Whether both were tested on the same examples, row by row.
        paired_seeds: Whether seeds were compared pairwise.
        bound: Interval that includes other test examples, if examples are not paired; None without `n_test`.
        caveats: What the interval does not include, in sentences.
    """

    names: tuple[str, str]
    accuracy: tuple[float, float]
    difference: float
    low: float
    high: float
    level: float
    p: float | None
    degrees: float
    seeds: tuple[int, int]
    examples: int | None
    paired_examples: bool
    paired_seeds: bool
    bound: Interval | None
    caveats: tuple[str, ...]

    @property
    def statement(self) -> Statement:
        """The result as a table row or a sentence."""
        one = min(self.seeds) == 1
        method = EXAMPLES_ONLY if one else PAIRED if self.paired_seeds else WELCH
        return Statement(
            kind=DIFFERENCE,
            what=self.names[0],
            other=self.names[1],
            estimate=self.difference,
            interval=Interval(estimate=self.difference, low=self.low, high=self.high, level=self.level),
            seeds=(min(self.seeds), max(self.seeds)),
            method=method,
            basis=(ON_EXAMPLES if self.paired_examples else ON_SET,),
        )

    def to_markdown(self, lang: str = "en") -> str:
        """One sentence for Markdown, in English ("en") or Korean ("ko")."""
        return self.statement.to_markdown(known(lang))

    def to_latex(self, lang: str = "en") -> str:
        """One sentence for LaTeX, in English ("en") or Korean ("ko", which takes the package kotex)."""
        return self.statement.to_latex(known(lang))

    def __str__(self) -> str:
        return "\n".join([self.statement.to_text(), *self.caveats])

    __repr__ = __str__


def contrast_arrays(
    correct_a: Any,
    correct_b: Any,
    *,
    names: tuple[str, str] = ("a", "b"),
    n_test: int | None = None,
    pair_seeds: bool = False,
    level: float = LEVEL,
) -> ArrayContrast:
    """Estimates the difference in accuracy of two models, first minus second.

    From correctness by example the interval counts training seeds and test examples, examples paired
    (Bouthillier et al. 2021, arXiv 2103.03098). From accuracies it is Welch's over seeds, on this test set.

    Args:
        correct_a: bool or 0/1 (n_seeds, n_examples), whether each run gets each example right; or float
            (n_seeds,), accuracies as shares 0 to 1 or in percent.
        correct_b: The same of the other model, the same examples in the same order. Its number of seeds may
            differ.
        names: How the two are called in sentences.
        n_test: Number of test examples behind accuracies; gives `bound`.
        pair_seeds: Compare seed by seed, row by row. Decide that before looking; it leaves n_seeds - 1
            degrees of freedom.
        level: Confidence level, 0 to 1.

    Returns:
        The difference in percentage points with its interval; `str()` of it is a sentence.

    Raises:
        DataError: If shapes do not fit, values are no correctness and no accuracies, or one run's accuracy
            stands alone.

    Examples:
        >>> contrast_arrays([0.790, 0.796, 0.793], [0.761, 0.765, 0.763], names=("CutMix", "default"))
        CutMix was 3.0 pp above default (95 % CI 2.4 to 3.6; 3 seeds, Welch t, on this test set).
        Examples are not paired: the interval is of more seeds on this test set; n_test=... bounds the rest.
    """
    a, b = _array(correct_a, "correct_a"), _array(correct_b, "correct_b")
    if a.ndim != b.ndim:
        raise DataError(
            "wrong-type",
            f"correct_a has shape {a.shape}, correct_b {b.shape}; expected both (n_seeds, n_examples) or both"
            " (n_seeds,)",
            key="correct_a",
        )
    if not 0 < level < 1:
        raise DataError(
            "out-of-range", f"expected a confidence level between 0 and 1, got {level!r}", key="level"
        )
    if pair_seeds and len(a) != len(b):
        raise DataError(
            "not-comparable", f"expected as many seeds in both, got {len(a)} and {len(b)}", key="pair_seeds"
        )
    weights = (1.0, -1.0)
    bound = None
    if a.ndim == 2:
        found, means = _by_example(a, b, weights, pair_seeds)
        examples: int | None = a.shape[1]
    else:
        experiments = _accuracies(a, b, n_test)
        found = accuracies.points(experiments, weights, paired=pair_seeds)
        if found.conditional and not math.isfinite(found.variance):
            raise DataError(
                "too-few",
                "one accuracy of each model shows no spread between runs; give two seeds or more, or n_test",
            )
        if n_test is not None:
            bound = accuracies.points(experiments, weights, paired=pair_seeds, new_examples=True).interval(
                level
            )
        means = (100 * experiments[0].accuracy, 100 * experiments[1].accuracy)
        examples = n_test
    interval = found.interval(level)
    return ArrayContrast(
        names=names,
        accuracy=means,
        difference=found.value,
        low=interval.low,
        high=interval.high,
        level=level,
        p=found.p_two_sided,
        degrees=found.degrees,
        seeds=(len(a), len(b)),
        examples=examples,
        paired_examples=a.ndim == 2,
        paired_seeds=pair_seeds,
        bound=bound,
        caveats=tuple(_caveats(a, b, found, bound)),
    )


def _array(given: Any, name: str) -> np.ndarray:
    try:
        found = np.asarray(given)
        found = found if found.dtype == np.bool_ else found.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise DataError(
            "wrong-type", "expected an array of numbers with rows of equal length", key=name
        ) from problem
    if found.ndim not in (1, 2) or not found.size:
        raise DataError(
            "wrong-type", f"expected shape (n_seeds, n_examples) or (n_seeds,), got {found.shape}", key=name
        )
    if found.dtype != np.bool_ and not np.isfinite(found).all():
        raise DataError(
            "not-finite", "holds a value that is no finite number; leave unfinished runs out", key=name
        )
    return found


def _by_example(
    a: np.ndarray, b: np.ndarray, weights: tuple[float, float], paired: bool
) -> tuple[Estimate, tuple[float, float]]:
    for name, array in (("correct_a", a), ("correct_b", b)):
        if array.dtype != np.bool_ and not np.isin(array, (0.0, 1.0)).all():
            raise DataError(
                "wrong-type",
                f"expected True/False or 0/1 by example, got {array.max():g} among them",
                key=name,
            )
    if a.shape[1] != b.shape[1] or a.shape[1] < 2:
        raise DataError(
            "not-comparable",
            f"correct_a has {a.shape[1]} examples, correct_b {b.shape[1]}; expected the same ones, in one"
            " order, two or more",
            key="correct_a",
        )
    experiments = [Sample(array.astype(bool), tuple(range(len(array)))) for array in (a, b)]
    found = contrasts.points(experiments, weights, paired=paired)
    return found, (100 * experiments[0].accuracy, 100 * experiments[1].accuracy)


def _accuracies(a: np.ndarray, b: np.ndarray, n_test: int | None) -> tuple[Accuracies, Accuracies]:
    if a.dtype == np.bool_ or b.dtype == np.bool_:
        raise DataError(
            "wrong-type", "one run's correctness has shape (1, n_examples): give correct[None, :]"
        )
    both = np.concatenate([a, b])
    if both.min() < 0 or both.max() > 100:
        raise DataError(
            "out-of-range",
            f"expected accuracies of 0 to 1 or 0 to 100 %, got {both.min():g} to {both.max():g}",
        )
    if both.max() > 1 and both.min() <= 1:
        raise DataError(
            "inconsistent", f"accuracies mix shares and percent: {both.min():g} beside {both.max():g}"
        )
    scale = 100.0 if both.max() > 1 else 1.0
    return Accuracies.of_runs((a / scale).tolist(), n_test=n_test), Accuracies.of_runs(
        (b / scale).tolist(), n_test=n_test
    )


def _caveats(a: np.ndarray, b: np.ndarray, found: Estimate, bound: Interval | None) -> list[str]:
    caveats = []
    if found.conditional:
        why = "one seed" if min(len(a), len(b)) == 1 else "equal accuracies of all seeds"
        caveats.append(f"With {why} the interval counts test examples only: it is of these checkpoints.")
    if a.ndim == 1 and not found.conditional:
        caveats.append(
            "Examples are not paired: the interval is of more seeds on this test set;"
            + (
                " n_test=... bounds the rest."
                if bound is None
                else f" counting other test examples too, {bound.low:.1f} to {bound.high:.1f} pp bounds it."
            )
        )
    for name, array in (("first", a), ("second", b)):
        if array.ndim == 2 and len(array) > len(np.unique(array, axis=0)):
            caveats.append(f"Two runs of the {name} model are right on the same examples: is one a copy?")
    if a.ndim == 2:
        first = {row.tobytes(): i for i, row in enumerate(a.astype(bool), 1) if 0 < row.sum() < len(row)}
        for j, row in enumerate(b.astype(bool), 1):
            if row.tobytes() in first:
                caveats.append(
                    f"Run {first[row.tobytes()]} of the first model and run {j} of the second are right on"
                    " the same examples: is one a copy?"
                )
    return caveats
