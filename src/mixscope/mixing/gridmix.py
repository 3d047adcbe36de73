"""GridMix: cells of a grid from both images (Baek, Bang & Shim 2021, doi 10.1016/j.patcog.2020.107594)."""

import numpy as np

from mixscope.mixing.interface import method

CELLS = 4  # cells per side


@method("gridmix", "GridMix", "10.1016/j.patcog.2020.107594")
def mask(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Returns binary masks, constant on 4 x 4 cells, of which a random round(16 lam) keep the own image.

    Cells are whole pixels: where 4 does not divide `size`, their sides differ by one pixel and the label
    weight follows the pixels. The paper's additional loss on the labels of cells is left out, because it
    changes the network and not the images.

    Args:
        lam: float64 (n,), in [0, 1].
        size: Side of the image in pixels.
        random: Source of the choice of cells.

    Returns:
        float32 (n, size, size).
    """
    order = np.argsort(random.random((len(lam), CELLS * CELLS)), axis=1)
    own = order < np.rint(lam * CELLS * CELLS)[:, None]  # ranks: each cell is equally likely to be among them
    cell = np.arange(size) * CELLS // size
    made: np.ndarray = own.reshape(-1, CELLS, CELLS)[:, cell[:, None], cell[None, :]].astype(np.float32)
    return made
