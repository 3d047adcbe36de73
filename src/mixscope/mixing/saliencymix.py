"""SaliencyMix: the box is taken around the partner's saliency maximum (Uddin et al., ICLR 2021, 2006.01791).

Saliency is computed once per image (data/saliency.py).
"""

import numpy as np

from mixscope.mixing import cutmix
from mixscope.mixing.interface import method


@method("saliencymix", "SaliencyMix", "2006.01791")
def boxes(lam: np.ndarray, peak: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes of CutMix around the saliency maximum of the partner, section 3.2, pasted in place.

    Each image uses the peak of its own partner, where the authors' code uses that of one image for the whole
    batch.

    Args:
        lam: float64 (n,), in [0, 1].
        peak: float64 (n, 2), in [0, 1): row, column, of the partner.
        size: Side of the image in pixels.

    Returns:
        As cutmix.boxes.
    """
    return cutmix.boxes(lam, peak, size)
