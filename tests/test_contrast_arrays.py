"""`contrast_arrays`: the same numbers as the statistics behind it, and one sentence for what does not fit."""

import numpy as np
import pytest
from scipy import stats

from mixscope.claims import contrasts
from mixscope.claims.arrays import contrast_arrays
from mixscope.claims.contrasts import Sample
from mixscope.errors import DataError

RNG = np.random.default_rng(0)
HARD = RNG.normal(1, 1.5, 800)
A = RNG.random((5, 800)) < 1 / (1 + np.exp(-HARD - 0.3))
B = RNG.random((4, 800)) < 1 / (1 + np.exp(-HARD))


def test_correctness_by_example_gives_the_contrast_of_claims():
    found = contrast_arrays(A, B, names=("CutMix", "default"))
    same = contrasts.points([Sample(A, tuple(range(5))), Sample(B, tuple(range(4)))], [1.0, -1.0])
    interval = same.interval()
    assert (found.difference, found.low, found.high) == (same.value, interval.low, interval.high)
    assert found.p == 2 * same.p_above() and found.seeds == (5, 4) and found.examples == 800
    assert contrast_arrays(A.astype(int), B.astype(float), names=("CutMix", "default")) == found
    assert "CutMix was" in str(found) and "4 to 5 seeds, Welch t, examples paired" in str(found)


def test_accuracies_in_percent_and_as_shares_give_welchs_test():
    a, b = A.mean(axis=1), B.mean(axis=1)
    found, percent = contrast_arrays(a, b), contrast_arrays(100 * a, 100 * b)
    expected = stats.ttest_ind(100 * a, 100 * b, equal_var=False)
    assert (found.p, found.degrees) == pytest.approx((expected.pvalue, expected.df))
    assert (percent.low, percent.high) == pytest.approx((found.low, found.high))
    bounded = contrast_arrays(a, b, n_test=800)
    assert bounded.bound.low < bounded.low and bounded.bound.high > bounded.high
    assert (bounded.low, bounded.high) == (found.low, found.high)


def test_pairing_by_seed_gives_the_paired_test():
    a, b = A.mean(axis=1)[:4], B.mean(axis=1)
    assert contrast_arrays(a, b, pair_seeds=True).p == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_the_other_way_round_changes_the_sign_and_nothing_else():
    one, other = contrast_arrays(A, B), contrast_arrays(B, A)
    assert (one.difference, one.low, one.p) == pytest.approx((-other.difference, -other.high, other.p))


def test_one_seed_is_said_to_count_test_examples_only():
    found = contrast_arrays(A[:1], B[:1])
    assert found.p is None and "these checkpoints" in str(found) and "one seed" in str(found)
    assert contrast_arrays([0.79], [0.76], n_test=1000).p is None


def test_a_copied_run_is_pointed_out():
    assert "copy" in str(contrast_arrays(np.vstack([A, A[:1]]), B))


@pytest.mark.parametrize(
    ("a", "b", "options", "expected"),
    [
        (A, B[:, 1:], {}, "799"),
        (A, B[0], {}, r"shape \(5, 800\)"),
        (A[0], B[0], {}, r"correct\[None, :\]"),
        (A * 0.5, B, {}, "0.5"),
        ([0.7, 0.8], [70.0, 80.0], {}, "mix shares and percent"),
        ([134.0, 80.0], [70.0, 80.0], {}, "134"),
        ([0.7, np.nan], [0.7, 0.8], {}, "unfinished"),
        ([0.7], [0.8], {}, "n_test"),
        ([[0, 1], [1]], A, {}, "equal length"),
        ("x", A, {}, "array of numbers"),
        (np.zeros((0, 3)), A, {}, "shape"),
        (A, B, {"pair_seeds": True}, "as many seeds"),
        (A, B, {"level": 95}, "between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_one_sentence(a, b, options, expected):
    with pytest.raises(DataError, match=expected) as problem:
        contrast_arrays(a, b, **options)
    assert "\n" not in str(problem.value)
