"""Attribution with known answers: exact gradients, hand-made attention, planted boxes, and drawn sheets."""

import importlib
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

import planned
from mixscope import i18n
from mixscope.analysis import attribution as analysis
from mixscope.analysis import saliency, summary
from mixscope.analysis.trained_run import Subject
from mixscope.data.content import Content, Split
from mixscope.data.store import Store
from mixscope.data.store_writer import write
from mixscope.errors import ConfigError
from mixscope.study.config import Model, RunConfig
from mixscope.training import models

SIZE = 32
CPU = torch.device("cpu")


def picture(n=3, size=8, seed=0):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


# --- integrated gradients and Grad-CAM ----------------------------------------------------------


def test_integrated_gradients_of_a_linear_model_are_weights_times_the_image():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4)).eval()
    images, classes = picture(), torch.tensor([0, 3, 1])
    exact = images * module[1].weight[classes].view_as(images)
    found = saliency.attributed(module, images, classes)
    assert torch.allclose(found, exact, atol=1e-5)
    gained = module(images)[range(3), classes] - module(torch.zeros_like(images))[range(3), classes]
    assert torch.allclose(found.sum(dim=(1, 2, 3)), gained, atol=1e-4), "together they are what is gained"
    shown = saliency.integrated(module, images, classes)
    assert shown == pytest.approx(exact.sum(dim=1).abs().detach().numpy(), abs=1e-5)


class Pooled(nn.Module):
    """One convolution, its mean over places, and a classifier: Grad-CAM's weights are the classifier's."""

    def __init__(self):
        super().__init__()
        self.stage = nn.Conv2d(3, 5, 3, padding=1)
        self.head = nn.Linear(5, 4)
        self.feature_info = [{"module": "stage", "num_chs": 5}]

    def forward(self, images):
        return self.head(self.stage(images).mean(dim=(2, 3)))


def test_gradcam_of_a_pooled_convolution_is_its_map_by_the_classifier():
    torch.manual_seed(1)
    module, images, classes = Pooled().eval(), picture(), torch.tensor([2, 0, 3])
    at = saliency.layer(module, 8)
    assert (at.name, at.grid) == ("stage", (8, 8))
    exact = torch.einsum("nchw,nc->nhw", module.stage(images), module.head.weight[classes]) / 64
    found = saliency.gradcam(module, at, images, classes)
    assert found == pytest.approx(exact.clamp(min=0).detach().numpy(), abs=1e-6)
    assert all(p.grad is None for p in module.parameters()), "nothing is left behind"


class Loose(nn.Module):
    """Ends in a vector."""

    feature_info = ({"module": "net", "num_chs": 4},)

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))

    def forward(self, images):
        return self.net(images)


def test_a_network_whose_last_stage_is_no_map_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match=r"net returns \(1, 4\), which is not a map"):
        saliency.layer(Loose().eval(), 8)
    with pytest.raises(ConfigError, match="lists no stages"):
        saliency.layer(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).eval(), 8)


NETS = {
    "resnet": (Model(arch="resnet10t", kwargs={"channels": [4, 8, 8, 8], "stem_width": 4}), (1, 1)),
    "vit": (
        Model(
            arch="vit_tiny_patch16_224", patch_size=4, kwargs={"embed_dim": 12, "depth": 2, "num_heads": 2}
        ),
        (8, 8),
    ),
    "swin": (
        Model(
            arch="swin_tiny_patch4_window7_224",
            kwargs={"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 1], "window_size": 4},
        ),
        (4, 4),
    ),
}


def built(name):
    return models.build(NETS[name][0], n_classes=10, image_size=SIZE, seed=0).module.eval()


@pytest.mark.parametrize("name", NETS)
def test_the_layer_of_each_family_gives_a_map_on_its_grid(name):
    module = built(name)
    at = saliency.layer(module, SIZE)
    assert at.grid == NETS[name][1]
    found = saliency.gradcam(module, at, picture(2, SIZE), torch.tensor([0, 1]))
    assert found.shape == (2, SIZE, SIZE) and (found >= 0).all()
    assert saliency.attends(module) == (name == "vit")


def test_gradcam_of_a_transformer_stands_where_its_patches_are():
    module = built("vit")
    at = saliency.layer(module, SIZE)
    tokens = torch.arange(65.0).view(1, 65, 1).expand(1, 65, 12)
    on_grid = at.shaped(tokens)
    assert on_grid.shape == (1, 12, 8, 8)
    assert on_grid[0, 0, 0, 0] == 1 and on_grid[0, 0, 2, 3] == 1 + 2 * 8 + 3, (
        "without the class token, by rows"
    )


# --- rollout ------------------------------------------------------------------------------------


def attention(*rows):
    """A block's attention, one head: row i attends to token rows[i]."""
    return functional.one_hot(torch.tensor(rows), len(rows)).float().view(1, 1, len(rows), len(rows))


def test_rollout_of_hand_made_attention():
    one = saliency.rollout([attention(3, 1, 2, 3, 4)], prefix=1, from_class=True)
    assert one.tolist() == [[0, 0, 1, 0]], "the class token looks at token 3, the third patch"
    # Block 1 brings token 4 into token 2; then the class token reads token 2.
    blocks = [attention(0, 1, 4, 3, 4), attention(2, 1, 2, 3, 4)]
    two = saliency.rollout(blocks, prefix=1, from_class=True)
    assert two.tolist() == [[0, 0.5, 0, 0.5]], "half of token 2 is its own"
    mean = saliency.rollout([attention(0, 0, 0, 0)], prefix=0, from_class=False)
    assert mean[0].tolist() == pytest.approx([0.625, 0.125, 0.125, 0.125])


@pytest.mark.parametrize(("pool", "mean"), [("token", False), ("avg", True)])
def test_rollout_reads_what_the_classifier_reads(pool, mean):
    """timm's ViTs can keep their class token and average the patches all the same."""
    kwargs = {"embed_dim": 12, "depth": 2, "num_heads": 2, "class_token": True, "global_pool": pool}
    model = Model(arch="vit_tiny_patch16_224", patch_size=8, kwargs=kwargs)
    module = models.build(model, n_classes=10, image_size=SIZE, seed=0).module.eval()
    images = picture(2, SIZE)
    with saliency._attention(module) as seen, torch.no_grad():
        module(images)
    flow = torch.eye(17)
    for block in seen:
        flow = (0.5 * block.mean(dim=1) + 0.5 * torch.eye(17)) @ flow
    read = (flow[:, 1:].mean(dim=1) if mean else flow[:, 0])[:, 1:]
    expected = saliency._drawn((read / read.sum(dim=1, keepdim=True)).view(2, 4, 4), SIZE)
    assert saliency.rolled(module, images) == pytest.approx(expected, abs=1e-6)


def test_attention_is_that_of_the_network_and_leaves_it_as_it_was():
    module, images = built("vit"), picture(2, SIZE)
    before = module(images)
    with saliency._attention(module) as seen, torch.no_grad():
        again = module(images)
    assert len(seen) == 2 and torch.allclose(seen[0].sum(dim=-1), torch.ones(2, 2, 65), atol=1e-5)
    assert torch.allclose(before, again, atol=1e-5)
    assert all(block.attn.fused_attn for block in module.blocks)
    assert not any(block.attn.attn_drop._forward_hooks for block in module.blocks)
    assert saliency.rolled(module, images).shape == (2, SIZE, SIZE)


# --- pointing -----------------------------------------------------------------------------------


def test_mass_in_a_box_is_counted_to_its_last_pixel():
    boxes = np.array([[0, 0, 3, 7], [-1, -1, -1, -1]])
    covers = analysis.covered(boxes, 8)
    assert covers[0].mean() == 0.5 and covers[0, :, 3].all() and not covers[0, :, 4].any()
    maps = np.zeros((2, 8, 8))
    maps[:, 0, 3] = 3
    maps[:, 0, 4] = 1
    found = analysis.inside(maps, covers)
    assert found[0] == 0.75 and np.isnan(found[1])
    assert np.isnan(analysis.inside(np.zeros((1, 8, 8)), covers[:1])[0])


def test_a_map_that_is_always_the_same_follows_no_object_and_one_on_the_object_does():
    draws = np.random.default_rng(0)
    corner = draws.integers(0, 12, (200, 2))
    boxes = np.concatenate([corner, corner + 3], axis=1)
    covers = analysis.covered(boxes, 16)
    rows, half = np.arange(200), np.arange(100)
    fixed = np.broadcast_to(np.exp(-((np.mgrid[:16, :16] - 7.5) ** 2).sum(axis=0) / 18), (200, 16, 16))
    same, own = analysis.Shares(200, 16), analysis.Shares(200, 16)
    for part in (half, half + 100):  # in batches
        same.add(part, fixed[part], covers[part])
        own.add(part, 5.0 * covers[part], covers[part])
    assert (same.inside - covers.mean(axis=(1, 2))).mean() > 0.01, "over an even map, for it is in the middle"
    assert same.inside - same.others(boxes) == pytest.approx(0, abs=1e-9)
    exact = [covers[rows != i].mean(axis=0)[covers[i]].sum() / 16 for i in range(200)]
    assert own.others(boxes) == pytest.approx(np.array(exact)) and own.inside == pytest.approx(1)


def test_an_empty_map_counts_as_empty_and_nowhere_else():
    boxes = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [0, 0, 3, 3]])
    maps = np.zeros((3, 4, 4))
    maps[0, 0, 0] = maps[2, 3, 3] = 1
    shares = analysis.Shares(3, 4)
    shares.add(np.arange(3), maps, analysis.covered(boxes, 4))
    assert shares.massless == pytest.approx(1 / 3)
    assert shares.others(boxes)[[0, 2]].tolist() == [0.0, 1.0] and np.isnan(shares.others(boxes)[1])


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """Grey noise with a bright square in the quarter that the box says."""
    draws = np.random.default_rng(0)
    images = draws.integers(100, 110, (24, 3, SIZE, SIZE), dtype=np.uint8)
    boxes = np.zeros((24, 4), dtype=np.int16)
    for at in range(24):
        x, y = draws.integers(0, 16, 2)
        images[at, :, y : y + 16, x : x + 16] = 200
        boxes[at] = x, y, x + 15, y + 15
    labels = np.arange(24) % 2
    parts = {n: Split(count=24, images=[images], labels=labels, boxes=boxes) for n in ("train", "test")}
    content = Content(size=SIZE, class_names=("a", "b"), splits=parts)
    return write(content, root=tmp_path_factory.mktemp("data"), name="boxed", source={}, progress=None)


class SeesBright(nn.Module):
    """Adds up what is brighter than the rest."""

    def __init__(self):
        super().__init__()
        self.stage = nn.Conv2d(3, 2, 1, bias=False)
        self.feature_info = [{"module": "stage", "num_chs": 2}]
        with torch.no_grad():
            self.stage.weight.fill_(1.0)

    def forward(self, images):
        return functional.relu(self.stage(images) - 2).mean(dim=(2, 3))


STUDY = planned.results(
    """
name: two
factors:
  model:
    conv: {model.arch: resnet10t}
    attend: {model.arch: vit_tiny_patch16_224}
seeds: [0]
"""
)


@pytest.fixture(scope="module")
def found(store):
    small = {"embed_dim": 12, "depth": 2, "num_heads": 2}
    attend = Model(arch="vit_tiny_patch16_224", patch_size=8, kwargs=small)
    made_for = {"n_classes": 2, "image_size": SIZE, "seed": 0}
    nets = {"conv": SeesBright().eval(), "attend": models.build(attend, **made_for).module.eval()}
    made = []
    for run in STUDY.runs:
        subject = Subject(store.folder, RunConfig(), store, nets[run.experiment], CPU)
        made.append((run, analysis.measure(subject, split="test", limit=16, progress=lambda *_: None)))
    return made


def test_who_sees_the_bright_square_has_its_mass_in_the_box(found):
    seen = found[0][1]
    assert seen["area"] == pytest.approx(0.25)
    assert seen["inside-gradcam"].min() > 0.95 and seen["inside-integrated"].min() > 0.95
    assert "rollout" in seen["refused"] and "inside-rollout" not in seen


def test_a_grid_that_is_too_coarse_says_so_and_has_no_value(found):
    coarse = found[1][1]
    assert coarse["grids"]["gradcam"] == [4, 4] and "inside-gradcam" not in coarse
    assert "inside-integrated" in coarse and coarse["map-rollout"].shape == (6, SIZE, SIZE)
    compared = analysis.compare(STUDY, found)
    assert compared["experiments"][1]["figures"]["inside-gradcam"] is None
    note = compared["notes"]["attend"]["rollout"]
    assert note["code"] == "attribution-coarse" and note["params"]["rows"] == note["params"]["columns"] == 4
    assert compared["notes"]["conv"]["rollout"]["code"] == "attribution-no-attention"
    assert any("4 x 4, too coarse" in line for line in analysis.lines(compared))
    assert any("(4 x 4)가 너무 작아" in line for line in analysis.lines(compared, "ko"))
    assert {c["figure"] for c in compared["contrasts"]} == {"inside-integrated", "follows-integrated"}
    over = compared["experiments"][0]["figures"]["over-gradcam"]["estimate"]
    assert over == pytest.approx((found[0][1]["inside-gradcam"] - found[0][1]["area"]).mean())


def test_integrated_gradients_are_taken_of_few_and_the_others_of_all_that_were_asked_for(store, monkeypatch):
    monkeypatch.setattr(analysis, "MOST", 8)
    said = []
    subject = Subject(store.folder, RunConfig(), store, SeesBright().eval(), CPU)
    found = analysis.measure(
        subject, split="test", limit=None, progress=lambda done, of: said.append((done, of))
    )
    known = {name: np.isfinite(found[f"inside-{name}"]) for name in ("gradcam", "integrated")}
    assert known["gradcam"].sum() == 24 and known["integrated"].sum() == 8
    few = analysis.measure(subject, split="test", limit=8, progress=lambda *_: None)
    assert few["inside-integrated"] == pytest.approx(found["inside-integrated"][known["integrated"]])
    assert (few["pictures"] == found["pictures"]).all(), "what is drawn has all maps"
    assert few["map-integrated"] == pytest.approx(found["map-integrated"])
    assert said[-1] == (analysis.images(store, 24),) * 2
    compared = analysis.compare(STUDY, [(STUDY.runs[0], found)])
    note = summary.note(compared["notes"]["conv"]["integrated"])
    assert i18n.render(note) == "based on 8 of 24 images, 8 at most"
    assert compared["experiments"][0]["images"] == 24


def test_a_map_on_the_object_follows_it(found):
    seen = found[0][1]
    assert seen["follows-gradcam"].mean() > 0.4 and seen["massless"]["gradcam"] == 0


def test_a_sheet_shows_every_run_beside_the_original(found):
    drawn = analysis.pictures(STUDY, found)
    assert sorted(drawn) == [f"digits-{at}.png" for at in range(1, 7)]
    with Image.open(io.BytesIO(drawn["digits-1.png"])) as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1] > 3 * 132 and pixels.shape[0] > 3 * 132
    assert pixels.std() > 20


def test_without_the_extra_it_is_named(monkeypatch, store):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -e '.[explain]'" in analysis.refusal(RunConfig(), store)

    def gone(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", gone)
    with pytest.raises(ConfigError, match=r"captum is not installed; .*`pip install -e '\.\[explain\]'`"):
        saliency.needed("captum")
