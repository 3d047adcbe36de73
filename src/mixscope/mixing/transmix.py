"""TransMix: CutMix with labels weighted by attention (Chen et al., CVPR 2022, arXiv 2111.09833)."""

import numpy as np

from mixscope.mixing import cutmix
from mixscope.mixing.interface import Boxes, method


@method("transmix", "TransMix", "2111.09833")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int) -> Boxes:
    """Pixels of CutMix. The label weight is not the share of own pixels but the mean of that and the class
    token's attention to own patches, because a patch that is not looked at should not be asked for.

    lam, centre: as in CutMix. The attention is the model's (training/hidden.py).
    """
    return Boxes(*cutmix.boxes(lam, centre, size), label="attention")
