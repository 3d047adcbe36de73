"""Results that earlier versions left are read, and give the values that they gave then.

stored/study: three seeds of two experiments, written at commit edf4b97, its checkpoints removed.
stored/run: a run that the same commit stopped after two of six epochs, with its checkpoint.
stored/run-whole.npz: what the uninterrupted run of that commit predicts of the test images.
stored/bundle-1.zip: the same study as a bundle of schema 1.
stored/results.json: what commit edf4b97 printed of the study (top-1 of each run, the claim's interval), and
what this schema's first version said of outcomes.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mixscope import cli
from mixscope.claims import contrasts, samples, verdicts
from mixscope.report import page
from mixscope.results import bundle, sources

STORED = Path(__file__).parent / "stored"
SOURCES = [STORED / "study", STORED / "bundle-1.zip"]
THEN = json.loads((STORED / "results.json").read_text())


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.name)
def results(request):
    return sources.load(request.param)


def test_every_run_has_the_accuracy_that_was_printed(results):
    assert {r.label: r.metrics["test"]["last"]["top1"] for r in results.done} == THEN["top1"]
    assert {r.label: r.outcomes().accuracy for r in results.done} == THEN["top1"]


def test_the_claim_has_the_interval_that_was_printed(results):
    names = ("cutmix", "default")
    found = contrasts.points([samples.sample(results, name) for name in names], [1.0, -1.0])
    interval = found.interval()
    assert [interval.estimate, interval.low, interval.high] == pytest.approx(THEN["interval"], rel=1e-12)
    reading = verdicts.judge(results)[0].readings[0]
    assert reading.points.estimate == interval.estimate


@pytest.mark.parametrize("checkpoint", ["last", "selected"])
def test_outcomes_are_those_of_then_to_the_last_bit(results, checkpoint):
    for run in results.done:
        one = run.outcomes(checkpoint)
        told = THEN["outcomes"][f"{run.label} {checkpoint}"]
        assert int(one.predicted.sum()) == told["predicted"] and int(one.top5.sum()) == told["top5"]
        for name in ("confidence", "log_likelihood"):
            array = getattr(one, name)
            assert array.dtype == np.float32
            assert float(array.sum(dtype=np.float64)) == pytest.approx(told[name], rel=1e-6)


def test_temperatures_are_those_of_then(results):
    found = {r.label: (r.scaled().temperature, r.scaled().ece) for r in results.done}
    for label, told in THEN["scaled"].items():
        assert found[label] == pytest.approx(tuple(told), rel=1e-6)


def test_a_report_of_it_is_written(results, tmp_path):
    made = page.write(results, out=tmp_path)
    text = made.page.read_text()
    assert "A small study written at commit edf4b97" in text
    assert {"results.csv", "calibration.csv", "runs.csv"} <= {file.name for file in made.tables}


def test_packing_the_study_of_then_gives_the_stored_outcomes(tmp_path):
    bundle.write(sources.load(SOURCES[0]), tmp_path / "b.zip")
    now, then = bundle.read(tmp_path / "b.zip"), bundle.read(SOURCES[1])
    assert now.outcomes().equals(then.outcomes()) and now.to_frame().equals(then.to_frame())


def test_a_run_that_was_stopped_then_is_resumed_and_predicts_what_it_would_have_then(tmp_path, digits_root):
    """To the last bit on the machine on which it was written; rounding differs between processors."""
    run = tmp_path / "run"
    shutil.copytree(STORED / "run", run)
    before = (run / "events.jsonl").read_text()
    line = ["train", "--config", str(run / "config.yaml"), "--out", str(run), "--root", str(digits_root)]
    assert cli.main(line) == 0
    rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert (run / "events.jsonl").read_text().startswith(before), "what was recorded stays"
    assert [row["epoch"] for row in rows if row["kind"] == "epoch"] == [1, 2, 3, 4, 5, 6]
    now, then = np.load(run / "predictions" / "test-last.npz"), np.load(STORED / "run-whole.npz")
    assert (now["ids"] == then["ids"]).all()
    np.testing.assert_allclose(now["logits"], then["logits"], atol=0.02)
