"""CutMix with boxes aligned to the patch grid of a vision transformer (CutMix: arXiv 1905.04899).

A CutMix box can cut through a patch, whose token then holds both images. Here no box does. This is the
control for the hypothesis that such mixed tokens explain how CutMix affects vision transformers.
"""

import numpy as np

from mixscope.mixing.interface import Boxes, method


@method("cutmix-aligned", "CutMix, aligned", "1905.04899")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int, patch: int) -> Boxes:
    """Returns boxes of whole patches, of side round(g sqrt(1 - lam)) before clipping, g = size / patch.

    Boxes are clipped to the image as in CutMix, and the label weight follows the clipped box.

    Args:
        lam: float64 (n,), in [0, 1].
        centre: float64 (n, 2), uniform in [0, 1): selects the patch at the centre of the box (for an even
            side, the patch below and right of the centre).
        size: Side of the image in pixels.
        patch: Side of a patch in pixels; divides `size`.
    """
    grid = size // patch
    side = np.rint(grid * np.sqrt(1.0 - lam)).astype(np.int32)
    first = (centre * grid).astype(np.int32) - side[:, None] // 2
    box = np.empty((len(lam), 4), np.int32)
    box[:, ::2] = np.maximum(first, 0) * patch
    box[:, 1::2] = np.minimum(first + side[:, None], grid) * patch
    return Boxes(box, np.zeros(len(lam), np.float32))
