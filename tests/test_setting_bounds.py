"""Settings and weights out of all bounds are refused before the first step, in one sentence."""

import pytest
import torch
from safetensors.torch import load_file, save_file

import small_run
from mixscope.errors import ConfigError, DataError
from mixscope.runs import execute, setup
from mixscope.study import config as settings
from stand_in_weights import make

ARGUMENTS = {"channels": [8, 8, 16, 16], "stem_width": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    small_run.store(folder)
    return folder


def dry_run(root, *pairs, model=small_run.RESNET):
    """What `mixscope train --dry-run` does."""
    return execute.describe(small_run.config(*pairs, model=model), root=root, out=root / "run")


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("augment.mixup_alpha=1e308", "augment.mixup_alpha must be at most 1e"),
        ("augment.cutmix_alpha=1e10", "augment.cutmix_alpha must be at most 1e"),
        ("augment.alpha={resizemix: 1e200}", "augment.alpha.resizemix must be at most 1e"),
        ("data.per_class=1e30", "data.per_class: expected a whole number"),
        (f"data.per_class={10**30}", "data.per_class must be at most 2147483647"),
        (f"train.batch_size={10**400}", "train.batch_size must be at most 2147483647"),
        (f"train.epochs={2**31}", "train.epochs must be at most 2147483647"),
        (f"run.eval_batch_size={10**12}", "run.eval_batch_size must be at most 2147483647"),
    ],
)
def test_a_number_out_of_all_bounds_is_refused_when_it_is_read(pair, sentence):
    with pytest.raises(ConfigError, match=sentence) as refused:
        settings.load(overrides=[pair])
    assert "\n" not in str(refused.value)


def test_shares_of_methods_without_a_finite_sum_are_refused():
    with pytest.raises(ConfigError, match="must have shares with a finite sum"):
        settings.load(overrides=["augment.mix=switch", "augment.switch={mixup: 1e308, cutmix: 1e308}"])


def test_what_lies_within_the_bounds_is_taken():
    pairs = ["augment.mixup_alpha=1e9", "train.epochs=2147483647", f"seed={10**30}", "run.loader_threads=500"]
    assert settings.load(overrides=pairs).augment.mixup_alpha == 1e9


def test_more_loader_threads_than_a_machine_has_a_use_for_are_refused(root, monkeypatch):
    monkeypatch.setattr(setup, "cores", lambda: 2)
    with pytest.raises(ConfigError, match=r"run.loader_threads must be at most 64 .* 2 cores, got 200"):
        dry_run(root, "run.loader_threads=200")
    assert dry_run(root, "run.loader_threads=3")["state"] == "new"
    monkeypatch.setattr(setup, "cores", lambda: 256)
    setup._refuse_many_threads(200)


def test_a_batch_of_one_image_is_refused_where_batch_norm_cannot_train_on_it(root):
    pairs = ("train.batch_size=1", "augment.mix=none")
    with pytest.raises(ConfigError, match=r"train.batch_size=1: .* batch norm of resnet10t") as refused:
        dry_run(root, *pairs)
    assert "\n" not in str(refused.value)
    assert dry_run(root, *pairs, model=small_run.VIT)["state"] == "new"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pretrained_weights_that_are_not_finite_are_refused_and_named(root, tmp_path, value):
    file = make("resnet10t", tmp_path / "broken.safetensors", **ARGUMENTS)
    tensors = load_file(file)
    tensors["layer2.0.conv1.weight"].view(-1)[3] = value
    save_file(tensors, file)
    with pytest.raises(DataError, match=r"not finite, in layer2.0.conv1.weight;") as refused:
        dry_run(root, f"model.pretrained={file}")
    assert "\n" not in str(refused.value) and not (root / "run").exists()


def test_the_head_of_pretrained_weights_is_replaced_whatever_it_holds(root, tmp_path):
    file = make("resnet10t", tmp_path / "headless.safetensors", **ARGUMENTS)
    tensors = load_file(file)
    tensors["fc.weight"] = torch.full_like(tensors["fc.weight"], float("nan"))
    save_file(tensors, file)
    assert dry_run(root, f"model.pretrained={file}")["state"] == "new"
