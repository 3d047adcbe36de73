"""Likeness of features whose answer is known, probes of planted classes, and features of real networks."""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import planned
from mixscope.analysis import features as analysis
from mixscope.analysis.trained_run import Subject
from mixscope.data.store import Store
from mixscope.study.config import Model, RunConfig
from mixscope.training import models


def cka(one, other):
    return analysis.cka(analysis.gram(one), analysis.gram(other))


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), d=st.integers(2, 40))
@settings(max_examples=25, deadline=None)
def test_cka_is_one_for_features_that_are_turned_scaled_and_moved(seed, scale, d):
    draws = np.random.default_rng(seed)
    x = draws.standard_normal((60, d)) * draws.uniform(0.5, 2, d)
    turned = x @ np.linalg.qr(draws.standard_normal((d, d)))[0]
    assert cka(x, x) == pytest.approx(1)
    assert cka(x, scale * turned + 5) == pytest.approx(1)


def test_cka_of_unrelated_features_is_about_zero_though_they_are_wide():
    draws = np.random.default_rng(0)
    found = [cka(draws.standard_normal((80, 500)), draws.standard_normal((80, 500))) for _ in range(40)]
    assert abs(np.mean(found)) < 0.02, "the plain estimate would be 0.86 here"
    assert cka(np.ones((20, 3)), draws.standard_normal((20, 3))) is None


def test_cka_does_not_depend_on_how_many_images_it_is_estimated_from():
    draws = np.random.default_rng(1)
    mix = draws.standard_normal((30, 30))

    def estimate(n):
        x = draws.standard_normal((n, 30))
        return cka(x, x @ mix + 4 * draws.standard_normal((n, 30)))

    assert np.mean([estimate(40) for _ in range(80)]) == pytest.approx(estimate(4000), abs=0.04)


def test_kappa_is_one_for_the_same_errors_none_by_chance_and_below_for_opposite_ones():
    draws = np.random.default_rng(2)
    one, other = draws.random(40_000) < 0.8, draws.random(40_000) < 0.6
    assert analysis.kappa(one, one) == pytest.approx(1)
    assert analysis.kappa(one, other) == pytest.approx(0, abs=0.02)
    assert analysis.kappa(one, ~one) < 0
    assert analysis.kappa(np.ones(5, bool), np.ones(5, bool)) is None


def test_values_by_image_have_the_value_as_their_mean_and_vary_as_it_does():
    draws = np.random.default_rng(3)
    mix = draws.standard_normal((12, 12))
    n, found, said = 300, {"cka": [], "kappa": []}, {"cka": [], "kappa": []}
    for _ in range(300):
        x = draws.standard_normal((n, 12)) * np.linspace(0.3, 2, 12)
        y = x @ mix + 3 * draws.standard_normal((n, 12))
        hard = draws.random(n)
        pairs = {
            "cka": (analysis.gram(x), analysis.gram(y)),
            "kappa": (draws.random(n) > hard, draws.random(n) > 0.3 + 0.5 * hard),
        }
        for name, pair in pairs.items():
            values = getattr(analysis, f"{name}_by_image")(*pair)
            assert values.mean() == pytest.approx(getattr(analysis, name)(*pair))
            found[name].append(values.mean())
            said[name].append(values.std(ddof=1) / n**0.5)
    for name in found:
        assert np.mean(said[name]) == pytest.approx(np.std(found[name]), rel=0.15), name


@pytest.mark.parametrize("same", [False, True])
def test_intervals_over_pairs_of_runs_hold_the_truth_as_often_as_they_say(same):
    """Each run has a lean of its own; a pair's value is 0.5, the leans of both, and what images add."""
    draws, held, runs, n = np.random.default_rng(4), 0, 4, 60
    for _ in range(400):
        one = 0.05 * draws.standard_normal(runs)
        other = one if same else 0.05 * draws.standard_normal(runs)
        image, own = 0.1 * draws.standard_normal(n), 0.1 * draws.standard_normal((runs, n))
        pairs = itertools.combinations(range(runs), 2) if same else itertools.product(range(runs), repeat=2)
        values = {(a, b): 0.5 + one[a] + other[b] + image + own[a] for a, b in pairs}
        reach = analysis._reach(values, runs, runs, same=same)
        held += reach["low"] <= 0.5 <= reach["high"]
    assert 0.93 < held / 400 <= 1.0


def test_planted_classes_are_found_by_neighbours_and_probe_and_noise_is_not():
    draws = np.random.default_rng(3)
    classes, asked = draws.integers(0, 5, 300), draws.integers(0, 5, 200)
    centres = 8 * draws.standard_normal((5, 20))
    learned, seen = (centres[c] + draws.standard_normal((len(c), 20)) for c in (classes, asked))
    for read in (analysis.neighbours, analysis.probe):
        assert (read(learned, classes, seen) == asked).all()
        noise = read(draws.standard_normal((300, 20)), classes, draws.standard_normal((200, 20)))
        assert (noise == asked).mean() < 0.35


def test_maps_are_the_same_each_time_and_keep_planted_classes_apart():
    draws = np.random.default_rng(4)
    classes = np.repeat([0, 1], 40)
    values = draws.standard_normal((80, 12)) + 10 * classes[:, None]
    pca, tsne = analysis.mapped(values)
    assert (pca == analysis.mapped(values)[0]).all() and (tsne == analysis.mapped(values)[1]).all()
    for drawn in (pca, tsne):
        middle = [drawn[classes == c].mean(axis=0) for c in (0, 1)]
        spread = max(drawn[classes == c].std(axis=0).max() for c in (0, 1))
        assert np.linalg.norm(middle[0] - middle[1]) > 2 * spread


# --- networks -----------------------------------------------------------------------------------

SMALL = {
    "conv": Model(arch="resnet10t", kwargs={"channels": [4, 8, 8, 8], "stem_width": 4}),
    "attend": Model(
        arch="vit_tiny_patch16_224", patch_size=8, kwargs={"embed_dim": 16, "depth": 2, "num_heads": 2}
    ),
}
STUDY = planned.results(
    """
name: two
factors:
  model:
    conv: {model.arch: resnet10t}
    attend: {model.arch: vit_tiny_patch16_224}
seeds: [0, 1]
"""
)


@pytest.fixture(scope="module")
def found(digits_root):
    store = Store.open(digits_root, "digits")
    made = []
    for run in STUDY.runs:
        net = models.build(
            SMALL[planned.levels(STUDY, run)["model"]], n_classes=10, image_size=store.size, seed=run.seed
        ).module
        subject = Subject(store.folder, RunConfig(), store, net.eval(), torch.device("cpu"))
        one = analysis.measure(subject, split="test", limit=80, progress=lambda *_: None)
        some = subject.sample("test", 80)
        assert (one["right"] == (subject.logits(some.pixels, some.classes).argmax(1) == some.classes)).all()
        made.append((run, one))
    return made


def of(found, name, seed=0):
    return next(one for run, one in found if (run.experiment, run.seed) == (name, seed))


def test_features_of_both_families_are_taken_behind_every_layer(found):
    conv, attend = of(found, "conv"), of(found, "attend")
    assert conv["layers"] == ["act1", "layer1", "layer2", "layer3", "layer4"]
    assert attend["layers"] == ["blocks.0", "blocks.1"]
    assert conv["layer-4"].shape == (80, 8) and attend["layer-1"].shape == (80, 16)
    assert attend["last"].shape == (80, 16) and np.bincount(conv["classes"]).max() <= analysis.OF_EACH
    assert conv["layer-4"] == pytest.approx(conv["last"], abs=1e-5), "which is its mean over places"


def test_all_pairs_of_runs_are_compared_and_the_diagonal_is_between_seeds(found):
    compared = json.loads(json.dumps(analysis.compare(STUDY, found), allow_nan=False))
    one = compared["cka"][0]
    assert one["experiments"] == ["conv", "attend"] and one["mean"][0][1] == one["mean"][1][0]
    between_seeds = cka(of(found, "conv")["last"], of(found, "conv", 1)["last"])
    assert one["mean"][0][0] == pytest.approx(between_seeds) and one["least"][0][1] <= one["largest"][0][1]
    assert one["low"][0][1] < one["mean"][0][1] < one["high"][0][1], "two seeds of either"
    assert one["low"][0][0] is None, "two seeds are one pair, of whose spread nothing is known"
    layers = compared["layers"][0]
    assert (layers["rows"], layers["columns"]) == ("conv", "attend")
    assert np.shape(layers["values"]) == (5, 2)
    assert {c["figure"] for c in compared["contrasts"]} == {"accuracy", "knn", "probe"}
    assert any("kappa" in line for line in analysis.lines(compared))


def test_with_one_seed_there_is_nothing_on_the_diagonal(found):
    compared = analysis.compare(STUDY, [pair for pair in found if pair[0].seed == 0])
    assert compared["kappa"][0]["mean"][0][0] is None and compared["cka"][0]["mean"][0][1] is not None
    assert compared["cka"][0]["low"][0][1] is None, "nor an interval anywhere"
