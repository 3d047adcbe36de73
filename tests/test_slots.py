"""How many runs go at once: decided from rates that are made up, on GPUs that are pretended."""

import dataclasses
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixscope.errors import ConfigError
from mixscope.studies import scheduler, slots
from mixscope.studies.backends import local
from mixscope.studies.scheduler import Options
from mixscope.studies.slots import Choice, Headroom, Ladder, choose, speedup
from mixscope.studies.status import Standing
from mixscope.study import matrix

RUNS = matrix.load("quickstart").expand()


def climb(alone, share, most=12, first=1):
    """Follows the choices on a machine where each of n runs goes at share(n) of its rate alone."""
    rates, at = {}, first
    for _ in range(3 * most):
        rates[at] = {shape: [rate * share(at)] * slots.READINGS for shape, rate in alone.items()}
        choice = choose(rates, slots=at, first=first, most=most)
        if choice.settled:
            return choice.slots
        at = choice.slots
    raise AssertionError("never settled")


@given(st.integers(1, 12), st.lists(st.floats(1, 1e5), min_size=1, max_size=3))
def test_runs_are_added_until_the_machine_is_full_whatever_their_rates(full, rates):
    alone = {str(i): rate for i, rate in enumerate(rates)}
    assert climb(alone, lambda n: min(1.0, full / n)) == full


@pytest.mark.parametrize(
    ("share", "settles"),
    [
        (lambda n: 1.0, 12),  # nothing is shared: as many as are ever tried
        (lambda n: 1 / n, 1),  # all is shared
        (lambda n: 0.52 if n == 2 else 1.0, 1),  # 4 % faster together: not worth it
        (lambda n: {1: 1.0, 2: 0.8, 3: 0.6}.get(n, 0.1), 3),
        (lambda n: {1: 1.0, 2: 0.9}.get(n, 0.2), 2),  # a third makes all together slower
    ],
)
def test_one_more_is_kept_only_if_all_together_go_faster(share, settles):
    assert climb({"a": 100.0}, share) == settles


def test_each_network_is_compared_with_itself():
    """A fast run that joins a slow one adds images per second without anything going faster."""
    rates = {1: {"slow": [10.0] * 3}, 2: {"slow": [5.0] * 3, "fast": [500.0] * 3}}
    assert speedup(rates, 2) == 1.0
    assert choose(rates, slots=2, first=1, most=4) == Choice(
        1, True, "2 runs at once go 1.00 times as fast as 1, so it stays at 1"
    )
    assert speedup({1: {"slow": [1.0]}, 2: {"fast": [1.0]}}, 2) is None


def test_nothing_is_decided_on_too_few_rates():
    assert choose({}, slots=1, first=1, most=4) == Choice(1, False, "")
    assert not choose({1: {"a": [1.0] * 3}, 2: {"b": [1.0] * 9}}, slots=2, first=1, most=4).settled
    assert choose({2: {"a": [1.0] * 3}}, slots=2, first=2, most=4).slots == 3, "two GPUs: begins with both"


class Machine:
    """Runs that give heartbeats on a clock of their own; each of n goes at share(n) of 100 img/s."""

    def __init__(self, tmp_path, share):
        self.path, self.share, self.now, self.running = tmp_path, share, 0.0, {}

    def clock(self):
        return self.now

    def beat(self, count):
        self.now += 5
        for slot in range(count):
            stands = self.running.get(slot) or Standing(RUNS[slot], self.path, "running", epochs=12)
            self.running[slot] = dataclasses.replace(
                stands, step=stands.step + 10, images_per_second=100 * self.share(count), beat_age=1.0,
                memory_bytes=10**9,
            )  # fmt: skip


def test_the_ladder_follows_heartbeats_and_says_why_it_stops(tmp_path):
    machine = Machine(tmp_path, lambda n: min(1.0, 3 / n))
    ladder = Ladder(first=1, most=8, why_full=lambda running: None, clock=machine.clock)
    allowed = []
    for _ in range(60):
        machine.beat(max(len(machine.running), ladder.choice.slots))
        allowed.append(ladder.allow(machine.running))
    assert [n for n, before in zip(allowed, [0, *allowed], strict=False) if n != before] == [1, 2, 3, 4, 3]
    assert "4 runs at once go 1.00 times as fast as 3" in ladder.why


def test_rates_that_know_of_another_number_of_runs_are_not_counted(tmp_path):
    machine = Machine(tmp_path, lambda n: 1.0)
    ladder = Ladder(first=1, most=8, why_full=lambda running: None, clock=machine.clock)
    for _ in range(3):
        machine.beat(1)
        ladder.allow(machine.running)
    before = sum(map(len, ladder.rates.get(1, {}).values()))
    machine.beat(2)
    ladder.allow(machine.running)
    assert 2 not in ladder.rates, "just begun"
    machine.running[1] = dataclasses.replace(machine.running[1], images_per_second=None)
    for _ in range(5):
        machine.now += 5
        ladder.allow(machine.running)
    assert 2 not in ladder.rates and sum(map(len, ladder.rates[1].values())) == before, "not training yet"


@pytest.mark.parametrize(("beats", "reached"), [(1, 4), (10, 8)])
def test_runs_too_short_to_be_measured_go_one_for_each_share_of_the_cores(tmp_path, beats, reached):
    """Before this they went one after the other, whatever the machine had."""
    machine = Machine(tmp_path, lambda n: 1.0)
    ladder = Ladder(first=1, most=8, usual=4, why_full=lambda running: None, clock=machine.clock)
    for number in range(40):
        count = ladder.choice.slots
        new = [RUNS[(8 * number + slot) % len(RUNS)] for slot in range(count)]
        machine.running = {slot: Standing(run, tmp_path, "running", epochs=1) for slot, run in enumerate(new)}
        for _ in range(beats):
            machine.beat(count)
            ladder.allow(machine.running)
    assert ladder.choice.slots == reached
    if beats == 1:
        assert ladder.choice.settled and "too short" in ladder.why


def test_short_runs_are_not_added_without_memory_for_them(tmp_path):
    machine = Machine(tmp_path, lambda n: 1.0)
    ladder = Ladder(first=1, most=8, usual=4, why_full=lambda running: "full", clock=machine.clock)
    for number in range(10):
        machine.running = {0: Standing(RUNS[number], tmp_path, "running", epochs=1)}
        machine.beat(1)
        assert ladder.allow(machine.running) == 1
    assert ladder.choice.settled and "full" in ladder.why


def test_a_heartbeat_counts_once(tmp_path):
    machine = Machine(tmp_path, lambda n: 1.0)
    ladder = Ladder(first=1, most=8, why_full=lambda running: None, clock=machine.clock)
    machine.beat(1)
    for _ in range(20):
        machine.now += 5
        ladder.allow(machine.running)
    assert [len(found) for found in ladder.rates[1].values()] == [1]


def test_no_run_is_added_without_memory_for_it(tmp_path):
    machine = Machine(tmp_path, lambda n: 1.0)
    ladder = Ladder(
        first=1,
        most=8,
        why_full=lambda running: slots.machine_full(running, 1_100_000_000),
        clock=machine.clock,
    )
    for _ in range(20):
        machine.beat(1)
        assert ladder.allow(machine.running) == 1
    assert "no memory for another" in ladder.why and "1.2 GB" in ladder.why
    assert slots.machine_full(machine.running, 1_300_000_000) is None


# --- GPUs ---------------------------------------------------------------------------------------


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A program that answers as nvidia-smi does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"

    def answers(text, code=0):
        program.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    answers("0, GPU-aa, 24576, 20000\\n1, GPU-bb, 24576, 24000\\n")
    return answers


def test_gpus_are_asked_for_their_memory(driver):
    assert [(g.name, g.free // 2**20) for g in slots.gpus()] == [("0", 20000), ("1", 24000)]
    assert slots.environments(slots.gpus()) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]


@pytest.mark.parametrize(
    ("visible", "names"), [("1", ["1"]), ("GPU-bb,GPU-aa", ["1", "0"]), ("", []), ("-1", []), ("7", [])]
)
def test_only_the_gpus_that_this_process_may_see_are_used(driver, monkeypatch, visible, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [g.name for g in slots.gpus()] == names


def test_a_driver_that_does_not_answer_is_reported(driver):
    driver("NVIDIA-SMI has failed\\n", code=9)
    with pytest.raises(ConfigError, match=r"^the GPUs cannot be listed \(nvidia-smi fails") as raised:
        slots.gpus()
    assert raised.value.key == "CUDA_VISIBLE_DEVICES"


def test_without_a_driver_slots_are_those_of_the_processor(monkeypatch):
    monkeypatch.setattr(slots, "_command", lambda: None)
    most, threads, environments, pace = slots.plan(3, runs=18, cores=8, clock=lambda: 0.0)
    assert (most, threads, environments, pace.allow({})) == (3, 2, [{}], 3)
    most, threads, environments, pace = slots.plan(None, runs=18, cores=2, clock=lambda: 0.0)
    assert (most, threads, environments, pace.allow({})) == (4, 1, [{}], 1)


def test_with_gpus_each_slot_sees_one_and_an_automatic_start_uses_all(driver):
    most, _, environments, pace = slots.plan(3, runs=18, cores=16, clock=lambda: 0.0)
    assert most == 3 and [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["0", "1"]
    assert isinstance(pace, Headroom)
    _, threads, _, pace = slots.plan(None, runs=18, cores=16, clock=lambda: 0.0)
    assert isinstance(pace, Ladder) and pace.allow({}) == 2 and threads == 2


def on_gpu(tmp_path, slot, held, rate=100.0):
    return {
        slot: Standing(RUNS[slot], tmp_path, "running", images_per_second=rate, device_bytes=held)
    }  # fmt: skip


def test_a_gpu_is_shared_only_where_its_memory_has_space(tmp_path):
    free = {"0": 12 * 10**9, "1": 3 * 10**9}
    pace = Headroom(6, ["0", "1"], lambda: free)
    running = {}
    assert pace.allow(running) == 1
    running |= on_gpu(tmp_path, 0, None, rate=None)
    assert pace.allow(running) == 2, "the other GPU is empty"
    running |= on_gpu(tmp_path, 1, 5 * 10**9)
    assert pace.allow(running) == 2, "it is not known yet what the first run holds"
    running |= on_gpu(tmp_path, 0, 5 * 10**9)
    assert pace.allow(running) == 3
    running |= on_gpu(tmp_path, 2, 5 * 10**9)
    assert pace.allow(running) == 3, "GPU 1 has 3 GB free"
    assert "GPU 1 has no room for another, which needs up to 6.6 GB" in pace.why
    free["1"] = 7 * 10**9
    assert pace.allow(running) == 4


# --- in the scheduler ---------------------------------------------------------------------------


class Pretended:
    """A run that ends at once, without having been done."""

    def __init__(self):
        self.about = {}

    def code(self):
        return 2

    def why(self):
        return "pretended"

    def age(self):
        return 0.0

    def send(self, number):
        pass

    def close(self):
        pass


def test_the_scheduler_starts_no_more_than_it_is_allowed_and_notes_why(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 0.0)
    batches, events = [], []

    class Place:
        def adopt(self, found):
            return []

        def start(self, batch):
            batches.append([slot for _, slot in batch])
            return [Pretended() for _ in batch]

    class Pace:
        why = ""

        def allow(self, running):
            self.why = "" if self.why else "two at once are measured"  # now and then there is nothing to say
            return 2

    options = Options(slots=6, retries=0, pace=Pace())
    scheduler.run(
        RUNS, out=tmp_path, root=tmp_path, options=options, place=Place(),
        notice=lambda found, event: events.append(event) if event else None,
    )  # fmt: skip
    assert {len(batch) for batch in batches} == {2} and len(batches) == len(RUNS) / 2
    said = [event for event in events if event["event"] == "slots"]
    assert [event["reason"] for event in said] == ["two at once are measured"] and said[0]["slots"] == 2


def test_a_slot_is_filled_as_soon_as_its_process_has_ended(tmp_path, monkeypatch):
    """Between two looks at all records only the processes are asked; a slot is not empty until the next."""
    slept = []
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(scheduler.time, "sleep", slept.append)

    class Process:
        """Ends when it is asked for the third time."""

        def __init__(self):
            self.asked = 0

        def poll(self):
            self.asked += 1
            return 2 if self.asked >= 3 else None

    class Place:
        def adopt(self, found):
            return []

        def start(self, batch):
            return [local.Process(os.getpid(), Process()) for _ in batch]

    options = Options(slots=1, retries=0)
    scheduler.run(
        RUNS[:2],
        out=tmp_path,
        root=tmp_path,
        options=options,
        place=Place(),
        notice=lambda found, event: None,
    )
    assert slept and max(slept) == scheduler.END_SECONDS
