"""Every kind of damage to the records of a run: one sentence names it, and the other runs go on."""

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
import yaml

from mixscope import cli
from mixscope.errors import ConfigError
from mixscope.results import folders, tables
from mixscope.runs import records
from mixscope.studies import folder, scheduler
from mixscope.studies.scheduler import Options
from mixscope.studies.status import standings
from mixscope.study import matrix, path_names

STUDY = {
    "name": "two",
    "base": {
        "data.name": "digits",
        "model.arch": "vit_tiny_patch16_224",
        "model.patch_size": 16,
        "model.kwargs": {"embed_dim": 16, "depth": 1, "num_heads": 2},
        "augment.base": "none",
        "train.epochs": 1,
        "train.batch_size": 256,
        "run.device": "cpu",
    },
    "factors": {"augmentation": {"default": {"augment.mix": "none"}}},
    "seeds": [0, 1],
}
RUNS = matrix.parse(yaml.safe_dump(STUDY, sort_keys=False), file="two.yaml").expand()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits_root):
    out = tmp_path_factory.mktemp("trained") / "two"
    found = scheduler.run(
        RUNS, out=out, root=digits_root, options=Options(slots=2), notice=lambda found, event: None
    )
    assert [s.state for s in found] == ["done", "done"]
    (out / "study.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    return out


@pytest.fixture
def out(tmp_path, trained):
    return shutil.copytree(trained, tmp_path / "two")


# --- kinds of damage ------------------------------------------------------------------------------------


def _set(file, *keys_and_value):
    """One value of a JSON record replaced; keys lead to it."""
    *keys, value = keys_and_value

    def damage(path):
        tree = below = json.loads((path / file).read_bytes())
        for key in keys[:-1]:
            below = below[key]
        below[keys[-1]] = value
        (path / file).write_text(json.dumps(tree))

    return damage


def _drop(file, key):
    def damage(path):
        tree = json.loads((path / file).read_bytes())
        del tree[key]
        (path / file).write_text(json.dumps(tree))

    return damage


def _bytes(file, content):
    return lambda path: (path / file).write_bytes(content)


def _cut(file, length):
    return lambda path: (path / file).write_bytes((path / file).read_bytes()[:length])


def _folder(file):
    def damage(path):
        (path / file).unlink()
        (path / file).mkdir()

    return damage


def _from_other(file):
    """The same file of the run with the other seed."""

    def damage(path):
        shutil.copyfile(path.parent / RUNS[1].directory / file, path / file)

    return damage


def _epoch(**values):
    def damage(path):
        rows = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
        changed = [row | values if row["kind"] == "epoch" else row for row in rows]
        (path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))

    return damage


def _whole(path):
    """Everything of the run with the other seed, as `cp -r` leaves it."""
    shutil.rmtree(path)
    shutil.copytree(path.parent / RUNS[1].directory, path)


def _val_fraction(path):
    tree = yaml.safe_load((path / "config.yaml").read_text())
    tree["data"]["val_fraction"] = 0.5
    (path / "config.yaml").write_text(yaml.safe_dump(tree))


DEEP = b"[" * 100_000
HUGE = b'{"schema": 1, "epoch": ' + b"9" * 20_000 + b"}"
ANY_JSON = {
    "empty": (b"", "is not valid JSON"),
    "cut short": (b'{"schema": 1, "sta', "is not valid JSON"),
    "nested deeply": (DEEP, "is not valid JSON"),
    "a long number": (HUGE, "is not valid JSON"),
    "not finite": (b'{"schema": 1, "x": NaN}', "is not valid JSON"),
    "no text": (b"\xff\xfe\x00", "is not valid JSON"),
    "a list": (b"[1]", "is not of schema 1"),
    "a text": (b'"x"', "is not of schema 1"),
    "a newer schema": (b'{"schema": 7}', "by a newer mixscope (schema 7, this one reads 1); update mixscope"),
    "no schema": (
        b'{"schema": "1"}',
        "is not of schema 1, which this version of mixscope reads; the file is",
    ),
    "no keys": (b'{"schema": 1}', "has no "),
}
RECORDS = {
    **{
        f"{file}: {kind}": (_bytes(file, content), sentence)
        for file in ("status.json", "environment.json", "summary.json")
        for kind, (content, sentence) in ANY_JSON.items()
    },
    "status is a folder": (_folder("environment.json"), "is not a file"),
    "state unknown": (_set("status.json", "state", "fine"), 'state is "fine", expected one of running'),
    "state a list": (_set("status.json", "state", []), "state is [...]"),
    "epoch a text": (_set("status.json", "epoch", "3"), 'epoch is "3", expected a whole number'),
    "epoch negative": (_set("status.json", "epoch", -1), "epoch is -1"),
    "epoch true": (_set("status.json", "epoch", True), "epoch is "),
    "heartbeat a number": (_set("status.json", "heartbeat", 5), "heartbeat is 5, expected a time"),
    "heartbeat without zone": (_set("status.json", "heartbeat", "2026-01-01T00:00:00"), "heartbeat is"),
    "heartbeat with escapes": (_set("status.json", "heartbeat", "\x1b[2J"), "heartbeat is"),
    "pid a text": (_set("status.json", "pid", "1"), 'pid is "1", expected a whole number, 1 or more'),
    "pid negative": (_set("status.json", "pid", -1), "pid is -1"),
    "pid beyond": (_set("status.json", "pid", 2**70), "pid is "),
    "starts a mapping": (_set("status.json", "starts", {}), "starts is {...}, expected a list"),
    "starts of texts": (_set("status.json", "starts", ["x"]), 'starts[0] is "x", expected a mapping'),
    "start at no time": (_set("status.json", "starts", [{"time": 3}]), "starts[0].time is 3"),
    "error a number": (_set("status.json", "error", 3), "error is 3, expected a text or null"),
    "memory a text": (_set("status.json", "memory_bytes", "1 GB"), "memory_bytes is"),
    "rate a text": (_set("status.json", "images_per_second", "fast"), "images_per_second is"),
    "threads 0": (_set("environment.json", "device", "threads", 0), "device.threads is 0"),
    "threads a million": (_set("environment.json", "device", "threads", 10**6), "device.threads is 1e+06"),
    "device a text": (_set("environment.json", "device", "cpu"), 'device is "cpu", expected a mapping'),
    "data digest a number": (_set("environment.json", "data", "digest", 1), "data.digest is 1"),
    "class names a text": (_set("environment.json", "data", "class_names", "a"), "class_names is"),
    "no data": (_drop("environment.json", "data"), "has no data"),
    "top1 above 1": (_set("summary.json", "results", "test", "last", "top1", 99.0), "top1 is 99.0"),
    "top1 a text": (_set("summary.json", "results", "test", "last", "top1", "0.5"), 'top1 is "0.5"'),
    "top1 null": (_set("summary.json", "results", "test", "last", "top1", None), "top1 is null"),
    "n zero": (_set("summary.json", "results", "test", "last", "n", 0), "results.test.last.n is 0"),
    "last a list": (_set("summary.json", "results", "test", "last", []), "results.test.last is [...]"),
    "no test": (_set("summary.json", "results", {}), "has no results.test"),
    "health a text": (_set("summary.json", "health", "ok"), 'health is "ok", expected a list'),
    "seconds a text": (_set("summary.json", "seconds", "1"), 'seconds is "1"'),
    "summary of another run": (_from_other("summary.json"), "is of a run with other settings"),
    "events: no event": (_bytes("events.jsonl", b"{}\n"), "line 1: is not an event"),
    "events: nested deeply": (_bytes("events.jsonl", DEEP + b"\n"), "line 1: is not an event"),
    "events: no text": (_bytes("events.jsonl", b"\xff\n"), "line 1: is not an event"),
    "events: a folder": (_folder("events.jsonl"), "cannot be read"),
    "seconds of an epoch": (_epoch(seconds="1"), 'seconds is "1"'),
    "top1 of an epoch": (_epoch(val_top1="x"), 'val_top1 is "x"'),
    "number of an epoch": (_epoch(epoch=None), "epoch is null"),
    "everything of another run": (_whole, "has the records of a run with other settings"),
    "environment of another run": (_from_other("environment.json"), "of a run with other settings"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_status_and_table_name_the_damaged_run_and_show_the_others(kind, out, capsys):
    damage, sentence = RECORDS[kind]
    damage(out / RUNS[0].directory)
    found = standings(RUNS, out)
    assert [s.state for s in found] == ["damaged", "done"], found[0].error
    assert sentence in found[0].error and path_names.unprintable(found[0].error) is None, found[0].error
    assert str(out / RUNS[0].directory) in found[0].error and len(found[0].error) < 700
    assert cli.main(["study", "table", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and sentence in said.err, said.err
    assert tables.rows(folders.study(out))[0]["seeds"] == 1
    if not kind.startswith("config"):
        told = folders.study(out).runs[0]
        assert told.state == "damaged" or len(set(told.provenance.config_digests) | {told.config.digest}) > 1


def test_status_run_and_eval_of_a_study_go_on_past_a_damaged_run(out, digits_root, capsys):
    (out / RUNS[0].directory / "status.json").write_text('{"schema": 1, "state": []}')
    options = ["--root", str(digits_root)]
    assert cli.main(["study", "status", str(out), *options]) == 0
    assert "damaged" in capsys.readouterr().out
    assert cli.main(["study", "plan", str(out), "--no-probe", *options]) == 0
    capsys.readouterr()
    shutil.rmtree(out / RUNS[1].directory)
    assert cli.main(["study", "run", str(out), *options]) == 1
    said = capsys.readouterr().out
    assert "damaged" in said and "remove that file, and the same" in said and "1/2  done" in said, said
    assert cli.main(["study", "eval", str(out), *options]) == 0
    said = capsys.readouterr()
    assert "skipped: " in said.err and said.out.count("sound") == 1


def test_the_advice_for_a_damaged_status_is_right(out, digits_root, capsys):
    path = out / RUNS[0].directory
    before = (path / "predictions" / "test-last.npz").read_bytes(), (path / "summary.json").read_bytes()
    (path / "status.json").write_text("{")
    (path / "status.json").unlink()
    assert cli.main(["study", "run", str(out), "--root", str(digits_root)]) == 0
    assert (path / "predictions" / "test-last.npz").read_bytes() == before[0]
    assert json.loads((path / "summary.json").read_bytes())["results"] == json.loads(before[1])["results"]


def _contents(path):
    return {p.name: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != ".lock"}


def test_the_advice_for_damaged_events_keeps_what_the_run_has(out, digits_root, capsys):
    path = out / RUNS[0].directory
    before, rows = _contents(path), (path / "events.jsonl").read_bytes().splitlines(keepends=True)
    for content in (rows[:-1], []):
        (path / "events.jsonl").write_bytes(b"".join([*rows[:-1], b"{}\n"]))
        assert "remove that line, and the run keeps its results" in standings(RUNS, out)[0].error
        (path / "events.jsonl").unlink()
        assert "put it back, or an empty file, and the run keeps" in folders.study(out).runs[0].error
        (path / "events.jsonl").write_bytes(b"".join(content))
        assert [s.state for s in standings(RUNS, out)] == ["done", "done"]
        assert [run.state for run in folders.study(out).runs] == ["done", "done"]
        assert tables.rows(folders.study(out))[0]["seeds"] == 2
        assert cli.main(["report", str(out), "--out", str(out.parent / "page")]) == 0
        assert cli.main(["study", "run", str(out), "--root", str(digits_root)]) == 0
    assert _contents(path) == before | {"events.jsonl": b""}


@pytest.mark.parametrize("content", [b"{}\n", b"", None])
def test_a_run_that_is_not_done_goes_on_without_its_damaged_events(content, out, digits_root, capsys):
    path = out / RUNS[0].directory
    before = json.loads((path / "summary.json").read_bytes()), (path / "checkpoints/last.pt").read_bytes()
    (path / "summary.json").unlink()
    if content is None:
        (path / "events.jsonl").unlink()
    else:
        (path / "events.jsonl").write_bytes(content)
    assert [s.state for s in standings(RUNS, out)] == ["partial", "done"]
    train = ["train", "--config", str(path / "config.yaml"), "--out", str(path), "--root", str(digits_root)]
    assert cli.main(train) == 0
    assert "warning   events.jsonl was damaged or cut" in capsys.readouterr().out
    made = json.loads((path / "summary.json").read_bytes())
    assert made["results"] == before[0]["results"] and made["seconds"] is None, "no epoch has its time"
    assert (path / "checkpoints/last.pt").read_bytes() == before[1], "nothing was trained"
    assert [run.state for run in folders.study(out).runs] == ["done", "done"]


def test_a_lost_config_is_said_and_written_again(out, digits_root, capsys):
    path = out / RUNS[0].directory
    before = _contents(path)
    (path / "config.yaml").unlink()
    stands = standings(RUNS, out)
    assert [s.state for s in stands] == ["partial", "done"] and "has lost its config.yaml" in stands[0].remark
    for command, code in (("status", 0), ("table", 0), ("run", 0)):
        root = [] if command == "table" else ["--root", str(digits_root)]
        assert cli.main(["study", command, str(out), *root]) == code
        said = capsys.readouterr()
        assert "has lost its config.yaml; the same" in said.out + said.err, command
    assert _contents(path) == before, "nothing is trained or evaluated again"
    assert [s.remark for s in standings(RUNS, out)] == [None, None]


def test_a_folder_that_nothing_proves_to_be_the_run_is_not_taken_for_it(out, digits_root, capsys):
    path = out / RUNS[0].directory
    (path / "config.yaml").unlink()
    (path / "environment.json").unlink()
    before = _contents(path)
    stands = standings(RUNS, out)
    assert (
        stands[0].state == "damaged"
        and "nothing proves which run it is; put config.yaml back" in stands[0].error
    )
    assert cli.main(["study", "run", str(out), "--root", str(digits_root)]) == 1
    assert _contents(path) == before
    for command in (["eval", str(path), "--root", str(digits_root)], ["judge", str(path)]):
        assert cli.main(command) == 4
        assert "has records of a run and no config.yaml" in capsys.readouterr().err


def test_a_lost_status_is_said_and_the_run_taken_up(out, digits_root):
    path = out / RUNS[0].directory
    (path / "status.json").unlink()
    stands = standings(RUNS, out)
    assert stands[0].state == "partial" and "has lost its status.json" in stands[0].remark
    assert "has lost its status.json" in folders.study(out).runs[0].error
    before = (path / "checkpoints" / "last.pt").read_bytes()
    train = ["train", "--config", str(path / "config.yaml"), "--out", str(path), "--root", str(digits_root)]
    assert cli.main(train) == 0
    assert (path / "checkpoints" / "last.pt").read_bytes() == before, "nothing was trained"
    assert [s.state for s in standings(RUNS, out)] == ["done", "done"]


def test_claims_cannot_be_edited_after_a_run_that_lost_a_record(out):
    for run in RUNS:
        (out / run.directory / "config.yaml").unlink()
    edited = yaml.safe_dump(STUDY | {"seeds": [2]}, sort_keys=False)
    with pytest.raises(ConfigError, match="has begun and was edited since"):
        folder.keep(matrix.parse(edited, file="two.yaml"), out)


def test_a_run_that_lost_its_summary_evaluates_its_checkpoint_and_writes_it_again(out, digits_root, capsys):
    path = out / RUNS[0].directory
    before = (path / "summary.json").read_bytes(), (path / "checkpoints" / "last.pt").read_bytes()
    (path / "summary.json").unlink()
    assert [s.state for s in standings(RUNS, out)] == ["partial", "done"]
    assert cli.main(["study", "table", str(out)]) == 0
    assert cli.main(["study", "run", str(out), "--root", str(digits_root)]) == 0
    assert json.loads((path / "summary.json").read_bytes())["results"] == json.loads(before[0])["results"]
    assert (path / "checkpoints" / "last.pt").read_bytes() == before[1], "nothing was trained"
    assert [s.state for s in standings(RUNS, out)] == ["done", "done"]


# --- checkpoints and settings, as `eval` reads them ----------------------------------------------------


def _checkpoint(change):
    def damage(path):
        file = path / "checkpoints" / "last.pt"
        content = torch.load(file, weights_only=True)
        change(content)
        torch.save(content, file)

    return damage


def _shapes(content):
    content["model"] = {name: value[..., None] for name, value in content["model"].items()}


CHECKPOINTS = {
    "cut short": (_cut("checkpoints/last.pt", 300), "is no readable checkpoint"),
    "empty": (_bytes("checkpoints/last.pt", b""), "is no readable checkpoint"),
    "missing": (lambda p: (p / "checkpoints/last.pt").unlink(), "is no readable checkpoint"),
    "a folder": (_folder("checkpoints/last.pt"), "is no readable checkpoint"),
    "of another run": (_from_other("checkpoints/last.pt"), "is of a run with other settings (seed: 1 -> 0)"),
    "selected of another run": (_from_other("checkpoints/selected.pt"), "(seed: 1 -> 0)"),
    "of other shapes": (_checkpoint(_shapes), "do not fit the network"),
    "without a model": (_checkpoint(lambda c: c.pop("model")), "holds what no run saves"),
    "without a digest": (_checkpoint(lambda c: c.pop("digest")), "holds what no run saves"),
    "weights a number": (_checkpoint(lambda c: c.update(model={"a": 1})), "holds what no run saves"),
    "state a list": (_checkpoint(lambda c: c.update(state=[])), "holds what no run saves"),
    "edited val_fraction": (_val_fraction, "one folder has files of two runs"),
    "config of another run": (_from_other("config.yaml"), "one folder has files of two runs"),
    "config cut short": (_cut("config.yaml", 11), "damaged or of another version"),
    "config nested deeply": (_bytes("config.yaml", DEEP), "damaged or of another version"),
    "top-1 of the summary": (
        _set("summary.json", "results", "test", "last", "top1", 0.99),
        "its summary.json has 99.00",
    ),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_eval_names_what_does_not_fit_overwrites_nothing_and_evaluates_the_others(
    kind, out, digits_root, capsys
):
    damage, sentence = CHECKPOINTS[kind]
    paths = [out / run.directory for run in RUNS]
    damage(paths[0])
    before = (paths[0] / "predictions/test-last.npz").read_bytes()
    assert cli.main(["eval", *map(str, paths), "--root", str(digits_root)]) == 4
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1, said.err
    assert paths[1].name in said.out and paths[0].name not in said.out
    assert (paths[0] / "predictions/test-last.npz").read_bytes() == before
    assert not (paths[0] / "eval-test.json").exists()


# --- predictions -----------------------------------------------------------------------------------------


def _npz(**changes):
    """The arrays of a prediction file, some replaced."""

    def damage(path):
        file = path / "predictions/test-last.npz"
        with np.load(file) as arrays:
            found = dict(arrays)
        for name, change in changes.items():
            found[name] = change(found[name])
        np.savez(file, **found)

    return damage


def _terabytes(path):
    """A header that promises 4 TB."""
    file = path / "predictions/test-last.npz"
    header = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 1)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(file) as parts:
        members = {info.filename: parts.read(info) for info in parts.infolist()}
    members["logits.npy"] = header.getvalue() + b"0" * 64
    with zipfile.ZipFile(file, "w") as parts:
        for name, content in members.items():
            parts.writestr(name, content)


def _bomb(path):
    file = path / "predictions/test-last.npz"
    with np.load(file) as arrays:
        found = dict(arrays)
    np.savez_compressed(file, **found | {"logits": np.zeros((len(found["ids"]), 100_000), np.float32)})


PREDICTIONS = {
    "cut short": _cut("predictions/test-last.npz", 5000),
    "empty": _bytes("predictions/test-last.npz", b""),
    "a folder": _folder("predictions/test-last.npz"),
    "of another run": _from_other("predictions/test-last.npz"),
    "labels of texts": _npz(labels=lambda a: a.astype(str)),
    "logits of integers": _npz(logits=lambda a: a.astype(np.int64)),
    "logits in one row": _npz(logits=lambda a: a[0]),
    "ids too few": _npz(ids=lambda a: a[1:]),
    "labels out of range": _npz(labels=lambda a: a + 1000),
    "logits not finite": _npz(logits=lambda a: np.where(a > 0, np.nan, a)),
    "other labels": _npz(labels=lambda a: (a + 1) % 10),
    "a header of 4 TB": _terabytes,
    "compressed": _bomb,
    "missing": lambda p: (p / "predictions/test-last.npz").unlink(),
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_predictions_that_cannot_be_those_of_the_run_take_it_out_of_the_results(kind, out):
    path = out / RUNS[0].directory
    PREDICTIONS[kind](path)
    found = folders.study(out).runs
    assert [run.state for run in found] == ["damaged", "done"]
    said = found[0].error
    assert str(path) in said and path_names.unprintable(said) is None and len(said) < 600, said
    assert "mixscope eval" in said or "available:" in said, said


def test_predictions_of_version_0_1_0_have_no_digest_and_are_read(out):
    path = out / RUNS[0].directory
    found = records.read_predictions(path, "test-last")
    assert found.digest == RUNS[0].config.digest
    old = records.Predictions(found.ids, found.labels, found.logits)
    records.write_predictions(path, "test-last", old)
    assert records.read_predictions(path, "test-last").digest is None


@pytest.mark.parametrize("value", [b"[" * 100_000, b"[]", b'{"runs": 3}', b"\xff", b""])
def test_a_damaged_journal_is_passed_over(out, value):
    (out / "scheduler.jsonl").write_bytes(value + b"\n" + value)
    assert [s.state for s in standings(RUNS, out)] == ["done", "done"]
