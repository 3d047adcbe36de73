"""Predictions on mixed images, and the spatial reach of input gradients.

Each image a is mixed with a partner b of another class, blended as in MixUp or with a pasted box of b as in
CutMix, at eleven fractions of a; p(y_a) and p(y_b) are recorded along them. Two metrics of a curve:

    mass    p(y_a) + p(y_b), mean over the nine inner fractions: 1 for a model that recognizes one of the two
            in every mixture
    off     half of |p(y_a) - share| + |p(y_b) - (1 - share)|, mean over the same: 0 for a model that predicts
            the fractions

Boxes are entirely inside the image, so that their area is the fraction; sides are whole pixels, and the
fraction is computed from them.

Gradients: the products of the loss's partial derivatives at two pixels, over all pairs at a distance, divided
by that at distance 0 (after Park, Yun & Chun, NeurIPS 2022, arXiv 2208.09913, who find that CutMix
regularises them depending on distance and MixUp independently of it). near: the mean at distances 1 and 2;
far: from a quarter to half of the image side.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixscope import metrics, rng
from mixscope.analysis import attacks, experiments
from mixscope.analysis.trained_run import Chosen, Progress, Subject
from mixscope.claims.contrasts import Sample
from mixscope.data.store import Store
from mixscope.results import Results
from mixscope.study.config import RunConfig

VERSION = 1
SEED = 20_241_125
STEPS = 10  # intervals between the fractions 0 and 1
KINDS = ("mixup", "cutmix")
COST = len(KINDS) * (STEPS - 1) + 2 + 3
NAMES = {
    **{f"{figure}-{kind}": f"{figure} {kind}" for figure in ("mass", "off") for kind in KINDS},
    "near": "gradients near",
    "far": "gradients far",
}
BOUNDS = dict.fromkeys(NAMES, (0.0, 1.0)) | dict.fromkeys(("near", "far"), (-math.inf, math.inf))


def refusal(config: RunConfig, store: Store) -> str | None:
    """Why runs cannot be analysed: images of two classes are needed."""
    one = f"{store.name} has one class; mixing images needs a second one"
    return one if store.n_classes < 2 else None


def images(store: Store, n: int) -> int:
    """Cost in forward passes: every mixture of every image, and a gradient."""
    return COST * n


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run.

    images                       int, number of images
    shares                       {"mixup": [...], "cutmix": [...]}: of the own image, from 0 to 1
    mixup-own, mixup-partner     float32 (11, n): p(y_a) and p(y_b) at each fraction; cutmix-own and -partner
    gradients                    float32 (distances, n): at 0, 1, ... half of the side, nan for an image whose
                                 gradient is 0
    """
    some = subject.sample(split, limit)
    partner = partners(subject.store, some)
    size = subject.store.size
    done = 0
    found: dict[str, Any] = {"images": len(some.ids), "shares": {}}

    def probabilities(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal done
        p = np.exp(metrics.log_softmax(subject.logits(pixels, some.classes)))
        done += 1
        progress(done, COST)
        row = np.arange(len(p))
        return p[row, some.classes], p[row, partner.classes]

    ends = probabilities(partner.pixels), probabilities(some.pixels)
    corner = corners(some.ids)
    for kind in KINDS:
        shares, own = [0.0], [ends[0]]
        for step in range(1, STEPS):
            share, mixed = mixture(kind, some.pixels, partner.pixels, step / STEPS, corner)
            shares.append(share)
            own.append(probabilities(mixed))
        found["shares"][kind] = [*shares, 1.0]
        for at, name in enumerate(("own", "partner")):
            values = np.stack([pair[at] for pair in [*own, ends[1]]])
            found[f"{kind}-{name}"] = values.astype(np.float32)
    parts = []
    for batch in subject.batches(some.pixels, some.classes, attacks.BATCH):
        slope = attacks.gradient(subject.module, batch.images, batch.labels)
        parts.append(reach(slope.cpu().numpy(), size // 2))
    found["gradients"] = np.concatenate(parts, axis=1).astype(np.float32)
    progress(COST, COST)
    return found


def partners(store: Store, some: Chosen) -> Chosen:
    """For each image, an image of another class, drawn by its id from all stored images."""
    labels = np.asarray(store.labels(some.stored))
    found = np.empty(len(some.ids), dtype=np.int64)
    for at, i in enumerate(some.ids):
        draws = rng.generator(SEED, "partner", int(i))
        found[at] = draws.integers(len(labels))
        while labels[found[at]] == labels[i]:
            found[at] = draws.integers(len(labels))
    return Chosen(some.stored, found, store.images(some.stored)[found], labels[found])


def corners(ids: np.ndarray) -> np.ndarray:
    """The relative position of each image's box among those inside the image, float64 (n, 2) in [0, 1)."""
    return np.stack([rng.generator(SEED, "box", int(i)).random(2) for i in ids])


def mixture(
    kind: str, own: np.ndarray, partner: np.ndarray, share: float, corner: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mixes images.

    Returns:
        The actual fraction of `own`, which for boxes is near `share`; and mixed images, uint8 (n, 3, H, W).
    """
    if kind == "mixup":
        return share, np.rint(share * own + (1 - share) * partner).astype(np.uint8)
    size = own.shape[2]
    side = int(np.rint(size * np.sqrt(1 - share)))
    mixed = own.copy()
    for at, (row, column) in enumerate((corner * (size - side + 1)).astype(int)):
        inside = np.s_[:, row : row + side, column : column + side]
        mixed[at][inside] = partner[at][inside]
    return 1 - side**2 / size**2, mixed


def reach(slope: np.ndarray, most: int) -> np.ndarray:
    """Mean products of gradients by distance, relative to distance 0.

    Args:
        slope: float (n, 3, H, W), gradients.
        most: Largest distance; distances are rounded to whole pixels.

    Returns:
        float64 (most + 1, n); nan where a gradient is 0 everywhere.
    """
    height, width = slope.shape[2:]
    shape = (2 * height, 2 * width)
    waves = np.fft.rfft2(slope.astype(np.float64), s=shape)
    products = np.fft.irfft2((np.abs(waves) ** 2).sum(axis=1), s=shape)
    pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones((height, width)), s=shape)) ** 2, s=shape)
    down, across = (np.fft.fftfreq(side, 1 / side) for side in shape)
    away = np.rint(np.hypot(down[:, None], across[None]))
    inside = np.rint(pairs) > 0
    at_distance = [inside & (away == d) for d in range(most + 1)]
    found = np.stack([products[:, at].sum(axis=1) / pairs[at].sum() for at in at_distance])
    still = found[0] <= 0
    result: np.ndarray = found / np.where(still, np.nan, found[0])
    return result


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs.

    Returns `experiments.document` of NAMES, and for each experiment

    curves       {"mixup" and "cutmix": [{"share", "own" and "partner": {estimate, low, high, conditional}}]}
    gradients    [{"distance", estimate, low, high, conditional}]

    Gradients are averaged over images with a gradient in every run of a data set; with_gradient: their
    number, by experiment.
    """
    usable = experiments.common(results, found, lambda one: np.isfinite(one["gradients"]).all(axis=0))
    found = [
        (run, {**one, "gradients": one["gradients"][:, usable[results.experiment(run.experiment).data]]})
        for run, one in found
    ]
    made = experiments.gather(results, found, _values)
    return {
        "what": "mixtures",
        "study": results.name,
        "runs": len(found),
        **experiments.document(results, made, BOUNDS),
        "curves": {
            experiment.name: {kind: _curve(experiment, kind) for kind in KINDS} for experiment in made
        },
        "gradients": {experiment.name: _gradients(experiment) for experiment in made},
        "with_gradient": {experiment.name: experiment.founds[0]["gradients"].shape[1] for experiment in made},
    }


def _values(founds: Sequence[Mapping[str, Any]]) -> experiments.Values:
    figures: dict[str, np.ndarray | None] = {}
    inner = slice(1, STEPS)
    for kind in KINDS:
        own = np.stack([one[f"{kind}-own"][inner] for one in founds]).astype(np.float64)
        partner = np.stack([one[f"{kind}-partner"][inner] for one in founds]).astype(np.float64)
        share = np.array(founds[0]["shares"][kind])[inner][:, None]
        figures[f"mass-{kind}"] = (own + partner).mean(axis=1)
        figures[f"off-{kind}"] = (np.abs(own - share) + np.abs(partner - (1 - share))).mean(axis=1) / 2
    by_distance = _by_distance(founds)
    side = 2 * (by_distance.shape[1] - 1)
    usable = by_distance.shape[2] >= 2
    figures["near"] = by_distance[:, 1:3].mean(axis=1) if usable else None
    figures["far"] = by_distance[:, side // 4 :].mean(axis=1) if usable else None
    return figures


def _by_distance(founds: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Gradients of all seeds, (S, distances, n)."""
    return np.stack([one["gradients"] for one in founds]).astype(np.float64)


def _curve(experiment: experiments.Experiment, kind: str) -> list[dict[str, Any]]:
    rows = []
    for at, share in enumerate(experiment.founds[0]["shares"][kind]):
        means = {}
        for name in ("own", "partner"):
            values = np.stack([one[f"{kind}-{name}"][at] for one in experiment.founds]).astype(np.float64)
            means[name] = experiments.mean(Sample(values, experiment.seeds))
        rows.append({"share": share, **means})
    return rows


def _gradients(experiment: experiments.Experiment) -> list[dict[str, Any]]:
    values = _by_distance(experiment.founds)
    if values.shape[2] < 2:
        return []
    return [
        {"distance": d, **experiments.interval([Sample(values[:, d], experiment.seeds)], [1.0])}
        for d in range(values.shape[1])
    ]


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Metrics by experiment and contrasts."""
    about = "mass: p(y_a) + p(y_b) of mixtures; off: how far both are from the shares"
    alike = "gradients: how alike at two pixels, by distance"
    if few := [
        f"{compared['with_gradient'][experiment['experiment']]:,} of {experiment['images']:,}"
        for experiment in compared["experiments"]
        if compared["with_gradient"][experiment["experiment"]] < experiment["images"]
    ]:
        alike += f", over {', '.join(dict.fromkeys(few))} images: that of the others is 0 in some run"
    return [about, alike, *experiments.lines(compared, NAMES, lang)]
