"""Classification metrics from logits and labels: accuracy, macro averages, likelihood, calibration.

Pure functions on numpy arrays. Logits are (n, n_classes), any float dtype, finite; labels are integers (n,).
"""

import numpy as np

from mixscope import calibration
from mixscope.errors import DataError


def ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the number of classes ranked before the true one; among equal logits the lower class is first.

    Args:
        logits: (n, n_classes).
        labels: int (n,).

    Returns:
        int64 (n,).
    """
    _check(logits, labels)
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1])[None, :] < labels[:, None]
    before: np.ndarray = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return before


def top_k(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Fraction of examples whose true class is among the k largest logits."""
    return float((ranks(logits, labels) < k).mean())


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Confusion matrix of counts, int64 (n_classes, n_classes): rows are true, columns predicted classes."""
    _check(logits, labels)
    k = logits.shape[1]
    return np.bincount(labels.astype(np.int64) * k + logits.argmax(axis=1), minlength=k * k).reshape(k, k)


def macro(counts: np.ndarray) -> tuple[float, float, float]:
    """Macro precision, recall and F1 of a confusion matrix: unweighted means over all classes.

    A class that is never predicted has precision 0 and one without examples recall 0, as in scikit-learn with
    zero_division=0 and labels=range(n_classes). Macro F1 is the mean of the classes' F1.

    Args:
        counts: int (n_classes, n_classes), as from `confusion`.
    """
    hits = np.diag(counts).astype(np.float64)
    predicted, there = counts.sum(axis=0), counts.sum(axis=1)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, there, out=np.zeros_like(hits), where=there > 0)
    f1 = np.divide(2 * hits, predicted + there, out=np.zeros_like(hits), where=predicted + there > 0)
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities, float64 (n, n_classes)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def nll(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of the true class, in nats."""
    _check(logits, labels)
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def brier(logits: np.ndarray, labels: np.ndarray) -> float:
    """Brier score: squared distance of probabilities to the one-hot label, summed over classes, 0 to 2."""
    _check(logits, labels)
    p = np.exp(log_softmax(logits))
    p[np.arange(len(labels)), labels] -= 1.0
    return float((p**2).sum(axis=1).mean())


def ece(logits: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class, bins of equal mass (Nguyen & O'Connor, arXiv 1508.05154).

    Examples are sorted by confidence and split into `bins` groups whose sizes differ by at most one, except
    that equally confident examples (a saturated softmax produces many) share a group. The result therefore
    does not depend on the order of examples, and constant predictions form one bin. With fewer examples than
    bins, each has its own.

    Args:
        logits: (n, n_classes).
        labels: int (n,).
        bins: Number of bins.

    Returns:
        Value in [0, 1].
    """
    _check(logits, labels)
    confidence = np.exp(log_softmax(logits)).max(axis=1)
    hit = logits.argmax(axis=1) == labels
    group = calibration.groups(confidence, bins)
    return float(np.abs(np.bincount(group, weights=confidence - hit)).sum() / len(labels))


def summary(logits: np.ndarray, labels: np.ndarray) -> dict[str, float | int | None]:
    """Returns all metrics; fractions are in [0, 1].

    A metric without information is None, not 0: top5 with up to five classes, where it is always 1.

    Raises:
        ValueError: If logits are not finite or labels are out of range.
    """
    counts = confusion(logits, labels)
    precision, recall, f1 = macro(counts)
    return {
        "n": len(labels),
        "top1": top_k(logits, labels, 1),
        "top5": top_k(logits, labels, 5) if logits.shape[1] > 5 else None,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "nll": nll(logits, labels),
        "brier": brier(logits, labels),
        "ece": ece(logits, labels),
        "classes_never_predicted": int((counts.sum(axis=0) == 0).sum()),
    }


def _check(logits: np.ndarray, labels: np.ndarray) -> None:
    if logits.ndim != 2 or logits.size == 0 or labels.shape != (len(logits),):
        raise DataError(
            "wrong-type",
            "expected logits (n, n_classes) and labels (n,), neither empty,"
            f" got {logits.shape} and {labels.shape}",
        )
    if labels.dtype.kind not in "iu":
        raise DataError("wrong-type", f"labels must be class numbers (integers), got {labels.dtype}")
    if not np.isfinite(logits).all():
        raise DataError("not-finite", "logits are not finite; the run that made them has diverged")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise DataError(
            "out-of-range",
            f"labels must lie in 0 to {logits.shape[1] - 1}, got {labels.min()} to {labels.max()}",
        )
