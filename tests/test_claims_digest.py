"""What a study claims has a digest, and every run that begins in the study's folder records it."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import small_run
from mixscope.errors import ConfigError
from mixscope.runs import recording, records
from mixscope.studies import folder
from mixscope.study import matrix

TREE = {
    "name": "small",
    "title": "Two nets",
    "base": {
        "data.name": "small",
        "data.val_fraction": 0.2,
        "train.epochs": 1,
        "train.batch_size": 16,
        "run.device": "cpu",
        "model.arch": "vit_tiny_patch16_224",
        "model.patch_size": 4,
        "model.kwargs": {"embed_dim": 16, "depth": 1, "num_heads": 2},
    },
    "factors": {
        "width": {"low": {"optim.lr": 0.01}, "high": {"optim.lr": 0.02}, "highest": {"optim.lr": 0.03}},
        "augmentation": {"default": {"augment.mix": "none"}, "mixup": {"augment.mix": "mixup"}},
    },
    "seeds": [0, 1, 2],
    "looks": [3, 5],
    "claims": {
        "H1": {
            "en": "low gains more",
            "contrast": {"width": {"low": 1, "high": -1}, "augmentation": {"mixup": 1, "default": -1}},
            "expect": "above",
            "margin": 1.0,
        },
        "H2": {
            "en": "MixUp helps at low",
            "ko": "MixUp",
            "contrast": {"augmentation": {"mixup": 1, "default": -1}},
            "where": {"width": "low"},
            "expect": "above",
            "margin": 1.0,
            "needs": ["H1", "H3"],
        },
        "H3": {
            "en": "low is better",
            "contrast": {"width": {"low": 1, "high": -1}},
            "expect": "above",
            "margin": 1.0,
        },
    },
}


def study(tree=TREE, **layout):
    layout = {"sort_keys": False, **layout}
    return matrix.parse(yaml.safe_dump(tree, **layout), file=f"{layout['sort_keys']}.yaml")


def edited(change):
    tree = copy.deepcopy(TREE)
    change(tree)
    return study(tree).claims_digest


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update(name="other", title="Otherwise"),
        lambda t: t["claims"]["H1"].update(en="In other words", ko="다른 말로"),
        lambda t: t["claims"]["H2"].pop("ko"),
        lambda t: t["claims"].update(H1=t["claims"].pop("H1")),
        lambda t: t["claims"]["H1"].update(contrast=dict(reversed(t["claims"]["H1"]["contrast"].items()))),
        lambda t: t["claims"]["H1"]["contrast"].update(width={"high": -1.0, "low": 1.0}),
        lambda t: t["claims"]["H1"]["contrast"].update(width={"low": 3, "high": -3}),
        lambda t: t["claims"]["H1"].update(margin=1, secondary=False, pair_seeds=False, where={}, needs=[]),
        lambda t: t["claims"]["H2"].update(needs=["H3", "H1"]),
        lambda t: t.update(seeds=[0, 1, 2, 3, 4]),
        lambda t: t["factors"]["width"].update(lowest={"optim.lr": 0.005}),
    ],
)
def test_the_digest_of_claims_depends_on_what_they_assert_alone(change):
    assert edited(change) == study().claims_digest


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["claims"]["H1"].update(margin=1.5),
        lambda t: t["claims"]["H1"].update(expect="below"),
        lambda t: t["claims"]["H1"].update(secondary=True),
        lambda t: t["claims"]["H1"].update(pair_seeds=True),
        lambda t: t["claims"]["H1"]["contrast"].update(width={"low": 1, "highest": -1}),
        lambda t: t["claims"]["H1"]["contrast"].update(width={"low": 2, "high": -1, "highest": -1}),
        lambda t: t["claims"]["H2"].update(needs=["H1"]),
        lambda t: t["claims"]["H2"].update(where={"width": "high"}),
        lambda t: t["claims"]["H2"].pop("where"),
        lambda t: t["claims"].pop("H2"),
        lambda t: t.update(looks=[3, 5, 8]),
        lambda t: t.pop("looks"),
    ],
)
def test_every_edit_of_what_is_claimed_changes_the_digest(change):
    assert edited(change) != study().claims_digest


def test_the_digest_survives_the_layout_and_being_written_in_full():
    known = study().claims_digest
    assert study(default_flow_style=True).claims_digest == known
    assert study(sort_keys=True).claims_digest == known
    assert matrix.parse(matrix.written(study()), file="again.yaml").claims_digest == known
    # Stored in records of real studies: a change of the canonical form would call them all edited.
    assert known == "00b0990aaea45845"


@pytest.mark.parametrize(
    ("looks", "seeds", "sentence"),
    [
        ("[5, 3]", "[0, 1, 2, 3, 4]", "line 7: looks: expected the numbers of seeds .* ascending"),
        ("[3, 3]", "[0, 1, 2]", "looks: expected"),
        ("[1, 3]", "[0, 1, 2]", "looks: expected"),
        ("[3.0]", "[0, 1, 2]", "looks: expected"),
        ("3", "[0, 1, 2]", "looks: expected"),
        ("[]", "[0, 1, 2]", "looks: expected"),
        (
            "[3, 5]",
            "[0, 1]",
            "looks: the first look is at 3 seeds and the study has 2; list more under seeds",
        ),
    ],
)
def test_looks_that_cannot_be_are_answered_with_a_sentence(looks, seeds, sentence):
    text = f"""
name: small
base: {{data.name: digits}}
factors:
  model: {{a: {{model.arch: resnet18}}}}
seeds: {seeds}
looks: {looks}
"""
    with pytest.raises(ConfigError, match=sentence):
        matrix.parse(text, file="small.yaml")


@given(st.sets(st.integers(2, 60), min_size=1, max_size=6))
def test_looks_are_read_as_they_are_written(looks):
    tree = {**TREE, "looks": sorted(looks), "seeds": list(range(min(looks)))}
    assert study(tree).looks == tuple(sorted(looks))


def test_a_study_without_looks_has_none_and_one_that_extends_inherits_them():
    assert study({k: v for k, v in TREE.items() if k != "looks"}).looks == ()
    assert matrix.parse("name: mine\nextends: quickstart\n", file="mine.yaml").looks == (3, 5, 8, 12)
    assert matrix.load("resnet-vs-vit-published").looks == ()


def test_a_run_records_what_its_study_claimed_when_it_began(tmp_path):
    small_run.store(tmp_path / "data")
    out, made = tmp_path / "out", study()
    folder.keep(made, out)
    planned = made.expand()[0]
    path = out / planned.directory
    small_run.run(planned.config, tmp_path / "data", path)
    expected = {"name": "small", "claims": made.claims_digest, "rules": 2, "seeds": [0, 1, 2]}
    expected |= {
        "looks": [3, 5],
        "factors": {"width": ["low", "high", "highest"], "augmentation": ["default", "mixup"]},
    }
    assert records.read_environment(path)["study"] == expected

    file = out / matrix.KEPT
    file.write_text(file.read_text().replace("margin: 1.0", "margin: 6.0"))
    small_run.run(planned.config, tmp_path / "data", path)
    assert records.read_environment(path)["study"] == expected, "what was recorded stays"
    other = made.expand()[1]
    small_run.run(other.config, tmp_path / "data", out / other.directory)
    assert records.read_environment(out / other.directory)["study"]["claims"] != made.claims_digest


def test_a_run_outside_a_study_records_none(tmp_path):
    small_run.store(tmp_path / "data")
    out, made = tmp_path / "out", study()
    folder.keep(made, out)
    config = made.expand()[0].config
    for path in (tmp_path / "alone", out / "a-run-that-it-does-not-plan"):
        small_run.run(config, tmp_path / "data", path)
        assert records.read_environment(path)["study"] is None
    (tmp_path / matrix.KEPT).write_text("a study: of something else")
    assert matrix.around(tmp_path / "alone") is None


def test_looks_may_not_change_once_a_run_has_begun(tmp_path):
    folder.keep(study(), tmp_path)
    planned = study().expand()[0]
    with recording.begin(tmp_path / planned.directory, planned.config) as record:
        record.started()
    for looks, told in (([3, 8], r"\[3, 8\]"), (None, "None")):
        with pytest.raises(ConfigError, match=rf"looks: \[3, 5\] -> {told}.*continues the study as it was"):
            folder.keep(study({**TREE, "looks": looks}), tmp_path)
