"""Manifold Mixup: mixes hidden activations (Verma et al., ICML 2019, arXiv 1806.05236)."""

import numpy as np

from mixscope.mixing.interface import Hidden, method


@method("manifold", "Manifold Mixup", "1806.05236")
def activations(lam: np.ndarray) -> Hidden:
    """Uses MixUp's partners and lambdas, applied at a network block drawn for each batch.

    The eligible blocks, the input among them, are chosen in training/hidden.py.

    Args:
        lam: float64 (n,), in [0, 1].
    """
    return Hidden(lam)
