"""Calibration before and after temperature scaling, from recorded predictions (no network is needed).

Three metrics, each a mean over images:

    nll     negative log-likelihood of the true class, in nats
    brier   squared distance between probabilities and the one-hot label, 0 to 2
    ece     expected calibration error of the top class over 15 bins of equal mass (Nguyen & O'Connor,
            arXiv 1508.05154): the mean of (confidence - correct), with the sign of its bin

each before and after (-scaled) division of the logits by the temperature that maximizes the likelihood of the
validation labels (Guo et al., ICML 2017, arXiv 1706.04599). A run without a validation split has no
temperature, and the scaled metrics are missing, not zero.

Intervals treat bins, their signs and the temperature as fixed. The ECE of few images is biased upwards,
because noise has no sign: compare it only between experiments evaluated on the same images.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixscope import calibration, metrics, tabular
from mixscope.analysis import experiments
from mixscope.analysis.trained_run import CHECKPOINT, Progress, Subject
from mixscope.data.store import Store
from mixscope.errors import DataError
from mixscope.results import Results
from mixscope.runs import records
from mixscope.study.config import RunConfig

VERSION = 1
FIGURES = {"ece": "ECE", "nll": "NLL", "brier": "Brier"}
NAMES = FIGURES | {f"{name}-scaled": f"{note} scaled" for name, note in FIGURES.items()}
HIGHEST = {"ece": 1.0, "nll": math.inf, "brier": 2.0}
BOUNDS = {name: (0.0, HIGHEST[name.removesuffix("-scaled")]) for name in NAMES}


def refusal(config: RunConfig, store: Store) -> str | None:
    """Never refuses: every finished run has predictions."""
    return None


def images(store: Store, n: int) -> int:
    """No forward passes."""
    return 0


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run.

    images          int, number of images
    temperature     float, or null without a validation split, or where `split` is "val" or "train"
    ece, nll, brier, and each with -scaled: float64 (n,), per image; scaled ones are omitted without a
                    temperature
    diagram         {"plain" and "scaled": {"confidence", "right", "images": one number per bin}}

    Raises:
        DataError: If predictions are missing; a run records none of its training split.
    """
    found = _predictions(subject, split)
    wanted = subject.sample(split, limit).ids
    at = np.searchsorted(found.ids, wanted)
    if not np.array_equal(found.ids[np.minimum(at, len(found.ids) - 1)], wanted):
        raise DataError(
            "inconsistent",
            f"its predictions of {split} are not of all images of that split",
            path=subject.path,
        )
    logits, labels = found.logits[at].astype(np.float64), found.labels[at]
    scale = _scale(subject) if split == "test" else None
    values = by_image(logits, labels)
    diagrams = {"plain": _diagram(logits, labels)}
    if scale is not None:
        values |= {f"{name}-scaled": each for name, each in by_image(scale * logits, labels).items()}
        diagrams["scaled"] = _diagram(scale * logits, labels)
    progress(1, 1)
    return {
        "images": len(labels),
        "temperature": None if scale is None else 1.0 / scale,
        "diagram": diagrams,
        **values,
    }


def _predictions(subject: Subject, split: str) -> records.Predictions:
    name = f"{split}-{CHECKPOINT}"
    if not (subject.path / "predictions" / f"{name}.npz").is_file():
        raise DataError(
            "missing-results",
            f"has no predictions {name}; a run leaves those of its test split, and of val"
            " where data.val_fraction holds one out",
            path=subject.path,
        )
    return records.read_predictions(subject.path, name)


def _scale(subject: Subject) -> float | None:
    if not (subject.path / "predictions" / f"val-{CHECKPOINT}.npz").is_file():
        return None
    held = records.read_predictions(subject.path, f"val-{CHECKPOINT}")
    return calibration.scale_that_fits(held.logits, held.labels)


def by_image(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Per-image terms of the three metrics, float64 (n,): their means are metrics.nll, brier and ece."""
    log = metrics.log_softmax(logits)
    p, row = np.exp(log), np.arange(len(labels))
    sure, hit = p.max(axis=1), logits.argmax(axis=1) == labels
    group = calibration.groups(sure)
    sign = np.sign(np.bincount(group, weights=sure - hit))
    own = p[row, labels]
    return {
        "ece": sign[group] * (sure - hit),
        "nll": -log[row, labels],
        "brier": (p**2).sum(axis=1) - 2 * own + 1,
    }


def _diagram(logits: np.ndarray, labels: np.ndarray) -> dict[str, list[float]]:
    sure = np.exp(metrics.log_softmax(logits)).max(axis=1)
    bins = calibration.reliability(sure, logits.argmax(axis=1) == labels)
    return {
        "confidence": bins.confidence.tolist(),
        "right": bins.accuracy.tolist(),
        "images": bins.examples.tolist(),
    }


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs.

    Returns:
        `experiments.document` of the six metrics; diagrams: for each experiment, the diagrams of its seeds,
        pooled by bin, as from `measure`; temperatures: for each experiment, one per seed.
    """
    made = experiments.gather(results, found, _values)
    return {
        "what": "calibration",
        "study": results.name,
        "runs": len(found),
        **experiments.document(results, made, BOUNDS),
        "diagrams": {experiment.name: _pooled(experiment.founds) for experiment in made},
        "temperatures": {
            experiment.name: [one["temperature"] for one in experiment.founds] for experiment in made
        },
    }


def _values(founds: Sequence[Mapping[str, Any]]) -> experiments.Values:
    return {
        name: np.stack([one[name] for one in founds]) if all(name in one for one in founds) else None
        for name in NAMES
    }


def _pooled(founds: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[float]]]:
    made = {}
    for kind in ("plain", "scaled"):
        drawn = [one["diagram"][kind] for one in founds if kind in one["diagram"]]
        if len(drawn) == len(founds) and len({len(d["images"]) for d in drawn}) == 1:
            count = np.array([d["images"] for d in drawn], dtype=np.float64)
            whole = count.sum(axis=0)
            made[kind] = {
                key: ((np.array([d[key] for d in drawn]) * count).sum(axis=0) / whole).tolist()
                for key in ("confidence", "right")
            } | {"images": whole.tolist()}
    return made


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Metrics by experiment, contrasts, and temperatures."""
    found = experiments.lines(compared, NAMES, lang)
    rows = {
        name: ", ".join("-" if t is None else f"{t:.2f}" for t in each)
        for name, each in compared["temperatures"].items()
    }
    found += ["", "temperature by seed (above 1: too sure; - : no validation split to fit it on)"]
    return found + tabular.to_text([[name, each] for name, each in rows.items()])
