"""Bundles: what is judged from them is what is judged from the folder, to the last digit."""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import pytest

import made_study
import mixscope
from mixscope import analysis, cli
from mixscope.claims import budget, health, verdicts
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.report import page
from mixscope.results import bundle, folders, json_values, runs_table, sources
from mixscope.results.results import Run
from test_verdicts import TWO

CHOSEN = TWO.replace("train.epochs: 4", "train.epochs: 4, train.protocol: published")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study with validation images and three checkpoints a run."""
    place = tmp_path_factory.mktemp("made") / "study"
    made_study.write(place, CHOSEN, made_study.Made(n=300, ill=-1))
    (place / "analysis" / "features").mkdir(parents=True)
    (place / "analysis" / "features" / "summary.json").write_text('{"what": "features", "cells": []}')
    return place


@pytest.fixture(scope="module", params=["zip", "folder"])
def packed(request, folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("packed") / ("b.zip" if request.param == "zip" else "b")
    bundle.write(folders.study(folder), out)
    return out


def contents(path):
    if path.is_dir():
        return {f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*") if f.is_file()}
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


@pytest.mark.parametrize("checkpoint", ["last", "selected", "best-on-test"])
def test_a_bundle_is_judged_as_its_folder_to_the_last_digit(folder, packed, checkpoint):
    theirs, ours = folders.study(folder), bundle.read(packed)
    judged = verdicts.judge(theirs, checkpoint=checkpoint)
    assert judged and verdicts.judge(ours, checkpoint=checkpoint) == judged
    assert health.examine(ours) == health.examine(theirs)
    assert budget.follow(ours) == budget.follow(theirs)
    assert ours.to_frame(checkpoint).equals(theirs.to_frame(checkpoint))
    assert ours.outcomes(checkpoint).equals(theirs.outcomes(checkpoint))
    assert [r.scaled() for r in ours.runs] == [r.scaled() for r in theirs.runs] != [None] * len(ours.runs)


def test_a_bundle_holds_all_that_its_folder_says(folder, packed):
    theirs, ours = folders.study(folder), bundle.read(packed)
    assert dataclasses.replace(ours, source="", folder=None) == dataclasses.replace(
        theirs, source="", folder=None
    )
    assert ours.plan == (folder / "study.yaml").read_text()
    assert ours.analysis("features") == theirs.analysis("features") and ours.analysis("cues") is None


def test_a_report_of_a_bundle_has_the_tables_of_its_folder(folder, packed, tmp_path):
    shutil.copytree(folder, tmp_path / "study", ignore=shutil.ignore_patterns("analysis"))
    bundle.write(folders.study(tmp_path / "study"), tmp_path / "b.zip")
    made = [
        page.write(sources.load(source), out=tmp_path / name)
        for name, source in (("a", tmp_path / "study"), ("b", tmp_path / "b.zip"))
    ]
    tables = [{file.name: file.read_bytes() for file in one.tables + one.figures} for one in made]
    assert tables[0] == tables[1] and len(tables[0]) > 20


def test_the_same_results_give_the_same_bytes_wherever_they_lie(folder, packed, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    out = tmp_path / packed.name
    bundle.write(folders.study(tmp_path / "elsewhere"), out)
    assert contents(out) == contents(packed)
    if packed.is_file():
        assert out.read_bytes() == packed.read_bytes()


def test_a_bundle_has_neither_weights_nor_logits(packed):
    found = contents(packed)
    kinds = {name.partition("/")[0] for name in found}
    assert kinds == {"bundle.json", "study.yaml", "runs", "arrays", "analysis", "SHA256SUMS"}
    # 300 examples of 10 classes: logits of one checkpoint alone are 12,000 bytes.
    assert all(len(content) < 4000 for name, content in found.items() if name.startswith("arrays/"))
    assert len([name for name in found if name.startswith("arrays/")]) == 13, "equal checkpoints once"


@pytest.mark.parametrize("name", ["b.zip", "b"])
def test_packing_again_after_more_runs_only_adds(folder, tmp_path, name):
    place, out = tmp_path / "study", tmp_path / name
    shutil.copytree(folder, place)
    late = sorted(path for path in place.iterdir() if path.name.startswith("vit-cutmix-s1"))
    shutil.move(late[0], tmp_path / "late")
    first = bundle.write(folders.study(place), out)
    before = contents(out)
    assert (len(first.done), len(first.runs)) == (11, 12)
    assert [r.state for r in bundle.read(out).runs if not r.done] == ["pending"]
    shutil.move(tmp_path / "late", late[0])
    bundle.write(folders.study(place), out)
    after = contents(out)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == {"bundle.json", "SHA256SUMS"} and len(after) > len(before)
    assert len(bundle.read(out).done) == 12


def test_runs_that_are_not_done_are_listed_with_their_state(tmp_path):
    states = {"vit-cutmix-s1": "running", "vit-cutmix-s2": "failed", "resnet-cutmix": "pending"}
    made_study.write(tmp_path / "s", TWO, made_study.Made(n=50, ill=-1, states=states))
    theirs = folders.study(tmp_path / "s")
    bundle.write(theirs, tmp_path / "b.zip")
    ours = bundle.read(tmp_path / "b.zip")
    assert [(r.label, r.state, r.error) for r in ours.runs] == [
        (r.label, r.state, r.error) for r in theirs.runs
    ]
    assert verdicts.judge(ours) == verdicts.judge(theirs)


def test_a_run_with_damaged_predictions_is_left_out_and_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "s")
    path = next((tmp_path / "s").glob("vit-cutmix-s1-*"))
    (path / "predictions" / "test-selected.npz").write_bytes(b"PK")
    packed = bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")
    ours = bundle.read(tmp_path / "b.zip")
    for found in (packed, ours):
        assert [r.label for r in found.runs if r.state == "damaged"] == ["vit-cutmix seed 1"]
    assert "test-selected" in next(r.error for r in ours.runs if r.state == "damaged")


def test_a_bundle_with_a_run_that_is_not_planned_is_not_overwritten(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "s")
    bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")
    kept = tmp_path / "s" / "study.yaml"
    kept.write_text(kept.read_text().replace("seeds: [0, 1, 2]", "seeds: [0, 1]"))
    with pytest.raises(ConfigError, match=r"finished runs that .* does not plan.*another --out"):
        bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")


@pytest.mark.parametrize("name", ["b.zip", "b"])
def test_a_study_run_in_parts_is_packed_into_one_bundle(folder, tmp_path, name):
    """Each machine has some of the runs; the bundle of both is the bundle of the whole, byte for byte."""
    for part in ("first", "second"):
        shutil.copytree(folder, tmp_path / part / "study")
    for place in (tmp_path / "first" / "study").glob("vit-*"):
        shutil.rmtree(place)
    for place in (tmp_path / "second" / "study").glob("resnet-*"):
        shutil.rmtree(place)
    shutil.rmtree(tmp_path / "second" / "study" / "analysis")
    bundle.write(folders.study(tmp_path / "first" / "study"), tmp_path / name)
    packed = bundle.write(folders.study(tmp_path / "second" / "study"), tmp_path / name)
    assert len(packed.done) == 12
    bundle.write(folders.study(folder), tmp_path / f"whole-{name}")
    assert contents(tmp_path / name) == contents(tmp_path / f"whole-{name}")


def test_a_run_that_failed_since_is_not_covered_by_the_packed_one(tmp_path):
    made_study.write(tmp_path / "s", TWO, made_study.Made(n=50, ill=-1))
    bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")
    shutil.rmtree(tmp_path / "s")
    made_study.write(tmp_path / "s", TWO, made_study.Made(n=50, ill=-1, states={"vit-cutmix-s1": "failed"}))
    with pytest.raises(ConfigError, match="1 finished runs"):
        bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")


def test_runs_that_are_packed_are_not_run_again(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle.write(folders.study(folder), tmp_path / "b.zip")
    code = cli.main(["study", "run", str(folder), "--out", str(tmp_path / "new"), "--packed", "b.zip"])
    assert code == 0 and "12 of 12 runs are done in b.zip; 0 left" in capsys.readouterr().out
    assert not (tmp_path / "new").exists()


def test_what_is_no_bundle_is_not_overwritten(folder, tmp_path):
    results = folders.study(folder)
    (tmp_path / "notes.zip").write_text("mine")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").write_text("")
    for out in (tmp_path / "notes.zip", tmp_path / "d"):
        with pytest.raises(ConfigError, match="another --out"):
            bundle.write(results, out)
    assert (tmp_path / "notes.zip").read_text() == "mine"


def test_damage_to_any_file_is_noticed_and_named(folder, tmp_path):
    out = tmp_path / "b"
    bundle.write(folders.study(folder), out)
    sound = verdicts.judge(bundle.read(out))
    for file in sorted(f for f in out.rglob("*") if f.is_file()):
        content = file.read_bytes()
        spoilt = bytearray(content)
        spoilt[len(spoilt) // 2] ^= 1
        file.write_bytes(spoilt)
        name = file.relative_to(out).as_posix()
        with pytest.raises(DataError, match="damaged") as problem:
            bundle.read(out)
        assert str(out) in str(problem.value), name
        file.write_bytes(content)
    assert verdicts.judge(bundle.read(out)) == sound


def test_a_bundle_of_a_later_schema_is_refused(folder, tmp_path):
    import hashlib

    out = tmp_path / "b"
    bundle.write(folders.study(folder), out)
    index = json.loads((out / "bundle.json").read_text()) | {"schema": 2}
    (out / "bundle.json").write_text(json.dumps(index))
    lines = (out / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256((out / "bundle.json").read_bytes()).hexdigest()
    lines = [f"{digest}  bundle.json" if line.endswith(" bundle.json") else line for line in lines]
    (out / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="bundle schema 2, this mixscope reads up to 1"):
        bundle.read(out)


def test_a_name_that_leads_out_of_the_bundle_is_refused(folder, tmp_path):
    out = tmp_path / "b"
    bundle.write(folders.study(folder), out)
    with (out / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../study.yaml\n")
    with pytest.raises(DataError, match="damaged"):
        bundle.read(out)


def test_every_analysis_is_packed():
    assert set(bundle.ANALYSES) == set(analysis.ANALYSES)


def test_a_study_is_judged_alike_from_its_frame_and_prediction_files(folder, tmp_path):
    """What to_frame() and outcomes() write is all that a verdict needs."""
    theirs = folders.study(folder)
    frame, outcomes = theirs.to_frame(), theirs.outcomes()
    frame["predictions"] = [
        f"{name}-{seed}.csv" for name, seed in zip(frame.experiment, frame.seed, strict=True)
    ]
    for (name, seed), mine in outcomes.groupby(["experiment", "seed"]):
        columns = ["id", "label", "predicted", "confidence", "log_likelihood"]
        mine[columns].to_csv(tmp_path / f"{name}-{seed}.csv", index=False)
    frame.to_csv(tmp_path / "results.csv", index=False)
    read = runs_table.read(tmp_path / "results.csv")
    ours = dataclasses.replace(read, claims=theirs.claims)
    assert [e.levels for e in ours.experiments] == [e.levels for e in theirs.experiments]
    judged = [numbers(v) for v in verdicts.judge(ours)]
    assert judged == [numbers(v) for v in verdicts.judge(bundle.read(pack(theirs, tmp_path)))]


def numbers(verdict):
    """A verdict without what only records of a run can say: caveats, and the epoch chosen on test."""
    readings = [
        dataclasses.replace(r, caveats=(), chosen_on_test=None, gates=(), gate_kinds=())
        for r in verdict.readings
    ]
    return dataclasses.replace(verdict, readings=tuple(readings), why=Finding("why-no-claim"))


def pack(results, folder):
    bundle.write(results, folder / "packed.zip")
    return folder / "packed.zip"


def test_pack_judge_report_and_compare_take_a_bundle(folder, tmp_path, capsys):
    out = tmp_path / "b.zip"
    assert cli.main(["study", "pack", str(folder), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == {"done": 12, "asked": 12} and told["bytes"] == out.stat().st_size
    printed = []
    for source in (folder, out):
        assert cli.main(["judge", str(source)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    for source in (folder, out):
        assert cli.main(["study", "table", str(source)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[2] == printed[3] and "resnet-cutmix" in printed[2]
    assert cli.main(["study", "table", str(out), "--seeds", "1"]) == 2
    assert "is no study" in capsys.readouterr().err
    assert cli.main(["compare", str(folder), str(out)]) == 0
    assert "4 experiments: 4 alike" in capsys.readouterr().out
    assert cli.main(["judge", str(tmp_path / "none.zip")]) == 4
    assert "no such file" in capsys.readouterr().err


def test_the_default_bundle_lies_beside_the_folder(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "s")
    assert cli.main(["study", "pack", str(tmp_path / "s")]) == 0
    assert Path(tmp_path / "s.zip").is_file() and "12 of 12 runs" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.99])
def test_a_bundle_that_is_cut_off_anywhere_is_called_that(tmp_path, share):
    whole = (Path(__file__).parent / "stored" / "quickstart.zip").read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"cut off.* copy it again"):
        mixscope.load(cut)


def test_a_state_of_a_run_that_nothing_knows_is_refused():
    plain = {"experiment": "a", "seed": 0, "state": "failed"}
    assert json_values.from_plain(Run, plain).state == "failed"
    with pytest.raises(ValueError, match=r"Run\.state is 'ended'"):
        json_values.from_plain(Run, plain | {"state": "ended"})
