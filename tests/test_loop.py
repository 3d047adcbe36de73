import json
import math
import os
import shutil
import signal

import numpy as np
import pytest
import torch

import small_run
from mixscope import metrics
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed
from mixscope.findings import Finding
from mixscope.runs import display, evaluate, execute, records
from mixscope.training import checkpoint, health, models, optim

RESNET, VIT = small_run.RESNET, small_run.VIT


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    small_run.store(folder)
    return folder


def trained(root, out, *pairs, model=VIT, **more):
    return small_run.run(small_run.config(*pairs, model=model), root, out, **more)


def weights(out, name="last"):
    return checkpoint.weights(out / "checkpoints", name)[0]


def same_weights(a, b):
    return all(torch.equal(a[name], b[name]) for name in a.keys() | b.keys())


@pytest.fixture(scope="module")
def calm(root, tmp_path_factory):
    """A ViT trained for three epochs, nothing special about it."""
    out = tmp_path_factory.mktemp("calm") / "run"
    return out, trained(root, out, "train.epochs=3")


def test_a_small_model_learns(root, tmp_path):
    for model in (RESNET, VIT):
        out = tmp_path / model[0]
        summary = trained(root, out, "train.epochs=8", "augment.mix=mixup", "train.batch_size=8", model=model)
        losses = [row["train_loss"] for row in records.read_events(out, "epoch")]
        assert losses[-1] < losses[0]
        assert summary["results"]["test"]["last"]["top1"] > 0.8


def test_the_records_of_a_run_are_complete(calm):
    out, summary = calm
    assert summary == records.read_summary(out)
    assert records.read_status(out)["state"] == "done"
    rows = records.read_events(out, "epoch")
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6), (3, 9)]
    for row in rows:
        for name in (
            "train_loss",
            "lr",
            "clean_train_top1",
            "lam_weighted_train_top1",
            "val_loss",
            "val_top1",
        ):
            assert math.isfinite(row[name])
        assert row["images_per_second"] > 0 and row["seconds"] > 0
    settings = small_run.config("train.epochs=3")
    for row in rows:  # the rate of the last step of its epoch
        expected = optim.lr_at(settings.optim, step=row["step"] - 1, steps_per_epoch=3, epochs=3)
        assert row["lr"] == pytest.approx(expected)
    events = records.read_events(out, "health")
    codes = [event["code"] for event in events]
    assert codes[:4] == ["input-contract", "input-scale", "model-input", "pretraining-data"]
    assert {"batch-norm-drift", "training-metrics", "macro-recall", "checkpoint-selection"} <= set(codes)
    assert summary["health"] == [{k: v for k, v in event.items() if k != "kind"} for event in events]


def test_values_are_those_of_the_prediction_files(calm, root):
    out, summary = calm
    store = Store.open(root, "small")
    assert sorted(p.name for p in (out / "predictions").iterdir()) == [
        f"{split}-{name}.npz" for split in ("test", "val") for name in ("last", "selected")
    ]
    for split in ("val", "test"):
        stored, rows = store.rows(split, val_fraction=0.2)
        for name in ("last", "selected"):
            found = records.read_predictions(out, f"{split}-{name}")
            assert np.array_equal(found.ids, rows)
            assert np.array_equal(found.labels, store.labels(stored)[rows])
            assert summary["results"][split][name] == metrics.summary(found.logits, found.labels)
    rows = records.read_events(out, "epoch")
    assert rows[-1]["val_top1"] == pytest.approx(100 * summary["results"]["val"]["last"]["top1"])
    assert rows[-1]["val_loss"] == pytest.approx(summary["results"]["val"]["last"]["nll"])
    best = max(row["val_top1"] for row in rows)
    earliest = next(row["epoch"] for row in rows if row["val_top1"] == best)
    assert summary["checkpoints"] == {"last": 3, "selected": earliest}
    assert 100 * summary["results"]["val"]["selected"]["top1"] == pytest.approx(best)


def test_the_same_settings_give_the_same_bits_and_another_seed_others(calm, root, tmp_path):
    out, summary = calm
    again = trained(root, tmp_path / "again", "train.epochs=3", "run.loader_threads=1")
    assert small_run.settled(again) == small_run.settled(summary)
    assert same_weights(weights(out), weights(tmp_path / "again"))
    trained(root, tmp_path / "other", "train.epochs=3", "seed=1")
    assert not same_weights(weights(out), weights(tmp_path / "other"))


def test_the_test_split_is_sealed_until_the_last_epoch_is_complete(tmp_path, monkeypatch):
    small_run.store(tmp_path / "data")
    images = Store.images

    def sealed(store, split):  # a store maps all its files, but nobody asks for these
        if split == "test":
            raise DataError("missing-results", "test-images: are sealed")
        return images(store, split)

    monkeypatch.setattr(Store, "images", sealed)
    out = tmp_path / "run"
    with pytest.raises(DataError, match="test-images"):
        trained(tmp_path / "data", out)
    assert [row["epoch"] for row in records.read_events(out, "epoch")] == [1, 2]
    assert sorted(p.stem for p in (out / "predictions").iterdir()) == ["val-last", "val-selected"]
    assert records.read_status(out)["state"] == "failed"
    with pytest.raises(DataError, match="test-images"):  # under the published protocol at once
        trained(tmp_path / "data", tmp_path / "published", "train.protocol=published")
    assert not (tmp_path / "published").exists()


def test_the_published_protocol_says_what_it_chose_on_the_test_split(root, tmp_path):
    out = tmp_path / "run"
    summary = trained(root, out, "train.protocol=published", "data.val_fraction=0", "train.epochs=3")
    rows = records.read_events(out, "epoch")
    best = max(row["test_top1"] for row in rows)
    earliest = next(row["epoch"] for row in rows if row["test_top1"] == best)
    assert summary["protocol"] == "published"
    assert summary["checkpoints"] == {"last": 3, "best-on-test": earliest}
    assert list(summary["results"]) == ["test"]
    assert 100 * summary["results"]["test"]["best-on-test"]["top1"] == pytest.approx(best)
    assert all(row["val_top1"] is None for row in rows)
    both = trained(root, tmp_path / "both", "train.protocol=published")
    assert set(both["results"]["test"]) == {"last", "selected", "best-on-test"}


def test_a_run_that_is_done_is_not_run_again(calm, root):
    out, summary = calm
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    show = small_run.Watch()
    assert trained(root, out, "train.epochs=3", show=show) == summary
    assert show.lines == [f"done      {out} holds this run already"]
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before
    with pytest.raises(ConfigError, match="holds a run already"):
        trained(root, out, "train.epochs=3", resume="never")
    with pytest.raises(ConfigError, match=r"optim.lr: 0.01 -> 0.5"):
        trained(root, out, "train.epochs=3", "optim.lr=0.5")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_a_signal_stops_a_run_that_goes_on_as_if_nothing_was(calm, root, tmp_path, number):
    out, summary = calm
    show = small_run.Watch("epoch  1/3", lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"stopped by {signal.Signals(number).name}"):
        trained(root, tmp_path / "run", "train.epochs=3", show=show)
    assert signal.getsignal(number) is before
    status = records.read_status(tmp_path / "run")
    assert (status["state"], status["epoch"], status["step"]) == ("interrupted", 1, 3)
    again = trained(root, tmp_path / "run", "train.epochs=3", show=show)
    assert small_run.settled(again) == small_run.settled(summary)
    assert same_weights(weights(out), weights(tmp_path / "run"))
    assert len(records.read_status(tmp_path / "run")["starts"]) == 2


def test_a_stop_while_the_network_is_built_leaves_no_run_directory(root, tmp_path, monkeypatch):
    build = models.build

    def stopping(*arguments, **more):
        os.kill(os.getpid(), signal.SIGUSR1)
        return build(*arguments, **more)

    monkeypatch.setattr(models, "build", stopping)
    with pytest.raises(Interrupted, match="stopped by SIGUSR1"):
        trained(root, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_stop_before_the_first_step_leaves_a_run_that_is_interrupted(calm, root, tmp_path):
    out, summary = calm
    show = small_run.Watch("model", lambda: os.kill(os.getpid(), signal.SIGUSR2))
    with pytest.raises(Interrupted):
        trained(root, tmp_path / "run", "train.epochs=3", show=show)
    assert records.read_status(tmp_path / "run")["state"] == "interrupted"
    again = trained(root, tmp_path / "run", "train.epochs=3")
    assert small_run.settled(again) == small_run.settled(summary)
    assert same_weights(weights(out), weights(tmp_path / "run"))


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (0.99, r"data.val_fraction=0.99 leaves no training images of 4 of 4 classes"),
        (0.001, "holds out no image"),
    ],
)
def test_a_share_of_validation_that_leaves_nothing_is_a_wrong_setting(root, tmp_path, share, sentence):
    with pytest.raises(ConfigError, match=sentence):
        trained(root, tmp_path / "run", f"data.val_fraction={share}")
    assert not (tmp_path / "run").exists()


def test_what_a_tried_run_would_do_hangs_on_resume(calm, root, tmp_path):
    out, _ = calm
    config, show = small_run.config("train.epochs=3"), small_run.Watch()
    assert execute.describe(config, root=root, out=out, show=show)["state"] == "done"
    assert f"out       {out}  (done: nothing would be trained)" in show.lines
    with pytest.raises(ConfigError, match="holds a run already"):
        execute.describe(config, root=root, out=out, resume="never")
    assert execute.describe(config, root=root, out=tmp_path / "run", resume="never")["state"] == "new"
    assert not (tmp_path / "run").exists()


def test_a_stop_while_it_is_evaluated_loses_nothing(calm, root, tmp_path, monkeypatch):
    out, summary = calm
    top_k = metrics.top_k

    def stopping(*arguments, **more):  # between the first split that is evaluated and the second
        os.kill(os.getpid(), signal.SIGTERM)
        return top_k(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "top_k", stopping)
        with pytest.raises(Interrupted):
            trained(root, tmp_path / "run", "train.epochs=3")
    again = trained(root, tmp_path / "run", "train.epochs=3")
    assert small_run.settled(again) == small_run.settled(summary)
    assert same_weights(weights(out), weights(tmp_path / "run"))


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(root, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(RunFailed) as problem:
        trained(root, out, "optim.lr=1e30", "optim.name=sgd", "train.epochs=3")
    sentence = str(problem.value)
    assert "epoch" in sentence and "not-finite.pt" in sentence and "\n" not in sentence
    assert records.read_status(out)["state"] == "failed"
    assert records.read_status(out)["error"] == sentence
    assert "model" in checkpoint.read(out / "checkpoints/not-finite.pt")
    assert not (out / "summary.json").exists()
    with pytest.raises(RunFailed) as again:  # and does the same again
        trained(root, out, "optim.lr=1e30", "optim.name=sgd", "train.epochs=3")
    assert str(again.value) == sentence


def test_in_parts_the_gradient_is_that_of_the_whole_batch(root, tmp_path):
    """SGD without dropout and batch norm, so that nothing but rounding may differ."""
    model = [*VIT[:2], "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2}"]
    plain = ["optim.name=sgd", "optim.lr=0.05"]
    for name, pairs in {"whole": [], "parts": ["train.accumulate=3"]}.items():
        trained(root, tmp_path / name, *plain, *pairs, model=model)
    rows = {name: records.read_events(tmp_path / name, "epoch") for name in ("whole", "parts")}
    for tensor, value in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "parts")[tensor], value, rtol=1e-3, atol=1e-5)
    assert rows["parts"][-1]["train_loss"] == pytest.approx(rows["whole"][-1]["train_loss"], rel=1e-4)


def test_clipping_averaging_and_bf16_change_what_they_should(calm, root, tmp_path):
    out, _ = calm
    for pairs in ("optim.clip_norm=0.1", "optim.ema_decay=0.9", "train.precision=bf16"):
        trained(root, tmp_path / pairs, "train.epochs=3", pairs)
        assert not same_weights(weights(tmp_path / pairs), weights(out))
    content = checkpoint.read(tmp_path / "optim.ema_decay=0.9/checkpoints/last.pt")
    calm_content = checkpoint.read(out / "checkpoints/last.pt")
    assert same_weights(content["model"], calm_content["model"])  # the average only watches


def test_training_values_are_sums_over_the_epoch(root, tmp_path):
    """One step an epoch and no mixing: both can be computed from the first weights."""
    pairs = ["train.epochs=1", "train.batch_size=100", "augment.mix=none", "augment.base=none", "seed=5"]
    model = [*VIT[:2], "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2}"]
    trained(root, tmp_path / "run", *pairs, "optim.lr=1e-30", "optim.name=sgd", model=model)
    (row,) = records.read_events(tmp_path / "run", "epoch")
    assert row["lam_weighted_train_top1"] == pytest.approx(row["clean_train_top1"])
    evaluate.evaluate([tmp_path / "run"], split="train", root=root)
    found = records.read_predictions(tmp_path / "run", "train-last")
    assert row["train_loss"] == pytest.approx(metrics.nll(found.logits, found.labels), rel=1e-5)


def test_a_last_batch_of_one_image_is_left_out_and_reported(root, tmp_path):
    show = small_run.Watch()
    summary = trained(
        root, tmp_path / "run", "train.batch_size=47", "train.epochs=1", model=RESNET, show=show
    )
    assert summary["data"]["images"]["train"] == 48 and summary["steps"] == 1
    assert any(line.startswith("warning   the last batch") for line in show.lines)


def test_evaluating_again_gives_the_same_files(calm, root, tmp_path):
    out, summary = calm
    before = {p.name: p.read_bytes() for p in (out / "predictions").iterdir()}
    for split in ("val", "test"):
        rows = evaluate.evaluate([out], split=split, root=root)
        assert [row["checkpoint"] for row in rows] == ["last", "selected"]
        assert rows[0]["top1"] == summary["results"][split]["last"]["top1"]
    assert {p.name: p.read_bytes() for p in (out / "predictions").iterdir()} == before
    assert len(evaluate.evaluate([out.parent], split="test", root=root)) == 2  # a folder of runs


def test_a_run_that_is_not_done_is_not_evaluated(root, tmp_path):
    show = small_run.Watch("epoch  1/2", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        trained(root, tmp_path / "run", show=show)
    with pytest.raises(DataError, match="is interrupted"):
        evaluate.evaluate([tmp_path / "run"], split="test", root=root)
    with pytest.raises(DataError, match="holds none"):
        evaluate.evaluate([root], split="test", root=root)


def test_other_data_under_the_same_name_are_refused(root, tmp_path):
    show = small_run.Watch("epoch  1/2", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        trained(root, tmp_path / "run", show=show)
    small_run.store(tmp_path / "data", seed=1)
    with pytest.raises(DataError, match="was begun on small with checksum"):
        trained(tmp_path / "data", tmp_path / "run")


def test_a_dry_run_checks_all_and_writes_nothing(root, tmp_path):
    show = small_run.Watch()
    plan = execute.describe(small_run.config(), root=root, out=tmp_path / "run", show=show)
    assert (
        plan["state"] == "new"
        and plan["steps"] == 6
        and plan["images"] == {"train": 48, "val": 12, "test": 26}
    )
    first = ["data", "model", "device", "checks", "out"]
    assert [line.split()[0] for line in show.lines] == first
    assert "(sealed)" in show.lines[0]
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"run\.device"):
        execute.describe(small_run.config("run.device=abacus"), root=root)
    with pytest.raises(DataError, match="is not prepared"):
        execute.describe(small_run.config("data.name=digits"), root=root)


def test_what_a_user_sees(root, tmp_path):
    show = small_run.Watch()
    summary = trained(root, tmp_path / "run", "train.epochs=3", show=show)
    epoch = next(line for line in show.lines if line.startswith("epoch"))
    assert epoch.startswith("epoch  1/3  loss ") and len(epoch) <= 120
    for part in ("clean-train ", "  lam-weighted ", "  val ", "  lr ", " img/s  eta "):
        assert part in epoch
    row = records.read_events(tmp_path / "run", "epoch")[0]
    assert f"  lam-weighted {row['lam_weighted_train_top1']:.1f} %  val" in epoch
    assert show.lines[-1] == f"done      {tmp_path / 'run'}"
    assert any(line.startswith("test      last (epoch 3) ") for line in show.lines)
    plain = small_run.Watch()
    trained(root, tmp_path / "plain", "augment.mix=none", show=plain)
    assert not any("lam-weighted" in line for line in plain.lines)
    # What passed is one line, before the first step and at the end; only warnings have their own.
    begun = show.lines[: show.lines.index(epoch)]
    ended = show.lines[show.lines.index(epoch) :]
    assert [line for line in begun if line.startswith("checks")] == [
        "checks    ok: input contract, scale of the first batches, input size of the model, pretraining data"
    ]
    assert sum(line.startswith("checks    ok: training metrics") for line in ended) == 1
    failed = [f for f in summary["health"] if f["severity"] in ("warn", "fail")]
    assert sum(line.startswith(("WARN", "FAIL")) for line in show.lines) == len(failed)


def test_what_passed_is_one_line_and_every_warning_has_its_own():
    labels = np.repeat(np.arange(4), 5)
    right = health.classes("test-last", np.eye(4)[labels], labels)
    wrong = health.classes("test-selected", np.eye(4)[np.zeros(20, int)], labels)
    lines = display.health_lines([Finding("batch-norm-drift"), *right, *wrong])
    assert lines == [
        "checks    ok: macro recall equals top-1, every class is predicted, precision against recall",
        "WARN      never-predicted: test-selected: 3 of 4 classes are never predicted",
    ]


@pytest.mark.parametrize("split", ["val", "train", "test"])
def test_a_split_that_is_evaluated_again_is_written_and_the_same_each_time(calm, root, tmp_path, split):
    out = tmp_path / "run"
    shutil.copytree(calm[0], out)
    rows = evaluate.evaluate([out], split=split, root=root)
    written = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    found = json.loads((out / f"eval-{split}.json").read_text())
    assert found["schema"] == records.SCHEMA and found["split"] == split
    assert found["digest"] == small_run.config("train.epochs=3").digest
    assert found["data"] == Store.open(root, "small").digest
    for row in rows:
        figures = found["results"][row["checkpoint"]]
        assert figures == {name: row[name] for name in figures} and "top1" in figures
        assert found["checkpoints"][row["checkpoint"]] == row["epoch"]
        said = records.read_predictions(out, f"{split}-{row['checkpoint']}")
        assert metrics.summary(said.logits, said.labels) == figures
    if split != "train":
        assert found["results"] == calm[1]["results"][split]
    evaluate.evaluate([out], split=split, root=root)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == written
    (out / f"eval-{split}.json").unlink()
    evaluate.evaluate([out], split=split, root=root, write=False)
    assert not (out / f"eval-{split}.json").exists()


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError("Unable to allocate 9 GiB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    ],
)
@pytest.mark.parametrize("cause", [False, True])
def test_want_of_memory_is_reported_with_a_mend(root, tmp_path, monkeypatch, problem, cause):
    def fail(*_, **__):
        if cause:  # as the loader tells it of a thread
            raise RuntimeError(f"the loader failed: {problem}") from problem
        raise problem

    monkeypatch.setattr(execute.loop, "train", fail)
    with pytest.raises(RunFailed, match=r"out of memory \(.*; run fewer at once .*train.accumulate=2"):
        trained(root, tmp_path / "run")
    status = records.read_status(tmp_path / "run")
    assert status["state"] == "failed" and "out of memory" in status["error"]
    monkeypatch.setattr(execute.loop, "train", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        trained(root, tmp_path / "run")
