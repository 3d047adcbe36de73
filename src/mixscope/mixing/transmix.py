"""TransMix: CutMix with labels weighted by attention (Chen et al., CVPR 2022, arXiv 2111.09833)."""

import numpy as np

from mixscope.mixing import cutmix
from mixscope.mixing.interface import Boxes, method


@method("transmix", "TransMix", "2111.09833")
def boxes(lam: np.ndarray, centre: np.ndarray, size: int) -> Boxes:
    """Returns boxes of CutMix whose label weights are corrected by the class token's attention.

    The label weight is the mean of the fraction of own pixels and of the attention to own patches: a patch
    that the model does not attend to should not contribute to the label. The attention is the model's
    (training/hidden.py).

    Args:
        lam: As in CutMix.
        centre: As in CutMix.
        size: Side of the image in pixels.
    """
    return Boxes(*cutmix.boxes(lam, centre, size), label="attention")
