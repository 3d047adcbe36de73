"""What mixing methods leave to the network: activations and attention."""

import numpy as np
import pytest
import timm
import torch

import small_run
from mixscope import mixing
from mixscope.data.batch import Inner
from mixscope.errors import ConfigError
from mixscope.study.config import Augment, Train
from mixscope.training import hidden, models

SIZE = 16
DROPPED = [*small_run.VIT, "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2, patch_drop_rate: 0.5}"]
POOLED = [*small_run.VIT, "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2, global_pool: avg}"]


def network(*, model, classes=4):
    given = small_run.config(model=model).model
    return models.build(given, n_classes=classes, image_size=SIZE, seed=0).module.eval()


def batch(n=6):
    draws = torch.Generator().manual_seed(0)
    lam = torch.rand(n, generator=draws)
    return torch.randn(n, 3, SIZE, SIZE, generator=draws), torch.randperm(n, generator=draws), lam


@pytest.mark.parametrize(
    "model", [small_run.RESNET, [*small_run.VIT, "model.kwargs={embed_dim: 16, depth: 3, num_heads: 2}"]]
)
def test_activations_are_mixed_at_the_place_that_is_drawn_and_nowhere_else(model):
    module, (images, partner, lam) = network(model=model), batch()
    names = hidden.places(module)
    assert names[0] == "" and len(names) >= 3
    outputs = []
    for number, name in enumerate(names):
        seen = {}
        watched = [
            module.get_submodule(each).register_forward_hook(
                lambda _m, _i, made, each=each, seen=seen: seen.update({each: made})
            )
            for each in names[1:]
        ]
        place = (number + 0.5) / len(names)
        with torch.no_grad():
            plain = module(images)
            before = dict(seen)
            with hidden.mixing(module, Inner(place, partner), lam) as weights:
                outputs.append(module(images))
                assert weights() is lam
        for hook in watched:
            hook.remove()
        for each in names[1:]:
            earlier = names.index(each) < number
            assert torch.equal(seen[each], before[each]) == (earlier or each == name), (name, each)
        if name:  # what the block gave, mixed, is what the rest of the network was given
            with torch.no_grad():
                block = module.get_submodule(name)
                w = lam.view(-1, *[1] * (before[name].dim() - 1))
                wanted = w * before[name] + (1 - w) * before[name][partner]
                hook = block.register_forward_hook(lambda *_, wanted=wanted: wanted)
                assert torch.allclose(module(images), outputs[-1], atol=1e-5)
                hook.remove()
        assert not torch.allclose(plain, outputs[-1])
    with torch.no_grad():
        w = lam.view(-1, 1, 1, 1)
        assert torch.allclose(outputs[0], module(w * images + (1 - w) * images[partner]), atol=1e-5)
        assert torch.equal(module(images), plain)  # no hook is left


def test_a_method_without_anything_for_the_network_leaves_it_alone():
    module, (images, _, lam) = network(model=small_run.RESNET), batch()
    with torch.no_grad(), hidden.mixing(module, None, lam) as weights:
        out = module(images)
    assert weights() is lam and torch.equal(out, module(images))


@pytest.mark.parametrize(
    "arch", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto", "mobilenetv3_small_050"]
)
def test_timm_says_where_feature_blocks_are(arch):
    with torch.device("meta"):
        module = timm.create_model(arch)
    assert len(hidden.places(module)) >= 3


def test_label_weights_by_attention_are_the_authors():
    """transmix_label of Beckschen/TransMix: the mean of area and attention, nearest downsampling."""
    module, (images, _, lam) = network(model=small_run.VIT), batch()
    box = torch.tensor(
        [[0, 8, 0, 16], [4, 4, 4, 4], [0, 16, 0, 16], [5, 11, 3, 9], [0, 4, 0, 4], [2, 16, 1, 9]]
    ).int()
    attention = module.blocks[-1].attn
    attention.fused_attn = False  # so that the softmax is a module's output that can be seen
    seen = []
    hook = attention.attn_drop.register_forward_hook(lambda _m, given, _o: seen.append(given[0]))
    with torch.no_grad(), hidden.mixing(module, Inner(box=box), lam) as weights:
        module(images)
        found = weights()
    hook.remove()
    on_patches = seen[0][:, :, 0, 1:].mean(dim=1)
    for i, (y0, y1, x0, x1) in enumerate(box.tolist()):
        mask = torch.zeros(1, 1, SIZE, SIZE)
        mask[:, :, y0:y1, x0:x1] = 1
        foreign = torch.nn.Upsample(size=4)(mask).view(-1)
        theirs = (on_patches[i] * foreign).sum() / on_patches[i].sum()
        assert found[i] == pytest.approx(((lam[i] + 1 - theirs) / 2).item(), abs=1e-5)


def mixer(mix, **changes):
    return mixing.make(Augment(mix=mix, **changes), seed=0, epochs=2, size=SIZE, batch_size=8, examples=48)


@pytest.mark.parametrize(
    ("mix", "model", "train", "ranks", "sentence"),
    [
        ("transmix", small_run.RESNET, {}, 1, "transmix weights labels by .* a class token, and x has none"),
        ("transmix", POOLED, {}, 1, "and x has none"),
        ("transmix", DROPPED, {}, 1, "with a class token and without patch_drop_rate"),
        ("transmix", small_run.VIT, {"compile": "auto"}, 1, "set train.compile=false"),
        ("manifold", small_run.RESNET, {"compile": True}, 1, "set train.compile=false"),
        ("manifold", small_run.RESNET, {"accumulate": 2}, 1, "one process and train.accumulate=1"),
        ("manifold", small_run.RESNET, {}, 2, "one process and train.accumulate=1"),
    ],
)  # fmt: skip
def test_what_a_network_or_training_has_not_is_refused_in_a_sentence(mix, model, train, ranks, sentence):
    module = network(model=model)
    for made in (mixer(mix), mixer("switch", switch={mix: 1.0, "cutmix": 1.0})):
        with pytest.raises(ConfigError, match=sentence) as caught:
            hidden.refuse(made, module, "x", Train(**train), n_ranks=ranks)
        assert "\n" not in str(caught.value)
    hidden.refuse(mixer("cutmix"), module, "x", Train(**train), n_ranks=ranks)


def test_attention_asked_of_a_resnet_ends_before_the_first_step(tmp_path):
    small_run.store(tmp_path)
    with pytest.raises(ConfigError, match="resnet10t has none"):
        small_run.run(
            small_run.config("augment.mix=transmix", model=small_run.RESNET), tmp_path, tmp_path / "r"
        )
    with pytest.raises(
        ConfigError, match="cutmix-aligned needs the patch grid of a vision transformer, and the"
    ):
        small_run.run(
            small_run.config("augment.mix=cutmix-aligned", model=small_run.RESNET), tmp_path, tmp_path / "r"
        )


@pytest.mark.parametrize(
    ("mix", "model"),
    [
        ("manifold", small_run.RESNET),
        ("manifold", small_run.VIT),
        ("transmix", small_run.VIT),
        ("transmix", [*small_run.VIT, "train.accumulate=3"]),
    ],
)
def test_runs_with_them_train_and_repeat_bit_for_bit(tmp_path, mix, model):
    small_run.store(tmp_path)
    config = small_run.config(f"augment.mix={mix}", model=model)
    first, again = (small_run.run(config, tmp_path, tmp_path / name) for name in "ab")
    assert small_run.settled(first) == small_run.settled(again)
    plain = small_run.run(small_run.config("augment.mix=cutmix", model=model), tmp_path, tmp_path / "c")
    losses = [one["results"]["test"]["last"]["nll"] for one in (first, plain)]
    assert np.isfinite(losses).all() and losses[0] != losses[1]
