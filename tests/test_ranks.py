"""Two processes, one run: as torchrun starts them, over gloo on the CPU."""

import multiprocessing
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

import small_run
from mixscope.runs import records
from mixscope.training import checkpoint

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["small_run", "mixscope.runs.execute"])
# Without dropout and batch norm, which see their own rank only.
MODEL = [*small_run.VIT[:2], "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2}"]
PAIRS = ["optim.name=sgd", "optim.lr=0.05", "train.batch_size=17", "train.accumulate=2", "train.epochs=2"]


def rank(number: int, port: int, root: Path, out: Path, stop: bool) -> None:
    os.environ |= {
        "WORLD_SIZE": "2",
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    if stop and number == 1:  # a signal that reaches only one of them, and not the one that writes
        from mixscope.training import loop

        step = loop._parts

        def stopping(n: int, count: int) -> list[slice]:
            signal.raise_signal(signal.SIGTERM)
            loop._parts = step
            return step(n, count)

        loop._parts = stopping
    small_run.run(small_run.config(*PAIRS, model=MODEL), root, out)


def together(root: Path, out: Path, stop: bool = False) -> list[int | None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [PROCESSES.Process(target=rank, args=(number, port, root, out, stop)) for number in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    return [process.exitcode for process in both]


@pytest.mark.slow
def test_two_ranks_train_what_one_trains_and_a_signal_to_either_stops_both(tmp_path):
    root = tmp_path / "data"
    small_run.store(root)
    alone, pair, stopped = tmp_path / "alone", tmp_path / "pair", tmp_path / "stopped"
    small_run.run(small_run.config(*PAIRS, model=MODEL), root, alone)
    assert together(root, pair) == [0, 0]
    weights = [checkpoint.weights(path / "checkpoints", "last")[0] for path in (alone, pair)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-5)
    rows = [records.read_events(path, "epoch") for path in (alone, pair)]
    for a, b in zip(*rows, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-4)
        assert a["step"] == b["step"] and a["lr"] == b["lr"]
    for name in ("val-last", "test-last"):
        a, b = (records.read_predictions(path, name) for path in (alone, pair))
        assert np.array_equal(a.ids, b.ids) and np.array_equal(a.labels, b.labels)
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-3)

    assert together(root, stopped, stop=True) == [1, 1]
    assert records.read_status(stopped)["state"] == "interrupted"
    assert together(root, stopped) == [0, 0]
    resumed = checkpoint.weights(stopped / "checkpoints", "last")[0]
    assert all(torch.equal(resumed[name], value) for name, value in weights[1].items())
