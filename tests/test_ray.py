"""A study on a Ray cluster: two nodes, all of them on this machine, and what becomes of it when one dies.

Without Ray these are skipped: pip install -e '.[ray]'.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import small_study
from mixscope.errors import ConfigError
from mixscope.runs import records
from mixscope.studies.backends import forked
from mixscope.studies.backends import ray as on_ray
from mixscope.studies.scheduler import Options
from mixscope.study.config import RunConfig
from small_study import STUDY, events, predictions, runs, standings, training, wait_for

# Ray's own warnings are none of ours.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]
STORE = {"object_store_memory": 80_000_000, "include_dashboard": False}


def silent(found, event):
    pass


@pytest.fixture(scope="module")
def calm(tmp_path_factory, digits_root):
    """What the models predict when the study is run on this machine, undisturbed."""
    return small_study.here(tmp_path_factory.mktemp("calm") / "study", digits_root)


@pytest.fixture
def cluster():
    """A cluster with one node; more can join."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **STORE})
    yield made
    made.shutdown()


def scheduler_process(out: Path, root: Path, address: str, tmp_path: Path) -> subprocess.Popen:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "mixscope", "study", "run", str(file), "--executor", "ray"]
    with (tmp_path / "log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--out", str(out), "--root", str(root)],
            env=os.environ | {"RAY_ADDRESS": address},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[ray\]'"):
        on_ray.run([], out=tmp_path, root=tmp_path, options=Options(), notice=silent)


class NoPost:
    """The scheduler's side as a task sees it, with no orders; calls are answered here."""

    def __init__(self):
        self.exchange = self
        self.parcels = []

    def remote(self, parcel):
        self.parcels.append(parcel)
        return self

    def future(self):
        return self

    def result(self):
        return None


@pytest.fixture
def worker(monkeypatch):
    """A worker of Ray without Ray, whose fork servers import nothing heavy."""
    stand_in = types.SimpleNamespace(exceptions=types.SimpleNamespace(RayError=ConnectionError))
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    started, file = subprocess.Popen, Path(__file__).with_name("light_server.py")

    def start(line, **more):
        return started([sys.executable, str(file)] if forked.MODULE in line else line, **more)

    monkeypatch.setattr(subprocess, "Popen", start)
    on_ray._launcher.cache_clear()
    yield
    on_ray._launcher(1, True).close()
    on_ray._launcher.cache_clear()


def errand(name, out, **more):
    (out / "logs").mkdir(exist_ok=True)
    given = {
        "start": name, "name": name, "settings": b"", "out": str(out), "root": str(out / "none"), "extra": (),
        "threads": 1, "fork": True, "token": str(out), "begun": (), **more,
    }  # fmt: skip
    return on_ray.Errand(**given)


@pytest.mark.skipif(not forked.possible(), reason="this system does not fork soundly")
def test_a_worker_starts_the_runs_of_its_tasks_from_one_server(tmp_path, worker, monkeypatch):
    for name in ("one", "other"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        assert on_ray._execute(errand(name, tmp_path), NoPost()) == 7
    said = [(tmp_path / "logs" / f"{name}.log").read_text().splitlines() for name in ("one", "other")]
    assert all(lines[0].startswith("on ") and lines[0].endswith("through Ray") for lines in said)
    one, other = (json.loads(lines[1]) for lines in said)
    assert one["parent"] == other["parent"] != os.getpid() and one["pid"] != other["pid"]
    assert (one["gpus"], other["gpus"]) == ("one", "other"), "each has the GPU of its task"
    settings = str(tmp_path / "logs" / "one.yaml")
    assert one["words"] == ["train", "--config", settings, "--out", str(tmp_path / "one")]


def test_without_a_fork_server_a_task_is_a_new_process(tmp_path, worker):
    assert on_ray._execute(errand("run", tmp_path, fork=False), NoPost()) == 2, "there are no settings"
    assert "run.yaml" in (tmp_path / "logs" / "run.log").read_text()


@pytest.mark.skipif(not forked.possible(), reason="this system does not fork soundly")
def test_a_task_that_loses_its_scheduler_stops_its_run(tmp_path, worker, monkeypatch):
    def lost(sender, *, everything=False):
        log = tmp_path / "logs" / "run.log"
        if log.exists() and "words" in log.read_text():
            raise ConnectionError

    monkeypatch.setattr(on_ray._Sender, "talk", lost)
    monkeypatch.setattr(on_ray, "TALK_SECONDS", 0.1)
    assert on_ray._execute(errand("run", tmp_path, extra=("last",)), NoPost()) == -signal.SIGTERM


@pytest.mark.slow
def test_a_node_dies_and_the_study_ends_with_the_same_records(tmp_path, digits_root, calm, cluster):
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE["object_store_memory"])
    out = tmp_path / "study"
    process = scheduler_process(out, digits_root, cluster.address, tmp_path)
    log = tmp_path / "log"
    wait_for(lambda: len(training(out)) == 2, alive=lambda: process.poll() is None)
    cluster.remove_node(second, allow_graceful=False)
    assert process.wait() == 0, log.read_text()
    retries = [e for e in events(out) if e["event"] == "retry"]
    assert len(retries) == 1 and "its node was lost" in retries[0]["reason"], events(out)
    assert [s.state for s in standings(out)] == ["done", "done"]
    assert sorted(len(records.read_status(s.path)["starts"]) for s in standings(out)) == [1, 2]
    assert predictions(out) == calm
    assert not list((out / "logs").glob(".home-*"))


@pytest.mark.slow
def test_a_scheduler_that_is_asked_to_stop_lets_runs_save_themselves(tmp_path, digits_root, calm, cluster):
    out = tmp_path / "study"
    process = scheduler_process(out, digits_root, cluster.address, tmp_path)
    log = tmp_path / "log"
    wait_for(lambda: training(out), alive=lambda: process.poll() is None)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 75, log.read_text()
    found = standings(out)
    assert sorted(s.state for s in found) in (["partial", "pending"], ["done", "partial"])
    stopped = [s for s in found if s.state == "partial"]
    assert all(records.read_status(s.path)["state"] == "interrupted" for s in stopped)

    again = scheduler_process(out, digits_root, cluster.address, tmp_path)
    assert again.wait() == 0, log.read_text()
    assert predictions(out) == calm


@pytest.mark.slow
def test_records_come_home_from_nodes_that_do_not_see_our_storage(tmp_path, digits_root, calm, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    @contextmanager
    def nowhere(out):
        (out / "logs").mkdir(parents=True, exist_ok=True)
        yield Path("/no such place/token")

    monkeypatch.setattr(on_ray, "_home", nowhere)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1, **STORE})
    out, heard, take_in = tmp_path / "study", [], on_ray._take_in

    def noted(parcel, out, name):
        heard.append(name)
        take_in(parcel, out, name)

    monkeypatch.setattr(on_ray, "_take_in", noted)
    given = runs()
    try:
        begin(given[0].config, digits_root, out / given[0].directory)
        found = on_ray.run(
            given,
            out=out,
            root=digits_root,
            options=Options(slots=2, backoff=0.1),
            notice=silent,
            gpus=0.5,  # two share the one that the cluster says it has
            address=cluster.address,
        )
    finally:
        cluster.shutdown()
    assert [s.state for s in found] == ["done", "done"]
    one, other = (r.directory for r in given)
    last = {name: len(heard) - heard[::-1].index(name) for name in (one, other)}
    assert heard.index(one) < last[other] and heard.index(other) < last[one], "they went at the same time"
    assert predictions(out) == calm
    for standing in standings(out):
        assert records.read_summary(standing.path)["epochs"] == 6
        assert sorted(p.name for p in (standing.path / "checkpoints").iterdir()) == ["last.pt", "selected.pt"]
        log = (out / "logs" / f"{standing.path.name}.log").read_text()
        assert log.startswith("on ") and "epoch  6/6" in log
        resumed = "resume    epoch" in log
        assert resumed == (standing.path.name == given[0].directory)
        assert len(records.read_status(standing.path)["starts"]) == 1 + resumed


def begin(config: RunConfig, root: Path, path: Path) -> None:
    """Trains a part of a run here."""
    settings = path.parent / "begun.yaml"
    settings.parent.mkdir()
    settings.write_text(yaml.safe_dump(config.to_dict()))
    line = ["train", "--config", str(settings), "--root", str(root), "--out", str(path)]
    process = subprocess.Popen([sys.executable, "-m", "mixscope", *line], stdout=subprocess.DEVNULL)
    wait_for((path / "checkpoints" / "last.pt").exists)
    process.kill()
    process.wait()


def test_what_is_packed_is_unpacked_and_only_what_changed_is_packed(tmp_path):
    there, home = tmp_path / "there", tmp_path / "home"
    for name, content in {
        "status.json": b"1",
        "events.jsonl": b"2",
        "checkpoints/last.pt": b"3",
        "checkpoints/previous.pt": b"4",
        ".lock": b"5",
    }.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(content)
    known = on_ray._files(there)
    on_ray._unpack(on_ray._pack(there, {}, heavy=True), home)
    assert {p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()} == {
        "status.json",
        "events.jsonl",
        "checkpoints/last.pt",
    }
    (there / "status.json").write_bytes(b"done")
    (there / "checkpoints/last.pt").write_bytes(b"33")
    on_ray._unpack(on_ray._pack(there, known, heavy=False), home)
    assert (home / "status.json").read_bytes() == b"done"
    assert (home / "checkpoints/last.pt").read_bytes() == b"3"
    on_ray._unpack(on_ray._pack(there, known, heavy=True), home)
    assert (home / "checkpoints/last.pt").read_bytes() == b"33"


def test_a_file_that_is_gone_there_is_gone_at_home(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "not-finite.pt").touch()
    parcel = on_ray.Parcel(start="run-1", files=on_ray._pack(tmp_path / "none", {}, heavy=True), log=b"line")
    on_ray._take_in(parcel, tmp_path, "run")
    on_ray._take_in(dataclasses.replace(parcel, files=None, log=b" more"), tmp_path, "run")
    assert not (tmp_path / "run" / "not-finite.pt").exists()
    assert (tmp_path / "logs" / "run.log").read_bytes() == b"line more"
