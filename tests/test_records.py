import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mixscope.atomic import replacing
from mixscope.errors import ConfigError, DataError
from mixscope.runs import recording, records
from mixscope.runs.environment import environment
from mixscope.runs.records import Predictions
from mixscope.study import config as settings

CONFIG = settings.load(None, ["data.name=digits", "model.arch=resnet18", "seed=3"])
OTHER = settings.load(None, ["data.name=digits", "model.arch=resnet18", "seed=4"])


def begun(path, config=CONFIG):
    """A run directory with one epoch in its records."""
    with recording.begin(path, config) as run:
        about = environment(
            config=config,
            data={"name": "digits", "digest": "d" * 64},
            weights={"weights": "scratch"},
            device={"type": "cpu", "name": "a CPU", "threads": 1},
        )
        records.write_json(path / "environment.json", about)
        run.started(threads=1)
        run.cut(0)
        run.event("epoch", {"epoch": 1, "val_top1": 50.0})
        run.predictions("test-last", PREDICTIONS)
        run.ended("interrupted", "stopped")
    return path


PREDICTIONS = Predictions(
    ids=np.array([1, 4, 9]), labels=np.array([0, 1, 1]), logits=np.array([[1, 2], [3, 4], [0, 9]], np.float32)
)


def test_what_is_written_is_what_is_read(tmp_path):
    path = begun(tmp_path / "run")
    assert records.read_config(path) == CONFIG
    assert records.read_environment(path)["digest"] == CONFIG.digest
    assert records.read_events(path, "epoch") == [{"kind": "epoch", "epoch": 1, "val_top1": 50.0}]
    assert records.read_status(path)["state"] == "interrupted"
    found = records.read_predictions(path, "test-last")
    for name in ("ids", "labels", "logits"):
        assert np.array_equal(getattr(found, name), getattr(PREDICTIONS, name))


def test_a_run_directory_that_cannot_be_made_is_answered_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for act in (recording.check, recording.begin):
        with pytest.raises(ConfigError, match="is a file, where a run directory was expected"):
            act(tmp_path / "file", CONFIG, resume="auto")
        with pytest.raises(ConfigError, match=r"run: cannot be made, .*file is a file; give another --out"):
            act(tmp_path / "file" / "deep" / "run", CONFIG, resume="auto")
        with pytest.raises(ConfigError, match=r"cannot be made or written \(File name too long\)"):
            act(tmp_path / ("n" * 300), CONFIG, resume="auto")
        with monkeypatch.context() as patch:
            patch.setattr(os, "access", lambda *_: False)  # the tests may run as root, who may write anywhere
            with pytest.raises(ConfigError, match=r"run: cannot be made or written, .* is read-only"):
                act(tmp_path / "run", CONFIG, resume="auto")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("kind", ["mkdir", "open"])
def test_a_system_that_forbids_writing_is_answered_with_a_sentence(tmp_path, monkeypatch, kind):
    def forbidden(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Path, kind, forbidden)
    with pytest.raises(ConfigError, match=r"cannot be made or written \(Read-only file system\)"):
        recording.begin(tmp_path / "run", CONFIG)


def test_a_run_that_is_done_needs_no_space(tmp_path, monkeypatch):
    path = begun(tmp_path / "run")
    with recording.begin(path, CONFIG) as run:
        run.started(threads=1)
        (path / "summary.json").write_text("{}")
        run.ended("done")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert recording.check(path, CONFIG, resume="auto")


def test_equal_predictions_are_equal_files(tmp_path):
    first, second = begun(tmp_path / "a"), begun(tmp_path / "b")
    name = Path("predictions/test-last.npz")
    assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_file_whose_writing_fails_stays_as_it_was(tmp_path):
    file = tmp_path / "summary.json"
    records.write_json(file, {"top1": 1})
    with pytest.raises(RuntimeError), replacing(file) as beside:
        beside.write(b"half")
        raise RuntimeError
    assert json.loads(file.read_text()) == {"top1": 1}
    assert os.listdir(tmp_path) == ["summary.json"]


def test_a_value_that_is_not_finite_is_never_written(tmp_path):
    with pytest.raises(ValueError):
        records.write_json(tmp_path / "summary.json", {"top1": float("nan")})
    assert not list(tmp_path.iterdir())


@effort(deadline=None, max_examples=30)
@given(known=st.integers(0, 4), later=st.integers(0, 3))
def test_taken_up_again_events_are_those_the_checkpoint_knew(tmp_path_factory, known, later):
    path = tmp_path_factory.mktemp("run") / "run"
    with recording.begin(path, CONFIG) as run:
        run.cut(0)
        for i in range(known):
            run.event("epoch", {"epoch": i})
        length = run.events_bytes
        for i in range(later):
            run.event("epoch", {"epoch": 100 + i})
    with recording.begin(path, CONFIG) as run:
        run.cut(length)
        assert run.events_bytes == length
        run.event("epoch", {"epoch": known})
    assert [row["epoch"] for row in records.read_events(path)] == list(range(known + 1))


def test_events_that_are_lost_leave_blanks_and_the_run_goes_on(tmp_path):
    path = begun(tmp_path / "run")
    file = path / "events.jsonl"
    with recording.begin(path, CONFIG) as run:
        run.cut(0)
        for epoch in (1, 2, 3):
            run.event("epoch", {"epoch": epoch})
        length = run.events_bytes
    one, two, three = file.read_bytes().splitlines(keepends=True)
    # A damaged line, a line cut short, a file cut at a line, all of it lost, and whole.
    for content, left in (
        (one + b"\0" * len(two[1:]) + b"\n" + three, [1, 3]),
        (one + two[:-5], [1]),
        (one + two, [1, 2]),
        (None, []),
        (one + two + three + b'{"kind": "epoch"', [1, 2, 3]),
    ):
        file.unlink() if content is None else file.write_bytes(content)
        with recording.begin(path, CONFIG) as run:
            assert run.cut(length) == (left == [1, 2, 3]) and run.events_bytes == length
            run.event("epoch", {"epoch": 4})
        assert [row["epoch"] for row in records.read_events(path)] == [*left, 4]


def test_a_line_that_was_being_written_is_left_out(tmp_path):
    path = begun(tmp_path / "run")
    with (path / "events.jsonl").open("ab") as file:
        file.write(b'{"kind": "epoch", "epo')
    assert len(records.read_events(path)) == 1


@pytest.mark.parametrize(
    ("file", "content", "read", "sentence"),
    [
        ("events.jsonl", b"{}\n{'\n", records.read_events, "events.jsonl, line 1: is not an event"),
        ("status.json", b'{"schema": 1, "sta', records.read_status, "not valid JSON"),
        ("status.json", b'{"schema": 1}', records.read_status, "has no state, epoch"),
        ("status.json", b'{"schema": 99}', records.read_status, "schema 99, this one reads 1"),
        ("status.json", b'{"schema": 0}', records.read_status, "not of schema 1"),
        ("environment.json", b"[]", records.read_environment, "not of schema 1"),
        ("config.yaml", b"seed: [", records.read_config, "not valid YAML"),
        ("config.yaml", b"sead: 1", records.read_config, "nearest: seed"),
        (
            "predictions/test-last.npz",
            b"PK",
            lambda p: records.read_predictions(p, "test-last"),
            "is damaged",
        ),
        ("config.yaml", None, records.read_config, "no config.yaml"),
        ("environment.json", None, records.read_environment, "cannot be read"),
        ("events.jsonl", None, records.read_events, "cannot be read"),
        ("predictions/a", None, lambda p: records.read_predictions(p, "val-last"), "available: test-last"),
        ("summary.json", None, records.read_summary, "because it is interrupted"),
    ],
)
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, file, content, read, sentence):
    path = begun(tmp_path / "run")
    (path / file).unlink(missing_ok=True)
    if content is not None:
        (path / file).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as problem:
        read(path)
    assert "\n" not in str(problem.value) and str(path) in str(problem.value)


@pytest.mark.parametrize("cut", [0, 1, 30, 200, -1])
def test_predictions_cut_short_are_refused(tmp_path, cut):
    file = begun(tmp_path / "run") / "predictions/test-last.npz"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match="mixscope eval"):
        records.read_predictions(tmp_path / "run", "test-last")


def test_two_never_write_one_run_directory(tmp_path):
    with (
        recording.begin(tmp_path / "run", CONFIG),
        pytest.raises(ConfigError, match=f"is being written by process {os.getpid()} on"),
    ):
        recording.begin(tmp_path / "run", CONFIG)
    recording.begin(tmp_path / "run", CONFIG).close()


HOLD = """
import sys
from pathlib import Path
from mixscope.runs import recording
from mixscope.study import config
settings = config.load(None, ["data.name=digits", "model.arch=resnet18", "seed=3"])
run = recording.begin(Path(sys.argv[1]), settings)
(Path(sys.argv[1]) / ".last.pt.1.part").write_text("half")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_is_free_and_its_half_files_are_gone(tmp_path):
    path = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid} on"):
            recording.begin(path, CONFIG)
        holder.send_signal(signal.SIGKILL)
    with recording.begin(path, CONFIG):
        assert not list(path.glob(".*.part"))


def test_other_settings_are_refused_by_name(tmp_path):
    begun(tmp_path / "run")
    with pytest.raises(ConfigError, match="seed: 3 -> 4"):
        recording.begin(tmp_path / "run", OTHER)
    quick = settings.load(None, ["data.name=digits", "model.arch=resnet18", "seed=3", "run.loader_threads=1"])
    recording.begin(tmp_path / "run", quick).close()  # how fast it runs may differ


def test_never_takes_up_nothing(tmp_path):
    begun(tmp_path / "run")
    with pytest.raises(ConfigError, match="holds a run already"):
        recording.begin(tmp_path / "run", CONFIG, resume="never")
    recording.begin(tmp_path / "new", CONFIG, resume="never").close()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match=r"is not a run directory \(it holds thesis.tex\)"):
        recording.begin(tmp_path, CONFIG)
    assert os.listdir(tmp_path) == ["thesis.tex"]
    with pytest.raises(ConfigError, match="is a file"):
        recording.begin(tmp_path / "thesis.tex", CONFIG)


def test_every_start_is_noted_and_the_last_standing_is_kept(tmp_path):
    path = begun(tmp_path / "run")
    with recording.begin(path, CONFIG) as run:
        run.started(threads=1)
        run.status("running", epoch=3, step=70)
    with recording.begin(path, CONFIG) as run:
        run.started(threads=2)
        run.ended("failed", "no memory")
    status = records.read_status(path)
    assert (status["epoch"], status["step"], status["error"]) == (3, 70, "no memory")
    with recording.begin(path, CONFIG) as run:
        run.started(threads=2)
    assert [start["threads"] for start in records.read_status(path)["starts"]] == [1, 1, 2, 2]


def test_runs_are_listed_by_name(tmp_path):
    begun(tmp_path / "b")
    begun(tmp_path / "a", OTHER)
    (tmp_path / "c").mkdir()
    assert [p.name for p in records.list_runs(tmp_path)] == ["a", "b"]
    assert records.list_runs(tmp_path / "a") == [tmp_path / "a"]
    with pytest.raises(DataError, match="no such folder"):
        records.list_runs(tmp_path / "nowhere")


def test_a_name_says_what_a_run_is_and_fits_a_folder():
    assert records.name_of(CONFIG) == f"digits-resnet18-none-s3-{CONFIG.digest}"
    odd = settings.load(None, ["model.arch=hf-hub:timm/resnet18 x"])
    assert "/" not in records.name_of(odd) and " " not in records.name_of(odd)


def test_reading_records_needs_no_gpu_stack():
    seen = "import sys, mixscope.runs.records; print({'torch', 'timm', 'numba'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True).stdout == "set()\n"
