"""Gains by class and confused classes, from per-example correctness.

With a hundred classes some differ by chance, so differences are tested with control of the false discovery
rate and shown shrunken towards each other, according to their noise. Pure functions on arrays.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassGains:
    """Gain of an augmentation over another by class; every array is (n_classes,), in percentage points.

    Attributes:
        gain: Difference of recall.
        error: Its standard error; from test examples only with one seed.
        shrunken: Empirical Bayes estimate.
        p: Two-sided p-value of no difference.
        q: p after Benjamini and Hochberg.
        examples: int64, test examples of the class.
    """

    gain: np.ndarray
    error: np.ndarray
    shrunken: np.ndarray
    p: np.ndarray
    q: np.ndarray
    examples: np.ndarray


def gains(augmentation: np.ndarray, baseline: np.ndarray, labels: np.ndarray, n_classes: int) -> ClassGains:
    """The gain of every class, with both sources of variance as for the whole test set.

    The variance of a class combines its paired examples and its seeds; it is at least that of one example
    that one seed gets right, so that a class without a single change does not appear certain.

    Args:
        augmentation: bool (seeds, n), correctness with the augmentation.
        baseline: bool (seeds, n), correctness with the baseline; the seeds may differ.
        labels: int64 (n,).
        n_classes: Number of classes; one without test examples has nan everywhere.
    """
    there = np.bincount(labels, minlength=n_classes)
    gain = 100.0 * (
        _recall(augmentation, labels, there).mean(axis=0) - _recall(baseline, labels, there).mean(axis=0)
    )
    delta = augmentation.mean(axis=0) - baseline.mean(axis=0)
    several = len(augmentation) > 1 and len(baseline) > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        by_example = _variance(delta, labels, there) / there
        by_seed = np.zeros(n_classes)
        below = np.zeros(n_classes)
        within = np.zeros(n_classes)  # variance between seeds contained in by_example
        for hits in (augmentation, baseline) if several else ():
            term = _recall(hits, labels, there).var(axis=0, ddof=1) / len(hits)
            by_seed += term
            below += term**2 / (len(hits) - 1)
            noise = _sums(hits.var(axis=0, ddof=1), labels, n_classes) / there
            within += noise / (len(hits) * there)
        least = 1.0 / (max(len(augmentation), len(baseline)) * there) ** 2
        variance = np.maximum(by_example + np.maximum(0.0, by_seed - within), least)
        error = 100.0 * np.sqrt(variance)
        # Degrees of freedom as in claims/contrasts.py.
        degrees = (there - 1).astype(np.float64)
        if several:
            from_seeds = np.minimum(np.maximum(by_seed, within), variance)
            fewest = min(len(augmentation), len(baseline)) - 1
            found = np.maximum(from_seeds * variance / below, fewest)
            degrees = np.where(below > 0, np.minimum(found, degrees), degrees)
        p = 2.0 * special.stdtr(degrees, -np.abs(gain / error))
    return ClassGains(
        gain=gain,
        error=error,
        shrunken=shrink(gain, error),
        p=p,
        q=false_discovery(p),
        examples=there,
    )


def _sums(values: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    return np.bincount(labels, weights=values, minlength=n_classes)


def _recall(hits: np.ndarray, labels: np.ndarray, there: np.ndarray) -> np.ndarray:
    """float64 (seeds, n_classes), nan where a class has no example."""
    counts = np.array([_sums(row.astype(np.float64), labels, len(there)) for row in hits])
    with np.errstate(invalid="ignore", divide="ignore"):
        result: np.ndarray = counts / there
    return result


def _variance(values: np.ndarray, labels: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The variance of the values of each class, float64 (n_classes,); nan with fewer than two examples."""
    mean = _sums(values, labels, len(there)) / there
    centred = values - mean[labels]
    result: np.ndarray = _sums(centred**2, labels, len(there)) / np.where(there > 1, there - 1, np.nan)
    return result


def shrink(gain: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Shrinks estimates towards each other by the fraction of their variance that is noise; nan is kept.

    Normal-normal empirical Bayes; the variance between classes by unweighted moments (Hedges and Olkin,
    Statistical Methods for Meta-Analysis, 1985, chapter 9), so that it is not dominated by classes without a
    change, the most certain ones. The centre weights each class by its shrinkage, so that the mean of all,
    the gain in macro recall, is kept.

    Args:
        gain: float64 (n_classes,).
        error: Standard errors, float64 (n_classes,).
    """
    result = np.full_like(gain, np.nan)
    known = np.isfinite(gain) & np.isfinite(error)
    if not known.any():
        return result
    g, v = gain[known], error[known] ** 2
    between = max(0.0, float(g.var(ddof=1) - v.mean())) if len(g) > 1 else 0.0
    noise = np.divide(v, between + v, out=np.ones_like(v), where=between + v > 0)
    centre = (noise * g).sum() / noise.sum() if noise.any() else g.mean()
    result[known] = (1.0 - noise) * g + noise * centre
    return result


def false_discovery(p: np.ndarray) -> np.ndarray:
    """p-values after Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995); nan is kept and does not count."""
    q = np.full_like(p, np.nan, dtype=np.float64)
    known = np.isfinite(p)
    count = int(known.sum())
    order = np.flatnonzero(known)[np.argsort(p[known], kind="stable")]
    scaled = p[order] * count / np.arange(1, count + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q


@dataclass(frozen=True, slots=True)
class Confused:
    """A pair of confused classes.

    Attributes:
        true: True class.
        predicted: Predicted class.
        count: Number of such predictions over all seeds.
        share: Fraction of the true class's predictions.
    """

    true: int
    predicted: int
    count: int
    share: float


def most_confused(counts: np.ndarray, most: int) -> list[Confused]:
    """The most frequently confused pairs, the largest fraction first, without pairs that never occur.

    Args:
        counts: int64 (n_classes, n_classes), row = true class.
        most: Largest number of pairs.
    """
    there = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, there, out=np.zeros(counts.shape), where=there > 0)
    np.fill_diagonal(share, 0.0)
    order = np.argsort(-share, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(counts)) for place in order]
    return [Confused(t, p, int(counts[t, p]), float(share[t, p])) for t, p in pairs if share[t, p] > 0]
