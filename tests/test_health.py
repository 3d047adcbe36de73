import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import nn

from mixscope.data.loader import InputSpec
from mixscope.training import health, pretraining_data

SPEC = InputSpec(size=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def contract(evaluated=SPEC, module=None, train=IMAGES, clean=IMAGES):
    found = health.contract(
        train=SPEC,
        evaluated={"val": SPEC, "test": evaluated},
        module=nn.Identity() if module is None else module,
        train_batch=train,
        clean_batch=clean,
    )
    return {finding.code: finding for finding in found}


def test_equal_inputs_keep_the_contract():
    found = contract()
    assert found["input-contract"].severity == found["input-scale"].severity == "ok"
    assert found["input-contract"].params["mean"] == [0.5, 0.4, 0.3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 16}, ("size", 16, 8)),  # trained at 32 px, tested at 64
        ({"mean": (0.0, 0.0, 0.0)}, ("mean", [0.0, 0.0, 0.0], [0.5, 0.4, 0.3])),
        ({"std": (1.0, 1.0, 1.0)}, ("std", [1.0, 1.0, 1.0], [round(v, 4) for v in SPEC.std])),
        ({"channels": "BGR"}, ("channels", "BGR", "RGB")),
    ],
)
def test_any_other_input_breaks_the_contract_and_is_named(change, said):
    finding = contract(evaluated=dataclasses.replace(SPEC, **change))["input-contract"]
    (difference,) = finding.params["differences"]
    assert finding.severity == "fail" and difference.params["split"] == "test"
    assert tuple(difference.params[name] for name in ("field", "value", "expected")) == said


def test_bytes_among_floats_are_noticed():
    assert contract(clean=IMAGES * 64 + 128)["input-scale"].severity == "warn"
    assert contract(train=IMAGES * 0.7)["input-scale"].severity == "ok"  # blending makes the scale smaller


def test_a_transformer_for_another_size_is_noticed():
    class Embed(nn.Module):
        img_size, grid_size = (16, 16), (4, 4)

    class Vit(nn.Module):
        patch_embed = Embed()

    finding = contract(module=Vit())["model-input"]
    assert finding.severity == "fail" and finding.params["model_size"] == [16, 16]
    Embed.img_size = (8, 8)
    finding = contract(module=Vit())["model-input"]
    assert finding.severity == "ok" and finding.params["tokens"] == 16
    assert contract()["model-input"].severity == "note"


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 5), nn.Dropout(0.9)
    )


def test_drift_is_looked_for_without_a_trace():
    module = net()
    module.train()
    module(IMAGES)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    labels = torch.arange(16) % 5
    health.drift(module, IMAGES, labels)
    assert module.training and all(part.training for part in module.modules())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_drifted_batch_norm_is_noticed_and_dropout_is_not():
    module = net().eval()
    with torch.inference_mode():
        module[1].train()
        labels = module(IMAGES).argmax(dim=1)  # right by construction in train mode
    module[1].running_mean.copy_(IMAGES.mean() + 5)
    found = health.drift(module, IMAGES, labels)
    assert found.severity == "warn" and found.params["train_mode_top1"] == 100
    module.eval()
    module[1].momentum = 1.0
    module[1].train()
    with torch.no_grad():
        module(IMAGES)
    assert health.drift(module, IMAGES, labels).severity == "ok"
    assert health.drift(nn.Linear(2, 2), IMAGES, labels).severity == "note"


@effort(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), k=st.integers(2, 6), each=st.integers(1, 5))
def test_on_a_balanced_set_macro_recall_is_top1(seed, k, each):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(k), each)
    recall, never, gap = health.classes("test-last", rng.standard_normal((k * each, k)), labels)
    assert recall.severity == "ok"
    assert never.params["never"] >= 0 and gap.params["macro_recall"] == recall.params["macro_recall"]


@effort(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_values_of_classes_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(0, 4, 20), rng.standard_normal((20, 4))
    labels[:4] = np.arange(4)
    said = logits.argmax(axis=1)
    _, never, gap = health.classes("test-last", logits, labels)
    options = {"average": "macro", "labels": range(4), "zero_division": 0}
    assert gap.params["macro_precision"] == pytest.approx(100 * sk.precision_score(labels, said, **options))
    assert gap.params["macro_recall"] == pytest.approx(100 * sk.recall_score(labels, said, **options))
    assert never.params["never"] == 4 - len(set(said))


def test_precision_far_above_recall_is_an_alarm():
    labels = np.repeat(np.arange(3), 10)
    said = labels.copy()
    said[:8] = 2  # one class is hardly ever said, but then rightly
    logits = np.eye(3)[said]
    _, never, gap = health.classes("test-last", logits, labels)
    assert gap.severity == "warn" and gap.params["gap_pp"] > 2.5 and never.severity == "ok"
    said[:10] = 2
    _, never, _ = health.classes("test-last", np.eye(3)[said], labels)
    assert never.severity == "warn" and never.params["never"] == 1


def test_training_values_must_all_be_there():
    row = {"train_loss": 1.0, "clean_train_top1": 50.0, "lam_weighted_train_top1": 40.0}
    assert health.training_metrics([row], mix="mixup").severity == "ok"
    missing = health.training_metrics([row, row | {"clean_train_top1": None}], mix="mixup")
    assert missing.severity == "warn" and missing.params["missing"] == ["clean_train_top1"]


def test_what_weights_have_seen_is_reported():
    assert health.pretraining([]).severity == "ok"
    remarks = pretraining_data.remarks({"weights": "scratch"}, "tiny-imagenet")
    assert remarks == []
    about = {"weights": "a1_in1k", "saw_mixup": False, "saw_cutmix": True, "source": "a paper"}
    remarks = pretraining_data.remarks(about | {"training_data": "ImageNet-1k"}, "tiny-imagenet")
    found = health.pretraining(remarks)
    assert found.severity == "warn"
    assert [r.code for r in found.params["remarks"]] == ["weights-saw-method", "weights-saw-classes"]
    assert found.params["remarks"][0].params["method"] == "CutMix"


def test_selection_on_the_test_split_is_never_called_well():
    assert health.selection({"last": {"top1": 0.5}, "selected": {"top1": 0.6}}).severity == "ok"
    found = health.selection({"last": {"top1": 0.5}, "best-on-test": {"top1": 0.75}})
    assert found.severity == "note" and found.params["top1"][1].params["top1"] == 75.0
