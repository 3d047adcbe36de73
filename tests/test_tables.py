"""The overall table: its columns and rows, and that it depends on nothing but the figures."""

import csv
import dataclasses
import json
import random
import re

import pytest

from mixscope.errors import DataError
from mixscope.report import page
from mixscope.results import DataSet, Experiment, Provenance, Results, Run, folders, sources, tables
from mixscope.runs import evaluate, records, verify
from mixscope.study import matrix
from mixscope.study.roles import Roles
from small_run import config, run, store

PUBLISHED = "experiment dataset model augmentation pretrained top1 top5 recall precision f1".split()
ROWS = """
Control-1 Exp-1 Exp-2 Control-2 Exp-3 Exp-4 Control-5 Exp-9 Exp-10 Control-6 Exp-11 Exp-12
Control-3 Exp-5 Exp-6 Control-4 Exp-7 Exp-8 Control-7 Exp-13 Exp-14 Control-8 Exp-15 Exp-16
""".split()


def figures(value):
    return {"top1": value, "top5": None, "recall": value, "precision": value / 2, "f1": value / 3, "n": 100}


def finished_run(run):
    """A run that is done, with values that depend on its name and seed alone."""
    value = random.Random(f"{run.experiment} {run.seed}").random()
    tested = {name: figures(value * factor) for name, factor in (("last", 1.0), ("best-on-test", 0.5))}
    made = Provenance(code_digests=("c0de",), data=DataSet(name="d", digest="da7a"))
    return dataclasses.replace(run, state="done", metrics={"test": tested}, provenance=made)


def study_of(tmp_path, name="resnet-vs-vit", *, seeds=2, order=1, leave_out=0):
    study = matrix.load(name)
    asked = [(run.name, run.seed) for run in study.expand(seeds=seeds)]
    results = folders.of_plan(study, tmp_path / "none")
    runs = [finished_run(r) if (r.experiment, r.seed) in asked[leave_out:] else r for r in results.runs]
    return dataclasses.replace(results, runs=tuple(runs[::order])), asked


def written(out, *name, **more):
    results, kept = study_of(out, *name, **more)
    return tables.write(results, out, kept)


def test_the_overall_table_has_the_published_columns_and_a_row_per_experiment(tmp_path):
    results, kept = study_of(tmp_path, seeds=1)
    tables.write(results, tmp_path, kept)
    with (tmp_path / "tables" / "overall.csv").open() as file:
        head, *rows = list(csv.reader(file))
    assert head[:10] == PUBLISHED and [row[0] for row in rows] == ROWS
    assert rows[7][:5] == ["Exp-9", "cifar100", "resnet50", "mixup", "imagenet"]
    value = 100 * random.Random("Exp-9 0").random()
    assert rows[7][5:7] == [f"{value:.4f}", ""] and rows[7][head.index("top1_sd")] == ""
    markdown = (tmp_path / "tables" / "overall.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in markdown if line.startswith(("| Control", "| Exp-"))] == [
        f"| {name}" for name in ROWS
    ]
    exp9 = next(line for line in markdown if line.startswith("| Exp-9 "))
    assert f"| {value:.2f}% | {value:.2f}% |" in exp9, "no top-5 in between"


def test_there_is_a_table_for_each_data_set_and_one_for_pretrained(tmp_path):
    results, kept = study_of(tmp_path, seeds=1)
    files = tables.write(results, tmp_path, kept)
    assert sorted(f.name for f in files) == [
        "cifar100.csv", "cifar100.md", "overall.csv", "overall.json", "overall.md", "pretrained.csv",
        "pretrained.md", "tiny-imagenet.csv", "tiny-imagenet.md",
    ]  # fmt: skip
    with (tmp_path / "tables" / "pretrained.csv").open() as file:
        assert {row["pretrained"] for row in csv.DictReader(file)} == {"imagenet"}
    assert not any("pretrained" in f.name for f in written(tmp_path, "quickstart"))


def test_the_tables_are_the_same_bytes_in_whatever_order_runs_were_made(tmp_path):
    contents = []
    for order in (1, -1):
        out = tmp_path / str(order)
        results, kept = study_of(out, "quickstart", order=order)
        contents.append({f.name: f.read_bytes() for f in tables.write(results, out, kept)})
    assert contents[0]["overall.json"] != b"" and contents[0].keys() == contents[1].keys()
    rows = [sorted(json.loads(c["overall.json"])["rows"], key=str) for c in contents]
    assert rows[0] == rows[1], "figures do not hang on the order in which runs are given either"
    again = {f.name: f.read_bytes() for f in written(tmp_path / "again", "quickstart", order=-1)}
    assert again == contents[0]


def test_levels_that_a_spreadsheet_or_a_page_would_run_are_made_harmless(tmp_path):
    """Of every table that is written: one writer guards them all."""
    bad = ("=cmd|'/C calc'!A0", "a|b <i>*x*</i>")
    experiments = tuple(Experiment(name=x, levels={"mix": x}, data=x) for x in bad)
    runs = tuple(finished_run(Run(experiment=x, seed=0)) for x in bad)
    results = Results(name="x", roles=Roles(factors={"mix": bad}), experiments=experiments, runs=runs)
    for file in tables.write(results, tmp_path):
        text = file.read_text()
        if file.suffix == ".csv":
            cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
            assert not any(cell.startswith("=") for cell in cells), file
        if file.suffix == ".md":
            rows = [line for line in text.splitlines() if line.startswith("| ")]
            columns = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
            assert len(columns) == 1 and "<i>" not in text, file


def test_mean_and_spread_are_those_of_the_seeds(tmp_path):
    results, kept = study_of(tmp_path, seeds=2)
    row = next(r for r in tables.rows(results, kept) if r["experiment"] == "Exp-4")
    a, b = (100 * random.Random(f"Exp-4 {seed}").random() for seed in (0, 1))
    assert row["top1"] == pytest.approx((a + b) / 2) and row["top1_sd"] == pytest.approx(abs(a - b) / 2**0.5)
    assert row["top5"] is None and row["top5_sd"] is None and [r["seed"] for r in row["runs"]] == [0, 1]


def test_a_column_that_no_run_has_a_value_of_is_left_out(tmp_path):
    """As top-5 up to five classes, where every prediction would be right."""
    results, kept = study_of(tmp_path)
    rows = tables.rows(results, kept)
    assert "Top-1" in tables.text(results, rows) and "F1" in tables.text(results, rows)
    assert "Top-5" not in tables.text(results, rows) + tables.markdown(results, rows)
    some = [rows[0] | {"top5": 99.0}, *rows[1:]]
    assert "Top-5" in tables.text(results, some) and "Top-5" in tables.markdown(results, some)
    begun, _ = study_of(tmp_path, leave_out=10**6)
    assert "Top-5" in tables.text(begun, tables.rows(begun)), "nothing is known yet"


def test_the_table_of_a_report_is_the_table_of_results(tmp_path):
    """Of a study and of means from elsewhere: one builder, whoever shows the table."""
    source = tmp_path / "means.csv"
    source.write_text("model,aug,acc,se,n_seeds\nvit,none,70.0,0.4,4\nvit,mixup,72.0,0.5,4\n")
    study = dataclasses.replace(study_of(tmp_path, "quickstart", seeds=2)[0], claims=())
    for results in (study, sources.load(source)):
        made = {file.name: file for file in page.write(results, out=tmp_path / results.name).tables}
        with made["results.csv"].open() as file:
            told = list(csv.DictReader(file))
        rows = {row["experiment"]: row for row in tables.rows(results)}
        assert len(told) == len(rows)
        for row in told:
            mine = rows[row["experiment"]]
            for metric in tables.METRICS:
                for name in (metric, f"{metric}_sd"):
                    assert row[name] == ("" if mine[name] is None else f"{mine[name]:.6g}")
        assert rows[told[0]["experiment"]]["top1_sd"] is not None, "the spread of a mean is one too"
        for line in tables.markdown(results, list(rows.values())).splitlines():
            assert line in made["results.md"].read_text().splitlines()


def test_runs_that_are_not_done_are_named(tmp_path):
    results, kept = study_of(tmp_path, seeds=1, leave_out=2)
    tables.write(results, tmp_path, kept)
    assert "Not done: Control-1 seed 0, Exp-1 seed 0." in (tmp_path / "tables" / "overall.md").read_text()
    assert json.loads((tmp_path / "tables" / "overall.json").read_text())["not_done"] == [
        "Control-1 seed 0", "Exp-1 seed 0",
    ]  # fmt: skip


def test_the_published_protocol_is_labelled_as_chosen_on_the_test_split(tmp_path):
    results, kept = study_of(tmp_path, "resnet-vs-vit-published", seeds=1)
    rows = tables.rows(results, kept)
    assert rows[0]["top1"] == pytest.approx(50 * random.Random("Control-1 223").random())
    assert {row["checkpoint"] for row in rows} == {"best-on-test"} and "optimistic" in tables.caption(rows)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A data folder and two runs that are done, of different networks."""
    root = tmp_path_factory.mktemp("data")
    store(root)
    paths = [tmp_path_factory.mktemp("runs") / name for name in ("a", "b")]
    for path, pairs in zip(paths, (["optim.ema_decay=0.5"], ["seed=1"]), strict=True):
        run(config(*pairs), root, path)
    return root, paths


def test_evaluating_again_writes_nothing_and_agrees(finished):
    root, paths = finished
    before = {file: file.read_bytes() for path in paths for file in path.rglob("*") if file.is_file()}
    sound = []
    verify.finished(paths, root=root, notice=sound.append)
    assert sorted(sound) == sorted(paths)
    assert before == {file: file.read_bytes() for path in paths for file in path.rglob("*") if file.is_file()}


def test_runs_judged_together_are_judged_as_alone(finished):
    root, paths = finished
    together = evaluate.evaluate(paths, root=root, write=False)
    alone = [row for path in paths for row in evaluate.evaluate([path], root=root, write=False)]
    assert together == alone and [row["checkpoint"] for row in alone] == ["last", "selected"] * 2


def test_a_summary_that_its_checkpoint_does_not_bear_out_is_refused_by_name_after_all_are_seen(finished):
    root, (path, other) = finished
    sound = []
    content = (path / "summary.json").read_bytes()
    summary = json.loads(content)
    summary["results"]["test"]["last"]["top1"] -= 0.2
    try:
        records.write_json(path / "summary.json", summary)
        with pytest.raises(DataError, match=rf"{path.name}: evaluated again, its checkpoint last .*top1: "):
            verify.finished([path, other], root=root, notice=sound.append)
        assert sound == [other]
    finally:
        (path / "summary.json").write_bytes(content)


def test_rounding_is_no_difference():
    said = {"n": 10_000, "top1": 0.5, "top5": 0.8, "nll": 2.0}
    assert verify.differences(said, {**said, "top1": 0.5009, "nll": 2.01}) == []
    assert verify.differences(said, {**said, "top1": 0.502}) == ["top1: 0.5000 -> 0.5020"]
    assert verify.differences(said, {**said, "top5": None}) == ["top5: 0.8000 -> None"]
    assert len(verify.differences({}, said)) == 4
