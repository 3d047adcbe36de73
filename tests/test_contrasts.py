"""Estimates and intervals: against scipy and statsmodels where they apply, and against drawn truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import multitest, weightstats

import drawn
from mixscope.claims import contrasts, power
from mixscope.claims.bootstrap import Bootstrap
from mixscope.claims.contrasts import Sample

DIFFERENCE = [1.0, -1.0]
GAINS = [1.0, -1.0, -1.0, 1.0]


def rng(*address: int) -> np.random.Generator:
    return np.random.default_rng(address)


def seeds_alone(accuracies, n=4):
    """A cell whose runs get a share of every example right, so that examples bring no variance."""
    return Sample(np.repeat(np.asarray(accuracies)[:, None], n, axis=1), tuple(range(len(accuracies))))


def test_without_variance_of_examples_the_interval_is_welchs():
    a, b = rng(1).normal(0.6, 0.02, 3), rng(2).normal(0.5, 0.05, 7)
    welch = stats.ttest_ind(a, b, equal_var=False)
    # V_e is V_seed over n here: with this many examples it vanishes.
    cells = [seeds_alone(a, 1_000_000), seeds_alone(b, 1_000_000)]
    found = contrasts.estimate(cells, DIFFERENCE)
    assert found.degrees == pytest.approx(welch.df, rel=1e-5)
    interval, theirs = found.interval(), welch.confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), rel=1e-5)
    assert found.p_above() == pytest.approx(
        stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue, rel=1e-4
    )


def test_paired_by_seed_without_variance_of_examples_is_the_paired_t_test():
    a = rng(3).normal(0.6, 0.05, 5)
    b = a - 0.1 + rng(4).normal(0, 0.01, 5)
    found = contrasts.estimate(
        [seeds_alone(a, 1_000_000), seeds_alone(b, 1_000_000)], DIFFERENCE, paired=True
    )
    theirs = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.interval().low, found.interval().high) == pytest.approx((theirs.low, theirs.high), rel=1e-5)
    assert found.degrees == pytest.approx(4, rel=1e-5)


def test_one_seed_pairs_by_example_as_the_paired_t_test_does():
    a, b = (rng(5).random((1, 400)) < 0.7), (rng(6).random((1, 400)) < 0.6)
    found = contrasts.estimate([Sample(a, (0,)), Sample(b, (0,))], DIFFERENCE)
    theirs = stats.ttest_rel(a[0].astype(float), b[0].astype(float)).confidence_interval(0.95)
    assert found.conditional and found.seed_share is None
    assert (found.interval().low, found.interval().high) == pytest.approx((theirs.low, theirs.high))


def test_variance_is_what_the_formula_of_the_specification_says():
    cells = drawn.runs(rng(7), [0.4, 0.5, 0.3, 0.35], seeds=3, n=500)
    delta = sum(w * c.correct.mean(axis=0) for w, c in zip(GAINS, cells, strict=True))
    example = delta.var(ddof=1) / 500
    seed = sum(c.correct.mean(axis=1).var(ddof=1) / 3 for c in cells)
    residual = sum(c.correct.var(axis=0, ddof=1).mean() / (3 * 500) for c in cells)
    found = contrasts.estimate(cells, GAINS)
    assert found.variance == pytest.approx(max(example, seed + example - residual))
    assert found.value == pytest.approx(delta.mean())
    assert found.from_seeds + found.from_examples == pytest.approx(found.variance)


def test_equivalence_is_statsmodels_ttost():
    a, b = rng(8).normal(0.60, 0.02, 6), rng(9).normal(0.605, 0.02, 6)
    found = contrasts.estimate([seeds_alone(a, 1_000_000), seeds_alone(b, 1_000_000)], DIFFERENCE)
    theirs = weightstats.ttost_ind(a, b, -0.03, 0.03, usevar="unequal")[0]
    assert found.p_equivalent(0.03) == pytest.approx(theirs, rel=1e-4)
    assert (found.p_equivalent(0.03) < 0.05) == found.interval(0.90).inside(0.03)


@effort(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels_holm(p):
    found = contrasts.holm({str(i): v for i, v in enumerate(p)})
    assert list(found.values()) == pytest.approx(list(multitest.multipletests(p, method="holm")[1]))


@effort(max_examples=20)
@given(st.integers(0, 10_000), st.floats(-3, 3).filter(lambda w: abs(w) > 0.01))
def test_a_contrast_scales_with_its_weights(address, factor):
    cells = drawn.runs(rng(10, address), [0.4, 0.6], seeds=3, n=50)
    one, other = (contrasts.estimate(cells, [f, -f]) for f in (1.0, factor))
    assert other.value == pytest.approx(factor * one.value)
    assert other.standard_error == pytest.approx(abs(factor) * one.standard_error)
    assert other.degrees == pytest.approx(one.degrees)


def test_an_experiment_against_itself_differs_by_nothing_for_sure():
    cell = drawn.runs(rng(11), [0.5], seeds=3, n=100)[0]
    found = contrasts.estimate([cell, cell], DIFFERENCE, paired=True)
    assert (found.value, found.variance, found.degrees) == (0.0, 0.0, 99)
    assert found.p_above() == 1.0 and found.interval().high == 0.0


def test_equal_predictions_give_an_interval_without_width_whatever_their_seeds_do():
    """Seeds vary less than chance over examples would make them, and the contrast not at all."""
    correct = np.zeros((3, 100), bool)
    for row in range(3):
        correct[row, 20 * row : 20 * row + 50] = True  # each run right on others, equally many but for one
    correct[0, 99] = True
    cell = Sample(correct, (0, 1, 2))
    found = contrasts.estimate([cell, cell], DIFFERENCE)
    assert found.variance == 0.0 < sum(found.seeds) < found.residual
    assert (found.interval().low, found.interval().high) == (0.0, 0.0)


def test_experiments_with_other_test_sets_share_no_examples():
    first, second = drawn.runs(rng(12), [0.4, 0.6], seeds=3, n=400)
    elsewhere = Sample(second.correct[:, :300], second.seeds, "other")
    found = contrasts.estimate([first, elsewhere], DIFFERENCE)
    alone = [contrasts.estimate([c], [1.0]) for c in (first, elsewhere)]
    assert found.examples == pytest.approx(alone[0].examples + alone[1].examples)
    assert 299 < found.examples_df < 700


def test_pairing_by_example_narrows_what_is_hard_for_both():
    cells = drawn.runs(rng(13), [0.5, 0.5], seeds=3, n=2000, example=3.0, seed=0.0)
    apart = [Sample(c.correct, c.seeds, name) for c, name in zip(cells, "ab", strict=True)]
    assert contrasts.estimate(cells, DIFFERENCE).variance < contrasts.estimate(apart, DIFFERENCE).variance / 2


def test_log_odds_move_as_the_delta_method_says():
    cells = drawn.runs(rng(14), [0.3, 0.5], seeds=4, n=4000)
    found = contrasts.logits(cells, DIFFERENCE)
    p = [c.correct.mean() for c in cells]
    assert found.value == pytest.approx(np.log(p[0] / (1 - p[0])) - np.log(p[1] / (1 - p[1])), abs=1e-3)
    weights = [1 / (p[0] * (1 - p[0])), -1 / (p[1] * (1 - p[1]))]
    assert found.standard_error == pytest.approx(contrasts.estimate(cells, weights).standard_error, rel=1e-3)


def test_log_odds_of_a_perfect_experiment_are_finite():
    perfect = Sample(np.ones((3, 50), bool), (0, 1, 2))
    found = contrasts.logits([perfect, drawn.runs(rng(15), [0.5], seeds=3, n=50)[0]], DIFFERENCE)
    assert np.isfinite(found.value) and np.isfinite(found.standard_error)


def test_correlation_of_two_augmentations_is_pearsons_where_they_vary_alike():
    a = np.array([0.50, 0.52, 0.54, 0.58])
    b = a[[1, 0, 3, 2]]  # the same spread, so that both definitions agree
    found = contrasts.shared([seeds_alone(a), seeds_alone(b)], DIFFERENCE)
    assert found == pytest.approx(stats.pearsonr(a, b).statistic)
    assert contrasts.shared([seeds_alone(a[:2]), seeds_alone(b[:2])], DIFFERENCE) is None


def test_only_common_seeds_are_correlated():
    a = Sample(seeds_alone([0.1, 0.2, 0.3, 0.9]).correct, (0, 1, 2, 7))
    b = Sample(seeds_alone([0.3, 0.2, 0.1]).correct, (2, 1, 0))
    assert contrasts.common_seeds([a, b]) == (0, 1, 2)
    assert contrasts.shared([a, b], DIFFERENCE) == pytest.approx(1.0)


# --- the bootstrap ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("paired", [False, True])
def test_the_bootstrap_agrees_with_the_formula_where_student_is_normal(paired):
    cells = drawn.runs(rng(16), [0.4, 0.5, 0.3, 0.35], seeds=12, n=500, seed=0.02)
    names = dict(zip("abcd", cells, strict=True))
    weights = dict(zip("abcd", GAINS, strict=True))
    found = Bootstrap(names).interval(weights, paired=paired)
    error = contrasts.points(cells, GAINS, paired=paired).standard_error
    assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.08)


def test_the_bootstrap_repeats_itself_and_knows_no_other_experiments():
    cells = dict(zip("abc", drawn.runs(rng(17), [0.4, 0.5, 0.6], seeds=3, n=200), strict=True))
    weights = {"a": 1.0, "b": -1.0}
    all_cells, fewer = Bootstrap(cells), Bootstrap({k: cells[k] for k in "ba"})
    assert all_cells.interval(weights) == all_cells.interval(weights) == fewer.interval(weights)
    assert Bootstrap(cells, seed=1).interval(weights) != all_cells.interval(weights)


def test_the_bootstrap_of_one_seed_is_conditional_on_it():
    cells = dict(zip("ab", drawn.runs(rng(18), [0.4, 0.5], seeds=1, n=2000), strict=True))
    found = Bootstrap(cells).interval({"a": 1.0, "b": -1.0})
    exact = contrasts.points(list(cells.values()), DIFFERENCE).interval()
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.15)


# --- what it would take ----------------------------------------------------------------------------------


def test_more_seeds_leave_what_comes_from_examples():
    found = contrasts.points(drawn.runs(rng(19), [0.4, 0.5], seeds=5, n=1000, seed=0.03), DIFFERENCE)
    outlook = power.Outlook.of(found)
    assert outlook.variance(5) == pytest.approx(found.variance)
    assert outlook.variance(10**9) == pytest.approx(found.from_examples)
    assert outlook.degrees(5) == pytest.approx(found.degrees)


def test_seeds_needed_are_the_fewest_that_have_the_power():
    outlook = power.Outlook(value=1.0, examples=0.05, examples_df=9999.0, seeds=(1.0, 1.0))
    needed = outlook.seeds_needed(expect="above", margin=1.0)
    assert outlook.chance(needed, expect="above", margin=1.0) >= 0.8
    assert outlook.chance(needed - 1, expect="above", margin=1.0) < 0.8
    assert outlook.seeds_needed(expect="above", margin=1.0, tests=8) > needed
    small = power.Outlook(value=0.1, examples=0.5, examples_df=363.0, seeds=(1.0, 1.0))
    assert small.seeds_needed(expect="above", margin=1.0) is None, "test examples alone leave it open"


def test_with_one_seed_nothing_is_known_of_others():
    one = contrasts.points(drawn.runs(rng(20), [0.4, 0.5], seeds=1, n=1000), DIFFERENCE)
    assert power.Outlook.of(one) is None


def test_the_tipping_deviation_brings_the_interval_to_zero():
    one = contrasts.points(drawn.runs(rng(21), [0.4, 0.6], seeds=1, n=2000), DIFFERENCE)
    sd = power.tipping_sd(one, 2.0, expect="below", margin=1.0)
    half = contrasts.t_factor(0.95, one.examples_df) * np.sqrt(one.examples + 2.0 * sd**2)
    assert half == pytest.approx(abs(one.value))
    assert power.tipping_sd(one, 2.0, expect="equivalent", margin=30.0) is not None
    assert power.tipping_sd(one, 2.0, expect="equivalent", margin=1.0) is None


@pytest.mark.parametrize(
    ("expect", "truth", "margin"), [("above", 3.0, 1.0), ("below", -2.0, 1.0), ("equivalent", 0.3, 2.5)]
)
def test_power_is_as_predicted(expect, truth, margin):
    """At the number of seeds that is said to have 80 % power, about 80 % of drawn studies are settled."""
    from mixscope.claims.verdicts import INCONCLUSIVE, rule

    seeds_sd, example_sd, draws = 2.0, 0.5, rng(22)
    outlook = power.Outlook(
        value=truth, examples=example_sd**2, examples_df=9999.0, seeds=(seeds_sd**2, seeds_sd**2)
    )
    s = outlook.seeds_needed(expect=expect, margin=margin)
    predicted = outlook.chance(s, expect=expect, margin=margin)
    settled, times = 0, 1500
    for _ in range(times):
        terms = tuple(seeds_sd**2 / s * draws.chisquare(s - 1, 2) / (s - 1))
        value = draws.normal(truth, np.sqrt(2 * seeds_sd**2 / s + example_sd**2))
        found = contrasts.Estimate(
            value=value,
            examples=example_sd**2,
            examples_df=9999.0,
            seeds=terms,
            seeds_df=(s - 1, s - 1),
            residual=0.0,
            conditional=False,
        )
        settled += rule(expect, margin, found.interval(), found.interval(0.90)) != INCONCLUSIVE
    assert settled / times == pytest.approx(predicted, abs=0.04)


def test_augmentations_that_move_together_leave_no_fewer_degrees_than_an_experiment_has():
    """Both arms of a seed err on the same images, so the contrast varies less over images than V_e says."""
    draws = np.random.default_rng(0)
    ours = 0.05 * draws.standard_normal((2, 300))  # of each seed, common to both arms
    shift = np.array([[0.0], [0.01]])
    cells = [Sample(0.5 + ours + shift, (0, 1), "t"), Sample(0.5 + ours, (0, 1), "t")]
    found = contrasts.estimate(cells, [1.0, -1.0])
    assert found.residual > found.examples, "which is the case that is meant"
    assert found.degrees >= 1
    reach = found.interval()
    assert reach.high - reach.low <= 2 * contrasts.t_factor(0.95, 1) * found.standard_error * 1.000001


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_share_of_which_nothing_varies_has_the_exact_interval_of_its_examples(value, seeds):
    found = contrasts.mean(Sample(np.full((seeds, 50), value), tuple(range(seeds))))
    low, high = stats.binomtest(int(50 * value), 50).proportion_ci(0.95, method="exact")
    assert (found.estimate, found.low, found.high) == pytest.approx((value, low, high))


@pytest.mark.parametrize("accuracy", [0.02, 0.98])
def test_an_interval_of_a_share_stays_between_0_and_1(accuracy):
    correct = np.random.default_rng(1).random((3, 40)) < accuracy
    sample = Sample(correct, (0, 1, 2))
    plain, found = contrasts.estimate([sample], [1.0]).interval(), contrasts.mean(sample)
    assert plain.low < 0 or plain.high > 1, "an example that would leave the bounds"
    assert found.low == max(plain.low, 0) and found.high == min(plain.high, 1)
