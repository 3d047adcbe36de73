"""ResizeMix: pastes the whole partner image, reduced in size (Qin et al. 2020, arXiv 2012.11101)."""

import numpy as np

from mixscope.mixing.interface import Resized, method

SCALES = (0.1, 0.8)  # tau, ratio of the sides of pasted image and image, section 3.2


@method("resizemix", "ResizeMix", "2012.11101")
def resized(lam: np.ndarray, centre: np.ndarray, size: int) -> Resized:
    """Returns boxes of side tau * size at a random position inside the image; eq. (3) and (4) of the paper.

    tau = 0.8 - 0.7 lam. For alpha = 1 lambda is uniform, hence tau is uniform in [0.1, 0.8] as in the paper;
    it decreases with lambda, as the partner's fraction does in the other methods. Other values of alpha give
    other distributions of tau, which the paper does not consider. A side is at least one pixel.

    Args:
        lam: float64 (n,), in [0, 1].
        centre: float64 (n, 2), in [0, 1): relative position of the box among those inside the image.
        size: Side of the image in pixels.
    """
    low, high = SCALES
    side = np.maximum((size * (high - (high - low) * lam)).astype(np.int32), 1)[:, None]
    first = (centre * (size - side + 1)).astype(np.int32)
    box = np.empty((len(lam), 4), np.int32)
    box[:, ::2], box[:, 1::2] = first, first + side
    return Resized(box)
