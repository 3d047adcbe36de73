"""The loss and the accuracy that mean something when an image has two labels."""

from torch import Tensor
from torch.nn import functional


def mixed_cross_entropy(
    logits: Tensor, labels: Tensor, partner_labels: Tensor | None, lam: Tensor | None, smoothing: float
) -> Tensor:
    """Cross-entropy with label weights lam and 1 - lam, float32 (n,).

    logits: (n, n_classes), any float; they are read as float32, so that labels are never rounded in bf16.
    labels, partner_labels: int64 (n,). lam: float32 (n,), the weight of `labels`; partner_labels and lam are
    both None for a batch that is not mixed. smoothing: the mass that is spread evenly over all classes.
    Equal to the loss against soft targets, without making them.
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
    """The label weight of the predicted class, float32 (n,); its mean is lambda-weighted accuracy.

    Shapes as in mixed_cross_entropy. Without partners it is 1 for a hit and 0 for a miss.
    """
    assert (partner_labels is None) == (lam is None)
    predicted = logits.argmax(dim=1)
    own = (predicted == labels).float()
    if partner_labels is None or lam is None:
        return own
    return lam * own + (1.0 - lam) * (predicted == partner_labels).float()
