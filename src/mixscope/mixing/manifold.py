"""Manifold Mixup: hidden activations are mixed (Verma et al., ICML 2019, arXiv 1806.05236)."""

import numpy as np

from mixscope.mixing.interface import Hidden, method


@method("manifold", "Manifold Mixup", "1806.05236")
def activations(lam: np.ndarray) -> Hidden:
    """MixUp's partners and lambdas, carried out at a block of the network drawn for each batch.

    lam: float64 (n,). The blocks, the input among them, are the model's (training/hidden.py).
    """
    return Hidden(lam)
