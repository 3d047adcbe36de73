"""How many threads a run computes with: decided before torch is imported, said, recorded, kept on resume."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixscope import threads
from mixscope.runs import records
from small_run import VIT, store

NOTHING: dict[str, str] = {}


def decided(busy, *, there=2, allowed=None, usual=None, environment=NOTHING, begun=None):
    return threads.decide(
        environment=environment, begun=begun, allowed=there if allowed is None else allowed, there=there,
        usual=there if usual is None else usual, busy=busy,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("there", "busy", "count"),
    [(2, 0.0, None), (2, 0.4, None), (2, 1.0, 1), (2, 2.0, 1), (8, 1.2, 7), (8, 7.9, 1), (1, 1.0, None)],
)
def test_every_core_that_others_use_is_a_thread_less(there, busy, count):
    found = decided(busy, there=there)
    assert found.count == count
    others = f"other programs use {busy:.1f} of {there} cores"
    assert (others == found.why) == (busy >= threads.BUSY and there > 1)


@pytest.mark.parametrize(
    ("there", "busy", "options"),
    [(2, 0.0, ()), (2, 1.0, (1, 2)), (2, 2.0, (1, 2)), (8, 3.0, (1, 5, 8)), (1, 1.0, ())],
)
def test_beside_other_programs_the_quickest_number_of_threads_is_chosen(there, busy, options):
    found = decided(busy, there=there)
    assert found.options == options
    rates = {count: 100.0 * (count % 5) for count in options}
    if options:
        timed = found.timed(rates)
        assert (
            timed.count == max(rates, key=rates.get) and f"{max(rates.values()):,.0f} images/s" in timed.why
        )
        assert timed.waits == found.waits
    assert found.timed({}) == found, "what cannot be timed is as it was decided"
    assert decided(busy, there=there, begun=2).options == ()


def test_a_quota_counts_as_cores_and_second_threads_of_a_core_do_not():
    assert decided(0.0, there=64, allowed=2).count == 2
    assert "a quota allows 2 of 64 cores" == decided(0.0, there=64, allowed=2).why
    assert decided(60.0, there=64, allowed=2).count == 2, "there is room for both elsewhere"
    assert decided(63.5, there=64, allowed=2).count == 1
    assert decided(0.0, there=8, usual=4).count is None, "as torch does"
    assert decided(2.0, there=8, usual=4).count is None
    assert decided(6.0, there=8, usual=4).count == 2


@given(st.integers(1, 64), st.integers(1, 64), st.floats(0, 64))
def test_there_is_always_a_thread_and_never_more_than_cores(there, allowed, busy):
    found = decided(min(busy, there), there=there, allowed=min(allowed, there))
    assert 1 <= (found.count or there) <= there and found.why


def test_what_the_user_says_wins_and_nobody_is_watched():
    found = threads.decide(environment={"OMP_NUM_THREADS": "3"})
    assert (found.count, found.why, found.busy) == (3, "as OMP_NUM_THREADS says", None)
    assert found.waits == threads.BOUNDED_WAIT, "other programs may start later"
    assert decided(0.0, environment={"OMP_NUM_THREADS": "many"}).count is None


def test_on_a_quiet_machine_threads_spin_for_less_than_a_time_slice_since_others_may_start_later():
    why = {"MIXSCOPE_THREADS_WHY": "one for each of 2 cores"}
    assert decided(0.1).environment == {**why, "GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
    assert decided(0.1, environment={"KMP_BLOCKTIME": "200"}).environment == why
    assert decided(0.1, begun=2).waits == threads.BOUNDED_WAIT


def test_how_threads_wait_is_set_before_torch_is_imported(tmp_path):
    """Libraries read these variables when they are loaded."""
    before = """
import builtins
imported, seen = builtins.__import__, []
def watched(name, *rest, **more):
    if name == "torch" and not seen:
        import os
        seen.append({each: os.environ.get(each) for each in threads.SHORT_WAIT})
        print(seen, flush=True)
        os._exit(0)
    return imported(name, *rest, **more)
builtins.__import__ = watched
threads.used = lambda: 0.0
"""
    done = train(tmp_path, tmp_path / "run", lines=before)
    assert done.stdout.strip() == str([threads.BOUNDED_WAIT]), done.stderr


@pytest.mark.parametrize("said", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_threads_wait_shortly_beside_other_programs_unless_the_user_says_how(said):
    made = decided(1.0, there=8, environment=said).environment
    assert made["OMP_NUM_THREADS"] == made["MKL_NUM_THREADS"] == "7"
    assert {k: v for k, v in made.items() if k in threads.WAITS} == ({} if said else threads.SHORT_WAIT)


def test_what_is_decided_holds_for_one_command(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with decided(1.0).settled():
        assert os.environ["OMP_NUM_THREADS"] == "1" and os.environ["GOMP_SPINCOUNT"] == "100"
    assert dict(os.environ) == before


def test_a_run_that_is_taken_up_keeps_its_threads_whatever_others_do():
    found = decided(1.5, begun=2)
    assert (found.count, found.why) == (2, "as this run began") and found.waits == threads.SHORT_WAIT


def test_a_study_decides_once_for_all_its_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "cores", lambda: 8)
    first = threads.of_study(tmp_path, now=lambda: decided(3.0, there=8))
    assert first.count == 5 and "other programs use 3.0 of 8 cores" in first.why
    assert not list(tmp_path.iterdir()), "nothing is written before anything runs"
    threads.keep(tmp_path, first)
    # Its own runs are going when the next scheduler takes over, or nothing is.
    for busy in (0.0, 8.0):
        later = threads.of_study(tmp_path, now=lambda busy=busy: decided(busy, there=8))
        assert (later.count, later.why) == (first.count, first.why)
        threads.keep(tmp_path, decided(busy, there=8))
    monkeypatch.setattr(threads, "cores", lambda: 4)  # on another machine, with fewer
    assert threads.of_study(tmp_path, now=lambda: decided(0.0, there=4)).count == 4
    (tmp_path / "threads.json").write_text("{")
    assert threads.of_study(tmp_path, now=lambda: decided(0.0, there=4)).count == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.of_study(tmp_path, now=lambda: threads.decide()).count == 2


def test_a_count_that_is_no_number_does_not_make_a_study_decide_again(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    threads.keep(tmp_path, threads.of_study(tmp_path, now=lambda: decided(3.0, there=8)))
    assert threads.of_study(tmp_path, now=lambda: decided(0.0, there=8)).count == 5


def train(root: Path, out: Path, *pairs: str, lines: str = "", **environment: str):
    """As a fresh process, in which others are said to use cores."""
    kept = {k: v for k, v in os.environ.items() if k not in (*threads.COUNTS, threads.WHY, *threads.WAITS)}
    words = [
        "train",
        "data.name=small",
        "data.val_fraction=0.2",
        "train.batch_size=16",
        "run.device=cpu",
        *VIT,
    ]
    program = f"import sys\nfrom mixscope import threads\n{lines}\n"
    program += "from mixscope.__main__ import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *words, *pairs, "--root", str(root), "--out", str(out)],
        env={**kept, **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_says_and_records_its_threads_and_goes_on_with_them(tmp_path):
    root, out = tmp_path / "data", tmp_path / "run"
    store(root)
    busy = "threads.used = lambda: float(len(threads.affinity()))"
    done = train(root, out, "train.epochs=1", lines=busy)
    assert done.returncode == 0, done.stderr
    kept = records.read_environment(out)
    count = kept["device"]["threads"]
    if len(threads.affinity()) > 1:
        assert "images/s with 1" in done.stdout.splitlines()[0], "it was timed"
    assert done.stdout.startswith("threads   ") and kept["hardware"]["threads_why"] in done.stdout
    # Stopped before its end, it goes on with as many on a quiet machine.
    status = json.loads((out / "status.json").read_text())
    (out / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    (out / "summary.json").unlink()
    again = train(root, out, "train.epochs=1", lines="threads.used = lambda: 0.0")
    assert again.returncode == 0 and again.stdout.startswith("threads   as this run began"), again.stderr
    assert "bits may differ" not in again.stdout
    assert [start["threads"] for start in records.read_status(out)["starts"]] == [count, count]


def test_a_process_in_which_torch_may_have_computed_times_nothing_in_forks(tmp_path, digits_root):
    """As a notebook: a fork would wait for ever for the threads of a pool that it has not."""
    code = f"""
import torch
from mixscope import cli, threads
from mixscope.runs import probe
torch.set_num_threads(2)
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
busy = threads.Threads(count=1, why="made up", options=(1, 2))
threads.decide = lambda **more: busy
probe.rates = lambda *a, **k: 1 / 0
words = ["data.name=digits", "data.per_class=2", "train.epochs=1", "model.arch=resnet10t"]
assert cli.main(["train", *words, "--root", {str(digits_root)!r}, "--out", {str(tmp_path / "r")!r}]) == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
