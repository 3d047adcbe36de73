"""Weights of one run exported for another: what they have seen travels with them."""

import json

import pytest
import torch
from safetensors.torch import load_file, save

import small_run
from mixscope.cli import main
from mixscope.errors import DataError
from mixscope.runs import export, records
from mixscope.study.config import Augment
from mixscope.training import checkpoint, models, weights


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of two epochs with CutMix, and the folder that it and its data are in."""
    place = tmp_path_factory.mktemp("export")
    small_run.store(place / "data")
    small_run.run(small_run.config(model=small_run.RESNET), place / "data", place / "run")
    return place


def test_an_exported_file_holds_the_weights_of_the_checkpoint_and_what_they_have_seen(trained):
    file = trained / "weights.safetensors"
    assert main(["export", str(trained / "run"), "--out", str(file)]) == 0
    expected, _ = checkpoint.weights(trained / "run" / "checkpoints", "last")
    found = load_file(file)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    seen = weights.provenance("", file, declared=True)
    digest = records.read_config(trained / "run").digest
    assert seen["training_data"] == "small (48 images)"
    assert seen["augmentation"] == "crop-flip and cutmix"
    assert (seen["saw_mixup"], seen["saw_cutmix"]) == (False, True)
    assert seen["source"] == f"mixscope run {digest}"


def test_a_network_that_begins_from_an_exported_file_has_its_weights_but_the_head(trained):
    file = trained / "begin.safetensors"
    export.export(trained / "run", file)
    model = small_run.config(f"model.pretrained={file}", model=small_run.RESNET).model
    built = models.build(model, n_classes=7, image_size=small_run.SIZE, seed=3)
    exported, found = load_file(file), built.module.state_dict()
    same = {key for key in exported if torch.equal(exported[key], found.get(key, torch.empty(0)))}
    assert {key for key in exported if key.partition(".")[0] != "fc"} <= same
    assert found["fc.weight"].shape[0] == 7
    assert built.provenance["saw_cutmix"] is True


def test_a_file_without_the_header_stays_of_unknown_training(tmp_path):
    file = tmp_path / "strange.safetensors"
    file.write_bytes(save({"x": torch.zeros(2)}, metadata={"format": "pt"}))
    assert weights.exported(file) == {}
    assert weights.provenance("", file, declared=True)["training_data"] == "unknown"


@pytest.mark.parametrize("header", ["no JSON", "[]", json.dumps({"training_data": 3})])
def test_a_damaged_header_is_named(tmp_path, header):
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(save({"x": torch.zeros(2)}, metadata={weights.HEADER: header}))
    with pytest.raises(DataError, match=r"damaged\.safetensors"):
        weights.exported(file)


def test_another_ending_is_a_usage_error_and_writes_nothing(trained, capsys):
    out = trained / "weights.pt"
    assert main(["export", str(trained / "run"), "--out", str(out)]) == 2
    assert ".safetensors" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize(
    ("augment", "methods"),
    [
        (Augment(mix="none"), []),
        (Augment(mix="mixup"), ["mixup"]),
        (Augment(mix="switch"), ["cutmix", "mixup"]),
        (Augment(mix="switch", switch={"cutmix": 1.0, "mixup": 0.0}), ["cutmix"]),
    ],
)
def test_the_methods_that_a_run_mixed_with(augment, methods):
    assert export.mixed_with(augment) == methods
