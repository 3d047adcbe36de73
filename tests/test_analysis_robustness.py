"""Corruptions of known images, attacks on a linear model whose gradient is known, and areas of curves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import planned
from mixscope.analysis import attacks, corruptions
from mixscope.analysis import robustness as analysis
from mixscope.analysis.trained_run import Subject
from mixscope.data.store import Store
from mixscope.study.config import RunConfig

IDS = np.arange(6)


def pictures(size=32, n=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), dtype=np.uint8)


@pytest.mark.parametrize("name", corruptions.SEVERITIES)
def test_every_severity_moves_a_smooth_image_further_and_the_same_way_each_time(name):
    ramp = np.linspace(40, 200, 32)
    smooth = np.broadcast_to((ramp[:, None] + 40 * np.sin(ramp / 3))[None, None], (6, 3, 32, 32))
    images = np.clip(smooth, 0, 255).astype(np.uint8)
    apply = corruptions.SEVERITIES[name]
    away = [np.abs(apply(images, IDS, s).astype(float) - images).mean() for s in analysis.SEVERITIES]
    assert away == sorted(away) and away[0] > 0 and away[-1] > 1.2 * away[0]
    assert (apply(images, IDS, 3) == apply(images, IDS, 3)).all()
    assert (apply(images, IDS, 3)[2:4] == apply(images[2:4], IDS[2:4], 3)).all(), "by the image's own id"


def test_noise_has_the_standard_deviation_that_its_severity_says():
    grey = np.full((40, 3, 32, 32), 128, np.uint8)
    for severity, share in enumerate(corruptions.NOISE, start=1):
        noisy = corruptions.noise(grey, np.arange(40), severity).astype(float)
        assert noisy.std() == pytest.approx(255 * share, rel=0.02)
        assert noisy.mean() == pytest.approx(128, abs=0.2)


@given(grid=st.sampled_from([1, 2, 4, 8]), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_shuffled_patches_are_the_same_patches(grid, seed):
    images = pictures(seed=seed)
    moved = corruptions.shuffle(images, IDS, grid)
    side = 32 // grid
    for before, after in zip(images, moved, strict=True):
        cut = [
            sorted(
                picture[:, i : i + side, j : j + side].tobytes()
                for i in range(0, 32, side)
                for j in range(0, 32, side)
            )
            for picture in (before, after)
        ]
        assert cut[0] == cut[1]
    assert grid == 1 or (moved != images).any()


@pytest.mark.parametrize("grid", analysis.GRIDS)
def test_half_of_the_patches_are_dropped_and_the_rest_is_left(grid):
    images = np.maximum(pictures(), 1)
    found = corruptions.drop(images, IDS, grid, np.zeros(3))
    assert (found == 0).mean() == 0.5 and (found[found > 0] == images[found > 0]).all()


def test_filters_keep_and_lose_the_waves_that_they_should():
    x = np.arange(32)
    slow, fast = 50 * np.cos(2 * np.pi * 2 * x / 32), 50 * np.cos(2 * np.pi * 12 * x / 32)
    both = np.broadcast_to(128 + slow + fast, (1, 3, 32, 32))
    images = np.rint(both).astype(np.uint8)
    low, high = corruptions.low_pass(images, 0.5), corruptions.high_pass(images, 0.5)
    assert np.abs(low[0, 0, 0] - (128 + slow)).max() <= 1.5
    assert np.abs(high[0, 0, 0] - (128 + fast)).max() <= 1.5
    assert np.abs(low.astype(int) + high - 128 - images).max() <= 2, "together they are the image"


# --- attacks ------------------------------------------------------------------------------------

MEAN, STD = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)


def linear(size=4, classes=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes)).eval()


def normalised(size=4, n=5):
    pixels = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    return (pixels - MEAN) / STD


def test_the_gradient_of_a_linear_model_is_its_weights_times_what_softmax_is_off():
    module, images, labels = linear(), normalised(), torch.tensor([0, 1, 2, 0, 1])
    off = torch.softmax(module(images), 1) - nn.functional.one_hot(labels, 3)
    exact = (off @ module[1].weight).view_as(images)
    assert torch.allclose(attacks.gradient(module, images, labels), exact, atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.5, 4.0, 8.0])
def test_both_attacks_stay_within_epsilon_bytes_and_reach_it_on_a_linear_model(epsilon):
    module, images, labels = linear(), normalised(), torch.tensor([0, 1, 2, 0, 1])
    slope = attacks.gradient(module, images, labels)
    start = torch.from_numpy(attacks.starts(np.arange(5), (3, 4, 4)))
    moved = {
        "fgsm": attacks.fgsm(images, slope, epsilon, MEAN, STD),
        "pgd": attacks.pgd(module, images, labels, epsilon, MEAN, STD, start),
    }
    before = nn.functional.cross_entropy(module(images), labels)
    for one in moved.values():
        away = ((one - images) * STD * 255).abs()
        assert away.max() <= epsilon * (1 + 1e-4) and away.mean() > 0.9 * epsilon
        assert nn.functional.cross_entropy(module(one), labels) > before


def test_attacked_images_are_ones_that_bytes_can_show():
    images = (torch.ones(2, 3, 4, 4) * 0.999 - MEAN) / STD
    moved = attacks.fgsm(images, torch.ones_like(images), 8.0, MEAN, STD)
    assert ((moved * STD + MEAN) <= 1 + 1e-6).all()


# --- runs ---------------------------------------------------------------------------------------


class MeanColour(nn.Module):
    """Goes by the mean of the whole image, so patches may move and the mean may not."""

    def forward(self, images):
        bright = images.mean(dim=(1, 2, 3))
        return torch.stack([-bright, bright] + [bright * 0 - 9] * 8, dim=1)


@pytest.fixture(scope="module")
def found(digits_root):
    store = Store.open(digits_root, "digits")
    subject = Subject(store.folder, RunConfig(), store, MeanColour().eval(), torch.device("cpu"))
    told = []
    made = analysis.measure(subject, split="test", limit=60, progress=lambda *at: told.append(at))
    assert told[-1] == (analysis.COST, analysis.COST)
    return made


def test_who_goes_by_the_mean_does_not_mind_where_patches_are(found):
    assert found["images"] == 60 and found["clean"].shape == (60,)
    assert (found["shuffle"] == found["clean"]).all()
    assert (found["low-pass"] == found["clean"]).mean() > 0.95
    assert all(found[name].shape == (len(levels), 60) for name, levels in analysis.CURVES.items())
    assert found["fgsm"][-1].sum() < found["clean"].sum(), "and falls to an attack on the mean"


def test_areas_are_mean_accuracies_over_the_clean_one(found, monkeypatch):
    monkeypatch.setattr(analysis, "LEAST", 1)
    study = planned.results("name: one\nseeds: [0]\nfactors: {augmentation: {default: {augment.mix: none}}}")
    compared = analysis.compare(study, [(study.runs[0], found)])
    figures = compared["experiments"][0]["figures"]
    assert figures["area-shuffle"]["estimate"] == pytest.approx(1.0)
    exact = found["noise"].mean() / found["clean"].mean()
    assert figures["area-noise"]["estimate"] == pytest.approx(exact)
    points = compared["curves"]["default"]["fgsm"]
    assert [p["level"] for p in points] == [None, *analysis.FGSM]
    assert points[1]["estimate"] == pytest.approx(found["fgsm"][0].mean())
    assert any("area of a curve" in line for line in analysis.lines(compared))


def test_too_few_right_answers_give_no_area(found):
    study = planned.results("name: one\nseeds: [0]\nfactors: {augmentation: {a: {augment.mix: none}}}")
    assert found["clean"].sum() < analysis.LEAST
    compared = analysis.compare(study, [(study.runs[0], found)])
    assert set(compared["experiments"][0]["figures"]) == {"clean"} and compared["curves"]["a"]["noise"]
    assert analysis.lines(compared)


def test_images_that_a_grid_does_not_divide_are_refused(found, digits_root):
    store = Store.open(digits_root, "digits")
    store.size = 36
    assert "does not divide its 36 px" in analysis.refusal(None, store)
