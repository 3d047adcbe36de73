"""Every command ends with a known exit code and a sentence, not with a traceback."""

import errno
import json
from pathlib import Path

import pytest

from command_line import call
from mixscope.cli.exit_codes import ended
from mixscope.errors import ConfigError, DataError, DiskFull, Interrupted, RunFailed
from mixscope.findings import Finding


def raising(problem):
    def do():
        raise problem

    return do


@pytest.mark.parametrize(
    ("problem", "code", "sentence"),
    [
        (ConfigError("conflict", "b", key="a"), 2, "error: a: b     [exit 2]"),
        (DataError("changed", "b", path="a"), 4, "error: a: b     [exit 4]"),
        (RunFailed("not-finite", "a: b"), 1, "error: a: b     [exit 1]"),
        (Interrupted("a: b"), 75, "error: a: b     [exit 75]"),
        (KeyboardInterrupt(), 130, "error: interrupted     [exit 130]"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "error: /x: cannot be read or written"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 1, "error: /x: cannot be read or written"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1, "error: the disk is full"),
        (ConfigError("conflict", "\x1b[31mred"), 2, r"error: \x1b[31mred     [exit 2]"),
    ],
)
def test_an_error_that_a_user_can_mend_is_a_sentence(capsys, problem, code, sentence):
    assert ended(raising(problem)) == code
    err = capsys.readouterr().err
    assert err.startswith(sentence) and err.count("\n") == 1 and err.endswith(f"[exit {code}]\n")


FULL = DiskFull("/x: cannot be written, the disk is full", Path("/x"))


@pytest.mark.parametrize(
    ("problem", "code", "place", "end"),
    [
        (ConfigError("out-of-range", "is odd", key="a", path="f", line=3), "out-of-range", ("a", "f", 3), 2),
        (DataError("damaged-file", "is damaged", path=Path("f")), "damaged-file", (None, "f", None), 4),
        (DataError(Finding("no-reason-recorded")), "no-reason-recorded", (None, None, None), 4),
        (RunFailed("out-of-memory", "no memory"), "out-of-memory", (None, None, None), 1),
        (Interrupted("stopped", "go on"), "interrupted", (None, None, None), 75),
        (KeyboardInterrupt(), "interrupted", (None, None, None), 130),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "no-access", (None, "/x", None), 1),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "no-space", (None, "/x", None), 1),
        (FULL, "no-space", (None, "/x", None), 1),
    ],
)
def test_with_json_an_error_is_data_too(capsys, problem, code, place, end):
    assert ended(raising(problem), as_json=True) == end
    out, err = capsys.readouterr()
    found = json.loads(out)["error"]
    assert (found["key"], found["path"], found["line"]) == place
    assert (found["code"], found["exit"]) == (code, end)
    assert err == f"error: {found['message']}     [exit {end}]\n"


@pytest.mark.parametrize(
    ("words", "code", "key", "path"),
    [
        (("judge", "nothing.csv"), "missing-file", None, "nothing.csv"),
        (("study", "plan", "nothing.yaml"), "missing-file", None, "nothing.yaml"),
        (("study", "plan", "nothing"), "unknown-name", "STUDY", None),
        (("train", "train.epochs=x"), "wrong-type", "train.epochs", None),
        (("train", "optim.lrr=1"), "unknown-name", "optim.lrr", None),
        (("data", "verify", "cifar1O"), "unknown-name", "data.name", None),
        (("data", "verify", "digits"), "not-prepared", "data.name", "data/digits"),
        (("eval", "."), "wrong-format", None, "."),
        (("bench", "loader", "--rounds", "0"), "out-of-range", "--rounds", None),
        (("judge",), "usage", None, None),
        (("judge", "x.csv", "--jason"), "usage", None, None),
    ],
)
def test_a_command_with_json_answers_with_its_error(capsys, tmp_path, monkeypatch, words, code, key, path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXSCOPE_DATA", "data")
    try:
        end, out, err = call(capsys, *words, "--json")
    except SystemExit as left:
        end = left.code
        out, err = capsys.readouterr()
    found = json.loads(out)["error"]
    assert (found["code"], found["key"], found["exit"]) == (code, key, end)
    assert found["path"] == path and found["message"] in err
    assert end == (
        4 if code in ("missing-file", "not-prepared", "wrong-format") and words[0] != "study" else 2
    )


def test_after_two_hyphens_json_is_no_option(capsys):
    with pytest.raises(SystemExit):
        call(capsys, "judge", "x.csv", "--jason", "--", "--json")
    assert capsys.readouterr().out == ""


def test_an_error_that_no_user_can_mend_keeps_its_traceback():
    with pytest.raises(OSError, match="Bad file"):
        ended(raising(OSError(errno.EBADF, "Bad file descriptor")))


def test_a_command_without_an_answer_has_succeeded():
    assert (ended(lambda: None), ended(lambda: 1)) == (0, 1)
