"""ResizeMix: paste the whole partner, made smaller (Qin et al. 2020, arXiv 2012.11101)."""

import numpy as np

from mixscope.mixing.interface import Resized, method

SCALES = (0.1, 0.8)  # tau, the side of the pasted image over that of the image, section 3.2


@method("resizemix", "ResizeMix", "2012.11101")
def resized(lam: np.ndarray, centre: np.ndarray, size: int) -> Resized:
    """Boxes of side tau * size, tau uniform in [0.1, 0.8], anywhere inside the image; eq. (3) and (4).

    lam: float64 (n,). For alpha = 1 lambda is uniform, so tau = 0.8 - 0.7 lam is too, and falls as the other
    methods' share of the partner falls with lambda; another alpha is another law of tau, which the paper has
    not. centre: float64 (n, 2): where in the free play the box lies. A side has one pixel at least.
    """
    low, high = SCALES
    side = np.maximum((size * (high - (high - low) * lam)).astype(np.int32), 1)[:, None]
    first = (centre * (size - side + 1)).astype(np.int32)
    box = np.empty((len(lam), 4), np.int32)
    box[:, ::2], box[:, 1::2] = first, first + side
    return Resized(box)
