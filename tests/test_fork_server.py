"""Runs that start as forks of one warm process: what is in it before, and that nothing else differs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mixscope import fork_server, threads
from mixscope.runs import code_version, records
from mixscope.studies import scheduler
from mixscope.studies.backends import command, forked, local
from mixscope.studies.backends.forked import Forked, ForkServer
from mixscope.studies.scheduler import Options
from mixscope.studies.status import standing, standings
from small_study import events, predictions, runs, wait_for

pytestmark = pytest.mark.skipif(not forked.possible(), reason="this system does not fork soundly")

UNTOUCHED = """
import json, os, sys
import numpy as np
before = np.random.get_state()[1].tolist()  # that of `random` Python itself makes anew in every fork
from mixscope import fork_server
fork_server.load()
fork_server.prepare(json.loads(sys.argv[1]))
import torch
assert before == np.random.get_state()[1].tolist(), "random numbers were drawn"
fresh = torch.Generator().manual_seed(torch.initial_seed())
assert torch.equal(torch.get_rng_state(), fresh.get_state()), "torch has drawn"
assert not torch.cuda.is_initialized()
assert "sklearn" not in sys.modules
from mixscope.data import kernels
assert kernels.fused.cache_info().currsize >= 1, "kernels are loaded"
print(len(os.listdir("/proc/self/task")))
"""


def words(out: Path, root: Path) -> list[str]:
    """Of a run, with its settings written."""
    (out / "logs").mkdir(parents=True, exist_ok=True)
    line = command(runs()[0], out=out, root=root, extra=())
    return line[line.index("mixscope") + 1 :]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists threads")
@pytest.mark.parametrize("count", ["1", "2"])
def test_no_thread_no_cuda_context_and_no_random_draw_is_there_before_a_fork(tmp_path, digits_root, count):
    environment = {**os.environ, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", UNTOUCHED, json.dumps(words(tmp_path, digits_root))],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"], "threads before the fork"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists threads")
def test_a_process_with_another_thread_refuses_to_be_forked():
    program = "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    program += "from mixscope import fork_server; print(fork_server.unfit())"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert "1 threads" in done.stdout


def test_the_version_of_a_run_is_that_of_the_code_its_server_has_imported(monkeypatch):
    monkeypatch.setattr(code_version, "_held", {})
    monkeypatch.setattr(code_version, "digest", lambda: "imported")
    code_version.hold()
    monkeypatch.setattr(code_version, "digest", lambda: "edited since")
    assert code_version.current()["digest"] == "imported"


def test_an_order_that_is_taken_back_before_the_server_is_ready_is_never_carried_out(tmp_path):
    server = ForkServer(log=tmp_path / "server.log", environment=dict(os.environ))
    log = tmp_path / "run.log"
    work = Forked(
        server, server.start(["--version"], log=log, environment={}), spawn=lambda: pytest.fail("x")
    )
    assert work.code() is None and work.about == {}
    work.send(signal.SIGTERM)
    wait_for(lambda: work.code() is not None)
    assert work.code() == -signal.SIGTERM and not log.exists()
    server.close()


def test_a_server_that_hangs_is_killed_with_the_run_that_waits_for_it(tmp_path):
    server = ForkServer(log=tmp_path / "server.log", environment=dict(os.environ))
    os.kill(server.process.pid, signal.SIGSTOP)
    number = server.start(["--version"], log=tmp_path / "log", environment={})
    work = Forked(server, number, spawn=lambda: pytest.fail("x"), sent=time.monotonic() - 100)
    assert work.code() is None and work.age() > 99
    work.send(signal.SIGKILL)
    wait_for(lambda: work.code() is not None)
    assert work.code() == -signal.SIGKILL
    server.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that is ready."""
    environment = {**os.environ, "KEPT": "yes", "OPENBLAS_NUM_THREADS": "7"}
    made = ForkServer(log=tmp_path_factory.mktemp("server") / "log", environment=environment)
    wait_for(lambda: made.look() or made.ready or made.ended)
    assert not made.ended
    yield made
    made.close()


def carried_out(server, tmp_path, *words, **environment):
    log = tmp_path / "run.log"
    number = server.start(list(words), log=log, environment=environment)
    work = Forked(server, number, spawn=lambda: pytest.fail("not from the server"))
    wait_for(lambda: work.code() is not None)
    return work, log


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["--version"], 0, "mixscope 0."),
        (["train", "data.name=cifar10O"], 2, 'error: data.name: no data set "cifar10O"'),
        (["train", "data.name=digits", "--root", "/nowhere"], 4, "digits is not prepared"),
    ],
)
def test_exit_code_and_output_are_those_of_a_fresh_process(server, tmp_path, line, code, said):
    (tmp_path / "run.log").write_text("before\n")
    work, log = carried_out(server, tmp_path, *line)
    told = log.read_text()
    assert work.code() == code and told.startswith("before\n") and said in told
    fresh = subprocess.run(
        [sys.executable, "-m", "mixscope", *line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    both = [text.splitlines() for text in (fresh.stdout, told.removeprefix("before\n"))]
    own, forked_one = ([line for line in lines if not line.startswith("threads ")] for lines in both)
    assert fresh.returncode == code and own == forked_one, "but for what other programs use at the moment"


def test_a_fork_has_its_own_session_environment_and_directory_and_no_descriptor_of_the_server(
    tmp_path, monkeypatch
):
    """Asked of a fork that lists what it has instead of training."""
    asked = tmp_path / "asked.py"
    asked.write_text(
        "import json, os, sys\n"
        "from mixscope import fork_server\n"
        "from mixscope import __main__\n"
        "def told():\n"
        "    fds = sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
        "                 if os.path.exists(f'/proc/self/fd/{n}'))\n"
        "    print(json.dumps([os.getsid(0) == os.getpid(), dict(os.environ), sys.argv[1:], fds]))\n"
        "    return 7\n"
        "__main__.main = told\n"
        "fork_server.load = lambda: None\n"
        "raise SystemExit(fork_server.main())\n"
    )
    started = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda line, **more: started([sys.executable, str(asked)], **more)
    )
    environment = {**os.environ, "KEPT": "yes", "OPENBLAS_NUM_THREADS": "7"}
    server = ForkServer(log=tmp_path / "server.log", environment=environment)
    work, log = carried_out(server, tmp_path, "train", "x", CUDA_VISIBLE_DEVICES="3")
    assert work.code() == 7
    own_session, seen, line, open_files = json.loads(log.read_text().splitlines()[-1])
    assert own_session and line == ["train", "x"]
    assert (seen["KEPT"], seen["OPENBLAS_NUM_THREADS"], seen["CUDA_VISIBLE_DEVICES"]) == ("yes", "7", "3")
    assert open_files[:1] == ["/dev/null"] and sum("pipe:" in name for name in open_files) == 1
    assert open_files.count(str(log)) == 2
    server.close()


def test_when_the_server_cannot_be_had_runs_start_as_fresh_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(forked, "MODULE", "mixscope.no_such_module")
    place = local.Local(tmp_path, tmp_path, threads=1, environments=[{}], extra=(), fork=True)
    monkeypatch.setattr(local, "command", lambda *_, **__: [sys.executable, "-c", "exit(5)", "mixscope"])
    (tmp_path / "logs").mkdir()
    for _ in range(2):
        work = place.start([(runs()[0], 0)])[0]
        wait_for(lambda work=work: work.code() is not None)
        assert work.code() == 5 and "pid" in work.about
        work.close()
    place.close()


@pytest.fixture
def light(monkeypatch):
    """Servers that import nothing heavy, and whose runs do not train."""
    started, file = subprocess.Popen, Path(__file__).with_name("light_server.py")
    monkeypatch.setattr(
        subprocess, "Popen", lambda line, **more: started([sys.executable, str(file)], **more)
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
@pytest.mark.parametrize("bound", [True, False])
def test_a_run_that_is_bound_to_its_server_ends_with_it(tmp_path, light, bound):
    launcher, log = local.Launcher(dict(os.environ), fork=True, bound=bound), tmp_path / "run.log"
    work = launcher.start(["python", "-m", "mixscope", "train", "last"], log=log, share={})
    wait_for(lambda: work.code() is None and log.exists() and log.read_text().endswith("\n"))
    run = psutil.Process(json.loads(log.read_text())["pid"])
    launcher.server.process.kill()
    try:
        if bound:
            run.wait(60)
        else:
            with pytest.raises(psutil.TimeoutExpired):
                run.wait(1)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            run.kill()
        launcher.close()


def test_threads_of_forks_spin_for_a_short_time(tmp_path, light, monkeypatch):
    """Their library read how to wait when the server was started."""
    seen, started = [], subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda line, *, env, **more: seen.append(env) or started(line, env=env, **more)
    )
    for name in threads.WAITS:
        monkeypatch.delenv(name, raising=False)
    ForkServer(log=tmp_path / "log", environment=dict(os.environ)).close()
    ForkServer(log=tmp_path / "log", environment={**os.environ, "GOMP_SPINCOUNT": "7"}).close()
    assert [env["GOMP_SPINCOUNT"] for env in seen] == ["10000", "7"]
    assert "KMP_BLOCKTIME" in seen[0] and "KMP_BLOCKTIME" not in seen[1]


def test_a_process_that_only_has_the_number_of_an_earlier_run_is_not_adopted(tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        note, born = tmp_path / "run.pid", psutil.Process(stranger.pid).create_time()
        note.write_text(json.dumps({"pid": stranger.pid, "born": born, "host": "here"}))
        assert forked.left_behind(note, "here") is None, "it executes something else"
    finally:
        stranger.kill()
        stranger.wait()
    me = [sys.executable, "-c", "import time; time.sleep(300)", forked.MODULE]
    like_ours = subprocess.Popen(me)
    try:
        wait_for(lambda: forked.MODULE in psutil.Process(like_ours.pid).cmdline())
        born = psutil.Process(like_ours.pid).create_time()
        for about, adopted in (({}, True), ({"born": born - 60}, False), ({"host": "elsewhere"}, False)):
            note.write_text(json.dumps({"pid": like_ours.pid, "born": born, "host": "here", **about}))
            assert (forked.left_behind(note, "here") is not None) == adopted
        note.write_text('{"pid": 1')
        assert forked.left_behind(note, "here") is None
    finally:
        like_ours.kill()
        like_ours.wait()


def go(out, root, **options):
    notice = options.pop("notice", lambda found, event: None)
    chosen = Options(**{"slots": 2, "backoff": 0.1} | options)
    return scheduler.run(runs(), out=out, root=root, options=chosen, notice=notice)


@pytest.mark.slow
def test_runs_from_the_server_predict_the_same_bytes_as_fresh_processes(tmp_path, digits_root):
    fresh, warm = tmp_path / "fresh", tmp_path / "warm"
    for out, fork in ((fresh, False), (warm, True)):
        assert [s.state for s in go(out, digits_root, fork=fork)] == ["done", "done"]
    assert predictions(fresh) == predictions(warm)
    for run in runs():
        kept = json.loads((warm / "logs" / f"{run.directory}.pid").read_text())
        status = records.read_status(warm / run.directory)
        assert [start["pid"] for start in status["starts"]] == [kept["pid"]], "it came from the server"
        old, new = (records.read_environment(out / run.directory) for out in (fresh, warm))
        assert {k: v for k, v in old.items() if k != "study"} == {
            k: v for k, v in new.items() if k != "study"
        }
    assert not list((fresh / "logs").glob("*.pid"))
    assert (warm / "logs" / "fork-server.log").read_text() == ""


@pytest.mark.slow
def test_runs_outlive_their_server_and_the_next_ones_start_from_a_new_one(tmp_path, digits_root):
    out, killed = tmp_path / "study", []

    def notice(found, event):
        for s in found:
            if not killed and s.state == "running" and s.step > 3:
                killed.append(psutil.Process(s.pid).ppid())
                os.kill(killed[0], signal.SIGKILL)

    assert [s.state for s in go(out, digits_root, slots=1, notice=notice)] == ["done", "done"]
    assert killed and "retry" not in [e["event"] for e in events(out)]
    assert all((out / "logs" / f"{run.directory}.pid").exists() for run in runs())


@pytest.mark.slow
def test_a_forked_run_that_its_scheduler_left_before_its_first_record_is_adopted(tmp_path, digits_root):
    out, planned = tmp_path / "study", runs()[0]
    (out / "logs").mkdir(parents=True)
    place = local.Local(out, digits_root, threads=1, environments=[{}], extra=(), fork=True)
    orphan = place.start([(planned, 0)])[0]
    wait_for(lambda: orphan.code() is None and orphan.pid is not None)
    place.close()
    found = standing(planned, out)
    assert [run for run, _ in place.adopt([found])] == [planned]
    assert go(out, digits_root)[0].state == "done"
    told = [(e["event"], e["run"]) for e in events(out)]
    assert ("adopted", planned.directory) in told and ("started", planned.directory) not in told


@pytest.mark.slow
def test_stopping_while_the_server_imports_leaves_nothing_behind(tmp_path, digits_root):
    out = tmp_path / "study"
    (out / "logs").mkdir(parents=True)
    place = local.Local(out, digits_root, threads=1, environments=[{}], extra=(), fork=True)
    works = place.start([(run, slot) for slot, run in enumerate(runs())])
    for work in works:
        work.send(signal.SIGTERM)
    for work in works:
        wait_for(lambda work=work: work.code() is not None)
    place.close()
    time.sleep(0.5)
    assert [s.state for s in standings(runs(), out)] == ["pending", "pending"]
    assert [file.name for file in (out / "logs").glob("*.log")] == ["fork-server.log"]


def test_every_file_that_can_change_a_run_is_imported_before_the_fork():
    program = (
        "import sys; from mixscope import fork_server; fork_server.load()\n"
        "from mixscope.runs import code_version\n"
        "known = {getattr(module, '__file__', None) for module in sys.modules.values()}\n"
        "print([str(f) for f in code_version.files() if str(f) not in known], code_version._held['digest'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["[]", code_version.digest()], done.stderr
    assert fork_server.UNFIT not in (0, 1, 2, 4, 75)


def test_a_fork_that_ends_waits_for_threads_runs_exit_handlers_and_flushes_its_output():
    program = (
        "import atexit, sys, threading, time\n"
        "from mixscope import fork_server\n"
        "atexit.register(print, 'handler')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        "sys.stdout.write('buffered ')\n"
        "fork_server.end(75)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (75, ["buffered", "thread", "handler"]), done.stderr
