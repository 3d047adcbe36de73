"""MixUp: a weighted mean of two images (Zhang et al., ICLR 2018, arXiv 1710.09412)."""

import numpy as np

from mixscope.mixing.interface import method


@method("mixup", "MixUp", "1710.09412")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the whole image as the box and lambda as the weight of the own image inside it.

    Args:
        lam: float64 (n,), in [0, 1].
        centre: Not used.
        size: Side of the image in pixels.

    Returns:
        Boxes, int32 (n, 4), and weights, float32 (n,).
    """
    box = np.empty((len(lam), 4), dtype=np.int32)
    box[:] = (0, size, 0, size)
    return box, lam.astype(np.float32)
