"""What the loader hands over: a batch, and what may be left to do to it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network is fed; training and evaluation must agree. mean and std are of bytes / 255."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"


class Pending(NamedTuple):
    """What is left to do to a batch of raw bytes: the draws that device.finish carries out.

    pad: zero pixels on each side before the crop. crop int32 (n, 2), row and column of the window; flip bool
    (n,); erase: int32 (n, 4), boxes that become `blank`, uint8 (3,), None where nothing is erased. When the
    batch is mixed: the partners' bytes uint8 (n, 3, H, W), crops, flips and erased boxes; box int32 (n, 4)
    and blend float32 (n,), or mask float32 (n or 1, H, W); resized: whether the box holds the whole partner.
    """

    pad: int
    crop: torch.Tensor
    flip: torch.Tensor
    partner_images: torch.Tensor | None = None
    partner_crop: torch.Tensor | None = None
    partner_flip: torch.Tensor | None = None
    box: torch.Tensor | None = None
    blend: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    resized: bool = False
    erase: torch.Tensor | None = None
    partner_erase: torch.Tensor | None = None
    blank: torch.Tensor | None = None


class Inner(NamedTuple):
    """What a method leaves to the network (training/hidden.py).

    place: in [0, 1), the block where activations are mixed, with partner int64 (n,), positions in the batch;
    or box: int32 (n, 4), of pixels that are the partner's, for label weights by attention.
    """

    place: float | None = None
    partner: torch.Tensor | None = None
    box: torch.Tensor | None = None


class Batch(NamedTuple):
    """This rank's part of one global batch, n images. Its memory is reused once the next one is asked for.

    images: float32 (n, 3, H, W), normalised; or, where a device augments, raw bytes uint8 with `pending`.
    labels: int64 (n,). ids: int64 (n,), rows of the stored split, read-only, not overwritten.
    partner_labels: int64 (n,) and lam: float32 (n,), the weight of the own label; None when it is not mixed.
    inner: what is left to the network.
    """

    images: torch.Tensor
    labels: torch.Tensor
    ids: np.ndarray
    partner_labels: torch.Tensor | None = None
    lam: torch.Tensor | None = None
    pending: Pending | None = None
    inner: Inner | None = None

    def targets(self, n_classes: int) -> torch.Tensor:
        """Label weights, float32 (n, n_classes), as torch's cross_entropy takes them."""
        found = torch.nn.functional.one_hot(self.labels, n_classes).float()
        if self.partner_labels is None or self.lam is None:
            return found
        lam = self.lam[:, None]
        return lam * found + (1 - lam) * torch.nn.functional.one_hot(self.partner_labels, n_classes).float()
