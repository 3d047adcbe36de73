"""SaliencyMix: the pasted box is where the partner is most salient (Uddin et al., ICLR 2021, arXiv
2006.01791).

Saliency is computed once per image (data/saliency.py).
"""

import numpy as np

from mixscope.mixing import cutmix
from mixscope.mixing.interface import method


@method("saliencymix", "SaliencyMix", "2006.01791")
def boxes(lam: np.ndarray, peak: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of CutMix around the partner's most salient pixel, section 3.2, pasted at the same place.

    lam: float64 (n,). peak: float64 (n, 2), of the partner, row then column. One peak an image, where the
    authors' code takes that of one image for the whole batch.
    """
    return cutmix.boxes(lam, peak, size)
