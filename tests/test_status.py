"""Where runs stand, read from records that were made on the spot."""

import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from made_summary import summary
from mixscope.findings import Finding
from mixscope.runs import record_schema, recording, records
from mixscope.studies import estimate, progress_table
from mixscope.studies.status import JOURNAL, note, standing, standings
from mixscope.study import matrix
from mixscope.study.config import RunConfig

RUNS = matrix.load("quickstart").expand(seeds=1)


def begin(out, planned, *, epochs=0):
    """A run that this process makes, with so many epochs complete."""
    record = recording.begin(out / planned.directory, planned.config)
    record.started()
    record.cut(0)
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "step": 20 * epoch, "val_top1": 10.0 * epoch, "images_per_second": 100.0}
        record.event("epoch", {**row, "seconds": 2.0, "judging_seconds": 0.5 * epoch})
    record.status("running", epoch=epochs, step=20 * epochs)
    return record


def tell(out, planned, event, **more):
    note(out, {"event": event, "run": planned.directory, **more})


def test_a_run_that_lives_says_how_fast_it_goes_and_how_much_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "HEARTBEAT_SECONDS", 0.0)
    with begin(tmp_path, RUNS[0], epochs=3) as record:
        assert standing(RUNS[0], tmp_path).images_per_second == 100.0, "of the last epoch"
        record.heartbeat(epoch=3, step=65, images_per_second=80.0, device_bytes=None)
        found = standing(RUNS[0], tmp_path)
    assert (found.state, found.epoch, found.step, found.top1) == ("running", 3, 65, 30.0)
    assert (found.images_per_second, found.epoch_seconds, found.epoch_steps) == (80.0, 3.0, 20)
    assert found.device_bytes is None and 10**6 < found.memory_bytes < 10**11
    assert found.wall_seconds is None and found.beat_age < 5


def test_a_run_whose_process_is_gone_is_partial(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with begin(tmp_path, RUNS[0], epochs=1) as record:
        path = record.path
    records.write_json(path / "status.json", {**records.read_status(path), "pid": gone.pid})
    assert standing(RUNS[0], tmp_path).state == "partial"


def test_a_run_that_was_done_in_one_go_says_how_long_it_took(tmp_path):
    for planned, starts in zip(RUNS, (1, 2), strict=False):
        for _ in range(starts):
            record = recording.begin(tmp_path / planned.directory, planned.config)
            record.started()
            records.write_json(record.path / "summary.json", summary(planned.config))
            record.ended("done")
            record.close()
    assert [s.wall_seconds is None for s in standings(RUNS[:2], tmp_path)] == [False, True]


@pytest.mark.parametrize("jump", [-7200, -3, 7200])
def test_a_clock_that_jumps_makes_no_time_negative(tmp_path, jump):
    """The clock is set back, or forward, while one run is made and while another one is running."""
    with begin(tmp_path, RUNS[0], epochs=3) as record:
        records.write_json(record.path / "summary.json", summary(RUNS[0].config))
        record.ended("done")
    with begin(tmp_path, RUNS[1], epochs=2) as other:
        for path in (record.path, other.path):
            status = records.read_status(path)
            past = datetime.strptime(status["starts"][0]["time"], record_schema.TIME)
            moved = (past - timedelta(seconds=jump)).strftime(record_schema.TIME)
            status["starts"] = [{**status["starts"][0], "time": moved}]
            records.write_json(path / "status.json", status)
        status["heartbeat"] = moved
        records.write_json(other.path / "status.json", status)
        found = standings(RUNS[:3], tmp_path)
        assert [s.state for s in found] == ["done", "running", "pending"]
        costs = estimate.estimates(found, root=tmp_path, probe=None, disk=False)
        for lang in ("en", "ko"):
            assert "-" not in progress_table.sentence(progress_table.total(found, costs, slots=2), lang)
    assert (found[0].wall_seconds is None) == (jump < 0), "its epochs alone took 9 seconds"
    assert all(c.left_seconds >= 0 for c in costs)
    assert costs[2].left_seconds >= 9, "a run like the first one takes as long as its epochs, or longer"


def test_a_run_that_was_given_up_before_it_began_has_failed_until_it_is_started_again(tmp_path):
    tell(tmp_path, RUNS[0], "started")
    tell(tmp_path, RUNS[0], "gave up", reason="no data")
    found = standings(RUNS, tmp_path)
    assert (found[0].state, found[0].error) == ("failed", "no data") and found[1].state == "pending"
    tell(tmp_path, RUNS[0], "started")
    assert standings(RUNS, tmp_path)[0].state == "pending"


def test_why_a_run_ended_is_told_in_the_readers_language(tmp_path):
    finding = Finding("run-killed", "fail").to_dict()
    tell(tmp_path, RUNS[0], "gave up", reason="was killed by the system", finding=finding)
    tell(tmp_path, RUNS[1], "gave up", reason="as an older version wrote it")
    killed, older, *_ = standings(RUNS, tmp_path)
    assert killed.error == "was killed by the system" and "시스템이 종료했습니다" in killed.reason("ko")
    assert older.finding is None and older.reason("ko") == "as an older version wrote it"


def test_a_journal_that_was_cut_short_is_read_up_to_there(tmp_path):
    tell(tmp_path, RUNS[0], "gave up", reason="no data")
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"event": "started", "run": "' + RUNS[0].directory)
    assert standings(RUNS, tmp_path)[0].state == "failed"
    note(tmp_path, {"event": "started", "run": RUNS[0].directory})
    assert standings(RUNS, tmp_path)[0].state == "pending"


@pytest.mark.parametrize("change", ["lr", "name"])
def test_a_place_taken_by_other_settings_is_a_conflict_that_says_which(tmp_path, change):
    text = matrix.source("quickstart")
    edited = text.replace("0.002", "0.003") if change == "lr" else text.replace("resnet10t", "resnet14t")
    others = matrix.parse(edited, file="edited.yaml").expand(seeds=1)
    with begin(tmp_path, others[0]):
        found = standing(RUNS[0], tmp_path)
    assert found.state == "conflict" and ("optim.lr" if change == "lr" else "model.arch") in found.error
    assert "다른 설정으로 실행되었습니다" in found.reason("ko")


def test_a_look_at_a_study_works_out_no_digest(tmp_path, monkeypatch):
    """A scheduler looks twice a second, for every run that is left: 120 of them took a tenth of a core."""

    def worked_out(_):
        raise AssertionError("a digest was worked out again")

    with begin(tmp_path, RUNS[0], epochs=1):
        monkeypatch.setattr(RunConfig, "digest", property(worked_out))
        assert [s.state for s in standings(RUNS, tmp_path)] == ["running"] + ["pending"] * (len(RUNS) - 1)


def test_a_run_whose_place_is_taken_by_other_settings_is_a_conflict(tmp_path):
    planned = RUNS[0]
    record = recording.begin(tmp_path / f"{planned.stem}-0123456789abcdef", RUNS[1].config)
    record.started()
    record.close()
    found = standings(RUNS, tmp_path)
    assert [s.state for s in found] == ["conflict"] + ["pending"] * (len(RUNS) - 1)
    assert "other settings" in found[0].error
