"""Networks from settings: the same bits from the same seed, the right geometry, weights from files."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from mixscope.errors import ConfigError, DataError
from mixscope.study.config import Model
from mixscope.training import models

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


def described(model, *, size=32):
    return models.describe(build(model, size=size), model, size)


# --- from scratch -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [tiny_vit(), tiny_resnet(stem="small")])
def test_the_seed_decides_the_first_weights_and_nothing_else_does(model):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build(model)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(bits(first), bits(build(model)))
    assert not torch.equal(bits(first), bits(build(model, seed=1)))
    assert first.provenance == {"weights": "scratch"}
    assert first.parameters == sum(p.numel() for p in first.module.parameters())


def test_without_changes_a_network_is_the_one_of_timm():
    built = build(Model(arch="resnet18"))
    reference = timm.create_model("resnet18", num_classes=10)
    assert str(built.module).replace("Convolution(", "Conv2d(") == str(reference)
    assert built.module.training
    assert all(int(m.num_batches_tracked) == 0 for m in built.module.modules() if hasattr(m, "running_mean"))


@pytest.mark.parametrize(("size", "patch", "grid"), [(32, 16, (2, 2)), (32, 4, (8, 8)), (64, 8, (8, 8))])
def test_a_transformer_has_the_tokens_of_its_image(size, patch, grid):
    module = build(tiny_vit(patch_size=patch), size=size).module
    assert module.patch_embed.grid_size == grid
    assert module.pos_embed.shape[1] == 1 + grid[0] * grid[1]
    assert module(torch.zeros(1, 3, size, size)).shape == (1, 10)


@pytest.mark.parametrize("arch", ["resnet18", "resnet10t", "resnet50"])
@pytest.mark.parametrize(("stem", "side"), [("imagenet", 1), ("small", 4)])
def test_the_last_map_of_a_resnet_at_32_px_depends_on_its_stem(arch, stem, side):
    model = tiny_resnet(arch=arch, stem=stem)
    module = build(model).module.eval()
    assert module.forward_features(torch.zeros(1, 3, 32, 32)).shape[-2:] == (side, side)
    assert f"last map {side}x{side} at 32 px" in described(model)


def test_a_small_stem_sees_every_pixel_at_full_resolution():
    module = build(tiny_resnet(stem="small")).module
    assert module.conv1.kernel_size == (3, 3)
    assert module.maxpool(module.conv1(torch.zeros(1, 3, 32, 32))).shape[-2:] == (32, 32)


@pytest.mark.parametrize(
    "arch",
    [
        "convnext_atto",
        "deit_tiny_patch16_224",
        "efficientnet_b0",
        "mixer_s16_224",
        "mobilenetv3_small_050",
        "poolformer_s12",
        "swin_tiny_patch4_window7_224",
    ],
)
def test_other_families_learn_from_small_images(arch):
    module = build(Model(arch=arch)).module
    outputs = module(torch.randn(2, 3, 32, 32))
    outputs.square().sum().backward()
    assert outputs.shape == (2, 10)
    assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)


def test_what_a_transformer_sees_is_reported_before_it_trains():
    vit = Model(arch="vit_small_patch16_224")
    assert "21.6 M parameters  scratch  patch 16: 2x2 = 4 tokens at 32 px" in described(vit)
    assert "patch 8: 4x4 = 16 tokens at 32 px" in described(tiny_vit())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Model(arch="resnet5O"), 'model.arch: no timm model "resnet5O" is known .nearest: resnet50'),
        (Model(arch="resnet18.a1_in2k"), "model.arch: .*nearest: a1_in1k"),
        (
            tiny_resnet(kwargs={"chanels": [1]}),
            "model.kwargs.chanels: no argument of resnet18 .*nearest: channels",
        ),
        (tiny_vit(kwargs={"num_head": 1}), "model.kwargs.num_head: .*nearest: num_heads"),
        (tiny_vit(kwargs={"img_size": 64}), "model.kwargs.img_size: is decided by the data"),
        (tiny_vit(kwargs={"patch_size": 4}), "model.kwargs.patch_size: is decided by model.patch_size"),
        (tiny_vit(kwargs={"embed_dim": 30, "num_heads": 4}), "timm cannot build .* embed_dim=30"),
        (Model(arch="resnet18", patch_size=4), "model.patch_size: resnet18 has no patches"),
        (Model(arch="convnext_atto", stem="small"), "model.stem=small is for ResNets"),
        (tiny_vit(patch_size=7), "7 does not divide the 32 px .* would not see the last 4"),
        (Model(arch="inception_v3"), "inception_v3 cannot take images of 32 px"),
        (Model(arch="resnet50", pretrained="a1_in2k"), "model.pretrained: .*nearest: a1_in1k"),
        (Model(arch="coatnet_0_224", pretrained=True), "timm has no weights for coatnet_0_224"),
        (Model(arch="resnet50", pretrained=True, stem="small"), "model.stem=small cannot be had with"),
    ],
)
def test_what_does_not_fit_is_named(model, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build(model)


# --- from weights -------------------------------------------------------------------------------


def saved(folder, ending, **arguments):
    """A weights file of timm's, and what is in it."""
    source = timm.create_model(**{"model_name": "resnet18", "num_classes": 1000, **RESNET} | arguments)
    file = folder / f"weights.{ending}"
    if ending == "safetensors":
        save_file(source.state_dict(), file)
    else:
        torch.save(source.state_dict(), file)
    return file, source.state_dict()


@pytest.mark.parametrize("ending", ["safetensors", "pth", "bin"])
@pytest.mark.parametrize("classes", [1000, 10, 0])
def test_weights_from_a_file_are_those_of_the_file_but_for_the_head(tmp_path, ending, classes):
    file, values = saved(tmp_path, ending, num_classes=classes)
    built, scratch = build(tiny_resnet(pretrained=str(file))), build(tiny_resnet())
    for name, value in built.module.state_dict().items():
        begun = scratch.module.state_dict() if name.startswith("fc.") else values
        assert torch.equal(value, begun[name]), name
    assert built.module.fc.out_features == 10


def test_patch_and_position_embeddings_are_resampled_to_those_of_the_network(tmp_path):
    vit = {"model_name": "vit_tiny_patch16_224", "channels": None, **VIT}
    file, values = saved(tmp_path, "safetensors", img_size=64, patch_size=8, **vit)
    same = build(tiny_vit(pretrained=str(file)), size=64).module
    assert torch.equal(same.pos_embed, values["pos_embed"])
    assert torch.equal(same.patch_embed.proj.weight, values["patch_embed.proj.weight"])

    coarse = build(tiny_vit(pretrained=str(file))).module.pos_embed
    grid = values["pos_embed"][:, 1:].reshape(1, 8, 8, 32).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=(4, 4), mode="bicubic", antialias=True)
    assert torch.equal(coarse[:, :1], values["pos_embed"][:, :1])
    assert torch.allclose(coarse[:, 1:], grid.permute(0, 2, 3, 1).reshape(1, 16, 32), atol=1e-6)

    fine = build(tiny_vit(pretrained=str(file), patch_size=4)).module
    assert fine.patch_embed.proj.weight.shape[-2:] == (4, 4)
    assert torch.equal(fine.pos_embed, values["pos_embed"])
    assert torch.equal(fine.blocks[1].mlp.fc1.weight, values["blocks.1.mlp.fc1.weight"])


def test_of_an_undescribed_file_only_name_and_checksum_are_known(tmp_path):
    file, _ = saved(tmp_path, "pth")
    about = build(tiny_resnet(pretrained=str(file))).provenance
    assert about["weights"] == about["file"] == "weights.pth"
    assert len(about["sha256"]) == 64
    assert about["licence"] == about["training_data"] == about["augmentation"] == "unknown"
    assert about["saw_mixup"] is None and about["declared"]


def test_a_tag_beside_a_file_says_what_the_file_is(tmp_path):
    file, _ = saved(tmp_path, "pth")
    about = build(tiny_resnet(arch="resnet18.a1_in1k", pretrained=str(file))).provenance
    assert about["weights"] == "resnet18.a1_in1k"
    assert about["file"] == "weights.pth"
    assert about["saw_cutmix"] and about["declared"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model_name": "resnet34"}, r"does not fit resnet18: the model has no layer1\.2\..* more"),
        ({"model_name": "resnet10t"}, r"does not fit resnet18: it lacks conv1\.weight, .* more"),
        ({"channels": [8, 8, 16, 32]}, r"does not fit resnet18: of another shape are layer4\."),
        (
            {"model_name": "vit_tiny_patch16_224", "channels": None, **VIT},
            r"it lacks conv1\.weight, .* more; the model has no blocks\.0\..* more",
        ),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, arguments, sentence):
    file, _ = saved(tmp_path, "safetensors", **arguments)
    with pytest.raises(ConfigError, match=sentence) as refused:
        build(tiny_resnet(pretrained=str(file)))
    assert len(str(refused.value)) < 600


def test_a_file_that_lacks_a_single_statistic_is_refused(tmp_path):
    file, values = saved(tmp_path, "pth")
    del values["bn1.running_var"]
    torch.save(values, file)
    with pytest.raises(ConfigError, match=r"it lacks bn1\.running_var"):
        build(tiny_resnet(pretrained=str(file)))


class Hostile:
    def __reduce__(self):
        return print, ("this must not run",)


def test_a_file_that_is_not_weights_is_refused(tmp_path, capsys):
    with pytest.raises(DataError, match=r"the weights file .*gone.pth does not exist"):
        build(tiny_resnet(pretrained=str(tmp_path / "gone.pth")))
    cut, _ = saved(tmp_path, "safetensors")
    cut.write_bytes(cut.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"weights\.safetensors cannot be read as weights"):
        build(tiny_resnet(pretrained=str(cut)))
    torch.save({"fc.weight": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(DataError, match=r"hostile\.pth cannot be read as weights"):
        build(tiny_resnet(pretrained=str(tmp_path / "hostile.pth")))
    assert capsys.readouterr().out == ""
    (tmp_path / "weights.npz").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"weights\.npz must end in one of \.safetensors"):
        build(tiny_resnet(pretrained=str(tmp_path / "weights.npz")))
