"""`mixscope study run --until-decided`: look by look, and no run that no open claim needs."""

import dataclasses
import re

import pytest

import made_study
from command_line import call
from mixscope.claims import stopping, verdicts
from mixscope.cli.study import run as study_run
from mixscope.findings import Finding
from mixscope.results import folders
from mixscope.studies.status import standings
from mixscope.study import matrix
from test_verdicts import skill

TWO_CLAIMS = """
name: two
base: {data.name: digits, augment.base: none, train.epochs: 4}
factors:
  model: {resnet: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {augment.mix: none}, cutmix: {augment.mix: cutmix}, mixup: {augment.mix: mixup}}
seeds: [0, 1, 2]
looks: [3, 5]
claims:
  clear:
    en: CutMix helps
    contrast: {augmentation: {cutmix: 1, default: -1}}
    where: {model: resnet}
    expect: above
    margin: 1.0
  open:
    en: MixUp helps
    contrast: {augmentation: {mixup: 1, default: -1}}
    where: {model: vit}
    expect: above
    margin: 1.0
  estimate:
    en: How much the ViT gains from CutMix
    contrast: {augmentation: {cutmix: 1, default: -1}}
    where: {model: vit}
    expect: none
    margin: 1.0
"""
MADE = dataclasses.replace(
    skill(**{"resnet-cutmix": 9.0, "resnet-default": 0.5, "resnet-mixup": 2.0}), n=2000
)


@pytest.fixture
def executed(monkeypatch):
    """Runs are made instead of trained; what was started, in order."""
    started = []

    def run(runs, *, out, root, options, notice, extra):
        for planned in runs:
            path = out / planned.directory
            if not path.exists():
                started.append((planned.name, planned.seed))
                made_study._run(path, planned, 1000 + len(started), "done", MADE)
        return standings(runs, out)

    class Options:
        threads = 1

    monkeypatch.setattr(study_run, "chosen", lambda arguments, runs, out: (run, Options(), 1))
    return started


def test_only_what_an_open_claim_needs_is_started_after_the_first_look(
    tmp_path, capsys, executed, monkeypatch, digits_root
):
    file = tmp_path / "two.yaml"
    file.write_text(TWO_CLAIMS)
    out = tmp_path / "out"
    code, text, err = call(
        capsys, "study", "run", file, "--out", out, "--root", digits_root, "--until-decided"
    )
    assert code == 0, err
    first, second = executed[:18], executed[18:]
    assert {seed for _, seed in first} == {0, 1, 2} and len({name for name, _ in first}) == 6
    assert sorted(second) == [("vit-default", 3), ("vit-default", 4), ("vit-mixup", 3), ("vit-mixup", 4)]
    assert "decided   clear  SUPPORTED" in text and "open      open  needs more seeds of 2" in text
    assert "saved     8 of 30 runs" in text
    again = {v.claim: v for v in verdicts.judge(folders.study(out))}
    assert again["clear"].readings[0].look.seeds == 3 and again["open"].readings[0].look.seeds == 5
    assert again["estimate"].readings[0].seeds == 3


def test_looks_are_reported_in_korean(tmp_path, capsys, executed, digits_root):
    file = tmp_path / "two.yaml"
    file.write_text(TWO_CLAIMS)
    where = ("--out", tmp_path / "out", "--root", digits_root)
    code, text, err = call(capsys, "study", "run", file, *where, "--until-decided", "--lang", "ko")
    assert code == 0, err
    assert "판정 2/2회차: 실험 2개, 시드 5개" in text and "결정      clear  지지" in text
    assert "미정      open  실험 2개에 시드가 더 필요합니다" in text
    assert "절약      실행 30개 중 8개" in text
    assert not re.search(r"(?m)^(?:look|decided|stuck|open|saved)\b|needs|experiments", text), text


def test_a_study_without_looks_is_refused_with_a_hint_to_declare_them(tmp_path, capsys, digits_root):
    file = tmp_path / "two.yaml"
    file.write_text(TWO_CLAIMS.replace("looks: [3, 5]\n", ""))
    code, _, err = call(capsys, "study", "run", file, "--root", digits_root, "--until-decided")
    assert code == 2 and "looks: [3, 5, 8, 12] before its first run" in err


def test_seeds_are_extended_to_the_last_look():
    study = matrix.parse(TWO_CLAIMS.replace("[0, 1, 2]", "[7, 3, 5]"), file="two.yaml")
    longer = stopping.extended(study)
    assert longer.seeds == [7, 3, 5, 8, 9] and longer.claims_digest == study.claims_digest
    assert matrix.parse(longer.text, file="kept.yaml").seeds == longer.seeds
    assert {r.directory for r in study.expand()} <= {r.directory for r in longer.expand()}


def test_a_claim_that_seeds_cannot_settle_keeps_nothing_running():
    study = matrix.parse(TWO_CLAIMS, file="two.yaml")
    found = [
        verdicts.Verdict(
            claim=claim.id,
            text=claim.text,
            expect=claim.expect,
            margin=1.0,
            secondary=False,
            verdict="INCONCLUSIVE",
            why=Finding("why-no-claim"),
            readings=(
                made_study.reading(
                    claim.id,
                    {},
                    "INCONCLUSIVE",
                    1.0,
                    cells={"a": 1.0, "b": -1.0},
                    gates=("why",),
                    findings=(Finding("why-one-seed"),),
                    gate_kinds=(kind,),
                ),
            ),
        )
        for claim, kind in zip(study.claims, ("health", "holm", "seeds"), strict=True)
    ]
    now = stopping.standing(found)
    assert now.stuck == {"clear": (Finding("why-one-seed"),)} and now.needed == {"open": ("a", "b")}
