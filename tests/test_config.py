"""Settings: what is accepted, what is answered, and what names a run."""

import ast
import dataclasses
import hashlib
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mixscope
from mixscope import rng
from mixscope.errors import ConfigError, unknown
from mixscope.study import config as settings
from mixscope.study import matrix
from mixscope.study.config import RunConfig


def test_what_is_written_is_read_again(tmp_path):
    import yaml

    made = settings.load(None, ["optim.lr=3e-4", "model.kwargs={depth: 3, channels: [1, 2]}", "seed=4"])
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(made.to_dict()))
    assert settings.load(file) == made and settings.load(file).digest == made.digest


def test_pairs_win_over_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("train: {epochs: 3, batch_size: 8}\n")
    made = settings.load(tmp_path / "c.yaml", ["train.epochs=9"])
    assert (made.train.epochs, made.train.batch_size) == (9, 8)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("data.nam=x", "data.nam: no setting .*nearest: name"),
        ("optm.lr=3", "nearest: optim"),
        ("augment.base=crop", 'augment.base: no choice "crop" is known .nearest: crop-flip'),
        ("optim.lr=abc", "optim.lr: expected a finite number, got 'abc'"),
        ("optim.lr=.nan", "optim.lr: expected a finite number"),
        ("optim.lr=0", "optim.lr must be above 0"),
        ("train.epochs=1.5", "train.epochs: expected a whole number"),
        ("train.compile=1", "train.compile: expected true, false or auto, got 1"),
        ("augment.mixup_alpha=0", "use augment.mix=none to switch mixing off"),
        ("augment.prob=2", r"augment.prob must lie in \[0, 1\]"),
        ("data.val_fraction=0", "selects on validation"),
        ("train.accumulate=1000", "must not exceed train.batch_size"),
        ("model=3", "model: expected settings"),
        ("model.kwargs={embed_dim:32}", '"embed_dim:32" is no name .*with a space'),
        ("seed", "expected key=value"),
        ("seed.x.y=1", "expected|is a value"),
        ("seed=[1", "not valid YAML"),
    ],
)
def test_a_wrong_pair_is_answered_with_key_and_mend(pair, sentence):
    with pytest.raises(ConfigError, match=sentence):
        settings.load(None, [pair])


def test_a_word_that_is_no_pair_is_the_key_of_its_error():
    with pytest.raises(ConfigError, match=r'^"seed": expected key=value') as raised:
        settings.load(None, ["seed"])
    assert raised.value.key == "seed"


def test_a_broken_file_is_answered_with_its_line(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("seed: 1\ntrain: [\n")
    with pytest.raises(ConfigError, match=r"c\.yaml, line \d: not valid YAML"):
        settings.load(file)
    file.write_text("train: {epoch: 3}\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: train\.epoch: no setting .*nearest: epochs"):
        settings.load(file)


def test_the_digest_names_what_changes_the_result_and_nothing_else():
    base = settings.load(None, [])
    assert settings.load(None, ["run.loader_threads=3", "run.device=cpu"]).digest == base.digest
    for key, value in base.semantic().items():
        if isinstance(value, bool):
            changed = "true" if not value else "false"
        elif isinstance(value, float):
            changed = str(value * 0.5 + 0.125)
        elif isinstance(value, int):
            changed = str(value + 1)
        else:
            continue
        pairs = (
            [f"{key}={changed}", "train.batch_size=300"]
            if key == "train.accumulate"
            else [f"{key}={changed}"]
        )
        assert settings.load(None, pairs).digest != base.digest, key


def test_weights_are_named_by_file_and_not_by_path():
    one, two = (settings.load(None, [f"model.pretrained={d}/w.pth"]) for d in ("a", "b/c"))
    assert one.digest == two.digest


def test_the_digest_does_not_depend_on_the_order_of_keys():
    one = settings.from_dict({"seed": 1, "model": {"kwargs": {"a": 1, "b": 2}}})
    two = settings.from_dict({"model": {"kwargs": {"b": 2, "a": 1}}, "seed": 1})
    assert one.digest == two.digest


def test_recorded_digests_stay_what_they_are():
    assert settings.load(None, []).digest == "c9c5dd09cb0fb6b8"


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("quickstart", "96d864b4c590"),
        ("resnet-vs-vit", "7407dbda7ddb"),
        ("resnet-vs-vit-small-images", "4e3e3874a69d"),
        ("resnet-vs-vit-published", "d813ca60deb1"),
    ],
)
def test_the_runs_of_the_studies_that_come_along_keep_their_names(name, digest):
    """A setting that is new must leave the digests alone where it is not set, or finished runs are lost."""
    names = "".join(run.directory for run in matrix.load(name).expand())
    assert hashlib.sha256(names.encode()).hexdigest()[:12] == digest


def test_differences_are_named():
    one, two = settings.load(None, []), settings.load(None, ["augment.mix=cutmix", "seed=2"])
    assert settings.differences(one, two) == ["augment.mix: none -> cutmix", "seed: 0 -> 2"]


def test_every_setting_is_read_somewhere():
    fields = {
        f.name
        for hint in typing.get_type_hints(RunConfig).values()
        if dataclasses.is_dataclass(hint)
        for f in dataclasses.fields(hint)
    }
    source = Path(mixscope.__file__).parent
    trees = {file: ast.parse(file.read_text()) for file in source.rglob("*.py")}
    # In config.py itself only public methods count: the others are checks.
    public = [
        node
        for node in ast.walk(trees.pop(source / "study" / "config.py"))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    read = {
        node.attr
        for tree in [*trees.values(), *public]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert fields - read == set()


def test_an_unknown_name_is_answered_with_the_nearest():
    assert unknown("data set", "cifar10O", ["cifar10", "cifar100", "digits"]) == (
        'no data set "cifar10O" is known (nearest: cifar10, cifar100)'
    )
    assert "known: a, b" in unknown("thing", "zzz", ["b", "a"])


# --- randomness as an address -------------------------------------------------------------------


@given(st.integers(0, 2**40), st.sampled_from(sorted(rng.STREAMS)), st.integers(0, 10**6))
def test_an_address_always_gives_the_same_draws(seed, stream, epoch):
    first = rng.generator(seed, stream, epoch).random(3)
    rng.generator(seed + 1, stream, epoch).random(100)
    assert np.array_equal(first, rng.generator(seed, stream, epoch).random(3))
    assert rng.integer(seed, stream, epoch) == rng.integer(seed, stream, epoch)


def test_neighbouring_addresses_are_unrelated():
    draws = {
        (seed, stream, epoch): rng.generator(seed, stream, epoch).random(2000)
        for seed in (0, 1)
        for stream in ("order", "crop", "lam")
        for epoch in (0, 1)
    }
    table = np.corrcoef(np.stack(list(draws.values())))
    assert np.abs(table - np.eye(len(draws))).max() < 0.1


def test_recorded_runs_stay_repeatable():
    assert rng.STREAMS["order"] == 1 and len(set(rng.STREAMS.values())) == len(rng.STREAMS)
    assert rng.generator(0, "order", 0).integers(0, 1000, 4).tolist() == [507, 875, 819, 820]
    assert rng.integer(7, "init") == 1693125408465869867
