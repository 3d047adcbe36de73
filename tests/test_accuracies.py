"""Contrasts from accuracies alone: Welch's test, spreads as tables print them, and what is not known."""

import math

import numpy as np
import pytest
from scipy import stats

from mixscope.claims import accuracies, contrasts
from mixscope.claims.accuracies import Accuracies
from mixscope.claims.contrasts import Sample
from mixscope.errors import DataError
from mixscope.results import Summary

A, B = [0.790, 0.796, 0.793, 0.801], [0.761, 0.768, 0.763]


def printed(mean, spread, kind, n_seeds, n_test=None):
    """An experiment of a printed table."""
    return Accuracies.of_summary(
        Summary(experiment="x", mean=mean, spread=spread, spread_kind=kind, n_seeds=n_seeds, n_test=n_test)
    )


def test_two_experiments_give_what_welchs_test_gives():
    found = accuracies.points([Accuracies.of_runs(A), Accuracies.of_runs(B)], [1, -1])
    expected = stats.ttest_ind(np.multiply(A, 100), np.multiply(B, 100), equal_var=False)
    ends = expected.confidence_interval(0.95)
    interval = found.interval()
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))
    assert found.degrees == pytest.approx(expected.df)
    assert 2 * found.p_above() == pytest.approx(expected.pvalue)


def test_pairing_by_seed_gives_what_the_paired_test_gives():
    found = accuracies.points([Accuracies.of_runs(A[:3]), Accuracies.of_runs(B)], [1, -1], paired=True)
    expected = stats.ttest_rel(A[:3], B)
    assert 2 * found.p_above() == pytest.approx(expected.pvalue) and found.degrees == 2
    with pytest.raises(DataError, match="same seeds"):
        accuracies.points([Accuracies.of_runs(A), Accuracies.of_runs(B)], [1, -1], paired=True)
    summary = printed(0.8, 0.01, "sd", 3)
    with pytest.raises(DataError, match="every seed"):
        accuracies.points([summary, summary], [1, -1], paired=True)


@pytest.mark.parametrize("kind", ["sd", "sd0", "se", "ci95"])
def test_every_kind_of_spread_leads_back_to_the_same_deviation(kind):
    sd = np.std(A, ddof=1)
    each = {
        "sd": sd,
        "sd0": np.std(A),
        "se": stats.sem(A),
        "ci95": stats.t.ppf(0.975, 3) * stats.sem(A),
    }
    found = printed(float(np.mean(A)), float(each[kind]), kind, 4)
    assert found.sd == pytest.approx(sd)
    other = Accuracies.of_runs(B)
    one, same = (accuracies.points([x, other], [1, -1]) for x in (found, Accuracies.of_runs(A)))
    assert (one.value, one.variance, one.degrees) == pytest.approx((same.value, same.variance, same.degrees))


def test_a_spread_that_cannot_be_is_refused():
    with pytest.raises(DataError, match="two runs"):
        printed(0.8, 0.01, "sd", 1)
    with pytest.raises(DataError, match="iqr"):
        printed(0.8, 0.01, "iqr", 3)


def test_without_a_spread_only_test_examples_are_counted():
    a, b = printed(0.79, None, None, 3, 10_000), Accuracies.of_runs(B, n_test=10_000)
    found = accuracies.points([a, b], [1, -1])
    p, q = 0.79, float(np.mean(B))
    assert found.conditional
    assert found.variance == pytest.approx(1e4 * (p * (1 - p) + q * (1 - q)) / 10_000)
    unknown = accuracies.points([printed(0.79, None, None, 3), b], [1, -1])
    assert unknown.conditional and unknown.interval().low == -math.inf


def test_accuracies_that_do_not_differ_over_seeds_are_no_measurement_of_their_spread():
    a, b = Accuracies.of_runs([0.79] * 3, n_test=1000), Accuracies.of_runs([0.78] * 3, n_test=1000)
    found = accuracies.points([a, b], [1, -1])
    assert found.conditional and found.variance > 0


def test_the_bound_adds_the_binomial_variance_of_every_experiment():
    cells = [Accuracies.of_runs(A, n_test=500), Accuracies.of_runs(B, n_test=2000)]
    plain, bound = (accuracies.points(cells, [1, -1], new_examples=e) for e in (False, True))
    p, q = np.mean(A), np.mean(B)
    added = 1e4 * (p * (1 - p) / 500 + q * (1 - q) / 2000)
    assert bound.variance - plain.variance == pytest.approx(added)
    assert bound.interval().low < plain.interval().low and bound.interval().high > plain.interval().high


def test_a_sample_of_predictions_turns_into_its_accuracies():
    correct = np.random.default_rng(0).random((4, 200)) < 0.7
    sample = Sample(correct, (3, 5, 7, 9))
    found = accuracies.of_sample(sample)
    assert found.values == tuple(sample.by_seed) and found.seeds == sample.seeds and found.n_test == 200
    assert found.accuracy == pytest.approx(sample.accuracy)
    assert accuracies.points([found], [1]).variance == pytest.approx(1e4 * np.var(sample.by_seed, ddof=1) / 4)


def test_log_odds_are_those_of_the_accuracies():
    cells = [Accuracies.of_runs(A, n_test=10_000), Accuracies.of_runs(B, n_test=10_000)]
    found = accuracies.logits(cells, [1, -1])
    p, q = np.mean(A), np.mean(B)
    assert found.value == pytest.approx(math.log(p / (1 - p)) - math.log(q / (1 - q)), abs=1e-3)
    terms = [np.var(x, ddof=1) / len(x) / (m * (1 - m)) ** 2 for x, m in ((A, p), (B, q))]
    assert found.variance == pytest.approx(sum(terms), rel=1e-3)


def simulated(rng, *, sd, n, seeds, shared):
    """Correctness of two experiments of equal accuracy: examples differ in how hard they are, seeds in skill.

    Returns two arrays (seeds, n) and the true difference, 0.
    """
    hard = rng.normal(0.9, 1.2, n)
    own = [hard + rng.normal(0, 1 - shared, n) for _ in range(2)]
    return [
        rng.random((seeds, n)) < 1 / (1 + np.exp(-(o + rng.normal(0, s, (seeds, 1)))))
        for o, s in zip(own, sd, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize("sd", [(0.05, 0.05), (0.0, 0.15)], ids=["equal", "one-noisy"])
def test_simulated_coverage_of_both_intervals(n, sd):
    """Examples are drawn anew for every study, so the truth is of new seeds and new examples."""
    rng = np.random.default_rng([n, int(1000 * sd[1])])
    studies, held, bounded = 4000, 0, 0
    widths = []
    for _ in range(studies):
        a, b = simulated(rng, sd=sd, n=n, seeds=3, shared=0.8)
        cells = [Accuracies.of_runs(x.mean(axis=1), n_test=n) for x in (a, b)]
        interval = accuracies.points(cells, [1, -1]).interval()
        bound = accuracies.points(cells, [1, -1], new_examples=True).interval()
        paired = contrasts.points([Sample(x, (0, 1, 2)) for x in (a, b)], [1, -1]).interval()
        held += interval.low <= 0 <= interval.high
        bounded += bound.low <= 0 <= bound.high
        widths.append((bound.high - bound.low) / (paired.high - paired.low))
    width = np.median(widths)
    print(f"n {n} sd {sd}: welch {held / studies:.3f} bound {bounded / studies:.3f} width {width:.2f}")
    assert held / studies > 0.88
    assert bounded / studies > 0.985
