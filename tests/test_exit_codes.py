"""Every command ends with a known exit code and a sentence, not with a traceback."""

import errno

import pytest

from mixscope.cli.exit_codes import ended
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed


def raising(problem):
    def do():
        raise problem

    return do


@pytest.mark.parametrize(
    ("problem", "code", "sentence"),
    [
        (ConfigError("a: b"), 2, "error: a: b     [exit 2]"),
        (DataError("a: b"), 4, "error: a: b     [exit 4]"),
        (RunFailed("a: b"), 1, "error: a: b     [exit 1]"),
        (Interrupted("a: b"), 75, "error: a: b     [exit 75]"),
        (KeyboardInterrupt(), 130, "error: interrupted     [exit 130]"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "error: /x: cannot be read or written"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 1, "error: /x: cannot be read or written"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1, "error: the disk is full"),
        (ConfigError("\x1b[31mred"), 2, r"error: \x1b[31mred     [exit 2]"),
    ],
)
def test_an_error_that_a_user_can_mend_is_a_sentence(capsys, problem, code, sentence):
    assert ended(raising(problem)) == code
    err = capsys.readouterr().err
    assert err.startswith(sentence) and err.count("\n") == 1 and err.endswith(f"[exit {code}]\n")


def test_an_error_that_no_user_can_mend_keeps_its_traceback():
    with pytest.raises(OSError, match="Bad file"):
        ended(raising(OSError(errno.EBADF, "Bad file descriptor")))


def test_a_command_without_an_answer_has_succeeded():
    assert (ended(lambda: None), ended(lambda: 1)) == (0, 1)
