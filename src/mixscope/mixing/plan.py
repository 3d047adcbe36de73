"""What a mixing method decides for one batch, before any pixel moves.

Every method comes down to the same thing: for each image a partner, a box, and the weight of the own
image inside the box. MixUp is a box over the whole image; CutMix is a box with weight 0. So one fused
kernel carries out every method, and the label weight is computed in one place.

What does not belong here: how a method draws (its own file), and pixels (data/kernels.py, data/device.py).
"""

from typing import NamedTuple

import numpy as np


class Plan(NamedTuple):
    """Of a batch of n images.

    partner: int64 (n,), positions in the batch. box: int32 (n, 4), y0, y1, x0, x1 in pixels, half-open,
    clipped to the image. blend: float32 (n,), the weight of the own image inside its box; outside it is 1.
    lam: float32 (n,), the weight of the own label: the share of the image that is its own.
    """

    partner: np.ndarray
    box: np.ndarray
    blend: np.ndarray
    lam: np.ndarray


def own_share(box: np.ndarray, blend: np.ndarray, size: int) -> np.ndarray:
    """The share of a size x size image that is its own, float64 (n,): 1 outside the box, blend inside."""
    area = (box[:, 1] - box[:, 0]).astype(np.float64) * (box[:, 3] - box[:, 2])
    share: np.ndarray = 1.0 - area * (1.0 - blend.astype(np.float64)) / (size * size)
    return share
