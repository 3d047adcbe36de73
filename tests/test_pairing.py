"""What pairing by seed buys: known answers on drawn accuracies whose correlation is known."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers
from scipy import stats

from mixscope.claims import contrasts

FILE = Path(__file__).parents[1] / "benchmarks" / "pairing.py"
SPEC = importlib.util.spec_from_file_location("pairing", FILE)
pairing = sys.modules["pairing"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pairing)
MANY = 200_000


def arms(correlation: float, seeds: int, *, cells: int = 2, seed: int = 0) -> np.ndarray:
    """Accuracies (cells, seeds) of variance 1 of which every two rows have that correlation."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(seeds)
    own = rng.standard_normal((cells, seeds))
    return math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own


@pytest.mark.parametrize("known", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("weights", [[1, -1], [1, -1, -1, 1]])
def test_the_share_that_pairing_takes_off_is_the_known_correlation(known, weights):
    drawn = arms(known, MANY, cells=len(weights))
    assert pairing.shared(drawn, np.array(weights)) == pytest.approx(known, abs=0.02)


def test_the_share_is_that_of_contrasts_on_the_same_runs():
    rng = np.random.default_rng(1)
    correct = rng.random((2, 6, 400)) < 0.3
    cells = [contrasts.Sample(c, tuple(range(6))) for c in correct]
    expected = contrasts.shared(cells, [1.0, -1.0])
    assert pairing.shared(correct.mean(axis=2), np.array([1.0, -1.0])) == pytest.approx(expected)


def test_fishers_interval_is_that_of_scipy():
    x, y = arms(0.5, 8, seed=3)
    found = pairing.correlation(x, y)
    reference = stats.pearsonr(x, y).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))


def test_with_three_seeds_pairing_must_cut_the_variance_as_often_as_t_says():
    # Four cells: t of 2 degrees against t of 8, each with what a standard deviation is on average.
    narrow = pairing.half_width(1.0, 3, 8)
    wide = pairing.half_width(1 - pairing.break_even(3, 4), 3, 2)
    assert wide == pytest.approx(narrow)


@given(seeds=integers(2, 30), cells=integers(2, 6), share=floats(-0.9, 0.95))
def test_pairing_pays_exactly_beyond_the_break_even(seeds, cells, share):
    edge = pairing.break_even(seeds, cells)
    assert 0 < edge < 1
    if abs(share - edge) > 1e-9:
        assert (pairing.relative_width(share, seeds, cells) < 1) == (share > edge)


@given(seeds=integers(2, 12), cells=integers(2, 6), share=floats(-0.9, 0.9))
def test_what_pairing_is_worth_in_seeds_agrees_with_whether_it_pays(seeds, cells, share):
    worth = pairing.worth(share, seeds, cells)
    width = pairing.relative_width(share, seeds, cells)
    if abs(width - 1) > 1e-9:
        assert (worth > seeds) == (width < 1)


@pytest.mark.parametrize(("known", "seeds"), [(0.0, 3), (0.7, 3), (0.7, 10)])
def test_the_relative_width_is_that_of_drawn_studies(known, seeds):
    rng = np.random.default_rng(4)
    common = math.sqrt(known) * rng.standard_normal((MANY // 4, 1, seeds))
    a, b = np.moveaxis(common + math.sqrt(1 - known) * rng.standard_normal((MANY // 4, 2, seeds)), 1, 0)
    paired = contrasts.t_factor(0.95, seeds - 1) * (a - b).std(axis=1, ddof=1)
    unpaired = contrasts.t_factor(0.95, 2 * seeds - 2) * np.sqrt(a.var(1, ddof=1) + b.var(1, ddof=1))
    assert pairing.relative_width(known, seeds, 2) == pytest.approx(paired.mean() / unpaired.mean(), rel=0.03)


def test_the_factor_is_the_ratio_of_known_variances():
    before = arms(0.4, MANY, cells=3)
    assert pairing.factor(before, 5 + 0.5 * before) == pytest.approx(0.25)
    average = (before + arms(0.4, MANY, cells=3, seed=9)) / 2  # two independent halves
    assert pairing.factor(before, average) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("known", [0.0, 0.5, 0.9])
def test_a_control_variate_leaves_what_its_correlation_does_not_explain(known):
    control, a = (row.reshape(2, -1) for row in arms(known, MANY))
    control = control + np.array([[3.0], [-7.0]])  # cells differ in level, which says nothing
    assert pairing.left_by_control(a, control) == pytest.approx(1 - known**2, abs=0.01)
    assert math.isnan(pairing.left_by_control(a, np.ones_like(a)))


def test_a_control_variate_that_says_nothing_leaves_all_on_average():
    rng = np.random.default_rng(5)
    found = [pairing.left_by_control(*rng.standard_normal((2, 6, 8))) for _ in range(2000)]
    assert np.mean(found) == pytest.approx(1.0, abs=0.005)


@pytest.mark.slow
def test_the_bootstrap_over_eight_seeds_covers_as_often_as_documented():
    # docs/notes/science-per-compute.md says so: percentiles of eight seeds are narrower than they claim.
    inside, rounds = 0, 300
    for number in range(rounds):
        before = arms(0.3, 8, cells=6, seed=2 * number)
        after = math.sqrt(0.7) * (0.8 * before + 0.6 * arms(0.3, 8, cells=6, seed=2 * number + 1))
        found = pairing.over_seeds(
            lambda c, x=before, y=after: pairing.factor(x[:, c], y[:, c]), 8, resamples=300, seed=number
        )
        inside += found.low <= 0.7 <= found.high
    assert 0.80 <= inside / rounds <= 0.97


def test_the_bootstrap_of_one_seed_has_no_interval():
    found = pairing.over_seeds(lambda c: 1.0, 1)
    assert found == pairing.Range(value=1.0, low=None, high=None)
