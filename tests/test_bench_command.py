"""mixscope bench: its grammar, what it prints, and how it refuses."""

import json
import os
import signal
import sys
import tempfile

import psutil
import pytest

from command_line import call
from mixscope import cli
from mixscope.bench import data_set, loader, mixing, study, train, upper_bounds
from mixscope.errors import DataError
from mixscope.studies.backends import local

VERBS = ("loader", "mixing", "train", "eval", "study")


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)])
def test_every_bench_command_has_examples(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", *verb, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "examples:\n  mixscope bench " in out and "exit codes" in out


@pytest.mark.parametrize("verb", ["train", "eval"])
def test_rows_of_a_network_come_as_one_document_or_as_a_table(verb, digits_root, capsys):
    words = ["bench", verb, "--data", digits_root, "--quick", "--rounds", 1, "train.batch_size=16"]
    code, out, _ = call(capsys, *words, "--json")
    found = json.loads(out)
    assert code == 0 and set(found) == {"context", "unit", "rows", "ratios"}
    assert found["context"]["set"] == "digits" and found["context"]["rounds"] == 1
    assert len(found["rows"]) == 3 and all(row["median"] > 0 for row in found["rows"])
    assert len(found["ratios"]) == 2
    code, out, _ = call(capsys, *words)
    assert code == 0 and "ratios within a round" in out and found["rows"][0]["row"] in out


def test_rows_of_the_loader_come_with_the_bandwidth_of_memory(digits_root, capsys, monkeypatch):
    monkeypatch.setattr(loader, "IMAGES", 2560)
    monkeypatch.setattr(upper_bounds, "COPIED", 1 << 16)
    code, out, _ = call(capsys, "bench", "loader", "--root", digits_root, "--rounds", 1, "--json")
    found = json.loads(out)
    rows = {row["row"]: row["median"] for row in found["rows"]}
    assert code == 0 and all(rate > 0 for rate in rows.values())
    assert {loader.loader(mix, n) for mix in loader.MIXES for n in (1, 2)} < set(rows)
    bandwidth = f"{loader.COPY}, 1 threads"
    size = found["context"]["size"]
    expected = rows[bandwidth] * 3 * size**2 * 5 / 1e9
    assert found["context"][f"{bandwidth} in GB/s"] == pytest.approx(expected, abs=0.1)
    assert any(pair["ratio"] == loader.loader("none", 1) for pair in found["ratios"])


def test_rows_of_mixing_need_no_data(capsys, monkeypatch):
    monkeypatch.setattr(mixing, "BUNCH", 0.001)
    monkeypatch.setattr(mixing, "STORED", 512)
    code, out, _ = call(capsys, "bench", "mixing", "--rounds", 1, "--json")
    rows = {row["row"]: row["median"] for row in json.loads(out)["rows"]}
    assert code == 0
    for size in mixing.SIZES:
        for mix in mixing.METHODS:
            less = rows[mixing.mixed(mix, size)] - rows[mixing.alone(size)]
            assert rows[mixing.adds(mix, size)] == pytest.approx(less)


def test_without_data_the_mend_is_reported(tmp_path, capsys):
    code, _, err = call(capsys, "bench", "train", "--data", tmp_path)
    assert code == 4 and "mixscope data prepare digits" in err
    code, _, err = call(capsys, "bench", "eval", "--data", tmp_path, "--set", "cifar100")
    assert code == 4 and "cifar100 is not prepared" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--rounds", 0], "--rounds must be 1 or more"),
        (["study", "--slots", -1], "--slots must be 0"),
        (["train", "--set", "cifar10O"], "no data set"),
        (["eval", "--arch", "resnet5O"], "resnet50"),
        (["train", "train.batch=3"], "train.batch"),
        (["study", "train.epochs=0"], "train.epochs"),
        (["train", "train.compile=auto"], "give train.compile=true or train.compile=false"),
        (["eval", "data.name=cifar100"], "data.name: is what --set names"),
        (["study", "data.name=digits"], "data.name: is what --set names"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_measured(words, said, digits_root, capsys):
    code, _, err = call(capsys, "bench", *words, "--root", digits_root)
    assert code == 2 and said in err


# A run that asks who measures it to stop, and would last long.
STOPPER = "import os, signal, time; os.kill(os.getppid(), signal.{}); time.sleep(600)"
STOPPED = "error: stopped by {}; what was measured is not kept, the same command begins anew     [exit 75]\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_study_that_is_stopped_leaves_neither_runs_nor_files(
    number, digits_root, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    line = [sys.executable, "-c", STOPPER.format(number.name)]
    monkeypatch.setattr(study, "_command", lambda run, folder, root: line)
    code, out, err = call(capsys, "bench", "study", "--root", digits_root, "--slots", 2)
    assert (code, out, err) == (75, "", STOPPED.format(number.name))
    assert list(tmp_path.iterdir()) == []
    assert not [each for each in psutil.Process().children() if each.cmdline() == line]


def test_a_study_stopped_under_the_scheduler_promises_no_run_that_goes_on(
    digits_root, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(study, "_command", lambda run, folder, root: [sys.executable, "-c", "pass"])
    line = [sys.executable, "-c", STOPPER.format("SIGTERM")]
    monkeypatch.setattr(local, "command", lambda run, *, out, root, extra: line)
    code, out, err = call(capsys, "bench", "study", "--root", digits_root, "--slots", 1)
    assert (code, out, err) == (75, "", STOPPED.format("SIGTERM"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_measurement_in_this_process_that_is_stopped_leaves_no_files(
    number, digits_root, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(train.loop, "train", lambda *words, **more: os.kill(os.getpid(), number))
    code, out, err = call(capsys, "bench", "train", "--root", digits_root, "--quick", "--set", "digits")
    assert (code, out, err) == (75, "", STOPPED.format(number.name))
    assert list(tmp_path.iterdir()) == []


def test_evaluation_does_not_say_that_it_was_compiled(digits_root, capsys):
    words = ["bench", "eval", "--root", digits_root, "--quick", "--rounds", 1, "--json", "train.compile=true"]
    code, out, _ = call(capsys, *words, "run.eval_batch_size=16")
    assert code == 0 and json.loads(out)["context"]["compile"] is False


def test_the_larger_set_is_measured_with_where_it_is(tmp_path, digits_root):
    import shutil

    assert data_set.chosen(digits_root, None).name == "digits"
    shutil.copytree(digits_root / "digits", tmp_path / "cifar100")
    shutil.copytree(digits_root / "digits", tmp_path / "digits")
    assert data_set.chosen(tmp_path, None).folder.name == "cifar100"
    with pytest.raises(DataError, match="holds neither cifar100 nor digits"):
        data_set.chosen(tmp_path / "empty", None)


@pytest.mark.slow
def test_a_study_is_measured_against_processes_started_by_hand(digits_root):
    with study.rows("digits", digits_root, slots=1, runs=1, start=False) as bench:
        found = study.computed(bench.measure(1))
    assert set(found.found) == {study.ALONE, study.ONE, study.OVERHEAD}
    ((alone,), (one,), (overhead,)) = (found.found[name] for name in (study.ALONE, study.ONE, study.OVERHEAD))
    assert min(alone, one) > 0 and overhead == pytest.approx(one - alone)


@pytest.mark.slow
def test_every_part_of_a_start_ends_well(digits_root):
    rows = study.start_rows(study.planned("digits", 1)[0], digits_root, 1)
    assert {study.HELP, study.READY, study.STEP} < set(rows)
    assert all(rows[name]() > 0 for name in (study.HELP, study.READY, study.STEP))


@pytest.mark.slow
def test_a_first_impression_of_a_study_is_two_runs_and_not_their_start(digits_root, capsys):
    words = ["bench", "study", "--root", digits_root, "--slots", 1, "--quick", "--rounds", 1, "--json"]
    code, out, _ = call(capsys, *words)
    found = json.loads(out)
    assert code == 0 and found["context"]["runs"] == 2
    assert {row["row"] for row in found["rows"]} == {study.ALONE, study.ONE, study.OVERHEAD}
