"""Features: linear separability and nearest neighbours, similarity between runs, and 2-D maps.

Features are taken after every layer in timm's list (maps averaged over positions) and before the classifier.

    knn       accuracy of the 10 nearest training images by cosine similarity, on the last features
    probe     accuracy of a ridge classifier on standardised last features; its strength is chosen by
              leave-one-out on the training images
    cka       debiased linear CKA of two runs' last features, or of layers of two runs (Kornblith et al.,
              ICML 2019, arXiv 1905.00414; unbiased HSIC of Song et al., JMLR 13, 2012): 1 for features that
              are equal up to rotation and scale, about 0 for unrelated ones, whatever their width
    kappa     error consistency: whether two runs err on the same images more often than their accuracies
              imply (Geirhos et al., NeurIPS 2020, arXiv 2006.16736): 1 always, 0 at chance
    maps      PCA and t-SNE of the last features of up to ten classes, one seed and one sample for all runs.
              Distances between clusters of a t-SNE, and its axes, have no meaning.

Intervals of cka and kappa include seeds and images as those of claims do. Each pair of runs is given values
by image with the metric as mean and, to first order, the same variance; pairs share runs, so the observation
of a seed is the mean over its pairs (see `_reach`).

At most 1,000 images are used, and 2,000 of the training split for knn and probe.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import timm
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from mixscope import tabular
from mixscope.analysis import experiments
from mixscope.analysis.trained_run import Progress, Subject, chosen
from mixscope.claims.contrasts import Sample
from mixscope.data.store import Store
from mixscope.results import Results
from mixscope.study.config import RunConfig

VERSION = 1
SEED = 0  # seed of PCA and t-SNE, the same for all runs
MOST, TRAINED = 1000, 2000
NEIGHBOURS = 10
STRENGTHS = tuple(np.logspace(-1, 6, 15))
PICTURED, OF_EACH = 10, 50  # classes, and images per class, in a map
NAMES = {"accuracy": "accuracy", "knn": "k-NN", "probe": "probe"}
BOUNDS = dict.fromkeys(NAMES, (0.0, 1.0))


def refusal(config: RunConfig, store: Store) -> str | None:
    """Why runs cannot be analysed: timm does not expose features between layers."""
    arch = config.model.arch
    if not _tells(arch):
        return f"{arch}: timm does not give the features behind its layers (it has no forward_intermediates)"
    return None


@functools.cache
def _tells(arch: str) -> bool:
    with torch.device("meta"):
        kind = timm.create_model(arch.partition(".")[0])
    return all(hasattr(kind, name) for name in ("forward_intermediates", "forward_head"))


def images(store: Store, n: int) -> int:
    """Cost in forward passes: the sample, the training images, and those of the maps."""
    return min(n, MOST) + min(TRAINED, len(store.labels("train"))) + PICTURED * OF_EACH


def measure(subject: Subject, *, split: str, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measures one run.

    images            int, number of images
    layers            their names, in order
    last              float32 (n, d): input of the classifier
    layer-0, ...      float32 (n, channels) of each of `layers`
    right, knn, probe bool (n,): correctness of the network, its neighbours and the probe
    classes           int64 (m,) of the images of the maps; pca, tsne: float32 (m, 2)
    """
    some = subject.sample(split, min(limit or MOST, MOST))
    known = chosen(subject.store, "train", TRAINED, subject.config)
    names, layers, last, logits = _looked(subject, some.pixels, some.classes, every=True)
    progress(1, 4)
    _, _, learned, _ = _looked(subject, known.pixels, known.classes, every=False)
    progress(2, 4)
    shown = _pictured(subject, split)
    _, _, pictured, _ = _looked(subject, *shown, every=False)
    progress(3, 4)
    pca, tsne = mapped(pictured)
    found = {
        "images": len(some.ids),
        "layers": names,
        "last": last,
        **{f"layer-{at}": values for at, values in enumerate(layers)},
        "right": logits.argmax(axis=1) == some.classes,
        "knn": neighbours(learned, known.classes, last) == some.classes,
        "probe": probe(learned, known.classes, last) == some.classes,
        "classes": shown[1],
        "pca": pca,
        "tsne": tsne,
    }
    progress(4, 4)
    return found


def _looked(
    subject: Subject, pixels: np.ndarray, classes: np.ndarray, *, every: bool
) -> tuple[list[str], list[np.ndarray], np.ndarray, np.ndarray]:
    """Names of layers, features after each (n, channels), before the classifier (n, d), and logits."""
    module: Any = subject.module
    names = [stage["module"] for stage in getattr(module, "feature_info", [])]
    behind: list[list[np.ndarray]] = []
    last: list[np.ndarray] = []
    logits: list[np.ndarray] = []
    with torch.inference_mode():
        for batch in subject.batches(pixels, classes):
            final, between = module.forward_intermediates(batch.images, output_fmt="NCHW")
            if every:
                behind.append([one.mean(dim=(2, 3)).float().cpu().numpy() for one in between])
            last.append(module.forward_head(final, pre_logits=True).float().cpu().numpy())
            logits.append(module.forward_head(final).float().cpu().numpy())
    layers = [np.concatenate(each) for each in zip(*behind, strict=True)]
    if len(names) != len(layers):
        names = [str(at) for at in range(len(layers))]
    return names, layers, np.concatenate(last), np.concatenate(logits)


def _pictured(subject: Subject, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and classes of the images in a map.

    A fixed number of each of the first classes, the same for all runs.
    """
    all_of = subject.sample(split, None)
    at = [
        np.flatnonzero(all_of.classes == c)[:OF_EACH] for c in range(min(PICTURED, subject.store.n_classes))
    ]
    kept = np.concatenate(at)
    return all_of.pixels[kept], all_of.classes[kept]


# --- metrics of features ------------------------------------------------------------------------


def neighbours(learned: np.ndarray, classes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Majority class of the nearest training images.

    Args:
        learned: float (m, d), features of training images.
        classes: int64 (m,).
        queries: float (n, d), features to classify.

    Returns:
        int64 (n,).
    """
    model = KNeighborsClassifier(min(NEIGHBOURS, len(learned)), metric="cosine").fit(learned, classes)
    found: np.ndarray = model.predict(queries)
    return found


def probe(learned: np.ndarray, classes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Predictions of a ridge classifier, int64 (n,); arguments as of `neighbours`."""
    scale = StandardScaler().fit(learned.astype(np.float64))
    model = RidgeClassifierCV(STRENGTHS).fit(scale.transform(learned), classes)
    found: np.ndarray = model.predict(scale.transform(queries))
    return found


def mapped(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PCA and t-SNE (of the first 50 principal components), float32 (n, 2) each."""
    most = min(50, *features.shape)
    reduced = PCA(most, svd_solver="full").fit_transform(features.astype(np.float64))
    near = min(30.0, (len(features) - 1) / 3)
    tsne = TSNE(perplexity=near, init="pca", random_state=SEED).fit_transform(reduced)
    return reduced[:, :2].astype(np.float32), tsne.astype(np.float32)


def gram(features: np.ndarray) -> np.ndarray:
    """Inner products of all pairs of images, float64 (n, n), with a zero diagonal."""
    wide = features.astype(np.float64)
    wide = wide - wide.mean(axis=0)
    found: np.ndarray = wide @ wide.T
    np.fill_diagonal(found, 0.0)
    return found


def hsic(one: np.ndarray, other: np.ndarray) -> float:
    """Unbiased estimate of HSIC from two matrices of `gram`, eq. 5 of Song et al.; needs n > 3."""
    n = len(one)
    inner = float((one * other).sum())
    sums = float(one.sum() * other.sum()) / ((n - 1) * (n - 2))
    cross = 2.0 / (n - 2) * float(one.sum(axis=0) @ other.sum(axis=0))
    return (inner + sums - cross) / (n * (n - 3))


def cka(one: np.ndarray, other: np.ndarray) -> float | None:
    """Debiased linear CKA from two matrices of `gram`; None where it is undefined."""
    own = hsic(one, one) * hsic(other, other)
    return hsic(one, other) / math.sqrt(own) if own > 0 else None


def cka_by_image(one: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """Values by image, float64 (n,), with mean `cka` and, to first order, the same variance.

    HSIC is a mean over pairs of images, so an image moves it by twice the deviation of the mean over its
    pairs.
    """
    found = cka(one, other)
    if found is None:
        return None
    both, own, others = (
        product.sum(axis=1) / (len(product) - 1) for product in (one * other, one * one, other * other)
    )
    moved = 2 * (both - both.mean()) / math.sqrt(own.mean() * others.mean())
    values: np.ndarray = found + moved - found * (own / own.mean() + others / others.mean() - 2)
    return values


def kappa(one: np.ndarray, other: np.ndarray) -> float | None:
    """Error consistency of two runs, bool (n,) each; None where both are always or never correct."""
    a, b = float(one.mean()), float(other.mean())
    chance = a * b + (1 - a) * (1 - b)
    return None if chance == 1 else (float((one == other).mean()) - chance) / (1 - chance)


def kappa_by_image(one: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """Values by image, float64 (n,), with mean `kappa` and, to first order, the same variance."""
    found = kappa(one, other)
    if found is None:
        return None
    a, b = float(one.mean()), float(other.mean())
    chance = a * b + (1 - a) * (1 - b)
    alike = (one == other).astype(np.float64)
    by_chance = (2 * b - 1) * (one - a) + (2 * a - 1) * (other - b)
    values: np.ndarray = found + (alike - alike.mean() - (1 - found) * by_chance) / (1 - chance)
    return values


# --- all runs -----------------------------------------------------------------------------------


def compare(results: Results, found: experiments.Found) -> dict[str, Any]:
    """Compares all runs.

    Returns `experiments.document` of accuracy, knn and probe (over images and seeds), and

    cka, kappa    of each data set: {"data", "experiments", and "mean", "low", "high", "least", "largest":
                  matrices}: over all pairs of runs of two experiments their mean, its 95 % interval, the
                  smallest and largest value; null where there is no such pair, as with one seed on the
                  diagonal. The interval is null with one seed, where the variance between seeds is unknown,
                  and on the diagonal below three seeds
    layers        [{"data", "rows", "columns" (experiments), "row_layers", "column_layers", "values": a
                  matrix}]: CKA between layers of the first seeds of two experiments
    maps          {experiment: {"classes", "pca", "tsne"}} of the first seed
    """
    made = experiments.gather(results, found, _values)
    document = experiments.document(results, made, BOUNDS)
    by_data: dict[str, list[experiments.Experiment]] = {}
    for experiment in made:
        by_data.setdefault(experiment.data, []).append(experiment)
    return {
        "what": "features",
        "study": results.name,
        "runs": len(found),
        **document,
        "cka": [_pairs(data, mine, "last", gram, cka_by_image) for data, mine in by_data.items()],
        "kappa": [_pairs(data, mine, "right", lambda v: v, kappa_by_image) for data, mine in by_data.items()],
        "layers": [_layers(data, a, b) for data, mine in by_data.items() for a, b in _telling(mine)],
        "maps": {experiment.name: _map(experiment.founds[0]) for experiment in made},
    }


def _values(founds: Sequence[Mapping[str, Any]]) -> experiments.Values:
    return {
        name: np.stack([one[key] for one in founds])
        for name, key in (("accuracy", "right"), ("knn", "knn"), ("probe", "probe"))
    }


def _pairs(
    data: str,
    mine: Sequence[experiments.Experiment],
    key: str,
    made: Callable[[np.ndarray], np.ndarray],
    alike: Callable[[np.ndarray, np.ndarray], np.ndarray | None],
) -> dict[str, Any]:
    """A similarity of all pairs of runs, by experiments.

    Args:
        data: Name of the data set.
        mine: Its experiments.
        key: Array of `measure` to compare.
        made: Transforms the array of a run.
        alike: Similarity by image of two transformed arrays.
    """
    runs = [[made(one[key]) for one in experiment.founds] for experiment in mine]
    size = len(mine)
    out: dict[str, list[list[float | None]]] = {
        name: [[None] * size for _ in mine] for name in ("mean", "low", "high", "least", "largest")
    }
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        pairs = (
            itertools.combinations(range(len(runs[i])), 2)
            if i == j
            else itertools.product(range(len(runs[i])), range(len(runs[j])))
        )
        values = {(a, b): v for a, b in pairs if (v := alike(runs[i][a], runs[j][b])) is not None}
        if values:
            found = [float(v.mean()) for v in values.values()]
            pair = {"mean": sum(found) / len(found), "least": min(found), "largest": max(found)}
            pair |= _reach(values, len(runs[i]), len(runs[j]), same=i == j)
            for name, value in pair.items():
                out[name][i][j] = out[name][j][i] = value
    return {"data": data, "experiments": [experiment.name for experiment in mine], **out}


def _reach(
    values: Mapping[tuple[int, int], np.ndarray], rows: int, columns: int, *, same: bool
) -> dict[str, float]:
    """The interval of a mean over pairs of runs, low and high; empty where seeds do not suffice.

    Between two experiments the observation of a run is the mean of its pairs, and the variances of both
    experiments' seeds add. Within one experiment every pair has two of its runs: by the jackknife of a mean
    over pairs (Arvesen, Annals of Mathematical Statistics 40, 1969) the deviation of a run's mean counts 2 (S
    - 1) / (S - 2) times.
    """
    pairs = rows * (rows - 1) // 2 if same else rows * columns
    if len(values) < pairs or min(rows, columns) < (3 if same else 2):
        return {}
    overall = np.mean(list(values.values()), axis=0)

    def of(side: int, run: int) -> np.ndarray:
        mine = [v for at, v in values.items() if run in (at if same else (at[side],))]
        found: np.ndarray = np.mean(mine, axis=0)
        return found

    if same:
        factor = 2 * (rows - 1) / (rows - 2)
        samples = [np.stack([overall + factor * (of(0, run) - overall) for run in range(rows)])]
    else:
        samples = [
            np.stack([of(side, run) - overall / 2 for run in range(count)])
            for side, count in enumerate((rows, columns))
        ]
    made = experiments.interval([Sample(s, tuple(range(len(s)))) for s in samples], [1.0] * len(samples))
    return {"low": made["low"], "high": made["high"]}


def _telling(
    mine: Sequence[experiments.Experiment],
) -> list[tuple[experiments.Experiment, experiments.Experiment]]:
    """Pairs of experiments compared layer by layer.

    The first of each model, and each model's first and last augmentation.
    """
    by_model: dict[str, list[experiments.Experiment]] = {}
    for experiment in mine:
        by_model.setdefault(experiment.model, []).append(experiment)
    first = [ones[0] for ones in by_model.values()]
    within = [(ones[0], ones[-1]) for ones in by_model.values() if len(ones) > 1]
    return [*itertools.combinations(first, 2), *within]


def _layers(data: str, one: experiments.Experiment, other: experiments.Experiment) -> dict[str, Any]:
    grams = [
        [gram(experiment.founds[0][f"layer-{at}"]) for at in range(len(experiment.founds[0]["layers"]))]
        for experiment in (one, other)
    ]
    return {
        "data": data,
        "rows": one.name,
        "columns": other.name,
        "row_layers": one.founds[0]["layers"],
        "column_layers": other.founds[0]["layers"],
        "values": [[cka(a, b) for b in grams[1]] for a in grams[0]],
    }


def _map(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "classes": found["classes"].tolist(),
        **{name: np.round(found[name].astype(np.float64), 3).tolist() for name in ("pca", "tsne")},
    }


def lines(compared: Mapping[str, Any], lang: str = "en") -> list[str]:
    """Metrics by experiment, contrasts, and similarity between runs."""
    found = experiments.lines(compared, NAMES, lang)
    for name, title in (("cka", "CKA of last features"), ("kappa", "error consistency (kappa)")):
        for one in compared[name]:
            found += [
                "",
                f"{title}, {one['data']}: mean over pairs of runs [95 % interval over seeds and images]"
                " (between seeds on the diagonal)",
            ]
            rows = [
                [label, *(_pair_shown(one, i, j) for j in range(len(one["experiments"])))]
                for i, label in enumerate(one["experiments"])
            ]
            found += tabular.to_text([["", *one["experiments"]], *rows])
    return found


def _pair_shown(one: Mapping[str, Any], i: int, j: int) -> str:
    mean, low, high = (one[name][i][j] for name in ("mean", "low", "high"))
    if mean is None:
        return "-"
    return f"{mean:.2f}" if low is None else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
