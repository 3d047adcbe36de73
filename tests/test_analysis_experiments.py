"""Comparisons of experiments: which are made, their metrics, and a ratio's interval."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

import planned
from mixscope.analysis import experiments, summary
from mixscope.claims import contrasts
from mixscope.claims.contrasts import Sample
from mixscope.results import analysis_documents, sources

STUDY = planned.results(
    """
name: two
factors:
  data:
    small: {data.name: digits}
    large: {data.name: cifar100}
  model:
    conv: {model.arch: resnet10t}
    attend: {model.arch: vit_tiny_patch16_224}
  augmentation:
    default: {augment.mix: none}
    cutmix: {augment.mix: cutmix}
seeds: [0, 1, 2]
"""
)
RATES = {
    ("conv", "default"): 0.5,
    ("conv", "cutmix"): 0.6,
    ("attend", "default"): 0.3,
    ("attend", "cutmix"): 0.7,
}


HIT = {"hit": (0.0, 1.0)}


def found(seeds=3, images=400):
    draws = np.random.default_rng(0)
    return [
        (
            run,
            {
                "images": images,
                "hit": draws.random(images) < RATES[tuple(planned.levels(STUDY, run).values())[1:]],
            },
        )
        for run in STUDY.runs
        if run.seed < seeds
    ]


def values(founds):
    return {"hit": np.stack([one["hit"] for one in founds]), "none": None}


def test_augmentations_models_and_differences_of_differences_are_compared_within_their_stratum():
    document = experiments.document(STUDY, experiments.gather(STUDY, found(), values), HIT)
    made = {(c["kind"], *sorted(c["weights"].items())): c for c in document["contrasts"]}
    assert len(document["contrasts"]) == 2 * (2 + 2 + 1), "of each data set"
    differences = [c for c in document["contrasts"] if c["kind"] == "difference of gains"]
    did = next(c for c in differences if c["where"] == {"data": "small"})
    weights = {name.removeprefix("small-"): weight for name, weight in did["weights"].items()}
    assert weights == {"attend-cutmix": 1, "attend-default": -1, "conv-cutmix": -1, "conv-default": 1}
    assert did["low"] < 0.3 < did["high"] and abs(did["estimate"] - 0.3) < 0.1
    assert (did["model"], did["over"], did["augmentation"]) == ("attend", "conv", "cutmix")
    assert all(set(c["where"]) == {"data"} for c in made.values())
    sentence = experiments.sentence(did, "hits")
    assert sentence == "hits, small: (attend - conv) of (cutmix - default)"


def test_intervals_are_those_of_the_claims():
    gathered = experiments.gather(STUDY, found(), values)
    sample = Sample(values(gathered[0].founds)["hit"], (0, 1, 2))
    reach = contrasts.estimate([sample], [1.0]).interval(0.95)
    figure = experiments.document(STUDY, gathered, HIT)["experiments"][0]["figures"]["hit"]
    assert (figure["estimate"], figure["low"], figure["high"]) == (reach.estimate, reach.low, reach.high)
    assert figure["by_seed"] == sample.by_seed.tolist() and not figure["conditional"]


def test_with_one_seed_the_interval_counts_images_and_says_so():
    document = experiments.document(STUDY, experiments.gather(STUDY, found(seeds=1), values), HIT)
    assert all(c["conditional"] and c["low"] < c["high"] for c in document["contrasts"])
    assert "one seed" in experiments.lines(document, {"hit": "hits"})[0]


def test_a_metric_that_no_experiment_has_is_missing_and_not_zero():
    document = experiments.document(
        STUDY,
        experiments.gather(STUDY, found(), lambda f: values(f) if f[0]["hit"].mean() > 0.4 else {}),
        HIT,
    )
    assert [c["figures"]["hit"] is None for c in document["experiments"]].count(True) == 2
    assert all(c["images"] == 400 for c in document["experiments"]), "which were looked at all the same"
    rows = list(csv.DictReader(io.StringIO(experiments.tables(document)["experiments.csv"])))
    assert sorted(row["estimate"] == "" for row in rows) == [False] * 6 + [True] * 2


def test_roles_of_factors_are_those_of_the_study_whatever_its_levels_set():
    """An augmentation that is no mixing method has gains; a part of a study compares what is there."""
    results = planned.results(
        """
name: crops
factors:
  network: {conv: {model.arch: resnet10t}, attend: {model.arch: vit_tiny_patch16_224}}
  augmentation: {none: {augment.base: none}, flips: {augment.base: crop-flip}}
seeds: [0]
"""
    )
    found = [(run, {"images": 50, "hit": np.arange(50) % 2 == 0}) for run in results.runs]
    document = experiments.document(results, experiments.gather(results, found, values), HIT)
    assert document["factors"] == {"augmentation": "augmentation", "model": "network"}
    said = {(c["kind"], c["model"], c["augmentation"], c["baseline"]) for c in document["contrasts"]}
    assert {("gain", "conv", "flips", "none"), ("difference of gains", "attend", "flips", "none")} <= said
    part = [each for each in found if planned.levels(results, each[0])["network"] == "attend"]
    document = experiments.document(results, experiments.gather(results, part, values), HIT)
    assert document["factors"] == {"augmentation": "augmentation", "model": None}
    assert [(c["kind"], c["model"], c["weights"]) for c in document["contrasts"]] == [
        ("gain", "attend", {"attend-flips": 1.0, "attend-none": -1.0})
    ]


OLD = {"augmentation": "arm", "baseline": "plain", "mix": "arm"}


def renamed(part):
    return {OLD.get(key, key): value for key, value in part.items()}


def test_a_summary_of_an_earlier_version_reads_like_one_of_this_version():
    document = {"what": "a"} | experiments.document(STUDY, experiments.gather(STUDY, found(), values), HIT)
    old = {key: value for key, value in document.items() if key != "experiments"}
    old |= {"factors": renamed(document["factors"]), "cells": list(map(renamed, document["experiments"]))}
    old["contrasts"] = list(map(renamed, document["contrasts"]))
    for one in old["contrasts"]:
        one["kind"] = {"gain": "arm", "difference of gains": "did"}.get(one["kind"], one["kind"])
    assert "arm" in old["contrasts"][0] and "plain" in old["contrasts"][0] and "arm" in old["cells"][0]
    assert analysis_documents.current(old) == document == analysis_documents.current(document)
    assert analysis_documents.current({"cells": 3}) == {"cells": 3}, "what is damaged is left to its reader"


@pytest.mark.parametrize("name", ["attribution", "calibration", "features", "mixtures", "robustness"])
def test_stored_summaries_of_an_earlier_version_are_read(name):
    results = sources.load(Path(__file__).parent.parent / "results" / "resnet-vs-vit-two-cores")
    read = summary.read(name, results.analysis(name))
    assert {one.mix for one in read.experiments} == {"none", "mixup", "cutmix"}
    assert {one.kind for one in read.contrasts} == {"gain", "model", "difference of gains"}


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_ratio_has_its_own_mean_and_the_spread_of_resampled_images(seeds):
    draws = np.random.default_rng(1)
    below = (draws.random((seeds, 3000)) < 0.6).astype(float)
    above = below * (draws.random((seeds, 3000)) < 0.5)
    linear = experiments.ratio(above, below)
    assert linear.mean() == pytest.approx(above.mean() / below.mean(), abs=1e-12)
    again = []
    for _ in range(400):
        at = draws.integers(0, 3000, 3000)
        again.append(above[:, at].mean() / below[:, at].mean())
    spread = np.std(linear.mean(axis=0)) / np.sqrt(3000)
    assert spread == pytest.approx(np.std(again), rel=0.15)
    assert experiments.ratio(above, np.zeros_like(below)) is None
