"""Mixtures whose shares a model reads exactly, and gradients of linear models, which are their weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import planned
from mixscope.analysis import attacks
from mixscope.analysis import mixtures as analysis
from mixscope.analysis.trained_run import Chosen, Subject
from mixscope.data.content import Content, Split
from mixscope.data.store_writer import write
from mixscope.study.config import RunConfig

SIZE = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Red images of class 0 and blue ones of class 1."""
    labels = np.arange(40) % 2
    images = np.zeros((40, 3, SIZE, SIZE), np.uint8)
    images[labels == 0, 0] = 200
    images[labels == 1, 2] = 200
    parts = {name: Split(count=40, images=[images], labels=labels) for name in ("train", "test")}
    content = Content(size=SIZE, class_names=("red", "blue"), splits=parts)
    return write(content, root=tmp_path_factory.mktemp("data"), name="colours", source={}, progress=None)


class ReadsShares(nn.Module):
    """Says how much of the image is red and how much is blue."""

    def __init__(self, store):
        super().__init__()
        self.register_buffer("mean", torch.tensor(store.mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(store.std, dtype=torch.float32).view(1, 3, 1, 1))

    def forward(self, images):
        colour = (images * self.std + self.mean).clamp(1e-6, 1).mean(dim=(2, 3))
        return torch.log(colour[:, [0, 2]])


def test_two_classes_are_enough(store):
    assert analysis.refusal(None, store) is None


def measured(store, module, limit=30):
    subject = Subject(store.folder, RunConfig(), store, module.eval(), torch.device("cpu"))
    return analysis.measure(subject, split="test", limit=limit, progress=lambda *_: None)


def test_who_reads_the_shares_is_never_off_and_gives_them_all_its_mass(store):
    found = measured(store, ReadsShares(store))
    for kind in analysis.KINDS:
        shares = np.array(found["shares"][kind])
        assert np.abs(found[f"{kind}-own"] - shares[:, None]).max() < 0.01
        assert np.abs(found[f"{kind}-own"] + found[f"{kind}-partner"] - 1).max() < 1e-5
    study = planned.results("name: x\nfactors: {augmentation: {plain: {augment.mix: none}}}\nseeds: [0]")
    compared = analysis.compare(study, [(study.runs[0], found)])
    figures = compared["experiments"][0]["figures"]
    for kind in analysis.KINDS:
        assert figures[f"off-{kind}"]["estimate"] < 0.005
        assert figures[f"mass-{kind}"]["estimate"] == pytest.approx(1, abs=1e-4)
    curve = compared["curves"]["plain"]["cutmix"]
    assert [len(curve), curve[0]["share"], curve[-1]["share"]] == [11, 0.0, 1.0]
    assert figures["far"]["estimate"] == pytest.approx(1, abs=1e-3), "all pixels pull alike"


@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_the_share_of_a_box_is_the_fraction_of_pixels_left(share, seed):
    own, other = np.zeros((3, 3, SIZE, SIZE), np.uint8), np.full((3, 3, SIZE, SIZE), 255, np.uint8)
    said, mixed = analysis.mixture("cutmix", own, other, share, analysis.corners(np.arange(seed, seed + 3)))
    assert ((mixed == 0).mean(axis=(1, 2, 3)) == pytest.approx(said)) and abs(said - share) < 1.2 / SIZE
    assert not own.any(), "the images are left as they were"


def test_a_set_of_one_class_is_refused_in_place_of_looking_for_a_partner_for_ever(tmp_path):
    images, labels = np.zeros((4, 3, 4, 4), np.uint8), np.zeros(4, np.int64)
    parts = {name: Split(count=4, images=[images], labels=labels) for name in ("train", "test")}
    content = Content(size=4, class_names=("red",), splits=parts)
    made = write(content, root=tmp_path, name="one", source={}, progress=None)
    assert "one has one class" in analysis.refusal(None, made)


def test_partners_have_another_class_and_are_the_same_however_many_are_asked_for(store):
    labels, images = store.labels("test"), store.images("test")
    some, few = np.arange(30), np.arange(5, 9)
    found = analysis.partners(store, Chosen("test", some, images[some], labels[some]))
    assert (found.classes != labels[some]).all() and len(set(found.ids)) > 10
    again = analysis.partners(store, Chosen("test", few, images[few], labels[few]))
    assert (again.ids == found.ids[few]).all()


# --- gradients ----------------------------------------------------------------------------------


def linear(weights):
    """Two classes whose logits differ by the product of weights and image."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(weights.size, 2, bias=False)).eval()
    with torch.no_grad():
        module[1].weight[0] = torch.tensor(weights.ravel(), dtype=torch.float32)
        module[1].weight[1] = 0
    return module


def reached(weights, most=8):
    images = torch.rand(4, *weights.shape, generator=torch.Generator().manual_seed(0))
    slope = attacks.gradient(linear(weights), images, torch.tensor([0, 1, 0, 1]))
    return analysis.reach(slope.numpy(), most)


def test_gradients_of_a_linear_model_are_as_alike_as_its_weights():
    draws = np.random.default_rng(0)
    assert reached(np.ones((3, 16, 16)) * 0.01) == pytest.approx(1)
    noise = reached(draws.standard_normal((3, 16, 16)) * 0.01)
    assert noise[0] == pytest.approx(1) and np.abs(noise[1:]).max() < 0.15
    weights = draws.standard_normal((3, 16, 16)) * 0.01
    exact = np.zeros(4)
    count = np.zeros(4)
    for y in range(16):
        for x in range(16):
            for v in range(16):
                for w in range(16):
                    d = round(float(np.hypot(y - v, x - w)))
                    if d < 4:
                        exact[d] += (weights[:, y, x] * weights[:, v, w]).sum()
                        count[d] += 1
    exact /= count
    assert reached(weights, 3)[:, 0] == pytest.approx(exact / exact[0], abs=1e-4)


def test_a_gradient_that_is_zero_is_not_known():
    found = analysis.reach(np.zeros((2, 3, 8, 8)), 4)
    assert np.isnan(found).all()


def test_gradients_are_compared_over_images_that_every_run_has_one_of(store):
    study = planned.results(
        "name: x\nfactors: {augmentation: {plain: {augment.mix: none}, cut: {augment.mix: cutmix}}}\n"
        "seeds: [0]"
    )
    draws = np.random.default_rng(0)
    of_image, found = draws.random(30), []
    for at, run in enumerate(study.runs):
        one = measured(store, ReadsShares(store))
        reached = np.tile(of_image, (11, 1)) + 0.1 * at
        reached[:, at] = np.nan  # another image of each run
        found.append((run, {**one, "gradients": reached}))
    compared = analysis.compare(study, found)
    near = next(c for c in compared["contrasts"] if c["figure"] == "near")
    assert near["estimate"] == pytest.approx(0.1), "of the same images"
    assert near["high"] - near["low"] < 1e-6, "which differ in nothing else"
    curve = compared["gradients"]["plain"]
    assert curve[3]["estimate"] == pytest.approx(of_image[2:].mean()), "and so are the curves"
    assert any("over 28 of 30 images: that of the others is 0" in line for line in analysis.lines(compared))
