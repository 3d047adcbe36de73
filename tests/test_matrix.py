"""Studies: the 24 experiments by name, the order of runs, and what is said of a broken file."""

import pytest
import yaml

from mixscope.errors import ConfigError
from mixscope.study import matrix

# Typed from the description of the study, not from the file.
EXPERIMENTS = """
cifar100      scratch  resnet50 Control-1 Exp-1  Exp-2
cifar100      scratch  vit      Control-2 Exp-3  Exp-4
tiny-imagenet scratch  resnet50 Control-3 Exp-5  Exp-6
tiny-imagenet scratch  vit      Control-4 Exp-7  Exp-8
cifar100      imagenet resnet50 Control-5 Exp-9  Exp-10
cifar100      imagenet vit      Control-6 Exp-11 Exp-12
tiny-imagenet imagenet resnet50 Control-7 Exp-13 Exp-14
tiny-imagenet imagenet vit      Control-8 Exp-15 Exp-16
"""


@pytest.mark.parametrize("study", ["resnet-vs-vit", "resnet-vs-vit-published"])
def test_the_24_experiments_have_their_names_and_settings(study):
    runs = {r.name: r.config for r in matrix.load(study).expand(seeds=1)}
    assert len(runs) == 24
    for line in EXPERIMENTS.split("\n")[1:-1]:
        data, weights, model, *names = line.split()
        for name, mix in zip(names, ("none", "mixup", "cutmix"), strict=True):
            config = runs[name]
            assert config.data.name == data and config.augment.mix == mix
            assert config.model.pretrained is (weights == "imagenet")
            assert config.model.arch == {"resnet50": "resnet50", "vit": "vit_small_patch16_224"}[model]
            assert (config.train.epochs, config.train.batch_size) == (50, 256)
            assert (config.optim.name, config.optim.lr, config.optim.schedule) == ("adam", 0.001, "cosine")
            assert config.optim.weight_decay == config.optim.warmup_epochs == 0


def test_the_sound_reading_and_the_published_one_differ_where_they_should():
    sound = matrix.load("resnet-vs-vit").expand()
    published = matrix.load("resnet-vs-vit-published").expand()
    assert {r.seed for r in sound} == {0, 1, 2} and {r.seed for r in published} == {223}
    assert {r.config.train.protocol for r in sound} == {"sound"}
    assert {r.config.augment.base for r in sound} == {"crop-flip"}
    assert {(r.config.train.protocol, r.config.data.val_fraction) for r in published} == {("published", 0.0)}


def test_complete_comparisons_come_first():
    runs = matrix.load("resnet-vs-vit").expand()
    first = runs[:6]
    assert len({(r.cell["data"], r.cell["pretrained"], r.seed) for r in first}) == 1
    assert {(r.cell["model"], r.cell["augmentation"]) for r in first} == {
        (m, a) for m in ("resnet50", "vit") for a in ("default", "mixup", "cutmix")
    }
    assert [r.seed for r in runs[:18]] == [0] * 6 + [1] * 6 + [2] * 6


def test_only_keeps_what_was_asked_for():
    study = matrix.load("resnet-vs-vit")
    assert len(study.expand(only={"data": "cifar100", "pretrained": "scratch"})) == 18
    assert [r.name for r in study.expand(only={"name": "Exp-7", "seed": "1"})] == ["Exp-7"]
    assert len(study.expand(seeds=2)) == 48
    for only, sentence in (
        ({"dat": "x"}, "nearest: data"),
        ({"data": "cifar10"}, "nearest: cifar100"),
        ({"name": "Exp-99"}, 'no level "Exp-99"'),
        ({"seed": "9"}, "known: 0, 1, 2"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            study.expand(only=only)


def test_every_run_has_a_directory_of_its_own():
    for name in matrix.builtin():
        runs = matrix.load(name).expand()
        assert len({r.directory for r in runs}) == len(runs)


SMALL = """
name: small
base: {train.epochs: 2}
factors:
  model: {a: {model.arch: resnet18}, b: {model.arch: resnet50}}
  data: {x: {data.name: digits}, y: {data.name: cifar10}}
rules:
  - {when: {model: b, data: y}, set: {model.stem: small}}
seeds: [0]
"""


def test_a_rule_holds_for_its_combination_alone():
    runs = matrix.parse(yaml.safe_load(SMALL), where="small").expand()
    assert {r.name: r.config.model.stem for r in runs} == {
        "a-x": "imagenet", "a-y": "imagenet", "b-x": "imagenet", "b-y": "small",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": [1]}, "nearest: seeds"),
        ({"seeds": [1, 1]}, "different whole numbers"),
        ({"factors": {}}, "factors is missing"),
        ({"rules": [{"when": {"model": "c"}, "set": {}}]}, 'no level "c"'),
        ({"rules": [{"if": {}}]}, "expected when and set"),
        ({"base": {"train.epoch": 3}}, "small, a-x: train.epoch: .*nearest: epochs"),
        ({"names": {"One": {"model": "a", "data": "x"}}}, "combination a, y has no name"),
        ({"names": {"One": {"model": "a"}}}, "says nothing of data"),
        ({"names": {n: {"model": "a", "data": "x"} for n in ("One", "Two")}}, "the same combination"),
    ],
)
def test_a_broken_study_is_answered_with_the_key(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        matrix.parse({**yaml.safe_load(SMALL), **change}, where="file.yaml")


def test_a_study_is_read_from_a_file_or_by_its_name(tmp_path):
    (tmp_path / "s.yaml").write_text(SMALL)
    assert matrix.load(str(tmp_path / "s.yaml")).name == "small"
    with pytest.raises(ConfigError, match="nearest: resnet-vs-vit"):
        matrix.load("resnet-vs-vti")
