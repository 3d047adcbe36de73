"""Which processes a scheduler takes for its runs: those that prove to be, and no stranger."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from mixscope.runs import recording, records
from mixscope.studies import scheduler
from mixscope.studies.backends import local
from mixscope.studies.scheduler import Options
from mixscope.studies.status import FRESH_SECONDS, standing
from small_study import events, runs, wait_for

SLEEP = "import time; time.sleep(300)"


@pytest.fixture
def stranger():
    process = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def claims_to_run(out, planned, **status):
    """Records of a run that say "running", with nobody who holds its lock."""
    with recording.begin(out / planned.directory, planned.config) as record:
        record.started()
    path = out / planned.directory / "status.json"
    records.write_json(path, {**json.loads(path.read_bytes()), **status})


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(time.time() + seconds))


def test_a_process_that_has_the_number_of_a_dead_run_is_neither_its_sign_of_life_nor_signalled(
    tmp_path, stranger
):
    planned = runs()[0]
    claims_to_run(tmp_path, planned, pid=stranger.pid, heartbeat=moment(5))
    found = standing(planned, tmp_path)
    assert found.state == "partial"
    place = local.Local(tmp_path, tmp_path, threads=1, environments=[{}], extra=())
    assert place.adopt([found]) == []
    assert stranger.poll() is None


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, "running"), (-2 * FRESH_SECONDS, "partial"), (2 * FRESH_SECONDS, "partial")]
)
def test_elsewhere_only_a_fresh_heartbeat_is_alive_and_one_from_later_is_none(tmp_path, seconds, state):
    planned = runs()[0]
    claims_to_run(tmp_path, planned, host=f"not-{socket.gethostname()}", heartbeat=moment(seconds))
    found = standing(planned, tmp_path)
    assert found.state == state
    place = local.Local(tmp_path, tmp_path, threads=1, environments=[{}], extra=())
    assert place.adopt([found]) == [], "a process of another machine"


def test_who_holds_the_lock_lives_whatever_the_clock_says(tmp_path):
    planned = runs()[0]
    with recording.begin(tmp_path / planned.directory, planned.config) as record:
        record.started()
        path = record.path / "status.json"
        for seconds in (-3600, 3600):
            records.write_json(path, {**json.loads(path.read_bytes()), "heartbeat": moment(seconds)})
            assert standing(planned, tmp_path).state == "running"


def test_a_look_at_a_run_never_keeps_another_from_beginning_it(tmp_path):
    planned = runs()[0]
    path = tmp_path / planned.directory
    path.mkdir()
    looker = "import sys, time; from pathlib import Path; from mixscope.runs import lock\n"
    looker += "end = time.monotonic() + 4\nwhile time.monotonic() < end: lock.held(Path(sys.argv[1]))"
    looking = subprocess.Popen([sys.executable, "-c", looker, str(path)])
    try:
        for _ in range(50):
            recording.begin(path, planned.config).close()
    finally:
        looking.kill()
        looking.wait()


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["python", "-m", "mixscope", "train", "--config", "c.yaml", "--out", "/s/run"], "/s/run"),
        (["/usr/bin/python", "/venv/bin/mixscope", "train", "--out=/s/run"], "/s/run"),
        (["python", "-m", "mixscope", "eval", "--out", "/s/run"], None),
        (["vi", "/s/run/train"], None),
        (["bash", "-c", "mixscope train --out /s/run"], None),
        ([], None),
    ],
)
def test_a_run_is_recognised_by_its_command_line(words, place):
    found = local._trains_into(words, psutil.Process())
    assert (None if found is None else str(found)) == place


def test_an_adopted_process_is_not_mistaken_for_a_later_one_with_its_number(stranger):
    adopted = local.Adopted(psutil.Process(stranger.pid))
    assert adopted.code() is None and adopted.age() < 300
    stranger.kill()
    stranger.wait()
    adopted.process._pid_reused = True  # as psutil notices by the time of birth
    assert adopted.code() == 0
    adopted.send(signal.SIGTERM)


@pytest.mark.slow
def test_a_run_that_its_scheduler_left_before_its_first_record_is_adopted(tmp_path, digits_root):
    out, planned = tmp_path / "study", runs()[0]
    (out / "logs").mkdir(parents=True)
    place = local.Local(out, digits_root, threads=1, environments=[{}], extra=())
    orphan = place.start([(planned, 0)])[0]
    assert not records.is_run(out / planned.directory)
    found = scheduler.run(
        runs(), out=out, root=digits_root, options=Options(slots=2), notice=lambda found, event: None
    )
    wait_for(lambda: orphan.code() is not None)
    orphan.close()
    assert [s.state for s in found] == ["done", "done"] and orphan.code() == 0
    told = [(e["event"], e["run"]) for e in events(out)]
    assert ("adopted", planned.directory) in told and ("started", planned.directory) not in told
    assert not any(event == "gave up" for event, _ in told)
    assert os.path.exists(out / planned.directory / "summary.json")
