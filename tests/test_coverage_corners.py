"""Where the interval is known to be too narrow, and that it is no narrower than docs/guides/claims.md says.

The figures of the table in docs/guides/claims.md are those of the slow tests; `pytest -m slow -s` prints
them.
"""

import numpy as np
import pytest
from scipy import special

import drawn
from mixscope.claims import contrasts

STUDIES = 40_000


def rng(*address: int) -> np.random.Generator:
    return np.random.default_rng(address)


def seeds_alone(generator, studies, sds, seeds, *, correlation=0.0, paired=False):
    """The share of 95 % intervals that hold the truth where only seeds vary: contrasts.py on arrays.

    sds: by experiment, times its weight. seeds: by experiment. correlation: of the weighted accuracies of a
    seed, so that negative is what arms that move together have.
    """
    assert not correlation or len(set(seeds)) == 1
    if correlation:
        n, k = seeds[0], len(sds)
        shared = np.full((k, k), correlation) + (1 - correlation) * np.eye(k)
        root = np.linalg.cholesky(shared + 1e-12 * np.eye(k))
        runs = np.einsum("ij,sjn->sin", root, generator.standard_normal((studies, k, n)))
        runs *= np.asarray(sds)[None, :, None]
        each = list(runs.transpose(1, 0, 2))
    else:
        each = [sd * generator.standard_normal((studies, n)) for sd, n in zip(sds, seeds, strict=True)]
    value = sum(x.mean(axis=1) for x in each)
    if paired:
        each = [sum(each)]
    terms = np.array([x.var(axis=1, ddof=1) / x.shape[1] for x in each])
    freedom = np.array([x.shape[1] - 1 for x in each])[:, None]
    variance = terms.sum(axis=0)
    df = np.maximum(variance**2 / (terms**2 / freedom).sum(axis=0), freedom.min())
    return float((np.abs(value) < special.stdtrit(df, 0.975) * np.sqrt(variance)).mean())


def few_errors(address, studies, accuracies, residual, n=300):
    """The share for two experiments, example by example; their truths differ, 3 seeds."""
    truth, held = accuracies[0] - accuracies[1], 0
    for i in range(studies):
        cells = drawn.runs(rng(address, i), accuracies, seeds=3, n=n, seed=0.0, residual=residual)
        found = contrasts.estimate(cells, [1.0, -1.0]).interval()
        held += found.low <= truth <= found.high
    return held / studies


# name, standard deviations, seeds, correlation, coverage
CORNERS = [
    ("four alike, 3 seeds", [1, 1, 1, 1], [3] * 4, 0.0, 0.966),
    ("one noisy of four (2:1), 3 seeds", [2, 1, 1, 1], [3] * 4, 0.0, 0.961),
    ("one noisy of four (4:1), 3 seeds", [4, 1, 1, 1], [3] * 4, 0.0, 0.942),
    ("one noisy of four (8:1), 3 seeds", [8, 1, 1, 1], [3] * 4, 0.0, 0.936),
    ("one noisy of four (4:1), 5 seeds", [4, 1, 1, 1], [5] * 4, 0.0, 0.948),
    ("noisy one has 3 seeds, others 10 (2:1)", [2, 1, 1, 1], [3, 10, 10, 10], 0.0, 0.929),
    ("opposed arms, 3 seeds", [1, 1], [3, 3], 0.9, 0.866),
    ("opposed arms, 5 seeds", [1, 1], [5, 5], 0.9, 0.845),
    ("opposed arms, 12 seeds", [1, 1], [12, 12], 0.9, 0.842),
    ("arms that move together, 3 seeds", [1, 1], [3, 3], -0.7, 0.992),
]


@pytest.mark.parametrize("corner", CORNERS, ids=lambda c: c[0])
def test_coverage_in_the_corners_where_only_seeds_vary(corner):
    name, sds, seeds, correlation, told = corner
    found = seeds_alone(rng(1), STUDIES, sds, seeds, correlation=correlation)
    print(f"{name:<40} {found:.3f}")
    assert found == pytest.approx(told, abs=0.008)


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_pairing_by_seed_holds_its_level_where_augmentations_are_opposed(seeds):
    found = seeds_alone(rng(2), STUDIES, [1, 1], [seeds] * 2, correlation=0.9, paired=True)
    print(f"opposed arms, paired, {seeds:>2} seeds {found:.3f}")
    assert 0.945 < found < 0.955


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accuracies", "residual", "told"),
    [
        ([0.999, 0.997], 0.1, 0.62),
        ([0.999, 0.997], 0.5, 0.88),
        ([0.999, 0.99], 0.1, 0.89),
        ([0.999, 0.99], 0.5, 0.95),
        ([0.98, 0.95], 0.5, 0.95),
    ],
)
def test_coverage_where_there_are_few_errors(accuracies, residual, told):
    """300 test examples: 0.3, 0.9, 3, 6 and 15 errors a run. residual: what a run gets wrong by chance."""
    found = few_errors(5, 1500, accuracies, residual)
    print(f"accuracies {accuracies}, 300 examples, residual {residual} {found:.3f}")
    assert found == pytest.approx(told, abs=0.04)
