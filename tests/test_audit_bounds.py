"""The bounds of macro F1, against confusion matrices of every shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixscope import metrics
from mixscope.audit.f1_bounds import f1_least, f1_most, precision_least

SEEDS = st.integers(0, 2**32 - 1)


def some_counts(seed):
    """Counts of any shape: few or many classes, sparse or full, alike or very unlike."""
    rng = np.random.default_rng(seed)
    k = int(rng.choice([2, 3, 5, 20]))
    full = rng.gamma(rng.choice([0.02, 0.3, 5.0]), 10, (k, k)) * rng.gamma(rng.choice([0.1, 3.0]), 1, k)
    full[np.diag_indices(k)] *= rng.choice([0.0, 1.0, 10.0])
    return full.astype(np.int64)


@given(seed=SEEDS)
@settings(max_examples=150)
def test_no_confusion_matrix_leaves_the_bounds(seed):
    counts = some_counts(seed)
    precision, recall, f1 = metrics.macro(counts)
    assert f1_least(precision, recall, balanced=False) - 1e-12 <= f1 <= f1_most(precision, recall) + 1e-12


@given(seed=SEEDS, each=st.integers(1, 30))
@settings(max_examples=150)
def test_no_balanced_confusion_matrix_leaves_the_closer_bounds(seed, each):
    counts = balance(some_counts(seed), each)
    precision, recall, f1 = metrics.macro(counts)
    assert f1_least(precision, recall, balanced=True) - 1e-12 <= f1 <= f1_most(precision, recall) + 1e-12
    assert precision >= precision_least(recall) - 1e-12


@given(seed=SEEDS, each=st.integers(1, 30), value=st.sampled_from([1.0, np.nan]))
def test_other_conventions_for_classes_never_predicted_stay_inside(seed, each, value):
    counts = balance(some_counts(seed), each)
    _, recall, f1 = metrics.macro(counts)
    predicted = counts.sum(axis=0)
    by_class = np.where(predicted > 0, np.diag(counts) / np.maximum(predicted, 1), value)
    precision = np.nanmean(by_class)
    assert f1_least(precision, recall, balanced=True) - 1e-12 <= f1 <= f1_most(precision, recall) + 1e-12
    assert precision >= precision_least(recall) - 1e-12


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_alike_classes_reach_the_upper_bound(k):
    counts = np.full((k, k), 3) + 5 * np.eye(k, dtype=np.int64)
    precision, recall, f1 = metrics.macro(counts)
    assert f1 == pytest.approx(f1_most(precision, recall))


@pytest.mark.parametrize(("k", "kept"), [(2, 1), (10, 3), (100, 6), (100, 50)])
def test_classes_that_take_all_predictions_reach_the_lower_bound(k, kept):
    """Where the rest is spread evenly over them, recall is kept / k."""
    counts = np.zeros((k, k), np.int64)
    counts[:kept, :kept] = kept * np.eye(kept, dtype=np.int64)
    counts[kept:, :kept] = 1
    precision, recall, f1 = metrics.macro(counts)
    assert f1 == pytest.approx(f1_least(precision, recall, balanced=True))
    assert precision == pytest.approx(precision_least(recall))


def test_half_right_at_both_corners_reaches_the_lower_bound_of_any_test_set():
    """One class right, one with precision 1 and hardly any recall, one the other way round."""
    n = 10**9
    counts = np.array([[n, 0, 0], [0, 1, n], [0, 0, 1]])
    precision, recall, f1 = metrics.macro(counts)
    assert f1 == pytest.approx(f1_least(precision, recall, balanced=False), abs=1e-6)


def balance(counts, each):
    """Rows that each add up to `each`, in about the given proportions."""
    k = len(counts)
    weights = counts + np.where(counts.sum(axis=1, keepdims=True) == 0, 1, 0)
    made = np.floor(each * weights / weights.sum(axis=1, keepdims=True)).astype(np.int64)
    made[np.arange(k), weights.argmax(axis=1)] += each - made.sum(axis=1)
    return made
