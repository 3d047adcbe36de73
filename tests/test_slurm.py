"""A study through submitit: its local executor, and Slurm's commands as fake_slurm.py plays them.

A real Slurm has not been seen by these tests.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import small_study
from mixscope.errors import ConfigError
from mixscope.runs import records
from mixscope.studies.backends import slurm
from mixscope.studies.scheduler import Options
from small_study import STUDY, events, predictions, runs, standings, training, wait_for

pytestmark = pytest.mark.timeout(600)


def silent(found, event):
    pass


@pytest.fixture(scope="module")
def calm(tmp_path_factory, digits_root):
    """What the models predict when the study is run on this machine, undisturbed."""
    return small_study.here(tmp_path_factory.mktemp("calm") / "study", digits_root)


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Path:
    """Slurm's commands stand on the path; the folder where they keep what they were asked."""
    home, commands = tmp_path / "slurm", tmp_path / "bin"
    home.mkdir()
    commands.mkdir()
    fake = Path(__file__).with_name("fake_slurm.py")
    for name in ("sbatch", "srun", "sacct", "scancel", "scontrol"):
        file = commands / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} {name} "$@"\n')
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(home))
    return home


def scheduler_process(out: Path, root: Path, tmp_path: Path) -> subprocess.Popen:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "mixscope", "study", "run", str(file), "--executor", "slurm"]
    with (tmp_path / "log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--slurm", "partition=small", "--out", str(out), "--root", str(root)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[slurm\]'"):
        slurm.run([], out=tmp_path, root=tmp_path, options=Options(), notice=silent)


def test_without_slurm_a_sentence_says_so(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"--executor slurm: .*srun.* where sbatch and srun are"):
        slurm.run([], out=tmp_path, root=tmp_path, options=Options(), notice=silent)


def test_a_wrong_parameter_is_named(tmp_path, cluster):
    pytest.importorskip("submitit")
    with pytest.raises(ConfigError, match=r"--slurm: .*partitoin"):
        slurm.run(
            [],
            out=tmp_path / "study",
            root=tmp_path,
            options=Options(),
            notice=silent,
            parameters={"partitoin": "small"},
        )


@pytest.mark.slow
def test_an_array_runs_the_study_and_a_job_that_is_preempted_goes_on(tmp_path, digits_root, calm, cluster):
    pytest.importorskip("submitit")
    out, preempted = tmp_path / "study", []

    def notice(found, event):
        if not preempted and (busy := training(out)):
            number = next(e["slurm"] for e in events(out) if e["run"] == busy[0].path.name)
            preempted.append(busy[0].path)
            subprocess.run(["scancel", number, "--signal", "USR2"], check=True)

    found = slurm.run(
        runs(),
        out=out,
        root=digits_root,
        options=Options(slots=1, backoff=0.1),
        notice=notice,
        gpus=1,
        parameters={"partition": "small", "account": "me"},
    )
    assert [s.state for s in found] == ["done", "done"]
    scripts = list(cluster.glob("*.sh"))
    assert len(scripts) == 1  # the job that was preempted came back under its number
    asked = {line.removeprefix("#SBATCH --") for line in scripts[0].read_text().splitlines()}
    assert {
        "array=0-1%1",
        "partition=small",
        "account=me",
        "cpus-per-task=1",
        "gpus-per-node=1",
        "time=120",
        "signal=USR2@90",
        "job-name=mixscope-study",
    } <= asked
    assert [e["event"] for e in events(out)].count("retry") == 0
    assert {s.path: len(records.read_status(s.path)["starts"]) for s in found} == {
        s.path: 2 if s.path in preempted else 1 for s in found
    }
    assert predictions(out) == calm


@pytest.mark.slow
def test_jobs_outlive_a_killed_scheduler_and_the_next_adopts_them(tmp_path, digits_root, calm, cluster):
    pytest.importorskip("submitit")
    out, log, hold = tmp_path / "study", tmp_path / "log", cluster / "hold"
    hold.touch()  # else they may be done before the next scheduler has begun

    def seen(event: str) -> bool:
        journal = out / "scheduler.jsonl"
        return journal.exists() and [e["event"] for e in events(out)].count(event) == 2

    def running() -> bool:
        return [file.read_text() for file in cluster.glob("*.state")] == ["RUNNING", "RUNNING"]

    first = scheduler_process(out, digits_root, tmp_path)
    wait_for(lambda: seen("started") and running(), alive=lambda: first.poll() is None)
    first.kill()
    first.wait()
    second = scheduler_process(out, digits_root, tmp_path)
    wait_for(lambda: seen("adopted"), alive=lambda: second.poll() is None)
    hold.unlink()
    assert second.wait() == 0, log.read_text()
    assert len(list(cluster.glob("*.sh"))) == 1
    assert [len(records.read_status(s.path)["starts"]) for s in standings(out)] == [1, 1]
    assert predictions(out) == calm


@pytest.mark.slow
def test_a_scheduler_that_is_asked_to_stop_empties_the_queue(tmp_path, digits_root, calm, cluster):
    pytest.importorskip("submitit")
    out, log = tmp_path / "study", tmp_path / "log"
    process = scheduler_process(out, digits_root, tmp_path)
    wait_for(lambda: training(out), alive=lambda: process.poll() is None)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 75, log.read_text()
    assert not [s for s in standings(out) if s.state == "running"]
    assert {file.read_text() for file in cluster.glob("*.state")} <= {"CANCELLED", "COMPLETED"}
    assert scheduler_process(out, digits_root, tmp_path).wait() == 0, log.read_text()
    assert predictions(out) == calm


@pytest.mark.slow
def test_submitit_alone_executes_runs_with_the_same_records(tmp_path, digits_root, calm):
    pytest.importorskip("submitit")
    out = tmp_path / "study"
    options = Options(slots=2, backoff=0.1)
    found = slurm.run(runs(), out=out, root=digits_root, options=options, notice=silent, cluster="local")
    assert [s.state for s in found] == ["done", "done"]
    assert predictions(out) == calm
