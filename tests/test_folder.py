"""The study that stands beside its runs, and what an edit may change once they have begun."""

import pytest
import yaml

from mixscope.errors import ConfigError
from mixscope.runs import lock, recording
from mixscope.studies import folder
from mixscope.study import matrix

TREE = {
    "name": "small",
    "base": {"train.epochs": 2},
    "factors": {
        "model": {"a": {"model.arch": "resnet18"}, "b": {"model.arch": "resnet50"}},
        "augmentation": {"default": {"augment.mix": "none"}, "mixup": {"augment.mix": "mixup"}},
    },
    "seeds": [0, 1],
    "claims": {
        "H": {
            "en": "a gains more",
            "contrast": {"model": {"a": 1, "b": -1}, "augmentation": {"mixup": 1, "default": -1}},
            "expect": "above",
            "margin": 1.0,
        }
    },
}


def made(**change):
    return matrix.parse(yaml.safe_dump({**TREE, **change}, sort_keys=False), file="small.yaml")


def claim(**change):
    return {"claims": {"H": {**TREE["claims"]["H"], **change}}}


def begin(study, out, at=0):
    run = study.expand()[at]
    with recording.begin(out / run.directory, run.config) as record:
        record.started()
    return run


def test_the_folder_names_its_study_from_then_on(tmp_path):
    out = tmp_path / "out"
    folder.keep(made(), out)
    assert (out / "study.yaml").read_text() == made().text
    assert matrix.load(str(out)).digest == made().digest and matrix.folder_of(str(out)) == out
    assert matrix.folder_of("quickstart") is None
    with pytest.raises(ConfigError, match=r"folder without study\.yaml"):
        matrix.load(str(tmp_path))


def test_the_same_study_may_be_run_again(tmp_path):
    folder.keep(made(), tmp_path)
    begin(made(), tmp_path)
    before = (tmp_path / "study.yaml").stat().st_mtime_ns
    folder.keep(made(), tmp_path)
    assert (tmp_path / "study.yaml").stat().st_mtime_ns == before


def test_before_the_first_run_everything_may_be_edited(tmp_path):
    folder.keep(made(), tmp_path)
    other = made(base={"train.epochs": 3}, seeds=[5], **claim(margin=2.0))
    folder.keep(other, tmp_path)
    assert matrix.load(str(tmp_path)).digest == other.digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (claim(margin=0.5), r"claims\.H\.margin: 1\.0 -> 0\.5"),
        (claim(expect="below"), r"claims\.H\.expect: above -> below"),
        (claim(en="b gains more"), r"claims\.H\.text\.en: a gains more -> b gains more"),
        (claim(where={}, needs=[], secondary=True), r"claims\.H\.secondary: False -> True"),
        ({"claims": {}}, r"claims\.H is gone"),
        (
            {"claims": {**TREE["claims"], "G": {**TREE["claims"]["H"], "expect": "none"}}},
            r"claims\.G is new",
        ),
        ({"base": {"train.epochs": 3}}, r"a-default with seed 0 has begun .*train\.epochs: 2 -> 3"),
        ({"seeds": [1, 2]}, "a-default with seed 0 has begun and is no longer in the study"),
        (
            {
                "names": {
                    f"{m}{a}": {"model": m, "augmentation": a} for m in "ab" for a in ("default", "mixup")
                }
            },
            "a-default with seed 0 is now called adefault",
        ),
    ],
)
def test_after_the_first_run_an_edit_is_refused_by_what_it_changed(tmp_path, change, named):
    folder.keep(made(), tmp_path)
    begin(made(), tmp_path)
    with pytest.raises(ConfigError, match=named):
        folder.keep(made(**change), tmp_path)
    assert matrix.load(str(tmp_path)).text == made().text


def test_seeds_and_levels_may_be_added_and_no_seed_left_out(tmp_path):
    folder.keep(made(), tmp_path)
    begin(made(), tmp_path)
    models = {**TREE["factors"]["model"], "c": {"model.arch": "resnet34"}}
    more = made(factors={**TREE["factors"], "model": models}, seeds=[0, 1, 2])
    folder.keep(more, tmp_path)
    assert matrix.load(str(tmp_path)).digest == more.digest
    with pytest.raises(ConfigError, match="none goes"):
        folder.keep(made(seeds=[0]), tmp_path)


def test_a_folder_that_is_worked_on_keeps_its_study(tmp_path):
    folder.keep(made(), tmp_path)
    with lock.hold(tmp_path), pytest.raises(ConfigError, match="is being written by process"):
        folder.keep(made(**claim(margin=2.0)), tmp_path)
    assert matrix.load(str(tmp_path)).digest == made().digest
