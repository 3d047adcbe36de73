"""The loss and the accuracy that mean something when an image has two labels.

What does not belong here: draws and plans (they need no torch).
"""

from torch import Tensor
from torch.nn import functional


def mixed_cross_entropy(
    logits: Tensor, labels: Tensor, partner_labels: Tensor | None, lam: Tensor | None, smoothing: float
) -> Tensor:
    """Cross-entropy with label weights lam and 1 - lam, float32 (n,).

    logits: (n, n_classes), any float; they are read as float32, so that labels are never rounded in bf16.
    labels, partner_labels: int64 (n,). lam: float32 (n,), the weight of `labels`. smoothing: the mass that
    is spread evenly over all classes. Equal to the loss against soft targets, without making them.
    """
    logits = logits.float()
    own = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    if partner_labels is None or lam is None:
        return own
    other = functional.cross_entropy(logits, partner_labels, reduction="none", label_smoothing=smoothing)
    return lam * own + (1.0 - lam) * other


def weighted_hits(
    logits: Tensor, labels: Tensor, partner_labels: Tensor | None, lam: Tensor | None
) -> Tensor:
    """The label weight of the predicted class, float32 (n,); its mean is lambda-weighted accuracy.

    Shapes as in mixed_cross_entropy. Without partners it is 1 for a hit and 0 for a miss.
    """
    predicted = logits.argmax(dim=1)
    own = (predicted == labels).float()
    if partner_labels is None or lam is None:
        return own
    return lam * own + (1.0 - lam) * (predicted == partner_labels).float()
