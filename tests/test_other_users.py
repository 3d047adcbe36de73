"""Folders of other users and read-only ones: one sentence with the place, whatever command meets them."""

import errno

import pytest

from mixscope.cli.exit_codes import ended


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_may_not_be_read_or_written_is_one_sentence_with_the_mend(number, capsys):
    def do():
        raise OSError(number, "no", "/theirs/runs")

    assert ended(do) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: /theirs/runs: cannot be read or written (no)") and said.count("\n") == 1
    assert "--out" in said


def test_an_error_that_is_ours_keeps_its_traceback():
    def do():
        raise OSError(errno.EBADF, "no")

    with pytest.raises(OSError, match="no"):
        ended(do)
