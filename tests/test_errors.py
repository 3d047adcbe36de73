"""Errors know where they are, so that nobody looks for it in their words."""

import pickle
from pathlib import Path

import pytest

from mixscope.errors import ConfigError, DataError, RunFailed
from mixscope.findings import Finding
from mixscope.study import matrix


def test_an_error_names_its_place_first():
    assert str(DataError("is damaged", path="a/b", line=3)) == "a/b, line 3: is damaged"
    assert str(DataError("is damaged", path=Path("a"))) == "a: is damaged"
    found = DataError(Finding("record-not-json", "fail", {"path": "a.json", "record": "status"}))
    assert found.code == "record-not-json" and str(found).startswith("a.json: is not valid JSON")


def test_an_error_crosses_processes_whole():
    for kind in (DataError, ConfigError):
        found = pickle.loads(pickle.dumps(kind("is odd", key="k", path="p", line=2)))
        assert (str(found), found.key, found.path, found.line) == ("p, line 2: is odd", "k", Path("p"), 2)
    found = pickle.loads(pickle.dumps(RunFailed(Finding("no-reason-recorded"))))
    assert found.finding == Finding("no-reason-recorded")


def test_a_file_of_an_unpacked_archive_is_named_as_one_of_the_archive(tmp_path):
    inside = DataError("is odd", path=tmp_path / "content" / "train" / "x.png", line=1)
    moved = inside.moved(tmp_path / "content", Path("photos.zip"))
    assert str(moved) == "photos.zip/train/x.png, line 1: is odd"
    other = DataError("is full", path=tmp_path / "disk")
    assert other.moved(tmp_path / "content", Path("photos.zip")) is other


STUDY = """
name: s
base:
  data.name: digits
  optim.warmup_epochs: 5
  train.epochs: 10
factors:
  augmentation:
    plain: {augment.mix: none}
    short: {augment.mix: mixup, train.epochs: 5}
seeds: [0]
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        ("augment.mix: mixup", "augment.mix: mixupp", "augment.mix", 10),
        ("optim.warmup_epochs: 5", "optim.warmup_epochs: 5\n  optim.lrr: 1", "optim.lrr", 6),
        ("optim.warmup_epochs: 5", "optim.warmup_epochs: 5\n  data.val_fraction: 2", "data.val_fraction", 6),
        ("name: digits", "name: digits", "train.epochs", 10),  # two settings together: the later one
    ],
)
def test_the_setting_at_fault_is_found_by_leaving_it_out(old, new, key, line):
    with pytest.raises(ConfigError) as caught:
        matrix.parse(STUDY.replace(old, new), file="s.yaml")
    assert caught.value.key == key and f"s.yaml, line {line}: " in str(caught.value)
