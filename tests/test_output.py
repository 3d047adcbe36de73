"""Closed, full and broken output: the exit code is that of the work, and there is no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import small_study
from mixscope import cli
from mixscope.report import shapes

# Without PYTHONUNBUFFERED, as users have it: what is printed is written when the command has ended.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
CASES = Path(__file__).parent / "cases"


def mixscope(line, **more):
    """The exit code of a shell's line, and what it says on standard error. $M is the command."""
    environment = {**BUFFERED, "M": f"{sys.executable} -m mixscope"}
    done = subprocess.run(
        ["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=300, **more
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", ["--help", "study run --help", "data list"])
def test_a_reader_that_leaves_is_no_failure(words, tmp_path):
    code, said = mixscope(f"$M {words} | true; exit ${{PIPESTATUS[0]}}", cwd=tmp_path)
    assert (code, said) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", ["--help", "data list", "data list --json"])
def test_output_that_cannot_be_written_is_one_sentence(words, tmp_path):
    code, said = mixscope(f"$M {words} > /dev/full", cwd=tmp_path)
    assert code == 1 and said.startswith("error: standard output cannot be written (No space left"), said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", ["--help", "data list", "judge nothing.csv"])
def test_closed_streams_change_nothing(words, tmp_path):
    open_ = mixscope(f"$M {words} > /dev/null", cwd=tmp_path)
    assert mixscope(f"$M {words} >&-", cwd=tmp_path) == open_
    assert mixscope(f"$M {words} >&- 2>&- <&-", cwd=tmp_path) == (open_[0], "")


def test_a_file_that_is_opened_later_does_not_get_what_is_printed(tmp_path):
    """The lowest free number, that of the closed stream, would be given to it."""
    code, said = mixscope("$M study new mine --out mine.yaml >&- 2>&-", cwd=tmp_path)
    assert code == 0 and said == ""
    assert yaml.safe_load((tmp_path / "mine.yaml").read_text())["name"] == "mine"


def test_what_a_command_found_is_its_exit_code_whoever_reads(tmp_path):
    """A published table that contradicts itself."""
    words = f"audit {CASES / 'html-table.md'} --strict"
    assert mixscope(f"$M {words} > /dev/null", cwd=tmp_path) == (1, "")
    assert mixscope(f"$M {words} | true; exit ${{PIPESTATUS[0]}}", cwd=tmp_path) == (1, "")


def test_a_study_whose_reader_leaves_at_the_table_ends_as_its_runs_did(tmp_path, digits_root):
    """One that cannot begin ends with 1, and so it does when only the first line was read."""
    tree = {**small_study.STUDY, "name": "small"}
    tree["base"] = {**tree["base"], "data.val_fraction": 0.001}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    words = f"study run small.yaml --out out --root {digits_root} --json --slots 2"
    code, said = mixscope(f"$M {words} | true; exit ${{PIPESTATUS[0]}}", cwd=tmp_path)
    assert code == 1 and "Traceback" not in said and "Exception" not in said, said


def test_control_characters_in_what_is_typed_are_refused_and_not_printed(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["study", "new", "mine", "--out", "a\x1b[31mb"])
    said = capsys.readouterr().err
    assert left.value.code == 2 and "\x1b" not in said and r"a\x1b[31mb: holds control characters" in said


def test_control_characters_of_files_reach_neither_terminal_nor_chart(tmp_path, capsys):
    rows = ["model,augmentation,seed,top1"]
    rows += [f"a\x1b[31mb,{arm},{seed},{70 + seed}" for arm in ("none", "mix\x9bup") for seed in (0, 1)]
    (tmp_path / "r.csv").write_text("\n".join(rows))
    assert cli.main(["judge", str(tmp_path / "r.csv"), "--baseline", "none"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\x9b" not in said and r"a\x1b[31mb" in said
    assert "\x1b" not in shapes.label(0, 0, "a\x1b[31mb")
