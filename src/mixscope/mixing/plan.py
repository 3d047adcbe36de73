"""The mixing plan of one batch, fixed before any pixel is touched, and the label weights that follow from it.

Every method reduces to the same form: a partner for each image, and where and how strongly the partner is
blended in. That is a box with the weight of the own image inside it (MixUp: a box over the whole image;
CutMix: a box with weight 0), a box that holds the whole partner resized, or a mask. One fused kernel
therefore applies all methods, and label weights are computed in one function.
"""

from typing import NamedTuple

import numpy as np

from mixscope.mixing.interface import Answer, Boxes, Hidden, Masks

NO_MASK = np.empty((0, 1, 1), np.float32)


class Plan(NamedTuple):
    """The mixing plan of a batch of n images.

    Attributes:
        partner: int64 (n,), positions in the batch.
        box: int32 (n, 4), y0, y1, x0, x1 in pixels, half-open, clipped to the image.
        blend: float32 (n,), weight of the own image inside its box; it is 1 outside.
        lam: float32 (n,), weight of the own label.
        mask: float32 (n or 1, H, W) in 0..1, weight of the own image at each pixel, used in place of box and
            blend; (0, 1, 1) if there is none.
        resized: Whether the box holds the whole partner, resized.
        attention: Whether the label weight is corrected by the model's attention (TransMix).
        place: In [0, 1), the relative depth at which activations are mixed instead of pixels; None for
            pixels.
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
        """The arguments of the kernels: partner, box, blend, mask and resized."""
        return self.partner, self.box, self.blend, self.mask, self.resized


def own_share(box: np.ndarray, blend: np.ndarray, size: int) -> np.ndarray:
    """Returns the fraction of each image that is its own: 1 outside the box, blend inside.

    Args:
        box: int (n, 4), y0, y1, x0, x1 in pixels.
        blend: float (n,), in [0, 1].
        size: Side of the image in pixels.

    Returns:
        float64 (n,).
    """
    area = (box[:, 1] - box[:, 0]).astype(np.float64) * (box[:, 3] - box[:, 2])
    share: np.ndarray = 1.0 - area * (1.0 - blend.astype(np.float64)) / (size * size)
    return share


def label_weights(answer: Answer, size: int) -> np.ndarray:
    """Returns the weight of the own label: the fraction of own pixels, or the method's own value.

    Args:
        answer: A method's result.
        size: Side of the image in pixels.

    Returns:
        float64 (n,).
    """
    if isinstance(answer, Hidden):  # no pixel is mixed: the weight of the own activations
        return answer.lam.astype(np.float64)
    if isinstance(answer.label, np.ndarray):
        return answer.label.astype(np.float64)
    if isinstance(answer, Masks):
        share: np.ndarray = answer.mask.mean(axis=(1, 2), dtype=np.float64)
        return share
    if isinstance(answer, Boxes):
        return own_share(answer.box, answer.blend, size)
    return own_share(answer.box, np.zeros(len(answer.box), np.float32), size)
