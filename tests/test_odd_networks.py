"""Networks that are unlike most: several answers, windows, names of a hub, batches in odd parts."""

import numpy as np
import pytest
import torch

from mixscope.data.batch import Batch
from mixscope.errors import ConfigError
from mixscope.study import config as settings
from mixscope.study.config import Model
from mixscope.training import loop, models

DEIT = {"embed_dim": 16, "depth": 1, "num_heads": 2}


def build(model, size=32):
    return models.build(model, n_classes=10, image_size=size, seed=0)


def test_a_distilled_network_is_trained_on_the_mean_of_its_two_classifiers():
    """As timm's own training does without a teacher."""
    module = build(Model(arch="deit_tiny_distilled_patch16_224", patch_size=8, kwargs=DEIT)).module
    images = torch.randn(2, 3, 32, 32)
    answer = module.train()(images)
    one, two = (
        head(token)
        for head, token in zip(
            (module.head, module.head_dist), module.forward_features(images)[:, :2].unbind(1), strict=True
        )
    )
    torch.testing.assert_close(answer, (one + two) / 2)


def test_a_network_that_answers_several_things_in_training_is_refused(monkeypatch):
    create = models._create

    def with_teacher(*arguments):
        module = create(*arguments)
        module.set_distilled_training(True)
        return module

    monkeypatch.setattr(models, "_create", with_teacher)
    with pytest.raises(ConfigError, match="answers tuple in training where one row of logits") as refused:
        build(Model(arch="deit_tiny_distilled_patch16_224", patch_size=8, kwargs=DEIT))
    assert "\n" not in str(refused.value)


def test_looking_at_what_a_network_answers_leaves_it_and_the_generators_as_they_were():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    module = build(Model(arch="resnet18", kwargs={"channels": [8, 8, 16, 16], "drop_rate": 0.5})).module
    assert torch.equal(torch.get_rng_state(), before) and module.training
    assert all(int(b) == 0 for name, b in module.named_buffers() if name.endswith("num_batches_tracked"))
    assert all(
        float(b.abs().max()) == 0 for name, b in module.named_buffers() if name.endswith("running_mean")
    )


def test_images_that_windows_do_not_divide_are_padded_by_swin_and_refused_by_others():
    swin = {"embed_dim": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "window_size": 7}
    module = build(Model(arch="swin_tiny_patch4_window7_224", kwargs=swin), 36).module
    assert module(torch.zeros(2, 3, 36, 36)).shape == (2, 10)
    with pytest.raises(ConfigError, match="does not divide the 30 px") as refused:
        build(Model(arch="swin_tiny_patch4_window7_224", kwargs=swin), 30)
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match=r"cannot take images of 100 px \(.*divisible by window") as refused:
        build(Model(arch="maxvit_tiny_tf_224"), 100)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["hf_hub:timm/", "hf-hub:timm/"])
def test_a_name_of_the_hub_is_timms_name(prefix):
    given = settings.load(overrides=[f"model.arch={prefix}resnet18.a1_in1k"])
    plain = settings.load(overrides=["model.arch=resnet18.a1_in1k"])
    assert given == plain and given.digest == plain.digest
    weights = settings.load(overrides=["model.arch=resnet18", f"model.pretrained={prefix}resnet18.a1_in1k"])
    assert weights.model.pretrained == "resnet18.a1_in1k"


@pytest.mark.parametrize("images", [7, 5, 3, 1])
@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_the_gradient_of_an_odd_batch_in_parts_is_that_of_the_whole(images, accumulate):
    """Parts of unequal size weigh by their images."""
    rng = torch.Generator().manual_seed(images)
    batch = Batch(
        images=torch.randn(images, 3, 16, 16, generator=rng),
        labels=torch.randint(4, (images,), generator=rng),
        ids=np.arange(images),
        partner_labels=torch.randint(4, (images,), generator=rng),
        lam=torch.rand(images, generator=rng),
    )
    found = []
    for parts in (1, accumulate):
        config = settings.load(overrides=["train.batch_size=8", f"train.accumulate={parts}"])
        model = Model(arch="vit_tiny_patch16_224", patch_size=4, kwargs=DEIT)
        module = models.build(model, n_classes=4, image_size=16, seed=0).module
        training = loop.prepare(config, module, device=torch.device("cpu"), compiled=False)
        loop.backward(training, batch, loop.tally_of(training, 0.0), images=images)
        found.append({name: p.grad for name, p in module.named_parameters()})
    for name, whole in found[0].items():
        torch.testing.assert_close(found[1][name], whole, rtol=1e-4, atol=1e-6)
