"""SmoothMix: blends the partner in through a Gaussian window (Lee et al., CVPR Workshops 2020).

Lee, Zaheer, Astrid & Lee, doi 10.1109/CVPRW50498.2020.00386.
"""

import numpy as np

from mixscope.mixing.interface import method

WIDTHS = (0.25, 0.5)  # sigma as a fraction of the image side, section 3


@method("smoothmix", "SmoothMix", "10.1109/CVPRW50498.2020.00386")
def mask(lam: np.ndarray, centre: np.ndarray, size: int) -> np.ndarray:
    """Returns masks 1 - G, G = exp(-d^2 / 2 sigma^2), d the distance to the centre of the window.

    sigma = (0.5 - 0.25 lam) size is uniform in [0.25, 0.5] size for alpha = 1, and the partner's fraction
    decreases with lambda, as in the other methods. The label weight is the mean of the mask, as in the paper.

    Args:
        lam: float64 (n,), in [0, 1].
        centre: float64 (n, 2), uniform in [0, 1): row, column of the centre.
        size: Side of the image in pixels.

    Returns:
        float32 (n, size, size).
    """
    low, high = WIDTHS
    sigma = size * (high - (high - low) * lam)
    away = (np.arange(size) + 0.5)[None, None, :] - size * centre[:, :, None]
    along = np.exp(-(away**2) / (2 * sigma[:, None, None] ** 2))  # the window is separable
    made: np.ndarray = (1.0 - along[:, 0, :, None] * along[:, 1, None, :]).astype(np.float32)
    return made
