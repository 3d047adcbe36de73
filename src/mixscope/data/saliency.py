"""The saliency maximum of each image, computed once per data set and stored beside its images.

Saliency is the sum over three scales of the difference between a pixel and the mean of the window around it,
after Montabone & Soto (Image and Vision Computing 2010), whose on- and off-centre differences the authors of
SaliencyMix use through OpenCV. Windows are a quarter, half and all of the side, since images are small. Cost:
0.13 ms per image of 32 px, once (6.4 s of CPU time for CIFAR-100); 4 bytes per image on disk.
"""

import logging
from pathlib import Path

import numpy as np

from mixscope.atomic import replacing
from mixscope.data.order import Draws

VERSION = 1  # of the computation; part of the file name
AT_ONCE = 512  # images per block

_log = logging.getLogger(__name__)


def peaks(images: np.ndarray, folder: Path | None, name: str) -> np.ndarray:
    """Returns row and column of each image's saliency maximum, from the file in `folder` if it exists.

    Args:
        images: uint8 (N, 3, H, W).
        folder: Folder of the store, or None.
        name: Identifies the images, by split and content.

    Returns:
        uint16 (N, 2).
    """
    file = None if folder is None else folder / f"{name}-saliency-{VERSION}.npy"
    if file is not None and file.is_file():
        found: np.ndarray = np.load(file)
        if found.shape == (len(images), 2):
            return found
    size = images.shape[-1]
    made = np.empty((len(images), 2), np.uint16)
    for first in range(0, len(images), AT_ONCE):
        best = maps(images[first : first + AT_ONCE]).reshape(-1, size * size).argmax(axis=1)
        made[first : first + AT_ONCE] = np.stack(np.divmod(best, size), axis=1)
    if file is not None:
        try:
            with replacing(file) as beside:
                np.save(beside, made)
        except OSError as problem:  # read-only data folder: recomputed by the next run
            _log.warning("%s cannot be written (%s); saliency is computed for each run", file, problem)
    return made


def maps(images: np.ndarray) -> np.ndarray:
    """Returns the saliency of each pixel, float32 (n, H, W), of images uint8 (n, 3, H, W)."""
    grey = np.einsum("nchw,c->nhw", images, np.array([0.299, 0.587, 0.114]), dtype=np.float64)
    size = grey.shape[-1]
    sums = np.zeros((len(grey), size + 1, size + 1))
    sums[:, 1:, 1:] = grey.cumsum(axis=1).cumsum(axis=2)
    found = np.zeros_like(grey)
    along = np.arange(size)
    for reach in (max(size // 8, 1), max(size // 4, 1), max(size // 2, 1)):
        low, high = np.maximum(along - reach, 0), np.minimum(along + reach + 1, size)
        rows = sums[:, high] - sums[:, low]
        window = rows[:, :, high] - rows[:, :, low]
        count = (high - low)[:, None] * (high - low)[None, :]
        found += np.abs(grey - window / count)
    saliency: np.ndarray = found.astype(np.float32)
    return saliency


def moved(peak: np.ndarray, draws: Draws, size: int, pad: int) -> np.ndarray:
    """Maps saliency peaks to the augmented images of an epoch.

    A peak outside the crop counts as the nearest pixel of the border. Geometric operations of a policy are
    ignored.

    Args:
        peak: uint16 (N, 2), of stored images.
        draws: Draws of the epoch.
        size: Side of the images in pixels.
        pad: Zero pixels on each side before the crop.

    Returns:
        int32 (n, 2), row and column, in sampling order.
    """
    crop = draws.crop[draws.places].astype(np.int32)
    at: np.ndarray = peak[draws.order].astype(np.int32)
    if crop.shape[1] == 4:  # row, column, height, width of a resized crop
        at = ((2 * (at - crop[:, :2]) + 1) * size) // (2 * crop[:, 2:])
    else:
        at += pad
        at -= crop
    np.clip(at, 0, size - 1, out=at)
    at[:, 1] = np.where(draws.flip[draws.places], size - 1 - at[:, 1], at[:, 1])
    return at
