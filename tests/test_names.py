"""Names of a study that other rooms know: a slip of the pen is answered with its line beforehand."""

import pytest

from mixscope import cli
from mixscope.errors import ConfigError
from mixscope.studies import names
from mixscope.study import matrix

STUDY = """
name: small
base: {train.epochs: 2}
factors:
  model:
    a: {model.arch: resnet18}
    b: {model.arch: vit_tiny_patch16_224}
  augmentation: {default: {augment.mix: none}, cutmix: {augment.mix: cutmix}}
  data: {digits: {data.name: digits}}
seeds: [0]
"""


def check(text, root):
    study = matrix.parse(text, file="s.yaml")
    names.check(study, study.expand(), root=root)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (
            "resnet18",
            r"s\.yaml, line 6: factors\.model\.a\.model\.arch: no timm model \"resent18\" .*resnet18",
        ),
        ("mix: cutmix", r"s\.yaml, line 8: .*\.cutmix\.augment\.mix: .*\"cutmixx\" .*nearest: cutmix"),
        ("name: digits", r"s\.yaml, line 9: .*\.data\.name: no data set \"digitss\" .*nearest: digits"),
    ],
)
def test_a_name_that_nobody_knows_is_answered_with_its_line(tmp_path, wrong, place):
    slip = "resent18" if wrong == "resnet18" else f"{wrong}{wrong[-1]}"
    with pytest.raises(ConfigError, match=place):
        check(STUDY.replace(wrong, slip), tmp_path)


def test_every_built_in_study_names_what_is_known(tmp_path):
    for name in matrix.builtin():
        study = matrix.load(name)
        names.check(study, study.expand(), root=tmp_path)


def test_data_of_ones_own_are_known_once_they_are_prepared(tmp_path, digits_root):
    text = STUDY.replace("name: digits", "name: flowers")
    with pytest.raises(ConfigError, match="flowers"):
        check(text, tmp_path)
    (tmp_path / "flowers").symlink_to(digits_root / "digits")
    check(text, tmp_path)


def test_tags_and_networks_from_elsewhere_are_left_to_timm(tmp_path):
    check(STUDY.replace("resnet18", "resnet18.a1_in1k"), tmp_path)


def test_a_study_without_its_data_is_refused_before_it_begins(tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(STUDY)
    words = [
        "study",
        "run",
        str(tmp_path / "s.yaml"),
        "--out",
        str(tmp_path / "out"),
        "--root",
        str(tmp_path),
    ]
    assert cli.main(words) == 4
    assert "mixscope data prepare digits" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
