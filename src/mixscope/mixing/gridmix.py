"""GridMix: cells of a grid from both images (Baek, Bang & Shim 2021, doi 10.1016/j.patcog.2020.107594)."""

import numpy as np

from mixscope.mixing.interface import method

CELLS = 4  # along a side


@method("gridmix", "GridMix", "10.1016/j.patcog.2020.107594")
def mask(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Binary masks, float32 (n, size, size), constant on 4 x 4 cells: a random round(16 lam) of them are own.

    lam: float64 (n,). Cells have whole pixels: where 4 does not divide size they differ by one, and the label
    weight follows the pixels. The paper adds a second loss on the labels of cells, which is left out here: it
    belongs to the network, not to the images.
    """
    order = np.argsort(random.random((len(lam), CELLS * CELLS)), axis=1)
    own = order < np.rint(lam * CELLS * CELLS)[:, None]  # ranks: each cell is equally likely to be among them
    cell = np.arange(size) * CELLS // size
    made: np.ndarray = own.reshape(-1, CELLS, CELLS)[:, cell[:, None], cell[None, :]].astype(np.float32)
    return made
