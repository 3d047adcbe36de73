"""`import mixscope`: quick, lazy, and what the documentation shows of it, word for word."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import made_study
import mixscope
from mixscope.claims import verdicts
from mixscope.errors import ConfigError
from mixscope.results import bundle, folders
from test_verdicts import TWO

DOCS = Path(__file__).parents[1] / "docs" / "reference" / "api.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("made") / "study"
    made_study.write(place, TWO, made_study.Made(n=300, ill=-1))
    return place


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / "results.csv"
    folders.study(folder).to_frame()[["model", "augmentation", "seed", "accuracy", "n_test"]].to_csv(
        file, index=False
    )
    return file


def test_importing_it_loads_neither_torch_nor_numpy_nor_pandas():
    code = (
        "import sys, mixscope; print([m for m in ('torch', 'numpy', 'pandas', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_and_judging_need_no_torch(folder):
    code = (
        "import sys, mixscope; r = mixscope.load(sys.argv[1]); mixscope.judge(r); mixscope.figures(r);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_every_public_name_is_there_documented_and_listed():
    text = DOCS.read_text()
    for name in mixscope.__all__:
        found = getattr(mixscope, name)
        assert callable(found) and (found.__doc__ or "").strip(), name
        assert f"mixscope.{name}" in text, name
    assert set(re.findall(r"^## `mixscope\.(\w+)", text, re.MULTILINE)) == set(mixscope.__all__)
    assert set(mixscope.__all__) <= set(dir(mixscope))
    with pytest.raises(AttributeError, match=r"no attribute 'judgement'; public are Loader"):
        _ = mixscope.judgement


def test_report_can_be_called_also_after_its_modules_were_imported(folder, tmp_path):
    from mixscope.report import page

    assert page.SECTIONS
    written = mixscope.report(mixscope.load(folder), tmp_path / "report.html", lang="ko")
    assert written == tmp_path / "report.html" and [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert '<html lang="ko"' in written.read_text()
    assert mixscope.report(folder, tmp_path / "all") == tmp_path / "all" / "index.html"
    assert (tmp_path / "all" / "tables" / "results.csv").is_file()


def test_a_folder_a_bundle_and_loaded_results_are_judged_alike(folder, tmp_path):
    bundle.write(folders.study(folder), tmp_path / "b.zip")
    found = [mixscope.judge(x) for x in (str(folder), tmp_path / "b.zip", mixscope.load(folder))]
    assert [list(f) for f in found] == [verdicts.judge(folders.study(folder))] * 3
    assert repr(found[0]) == repr(found[1])


def test_verdicts_read_well_in_a_terminal_a_notebook_and_a_paper(folder):
    judged = mixscope.judge(mixscope.load(folder))
    text = repr(judged)
    assert text.splitlines()[0] == "two: 12 of 12 runs done, 1 claim, verdict rules 2"
    reading = judged[0].readings[1]
    assert "gain of cutmix, vit" in text and f"{reading.points.estimate:+.2f}" in text
    html = judged._repr_html_()
    assert html.count("<tr>") == 1 + 2 and "gain of cutmix, vit" in html and "<script" not in html
    assert judged.to_latex().startswith("\\begin{tabular}") and "gain of cutmix, vit" in judged.to_markdown()
    assert f"{reading.points.estimate:+.1f} pp" in judged.sentences()[1]


def test_a_table_without_claims_is_explored_and_says_so(table):
    judged = mixscope.judge(mixscope.load(table))
    assert "no claims: exploratory" in judged.title
    assert [s.name for s in judged.statements][:2] == ["gain of cutmix, resnet", "gain of cutmix, vit"]


def test_claims_of_a_file_are_judged(table, tmp_path):
    (tmp_path / "claims.yaml").write_text(
        "claims: {g: {en: x, contrast: {augmentation: {cutmix: 1, default: -1}}, expect: above, margin: 1}}"
    )
    judged = mixscope.judge(mixscope.load(table, claims=tmp_path / "claims.yaml"))
    assert [v.claim for v in judged] == ["g"]


def test_a_frame_and_a_dict_of_arrays_are_results_as_the_file_is(table):
    frame = pd.read_csv(table)
    arrays = {name: frame[name].to_numpy() for name in frame}
    texts = [mixscope.judge(mixscope.load(x)).statements for x in (table, frame, arrays)]
    assert texts[0] == texts[1] == texts[2]


def test_a_contrast_is_that_of_the_claim_with_the_same_weights(folder):
    results = mixscope.load(folder)
    found = mixscope.contrast(results, {"augmentation": {"cutmix": 1, "default": -1}})
    claimed = verdicts.judge(results)[0].readings
    assert [one.interval for one in found] == [reading.points for reading in claimed]
    assert [dict(one.stratum) for one in found] == [{"model": "resnet"}, {"model": "vit"}]
    both = mixscope.contrast(
        results, {"model": {"vit": 1, "resnet": -1}, "augmentation": {"cutmix": 1, "default": -1}}
    )
    difference = claimed[1].points.estimate - claimed[0].points.estimate
    assert both[0].interval.estimate == pytest.approx(difference) and len(both) == 1
    assert "vit" in repr(both)


def test_a_contrast_is_called_and_said_as_a_gain_and_its_factors_may_be_named_by_role():
    columns = {"Arch": ["r18"] * 4 + ["vit"] * 4, "Aug": ["none", "none", "mixup", "mixup"] * 2}
    results = mixscope.load(columns | {"seed": [0, 1] * 4, "top1": [70, 71, 75, 76, 60, 61, 62, 63]})
    gain = {"augmentation": {"mixup": 1, "none": -1}}
    found = mixscope.contrast(results, gain, where={"model": "r18"})
    assert found.sentences()[0].startswith("mixup improved r18 by 5.0 pp") and len(found) == 1
    both = mixscope.contrast(results, {"model": {"vit": 1, "r18": -1}} | gain)
    assert both.statements[0].name == "difference of gains of mixup, vit - r18"
    odd = mixscope.contrast(results, {"Arch": {"vit": 1, "r18": -1}})
    assert odd.statements[0].name == "+1 vit -1 r18, none"


@pytest.mark.parametrize(
    ("weights", "where", "sentence"),
    [
        ({"mode": {"vit": 1}}, None, 'no factor "mode" is known'),
        ({"model": {"vit": 1, "resnet50": -1}}, None, "resnet50"),
        ({"model": {"vit": 1, "resnet": -2}}, None, "sum to 0"),
        ({"model": {"vit": 1, "resnet": -1}}, {"model": "vit"}, "outside the contrast"),
        ({"model": {"vit": 1, "resnet": -1}}, {"augmentation": "mixup"}, "mixup"),
    ],
)
def test_a_contrast_that_cannot_be_is_refused(folder, weights, where, sentence):
    with pytest.raises(ConfigError, match=sentence):
        mixscope.contrast(folder, weights, where=where)


def test_arrays_are_contrasted():
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 200)) < 0.8, rng.random((3, 200)) < 0.6
    found = mixscope.contrast_arrays(a, b)
    assert found.difference == pytest.approx(100 * (a.mean() - b.mean()))


@pytest.mark.slow
def test_a_run_is_trained_and_its_results_come_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = {"model.kwargs": {"channels": [8, 8, 16, 16], "stem_width": 8}, "run.device": "cpu"}
    found = mixscope.train(
        model="resnet10t",
        data="digits",
        mix="mixup",
        seed=0,
        epochs=1,
        settings=more,
        root="data",
        quiet=True,
    )
    (run,) = found.done
    assert run.seed == 0 and 0 <= run.outcomes().accuracy <= 1
    assert next(Path("runs").iterdir()).name == run.directory
