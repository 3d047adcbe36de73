"""mixscope.bench: each row does what it says."""

import copy
import dataclasses
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import small_run
from mixscope.bench import evaluation, loader, mixing, rounds, study, train, upper_bounds
from mixscope.data.loader import Augmentation, Loader, Sampling
from mixscope.data.store import Store
from mixscope.errors import RunFailed
from mixscope.runs import setup
from mixscope.training.evaluate import predict
from mixscope.training.stop import Stop

CPU = torch.device("cpu")


@pytest.fixture
def small(tmp_path: Path) -> Store:
    return small_run.store(tmp_path)


def same(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for (name, one), other in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("mix", ["none", "mixup"])
@pytest.mark.parametrize("model", [small_run.VIT, small_run.RESNET])
def test_the_bare_loop_and_ours_end_with_the_same_weights(small, tmp_path, mix, model):
    config = small_run.config(
        f"augment.mix={mix}",
        "optim.schedule=constant",
        "optim.name=sgd",
        "augment.label_smoothing=0.1",
        model=[pair.replace(", drop_rate: 0.1", "") for pair in model],
    )
    with setup.ready_for(config, tmp_path, CPU) as made:
        few = train.ready(made.loader, CPU)
        by_hand, by_us = copy.deepcopy(made.built.module), copy.deepcopy(made.built.module)

        def passes() -> train.Timed:
            return train.Timed(lambda: iter(few), made.loader.spec, 5, CPU)

        train.bare(config, by_hand, passes(), CPU)
        train.ours(config, by_us, passes(), passes(), CPU)
    same(by_hand, by_us)
    with pytest.raises(AssertionError):
        same(by_us, made.built.module)


def test_ready_batches_are_what_the_loader_hands_out_and_stay_so(small, tmp_path):
    with setup.ready_for(small_run.config(), tmp_path, CPU) as made:
        few = train.ready(made.loader, CPU)
        again = [(b.images.clone(), b.labels.clone(), b.lam) for b in made.loader]
        assert len(few) == 3 and len(again) == 3 and all(len(b.ids) == 16 for b in few)
        for kept, (images, labels, lam) in zip(few, again, strict=True):
            assert torch.equal(kept.images, images) and torch.equal(kept.labels, labels)
            assert kept.lam is not None and lam is not None


def test_what_is_timed_are_the_steps_after_the_first(small, tmp_path, monkeypatch):
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(train, "now", lambda device: next(clock))
    with setup.ready_for(small_run.config(), tmp_path, CPU) as made:
        few = train.ready(made.loader, CPU)
        batches = train.Timed(lambda: iter(few), made.loader.spec, 9, CPU)
        assert len(list(batches)) == 9  # from three batches, taken again and again
        assert batches.seconds == 4 and batches.rate == 8 * 16 / 4
        assert batches.global_size(8) == 16


def test_the_bare_forward_loop_and_our_evaluation_give_the_same_logits(small, tmp_path):
    config = small_run.config("run.eval_batch_size=10")
    with setup.ready_for(config, tmp_path, CPU) as made:
        module = made.built.module
        few = train.ready(made.clean, CPU)

        def passes() -> train.Timed:
            return train.Timed(lambda: iter(few), made.loader.spec, len(few), CPU)

        found = evaluation.bare(config, module, passes(), CPU)
        ids, _, logits = predict(module, passes(), device=CPU, config=config.train)
        order = np.argsort(np.concatenate([b.ids for b in few]), kind="stable")
    np.testing.assert_array_equal(found.numpy()[order], logits)
    assert len(ids) == len(logits)


@pytest.mark.parametrize("room", [train, evaluation])
def test_rows_of_a_network_are_measured_on_a_small_set(room, small, tmp_path):
    with room.rows(small_run.config(), tmp_path, steps=2) as bench:
        found = bench.measure(1)
    assert set(found.found) == {room.BARE, room.OURS, room.FED}
    assert all(figures[0] > 0 for figures in found.found.values())
    assert found.context["steps" if room is train else "batches"] == 2
    assert found.ratio(room.OURS, room.BARE)[0] > 0


def test_the_ideal_of_slots_and_what_the_scheduler_adds_follow_from_what_was_measured():
    found = {study.ALONE: [4.0, 8.0], study.ONE: [5.0, 10.0], study.by_study(2): [2.5, 5.0]}
    measured = rounds.Measured(
        unit=study.UNIT,
        found=found,
        ratios=((study.ideal(2), study.by_study(2)),),
        context={"slots": 2},
    )
    measured = study.computed(measured)
    assert measured.found[study.ideal(2)] == [2, 4] and measured.found[study.OVERHEAD] == [1, 2]
    assert measured.ratio(study.ideal(2), study.by_study(2)) == (0.8, 0.8, 0.8)


def test_runs_of_the_study_differ_in_their_seed_and_take_settings():
    runs = study.planned("digits", 3, ["train.epochs=2"])
    assert [run.config.seed for run in runs] == [0, 1, 2] and len({run.directory for run in runs}) == 3
    assert {run.config.train.epochs for run in runs} == {2}


def test_both_ways_of_running_a_study_execute_every_run_once(tmp_path, monkeypatch):
    lines: list[list[str]] = []
    monkeypatch.setattr(study, "_run", lambda line, threads, stop: lines.append(line))
    runs = study.planned("digits", 3)

    def scheduled(runs, *, out, root, options, notice):
        lines.extend([run.directory] for run in runs)
        assert (options.slots, options.threads, options.retries) == (2, 1, 0)
        return []

    monkeypatch.setattr(study.scheduler, "run", scheduled)
    rows = study.slots_rows(runs, tmp_path, [2], 1)
    assert list(rows) == ["by hand, 2 at a time", "study, 2 slots"]
    rows["by hand, 2 at a time"]()
    assert sorted(Path(line[line.index("--out") + 1]).name for line in lines) == sorted(
        run.directory for run in runs
    )
    lines.clear()
    rows["study, 2 slots"]()
    assert lines == [[run.directory] for run in runs]


def test_a_process_that_fails_says_why_and_gives_no_value(tmp_path):
    rows = study.start_rows(study.planned("digits", 1)[0], tmp_path, 1)
    assert rows["python alone"]() > 0
    with pytest.raises(RunFailed, match=r"failed: error: it is so"):
        study._run([sys.executable, "-c", "import sys; sys.exit('error: it is so')"], 1, Stop())


def test_a_process_is_reported_however_often_it_was_looked_at(monkeypatch):
    monkeypatch.setattr(study, "LOOK_SECONDS", 0.01)
    with pytest.raises(RunFailed, match=r"failed: error: it is so"):
        study._run([sys.executable, "-c", "import sys; sys.exit('error: it is so')"], 1, Stop())


def made(make: upper_bounds.Make, batch: int, size: int = 32) -> np.ndarray:
    out = np.full((upper_bounds.BATCH, 3, size, size), np.nan, np.float32)
    make(batch, out, np.zeros(out.shape, np.uint8))
    return out


@pytest.mark.parametrize("mix", loader.MIXES)
def test_the_bare_kernel_makes_the_batches_of_the_loader(mix):
    store = upper_bounds.Noise(1024, 32)
    make = upper_bounds.kernel(upper_bounds.Bytes.of(store), mix)
    mixer = None if mix == "none" else upper_bounds.mixer(mix, "batch", 32, 1024)
    with Loader(
        store,
        "train",
        Sampling(batch_size=256, seed=0, shuffle=True),
        Augmentation(base="crop-flip", mixer=mixer),
    ) as ours:
        for number, batch in enumerate(ours):
            np.testing.assert_array_equal(made(make, number), batch.images.numpy())


def test_plain_conversion_is_the_kernel_where_nothing_is_cropped_or_mirrored():
    source = upper_bounds.Bytes.random(600, 32)
    still = dataclasses.replace(
        source.draws, crop=np.full((600, 2), 4, np.uint16), flip=np.zeros(600, np.bool_)
    )
    source.__dict__["draws"] = still
    make = upper_bounds.kernel(source)
    for number in (0, 1, 2):  # of two batches: the third is the first again
        np.testing.assert_array_equal(
            made(upper_bounds.conversion(source, shuffled=True), number), made(make, number)
        )
    in_order, scale = made(upper_bounds.conversion(source, shuffled=False), 0), source.normaliser
    plain = source.images[:256] * scale[0][:, None, None] + scale[1][:, None, None]
    np.testing.assert_allclose(in_order, plain, atol=1e-6)


def test_batched_torch_operations_make_the_same_batches():
    source = upper_bounds.Bytes.random(600, 32)
    ours, theirs = upper_bounds.kernel(source), upper_bounds.torch_batches(source)
    for number in (0, 1):
        np.testing.assert_allclose(made(ours, number), made(theirs, number), atol=1e-5)


def test_torch_converts_bytes_as_they_lie():
    source = upper_bounds.Bytes.random(600, 32)
    np.testing.assert_array_equal(made(upper_bounds.torch_conversion(source), 1), source.images[256:512])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_of_a_bare_row_make_every_batch_once(threads):
    seen, lock = [], threading.Lock()

    def make(batch: int, out: np.ndarray, scratch: np.ndarray) -> None:
        with lock:
            seen.append(batch)

    assert upper_bounds.in_threads(make, 8, threads, 11)() > 0
    assert sorted(seen) == list(range(11))


def test_a_row_of_the_loader_goes_on_where_it_stands():
    with Loader(upper_bounds.Noise(1000, 8), "train", Sampling(batch_size=256, seed=0)) as ours:
        row = loader.loader_row(ours, 600)
        assert row() > 0 and ours.position == (0, 3)
        assert row() > 0 and ours.position == (1, 2)  # 232 of the first epoch, two batches of the next


def test_the_time_of_a_row_of_mixing_is_the_processors_and_not_the_clocks():
    row = mixing.thread_time(lambda count: time.sleep(0.01), bunch=0.001)
    assert row() < 5_000
