"""What is left of a study: from records that were made on the spot, from probes that are only pretended, and
once from a real one."""

import dataclasses
import os
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_summary import summary
from mixscope import i18n
from mixscope.data.store import Store
from mixscope.findings import Finding
from mixscope.runs import record_schema, recording, records
from mixscope.studies import estimate, probes
from mixscope.studies.status import Standing, standings
from mixscope.study import matrix
from small_run import config, run, store

STUDY = matrix.load("quickstart")
FIGURES = {
    "startup_seconds": 5.0,
    "train_rate": 100.0,
    "judge_rate": 400.0,
    "memory_bytes": 10**9,
    "device_bytes": None,
    "checkpoint_bytes": 3_000_000,
    "weights_bytes": 1_000_000,
}


MEASURED = {
    "time": "2026-11-30T06:00:00+0000",
    "machine": "here",
    "cores": 2,
    "threads": 1,
    "busy_cores": 0.0,
}


class Pretended:
    """Probes that cost nothing. asked: what was measured. known: figures from earlier, by architecture."""

    def __init__(self, made=FIGURES, known=None):
        self.made, self.known, self.asked = made, known or {}, []

    def figures(self, config, size):
        return self.known.get(config.model.arch)

    def measure(self, wanted):
        self.asked += [config.model.arch for config, _ in wanted.values()]
        return dict.fromkeys(wanted, self.made)


def done(planned, seconds, **more):
    return Standing(planned, more.pop("path"), "done", epoch=12, epochs=12, wall_seconds=seconds, **more)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.integers(1, 8))
def test_runs_at_once_take_no_longer_than_one_by_one_and_no_less_than_their_share(seconds, slots):
    took = estimate.together(seconds, slots)
    assert max(sum(seconds) / slots, *seconds) - 1e-6 <= took <= sum(seconds) + 1e-6
    assert estimate.together([*seconds, None], slots) is None


def test_runs_take_the_slot_that_is_free_first():
    assert estimate.together([5, 1, 1, 1, 4], 2) == 7
    assert estimate.together([], 3) == 0


def test_what_is_left_of_a_run_is_estimated_from_its_own_epochs(tmp_path):
    planned = STUDY.expand()[0]
    stands = Standing(planned, tmp_path, "running", epoch=3, epochs=12, epoch_seconds=10.0, epoch_steps=20)
    assert estimate.left(dataclasses.replace(stands, step=60), 1.0) == 90
    assert estimate.left(dataclasses.replace(stands, step=70), 1.0) == 85
    assert estimate.left(dataclasses.replace(stands, epoch_seconds=None), 500.0) == 500
    assert estimate.left(dataclasses.replace(stands, epoch_seconds=None), None) is None
    assert estimate.left(dataclasses.replace(stands, state="done"), 500.0) == 0


def test_a_run_is_remembered_from_its_other_seeds_then_from_other_augmentations_and_only_then_measured(
    tmp_path, digits_root
):
    runs = {(r.name, r.seed): r for r in STUDY.expand()}
    probe = Pretended()
    found = [Standing(r, tmp_path, "pending", epochs=12) for r in runs.values()]
    (tmp_path / "file").write_bytes(bytes(7))
    at = list(runs).index(("resnet-mixup", 1))
    found[at] = done(runs["resnet-mixup", 1], 30.0, path=tmp_path, memory_bytes=500)
    costs = dict(zip(runs, estimate.estimates(found, root=digits_root, probe=probe), strict=True))
    assert costs["resnet-mixup", 1].left_seconds == 0
    other = costs["resnet-mixup", 2]
    assert (other.source, other.left_seconds, other.memory_bytes, other.disk_bytes) == (
        "remembered", 30.0, 500, 7,
    )  # fmt: skip
    assert (costs["resnet-cutmix", 0].source, costs["resnet-cutmix", 0].seconds) == (
        "other augmentation",
        30.0,
    )
    assert costs["vit-default", 0].source == "measured" and probe.asked == ["vit_tiny_patch16_224"]


def test_without_a_probe_nothing_is_made_up(tmp_path):
    found = [Standing(r, tmp_path, "pending") for r in STUDY.expand()]
    costs = estimate.estimates(found, root=tmp_path, probe=None)
    assert {dataclasses.astuple(c) for c in costs} == {(None,) * 9}
    totals = estimate.totals(costs, slots=2)
    assert totals == {
        "slots": 2, "unknown": 18, "left_seconds": None, "eta_seconds": None, "disk_bytes": None,
        "memory_bytes": None, "device_bytes": None,
    }  # fmt: skip


def rendered(costs, lang="en"):
    found = estimate.findings(costs, estimate.totals(costs, slots=1))
    return "\n".join(i18n.render(finding, lang) for finding in found)


@pytest.mark.parametrize("prepared", [False, True])
def test_why_a_value_is_unknown_is_reported(tmp_path, digits_root, prepared):
    probe = Pretended(Finding("recorded-error", params={"text": "no memory for that"}))
    found = [Standing(r, tmp_path, "pending") for r in STUDY.expand(seeds=1)]
    costs = estimate.estimates(found, root=digits_root if prepared else tmp_path, probe=probe)
    said = rendered(costs)
    assert "time left unknown for 6 of 6 runs" in said
    assert ("no memory for that" if prepared else "digits is not prepared") in said
    assert "digits is not" not in rendered(costs, "ko")


def test_the_cost_of_a_run_follows_from_the_rates_of_a_probe():
    counts = {"train": 1000, "val": 100, "test": 300}
    plain = config("train.epochs=10")
    cost = estimate.from_probe(plain, FIGURES, counts=counts, classes=10)
    # Every epoch: the images trained on, then a quarter of them and validation judged.
    assert cost.seconds == 5 + 10 * (1000 / 100 + (250 + 100) / 400) + 2 * (100 + 300) / 400
    assert cost.disk_bytes == 3_000_000 + 1_000_000 + 2 * 400 * (4 * 10 + 16)
    published = config("train.epochs=10", "train.protocol=published")
    assert estimate.from_probe(published, FIGURES, counts=counts, classes=10).seconds == (
        5 + 10 * (1000 / 100 + (250 + 100 + 300) / 400) + 3 * (100 + 300) / 400
    )


def test_totals_are_of_what_is_left_and_the_largest_runs_at_once():
    costs = [
        estimate.Estimate(left_seconds=left, memory_bytes=memory, disk_bytes=10)
        for left, memory in ((0.0, 900), (10.0, 100), (20.0, 300), (30.0, 200))
    ]
    totals = estimate.totals(costs, slots=2)
    assert (totals["left_seconds"], totals["eta_seconds"], totals["disk_bytes"]) == (60, 40, 40)
    assert totals["memory_bytes"] == 500 and totals["device_bytes"] is None


def prober(tmp_path, *, told=None, threads=1, busy=0.0, ran=None):
    ran = [] if ran is None else ran
    return probes.Prober(
        root=tmp_path,
        threads=threads,
        notice=[].append if told is None else told.append,
        run=lambda configs: ran.extend(configs) or [FIGURES for _ in configs],
        busy=lambda: busy,
    )


def asked(probe, *configs):
    """One after the other, as of images of 16 pixels."""
    return [probe.measure({"": (each, 16)})[""] for each in configs]


def test_what_was_measured_once_on_this_machine_is_not_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ran, told = [], []

    def again(*configs, threads=1):
        return asked(prober(tmp_path, told=told, threads=threads, ran=ran), *configs)

    first, second = again(config()) + again(config("seed=3", "augment.mix=none"))
    assert first == second and {k: first[k] for k in FIGURES} == FIGURES
    assert len(ran) == len(told) == 1 and "vit_tiny_patch16_224 at 16 px" in i18n.render(told[0])
    again(config("train.batch_size=8")), again(config(), threads=2)
    assert len(ran) == 3
    assert probes.Remembered(threads=1).figures(config(), 16) == first
    assert probes.Remembered(threads=1).figures(config(), 32) is None, "of other images"
    assert asked(probes.Remembered(threads=3), config()) == [Finding("probe-not-made")]
    (tmp_path / "mixscope" / "probes.json").write_text("{")
    assert {k: again(config())[0][k] for k in FIGURES} == FIGURES and len(ran) == 4


def test_a_probe_says_when_where_with_how_many_threads_and_beside_what_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked(prober(tmp_path, threads=2, busy=1.25), config())
    measured = probes.Remembered(threads=2).figures(config(), 16)["measured"]
    assert (measured["threads"], measured["busy_cores"]) == (2, 1.25) and measured["machine"]
    assert record_schema.misfit(measured, probes.PROBE["measured"]) is None


@pytest.mark.parametrize(
    ("days", "then", "now", "why"),
    [
        (1, 0.0, 0.2, ""),
        (1, 1.5, 1.2, ""),
        (8, 0.0, 0.0, "8 days ago"),
        (-1, 0.0, 0.0, "days ago"),
        (1, 0.0, 1.5, "use 1.5 cores"),
        (1, 1.5, 0.0, "used 1.5 then"),
    ],
)
def test_an_old_probe_and_one_of_another_load_are_measured_again(tmp_path, monkeypatch, days, then, now, why):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ran, told = [], []
    asked(prober(tmp_path, busy=then), config())
    later = time.time() + days * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    asked(prober(tmp_path, busy=now, ran=ran, told=told), config())
    assert len(ran) == (why != "") and (told == [] if why == "" else why in i18n.render(told[0]))


def test_one_probe_is_made_of_networks_that_differ_in_nothing_that_a_step_costs(tmp_path, digits_root):
    """Of the quickstart's 6 experiments, two networks at one size."""
    probe = Pretended()
    found = [Standing(r, tmp_path, "pending") for r in STUDY.expand()]
    costs = estimate.estimates(found, root=digits_root, probe=probe)
    assert {c.source for c in costs} == {"measured"} and len(costs) == 18
    assert sorted(probe.asked) == ["resnet10t", "vit_tiny_patch16_224"]


def test_data_sets_of_one_size_share_a_probe():
    shapes = {probes.shape_of_size(config(f"data.name={name}"), 16) for name in ("cifar10", "cifar100")}
    assert len(shapes) == 1
    assert len({probes.shape_of_size(config(), size) for size in (16, 32)}) == 2


def test_runs_that_train_correct_what_probes_said_of_their_network_and_of_the_others(tmp_path, digits_root):
    runs = {r.name: r for r in STUDY.expand(seeds=1)}
    at_rate = Standing(runs["resnet-default"], tmp_path, "running", epochs=12, images_per_second=50.0)
    others = [Standing(r, tmp_path, "pending") for name, r in runs.items() if name != "resnet-default"]
    figures = {**FIGURES, "measured": MEASURED}
    plain = estimate.estimates(others, root=digits_root, probe=Pretended(figures))
    corrected = estimate.estimates([at_rate, *others], root=digits_root, probe=Pretended(figures))[1:]
    for before, after in zip(plain, corrected, strict=True):
        assert after.seconds - 5 == pytest.approx(2 * (before.seconds - 5)), "5 s are its start"
        assert (before.correction, after.correction) == (None, 2.0)
    said = rendered(corrected)
    assert "2.00 times as long" in said and "loaded" not in said and "2026-11-30 06:00 with 1 threads" in said


def test_a_run_whose_probe_is_not_known_corrects_nothing(tmp_path, digits_root):
    runs = {r.name: r for r in STUDY.expand(seeds=1)}
    trained = done(runs["vit-default"], 30.0, path=tmp_path, images_per_second=1.0)
    waiting = Standing(runs["resnet-default"], tmp_path, "pending")
    for known, factor in (({}, None), ({"vit_tiny_patch16_224": FIGURES}, 100.0)):
        cost = estimate.estimates([trained, waiting], root=digits_root, probe=Pretended(known=known))[1]
        assert cost.correction == factor


def test_an_estimate_made_under_load_says_so(tmp_path, digits_root):
    probe = Pretended({**FIGURES, "measured": {**MEASURED, "busy_cores": 1.4}})
    found = [Standing(r, tmp_path, "pending") for r in STUDY.expand(seeds=1)]
    costs = estimate.estimates(found, root=digits_root, probe=probe)
    said = rendered(costs)
    assert "other programs used 1.4 of 2 cores" in said


def test_what_a_step_costs_hangs_on_its_shape_alone():
    same = ["seed=5", "augment.mix=mixup", "train.epochs=7", "optim.lr=0.5", "model.pretrained=true"]
    assert {probes.shape(config(pair)) for pair in same} == {probes.shape(config())}
    other = ["data.name=x", "model.patch_size=8", "train.precision=bf16", "optim.name=sgd", "run.device=cuda"]
    assert len({probes.shape(config(pair)) for pair in [*other, "seed=0"]}) == 6


@pytest.mark.parametrize(("threads", "set_to"), [(2, "2"), (None, "5")])
def test_a_probe_has_the_threads_of_a_run_or_those_of_its_environment(tmp_path, monkeypatch, threads, set_to):
    seen = []

    def started(line, *, env, **more):
        seen.append(env)
        return subprocess.CompletedProcess(line, 0, stdout='{"error": "nothing is measured"}\n', stderr="")

    monkeypatch.setattr(subprocess, "run", started)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    (found,) = probes.run_probes([config()], root=tmp_path, threads=threads)
    assert i18n.render(found) == "nothing is measured"
    assert [env["OMP_NUM_THREADS"] for env in seen] == [set_to]


@pytest.mark.slow
def test_a_real_probe_foretells_what_a_run_leaves_and_leaves_nothing_itself(tmp_path, monkeypatch):
    store(tmp_path / "data")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    given = config("train.epochs=1")
    (figures,) = probes.run_probes([given], root=tmp_path / "data", threads=1)
    assert os.listdir(tmp_path / "tmp") == [] and all(v is None or v > 0 for v in figures.values())
    run(given, tmp_path / "data", tmp_path / "run")
    counts = {s: len(Store.open(tmp_path / "data", "small").rows(s, val_fraction=0.2)[1]) for s in
              ("train", "val", "test")}  # fmt: skip
    foretold = estimate.from_probe(given, figures, counts=counts, classes=4).disk_bytes
    left = sum(f.stat().st_size for f in (tmp_path / "run").rglob("*") if f.suffix in (".pt", ".npz"))
    assert foretold == pytest.approx(left, rel=0.15)
    (refused,) = probes.run_probes([config("data.name=nothing")], root=tmp_path / "data", threads=1)
    assert 'no data set "nothing" is known' in i18n.render(refused)


def test_a_run_that_is_done_tells_its_memory_and_disk(tmp_path):
    planned = STUDY.expand()[0]
    with recording.begin(tmp_path / planned.directory, planned.config) as record:
        record.started()
        records.write_json(record.path / "summary.json", summary(planned.config))
        record.ended("done")
    cost = estimate.estimates(standings([planned], tmp_path), root=tmp_path, probe=None)[0]
    assert cost.source == "remembered" and cost.memory_bytes > 10**6 and cost.disk_bytes > 500
