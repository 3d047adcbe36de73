"""Levels are shown as papers call what they set; files for machines keep the levels."""

import csv
import dataclasses
import json

import pytest

from mixscope import cli
from mixscope.report.texts import Texts
from mixscope.results import folders, tables
from mixscope.study import display_names, matrix
from mixscope.study.config import Model
from test_tables import finished_run, study_of

HEADINGS = (
    "Experiment | Dataset | Model | Augmentation | Pretrained | Top-1 Acc | Top-5 Acc | Recall | Precision"
    " | F1-score | Seeds"
)
NARROW = """
name: narrow
extends: resnet-vs-vit
factors:
  model: {resnet50: {model.arch: resnet10t}}
"""


def rows_of(markdown):
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def planned(tmp_path, text):
    (tmp_path / "study.yaml").write_text(text)
    results = folders.of_plan(matrix.load(str(tmp_path / "study.yaml")), tmp_path / "none")
    return dataclasses.replace(results, runs=tuple(map(finished_run, results.runs)))


def with_top5(run):
    tested = {name: {**found, "top5": found["top1"]} for name, found in run.metrics.get("test", {}).items()}
    return dataclasses.replace(run, metrics={"test": tested})


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_overall_table_is_printed_as_the_published_one(tmp_path, seeds):
    results, kept = study_of(tmp_path, seeds=seeds)
    results = dataclasses.replace(results, runs=tuple(map(with_top5, results.runs)))
    tables.write(results, tmp_path, kept)
    head, _, *rows = rows_of((tmp_path / "tables" / "overall.md").read_text())
    assert " | ".join(head) == HEADINGS
    by_name = {row[0]: row for row in rows}
    assert by_name["Control-1"][1:5] == ["CIFAR100", "ResNet50", "Default", "✗"]
    assert by_name["Exp-12"][1:5] == ["CIFAR100", "ViT-Small/16", "CutMix", "✓"]
    assert by_name["Exp-7"][1:5] == ["Tiny-ImageNet", "ViT-Small/16", "MixUp", "✗"]
    for row in rows:
        for value in row[5:10]:
            number, _, spread = value.removesuffix("%").partition(" ± ")
            assert value.endswith("%") and 0 <= float(number) <= 100 and bool(spread) == (seeds > 1)
    with (tmp_path / "tables" / "overall.csv").open() as file:
        keys = {
            (row["dataset"], row["model"], row["augmentation"], row["pretrained"])
            for row in csv.DictReader(file)
        }
    assert ("cifar100", "vit", "cutmix", "imagenet") in keys


def test_a_level_that_sets_another_network_is_not_called_by_its_name(tmp_path):
    results = planned(tmp_path, NARROW)
    shown = tables.text(results, tables.rows(results))
    assert "resnet10t" in shown and "ResNet50" not in shown
    assert Texts("en", results).level("resnet50") == "resnet10t"
    assert Texts("ko", results).level("resnet50") == "resnet10t"


def test_the_same_holds_for_data_sets_and_methods(tmp_path):
    swapped = (
        "name: x\nextends: resnet-vs-vit\nfactors: {data: {cifar100: {data.name: digits}}}\nclaims: null\n"
    )
    results = planned(tmp_path, swapped)
    assert "CIFAR100" not in tables.text(results, tables.rows(results))
    swapped = swapped.replace(
        "data: {cifar100: {data.name: digits}}", "augmentation: {mixup: {augment.mix: cutmix}}"
    )
    results = planned(tmp_path, swapped)
    assert "MixUp" not in tables.text(results, tables.rows(results))


def test_a_level_with_several_patch_sizes_has_one_name_and_its_rows_have_theirs(tmp_path):
    results, kept = study_of(tmp_path, "resnet-vs-vit-small-images", seeds=1)
    shown = tables.text(results, tables.rows(results, kept))
    assert "ViT-Small/4" in shown and "ViT-Small/8" in shown
    assert Texts("en", results).level("vit") == "ViT-Small"


@pytest.mark.parametrize(
    ("level", "model", "name"),
    [
        ("resnet", Model(arch="resnet10t", kwargs={"channels": [8]}), "ResNet"),
        ("resnet", Model(arch="resnet18"), "ResNet18"),
        ("vit", Model(arch="resnet18"), "ResNet18"),
        ("resnet50", Model(arch="resnet50", kwargs={"stem_width": 8}), "resnet50 (stem_width)"),
        ("resnet50", Model(arch="resnet50.a1_in1k"), "ResNet50"),
        ("wide", Model(arch="resnet50"), "wide"),
    ],
)
def test_only_names_of_architectures_are_replaced(level, model, name):
    assert display_names._model(level, model, "en") == name


def test_every_command_that_prints_metrics_prints_percent(tmp_path, digits_root, capsys):
    """Of `eval`, too, whose records hold shares."""
    run, words = tmp_path / "run", ["model.arch=resnet10t", "data.name=digits", "data.per_class=4"]
    more = ["train.epochs=1", "augment.base=none", "model.kwargs={channels: [8, 8, 8, 8], stem_width: 8}"]
    root = ["--root", str(digits_root)]
    assert cli.main(["train", *words, *more, *root, "--out", str(run)]) == 0
    capsys.readouterr()
    assert cli.main(["eval", str(run), *root]) == 0
    head, row = capsys.readouterr().out.splitlines()[:2]
    found = json.loads((run / "summary.json").read_text())["results"]["test"]["last"]
    assert "Top-1 Acc" in head and "F1-score" in head and f"{100 * found['top1']:.2f}%" in row.split()
    assert "NLL" in head and f"{found['nll']:.3f}" in row.split(), "nats, no percentage"


def test_a_terminal_without_the_signs_gets_words(tmp_path):
    results, kept = study_of(tmp_path, seeds=2)
    text = tables.text(results, tables.rows(results, kept), ascii=True)
    assert text.isascii() and " yes " in text and " no " in text and " +- " in text
