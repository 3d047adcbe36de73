"""Bins of equal confidence mass for reliability diagrams and the ECE, and temperature scaling.

The calibration error as one value is `metrics.ece`, which uses these bins.
"""

from dataclasses import dataclass

import numpy as np

BINS = 15
STEPS = 30
TIE = 1e-12  # below which confidences are equal: a float64 softmax is exact to a few 1e-16


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal mass, the least sure first: mean confidence, share right, examples; each (bins,)."""

    confidence: np.ndarray
    accuracy: np.ndarray
    examples: np.ndarray


def reliability(confidence: np.ndarray, hit: np.ndarray, bins: int = BINS) -> Reliability:
    """Bins as metrics.ece has them: of equal mass, equally confident examples together.

    confidence: float (n,), of the predicted class. hit: bool (n,).
    """
    confidence = confidence.astype(np.float64)
    group = groups(confidence, bins)
    examples = np.bincount(group)
    sure = np.bincount(group, weights=confidence)
    right = np.bincount(group, weights=hit)
    used = examples > 0
    return Reliability(sure[used] / examples[used], right[used] / examples[used], examples[used])


def groups(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each example, int64 (n,), the least sure first, as `reliability` has them.

    Equal confidences share a bin, also where the order in which classes were summed has left them a rounding
    error apart: by less than TIE.
    """
    order = np.argsort(confidence, kind="stable")
    step = np.diff(confidence[order].astype(np.float64), prepend=-np.inf) > TIE
    level = np.empty(len(confidence), dtype=np.int64)
    level[order] = np.cumsum(step)
    cut = np.array_split(np.sort(level), min(bins, len(level)))
    found: np.ndarray = np.searchsorted([part[0] for part in cut[1:]], level, side="right")
    return found


def noise_floor(confidence: np.ndarray, examples: np.ndarray) -> float:
    """The ECE that a perfectly calibrated model has on so few examples, on average, 0 to 1.

    The share right of a bin differs from its confidence c by chance, by sqrt(2 / pi) standard deviations on
    average (normal approximation): sqrt(2 / pi * n c (1 - c)) examples of n.

    Args:
        confidence: Mean confidence of each bin, float (bins,).
        examples: Examples of each bin, int (bins,).
    """
    spread = np.sqrt(2.0 / np.pi * examples * confidence * (1.0 - confidence))
    return float(spread.sum() / examples.sum())


def scale_that_fits(logits: np.ndarray, labels: np.ndarray) -> float:
    """The factor on the logits, one over the temperature, that makes these labels likeliest.

    Guo et al., ICML 2017, arXiv 1706.04599. logits: (n, n_classes); labels: int64 (n,). The likelihood is
    concave in the factor, so Newton's steps find it; they are kept within fourfold, and the factor within
    1/100 to 100 for logits that are always or never right.
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
