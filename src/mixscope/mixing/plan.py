"""What a mixing method decides for one batch, before any pixel moves, and what that means for labels.

Every method comes down to the same thing: for each image a partner, and where and how much of the partner is
seen. That is a box and the weight of the own image inside it (MixUp is a box over the whole image, CutMix a
box with weight 0), a box filled with the whole partner resized, or a mask. So one fused kernel carries out
every method, and the label weight is computed in one place.
"""

from typing import NamedTuple

import numpy as np

from mixscope.mixing.interface import Answer, Boxes, Hidden, Masks

NO_MASK = np.empty((0, 1, 1), np.float32)


class Plan(NamedTuple):
    """Of a batch of n images.

    partner: int64 (n,), positions in the batch. box: int32 (n, 4), y0, y1, x0, x1 in pixels, half-open,
    clipped to the image. blend: float32 (n,), the weight of the own image inside its box; outside it is 1.
    lam: float32 (n,), the weight of the own label.
    mask: float32 (n or 1, H, W) in 0..1, the weight of the own image at each pixel, instead of box and blend;
    (0, 1, 1) where there is none. resized: whether the box holds the whole partner, resized.
    attention: whether the label weight is corrected by the model's attention (TransMix).
    place: in [0, 1), where in the network activations are mixed instead of pixels; None for pixels.
    """

    partner: np.ndarray
    box: np.ndarray
    blend: np.ndarray
    lam: np.ndarray
    mask: np.ndarray = NO_MASK
    resized: bool = False
    attention: bool = False
    place: float | None = None

    @property
    def pixels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
        """What a kernel takes: partner, box, blend, mask and resized."""
        return self.partner, self.box, self.blend, self.mask, self.resized


def own_share(box: np.ndarray, blend: np.ndarray, size: int) -> np.ndarray:
    """The share of a size x size image that is its own, float64 (n,): 1 outside the box, blend inside."""
    area = (box[:, 1] - box[:, 0]).astype(np.float64) * (box[:, 3] - box[:, 2])
    share: np.ndarray = 1.0 - area * (1.0 - blend.astype(np.float64)) / (size * size)
    return share


def label_weights(answer: Answer, size: int) -> np.ndarray:
    """The weight of the own label, float64 (n,): the share of own pixels, or what the method states."""
    if isinstance(answer, Hidden):  # no pixel is mixed; the weight of the own activations
        return answer.lam.astype(np.float64)
    if isinstance(answer.label, np.ndarray):
        return answer.label.astype(np.float64)
    if isinstance(answer, Masks):
        share: np.ndarray = answer.mask.mean(axis=(1, 2), dtype=np.float64)
        return share
    if isinstance(answer, Boxes):
        return own_share(answer.box, answer.blend, size)
    return own_share(answer.box, np.zeros(len(answer.box), np.float32), size)
