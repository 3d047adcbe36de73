"""CutMix: paste a box of another image (Yun et al., ICCV 2019, arXiv 1905.04899)."""

import numpy as np

from mixscope.mixing.interface import method


@method("cutmix", "CutMix", "1905.04899")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes of area (1 - lam) of the image before clipping, eq. (2) of the paper.

    Sides are rounded down to even pixels as in the authors' code, so that a box extends equally far on both
    sides of its centre. Near the border a clipped box covers less than 1 - lam; the label weight therefore
    comes from the clipped box, never from lam.

    Args:
        lam: float64 (n,), in [0, 1].
        centre: float64 (n, 2), uniform in [0, 1): row, column.
        size: Side of the image in pixels.

    Returns:
        Boxes, int32 (n, 4) y0, y1, x0, x1, clipped to the image, and weights of the own image inside them,
        float32 (n,), all 0.
    """
    half = (size * np.sqrt(1.0 - lam)).astype(np.int32) // 2
    middle = (centre * size).astype(np.int32)
    box = np.empty((len(lam), 4), dtype=np.int32)
    for axis in (0, 1):
        box[:, 2 * axis] = np.maximum(middle[:, axis] - half, 0)
        box[:, 2 * axis + 1] = np.minimum(middle[:, axis] + half, size)
    return box, np.zeros(len(lam), dtype=np.float32)
