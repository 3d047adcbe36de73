"""A run is killed with SIGKILL, started again, and must end with the same bits as one left alone.

Children are forked from a server that has imported everything, so that one costs a second.
"""

import functools
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

import small_run
from mixscope.runs import records
from mixscope.training import checkpoint

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["small_run", "mixscope.runs.execute"])
MODELS = {"resnet": small_run.RESNET, "vit": small_run.VIT}
PAIRS = [
    "augment.mix=switch",
    "augment.per=sample",
    "augment.label_smoothing=0.1",
    "optim.name=adamw",
    "optim.ema_decay=0.9",
    "optim.clip_norm=1",
    "train.accumulate=2",
    "run.checkpoint_seconds=0",
]
STEPS = 6  # three an epoch, two epochs


def train(arch: str, root: Path, out: Path, kill_at: int, *more: str) -> None:
    """In a child: trains, and dies within optimiser step `kill_at`, before it moves anything."""
    torch.set_num_threads(1)
    if kill_at:
        steps, step = [0], torch.optim.AdamW.step

        def dying(*arguments, **options):
            steps[0] += 1
            if steps[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **options)

        torch.optim.AdamW.step = dying
    small_run.run(small_run.config(*PAIRS, *more, model=MODELS[arch]), root, out)


def child(*arguments, kill_after: float = 0.0) -> int:
    process = PROCESSES.Process(target=train, args=arguments)
    process.start()
    if kill_after:
        process.join(kill_after)
        process.kill()
    process.join()
    code = process.exitcode
    process.close()
    assert code is not None
    return code


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    small_run.store(folder)
    return folder


@pytest.fixture(scope="module")
def calm(root, tmp_path_factory):
    """Where a model lies that was trained by one process which nobody disturbed."""
    folder = tmp_path_factory.mktemp("calm")

    @functools.cache
    def trained(arch: str) -> Path:
        assert child(arch, root, folder / arch, 0) == 0
        return folder / arch

    return trained


def assert_equal_runs(a: Path, b: Path) -> None:
    for name in ("last", "selected"):
        first, second = (checkpoint.weights(path / "checkpoints", name) for path in (a, b))
        assert first[1] == second[1]
        assert all(torch.equal(first[0][k], second[0][k]) for k in first[0].keys() | second[0].keys())
    for name in ("val-last", "val-selected", "test-last", "test-selected"):
        file = Path("predictions") / f"{name}.npz"
        assert (a / file).read_bytes() == (b / file).read_bytes()
    assert small_run.settled(records.read_events(a)) == small_run.settled(records.read_events(b))
    assert small_run.settled(records.read_summary(a)) == small_run.settled(records.read_summary(b))
    full = [checkpoint.read(path / "checkpoints/last.pt") for path in (a, b)]
    for part in ("model", "ema"):
        assert all(torch.equal(full[0][part][k], full[1][part][k]) for k in full[0][part])
    moments = [content["optimiser"]["state"] for content in full]
    assert moments[0].keys() == moments[1].keys()
    assert all(torch.equal(moments[0][i][k], moments[1][i][k]) for i in moments[0] for k in moments[0][i])


@pytest.mark.parametrize(("arch", "kill_at"), [("resnet", 2), ("resnet", 5)])
def test_a_killed_run_ends_like_an_undisturbed_one(calm, root, tmp_path, arch, kill_at):
    out = tmp_path / "run"
    assert child(arch, root, out, kill_at) == -signal.SIGKILL
    assert records.read_status(out)["state"] == "running"  # it could not say otherwise
    if kill_at > 1:
        assert checkpoint.read(out / "checkpoints/last.pt")["state"]["step"] == kill_at - 1
    assert child(arch, root, out, 0) == 0
    assert_equal_runs(calm(arch), out)


@pytest.mark.slow
@pytest.mark.parametrize("arch", list(MODELS))
@pytest.mark.parametrize("kill_at", range(1, STEPS + 1))
def test_killed_at_any_step_it_ends_like_an_undisturbed_one(calm, root, tmp_path, arch, kill_at):
    test_a_killed_run_ends_like_an_undisturbed_one(calm, root, tmp_path, arch, kill_at)


@pytest.mark.slow
def test_with_checkpoints_at_epochs_only_it_ends_like_an_undisturbed_one(calm, root, tmp_path):
    for kill_at in (2, 5):
        out = tmp_path / str(kill_at)
        assert child("vit", root, out, kill_at, "run.checkpoint_seconds=600") == -signal.SIGKILL
        assert child("vit", root, out, 0, "run.checkpoint_seconds=600") == 0
        assert_equal_runs(calm("vit"), out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_at_any_moment_it_ends_like_an_undisturbed_one(calm, root, tmp_path, seed):
    """Moments, not steps: while it builds, writes a file, moves it, evaluates, sums up."""
    out, moments = tmp_path / "run", random.Random(seed)
    began = time.monotonic()
    assert child("vit", root, tmp_path / "whole", 0) == 0
    whole = time.monotonic() - began
    kills = 0
    while kills < 12 and child("vit", root, out, 0, kill_after=moments.uniform(0.3, 1.0) * whole) != 0:
        kills += 1
    assert child("vit", root, out, 0) == 0
    assert_equal_runs(calm("vit"), out)


def test_a_damaged_checkpoint_is_gone_past_by_the_one_before(calm, root, tmp_path):
    out = tmp_path / "run"
    assert child("resnet", root, out, 5) == -signal.SIGKILL
    file = out / "checkpoints/last.pt"
    file.write_bytes(file.read_bytes()[:1000])
    assert child("resnet", root, out, 0) == 0
    assert_equal_runs(calm("resnet"), out)
