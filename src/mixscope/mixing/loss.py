"""Cross-entropy and accuracy for images with two labels."""

from torch import Tensor
from torch.nn import functional


def mixed_cross_entropy(
    logits: Tensor, labels: Tensor, partner_labels: Tensor | None, lam: Tensor | None, smoothing: float
) -> Tensor:
    """Cross-entropy with label weights lam and 1 - lam.

    Equals the cross-entropy against soft targets without building them.

    Args:
        logits: (n, n_classes), any float dtype; converted to float32, so that label weights are never rounded
            to bf16.
        labels: int64 (n,).
        partner_labels: int64 (n,); None, like `lam`, for a batch that is not mixed.
        lam: float32 (n,), weight of `labels`.
        smoothing: Probability mass spread evenly over all classes (label smoothing).

    Returns:
        float32 (n,), in nats.
    """
    assert (partner_labels is None) == (lam is None)
    log_p = logits.float().log_softmax(dim=1)
    loss = functional.nll_loss(log_p, labels, reduction="none")
    if partner_labels is not None and lam is not None:
        loss = lam * loss + (1.0 - lam) * functional.nll_loss(log_p, partner_labels, reduction="none")
    if smoothing > 0:
        loss = (1.0 - smoothing) * loss - smoothing * log_p.mean(dim=1)
    return loss


def weighted_hits(
    logits: Tensor, labels: Tensor, partner_labels: Tensor | None, lam: Tensor | None
) -> Tensor:
    """Label weight of the predicted class; its mean is the lambda-weighted accuracy.

    Args:
        logits: (n, n_classes), any float dtype.
        labels: int64 (n,).
        partner_labels: int64 (n,); None, like `lam`, for a batch that is not mixed.
        lam: float32 (n,), weight of `labels`.

    Returns:
        float32 (n,); without partners 1 where the prediction is correct, else 0.
    """
    assert (partner_labels is None) == (lam is None)
    predicted = logits.argmax(dim=1)
    own = (predicted == labels).float()
    if partner_labels is None or lam is None:
        return own
    return lam * own + (1.0 - lam) * (predicted == partner_labels).float()
