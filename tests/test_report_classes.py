"""Gains by class and reliability, against references and by simulation."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import optimize, stats

from mixscope import calibration, metrics
from mixscope.report import classes
from mixscope.report.sections.confusion import GAP, confusion_png, packed, saved
from mixscope.report.texts import Texts


def drawn(seeds, n, k, share, rng, by_seed=0.0):
    """Hits of runs on n examples of k classes, and labels; by_seed: how much a run differs in a class."""
    labels = np.arange(n) % k
    level = share + by_seed * rng.standard_normal((seeds, k))
    return rng.random((seeds, n)) < level[:, labels], labels


def test_a_gain_is_the_difference_of_recalls_over_seeds():
    rng = np.random.default_rng(0)
    arm, labels = drawn(3, 120, 6, 0.7, rng)
    plain, _ = drawn(2, 120, 6, 0.5, rng)
    found = classes.gains(arm, plain, labels, 6)
    for k in range(6):
        mine = labels == k
        assert found.gain[k] == pytest.approx(100 * (arm[:, mine].mean() - plain[:, mine].mean()))
    assert found.examples.tolist() == [20] * 6


def test_with_one_seed_the_error_is_that_of_the_paired_examples():
    rng = np.random.default_rng(1)
    arm, labels = drawn(1, 200, 4, 0.7, rng)
    plain, _ = drawn(1, 200, 4, 0.5, rng)
    found = classes.gains(arm, plain, labels, 4)
    for k in range(4):
        delta = (arm[0].astype(int) - plain[0].astype(int))[labels == k]
        assert found.error[k] == pytest.approx(100 * delta.std(ddof=1) / np.sqrt(len(delta)))
        expected = stats.ttest_1samp(delta, 0.0).pvalue
        assert found.p[k] == pytest.approx(expected)


def test_seeds_that_vary_make_a_gain_less_certain():
    rng = np.random.default_rng(2)
    steady = classes.gains(*(drawn(5, 2000, 10, 0.6, rng)[0] for _ in "ab"), np.arange(2000) % 10, 10)
    varied = classes.gains(*(drawn(5, 2000, 10, 0.6, rng, 0.2)[0] for _ in "ab"), np.arange(2000) % 10, 10)
    assert varied.error.mean() > 2 * steady.error.mean()


@pytest.mark.parametrize(("seeds", "by_seed"), [(3, 0.0), (3, 0.05), (5, 0.1)])
def test_without_a_difference_few_classes_are_called_different(seeds, by_seed):
    """Under the null a false discovery rate is the chance of any discovery: 5 % at most."""
    rng = np.random.default_rng(3)
    any_found, p_small = [], []
    for _ in range(300):
        arm, labels = drawn(seeds, 1000, 20, 0.6, rng, by_seed)
        plain, _ = drawn(seeds, 1000, 20, 0.6, rng, by_seed)
        found = classes.gains(arm, plain, labels, 20)
        any_found.append(bool((found.q <= 0.05).any()))
        p_small.append((found.p <= 0.05).mean())
    assert np.mean(any_found) <= 0.08
    assert 0.01 < np.mean(p_small) <= 0.065


def test_a_class_without_examples_has_no_gain_and_disturbs_no_other():
    rng = np.random.default_rng(4)
    arm, labels = drawn(2, 60, 3, 0.7, rng)
    plain, _ = drawn(2, 60, 3, 0.5, rng)
    bare, wide = classes.gains(arm, plain, labels, 3), classes.gains(arm, plain, labels, 4)
    for name in ("gain", "error", "shrunken", "p", "q"):
        assert np.allclose(getattr(wide, name)[:3], getattr(bare, name))
        assert np.isnan(getattr(wide, name)[3])


def test_a_class_in_which_nothing_changes_is_not_certain():
    hits = np.ones((1, 40), bool)
    found = classes.gains(hits, hits, np.arange(40) % 2, 2)
    assert (found.error > 0).all() and (found.p == 1.0).all()


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)))
def test_false_discovery_control_is_that_of_scipy(p):
    assert np.allclose(classes.false_discovery(p), stats.false_discovery_control(p))


@given(
    hnp.arrays(np.float64, 12, elements=st.floats(-50, 50)),
    hnp.arrays(np.float64, 12, elements=st.floats(0.1, 20)),
)
def test_shrinking_moves_every_gain_towards_a_common_centre_and_keeps_their_mean(gain, error):
    shrunken = classes.shrink(gain, error)
    assert (shrunken >= gain.min() - 1e-9).all() and (shrunken <= gain.max() + 1e-9).all()
    assert np.ptp(shrunken) <= np.ptp(gain) + 1e-9
    assert shrunken.mean() == pytest.approx(gain.mean(), abs=1e-9)


def test_classes_without_a_change_do_not_turn_the_sign_of_all_the_others():
    """An augmentation that loses 0.9 pp overall while most classes are right anyway, and never change."""
    rng = np.random.default_rng(6)
    labels = np.arange(1000) % 10
    plain = np.ones((3, 1000), bool)
    plain[:, labels < 4] = rng.random((3, 400)) < 0.9
    arm = plain & ((labels >= 4) | (rng.random((3, 1000)) < 0.97))
    found = classes.gains(arm, plain, labels, 10)
    overall = 100 * (arm.mean() - plain.mean())
    assert overall < -0.5 and (found.gain[4:] == 0).all()
    assert found.shrunken.mean() == pytest.approx(overall) and (found.shrunken <= 0).all()
    assert (found.shrunken[4:] > overall / 2).all(), "nor are they themselves drawn far from their zero"


def test_shrunken_estimates_are_closer_to_the_truth():
    rng = np.random.default_rng(5)
    plain_loss, shrunken_loss = 0.0, 0.0
    for _ in range(50):
        truth = rng.normal(2.0, 2.0, 100)
        error = rng.uniform(2.0, 6.0, 100)
        seen = truth + error * rng.standard_normal(100)
        plain_loss += ((seen - truth) ** 2).mean()
        shrunken_loss += ((classes.shrink(seen, error) - truth) ** 2).mean()
    assert shrunken_loss < 0.35 * plain_loss


def test_the_most_confused_pairs_are_the_largest_shares_off_the_diagonal():
    counts = np.array([[8, 2, 0], [1, 4, 5], [0, 0, 10]])
    found = classes.most_confused(counts, 10)
    assert [(c.true, c.predicted, c.count) for c in found] == [(1, 2, 5), (0, 1, 2), (1, 0, 1)]
    assert [c.share for c in found] == [0.5, 0.2, 0.1]


@given(seed=st.integers(0, 1000), n=st.integers(1, 200), sharp=st.floats(0.1, 30))
def test_a_reliability_diagram_has_the_calibration_error_of_the_metrics(seed, n, sharp):
    rng = np.random.default_rng(seed)
    logits = (sharp * rng.standard_normal((n, 5))).round(1)
    labels = rng.integers(0, 5, n)
    sure = np.exp(metrics.log_softmax(logits)).max(axis=1)
    found = calibration.reliability(sure, logits.argmax(axis=1) == labels)
    error = (found.examples * np.abs(found.confidence - found.accuracy)).sum() / n
    assert error == pytest.approx(metrics.ece(logits, labels), abs=1e-9)
    assert found.examples.sum() == n and (np.diff(found.confidence) > 0).all()


@given(seed=st.integers(0, 200), sharp=st.floats(0.05, 20))
def test_the_temperature_is_the_one_that_makes_the_labels_likeliest(seed, sharp):
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((300, 6))
    labels = (rng.gumbel(size=logits.shape) + logits).argmax(axis=1)
    scale = calibration.scale_that_fits(sharp * logits, labels)
    best = optimize.minimize_scalar(
        lambda s: metrics.nll(s * sharp * logits, labels), bounds=(0.01, 100), method="bounded"
    )
    assert metrics.nll(scale * sharp * logits, labels) <= best.fun + 1e-6
    assert 0.5 < scale * sharp < 1.6 or scale in (0.01, 100.0)


@pytest.mark.parametrize("right", [True, False])
def test_predictions_that_are_always_or_never_right_have_a_finite_temperature(right):
    logits = np.eye(4)[np.arange(40) % 4]
    labels = (np.arange(40) + (0 if right else 1)) % 4
    scale = calibration.scale_that_fits(logits, labels)
    assert 10 < scale <= 100 if right else scale == 0.01


def test_a_saved_matrix_of_few_classes_has_the_name_of_each_at_its_row_and_column():
    def drawn(names):
        matrix = {"png": confusion_png(np.eye(len(names), dtype=int)), "title": "a"}
        return np.asarray(Image.open(io.BytesIO(saved(matrix, names, Texts("en")))).convert("L")).astype(int)

    def place(i):
        """Where the name of a class is: the middle of what changes left of the matrix, and below it."""
        plain = drawn(["www"] * 10)
        y, x = np.nonzero(drawn(["w" if j == i else "www" for j in range(10)]) - plain)
        beside = x < plain.shape[1] - 600 - GAP
        return np.array([y[beside].mean(), x[~beside].mean()])

    assert np.array_equal(place(4) - place(0), [240, 240])
    assert np.array_equal(drawn(["x"] * 21), drawn(["xxx"] * 21)), "names of many classes would overlap"


def test_a_class_may_have_a_line_break_in_its_name():
    matrix = {"png": confusion_png(np.eye(2, dtype=int)), "title": "a"}
    assert saved(matrix, ["b\n고", "c"], Texts("en")) == saved(matrix, ["b 고", "c"], Texts("en"))


@pytest.mark.parametrize(("most", "size"), [(255, 1), (256, 2), (70_000, 2)])
def test_counts_take_a_byte_each_unless_one_is_larger(most, size):
    counts = np.array([[most, 1], [0, 200]])
    raw = base64.b64decode(packed(counts))
    assert len(raw) == size * counts.size
    assert np.frombuffer(raw, f"<u{size}").tolist() == np.minimum(counts, 65535).ravel().tolist()


def test_a_matrix_of_200_classes_is_a_small_picture():
    rng = np.random.default_rng(6)
    counts = rng.poisson(0.3, (200, 200)) + 40 * np.eye(200, dtype=int)
    assert len(confusion_png(counts)) < 40_000


def test_degrees_of_freedom_of_a_class_are_those_of_a_contrast():
    """One noisy arm of three seeds must not borrow the degrees of freedom of the other."""
    from mixscope.claims import contrasts
    from mixscope.claims.contrasts import Sample

    rng = np.random.default_rng(8)
    arm, labels = drawn(3, 400, 4, 0.6, rng, 0.15)
    plain, _ = drawn(4, 400, 4, 0.5, rng, 0.01)
    found = classes.gains(arm, plain, labels, 4)
    for k in range(4):
        cells = [Sample(hits[:, labels == k], tuple(range(len(hits)))) for hits in (arm, plain)]
        one = contrasts.points(cells, [1.0, -1.0])
        assert found.p[k] == pytest.approx(2 * min(one.p_above(), one.p_below()))


def test_no_class_is_marked_at_one_seed():
    from mixscope.report.sections.classes import certain

    class One:
        gains = classes.gains(np.ones((1, 40), bool), np.zeros((1, 40), bool), np.arange(40) % 2, 2)
        seeds = 1

    assert (One.gains.q <= 0.05).all() and not certain(One).any()
