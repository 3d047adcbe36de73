"""Networks from settings: the same bits from the same seed, the right geometry, weights from files."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from mixscope.errors import ConfigError, DataError
from mixscope.study.config import Model, Optim
from mixscope.training import models, optim, weights

VIT = {"embed_dim": 32, "depth": 2, "num_heads": 2}
RESNET = {"channels": [8, 8, 16, 16]}


def tiny_vit(**changes):
    return Model(**{"arch": "vit_tiny_patch16_224", "patch_size": 8, "kwargs": VIT} | changes)


def tiny_resnet(**changes):
    return Model(**{"arch": "resnet18", "kwargs": RESNET} | changes)


def build(model, *, seed=0, size=32, n_classes=10):
    return models.build(model, n_classes=n_classes, image_size=size, seed=seed)


def bits(built):
    return torch.cat([p.flatten() for p in built.module.state_dict().values()])


@pytest.mark.parametrize("model", [tiny_vit(), tiny_resnet(stem="small")])
def test_the_seed_decides_the_first_weights_and_nothing_else_does(model):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build(model)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(bits(first), bits(build(model)))
    assert not torch.equal(bits(first), bits(build(model, seed=1)))


@pytest.mark.parametrize(("size", "patch", "grid"), [(32, 16, (2, 2)), (32, 4, (8, 8)), (64, 8, (8, 8))])
def test_a_transformer_has_the_tokens_of_its_image(size, patch, grid):
    module = build(tiny_vit(patch_size=patch), size=size).module
    assert module.patch_embed.grid_size == grid
    assert module(torch.zeros(1, 3, size, size)).shape == (1, 10)


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 1), ("small", 4)])
def test_the_last_map_of_a_resnet_at_32_px_depends_on_its_stem(stem, side):
    module = build(tiny_resnet(stem=stem)).module.eval()
    assert module.forward_features(torch.zeros(1, 3, 32, 32)).shape[-2:] == (side, side)


@pytest.mark.parametrize("arch", ["convnext_atto", "mobilenetv3_small_050", "deit_tiny_patch16_224"])
def test_other_families_can_be_trained(arch):
    assert build(Model(arch=arch)).module(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Model(arch="resnet5O"), 'model.arch: no timm model "resnet5O" is known .nearest: resnet50'),
        (Model(arch="resnet18", kwargs={"chanels": [1]}), "model.kwargs.chanels"),
        (Model(arch="resnet18", patch_size=4), "has no patches"),
        (Model(arch="convnext_atto", stem="small"), "model.stem=small is for ResNets"),
        (tiny_vit(patch_size=7), "does not divide the 32 px"),
        (Model(arch="resnet50", pretrained="a1_in2k"), "nearest: a1_in1k"),
        (Model(arch="resnet50", pretrained=True, stem="small"), "has no pretrained weights"),
    ],
)
def test_what_does_not_fit_is_named(model, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build(model)


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_from_a_file_are_those_of_the_file_but_for_the_head(tmp_path, ending):
    source = timm.create_model("resnet18", num_classes=1000, **RESNET)
    file = tmp_path / f"weights.{ending}"
    if ending == "pth":
        torch.save(source.state_dict(), file)
    else:
        save_file(source.state_dict(), file)
    built = build(tiny_resnet(pretrained=str(file)))
    for name, value in source.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(built.module.state_dict()[name], value), name
    assert built.module.fc.out_features == 10
    assert built.provenance["weights"] == file.name and len(built.provenance["sha256"]) == 64
    assert torch.equal(bits(built), bits(build(tiny_resnet(pretrained=str(file)))))


def test_position_embeddings_are_resampled_to_the_grid_of_the_images(tmp_path):
    source = timm.create_model("vit_tiny_patch16_224", num_classes=1000, img_size=64, patch_size=8, **VIT)
    with torch.no_grad():
        source.pos_embed.fill_(0.5)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    module = build(tiny_vit(pretrained=str(tmp_path / "w.safetensors"))).module
    assert module.pos_embed.shape[1] == 17
    assert torch.allclose(module.pos_embed, torch.full_like(module.pos_embed, 0.5), atol=1e-5)


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    save_file({"nonsense": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match="does not fit resnet18"):
        build(tiny_resnet(pretrained=str(tmp_path / "w.safetensors")))
    with pytest.raises(DataError, match=r"the weights file .*gone.pth does not exist"):
        build(tiny_resnet(pretrained=str(tmp_path / "gone.pth")))


def test_weights_that_cannot_be_had_name_the_local_way(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", offline)
    with pytest.raises(DataError, match=r"cannot be had .*model\.pretrained=weights\.safetensors"):
        build(Model(arch="resnet50", pretrained=True))


def test_weights_that_saw_the_method_or_the_classes_are_spoken_of():
    seen = {"weights": "resnet50.a1_in1k", **weights.known("resnet50.a1_in1k")}
    clean = {"weights": "vit", **weights.known("vit_small_patch16_224.augreg_in21k_ft_in1k")}
    assert len(weights.warnings_for(seen, "cifar100")) == 2
    assert len(weights.warnings_for(clean, "cifar100")) == 0
    assert "classes of tiny-imagenet" in weights.warnings_for(clean, "tiny-imagenet")[0]
    assert weights.warnings_for({"weights": "scratch"}, "tiny-imagenet") == []
    assert "not known" in weights.warnings_for({"weights": "w.pth", **weights.UNKNOWN}, "cifar100")[0]


# --- optimisers ---------------------------------------------------------------------------------


def test_norms_biases_and_position_embeddings_do_not_decay():
    module = build(tiny_vit()).module
    made = optim.make(module, Optim(name="adamw", weight_decay=0.1))
    spared = {id(p) for g in made.param_groups if g["weight_decay"] == 0 for p in g["params"]}
    names = {n for n, p in module.named_parameters() if id(p) in spared}
    assert {"pos_embed", "cls_token", "norm.weight", "head.bias"} <= names
    assert not any(n.endswith("attn.qkv.weight") or n == "patch_embed.proj.weight" for n in names)
    assert sum(len(g["params"]) for g in made.param_groups) == len(list(module.parameters()))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_step_is_the_step_of_torch(name):
    ours, theirs = (torch.nn.Linear(3, 2, bias=False) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    reference = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1, momentum=0.8, nesterov=True),
    }[name](theirs.parameters())
    made = optim.make(ours, Optim(name=name, lr=0.01, weight_decay=0.1, momentum=0.8))
    for _ in range(3):
        for module, optimiser in ((ours, made), (theirs, reference)):
            module(torch.ones(1, 3)).square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
    assert torch.equal(ours.weight, theirs.weight)


def test_the_cosine_is_that_of_torch():
    settings = Optim(lr=0.3, min_lr=0.01)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40, eta_min=0.01)
    for step in range(40):
        ours = optim.lr_at(settings, step=step, steps_per_epoch=10, epochs=4)
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()


def test_warm_up_rises_in_equal_steps_to_the_full_rate():
    settings = Optim(lr=1.0, warmup_epochs=0.5, schedule="constant")
    rates = [optim.lr_at(settings, step=s, steps_per_epoch=8, epochs=2) for s in range(6)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_the_running_average_has_its_closed_form():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    average = optim.Ema(module, 0.9)
    start = module[0].weight.item()
    expected = start
    for value in (1.0, 2.0, 3.0):
        with torch.no_grad():
            module[0].weight.fill_(value)
            module[1].running_mean.fill_(value)
        average.update(module)
        expected = 0.9 * expected + 0.1 * value
    assert average.module[0].weight.item() == pytest.approx(expected)
    assert average.module[1].running_mean.item() == 3.0
    copy = optim.Ema(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1)), 0.9)
    copy.load_state_dict(average.state_dict())
    assert torch.equal(copy.module[0].weight, average.module[0].weight)
