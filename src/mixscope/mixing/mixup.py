"""MixUp: a weighted mean of two images (Zhang et al., ICLR 2018, arXiv 1710.09412)."""

import numpy as np

from mixscope.mixing.interface import method


@method("mixup", "MixUp", "1710.09412")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole image as box, int32 (n, 4), and lambda as the own weight inside it, float32 (n,).

    lam: float64 (n,), in [0, 1]. centre is not used. size: of the image, in pixels.
    """
    box = np.empty((len(lam), 4), dtype=np.int32)
    box[:] = (0, size, 0, size)
    return box, lam.astype(np.float32)
