"""A study on local slots, and what becomes of it when processes die."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from mixscope import cli, i18n
from mixscope.errors import ConfigError
from mixscope.results import folders, tables
from mixscope.runs import records
from mixscope.studies import backends, scheduler
from mixscope.studies.scheduler import Options
from mixscope.studies.status import Standing, standings
from small_study import STUDY, events, predictions, runs, study, training, wait_for


def go(out, root, notice=lambda found, event: None, **options):
    return scheduler.run(
        runs(), out=out, root=root, options=Options(**{"slots": 2, "backoff": 0.1} | options), notice=notice
    )


def in_process(out: Path, root: Path, tmp_path: Path) -> subprocess.Popen:
    """A scheduler in a process of its own."""
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "mixscope", "study", "run", str(file), "--slots", "2"]
    return subprocess.Popen(
        [*command, "--out", str(out), "--root", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory, digits_root):
    """The study, undisturbed."""
    out = tmp_path_factory.mktemp("calm") / "study"
    found = go(out, digits_root)
    assert [s.state for s in found] == ["done", "done"]
    return out


def test_nothing_is_there_before_it_runs(tmp_path):
    assert [s.state for s in standings(runs(), tmp_path / "none")] == ["pending", "pending"]
    assert [row["top1"] for row in tables.rows(folders.of_plan(study(), tmp_path / "none"))] == [None, None]


@pytest.mark.parametrize(
    ("code", "hung", "sentence"),
    [
        (-9, False, "want of memory"),
        (-9, True, "no sign of life"),
        (75, False, "interrupted"),
        (1, False, "bad"),
    ],
)
def test_the_reason_of_an_end_names_the_mend(tmp_path, code, hung, sentence):
    log = tmp_path / "run.log"
    log.write_text("fine\nerror: bad thing\n")
    found = Standing(runs()[0], tmp_path, "failed")
    why = scheduler.why(code, found, hung=hung, log=log)
    assert sentence in i18n.render(why)
    assert re.search("[가-힣]", i18n.render(why, "ko")) or why.code == "recorded-error"


def test_want_of_memory_never_changes_the_batch_silently(tmp_path):
    found = Standing(runs()[0], tmp_path, "failed", error="CUDA out of memory. Tried to allocate 2 GiB")
    why = i18n.render(scheduler.why(1, found, hung=False, log=tmp_path / "none"))
    assert "train.accumulate=2" in why and why.endswith(records.LESS_MEMORY)


@pytest.mark.slow
def test_what_is_done_is_not_run_again(calm, digits_root):
    before = predictions(calm), len(events(calm))
    assert [s.state for s in go(calm, digits_root)] == ["done", "done"]
    assert before == (predictions(calm), len(events(calm)))
    rows = tables.rows(folders.of_plan(study(), calm))
    found = records.read_predictions(calm / runs()[0].directory, "test-last")
    assert rows[0]["top1"] == pytest.approx(100 * np.mean(found.logits.argmax(1) == found.labels))


@pytest.mark.slow
def test_an_edited_study_is_refused_by_name(calm, digits_root):
    edited = runs(**{"optim.lr": 0.5})
    with pytest.raises(ConfigError, match=r"2 runs .* optim\.lr: 0\.001 -> 0\.5"):
        scheduler.run(edited, out=calm, root=digits_root, options=Options(), notice=lambda found, event: None)


@pytest.mark.slow
def test_a_killed_run_is_taken_up_and_ends_the_same(tmp_path, calm, digits_root):
    out, killed = tmp_path / "study", []

    def notice(found, event):
        for s in found:
            if not killed and s.state == "running" and s.step > 3:
                killed.append(s.pid)
                os.kill(s.pid, signal.SIGKILL)

    assert [s.state for s in go(out, digits_root, notice)] == ["done", "done"]
    assert killed and [e["event"] for e in events(out)].count("retry") == 1
    assert predictions(out) == predictions(calm)


@pytest.mark.slow
def test_a_killed_scheduler_is_followed_by_one_that_adopts_its_runs(tmp_path, calm, digits_root):
    out = tmp_path / "study"
    first = in_process(out, digits_root, tmp_path)
    wait_for(lambda: training(out))
    first.kill()
    first.wait()
    assert [s.state for s in go(out, digits_root)] == ["done", "done"]
    told = [e["event"] for e in events(out)]
    assert "adopted" in told and "retry" not in told
    assert predictions(out) == predictions(calm)


@pytest.mark.slow
def test_run_and_scheduler_killed_at_once_are_both_followed(tmp_path, calm, digits_root):
    out = tmp_path / "study"
    first = in_process(out, digits_root, tmp_path)
    wait_for(lambda: training(out))
    for pid in (first.pid, *(s.pid for s in training(out))):
        os.kill(pid, signal.SIGKILL)
    first.wait()
    assert [s.state for s in go(out, digits_root)] == ["done", "done"]
    assert predictions(out) == predictions(calm)


@pytest.mark.slow
def test_a_study_edited_after_half_of_its_runs_is_refused_by_what_changed(
    tmp_path, calm, digits_root, capsys
):
    file, out = tmp_path / "small.yaml", tmp_path / "study"
    words = ["study", "run", str(file), "--slots", "2", "--out", str(out), "--root", str(digits_root)]
    file.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    assert cli.main([*words, "--only", "augmentation=default"]) == 0
    before = contents(out)
    tree = {**STUDY, "base": {**STUDY["base"], "train.batch_size": 32}}
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert "default with seed 0 has begun with other settings (train.batch_size: 64 -> 32)" in said
    assert contents(out) == before, "nothing was started, nothing was touched"
    file.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    assert cli.main(words) == 0
    assert predictions(out) == predictions(calm)


def contents(out: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.mark.slow
def test_on_a_full_disk_a_run_fails_with_a_sentence_and_goes_on_when_there_is_space(
    tmp_path, small_disk, calm, digits_root, capfd
):
    out = small_disk / "study"
    (small_disk / "others").write_bytes(bytes(shutil.disk_usage(small_disk).free - 250_000))
    told = []
    found = go(out, digits_root, lambda found, event: told.append(event) if event else None, retries=1)
    assert {s.state for s in found} & {"done", "running"} == set()
    reasons = {event["reason"] for event in told if event["event"] == "gave up"}
    assert len(reasons) == 2 and all("disk is full; free some space" in reason for reason in reasons), told
    for planned in runs():
        path = out / planned.directory
        assert not list(path.rglob("*.part")), "nothing half is left"
        if records.is_run(path):
            assert records.read_config(path).digest == planned.config.digest
            records.read_status(path), records.read_events(path)
    (small_disk / "others").unlink()
    assert [s.state for s in go(out, digits_root)] == ["done", "done"]
    assert predictions(out) == predictions(calm)


@pytest.mark.slow
def test_out_of_memory_is_reported_with_a_mend_and_the_batch_is_kept(tmp_path, digits_root, monkeypatch):
    """The system refuses memory beyond what an idle run holds and half a gigabyte."""
    idle = "import psutil, torch, timm, sklearn.datasets, numba; print(psutil.Process().memory_info().vms)"
    done = subprocess.run([sys.executable, "-c", idle], capture_output=True, text=True, check=True)
    limit = int(done.stdout) + 500_000_000
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    large = {"model.arch": "resnet50", "model.patch_size": 0, "model.kwargs": {}, "train.batch_size": 1200}
    planned = runs(**large)[:1]
    told = []
    scheduler.run(
        planned, out=tmp_path / "out", root=digits_root, options=Options(retries=0, backoff=0.1),
        notice=lambda found, event: told.append(event) if event else None,
    )  # fmt: skip
    reason = told[-1]["reason"]
    assert told[-1]["event"] == "gave up" and "out of memory" in reason and "train.accumulate=2" in reason
    path = tmp_path / "out" / planned[0].directory
    assert records.read_config(path).train.batch_size == 1200
    assert records.read_status(path)["state"] == "failed"


@pytest.mark.slow
def test_two_schedulers_never_work_on_one_study(tmp_path, digits_root):
    out = tmp_path / "study"
    first = in_process(out, digits_root, tmp_path)
    wait_for(lambda: training(out))
    with pytest.raises(ConfigError, match="is being written by process"):
        go(out, digits_root)
    first.send_signal(signal.SIGTERM)
    assert first.wait() == 75
    assert not training(out)


@pytest.mark.slow
def test_of_two_schedulers_started_at_the_same_time_one_works(tmp_path, calm, digits_root):
    out = tmp_path / "study"
    both = [in_process(out, digits_root, tmp_path) for _ in range(2)]
    assert sorted(process.wait() for process in both) == [0, 2]
    assert [len(records.read_status(s.path)["starts"]) for s in standings(runs(), out)] == [1, 1]
    assert sorted(e["event"] for e in events(out)) == ["done", "done", "started", "started"]
    assert predictions(out) == predictions(calm)


@pytest.mark.slow
def test_a_run_that_hangs_is_started_again(tmp_path, calm, digits_root):
    out, stopped = tmp_path / "study", []

    def notice(found, event):
        for s in found:
            if not stopped and s.state == "running" and s.step > 3:
                stopped.append(s.pid)
                os.kill(s.pid, signal.SIGSTOP)

    found = go(out, digits_root, notice, hang_seconds=25.0)
    assert [s.state for s in found] == ["done", "done"]
    assert "hung" in [e["event"] for e in events(out)]
    assert predictions(out) == predictions(calm)


@pytest.mark.parametrize(
    ("wanted", "given"), [(None, "4"), ("", "4"), ("2", "2"), ("9", "4"), ("0", "4"), ("2,1", "4")]
)
def test_a_slot_computes_with_no_more_threads_than_the_user_allows(monkeypatch, wanted, given):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert set(backends.threads(4).values()) == {given}


def test_a_heartbeat_that_is_old_after_a_sleep_of_the_machine_is_given_time_for_the_next(
    tmp_path, monkeypatch
):
    planned, clock, age, sent = runs()[0], [1.0], [9000.0], []
    monkeypatch.setattr(scheduler.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        scheduler, "standing", lambda run, out, *_: Standing(run, out, "running", beat_age=age[0])
    )
    work = SimpleNamespace(code=lambda: None, age=lambda: 1e6, send=sent.append, about={})
    pool = scheduler._Pool(runs(), tmp_path, Options(hang_seconds=900.0), lambda found, event: None, None)
    job = scheduler._Job(planned, work, 0)
    for clock[0], age[0] in ((1.0, 9000.0), (6.0, 9005.0), (8.0, 0.5), (900.0, 901.0), (910.0, 911.0)):
        pool._look_at(job)
    assert sent == [], "it beat in between, and is watched again only since 900"
    clock[0], age[0] = 916.0, 917.0
    pool._look_at(job)
    assert sent == [signal.SIGKILL] and job.hung
