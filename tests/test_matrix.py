"""Studies: the 24 experiments by name, the order of runs, and what is said of a broken file."""

import json

import pytest
import yaml

from mixscope import cli
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


def experiments():
    """By name: data, weights, model, and what is mixed."""
    rows = [line.split() for line in EXPERIMENTS.split("\n")[1:-1]]
    return {
        name: (data, weights, model, mix)
        for data, weights, model, *names in rows
        for name, mix in zip(names, ("none", "mixup", "cutmix"), strict=True)
    }


def test_the_plan_of_the_study_is_the_24_experiments_with_three_seeds(tmp_path, capsys):
    words = ["study", "plan", "resnet-vs-vit", "--json", "--no-probe", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--root", str(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert len(rows) == 72 and len({(row["name"], row["seed"]) for row in rows}) == 72
    assert {row["seed"] for row in rows} == {0, 1, 2} and len({row["digest"] for row in rows}) == 72
    expected = experiments()
    assert len(expected) == 24 and {row["name"] for row in rows} == expected.keys()
    for row in rows:
        data, weights, model, mix = expected[row["name"]]
        arm = {"none": "default"}.get(mix, mix)
        assert row["cell"] == {"data": data, "pretrained": weights, "model": model, "augmentation": arm}
        fixed = {
            "data.name": data,
            "model.arch": {"resnet50": "resnet50", "vit": "vit_small_patch16_224"}[model],
            "model.pretrained": weights == "imagenet",
            "model.stem": "imagenet",
            "augment.mix": mix,
            "augment.mixup_alpha": 1.0,
            "augment.cutmix_alpha": 1.0,
            "augment.base": "crop-flip",
            "train.epochs": 50,
            "train.batch_size": 256,
            "train.precision": "fp32",
            "train.protocol": "sound",
            "optim.name": "adam",
            "optim.lr": 0.001,
            "optim.schedule": "cosine",
            "optim.warmup_epochs": 0,
            "optim.weight_decay": 0,
            "seed": row["seed"],
        }
        assert {key: row["settings"][key] for key in fixed} == fixed, row["name"]


@pytest.mark.parametrize("study", ["resnet-vs-vit", "resnet-vs-vit-published"])
def test_the_24_experiments_have_their_names_and_settings(study):
    runs = {r.name: r.config for r in matrix.load(study).expand(seeds=1)}
    assert len(runs) == 24
    for name, (data, weights, model, mix) in experiments().items():
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
    assert len({(r.levels["data"], r.levels["pretrained"], r.seed) for r in first}) == 1
    assert {(r.levels["model"], r.levels["augmentation"]) for r in first} == {
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
    for seeds in (0, -1, 4):
        with pytest.raises(ConfigError, match=f"has 3 seeds, of which {seeds} cannot be taken"):
            study.expand(seeds=seeds)


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
    runs = matrix.parse(SMALL, file="small.yaml").expand()
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
        ({"base": {"train.epoch": 3}}, "line 3: base.train.epoch: a-x: train.epoch: .*nearest: epochs"),
        ({"names": {"One": {"model": "a", "data": "x"}}}, "combination a, y has no name"),
        ({"names": {"One": {"model": "a"}}}, "says nothing of data"),
        ({"names": {n: {"model": "a", "data": "x"} for n in ("One", "Two")}}, "the same combination"),
    ],
)
def test_a_broken_study_is_answered_with_the_key(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        matrix.parse(yaml.safe_dump({**yaml.safe_load(SMALL), **change}, sort_keys=False), file="file.yaml")


def test_a_study_is_read_from_a_file_or_by_its_name(tmp_path):
    (tmp_path / "s.yaml").write_text(SMALL)
    assert matrix.load(str(tmp_path / "s.yaml")).name == "small"
    with pytest.raises(ConfigError, match="nearest: resnet-vs-vit"):
        matrix.load("resnet-vs-vti")


def test_a_wrong_setting_is_answered_with_the_line_where_it_stands():
    for wrong, place in (
        (SMALL.replace("train.epochs", "train.epoch"), "s.yaml, line 3: base.train.epoch"),
        (SMALL.replace("arch: resnet18", "arhc: resnet18"), "s.yaml, line 5: factors.model.a.model.arhc"),
        (SMALL.replace("stem: small", "stem: tiny"), r"s.yaml, line 8: rules\[0\].set.model.stem: b-y"),
        (SMALL.replace("data: {x", "model: {x"), "s.yaml, line 6: factors.model is here and in line 5"),
        (
            SMALL + "claims: {H: {en: x, expect: above, margin: 0}}",
            "line 10: claims.H.margin: expected the perc",
        ),
    ):
        with pytest.raises(ConfigError, match=place):
            matrix.parse(wrong, file="s.yaml")


CLAIM = {"en": "a is better", "contrast": {"model": {"a": 1, "b": -1}}, "expect": "above", "margin": 1}


def _with(**change):
    return SMALL + yaml.safe_dump({"claims": {"H": {**CLAIM, **change}}})


def test_a_claim_is_made_in_every_stratum_with_the_weights_of_its_experiments():
    study = matrix.parse(_with(), file="s.yaml")
    (claim,) = study.claims
    assert claim.strata(study.factors) == [{"data": "x"}, {"data": "y"}]
    assert claim.weights({"data": "y"}, study.factors) == [
        ({"model": "a", "data": "y"}, 1.0), ({"model": "b", "data": "y"}, -1.0),
    ]  # fmt: skip
    both = matrix.parse(
        _with(contrast={"model": {"a": 1, "b": -1}, "data": {"x": 1, "y": -1}}), file="s.yaml"
    )
    assert [w for _, w in both.claims[0].weights({}, both.factors)] == [1, -1, -1, 1]
    one = matrix.parse(_with(where={"data": "x"}), file="s.yaml")
    assert one.claims[0].strata(one.factors) == [{"data": "x"}]
    assert len({study.digest, both.digest, one.digest}) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"expect": "higher"}, "claims.H.expect: no expectation"),
        ({"margin": True}, "claims.H.margin: expected the percentage points"),
        ({"contrast": {"model": {"a": 1, "b": 1}}}, "add up to 0, these to 2"),
        ({"contrast": {"model": {"a": 1, "c": -1}}}, "claims.H.contrast.model.c: no level"),
        ({"contrast": {"modle": {"a": 1, "b": -1}}}, "nearest: model"),
        ({"where": {"model": "a"}}, 'no factor outside the contrast "model"'),
        ({"needs": ["G"]}, "no other claim"),
        ({"pair_seeds": "no way"}, "expected true or false"),
        ({"en": None}, "expected what is claimed in words"),
        ({"delta": 1}, 'no key of a claim "delta"'),
    ],
)
def test_a_broken_claim_is_answered_with_the_key(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        matrix.parse(_with(**change), file="s.yaml")


def test_the_built_in_studies_claim_what_the_study_claims():
    claims = {c.id: c for c in matrix.load("resnet-vs-vit").claims}
    d_mixup = {"model": {"vit": 1, "resnet50": -1}, "augmentation": {"mixup": 1, "default": -1}}
    assert claims["H2"].contrast == d_mixup and claims["H2"].expect == "above"
    assert claims["H1"].expect == "below" and claims["H1"].margin == claims["H2"].margin == 1.0
    assert claims["main"].needs == ("H1", "H2")
    assert claims["H3-mixup"].expect == "equivalent" and claims["H3-mixup"].margin == 2.0
    assert claims["H3-mixup"].contrast == {"pretrained": {"imagenet": 1, "scratch": -1}, **d_mixup}
    for name in matrix.builtin():
        assert all(set(c.text) == {"en", "ko"} for c in matrix.load(name).claims)


def test_the_fair_small_image_design_keeps_64_tokens_and_every_pixel():
    for run in matrix.load("resnet-vs-vit-small-images").expand():
        model, size = run.config.model, {"cifar100": 32, "tiny-imagenet": 64}[run.levels["data"]]
        assert (
            model.stem == "small"
            if run.levels["model"] == "resnet50"
            else (size // model.patch_size) ** 2 == 64
        )


def test_a_copy_under_another_name_is_a_study_of_its_own():
    mine = matrix.parse(matrix.copied("quickstart", "mine"), file="mine.yaml")
    assert mine.name == "mine" and mine.digest == matrix.load("quickstart").digest
    assert matrix.parse(matrix.copied("quickstart", "no"), file="no.yaml").name == "no"
    with pytest.raises(ConfigError, match="becomes a folder"):
        matrix.copied("quickstart", "a/b")


@pytest.mark.parametrize("name", matrix.builtin())
def test_a_study_written_in_full_is_the_same_study(name):
    study = matrix.load(name)
    again = matrix.parse(matrix.written(study), file="again.yaml")
    assert (
        again.digest == study.digest
        and again.experiments() == study.experiments()
        and again.claims == study.claims
    )


def test_a_level_called_no_survives_being_written():
    text = SMALL + "names: {A: {model: a, data: x}, B: {model: a, data: no}, C: {model: b, data: x},"
    text = text.replace("y:", "no:").replace("data: y", "data: no") + " D: {model: b, data: no}}"
    study = matrix.parse(text, file="s.yaml")
    assert matrix.parse(matrix.written(study), file="again.yaml").digest == study.digest


CHILD = """
name: child
extends: resnet-vs-vit
base: {train.epochs: 1}
factors:
  model: {vit: {model.kwargs: {depth: 2}}}
rules:
  - {when: {pretrained: imagenet, model: vit}, set: {model.pretrained: weights/vit.safetensors}}
seeds: [7]
looks: null
claims: {H1: {margin: 3.0}}
"""


def test_a_study_that_extends_another_says_only_what_differs():
    parent, child = matrix.load("resnet-vs-vit"), matrix.parse(CHILD, file="child.yaml")
    assert child.experiments() == parent.experiments() and child.title == parent.title
    for run in child.expand():
        assert (run.seed, run.config.train.epochs, run.config.augment.base) == (7, 1, "crop-flip")
        assert run.config.model.kwargs == ({"depth": 2} if run.levels["model"] == "vit" else {})
        local = run.levels["model"] == "vit" and run.levels["pretrained"] == "imagenet"
        assert isinstance(run.config.model.pretrained, str) == local
    claims = {c.id: c for c in child.claims}
    assert claims["H1"].margin == 3.0 and claims["H1"].contrast == parent.claims[1].contrast
    assert "extends" not in child.text, "what is kept does not change with the study it extends"
    assert matrix.parse(child.text, file="kept.yaml").digest == child.digest


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (CHILD.replace("resnet-vs-vit", "resnet-vs-vti"), "child.yaml, line 3: extends: .*nearest: resnet"),
        (CHILD.replace("train.epochs", "train.epoch"), "child.yaml, line 4: base.train.epoch"),
        (CHILD.replace("depth", "de-pth"), r"child.yaml, line 6: factors.model.vit.model.kwargs"),
        (
            CHILD.replace("  model:", "  modell:"),
            "child.yaml, line 6: factors.modell: no factor .*nearest: model",
        ),
        (CHILD.replace("base:", "bass:"), "child.yaml, line 4: bass: no key of a study"),
        (
            CHILD.replace("vit: {model.kwargs", "vti: {model.kwargs"),
            "child.yaml, line 6: factors.model.vti: no level with names .* .nearest: vit.*names: null",
        ),
    ],
)
def test_a_mistake_in_a_study_that_extends_another_is_answered_with_its_file(wrong, place):
    with pytest.raises(ConfigError, match=place):
        matrix.parse(wrong, file="child.yaml")
