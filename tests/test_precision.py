"""fp16 with scaled gradients, and what is said where bf16 is emulated."""

import pytest
import torch

import small_run
from mixscope.runs import doctor
from mixscope.training import checkpoint, precision
from mixscope.training.stop import Stop


def test_an_fp16_run_that_is_stopped_ends_like_one_that_was_not(tmp_path, monkeypatch):
    small_run.store(tmp_path)
    config = small_run.config("train.precision=fp16", "optim.clip_norm=1.0", "run.checkpoint_seconds=0")
    whole = small_run.run(config, tmp_path, tmp_path / "whole")
    stop = Stop()
    show = small_run.Watch("epoch", lambda: setattr(stop, "received", "SIGTERM"))
    from mixscope.errors import Interrupted

    with pytest.raises(Interrupted):
        small_run.run(config, tmp_path, tmp_path / "cut", show=show, stop=stop)
    kept = checkpoint.read(tmp_path / "cut" / "checkpoints" / "last.pt")["scaler"]
    assert (
        kept["_growth_tracker"] > 0
    )  # steps since the scale was changed: lost, it would change later than it did
    resumed = small_run.run(config, tmp_path, tmp_path / "cut")
    assert small_run.settled(resumed) == small_run.settled(whole)
    one, two = (checkpoint.read(tmp_path / name / "checkpoints" / "last.pt") for name in ("whole", "cut"))
    assert one["scaler"] == two["scaler"]
    for name, weights in one["model"].items():
        assert torch.equal(weights, two["model"][name])


def test_fp16_comes_near_fp32_and_is_not_it(tmp_path):
    small_run.store(tmp_path)
    found = {
        name: small_run.run(small_run.config(f"train.precision={name}"), tmp_path, tmp_path / name)
        for name in ("fp32", "fp16")
    }
    nll = [one["results"]["test"]["last"]["nll"] for one in found.values()]
    assert nll[0] != nll[1] and nll[0] == pytest.approx(nll[1], rel=0.05)


def test_gradients_that_fp16_would_lose_are_kept():
    """A gradient of 1e-6 of the weights is 0 in fp16 unless the loss is scaled."""
    lost = {}
    for name in ("plain", "scaled"):
        weight = torch.nn.Parameter(torch.ones(4))
        scaler = precision.scaler("fp16", torch.device("cpu"))
        with precision.autocast("fp16", torch.device("cpu")):
            loss = (torch.nn.functional.linear(torch.full((1, 4), 1e-4), weight[None])).float() * 1e-5
        torch.autograd.backward(scaler.scale(loss) if name == "scaled" else loss)
        if name == "scaled":
            scaler.unscale_(torch.optim.SGD([weight]))
        lost[name] = weight.grad.clone()
    assert not lost["plain"].any() and lost["scaled"] == pytest.approx(torch.full((4,), 1e-9), rel=0.01)


def test_only_fp16_scales():
    cpu = torch.device("cpu")
    assert precision.scaler("fp32", cpu) is None and precision.scaler("bf16", cpu) is None
    assert precision.emulated(cpu) is None


@pytest.mark.parametrize(("capability", "said"), [((7, 5), True), ((8, 0), False), ((9, 0), False)])
def test_a_gpu_that_emulates_bf16_is_named_with_the_mend(monkeypatch, tmp_path, capability, said):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _=None: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _=None: "Tesla T4")
    sentence = precision.emulated(torch.device("cuda", 0))
    assert (sentence is not None) == said
    if said:
        assert sentence.startswith("Tesla T4 (compute capability 7.5) emulates bf16")
        assert "use train.precision=fp16" in sentence
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert doctor.examine(tmp_path)["bf16"] == [sentence or "native"]


def test_a_run_in_bf16_on_such_a_gpu_is_warned(monkeypatch, tmp_path):
    small_run.store(tmp_path)
    monkeypatch.setattr(precision, "emulated", lambda _: "Tesla T4 emulates bf16; use train.precision=fp16")
    for name, said in (("bf16", True), ("fp32", False)):
        show = small_run.Watch()
        small_run.run(
            small_run.config(f"train.precision={name}", "train.epochs=1"),
            tmp_path,
            tmp_path / name,
            show=show,
        )
        assert any("warning   Tesla T4 emulates bf16" in line for line in show.lines) == said
