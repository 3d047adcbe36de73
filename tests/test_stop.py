"""Signals that ask a run to stop."""

import signal

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
        asked.asked = "SIGTERM"  # as another rank said: no signal of our own
        signal.raise_signal(signal.SIGUSR2)
        assert before == []
        signal.raise_signal(signal.SIGUSR2)
        assert before == [signal.SIGUSR2]
    signal.raise_signal(signal.SIGUSR2)
    assert before == [signal.SIGUSR2] * 2
