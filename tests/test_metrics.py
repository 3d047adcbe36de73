"""Figures against scikit-learn, and against what must hold of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mixscope import calibration, metrics


@st.composite
def predictions(draw):
    n, k = draw(st.integers(1, 60)), draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    # Coarse logits, so that ties happen.
    return np.round(rng.normal(size=(n, k)) * 2) / 2, rng.integers(0, k, n)


@given(predictions())
@settings(deadline=None)
def test_macro_values_are_those_of_scikit_learn(found):
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
        sk.brier_score_loss(labels, p, labels=range(p.shape[1]), scale_by_half=False)
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
    assert one == pytest.approx(two)


@given(predictions())
@settings(deadline=None)
def test_top1_and_the_confusion_matrix_break_ties_the_same_way(found):
    logits, labels = found
    counts = metrics.confusion(logits, labels)
    assert np.array_equal(
        counts, sk.confusion_matrix(labels, logits.argmax(1), labels=range(logits.shape[1]))
    )
    summary = metrics.summary(logits, labels)
    assert summary["top1"] == np.trace(counts) / len(labels)
    assert summary["classes_never_predicted"] == logits.shape[1] - len(np.unique(logits.argmax(1)))


def test_ece_keeps_equal_confidences_together_whatever_the_order_of_their_classes():
    """Whole numbers as logits make ties, which rounding in the sum over classes must not split."""
    rng = np.random.default_rng(5)
    rows = rng.integers(0, 4, (6, 40)).astype(np.float64)
    logits = np.stack([rng.permutation(rows[i % 6]) for i in range(3000)])
    group = calibration.groups(np.exp(metrics.log_softmax(logits)).max(axis=1))
    for kind in range(6):
        assert len(set(group[kind::6].tolist())) == 1
    shuffled = rng.permuted(logits, axis=1)
    again = calibration.groups(np.exp(metrics.log_softmax(shuffled)).max(axis=1))
    assert np.array_equal(group, again)


def test_the_noise_floor_is_what_a_calibrated_model_has_on_average():
    rng = np.random.default_rng(6)
    logits = 2.0 * rng.standard_normal((800, 10))
    p = np.exp(metrics.log_softmax(logits))
    found = []
    for _ in range(60):
        labels = (p.cumsum(axis=1) < rng.random((800, 1))).sum(axis=1)
        found.append(metrics.ece(logits, labels))
    bins = calibration.reliability(p.max(axis=1), np.zeros(800, bool))
    assert calibration.noise_floor(bins.confidence, bins.examples) == pytest.approx(np.mean(found), rel=0.08)


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 10**6))
@settings(deadline=None)
def test_ece_cuts_sorted_confidence_into_groups_of_equal_size(n, bins, seed):
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(n, 4)), rng.integers(0, 4, n)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    confidence, hit = p.max(1), p.argmax(1) == labels
    gaps = [
        abs(confidence[group].mean() - hit[group].mean()) * len(group)
        for group in np.array_split(np.argsort(confidence), bins)
        if len(group)
    ]
    assert metrics.ece(logits, labels, bins) == pytest.approx(sum(gaps) / n)


def test_a_constant_prediction_that_is_right_as_often_as_it_says_is_calibrated():
    labels = np.repeat(np.arange(4), 25)
    assert metrics.ece(np.zeros((100, 4)), labels) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("labels_as", [np.uint8, np.int8, np.int32, np.uint64])
@pytest.mark.parametrize("logits_as", [np.float16, np.float32])
def test_narrow_numbers_give_the_values_of_wide_ones(labels_as, logits_as):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(400, 100)).astype(logits_as), rng.integers(0, 100, 400)
    logits[:, 0] *= 1000
    wide = metrics.summary(logits.astype(np.float64), labels)
    assert metrics.summary(logits, labels.astype(labels_as)) == pytest.approx(wide)


def test_a_summary_is_made_of_plain_numbers():
    rng = np.random.default_rng(0)
    found = metrics.summary(rng.normal(size=(30, 7)).astype(np.float32), rng.integers(0, 7, 30))
    assert {type(v) for v in found.values()} == {int, float}


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


def test_a_value_without_information_is_missing_and_not_zero():
    assert metrics.summary(np.eye(3), np.arange(3))["top5"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="not finite"):
        metrics.summary(np.array([[bad, 1.0]]), np.array([0]))


@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "neither empty"),
        (np.zeros((2, 3)), np.zeros(3, int), "neither empty"),
        (np.zeros(3), np.zeros(3, int), "neither empty"),
        (np.zeros((2, 3)), np.zeros(2), "integers"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(logits, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        metrics.summary(logits, labels)


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="labels must lie in 0 to 1"):
        metrics.summary(np.eye(2), np.array([0, 2]))
