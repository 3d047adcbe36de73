"""Reports of results that were trained elsewhere: what is known is shown, what is not takes one line."""

import re

import numpy as np
import pandas as pd
import pytest

import mixscope
from mixscope.errors import ConfigError
from mixscope.i18n import LANGUAGES
from mixscope.report.texts import Texts

NONE = ("curves.none", "budget.none", "classes.none", "confusion.none", "calibration.none", "health.none")


@pytest.fixture(scope="module")
def accuracies():
    rng = np.random.default_rng(0)
    rows = [
        {"model": m, "augmentation": a, "seed": s, "accuracy": round(b + d + 0.004 * rng.normal(), 4)}
        for m, b in (("resnet50", 0.7), ("vit", 0.6))
        for a, d in (("default", 0.0), ("cutmix", 0.05))
        for s in range(3)
    ]
    return mixscope.load(pd.DataFrame(rows), n_test=1000)


@pytest.fixture(scope="module")
def means():
    rows = {"model": ["r", "r"], "augmentation": ["default", "cutmix"], "mean": [76.4, 78.1]}
    more = {"spread": [0.4, 0.3], "spread_kind": ["sd", "sd"], "n_seeds": [3, 3], "n_test": [10_000] * 2}
    return mixscope.load(rows | more)


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    rng, labels, rows = np.random.default_rng(1), np.arange(120) % 6, []
    for augmentation, skill in (("default", 1.0), ("cutmix", 2.0)):
        for seed in range(3):
            logits = rng.normal(size=(120, 6)) + skill * np.eye(6)[labels]
            name = f"{augmentation}-{seed}.npz"
            np.savez(folder / name, id=np.arange(120), label=labels, logits=logits)
            rows.append({"augmentation": augmentation, "seed": seed, "predictions": name})
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    return mixscope.load(folder / "results.csv")


def visible(page):
    text = re.sub(r"<(style|script)>.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_accuracies_alone_give_gains_and_results_and_a_line_for_what_is_not_known(
    accuracies, language, tmp_path
):
    text, words = visible(mixscope.report(accuracies, tmp_path / "r.html", lang=language)), Texts(language)
    for key in NONE:
        assert words(key) in text, key
    first = mixscope.judge(accuracies)[0].interval
    assert f"{first.estimate:+.2f} [{first.low:+.2f}, {first.high:+.2f}]".replace("-", "−") in text
    assert words("contrasts.explored")[:60] in text and "None" not in text


def test_the_forest_of_results_without_claims_is_that_of_their_gains(accuracies):
    figure = mixscope.figures(accuracies)["forest"]
    assert figure.title == "Gain over Default"
    for one in mixscope.judge(accuracies)[:2]:
        assert f"{one.interval.estimate:+.2f}" in str(figure.svg)


def test_means_and_spreads_are_in_the_table_of_results(means, tmp_path):
    page = mixscope.report(means, tmp_path / "r")
    assert "76.40 ± 0.40" in visible(page) and "3/3" in visible(page)
    rows = pd.read_csv(tmp_path / "r" / "tables" / "results.csv").set_index("experiment")
    assert rows.top1.tolist() == [76.4, 78.1] and rows.top1_sd.tolist() == [0.4, 0.3]
    assert rows.seeds.tolist() == rows.of.tolist() == [3, 3]


def test_predictions_from_elsewhere_have_matrices_and_calibration_and_gains_by_class(predictions, tmp_path):
    page = mixscope.report(predictions, tmp_path / "r")
    text, words = visible(page), Texts("en")
    for key in ("classes.none", "confusion.none", "calibration.none"):
        assert words(key) not in text, key
    names = {file.name for file in (tmp_path / "r" / "tables").iterdir()}
    assert {"classes.csv", "confusions.csv", "calibration.csv", "results.csv"} <= names


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt/report", "notes.txt/report.html"])
def test_a_report_in_place_of_a_file_is_refused_and_the_file_stays(accuracies, tmp_path, name):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt: is a file; expected a folder"):
        mixscope.report(accuracies, tmp_path / name)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_no_p_value_is_shown_as_zero(accuracies, tmp_path):
    text = mixscope.report(accuracies, tmp_path / "r.html").read_text(encoding="utf-8")
    cells = re.findall(r">([^<>]*) \(([^()<>]*)\)</td><td>", text)
    assert ("&lt; 0.001", "&lt; 0.001") in cells and "0.0000" not in re.sub("<[^>]*>", " ", text)
