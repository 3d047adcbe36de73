"""A file is whole or absent, and a disk without room is said in one sentence."""

import errno
import shlex
import subprocess
import sys

import pytest

from mixscope import cli
from mixscope.atomic import is_full, replacing
from mixscope.errors import DataError, DiskFull


def no_room(wrapped: bool):
    """What a write on a full disk ends with; libraries wrap it, as torch.save does."""
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError:
        if not wrapped:
            raise
        raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_reported_in_a_sentence_and_leaves_the_file_that_was_there(tmp_path, wrapped):
    file = tmp_path / "last.pt"
    file.write_bytes(b"before")
    with pytest.raises(
        DiskFull, match=r"last\.pt: cannot be written, the disk is full; free some space"
    ) as caught:
        with replacing(file) as beside:
            beside.write(b"half")
            no_room(wrapped)
    assert str(caught.value).count("disk is full") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"] and file.read_bytes() == b"before"


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(DataError), replacing(tmp_path / "file"):
        raise DataError("damaged-file", "damaged")
    assert not is_full(OSError(errno.EACCES, "not allowed")) and not is_full(None)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_ends_with_the_sentence_and_code_1(monkeypatch, capsys):
    from mixscope.study import matrix

    for problem, said in (
        (DiskFull("here: the disk is full"), "error: here: the disk is full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "error: the disk is full; free some space"),
    ):
        monkeypatch.setattr(matrix, "load", lambda study, problem=problem: (_ for _ in ()).throw(problem))
        assert cli.main(["study", "table", "quickstart"]) == 1
        assert said in capsys.readouterr().err


def test_a_limit_on_the_size_of_files_is_no_full_disk(tmp_path):
    with pytest.raises(DiskFull, match="larger than this shell allows; raise `ulimit -f`"):
        with replacing(tmp_path / "file"):
            raise OSError(errno.EFBIG, "File too large")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["study", "new", "mine", "--from", "mixing-zoo", "--out", "mine.yaml"],
        ["data", "info", "digits", "--sheet", "sheet.png"],
        ["show", "mixing", "digits", "--sheet", "sheet.png"],
        ["cues", "draw", "--sheet", "sheet.png"],
    ],
)
def test_what_cannot_be_written_whole_leaves_nothing_and_keeps_what_was_there(tmp_path, digits_root, words):
    """Under a limit of 1 kB, as on a full disk."""
    if words[0] in ("data", "show"):
        words = [*words, "--root", str(digits_root)]
    line = f"ulimit -f 1; exec {sys.executable} -m mixscope {shlex.join(words)}"

    def tried():
        return subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)

    done = tried()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "raise `ulimit -f`" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
    if "--sheet" in words:
        (tmp_path / "sheet.png").write_bytes(b"before")
        assert tried().returncode == 1
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
