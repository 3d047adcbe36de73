"""Whether a model is right as often as it is sure: the points of a reliability diagram.

What does not belong here: the calibration error as one figure (metrics.ece, in every run's summary).
"""

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal mass, the least sure first: mean confidence, share right, examples; each (bins,).

    error: the expected calibration error over these bins, 0 to 1.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    examples: np.ndarray
    error: float


def reliability(confidence: np.ndarray, hit: np.ndarray, bins: int = BINS) -> Reliability:
    """Bins as metrics.ece has them: of equal mass, equally confident examples together.

    confidence: float (n,), of the predicted class. hit: bool (n,).
    """
    confidence = confidence.astype(np.float64)
    groups = np.array_split(np.sort(confidence), min(bins, len(confidence)))
    group = np.searchsorted([g[0] for g in groups[1:]], confidence, side="right")
    examples = np.bincount(group, minlength=len(groups))
    sure = np.bincount(group, weights=confidence, minlength=len(groups))
    right = np.bincount(group, weights=hit, minlength=len(groups))
    error = float(np.abs(sure - right).sum() / len(confidence))
    used = examples > 0
    return Reliability(sure[used] / examples[used], right[used] / examples[used], examples[used], error)
