"""CutMix with boxes on the patch grid of a vision transformer (CutMix: arXiv 1905.04899).

Where a box of CutMix cuts through a token, the token holds both images. Here none does: the control for the
conjecture that this is what CutMix does to a vision transformer.
"""

import numpy as np

from mixscope.mixing.interface import Boxes, method


@method("cutmix-aligned", "CutMix, aligned", "1905.04899")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int, patch: int) -> Boxes:
    """Boxes of whole patches, in patches of side round(g sqrt(1 - lam)) before clipping, g = size / patch.

    lam: float64 (n,). centre: float64 (n, 2): the patch that the box is centred on (of an even side: the one
    below and right of the middle). Clipped to the image as CutMix does; the label weight follows the box.
    """
    grid = size // patch
    side = np.rint(grid * np.sqrt(1.0 - lam)).astype(np.int32)
    first = (centre * grid).astype(np.int32) - side[:, None] // 2
    box = np.empty((len(lam), 4), np.int32)
    box[:, ::2] = np.maximum(first, 0) * patch
    box[:, 1::2] = np.minimum(first + side[:, None], grid) * patch
    return Boxes(box, np.zeros(len(lam), np.float32))
