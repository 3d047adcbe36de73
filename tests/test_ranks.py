"""Two processes, one run: over gloo on the CPU, as torchrun starts them and by torchrun itself."""

import itertools
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import small_run
from mixscope import metrics
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from mixscope.data.store import Store
from mixscope.runs import records
from mixscope.training import checkpoint, loop, models, ranks

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["small_run", "mixscope.runs.execute"])
# Without dropout and batch norm, which see their own rank only.
MODEL = [*small_run.VIT[:2], "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2}"]
PAIRS = ["optim.name=sgd", "optim.lr=0.05", "train.batch_size=17", "train.accumulate=2", "train.epochs=2"]
# How far two ranks may part from one: they add the same numbers in another order. Relative, on the loss of
# every epoch; over 40 epochs of this model 1.0e-7 was seen.
LOSS_TOLERANCE = 1e-5


def watch(file: Path) -> None:
    """Writes down which examples every batch of training holds."""
    feed = loop.feed

    def watched(loader, device):
        for batch in feed(loader, device):
            with file.open("a") as lines:
                lines.write(" ".join(map(str, batch.ids)) + "\n")
            yield batch

    loop.feed = watched


def rank(number: int, port: int, root: Path, out: Path, pairs: list[str], model: list[str]) -> None:
    os.environ |= {
        "WORLD_SIZE": "2",
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    watch(out.with_name(f"{out.name}-{number}"))
    small_run.run(small_run.config(*pairs, model=model), root, out)


def together(root: Path, out: Path, pairs: list[str] = PAIRS, model: list[str] = MODEL) -> list[int | None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [
        PROCESSES.Process(target=rank, args=(number, port, root, out, pairs, model)) for number in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    return [process.exitcode for process in both]


@pytest.fixture
def torchrun(tmp_path, root):
    """Starts a run in two processes; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen] = []

    def start(settings: Path, out: Path, log: Path) -> subprocess.Popen:
        started.append(begin(settings, root, out, log))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def begin(settings: Path, root: Path, out: Path, log: Path) -> subprocess.Popen:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mixscope"]
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *command, "train", "--config", settings, "--root", root, "--out", out],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    small_run.store(folder)
    return folder


def test_ranks_talk_about_once_a_second_and_always_at_the_same_turn(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(ranks.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(ranks, "_several", lambda: True)
    monkeypatch.setattr(ranks, "gather", lambda value: [value, ("other", 2 * value[1])])  # a slower clock
    exchange = ranks.Exchange()
    talked = []
    for turn in range(600):
        now[0] += 0.01 if turn < 300 else 3.0  # steps become slow
        if exchange.turn("mine") is not None:
            talked.append(turn)
    assert talked[:5] == [0, 2, 6, 14, 30]  # it finds its pace by doubling
    assert {b - a for a, b in itertools.pairwise(talked[6:]) if b < 300} <= {49, 50}  # 1 s of the slower
    late = [turn for turn in talked if turn > 352]
    assert late == list(range(late[0], 600))


def test_one_process_alone_talks_at_every_turn():
    exchange = ranks.Exchange()
    assert [exchange.turn(turn) for turn in range(3)] == [[0], [1], [2]]


@pytest.mark.slow
def test_two_ranks_train_what_one_trains(tmp_path, root, monkeypatch):
    pairs = [*PAIRS, "train.epochs=40"]
    alone, pair = tmp_path / "alone", tmp_path / "pair"
    monkeypatch.setattr(loop, "feed", loop.feed)  # to be put back
    watch(tmp_path / "alone-ids")
    small_run.run(small_run.config(*pairs, model=MODEL), root, alone)
    assert together(root, pair, pairs) == [0, 0]

    seen = [file.read_text().splitlines() for file in (tmp_path / "alone-ids", *tmp_path.glob("pair-?"))]
    assert len(seen) == 3
    for whole, *parts in zip(*seen, strict=True):
        assert sorted(whole.split()) == sorted(" ".join(parts).split())

    weights = [checkpoint.weights(path / "checkpoints", "last")[0] for path in (alone, pair)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-5)
    rows = [records.read_events(path, "epoch") for path in (alone, pair)]
    parted = [abs(b["train_loss"] / a["train_loss"] - 1) for a, b in zip(*rows, strict=True)]
    print(f"loss curves part by at most {max(parted):.1e}")
    assert len(parted) == 40 and max(parted) < LOSS_TOLERANCE
    for a, b in zip(*rows, strict=True):
        assert a["step"] == b["step"] and a["lr"] == b["lr"]
        assert a["val_loss"] == pytest.approx(b["val_loss"], rel=1e-4)
    for name in ("val-last", "test-last"):
        a, b = (records.read_predictions(path, name) for path in (alone, pair))
        assert np.array_equal(a.ids, b.ids) and np.array_equal(a.labels, b.labels)
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("ema", ["0", "0.5"])
def test_what_is_evaluated_with_batch_norm_is_what_is_saved(tmp_path, root, ema):
    """Each rank's batch norm sees its own images; rank 0's are saved, and evaluated on every rank."""
    out = tmp_path / "pair"
    pairs = ["train.epochs=1", "train.batch_size=48", "augment.mix=none", f"optim.ema_decay={ema}"]
    assert together(root, out, pairs, small_run.RESNET) == [0, 0]
    row = records.read_events(out, "epoch")[-1]
    saved = records.read_predictions(out, "val-last")
    assert row["val_loss"] == pytest.approx(metrics.nll(saved.logits, saved.labels), rel=1e-6)

    config = small_run.config(*pairs, model=small_run.RESNET)
    built = models.build(config.model, n_classes=small_run.CLASSES, image_size=small_run.SIZE, seed=0)
    loader = Loader(
        Store.open(root, "small"),
        "train",
        Sampling(batch_size=48, seed=0, val_fraction=0.2, shuffle=True),
        Augmentation(base=config.augment.base),
        Workers(ranks=2),
    )
    with loader:
        built.module.train()(next(iter(loader)).images)
    mine = dict(built.module.named_buffers())
    found = checkpoint.weights(out / "checkpoints", "last")[0]
    statistics = [name for name in mine if name.endswith(("running_mean", "running_var"))]
    assert statistics
    for name in statistics:
        torch.testing.assert_close(found[name], mine[name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("everyone", [False, True], ids=["torchrun", "the whole group"])
def test_a_run_of_torchrun_that_is_stopped_saves_itself_and_ends_the_same(tmp_path, torchrun, everyone):
    settings, log = tmp_path / "run.yaml", tmp_path / "log"
    config = small_run.config(*PAIRS, "train.epochs=25", "run.checkpoint_seconds=600", model=MODEL)
    settings.write_text(yaml.safe_dump(config.to_dict()))
    calm, out = tmp_path / "calm", tmp_path / "stopped"
    assert torchrun(settings, calm, log).wait() == 0, log.read_text()

    first = torchrun(settings, out, log)
    while not (records.is_run(out) and records.read_status(out)["step"] > 3):
        assert first.poll() is None, log.read_text()
        time.sleep(0.02)
    if everyone:  # Ctrl-C on a terminal: each rank hears it twice, from there and from torchrun
        os.killpg(first.pid, signal.SIGINT)
    else:
        first.terminate()
    first.wait()
    status = records.read_status(out)
    assert status["state"] == "interrupted" and status["step"] < 75, log.read_text()
    assert (out / "checkpoints" / "last.pt").exists()

    assert torchrun(settings, out, log).wait() == 0, log.read_text()
    weights = [checkpoint.weights(path / "checkpoints", "last")[0] for path in (calm, out)]
    assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())
    assert small_run.settled(records.read_events(calm)) == small_run.settled(records.read_events(out))
    name = "predictions/test-last.npz"
    assert (calm / name).read_bytes() == (out / name).read_bytes()
    assert len(records.read_status(out)["starts"]) == 2
