"""Analyses of a study's runs: what is asked, what is kept, and what is said when it does not suit."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from mixscope.analysis import ANALYSES, examine, trained_run
from mixscope.analysis import cues as analysis
from mixscope.cli import main
from mixscope.data import cues
from mixscope.data.store_writer import write
from mixscope.errors import ConfigError, DataError
from mixscope.runs import execute, records
from mixscope.studies import folder
from mixscope.study import matrix

STUDY = """
name: small
base: {data.name: cues-small, augment.base: none, train.epochs: 1, train.batch_size: 16, run.device: cpu}
factors:
  model:
    conv: {model.arch: resnet10t, model.stem: small, model.kwargs: {channels: [4, 8, 8, 8], stem_width: 4}}
  augmentation:
    default: {augment.mix: none}
    cutmix: {augment.mix: cutmix}
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A data folder, and a study's folder in which three of four runs are done."""
    top = tmp_path_factory.mktemp("study")
    parameters = cues.Parameters(train=60, test=24)
    write(cues.content(parameters), root=top / "data", name="cues-small", source={}, progress=None)
    study = matrix.parse(STUDY, file="small.yaml")
    folder.keep(study, top / "runs")
    for run in study.expand()[:3]:
        execute.run(run.config, root=top / "data", out=top / "runs" / run.directory)
    return top


@pytest.fixture
def place(trained, tmp_path):
    """A copy that a test may spoil."""
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


class Told(list):
    def __call__(self, line: str) -> None:
        self.append(line)


class NoBar:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


def ask(place, said=None, slots=1, **request):
    return dict(
        examine.examine(
            place / "runs",
            examine.Request(**{"what": ("cues",), **request}),
            root=place / "data",
            say=Told() if said is None else said,
            bar=lambda title: NoBar(),
            slots=slots,
        )
    )


def test_every_finished_run_is_analysed_and_its_file_says_what_it_hangs_on(place):
    said = Told()
    compared = ask(place, said, what=("cues",))
    files = sorted((place / "runs" / "analysis" / "cues").glob("conv-*.json"))
    assert len(files) == 3 and compared["cues"]["runs"] == 3
    one = json.loads(files[0].read_text())
    assert one["key"]["version"] == analysis.VERSION and one["key"]["split"] == "test"
    assert len(one["found"]["changed"]["local"]) == 24
    kept = json.loads((place / "runs" / "analysis" / "cues" / "summary.json").read_text())
    assert kept == json.loads(json.dumps(compared["cues"]))
    assert said[0].startswith("cues         3 runs, 0 known, 576 images to look at, ")
    assert re.fullmatch(r".*, \d+ (s|min) to \d+ (s|min)", said[0]), (
        "costs are stated before it begins, as a range"
    )
    assert (
        (place / "runs" / "analysis" / "cues" / "experiments.csv").read_text().startswith("experiment,model,")
    )


def test_predictions_are_those_that_the_run_left(place):
    ask(place, what=("cues",))
    for file in (place / "runs" / "analysis" / "cues").glob("conv-*.json"):
        left = records.read_predictions(place / "runs" / file.stem, "test-last")
        hits = (left.logits.argmax(axis=1) == left.labels).astype(int)
        assert json.loads(file.read_text())["found"]["correct"]["iid"] == hits.tolist()


def test_what_was_found_is_kept_and_an_interrupted_analysis_goes_on(place, monkeypatch):
    asked = []
    measure = analysis.measure

    def watched(opened, **more):
        asked.append(opened.path.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return measure(opened, **more)

    monkeypatch.setattr(analysis, "measure", watched)
    with pytest.raises(KeyboardInterrupt):
        ask(place)
    ask(place)
    assert len(asked) == 4 and len(set(asked)) == 3, "only the one that was interrupted is done again"
    ask(place)
    assert len(asked) == 4, "nothing is left to do"


def left(place):
    """The files of an analysis, without how long it took."""
    files = sorted((place / "runs" / "analysis").rglob("*.*"))
    return {file.name: re.sub(rb'"seconds": [0-9.]+', b"", file.read_bytes()) for file in files}


@pytest.mark.slow
def test_processes_leave_the_bytes_that_one_leaves(place):
    alone = ask(place)
    files = left(place)
    shutil.rmtree(place / "runs" / "analysis")
    said = Told()
    assert ask(place, said, slots=2) == alone and left(place) == files
    assert sorted(line.split()[1] for line in said[1:]) == ["1/3", "2/3", "3/3"]


def test_a_run_that_cannot_be_analysed_does_not_stop_the_others(place):
    first, *others = records.list_runs(place / "runs")
    (first / "checkpoints" / "last.pt").write_bytes(b"")
    said = Told()
    with pytest.raises(DataError, match=f"{first.name}.*is no readable checkpoint"):
        ask(place, said)
    assert sum(line.endswith("failed") for line in said) == 1
    folder = place / "runs" / "analysis" / "cues"
    assert sorted(file.stem for file in folder.iterdir()) == sorted(path.name for path in others)


@pytest.mark.parametrize("what", ["limit", "version", "weights"])
def test_what_hangs_on_something_else_is_made_anew(place, monkeypatch, what):
    ask(place)
    said = Told()
    if what == "limit":
        ask(place, said, limit=12)
    elif what == "version":
        monkeypatch.setattr(analysis, "VERSION", analysis.VERSION + 1)
        ask(place, said)
    else:
        for path in records.list_runs(place / "runs"):
            left = records.read_predictions(path, "test-last")
            records.write_predictions(path, "test-last", dataclasses.replace(left, logits=left.logits + 1))
        ask(place, said)
    assert "3 runs, 0 known" in said[0]


def test_runs_are_named_by_patterns(place):
    assert ask(place, runs=("conv-cutmix",))["cues"]["runs"] == 1
    assert ask(place, runs=("conv-default-s?-*",))["cues"]["runs"] == 2
    with pytest.raises(DataError, match=r"no finished run of vit-\*"):
        ask(place, runs=("vit-*",))


@pytest.mark.parametrize(
    "request_, sentence",
    [
        ({"what": ("cue",)}, '--what: no analysis "cue" is known'),
        ({"split": "tset"}, '--split: no split "tset" is known'),
        ({"limit": 1}, "--limit must be 2"),
        ({"split": "val", "what": ("cues",)}, "use --split test"),
    ],
)
def test_a_wrong_request_is_named(place, request_, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ask(place, **request_)


def test_an_analysis_that_does_not_suit_is_refused_when_named_and_left_out_when_not(place, monkeypatch):
    monkeypatch.setattr(analysis, "refusal", lambda config, store: "its images have no cues")
    with pytest.raises(ConfigError, match="--what cues: conv-default seed 0: its images have no cues"):
        ask(place, what=("cues",))
    said = Told()
    monkeypatch.setattr(examine, "ANALYSES", {"cues": "one of them"})
    assert "cues" not in ask(place, said, what=())
    assert "cues         left out: its images have no cues" in said


def test_arrays_are_kept_beside_and_belong_to_their_key(place, monkeypatch):
    asked = []

    def measure(opened, **more):
        asked.append(opened.path.name)
        return {"values": np.arange(5) + len(asked), "plain": 1}

    def compare(results, found):
        return {"experiments": [], "contrasts": [], "values": [one["values"].tolist() for _, one in found]}

    monkeypatch.setattr(analysis, "measure", measure)
    monkeypatch.setattr(analysis, "compare", compare)
    monkeypatch.setattr(analysis, "lines", lambda compared: [])
    monkeypatch.setattr(analysis, "pictures", lambda results, found: {"a.png": b"drawn"}, raising=False)
    first = ask(place)["cues"]["values"]
    assert first == [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6], [3, 4, 5, 6, 7]]
    assert ask(place)["cues"]["values"] == first and len(asked) == 3
    folder = place / "runs" / "analysis" / "cues"
    assert (folder / "a.png").read_bytes() == b"drawn"
    one, other = sorted(folder.glob("conv-default-*.npz"))
    held = dict(np.load(one))
    np.savez(one, **{**held, "key": np.array("{}")})
    assert ask(place)["cues"]["values"] != first and len(asked) == 4, "arrays of another key are not taken"
    other.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"conv-default-.*json: is damaged; delete it"):
        ask(place)


def test_data_that_changed_since_are_noticed(place):
    shutil.rmtree(place / "data" / "cues-small")
    parameters = cues.Parameters(train=60, test=24, noise=5)
    write(cues.content(parameters), root=place / "data", name="cues-small", source={}, progress=None)
    with pytest.raises(DataError, match="was trained on cues-small with checksum"):
        ask(place)


def test_a_damaged_file_is_named(place):
    ask(place)
    file = next((place / "runs" / "analysis" / "cues").glob("conv-*.json"))
    file.write_text("{")
    with pytest.raises(DataError, match=f"{file.name}: is damaged; delete it"):
        ask(place)


def test_pictures_stand_where_the_loader_expects_a_store(trained):
    path = records.list_runs(trained / "runs")[0]
    store = trained_run.stored(path, trained / "data")
    opened = trained_run.opened(path, store)
    logits = opened.logits(store.images("test"), store.labels("test"))
    assert (logits == records.read_predictions(path, "test-last").logits).all()


def test_the_command_prints_ten_lines_and_where_the_rest_is(place, capsys):
    arguments = ["analyze", str(place / "runs"), "--what", "cues", "--root", str(place / "data")]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    told = shown.partition("\ncues\n")[2].splitlines()
    assert 3 <= len(told) <= 11 and "two explanations of CutMix were not compared" in shown
    everything = place / "runs" / "analysis" / "cues" / "summary.md"
    assert str(everything) in told[-1] and "conv-cutmix" in everything.read_text()
    assert main([*arguments, "--lang", "ko"]) == 0
    korean = capsys.readouterr().out.partition("\ncues\n")[2]
    assert "장면 24개" in korean and "CutMix에 대한 두 설명을 비교하지 않았습니다" in korean
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cues"]["study"] == "small"
    assert main([*arguments, "--what", "cue"]) == 2
    assert "no analysis" in capsys.readouterr().err


@pytest.mark.parametrize(("split", "limit", "n"), [("test", None, 24), ("val", None, 6), ("train", 5, 5)])
def test_the_cost_is_that_of_the_split_that_is_asked_for(place, monkeypatch, split, limit, n):
    monkeypatch.setattr(analysis, "measure", lambda opened, **_: {"images": n})
    monkeypatch.setattr(analysis, "refusal", lambda config, store: None)
    monkeypatch.setattr(analysis, "compare", lambda study, found: {"experiments": [], "contrasts": []})
    monkeypatch.setattr(analysis, "lines", lambda compared: [])
    monkeypatch.setattr(analysis, "images", lambda store, n: n)
    said = Told()
    ask(place, said, split=split, limit=limit)
    assert f"3 runs, 0 known, {3 * n} images to look at" in said[0]
    for path in records.list_runs(place / "runs"):
        store, config = trained_run.stored(path, place / "data"), records.read_config(path)
        chosen = trained_run.chosen(store, split, limit, config)
        assert trained_run.count(store, split, limit, config) == len(chosen.ids) == n


def test_what_fails_later_takes_nothing_of_what_was_found_before(place, capsys):
    arguments = ["analyze", str(place / "runs"), "--what", "mixtures", "--what", "calibration"]
    arguments += ["--root", str(place / "data"), "--limit", "6", "--split", "train"]
    assert main(arguments) == 4
    told = capsys.readouterr()
    assert "has no predictions train-last" in told.err
    assert "differences have an interval that excludes 0" in told.out and "cutmix" in told.out
    kinds = {file.suffix for file in (place / "runs" / "analysis" / "mixtures").iterdir()}
    assert kinds >= {".svg", ".csv", ".md"}


def test_every_analysis_has_a_line_and_what_a_module_must_have():
    import importlib

    for name, line in ANALYSES.items():
        module = importlib.import_module(f"mixscope.analysis.{name}")
        assert line and isinstance(module.VERSION, int)
        for function in ("refusal", "images", "measure", "compare", "lines"):
            assert callable(getattr(module, function)) and getattr(module, function).__doc__
