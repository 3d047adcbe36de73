"""Robustness: accuracy on corrupted, attacked, patch-shuffled and filtered images.

Curves, each over a few strengths: noise, blur, contrast and jpeg (severity 1 to 5), shuffle and drop (patches
on a grid of 2, 4 or 8 per side), low-pass and high-pass (cutoff as a fraction of the Nyquist frequency), fgsm
and pgd (epsilon in bytes). For each the area: mean accuracy over its strengths divided by clean accuracy, 1
for no loss. A worse model can have the larger area, since chance accuracy does not fall, so the clean
accuracy is reported too. Where too few clean images are correct, the ratio's interval is invalid and the area
is missing.

All runs see the same corruptions of the same images (corruptions.py, attacks.py).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixscope.analysis import attacks, corruptions, experiments
from mixscope.analysis.trained_run import Progress, Subject
from mixscope.claims.contrasts import Sample
from mixscope.data.store import Store
from mixscope.results import Results
from mixscope.study.config import RunConfig

VERSION = 1
SEVERITIES = (1, 2, 3, 4, 5)
GRIDS = (2, 4, 8)
FGSM, PGD = (0.5, 1.0, 2.0, 4.0, 8.0), (1.0, 4.0)
CURVES: Mapping[str, tuple[float, ...]] = {
    **dict.fromkeys(corruptions.SEVERITIES, SEVERITIES),
    "shuffle": GRIDS,
    "drop": GRIDS,
    "low-pass": (0.75, 0.5, 0.25, 0.125),
    "high-pass": (0.0625, 0.125, 0.25, 0.5),
    "fgsm": FGSM,
    "pgd": PGD,
}
ATTACKS = ("fgsm", "pgd")
LEAST = 20  # smallest number of correct clean images, over all seeds, for a ratio
PLAIN = 1 + sum(len(levels) for name, levels in CURVES.items() if name not in ATTACKS)
GRADIENT = 3  # cost of a gradient in forward passes
COST = PLAIN + GRADIENT + len(FGSM) + len(PGD) * (1 + GRADIENT * attacks.STEPS)
NAMES = {"clean": "clean"} | {f"area-{name}": name for name in CURVES}
BOUNDS = dict.fromkeys(NAMES, (0.0, math.inf)) | {"clean": (0.0, 1.0)}


def refusal(config: RunConfig, store: Store) -> str | None:
    """Why runs cannot be analysed: patch grids must divide the images."""
    if store.size % max(GRIDS):
        return f"{store.name}: a grid of {max(GRIDS)} patches a side does not divide its {store.size} px"
    return None


def images(store: Store, n: int) -> int:
    """Cost in forward passes: every image at every strength, mostly PGD."""
    return COST * n


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run.

    images     int, number of images
    clean      bool (n,): correctness on clean images
    <curve>    bool (strengths, n), for each of CURVES, in the order of its strengths
    """
    some = subject.sample(split, limit)
    done = 0

    def right(pixels: np.ndarray) -> np.ndarray:
        nonlocal done
        hit: np.ndarray = subject.logits(pixels, some.classes).argmax(axis=1) == some.classes
        done += 1
        progress(done, COST)
        return hit

    def at(name: str, level: float) -> np.ndarray:
        if name in corruptions.SEVERITIES:
            return corruptions.SEVERITIES[name](some.pixels, some.ids, int(level))
        if name == "shuffle":
            return corruptions.shuffle(some.pixels, some.ids, int(level))
        if name == "drop":
            return corruptions.drop(some.pixels, some.ids, int(level), subject.store.mean)
        if name == "low-pass":
            return corruptions.low_pass(some.pixels, level)
        assert name == "high-pass"
        return corruptions.high_pass(some.pixels, level)

    found: dict[str, Any] = {"images": len(some.ids), "clean": right(some.pixels)}
    for name, levels in CURVES.items():
        if name not in ATTACKS:
            found[name] = np.stack([right(at(name, level)) for level in levels])

    def attacked(seen: int, n: int | None) -> None:
        progress(PLAIN + (COST - PLAIN) * seen // (n or 1), COST)

    return found | attacks.right(subject, some.pixels, some.classes, some.ids, FGSM, PGD, attacked)


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs.

    Returns:
        `experiments.document` of clean accuracy and each curve's area; curves: {experiment: {curve: [{level,
        estimate, low, high, conditional}]}}, accuracy at each strength, clean first (level null).
    """
    made = experiments.gather(results, found, _values)
    return {
        "what": "robustness",
        "study": results.name,
        "runs": len(found),
        **experiments.document(results, made, BOUNDS),
        "curves": {
            experiment.name: {name: _curve(experiment, name) for name in CURVES} for experiment in made
        },
    }


def _values(founds: Sequence[Mapping[str, Any]]) -> experiments.Values:
    clean = np.stack([one["clean"] for one in founds]).astype(np.float64)
    if clean.sum() < LEAST:
        return {"clean": clean}
    areas = {
        f"area-{name}": experiments.ratio(np.stack([one[name].mean(axis=0) for one in founds]), clean)
        for name in CURVES
    }
    return {"clean": clean, **areas}


def _curve(experiment: experiments.Experiment, name: str) -> list[dict[str, Any]]:
    clean = np.stack([one["clean"] for one in experiment.founds])
    rows: list[tuple[float | None, np.ndarray]] = [(None, clean)]
    rows += [
        (level, np.stack([f[name][at] for f in experiment.founds])) for at, level in enumerate(CURVES[name])
    ]
    return [{"level": level, **experiments.mean(Sample(hits, experiment.seeds))} for level, hits in rows]


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Clean accuracy and areas by experiment, and contrasts."""
    return [
        "clean: accuracy; the others: the area of a curve, 1 loses nothing",
        *experiments.lines(compared, NAMES, lang),
    ]
