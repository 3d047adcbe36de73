"""A study on local slots, and what becomes of it when processes die."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from mixscope.errors import ConfigError
from mixscope.runs import records, scheduler, tables
from mixscope.runs.scheduler import Options
from mixscope.runs.standing import Standing, standings
from mixscope.study import matrix

STUDY = {
    "name": "small",
    "base": {
        "data.name": "digits",
        "model.arch": "vit_tiny_patch16_224",
        "model.patch_size": 16,
        "model.kwargs": {"embed_dim": 16, "depth": 1, "num_heads": 2},
        "augment.base": "none",
        "train.epochs": 6,
        "train.batch_size": 64,
        "run.device": "cpu",
        "run.checkpoint_seconds": 0.2,
    },
    "factors": {"augmentation": {"default": {"augment.mix": "none"}, "cutmix": {"augment.mix": "cutmix"}}},
    "seeds": [0],
}


def runs(**base):
    tree = {**STUDY, "base": {**STUDY["base"], **base}}
    return matrix.parse(yaml.safe_dump(tree, sort_keys=False), file="small.yaml").expand()


def go(out, root, notice=lambda found, event: None, **options):
    return scheduler.run(
        runs(), out=out, root=root, options=Options(**{"slots": 2, "backoff": 0.1} | options), notice=notice
    )


def events(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "scheduler.jsonl").read_text().splitlines()]


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


def wait_for(what, seconds=90.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def training(out: Path) -> list[Standing]:
    found = standings(runs(), out)
    return [s for s in found if s.state == "running" and s.step > 3]


def predictions(out: Path) -> list[bytes]:
    return [(out / r.directory / "predictions" / "test-last.npz").read_bytes() for r in runs()]


@pytest.fixture(scope="module")
def calm(tmp_path_factory, digits_root):
    """The study, undisturbed."""
    out = tmp_path_factory.mktemp("calm") / "study"
    found = go(out, digits_root)
    assert [s.state for s in found] == ["done", "done"]
    return out


def test_nothing_is_there_before_it_runs(tmp_path):
    assert [s.state for s in standings(runs(), tmp_path / "none")] == ["pending", "pending"]
    assert [row["top1"] for row in tables.results(runs(), tmp_path / "none")] == [None, None]


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
    assert sentence in scheduler.why(code, found, hung=hung, log=log)


def test_want_of_memory_never_changes_the_batch_silently(tmp_path):
    found = Standing(runs()[0], tmp_path, "failed", error="CUDA out of memory. Tried to allocate 2 GiB")
    assert "train.accumulate=2" in scheduler.why(1, found, hung=False, log=tmp_path / "none")


@pytest.mark.slow
def test_what_is_done_is_not_run_again(calm, digits_root):
    before = predictions(calm), len(events(calm))
    assert [s.state for s in go(calm, digits_root)] == ["done", "done"]
    assert before == (predictions(calm), len(events(calm)))
    rows = tables.results(runs(), calm)
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
