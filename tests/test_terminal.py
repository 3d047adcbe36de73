"""`mixscope study` on a terminal: the live table and what it leaves, Ctrl-C, and watching from outside."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios

import pytest
import yaml

from small_study import STUDY, training, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")]
ROWS, COLUMNS = 24, 90


class Terminal:
    """A program on a pseudo-terminal. text: what it has written so far, without movements and colours."""

    def __init__(self, *words):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        command = [sys.executable, "-m", "mixscope", *map(str, words)]
        environment = os.environ | {"TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.raw = b""

    def read(self) -> bool:
        """Waits for more; False at the end."""
        try:
            more = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            more = b""
        self.raw += more
        return bool(more)

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw.decode(errors="replace")).replace("\r", "\n")

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait()


@pytest.fixture
def study(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**STUDY, "base": {**STUDY["base"], "train.epochs": 25}}))
    return file


def test_a_study_on_a_terminal_is_a_live_table_then_the_results(tmp_path, digits_root, study):
    out = tmp_path / "out"
    terminal = Terminal("study", "run", study, "--slots", 2, "--out", out, "--root", digits_root)
    assert terminal.end() == 0, terminal.text
    assert b"\x1b[?25l" in terminal.raw and terminal.raw.rstrip().count(b"\x1b[?25h"), "the cursor comes back"
    lines = [line.rstrip() for line in terminal.text.splitlines()]
    live = lines[: next(i for i, line in enumerate(lines) if line.startswith("Experiment"))]
    assert max(map(len, live)) <= COLUMNS
    assert "run              state    epoch  top-1  img/s  eta" in lines
    row = r"(default|cutmix)  seed 0  +running +\d+/25 +\d+\.\d % +[\d,]+ +\d+ s"
    assert any(re.fullmatch(row, line) for line in lines), terminal.text
    assert any(re.fullmatch(r"0/2 done  2 running  [\d,]+ img/s  eta \d+ s", line) for line in lines)
    assert "2/2 done" in lines and not any(line.endswith("started") for line in lines)
    assert [line for line in lines if line][-1].startswith("`mixscope report")


def test_ctrl_c_on_a_terminal_saves_every_run_and_a_watcher_sees_the_rest(tmp_path, digits_root, study):
    out = tmp_path / "out"
    words = ("study", "run", study, "--slots", 2, "--out", out, "--root", digits_root)
    terminal = Terminal(*words)
    wait_for(lambda: terminal.read() and re.search(r"running +[2-9]/25", terminal.text), 200)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 75
    assert "stopped by SIGINT; every run has saved itself, the same command continues" in " ".join(
        terminal.text.split()
    )
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    status = subprocess.run(
        [sys.executable, "-m", "mixscope", "study", "status", str(out)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2 partial" in status.stdout
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}, "status only reads"

    again = Terminal(*words)
    watcher = Terminal("study", "status", out, "--watch")
    assert again.end() == 0 and watcher.end() == 0, watcher.text
    assert re.search(r"running +\d+/25", watcher.text) and "2/2 done" in watcher.text
    assert not training(out)
