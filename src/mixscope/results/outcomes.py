"""Per-example outcomes of one checkpoint of one run, as arrays.

Intervals, confusion matrices and reliability diagrams are computed from them. Use `from_logits` for logits or
probabilities; if only correctness is known, the rest is None.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mixscope import metrics
from mixscope.errors import DataError

TOP = 5
_DTYPES = {
    "ids": np.dtype(np.int64),
    "correct": np.dtype(np.bool_),
    "labels": np.dtype(np.int64),
    "predicted": np.dtype(np.int64),
    "top5": np.dtype(np.bool_),
    "confidence": np.dtype(np.float32),
    "log_likelihood": np.dtype(np.float32),
}


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Outcomes of n test examples, sorted by id.

    Attributes:
        ids: int64 (n,), identifies an example; equal in all runs on one test set.
        correct: bool (n,), whether the predicted class is the label.
        labels: int64 (n,), true class; None if only `correct` is known.
        predicted: int64 (n,), predicted class, the lower one for equal logits; None if only `correct` is
            known.
        top5: bool (n,), whether the label is among the five largest logits; None with up to five classes or
            if unknown.
        confidence: float32 (n,), probability of the predicted class; None if unknown.
        log_likelihood: float32 (n,), natural logarithm of the label's probability; None if unknown.
        n_classes: Number of classes; None if only `correct` is known.
    """

    ids: np.ndarray
    correct: np.ndarray
    labels: np.ndarray | None = None
    predicted: np.ndarray | None = None
    top5: np.ndarray | None = None
    confidence: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None
    n_classes: int | None = None

    def __post_init__(self) -> None:
        """Raises DataError for arrays of another dtype or length, repeated ids and impossible values."""
        n = len(self.ids)
        for name, dtype in _DTYPES.items():
            array = getattr(self, name)
            if array is not None and (array.dtype != dtype or array.shape != (n,)):
                raise DataError(
                    "wrong-type", f"expected {dtype} ({n},), got {array.dtype} {array.shape}", key=name
                )
        if n < 2:
            raise DataError(
                "too-few", f"outcomes of {n} examples: a variance over examples needs two or more"
            )
        steps = np.diff(self.ids)
        if (steps <= 0).any():
            what = "repeated" if (np.diff(np.sort(self.ids)) == 0).any() else "not sorted"
            raise DataError(
                "duplicate", f"are {what}; every test example has one id, in ascending order", key="ids"
            )
        if self.labels is not None and self.predicted is not None:
            if not np.array_equal(self.correct, self.labels == self.predicted):
                raise DataError("inconsistent", "is not where labels and predicted agree", key="correct")
        for name in ("labels", "predicted"):
            array = getattr(self, name)
            most = self.n_classes if self.n_classes is not None else np.iinfo(np.int64).max
            if array is not None and (array.min() < 0 or array.max() >= most):
                raise DataError(
                    "out-of-range",
                    f"expected classes 0 to {most - 1}, got {array.min()} to {array.max()}",
                    key=name,
                )
        if self.confidence is not None and not ((self.confidence > 0) & (self.confidence <= 1)).all():
            raise DataError("out-of-range", "expected probabilities above 0 and at most 1", key="confidence")
        if self.log_likelihood is not None and not (self.log_likelihood <= 0).all():
            raise DataError(
                "out-of-range", "expected logarithms of probabilities, 0 or below", key="log_likelihood"
            )

    @classmethod
    def from_logits(cls, ids: np.ndarray, labels: np.ndarray, logits: np.ndarray) -> "Outcomes":
        """Outcomes from logits or log-probabilities.

        Args:
            ids: integers (n,), ascending.
            labels: integers (n,).
            logits: float (n, n_classes), finite.

        Raises:
            DataError: If shapes differ, logits are not finite or labels are out of range.
        """
        ranks = metrics.ranks(logits, labels)
        log_p = metrics.log_softmax(logits)
        predicted = logits.argmax(axis=1).astype(np.int64)
        return cls(
            ids=ids.astype(np.int64),
            correct=predicted == labels,
            labels=labels.astype(np.int64),
            predicted=predicted,
            top5=ranks < TOP if logits.shape[1] > TOP else None,
            confidence=np.exp(log_p.max(axis=1)).astype(np.float32),
            log_likelihood=log_p[np.arange(len(labels)), labels].astype(np.float32),
            n_classes=logits.shape[1],
        )

    @cached_property
    def test(self) -> str:
        """Identifies the test set by ids and labels; outcomes with equal values are aligned by example."""
        labels = b"" if self.labels is None else self.labels.tobytes()
        return hashlib.sha256(self.ids.tobytes() + labels).hexdigest()[:12]

    @property
    def accuracy(self) -> float:
        """Fraction of correct examples, in [0, 1]."""
        return float(self.correct.mean(dtype=np.float64))

    def confusion(self) -> np.ndarray | None:
        """Confusion matrix, int64 (n_classes, n_classes), row = label, column = predicted.

        None if unknown.
        """
        if self.labels is None or self.predicted is None or self.n_classes is None:
            return None
        k = self.n_classes
        return np.bincount(self.labels * k + self.predicted, minlength=k * k).reshape(k, k)
