"""What differs between two studies, and between a study and a printed table."""

import json

import numpy as np
import pytest
from scipy import stats

import made_study
from mixscope import cli
from mixscope.audit import compare
from mixscope.claims import samples
from mixscope.errors import DataError
from mixscope.results import folders, sources
from mixscope.runs import records
from test_verdicts import TWO, edit, skill

LONGER = TWO.replace("name: two", "name: longer").replace("train.epochs: 4", "train.epochs: 8")


def pair(tmp_path, second=LONGER, made=None):
    made_study.write(tmp_path / "a", TWO, skill())
    made_study.write(tmp_path / "b", second, made or skill())
    return folders.study(tmp_path / "a"), folders.study(tmp_path / "b")


def test_a_study_is_like_itself(tmp_path):
    first, _ = pair(tmp_path)
    found = compare.studies(first, first)
    assert (found.settings, found.made_with, found.only_first, found.only_second) == ((), (), (), ())
    assert {row.said for row in found.results} == {compare.ALIKE}


def test_two_folders_of_one_study_are_distinguished(tmp_path):
    first, second = pair(tmp_path, TWO)
    found = compare.studies(first, second)
    assert (found.first, found.second) == (f"two ({tmp_path / 'a'})", f"two ({tmp_path / 'b'})")


def test_runs_that_are_left_out_and_checks_that_failed_are_reported(tmp_path):
    made_study.write(tmp_path / "a", TWO, skill())
    made_study.write(
        tmp_path / "b", LONGER, made_study.Made(n=400, ill=2, states={"vit-cutmix-s1": "pending"})
    )
    damaged = next((tmp_path / "a").glob("resnet-cutmix-s2-*"))
    (damaged / "summary.json").write_text("{")
    found = compare.studies(folders.study(tmp_path / "a"), folders.study(tmp_path / "b"))
    assert [name for name, _ in found.problems] == ["two", "longer", "longer"]
    codes = [finding.code for _, finding in found.problems]
    assert codes == ["runs-damaged", "runs-pending", "checks-failed"]
    assert {row.experiment: row.seeds for row in found.results}["resnet-cutmix"] == (2, 3)


def test_changed_settings_are_named_once_with_their_experiments(tmp_path):
    first, second = pair(tmp_path, LONGER.replace("arch: resnet10t", "arch: resnet18"))
    found = compare.studies(first, second)
    assert set(found.settings) == {
        ("train.epochs: 4 -> 8", ()),
        ("model.arch: resnet10t -> resnet18", ("resnet-default", "resnet-cutmix")),
    }


def test_what_they_were_made_with_is_compared(tmp_path):
    first, second = pair(tmp_path)
    for run in second.runs:
        path = tmp_path / "b" / run.directory
        about = records.read_environment(path)
        edit(path / "environment.json", packages=about["packages"] | {"torch": "2.15.0"})
        edit(path / "summary.json", code=["f" * 16])
    found = compare.studies(first, folders.study(tmp_path / "b"))
    assert set(found.made_with) == {f"code: {'c0de' * 4} -> {'f' * 16}", "torch: 2.14.1 -> 2.15.0"}


def test_the_same_runs_have_no_interval_between_them(tmp_path, capsys):
    first, _ = pair(tmp_path)
    found = compare.studies(first, first)
    assert {(row.said, row.interval, row.p) for row in found.results} == {(compare.ALIKE, None, None)}
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert said.count("+0.00  the same results, seed by seed") == len(found.results)
    assert f"{len(found.results)} experiments: {len(found.results)} alike" in said


def test_the_same_accuracies_have_no_interval_between_them(tmp_path):
    (tmp_path / "a.csv").write_text(
        "model,augmentation,seed,top1\na,x,0,70.0\na,x,1,71.0\na,y,0,72\na,y,1,73\n"
    )
    known = sources.load(tmp_path / "a.csv")
    assert {row.said for row in compare.studies(known, known).results} == {compare.ALIKE}


def test_only_a_difference_beyond_noise_is_called_one(tmp_path):
    first, second = pair(tmp_path, made=skill(**{"vit-cutmix": 4.0, "vit-default": 1.52}))
    said = {row.experiment: row for row in compare.studies(first, second).results}
    assert said["vit-cutmix"].said == compare.BEYOND and said["vit-cutmix"].interval.low > 5
    assert said["vit-default"].said == compare.WITHIN
    assert said["vit-cutmix"].p_holm == pytest.approx(2 * said["vit-cutmix"].p)


def test_experiments_find_each_other_by_levels_when_names_differ(tmp_path):
    levels = ["resnet, augmentation: default", "resnet, augmentation: cutmix"]
    levels += ["vit, augmentation: default", "vit, augmentation: cutmix"]
    named = "".join(f"  Exp-{i}: {{model: {cell}}}\n" for i, cell in enumerate(levels))
    first, second = pair(tmp_path, LONGER + "names:\n" + named)
    found = compare.studies(first, second)
    assert len(found.results) == 4 and found.only_first == found.only_second == ()


def test_one_seed_gives_an_interval_of_examples_and_no_verdict(tmp_path):
    first, second = pair(tmp_path, LONGER.replace("[0, 1, 2]", "[0]"))
    for row in compare.studies(first, second).results:
        assert row.conditional and row.p is None and row.said == compare.UNKNOWN


def test_studies_without_a_common_experiment_cannot_be_compared(tmp_path):
    first, second = pair(tmp_path, LONGER.replace("vit:", "w:").replace("resnet:", "r:"))
    with pytest.raises(DataError, match="share no experiment"):
        compare.studies(first, second)


NAMED = "".join(
    f"  {name}: {{model: {model}, augmentation: {arm}}}\n"
    for name, model, arm in [
        ("Control-1", "resnet", "default"),
        ("Exp-1", "resnet", "cutmix"),
        ("Control-2", "vit", "default"),
        ("Exp-2", "vit", "cutmix"),
    ]
)


def printed(tmp_path, ours, changes):
    """A table of our own means, moved by `changes`."""
    rows = ["experiment,top1"]
    for name in [e.name for e in ours.experiments]:
        top1 = 100 * samples.sample(ours, name).accuracy + changes.get(name, 0.0)
        rows.append(f"{name},{top1:.2f}%")
    file = tmp_path / "published.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def test_a_printed_value_is_one_more_run(tmp_path):
    made_study.write(tmp_path / "a", TWO + "names:\n" + NAMED, skill())
    ours = folders.study(tmp_path / "a")
    file = printed(tmp_path, ours, {"Exp-2": 40.0})
    found = {row.experiment: row for row in compare.table(ours, file).results}
    assert found["Control-1"].said == compare.WITHIN
    runs = 100 * samples.sample(ours, "Exp-2").by_seed
    half = stats.t.ppf(0.975, 2) * runs.std(ddof=1) * np.sqrt(4 / 3)
    assert found["Exp-2"].interval.low == pytest.approx(40.0 - half, abs=0.01)
    assert found["Exp-2"].seeds == (3, 1)


def test_a_table_of_other_experiments_is_refused(tmp_path):
    made_study.write(tmp_path / "a", TWO, skill())
    file = tmp_path / "t.csv"
    file.write_text("experiment,top1\nExp-1,50.0%\nExp-2,51.0%\n")
    with pytest.raises(DataError, match="names an experiment of two"):
        compare.table(folders.study(tmp_path / "a"), file)


def test_the_command_prints_text_and_json(tmp_path, capsys):
    pair(tmp_path, made=skill(**{"vit-cutmix": 4.0, "vit-default": 1.52}))
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert cli.main(words) == 0
    text = capsys.readouterr().out
    assert "train.epochs: 4 -> 8  (all experiments)" in text and "beyond noise" in text
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["results"]) == 4 and found["first"] == "two"
    assert cli.main(["compare", str(tmp_path), str(tmp_path / "b")]) == 4
    assert "has no study.yaml" in capsys.readouterr().err
