"""Bins of equal mass for reliability diagrams and the ECE, and temperature scaling.

The calibration error as one value is `metrics.ece`, which uses these bins.
"""

from dataclasses import dataclass

import numpy as np

BINS = 15
STEPS = 30
TIE = 1e-12  # confidences closer than this are equal: a float64 softmax is exact to a few 1e-16


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram over bins of equal mass, from the least confident.

    Attributes:
        confidence: float64 (bins,), mean confidence.
        accuracy: float64 (bins,), fraction of correct predictions.
        examples: int64 (bins,), number of examples.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    examples: np.ndarray


def reliability(confidence: np.ndarray, hit: np.ndarray, bins: int = BINS) -> Reliability:
    """Computes a reliability diagram with the bins of metrics.ece.

    Args:
        confidence: float (n,), of the predicted class.
        hit: bool (n,), whether the prediction is correct.
        bins: Largest number of bins.
    """
    confidence = confidence.astype(np.float64)
    group = groups(confidence, bins)
    examples = np.bincount(group)
    sure = np.bincount(group, weights=confidence)
    right = np.bincount(group, weights=hit)
    used = examples > 0
    return Reliability(sure[used] / examples[used], right[used] / examples[used], examples[used])


def groups(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Assigns examples to bins of equal mass, from the least confident.

    Equal confidences share a bin, also where the order of summation over classes has left a rounding error
    (less than TIE) between them.

    Args:
        confidence: float (n,), of the predicted class.
        bins: Largest number of bins.

    Returns:
        int64 (n,), bin of each example.
    """
    order = np.argsort(confidence, kind="stable")
    step = np.diff(confidence[order].astype(np.float64), prepend=-np.inf) > TIE
    level = np.empty(len(confidence), dtype=np.int64)
    level[order] = np.cumsum(step)
    cut = np.array_split(np.sort(level), min(bins, len(level)))
    found: np.ndarray = np.searchsorted([part[0] for part in cut[1:]], level, side="right")
    return found


def noise_floor(confidence: np.ndarray, examples: np.ndarray) -> float:
    """Returns the expected ECE of a perfectly calibrated model on this number of examples, in [0, 1].

    The accuracy of a bin deviates from its confidence c by chance, on average by sqrt(2 / pi) standard
    deviations (normal approximation): sqrt(2 / pi * n c (1 - c)) of n examples.

    Args:
        confidence: float (bins,), mean confidence of each bin.
        examples: int (bins,), examples of each bin.
    """
    spread = np.sqrt(2.0 / np.pi * examples * confidence * (1.0 - confidence))
    return float(spread.sum() / examples.sum())


def scale_that_fits(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fits the factor on the logits, the inverse temperature, by maximum likelihood.

    Guo et al., ICML 2017, arXiv 1706.04599. The likelihood is concave in the factor and is maximized by
    Newton's method; steps are limited to a factor of 4, and the result to [0.01, 100] for logits that are
    always or never right.

    Args:
        logits: (n, n_classes).
        labels: int64 (n,).
    """
    z = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    own = z[np.arange(len(labels)), labels]
    scale = 1.0
    for _ in range(STEPS):
        p = np.exp(scale * z)
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        slope = float((mean - own).mean())
        bend = float(((p * z * z).sum(axis=1) - mean**2).mean())
        wanted = scale - slope / bend if bend > 0 else scale / 4
        before, scale = scale, float(np.clip(np.clip(wanted, scale / 4, scale * 4), 0.01, 100.0))
        if abs(scale / before - 1.0) < 1e-4:
            break
    return scale
