"""Calibration of predictions whose answer is known: made calibrated, made too sure, and of a run."""

import numpy as np
import pytest

from mixscope import metrics
from mixscope.analysis import calibration as analysis
from mixscope.analysis.trained_run import Subject
from mixscope.data.store import Store
from mixscope.errors import DataError
from mixscope.runs import records
from mixscope.study.config import RunConfig

N, CLASSES = 4000, 10


def calibrated(n=N, seed=0):
    """Logits whose softmax is the distribution that the labels are drawn from."""
    draws = np.random.default_rng(seed)
    logits = 2 * draws.standard_normal((n, CLASSES))
    gumbel = draws.gumbel(size=(n, CLASSES))
    return logits, (logits + gumbel).argmax(axis=1)


@pytest.mark.parametrize("sharp", [0.3, 1.0, 4.0])
def test_the_parts_of_images_have_the_means_of_the_metrics(sharp):
    logits, labels = calibrated()
    found = analysis.by_image(sharp * logits, labels)
    for name in ("nll", "brier", "ece"):
        assert found[name].mean() == pytest.approx(getattr(metrics, name)(sharp * logits, labels), abs=1e-12)


@pytest.fixture
def run(tmp_path, digits_root):
    """A run of which only predictions are there; its logits are four times too large."""
    store = Store.open(digits_root, "digits")
    config = RunConfig()
    for split, seed in (("test", 1), ("val", 2)):
        _, rows = store.rows(split, val_fraction=config.data.val_fraction)
        logits, labels = calibrated(len(rows), seed)
        left = records.Predictions(rows, labels, (4 * logits).astype(np.float32))
        (tmp_path / "predictions").mkdir(exist_ok=True)
        records.write_predictions(tmp_path, f"{split}-last", left)

    def network():
        raise AssertionError("no network is needed")

    return Subject(tmp_path, config, store, network, None)


def measured(run, **more):
    return analysis.measure(run, **{"split": "test", "limit": None, "progress": lambda *_: None, **more})


def test_a_temperature_from_validation_undoes_what_made_a_model_too_sure(run):
    found = measured(run)
    assert found["temperature"] == pytest.approx(4.0, rel=0.3)
    assert found["ece-scaled"].mean() < 0.5 * found["ece"].mean()
    assert found["nll-scaled"].mean() < found["nll"].mean()
    bins = found["diagram"]["plain"]
    assert sum(bins["images"]) == found["images"] and max(bins["confidence"]) <= 1


def test_without_validation_scaled_values_are_missing(run):
    (run.path / "predictions" / "val-last.npz").unlink()
    found = measured(run)
    assert found["temperature"] is None and "ece-scaled" not in found and "scaled" not in found["diagram"]


def test_a_limit_keeps_images_that_a_larger_one_keeps_too(run):
    small, large = run.sample("test", 50).ids, run.sample("test", 100).ids
    assert len(small) == 50 and set(small) < set(large) and (np.diff(large) > 0).all()
    assert measured(run, limit=50)["nll"].shape == (50,)
    assert set(measured(run, limit=50)["nll"]) < set(measured(run)["nll"])


def test_a_split_without_predictions_is_named(run):
    with pytest.raises(DataError, match="has no predictions train-last"):
        measured(run, split="train")
