"""SmoothMix: the partner seen through a round window with a smooth edge (Lee, Zaheer, Astrid & Lee, CVPR
Workshops 2020, doi 10.1109/CVPRW50498.2020.00386)."""

import numpy as np

from mixscope.mixing.interface import method

WIDTHS = (0.25, 0.5)  # sigma over the side of the image, section 3


@method("smoothmix", "SmoothMix", "10.1109/CVPRW50498.2020.00386")
def mask(lam: np.ndarray, centre: np.ndarray, size: int) -> np.ndarray:
    """1 - G, float32 (n, size, size), with G = exp(-d^2 / 2 sigma^2) and d the distance to the centre.

    lam: float64 (n,); sigma = (0.5 - 0.25 lam) size is uniform in [0.25, 0.5] size for alpha = 1, and the
    partner's share falls with lambda, as in the other methods. centre: float64 (n, 2), anywhere in the image.
    The label weight is the mean of the mask, as in the paper.
    """
    low, high = WIDTHS
    sigma = size * (high - (high - low) * lam)
    away = (np.arange(size) + 0.5)[None, None, :] - size * centre[:, :, None]
    along = np.exp(-(away**2) / (2 * sigma[:, None, None] ** 2))  # the window is a product of its two axes
    made: np.ndarray = (1.0 - along[:, 0, :, None] * along[:, 1, None, :]).astype(np.float32)
    return made
