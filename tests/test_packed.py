"""`study run --packed`: what another machine has finished is not run again."""

import json
from pathlib import Path

import pytest

from mixscope import cli

BUNDLE = Path(__file__).parents[1] / "examples" / "quickstart.zip"


@pytest.fixture
def words(tmp_path, digits_root):
    folders = ["--out", str(tmp_path / "out"), "--root", str(digits_root)]
    return ["study", "run", "quickstart", "--packed", str(BUNDLE), *folders]


def test_a_study_that_is_all_in_the_bundle_has_nothing_left(words, tmp_path, capsys):
    assert cli.main(words) == 0
    assert capsys.readouterr().out == f"packed    18 of 18 runs are done in {BUNDLE}; 0 left\n"
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "out").exists()


def test_only_runs_that_the_bundle_lacks_are_left(words, tmp_path, capsys):
    file = tmp_path / "more.yaml"
    file.write_text("name: more\nextends: quickstart\nseeds: [1, 2, 3]\n")
    words[2] = str(file)
    assert cli.main([*words, "--dry-run", "--only", "augmentation=mixup"]) == 0
    packed, study, *_ = capsys.readouterr().out.splitlines()
    assert packed == f"packed    4 of 6 runs are done in {BUNDLE}; 2 left"
    assert study.startswith("study     more: 2 runs of 2 experiments, 2 to do")
