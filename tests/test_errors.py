"""Errors are data: a code, and where the problem is, so that nobody looks for it in their words."""

import ast
import pickle
from pathlib import Path
from typing import get_args

import pytest

import mixscope
from mixscope import errors
from mixscope.errors import CODES, ConfigError, DataError, Interrupted, RunFailed
from mixscope.findings import Finding
from mixscope.study import matrix

SOURCE = Path(mixscope.__file__).parent
NAMED_AT_THE_EDGE = {"interrupted", "no-space", "usage"}  # exceptions of other classes, see cli/exit_codes.py


def test_an_error_names_its_place_first():
    assert str(DataError("damaged-file", "is damaged", path="a/b", line=3)) == "a/b, line 3: is damaged"
    assert str(DataError("damaged-file", "is damaged", path=Path("a"))) == "a: is damaged"
    assert str(ConfigError("wrong-type", "is odd", key="k", path="a", line=1)) == "a, line 1: k: is odd"
    assert str(ConfigError("out-of-range", "seed must be 0 or more", key="seed")) == "seed must be 0 or more"
    shown = ConfigError("wrong-type", "is odd", key="k", path="a", line=1, place="k=a")
    assert (str(shown), shown.problem, shown.path) == ("k=a: is odd", "is odd", Path("a"))
    found = DataError(Finding("record-not-json", "fail", {"path": "a.json", "record": "status"}))
    assert found.code == "record-not-json" and str(found).startswith("a.json: is not valid JSON")


def test_an_error_crosses_processes_whole():
    for kind in (DataError, ConfigError, RunFailed):
        found = pickle.loads(pickle.dumps(kind("wrong-type", "is odd", key="k", path="p", line=2)))
        assert type(found) is kind and str(found) == "p, line 2: k: is odd"
        assert (found.code, found.key, found.path, found.line) == ("wrong-type", "k", Path("p"), 2)
    found = pickle.loads(pickle.dumps(RunFailed(Finding("no-reason-recorded"))))
    assert (found.finding, found.code) == (Finding("no-reason-recorded"), "no-reason-recorded")
    found = pickle.loads(pickle.dumps(Interrupted("stopped by SIGTERM", "the same command goes on")))
    assert (str(found), found.reason) == (
        "stopped by SIGTERM; the same command goes on",
        "stopped by SIGTERM",
    )


def test_an_error_in_other_words_keeps_its_code_and_place():
    problem = DataError("damaged-file", "is damaged", path="a", line=1)
    told = problem.reworded(f"run 1: {problem}", path="b")
    assert (str(told), told.code) == ("run 1: a, line 1: is damaged", "damaged-file")
    assert (type(told), told.path, told.line) == (DataError, Path("b"), 1)
    lost = RunFailed(Finding("no-reason-recorded")).reworded("why?")
    assert (str(lost), lost.code) == ("why?", "no-reason-recorded")


def test_a_file_of_an_unpacked_archive_is_named_as_one_of_the_archive(tmp_path):
    inside = DataError("wrong-type", "is odd", path=tmp_path / "content" / "train" / "x.png", line=1)
    moved = inside.moved(tmp_path / "content", Path("photos.zip"))
    assert str(moved) == "photos.zip/train/x.png, line 1: is odd"
    assert (moved.code, moved.path) == ("wrong-type", Path("photos.zip/train/x.png"))
    other = DataError("no-space", "is full", path=tmp_path / "disk")
    assert other.moved(tmp_path / "content", Path("photos.zip")) is other


def test_every_code_has_a_meaning_and_is_raised():
    """tests/test_error_codes.py has a problem for each; here, that no code is left over."""
    assert set(CODES) == set(get_args(errors.Code)) and list(CODES) == sorted(CODES)
    assert all(text.endswith(".") for text in CODES.values())
    raised = set()
    for file in SOURCE.rglob("*.py"):
        if file.name == "errors.py":
            continue
        tree = ast.parse(file.read_text("utf-8"))
        raised |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value in CODES}
    assert raised >= set(CODES)


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
    ("old", "new", "code", "key", "line"),
    [
        ("mix: mixup", "mix: mixupp", "unknown-name", "factors.augmentation.short.augment.mix", 10),
        ("epochs: 5\n", "epochs: 5\n  optim.lrr: 1\n", "unknown-name", "base.optim.lrr", 6),
        ("epochs: 5\n", "epochs: 5\n  data.val_fraction: 2\n", "out-of-range", "base.data.val_fraction", 6),
        # two settings together: the later one
        ("name: digits", "name: digits", "conflict", "factors.augmentation.short.train.epochs", 10),
    ],
)
def test_the_setting_at_fault_is_found_by_leaving_it_out(old, new, code, key, line):
    with pytest.raises(ConfigError) as caught:
        matrix.parse(STUDY.replace(old, new), file="s.yaml")
    found = caught.value
    assert (found.code, found.key, found.path, found.line) == (code, key, Path("s.yaml"), line)
    assert str(found).startswith(f"s.yaml, line {line}: {key}: ")
