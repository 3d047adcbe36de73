"""Claims that stand once: sets that studies extend, with other names of levels."""

from importlib import resources

import pytest
import yaml

from mixscope.errors import ConfigError
from mixscope.study import matrix

STUDY = """
name: mine
base: {data.name: digits}
factors:
  model: {cnn: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {}, mixup: {augment.mix: mixup}, cutmix: {augment.mix: cutmix}}
seeds: [0, 1, 2]
claims:
  extends: mixup-and-cutmix
  levels: {resnet: cnn}
"""
# Recorded by runs of these studies before their claims stood once.
DIGESTS = {
    "quickstart": "f8cc98c921b835c7",
    "resnet-vs-vit": "fe8ecc0eefc91724",
    "resnet-vs-vit-small-images": "329a94946cf94c04",
    "resnet-vs-vit-published": "20233f748bec512c",
    "resnet-vs-vit-two-cores": "ff015cfe256c058c",
    "resnet-vs-vit-two-cores-short": "5e8238124f5850a1",
    "local-global": "7caeb626b51f7439",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_builtin_studies_claim_what_their_runs_recorded(name):
    assert matrix.load(name).claims_digest == DIGESTS[name]


def test_a_study_makes_the_claims_of_a_set_that_it_has_the_factors_for():
    study = matrix.parse(STUDY, file="mine.yaml")
    claims = {claim.id: claim for claim in study.claims}
    assert "H3-mixup" not in claims and "pretraining" not in claims
    assert claims["H1"].contrast["model"] == {"vit": 1.0, "cnn": -1.0}
    assert claims["within-resnet"].where == {"model": "cnn"}
    assert claims["H1"].text["ko"]


def test_what_the_study_says_itself_wins():
    text = STUDY + "  set: {pair_seeds: true}\n  only: [H1, H2]\n  H1: {margin: 3.0, pair_seeds: false}\n"
    own = "  own: {en: a, contrast: {augmentation: {cutmix: 1, default: -1}}, expect: above, margin: 1}\n"
    claims = {claim.id: claim for claim in matrix.parse(text + own, file="mine.yaml").claims}
    assert list(claims) == ["H1", "H2", "own"]
    assert (claims["H1"].margin, claims["H1"].pair_seeds) == (3.0, False)
    assert (claims["H2"].margin, claims["H2"].pair_seeds) == (1.0, True)
    assert not claims["own"].pair_seeds


def test_what_is_kept_of_a_study_does_not_change_with_the_set():
    study = matrix.parse(STUDY, file="mine.yaml")
    assert "extends" not in study.text
    again = matrix.parse(study.text, file="kept.yaml")
    assert again.claims == study.claims and again.digest == study.digest


def test_a_file_of_claims_can_be_extended(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "help: {en: a, contrast: {augmentation: {mixup: 1, default: -1}}, expect: above, margin: 1}\n"
    )
    text = STUDY.replace("mixup-and-cutmix", str(tmp_path / "ours.yaml")).replace("levels: {resnet: cnn}", "")
    assert [claim.id for claim in matrix.parse(text, file="mine.yaml").claims] == ["help"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("mixup-and-cutmix", "mixup-and-cutmx"), r"line 9: claims.extends: .*nearest: mixup-and-cutmix"),
        (
            ("{resnet: cnn}", "{resnt: cnn}"),
            r"line 10: claims.levels.resnt: no level of the set .*nearest: resnet",
        ),
        (("{resnet: cnn}", "{}"), r"claims\.main\.contrast\.model\.resnet: no level \"resnet\""),
        (("{resnet: cnn}", "{resnet: cnn}\n  only: [H9]"), r"claims.only: no claim of the set \"H9\""),
        (("{resnet: cnn}", "[cnn]"), r"claims.levels: expected LEVEL OF THE SET"),
    ],
)
def test_a_mistake_is_answered_with_file_line_and_key(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        matrix.parse(STUDY.replace(*wrong), file="mine.yaml")


def test_claims_of_the_built_in_studies_stand_once():
    folder = resources.files("mixscope.study") / "builtin"
    stands = []
    for file in [*folder.iterdir(), *(folder / "claims").iterdir()]:
        if file.is_file() and file.name.endswith(".yaml"):
            tree = yaml.safe_load(file.read_text(encoding="utf-8"))
            claims = tree.get("claims") or {} if "name" in tree else tree
            stands += [name for name, claim in claims.items() if isinstance(claim, dict) and "en" in claim]
    assert len(stands) > 10 and len(stands) == len(set(stands))
