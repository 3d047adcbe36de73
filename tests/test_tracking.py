"""Trackers mirror a run's events, and never stop it."""

import json
import struct
import sys
from pathlib import Path

import pytest
import yaml

import small_run
from mixscope import cli, i18n
from mixscope.errors import ConfigError, DataError
from mixscope.runs import health_records, recording, records, tracking


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    small_run.store(folder)
    return folder


@pytest.fixture(scope="module")
def plain(root, tmp_path_factory) -> Path:
    """A finished run that nobody watched."""
    out = tmp_path_factory.mktemp("plain") / "run"
    small_run.run(small_run.config(), root, out)
    return out


class Failing:
    """A tracker that fails at every call from the given one on."""

    def __init__(self, first: str) -> None:
        self.first, self.heard = first, []

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        if what == self.first:
            raise OSError("no space left\nand more")

    def begin(self, path, config) -> None:
        self._hear("begin")

    def row(self, row) -> None:
        self._hear(f"{row['kind']} {row['epoch']}" if row["kind"] == "epoch" else row["kind"])

    def end(self) -> None:
        self._hear("end")

    @staticmethod
    def library() -> None:
        pass


@pytest.mark.parametrize("first", ["begin", "health", "epoch 1", "epoch 2", "end"])
def test_a_tracker_that_fails_is_dropped_with_one_warning(tmp_path, root, plain, monkeypatch, first):
    tracker, show = Failing(first), small_run.Watch()
    monkeypatch.setitem(tracking.TRACKERS, "wandb", lambda: tracker)
    tracking.TRACKERS["wandb"].library = Failing.library
    small_run.run(small_run.config(), root, tmp_path / "run", show=show, track=["wandb"])
    warnings = [line for line in show.lines if line.startswith("warning")]
    assert warnings == [
        "warning   wandb failed (no space left): the run continues without it; events.jsonl has everything"
    ]
    assert tracker.heard.index(first) == len(tracker.heard) - 1
    assert records.read_status(tmp_path / "run")["state"] == "done"
    name = "predictions/test-last.npz"
    assert (tmp_path / "run" / name).read_bytes() == (plain / name).read_bytes()
    events = [small_run.settled(records.read_events(path)) for path in (tmp_path / "run", plain)]
    assert events[0] == events[1]


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_without_its_library_the_extra_is_named_before_anything_is_done(tmp_path, root, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.delattr("torch.utils.tensorboard", raising=False)
    with pytest.raises(ConfigError, match=rf"--track {name}: .*pip install -e '\.\[{name}\]'"):
        small_run.run(small_run.config(), root, tmp_path / "run", track=[name])
    assert not (tmp_path / "run").exists()


def read(folder: Path):
    """What TensorBoard itself reads in a folder: scalars and texts by tag."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    found = event_accumulator.EventAccumulator(str(folder))
    found.Reload()
    scalars = {tag: found.Scalars(tag) for tag in found.Tags()["scalars"]}
    texts = {
        tag.removesuffix("/text_summary"): [t.tensor_proto.string_val[0].decode() for t in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
    }
    return scalars, texts


def assert_mirrors(folder: Path, run: Path) -> None:
    scalars, texts = read(folder)
    epochs = records.read_events(run, "epoch")
    for key in ("train_loss", "val_top1", "lr", "images_per_second"):
        found = scalars[f"epoch/{key}"]
        assert [point.step for point in found] == [row["epoch"] for row in epochs]
        assert [point.value for point in found] == pytest.approx([row[key] for row in epochs], rel=1e-6)
    seconds = [row["seconds"] + row["judging_seconds"] for row in epochs]
    times = [point.wall_time for point in scalars["epoch/train_loss"]]
    assert times[1] - times[0] == pytest.approx(seconds[1], abs=1e-3)
    for row in records.read_events(run, "health"):
        of = row["params"].get("predictions")
        tag = f"health/{row['code']}/{of}" if of else f"health/{row['code']}"
        said = i18n.render(health_records.read([row], "small")[0])
        assert any(said in text for text in texts[tag])
    assert yaml.safe_load(texts["settings"][0]) == records.read_config(run).to_dict()


def test_tensorboard_shows_what_is_recorded(tmp_path, root):
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    small_run.run(small_run.config(), root, out, track=["tensorboard"])
    assert_mirrors(out / "tensorboard", out)


def test_tensorboard_shows_a_run_that_was_taken_up_again_once(tmp_path, root, monkeypatch):
    pytest.importorskip("tensorboard")
    out, config = tmp_path / "run", small_run.config("run.checkpoint_seconds=600")
    event = recording.Run.event

    def dying(self, kind, values):
        event(self, kind, values)
        if kind == "epoch" and values["epoch"] == 2:  # recorded, but no checkpoint knows of it
            raise KeyboardInterrupt

    monkeypatch.setattr(recording.Run, "event", dying)
    with pytest.raises(KeyboardInterrupt):
        small_run.run(config, root, out, track=["tensorboard"])
    monkeypatch.setattr(recording.Run, "event", event)
    small_run.run(config, root, out, track=["tensorboard"])
    assert len(records.read_status(out)["starts"]) == 2
    assert_mirrors(out / "tensorboard", out)
    assert len(list((out / "tensorboard").iterdir())) == 1


def test_finished_runs_are_exported_as_if_they_had_been_tracked(tmp_path, root, plain, capsys):
    pytest.importorskip("tensorboard")
    study = tmp_path / "study"
    study.mkdir()
    (study / "done").symlink_to(plain)
    begun = recording.begin(study / "begun", small_run.config("seed=1"))
    begun.started(code="none")
    begun.close()
    assert cli.main(["study", "export-tensorboard", str(study), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"exported": [str(study / "done")], "not_done": ["begun"]}
    assert_mirrors(plain / "tensorboard", plain)
    with pytest.raises(DataError, match="holds no finished run"):
        tracking.export_all(study / "begun")


def test_without_an_account_wandb_works_offline(tmp_path, root, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed: pip install -e '.[wandb]'")
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tracking, "_has_account", lambda: False)
    out, show = tmp_path / "study" / "run", small_run.Watch()
    small_run.run(small_run.config(), root, out, show=show, track=["wandb"])
    assert not [line for line in show.lines if line.startswith("warning")]
    (sent,) = out.glob("wandb/offline-run-*/*.wandb")
    found = said_by_wandb(sent)
    epochs = records.read_events(out, "epoch")
    assert [row["epoch"] for row in found] == [1, 2]
    assert [row["epoch/train_loss"] for row in found] == pytest.approx([r["train_loss"] for r in epochs])


def said_by_wandb(file: Path) -> list[dict]:
    """The history in the file of an offline run: protobuf records in a LevelDB log, in blocks of 32 KiB."""
    from wandb.proto import wandb_internal_pb2

    content, at, whole, rows = file.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # no room for a head: the rest of the block is empty
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)  # kind: 1 whole, 2 first, 3 middle, 4 last
        part = content[at + 7 : at + 7 + length]
        whole = part if kind in (1, 2) else whole + part
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            if record.HasField("history"):
                items = record.history.item
                rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    return rows


@pytest.mark.parametrize(
    ("netrc", "expected"),
    [
        ("machine api.wandb.ai login user password secret\n", True),
        ("machine example.org login user password secret\n", False),
        (None, False),
    ],
)
def test_an_account_is_one_that_somebody_logged_in_to(tmp_path, monkeypatch, netrc, expected):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if netrc is not None:
        (tmp_path / ".netrc").write_text(netrc)
        (tmp_path / ".netrc").chmod(0o600)
    assert tracking._has_account() is expected
