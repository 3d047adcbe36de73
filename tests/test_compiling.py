"""torch.compile: when it pays, that the choice is kept, and that results differ by rounding alone."""

import json
import os
import shutil
import signal

import pytest
import torch
from torch._dynamo.utils import counters

import small_run
from mixscope.errors import ConfigError, Interrupted
from mixscope.study import config as settings
from mixscope.study.config import Train
from mixscope.training import compiling

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    small_run.store(place)
    return place


def test_it_pays_where_it_saves_twice_what_it_costs():
    for steps, on in ((1000, False), (1001, True)):
        made = compiling.decide(step=1.0, steps=steps, share=0.1, cost=50.0)
        assert made.on is on
        assert made.saved_seconds == pytest.approx(steps * 0.1) and made.cost_seconds == 50.0
        assert made.why.startswith("yes" if on else "no") and "50 s" in made.why


def test_the_choice_leaves_the_network_and_the_generators_alone():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Dropout(0.5), torch.nn.Flatten()).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    made = compiling.choose(
        Train(compile="auto"), module, lambda: torch.ones(4, 3, 8, 8), steps=1, device=CPU
    )
    assert made.on is False and made.step_seconds is not None
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and not module.training
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("channels", [4, 48, 49, 256])
def test_on_a_cpu_only_narrow_convolutional_networks_are_compiled(channels):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, channels, 3), torch.nn.BatchNorm2d(channels))
    images = torch.ones(4, 3, 8, 8)
    made = compiling.choose(Train(compile="auto"), module, lambda: images, steps=10**9, device=CPU)
    assert made.on is (channels <= 48) and ("on a CPU" in made.why) is not made.on
    if made.on:
        assert made.saved_seconds == pytest.approx(0.2 * 10**9 * made.step_seconds)


def test_where_a_step_is_made_in_parts_only_a_part_is_tried():
    seen = []

    class Watched(torch.nn.Conv2d):
        def forward(self, images):
            seen.append(len(images))
            return super().forward(images)

    settings = Train(compile="auto", accumulate=4)
    made = compiling.choose(settings, Watched(3, 4, 3), lambda: torch.ones(8, 3, 8, 8), steps=1, device=CPU)
    assert set(seen) == {2} and made.step_seconds > 0


def test_without_a_compiler_auto_does_without_and_true_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    module, images = torch.nn.Flatten(), torch.ones(2, 3, 4, 4)
    made = compiling.choose(Train(compile="auto"), module, lambda: images, steps=1, device=CPU)
    assert made.on is False and "no C++ compiler" in made.why
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler.*set CXX"):
        compiling.choose(Train(compile=True), module, lambda: images, steps=1, device=CPU)


@pytest.mark.parametrize(
    ("text", "value"), [("on", True), ("off", False), ("'on'", True), ("'off'", False), ("auto", "auto")]
)
def test_on_off_and_auto_are_understood(text, value):
    assert settings.load(None, [f"train.compile={text}"]).train.compile == value


def test_true_and_false_keep_their_digests():
    """Runs were named by them before there was auto."""
    assert settings.load(None, []).digest == "c9c5dd09cb0fb6b8"
    assert settings.load(None, ["train.compile=true"]).digest == "9eb7634864ef7a71"


def test_a_small_run_does_without_and_says_so(root, tmp_path):
    given, show = small_run.config("train.compile=auto", "train.epochs=1"), small_run.Watch()
    small_run.run(given, root, tmp_path / "run", show=show)
    assert any(line.startswith("compile   no: it takes about") for line in show.lines)
    kept = json.loads((tmp_path / "run" / "environment.json").read_text())["compile"]
    assert kept["on"] is False and kept["saved_seconds"] < kept["cost_seconds"]
    plain = small_run.config("train.epochs=1")
    small_run.run(plain, root, tmp_path / "plain")
    assert weights(tmp_path / "run") == weights(tmp_path / "plain")


def test_a_run_that_is_taken_up_is_not_asked_again(root, tmp_path, monkeypatch):
    given = small_run.config("train.compile=auto", "train.epochs=1")
    stopping = small_run.Watch("compile", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        small_run.run(given, root, tmp_path / "run", show=stopping)
    monkeypatch.setattr(compiling, "choose", None)
    small_run.run(given, root, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("model", [small_run.RESNET, small_run.VIT], ids=["resnet", "vit"])
def test_compiled_training_agrees_with_eager_to_rounding(model, root, tmp_path):
    """Both arms from the same draws; the ViT without dropout, which a compiled network draws otherwise."""
    model = [pair.replace("drop_rate: 0.1", "drop_rate: 0") for pair in model]
    rows = {}
    for name in ("eager", "compiled", "again"):
        pairs = [f"train.compile={name != 'eager'}".lower(), "train.epochs=1", "optim.name=sgd"]
        out = tmp_path / name
        torch._dynamo.reset()
        counters.clear()
        small_run.run(small_run.config(*pairs, model=model), root, out)
        assert (counters["stats"]["unique_graphs"] > 0) is (name != "eager")
        found = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
        rows[name] = next(row for row in found if row.get("kind", row.get("event")) == "epoch")
    losses = {name: row["train_loss"] for name, row in rows.items()}
    assert losses["compiled"] == pytest.approx(losses["eager"], rel=1e-5)
    assert losses["compiled"] == losses["again"]
    made = {name: tensors(tmp_path / name) for name in rows}
    for key, value in made["eager"].items():
        torch.testing.assert_close(made["compiled"][key], value, rtol=1e-3, atol=1e-4)
        assert torch.equal(made["compiled"][key], made["again"][key])


def tensors(run):
    return torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]


def weights(run):
    return {name: value.numpy().tobytes() for name, value in tensors(run).items()}
