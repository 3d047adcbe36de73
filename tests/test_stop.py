"""Signals that ask a run to stop."""

import os
import signal
import subprocess
import sys

import pytest

from mixscope.errors import Interrupted
from mixscope.training import stop


@pytest.fixture
def before():
    """What SIGUSR2 did before anyone listened: it counts."""
    came: list[int] = []
    old = signal.signal(signal.SIGUSR2, lambda number, frame: came.append(number))
    yield came
    signal.signal(signal.SIGUSR2, old)


def test_a_request_that_arrives_twice_is_one(before):
    with stop.listening() as asked:
        asked.check()
        signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGUSR2)
        with pytest.raises(Interrupted, match="stopped by SIGUSR2"):
            asked.check()
    assert before == []


def test_a_later_signal_does_what_it_did_before(before, monkeypatch):
    monkeypatch.setattr(stop, "ONCE_SECONDS", 0.0)
    with stop.listening() as asked:
        asked.received = "SIGTERM"  # as another rank said: no signal of our own
        signal.raise_signal(signal.SIGUSR2)
        assert before == []
        signal.raise_signal(signal.SIGUSR2)
        assert before == [signal.SIGUSR2]
    signal.raise_signal(signal.SIGUSR2)
    assert before == [signal.SIGUSR2] * 2


def test_who_has_nothing_to_save_leaves_at_once(before):
    left = []
    with stop.listening(left.append) as asked:
        signal.raise_signal(signal.SIGUSR2)
        assert left == ["SIGUSR2"]
    with stop.listening(left.append) as asked:
        asked.leave = None
        signal.raise_signal(signal.SIGUSR2)
        assert left == ["SIGUSR2"] and asked.received == "SIGUSR2"


# A process that gets a signal when it imports a module.
STRUCK = """
import os, signal, sys

_, module, number, *words = sys.argv
sys.argv[1:] = words
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it

class Striker:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Striker())
from mixscope.__main__ import main
raise SystemExit(main())
"""


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGUSR2, "torch"),
        (signal.SIGINT, "timm"),
        pytest.param(signal.SIGTERM, "numba", marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, "numpy", marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_a_run_starts_ends_it_in_one_sentence(number, module, tmp_path):
    """Also before the libraries are there; nothing is written then, and nothing is lost."""
    words = [module, str(int(number)), "train", "data.name=none", "--root", str(tmp_path), "--out"]
    done = subprocess.run(
        [sys.executable, "-c", STRUCK, *words, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 75, done.stderr
    assert done.stderr.count("\n") == 1 and f"stopped by {signal.Signals(number).name}" in done.stderr
    assert "the same command" in done.stderr
    assert done.stdout == "" and not (tmp_path / "run").exists()


@pytest.mark.parametrize("module", ["mixscope.cli", "mixscope.cli.study", "mixscope.training.stop"])
def test_ctrl_c_before_anything_listens_is_one_sentence(module, tmp_path):
    words = [module, str(int(signal.SIGINT)), "train", "data.name=none", "--root", str(tmp_path)]
    words += ["--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", STRUCK, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted     [exit 130]\n")
    assert done.stdout == "" and not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
@pytest.mark.parametrize("module", ["mixscope.cli", "mixscope.cli.study", "mixscope.study.config"])
def test_a_signal_before_anything_listens_is_one_sentence(number, module, tmp_path):
    words = [module, str(int(number)), "train", "data.name=none", "--root", str(tmp_path)]
    words += ["--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", STRUCK, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 75, done.stderr
    assert done.stderr.count("\n") == 1 and f"stopped by {number.name} while it started" in done.stderr
    assert done.stdout == "" and not (tmp_path / "run").exists()


def test_a_command_that_does_not_listen_ends_as_the_signal_says(tmp_path):
    """Once it has begun: what it was about may be half done, and no sentence may promise more."""
    words = ["mixscope.data.store", str(int(signal.SIGTERM)), "data", "list", "--root", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", STRUCK, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
