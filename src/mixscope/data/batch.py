"""Types passed from the loader to training: a batch, and the steps left to a device."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input format of a network, the same in training and evaluation.

    Attributes:
        size: Side of the images in pixels.
        mean: Mean of each channel, of bytes / 255.
        std: Standard deviation of each channel, of bytes / 255.
        channels: Order of the channels.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"


class Pending(NamedTuple):
    """The augmentation left to do on a batch of raw bytes, applied by device.finish.

    Attributes:
        pad: Zero pixels on each side before the crop.
        crop: int32 (n, 2), row and column of the window.
        flip: bool (n,), horizontal flip.
        partner_images: uint8 (n, 3, H, W), raw bytes of the partners; None, like all fields up to `mask`, for
            a batch that is not mixed.
        partner_crop: Crops of the partners.
        partner_flip: Flips of the partners.
        box: int32 (n, 4), y0, y1, x0, x1 in pixels.
        blend: float32 (n,), weight of the own image inside the box.
        mask: float32 (n or 1, H, W), weight of the own image at each pixel, in place of box and blend.
        resized: Whether the box holds the whole partner, resized.
        erase: int32 (n, 4), erased boxes; None where nothing is erased.
        partner_erase: Erased boxes of the partners.
        blank: uint8 (3,), colour of erased boxes.
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
    """The part of a mixing plan that the network applies (training/hidden.py).

    Attributes:
        place: In [0, 1), relative depth of the block at which activations are mixed.
        partner: int64 (n,), positions in the batch, if activations are mixed.
        box: int32 (n, 4), pixels taken from the partner, for label weights by attention.
    """

    place: float | None = None
    partner: torch.Tensor | None = None
    box: torch.Tensor | None = None


class Batch(NamedTuple):
    """This rank's part of one global batch of n images.

    Its memory is reused once the next batch is requested.

    Attributes:
        images: float32 (n, 3, H, W), normalised; raw uint8 together with `pending` where the device augments.
        labels: int64 (n,).
        ids: int64 (n,), rows of the stored split; read-only and not overwritten.
        partner_labels: int64 (n,); None for a batch that is not mixed.
        lam: float32 (n,), weight of the own label; None for a batch that is not mixed.
        pending: Steps left to the device.
        inner: Mixing left to the network.
    """

    images: torch.Tensor
    labels: torch.Tensor
    ids: np.ndarray
    partner_labels: torch.Tensor | None = None
    lam: torch.Tensor | None = None
    pending: Pending | None = None
    inner: Inner | None = None

    def targets(self, n_classes: int) -> torch.Tensor:
        """Returns label weights, float32 (n, n_classes), as torch's cross_entropy takes them."""
        found = torch.nn.functional.one_hot(self.labels, n_classes).float()
        if self.partner_labels is None or self.lam is None:
            return found
        lam = self.lam[:, None]
        return lam * found + (1 - lam) * torch.nn.functional.one_hot(self.partner_labels, n_classes).float()
