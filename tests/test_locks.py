"""Locks of run directories: one process at a time, and none that a crash leaves behind."""

import errno
import signal
import subprocess
import sys

import pytest

from mixscope.errors import ConfigError
from mixscope.runs import lock

HOLD = """
import sys, time
from pathlib import Path
from mixscope.runs import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_held_as_long_as_its_holder_lives(holder, tmp_path):
    for _ in range(2):  # whoever asks takes nothing from the holder
        assert lock.held(tmp_path)
        with pytest.raises(ConfigError, match=f"is being written by process {holder.pid} on"):
            lock.hold(tmp_path).__enter__()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not lock.held(tmp_path)
    with lock.hold(tmp_path):
        assert lock.held(tmp_path)


def test_a_folder_that_nobody_ever_held_is_not_held_and_stays_empty(tmp_path):
    assert not lock.held(tmp_path) and not lock.held(tmp_path / "none")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_answered_with_a_sentence(tmp_path, monkeypatch, reason):
    def refuse(fd, *, blocking):
        raise OSError(reason, "no locks here")

    monkeypatch.setattr(lock, "lock_descriptor", refuse)
    with pytest.raises(ConfigError, match=r"cannot be locked \(no locks here\)"):
        lock.hold(tmp_path).__enter__()
