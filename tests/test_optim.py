"""Optimisers: who decays, what a step is, the learning rate of each step, the running average."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mixscope.study.config import Model, Optim
from mixscope.training import models, optim

VIT = Model(arch="vit_tiny_patch16_224", patch_size=8, kwargs={"embed_dim": 32, "depth": 2, "num_heads": 2})


def groups(module, **settings):
    """The names of the parameters that decay, and of those that do not."""
    names = {id(p): name for name, p in module.named_parameters()}
    made = optim.make(module, Optim(**settings))
    by_decay = {g["weight_decay"]: {names[id(p)] for p in g["params"]} for g in made.param_groups}
    assert sum(len(g["params"]) for g in made.param_groups) == len(names)
    return by_decay[settings["weight_decay"]], by_decay[0.0]


def test_norms_biases_and_position_embeddings_do_not_decay():
    module = models.build(VIT, n_classes=10, image_size=32, seed=0).module
    decayed, spared = groups(module, name="adamw", weight_decay=0.1)
    assert {"pos_embed", "cls_token", "norm.weight", "head.bias", "blocks.0.norm1.bias"} <= spared
    assert {"patch_embed.proj.weight", "blocks.1.attn.qkv.weight", "head.weight"} <= decayed
    assert all(name.endswith(".weight") for name in decayed)


def test_batch_norm_does_not_decay():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert groups(module, name="sgd", weight_decay=0.1) == ({"0.weight"}, {"0.bias", "1.weight", "1.bias"})


def test_what_is_frozen_is_left_alone():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    module[0].requires_grad_(False)
    made = optim.make(module, Optim())
    assert {id(p) for g in made.param_groups for p in g["params"]} == {id(p) for p in module[1].parameters()}


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
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_step_is_fused_and_a_checkpoint_of_one_that_was_not_goes_on_as_it_began(name):
    made = optim.make(torch.nn.Linear(3, 2), Optim(name=name))
    assert all(group["fused"] for group in made.param_groups)
    older = made.state_dict()
    for group in older["param_groups"]:
        group["fused"] = None
    made.load_state_dict(older)
    assert not any(group["fused"] for group in made.param_groups)


def test_sgd_without_momentum_is_plain():
    module = torch.nn.Linear(1, 1, bias=False)
    start = module.weight.item()
    made = optim.make(module, Optim(name="sgd", lr=0.5, momentum=0.0))
    module(torch.ones(1, 1)).sum().backward()
    made.step()
    assert module.weight.item() == pytest.approx(start - 0.5)


# --- the learning rate --------------------------------------------------------------------------


def rates(settings, *, steps_per_epoch, epochs):
    return [
        optim.lr_at(settings, step=step, steps_per_epoch=steps_per_epoch, epochs=epochs)
        for step in range(steps_per_epoch * epochs)
    ]


def torch_rates(steps, schedule):
    """What a scheduler of torch, made by `schedule`, uses at each step."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    made = schedule(optimiser)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        made.step()
    return found


def test_the_cosine_is_that_of_torch():
    ours = rates(Optim(lr=0.3, min_lr=0.01), steps_per_epoch=10, epochs=4)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    assert ours == pytest.approx(torch_rates(40, lambda o: cosine(o, T_max=40, eta_min=0.01)))


def test_warm_up_then_cosine_are_those_of_torch():
    def schedule(optimiser):
        warm = torch.optim.lr_scheduler.LinearLR(optimiser, start_factor=1 / 10, total_iters=9)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=30)
        return torch.optim.lr_scheduler.SequentialLR(optimiser, [warm, cosine], milestones=[10])

    ours = rates(Optim(lr=0.3, warmup_epochs=1), steps_per_epoch=10, epochs=4)
    assert ours == pytest.approx(torch_rates(40, schedule))


def test_at_the_start_of_an_epoch_the_cosine_is_that_of_the_published_study():
    ours = rates(Optim(lr=0.001), steps_per_epoch=7, epochs=50)
    published = [0.5 * 0.001 * (1 + math.cos(math.pi * epoch / 50)) for epoch in range(50)]
    assert ours[::7] == pytest.approx(published)


def test_warm_up_rises_in_equal_steps_to_the_full_rate():
    settings = Optim(lr=1.0, warmup_epochs=0.5, schedule="constant")
    assert rates(settings, steps_per_epoch=8, epochs=1)[:6] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@given(
    steps_per_epoch=st.integers(1, 50),
    epochs=st.integers(1, 20),
    warmup=st.floats(0, 0.99),
    floor=st.floats(0, 1),
)
def test_the_rate_rises_once_falls_once_and_stays_in_its_bounds(steps_per_epoch, epochs, warmup, floor):
    settings = Optim(lr=1.0, warmup_epochs=warmup * epochs, min_lr=floor)
    found = rates(settings, steps_per_epoch=steps_per_epoch, epochs=epochs)
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert max(found) == 1.0
    assert min(found[top:]) >= floor - 1e-12 and min(found) > 0


# --- the running average ------------------------------------------------------------------------


def small():
    return torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))


def moved(module, average, values):
    for value in values:
        with torch.no_grad():
            module[0].weight.fill_(value)
            module[1].running_mean.fill_(value)
        average.update(module)


def test_the_running_average_has_its_closed_form():
    module = small()
    start, values = module[0].weight.item(), [1.0, 2.0, 3.0]
    average = optim.Ema(module, 0.9)
    moved(module, average, values)
    shares = [0.1 * 0.9 ** (2 - k) for k in range(3)]
    expected = 0.9**3 * start + sum(share * value for share, value in zip(shares, values, strict=True))
    assert average.module[0].weight.item() == pytest.approx(expected)
    assert average.module[1].running_mean.item() == 3.0
    assert module[0].weight.item() == 3.0


def test_the_running_average_goes_on_from_a_checkpoint_to_the_same_bits():
    module = small()
    calm = optim.Ema(module, 0.99)
    moved(module, calm, [0.1, 0.7])
    kept = {name: value.clone() for name, value in calm.state_dict().items()}
    moved(module, calm, [0.3, 0.2])
    resumed = optim.Ema(small(), 0.99)
    resumed.load_state_dict(kept)
    moved(module, resumed, [0.3, 0.2])
    for name, value in calm.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_running_average_does_not_learn_by_itself():
    average = optim.Ema(small(), 0.9)
    assert not any(p.requires_grad for p in average.module.parameters())
