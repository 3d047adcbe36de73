"""How often intervals hold the truth, and how often verdicts are wrong, in drawn studies.

The large simulations are slow; small ones with the same seeds run each time. Figures: docs/notes/log.md.
"""

import itertools

import numpy as np
import pytest

import drawn
from mixscope.claims import contrasts
from mixscope.claims.contrasts import NARROW
from mixscope.claims.verdicts import SUPPORTED, rule

LOW, HIGH = 0.93, 0.985  # what the coverage of a nominal 0.95 may be
SHARES = {
    "two alike": [1 / 2] * 2,
    "four alike": [1 / 4] * 4,
    "eight alike": [1 / 8] * 8,
    "one of four varies": [1, 0, 0, 0],
    "each a quarter of the last": [64 / 85, 16 / 85, 4 / 85, 1 / 85],
    "paired by seed": [1],
}
PARTS = [0, 0.05, 0.2, 0.5, 0.8, 0.95, 1]
GRID = [(z, b) for z, b in itertools.product(PARTS, PARTS) if 0 < z + b <= 1]
# (weights, accuracies): two arms, and a difference of gains whose truth is 0
ARMS = ([1.0, -1.0], [0.45, 0.40])
GAINS = ([1.0, -1.0, -1.0, 1.0], [0.45, 0.40, 0.65, 0.60])


def rng(*address: int) -> np.random.Generator:
    return np.random.default_rng(address)


def covered(times, address, weights, accuracies, **variances):
    """The share of drawn studies whose interval holds the truth; then of intervals by V_example alone."""
    truth = float(np.dot(weights, accuracies))
    both = alone = 0
    for i in range(times):
        found = contrasts.estimate(drawn.runs(rng(address, i), accuracies, **variances), weights)
        both += found.interval().low < truth < found.interval().high
        alone += abs(found.value - truth) < contrasts.t_factor(0.95, found.examples_df) * found.examples**0.5
    return both / times, alone / times


def test_the_formulas_on_arrays_are_those_of_the_estimate():
    found = drawn.moments(rng(1), times=50, shares=[0.7, 0.3], seeds=3, from_seed=0.5, from_residual=0.3)
    one_by_one = [found.estimate(i).interval() for i in range(50)]
    assert found.covers(0.3).tolist() == [interval.low < 0.3 < interval.high for interval in one_by_one]


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_hold_the_truth_about_as_often_as_they_say(seeds):
    for name, shares in SHARES.items():
        for z, b in [(0.05, 0.2), (0.5, 0.2), (0.9, 0.05), (0, 1)]:
            found = drawn.moments(
                rng(2, seeds), times=4000, shares=shares, seeds=seeds, from_seed=z, from_residual=b
            )
            assert LOW - 0.009 < found.covers(0.0).mean() < HIGH + 0.006, (name, z, b)


def test_counting_examples_alone_is_refuted_by_runs_that_differ():
    both, alone = covered(250, 3, *ARMS, seeds=3, n=300, seed=0.05)
    assert both > 0.90 and alone < 0.80


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("name", SHARES)
def test_coverage_over_the_whole_grid(seeds, name):
    for i, (z, b) in enumerate(GRID):
        found = drawn.moments(
            rng(4, seeds, i), times=40_000, shares=SHARES[name], seeds=seeds, from_seed=z, from_residual=b
        )
        assert LOW - 0.003 < found.covers(0.0).mean() < HIGH + 0.002, (z, b)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize(("n", "seed"), [(200, 0.0), (200, 0.02), (200, 0.1), (1000, 0.005), (1000, 0.03)])
@pytest.mark.parametrize("contrast", [ARMS, GAINS], ids=["two arms", "a difference of gains"])
def test_coverage_example_by_example(seeds, n, seed, contrast):
    found, _ = covered(1500, 5, *contrast, seeds=seeds, n=n, seed=seed)
    assert LOW - 0.016 < found < HIGH + 0.008


def supported(found: drawn.Moments, expect: str, margin: float) -> float:
    """The share of studies in which the rule says SUPPORTED."""
    said = [found.estimate(i) for i in range(len(found.value))]
    return float(np.mean([rule(expect, margin, e.interval(), e.interval(NARROW)) == SUPPORTED for e in said]))


CELLS = SHARES["four alike"]


@pytest.mark.parametrize("seeds", [3, 10])
def test_without_an_effect_few_studies_support_one(seeds):
    found = drawn.moments(rng(6), times=600, shares=CELLS, seeds=seeds, from_seed=0.6, from_residual=0.2)
    for expect in ("above", "below"):
        assert supported(found, expect, 1.0) <= 0.05


@pytest.mark.parametrize("seeds", [3, 10])
def test_an_effect_as_large_as_the_margin_is_seldom_called_none(seeds):
    found = drawn.moments(
        rng(7),
        times=600,
        shares=CELLS,
        seeds=seeds,
        from_seed=0.6,
        from_residual=0.2,
        truth=2.0,
        error=0.5,
    )
    assert supported(found, "equivalent", 2.0) <= 0.05 + 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("z", "b"), [(0.05, 0.05), (0.5, 0.2), (0.95, 0.05), (0, 1)])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_wrong_verdicts_are_as_rare_as_promised(seeds, z, b):
    parts = {"times": 8000, "shares": CELLS, "seeds": seeds, "from_seed": z, "from_residual": b}
    null = drawn.moments(rng(8, seeds), **parts)
    assert supported(null, "above", 1.0) <= 0.025 + 0.006
    at_margin = drawn.moments(rng(9, seeds), **parts, truth=2.0, error=0.5)
    assert supported(at_margin, "equivalent", 2.0) <= 0.05 + 0.008
