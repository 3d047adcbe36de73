"""Processes that carry out calls on runs: what they return, and what becomes of them at the end."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from mixscope import threads
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed
from mixscope.workers import Workers, together
from small_study import wait_for


def told(item):
    """What a process says of itself, or what it is asked to do."""
    if item == "wrong":
        raise DataError("damaged-file", "c.yaml is damaged", key="seed")
    if item == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "bug":
        raise ZeroDivisionError("of a module")
    if item == "unpicklable":
        problem = ValueError("of a handle")
        problem.handle = threading.Lock()
        raise problem
    if item == "environment":
        return {name: os.environ.get(name) for name in threads.WAITS}
    if item == "endless":
        time.sleep(600)
    return item, os.getpid()


def test_every_item_is_carried_out_once_by_as_many_processes_as_slots():
    items = [str(n) for n in range(7)]
    with Workers(2) as workers:
        found = [*workers.each(told, items), *((at + 7, each) for at, each in workers.each(told, items))]
    assert sorted(at for at, _ in found) == list(range(14))
    assert all(each[0] == items[at % 7] for at, each in found)
    pids = {each[1] for _, each in found}
    assert len(pids) == 2 and os.getpid() not in pids, "they stay for the next analysis"
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with Workers(1) as workers:
        assert [each for _, each in workers.each(told, items)] == [(item, os.getpid()) for item in items]


@pytest.mark.parametrize("slots", [1, 2])
def test_an_error_of_one_item_does_not_stop_the_others(slots):
    items = ["a", "wrong", "b"] if slots == 1 else ["a", "wrong", "killed", "b", "c"]
    with Workers(slots) as workers:
        found = dict(workers.each(told, items))
    assert len(found) == len(items)
    for at, item in enumerate(items):
        if item == "wrong":
            assert isinstance(found[at], DataError) and found[at].key == "seed"
            assert str(found[at]) == "seed: c.yaml is damaged"
        elif item == "killed":
            assert isinstance(found[at], RunFailed) and "code -9" in str(found[at])
            assert found[at].code == "process-failed"
        else:
            assert found[at][0] == item


@pytest.mark.parametrize("slots", [1, 2])
def test_an_error_of_the_program_is_raised_with_where_it_was(slots):
    with pytest.raises(ZeroDivisionError) as raised, Workers(slots) as workers:
        list(workers.each(told, ["bug"]))
    assert slots == 1 or "in told" in raised.value.__notes__[0]


def test_an_error_that_cannot_be_sent_arrives_as_its_traceback():
    with (
        pytest.raises(RuntimeError, match=r"in told\n(.*\n)*ValueError: of a handle"),
        Workers(2) as workers,
    ):
        list(workers.each(told, ["unpicklable"]))


def test_processes_compete_for_the_cores_and_wait_shortly(monkeypatch):
    for name in threads.WAITS:
        monkeypatch.delenv(name, raising=False)
    with Workers(2) as workers:
        assert dict(workers.each(told, ["environment"]))[0].items() >= threads.SHORT_WAIT.items()
    assert "GOMP_SPINCOUNT" not in os.environ


def test_there_is_at_least_one_slot():
    with pytest.raises(ConfigError, match="--slots must be 1 or more, got 0"):
        Workers(0)


def test_several_errors_are_one():
    first, second = DataError("damaged-file", "a is damaged"), RunFailed("process-failed", "b failed")
    assert together([first], "wrong") is first
    both = together([first, second], "wrong")
    assert isinstance(both, DataError) and str(both) == "a is damaged (and 1 more wrong: b failed)"


@pytest.mark.parametrize("slots", [1, 2])
def test_sigterm_ends_the_work_with_one_sentence_and_leaves_no_process(slots):
    before = signal.getsignal(signal.SIGTERM)
    children = set(psutil.Process().children())
    with pytest.raises(Interrupted, match="stopped by SIGTERM"), Workers(slots) as workers:
        for _ in workers.each(told, ["a", "b"]):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    assert signal.getsignal(signal.SIGTERM) == before
    left = [each for each in psutil.Process().children() if each not in children]
    assert not [each for each in left if "spawn_main" in " ".join(each.cmdline())]


# A shell starts programs in the background with Ctrl-C ignored, and they would inherit it.
PROGRAM = """
import signal
from test_workers import told
from mixscope.workers import Workers
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Workers(2) as workers:
        for at, (item, pid) in workers.each(told, ["a", "b", "endless", "endless"]):
            print(pid, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(number, tmp_path):
    """Ctrl-C reaches the whole group of processes, SIGKILL only the first, whose pipes are closed by it."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM if number == signal.SIGINT else PROGRAM.replace('"endless", "endless"', ""))
    if number == signal.SIGKILL:
        program.write_text(program.read_text() + "            import time; time.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = 1 if number == signal.SIGKILL else 2
    pids = [int(process.stdout.readline()) for _ in range(lines)]
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    said = process.communicate(timeout=60)[1]
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert said.count("Traceback") == (1 if number == signal.SIGINT else 0), said
