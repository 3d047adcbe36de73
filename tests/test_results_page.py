"""The published results: every figure on the pages follows from the committed bundles."""

import importlib.util
import json
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def make_page():
    spec = importlib.util.spec_from_file_location("make_page", RESULTS / "make_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_what_the_bundles_give(make_page):
    for path, content in make_page.pages():
        assert path.read_text("utf-8") == content, f"run `python results/make_page.py`: {path.name} differs"


def by_hand(experiment):
    """Top-1 of each seed from the arrays of the bundle, without mixscope."""
    bundle = RESULTS / "resnet-vs-vit-two-cores"
    found = []
    for file in (bundle / "runs").glob("*.json"):
        run = json.loads(file.read_text("utf-8"))
        if run["experiment"] == experiment:
            arrays = {name: np.load(bundle / kept) for name, kept in run["outcomes"]["last"].items()}
            found.append(100.0 * np.mean(arrays["run"]["predicted"] == arrays["examples"]["labels"]))
    return found


def test_the_table_of_24_experiments_holds_what_the_predictions_give(make_page):
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    table = page[page.index("## All 24 experiments") : page.index("## What mixing adds")]
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in table.splitlines()}
    experiments = make_page.bundle(make_page.STUDY).experiments
    assert len(experiments) == 24
    for experiment in experiments:
        values = by_hand(experiment.name)
        expected = f"{statistics.fmean(values):.2f}" if values else ""
        if len(values) > 1:
            expected += f" ± {statistics.stdev(values):.2f}"
        assert rows[experiment.name][5] == expected, experiment.name
        assert rows[experiment.name][-1].strip(" |") == str(len(values))


def test_the_page_tells_the_verdicts_of_judge(make_page, capsys):
    from mixscope import cli

    assert cli.main(["judge", str(RESULTS / "resnet-vs-vit-two-cores"), "--json"]) == 0
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    primary = [verdict for verdict in verdicts if not verdict["secondary"]]
    assert [v["claim"] for v in primary] == ["main", "H1", "H2", "H3-mixup", "H3-cutmix"]
    for verdict in primary:
        assert f"| {verdict['claim']} | {verdict['text']['en']} | {verdict['verdict']} |" in page


def test_a_rank_interval_leaves_out_ranks_that_are_shown_to_be_wrong(make_page, tmp_path):
    """`up` is 10 points above all others, `down` 10 below; `default` and `even` differ by noise."""
    table = tmp_path / "runs.csv"
    means = {"default": 50.0, "up": 60.0, "even": 50.1, "down": 40.0}
    lines = [
        f"net,{name},{seed},{mean + 0.1 * (seed % 3):.2f}"
        for name, mean in means.items()
        for seed in range(6)
    ]
    table.write_text("\n".join(["model,augmentation,seed,accuracy", *lines]))
    results = make_page.mixscope.load(table)
    found = make_page.rank_intervals(results, "net")
    assert found == {"default": (2, 3), "up": (1, 1), "even": (2, 3), "down": (4, 4)}


def test_ranks_without_runs_are_open(make_page):
    results = make_page.folders.of_plan(make_page.matrix.load(make_page.ZOO), make_page.HERE / "none")
    assert set(make_page.rank_intervals(results, "vit").values()) == {(1, 11)}


def test_the_chart_of_methods_has_each_gain_of_the_table_best_first(make_page, monkeypatch, tmp_path):
    table = tmp_path / "runs.csv"
    gains = {"default": 0.0, "mixup": 2.13, "cutmix": 3.13, "fmix": -1.13}
    lines = [
        f"{model},{name},{seed},{50 + gain + seed / 10}"
        for model in ("resnet", "vit")
        for name, gain in gains.items()
        for seed in range(3)
    ]
    table.write_text("\n".join(["model,augmentation,seed,accuracy", *lines]))
    results = make_page.mixscope.load(table)
    monkeypatch.setattr(make_page, "bundle", lambda name: results)
    chart = str(make_page.Page("en").zoo_chart().svg)
    shown = re.findall(r">(ResNet|ViT|MixUp|CutMix|FMix|[+-]\d\.\d\d)<", chart.replace("\N{MINUS SIGN}", "-"))
    one = ["CutMix", "+3.13", "MixUp", "+2.13", "FMix", "-1.13"]
    assert shown == ["ResNet", *one, "ViT", *one]


@pytest.mark.parametrize("suffix", ["", ".ko"])
def test_the_committed_report_shows_the_bundles_estimates(make_page, suffix):
    """Made again with every new seed: `mixscope report results/resnet-vs-vit-two-cores`."""
    report = ROOT / "docs" / "reports" / f"two-cores{suffix}.html"
    assert report.stat().st_size < 4_000_000
    text = report.read_text("utf-8").replace("\N{MINUS SIGN}", "-")
    for verdict in make_page.mixscope.judge(make_page.bundle(make_page.STUDY)):
        for reading in verdict.readings:
            assert f"{reading.points.estimate:+.2f}" in text, (verdict.claim, dict(reading.stratum))


def test_no_weights_of_the_study_and_no_pixels_are_committed():
    for file in RESULTS.rglob("*"):
        if file.is_file():
            assert file.suffix in {".json", ".npz", ".yaml", ".md", ".py", ".safetensors", ""}, file
            assert file.stat().st_size < 2 * 2**20, file
    assert len(list(RESULTS.rglob("*.safetensors"))) in (0, 4)
