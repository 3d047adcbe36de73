"""Figures against scikit-learn, and against what must hold of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mixscope import metrics


@st.composite
def predictions(draw):
    n, k = draw(st.integers(1, 60)), draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    # Coarse logits, so that ties happen.
    return np.round(rng.normal(size=(n, k)) * 2) / 2, rng.integers(0, k, n)


@given(predictions())
@settings(deadline=None)
def test_macro_figures_are_those_of_scikit_learn(found):
    logits, labels = found
    k = logits.shape[1]
    ours = metrics.macro(metrics.confusion(logits, labels))
    theirs = sk.precision_recall_fscore_support(
        labels, logits.argmax(1), labels=range(k), average="macro", zero_division=0
    )[:3]
    assert ours == pytest.approx(theirs)


@given(predictions())
@settings(deadline=None)
def test_likelihood_and_brier_are_those_of_scikit_learn(found):
    logits, labels = found
    p = np.exp(metrics.log_softmax(logits))
    assert metrics.nll(logits, labels) == pytest.approx(
        sk.log_loss(labels, p / p.sum(1, keepdims=True), labels=range(p.shape[1])), rel=1e-6
    )
    assert metrics.brier(logits, labels) == pytest.approx(
        np.mean(np.sum((p - np.eye(p.shape[1])[labels]) ** 2, axis=1))
    )


@given(predictions(), st.integers(1, 5))
@settings(deadline=None)
def test_top_k_is_where_the_true_class_stands_in_a_stable_sort(found, k):
    logits, labels = found
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    assert metrics.top_k(logits, labels, k) == np.mean((best == labels[:, None]).any(axis=1))


@given(predictions(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_examples_changes_nothing_but_rounding(found, random):
    logits, labels = found
    order = list(range(len(labels)))
    random.shuffle(order)
    one, two = metrics.summary(logits, labels), metrics.summary(logits[order], labels[order])
    one.pop("ece"), two.pop("ece")  # equal confidences may change places between bins
    assert one == pytest.approx(two)


def test_macro_recall_is_top1_on_a_balanced_set():
    labels = np.repeat(np.arange(10), 7)
    logits = np.random.default_rng(0).normal(size=(70, 10))
    found = metrics.summary(logits, labels)
    assert found["recall"] == pytest.approx(found["top1"])


def test_a_uniform_prediction_has_the_likelihood_of_chance():
    assert metrics.nll(np.zeros((5, 8)), np.arange(5)) == pytest.approx(np.log(8))


def test_a_calibrated_toy_is_calibrated_and_an_overconfident_one_is_not():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20_000)
    labels = (rng.random(20_000) > p).astype(int)
    logits = np.stack([np.log(p), np.log(1 - p)], axis=1)
    assert metrics.ece(logits, labels) < 0.015
    assert metrics.ece(4 * logits, labels) > 0.1


def test_a_figure_that_says_nothing_is_missing_and_not_zero():
    assert metrics.summary(np.eye(3), np.arange(3))["top5"] is None


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        metrics.summary(np.array([[np.nan, 1.0]]), np.array([0]))


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="labels must lie in 0 to 1"):
        metrics.summary(np.eye(2), np.array([0, 2]))
