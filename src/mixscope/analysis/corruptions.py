"""Image corruptions.

Noise, blur, contrast, JPEG, shuffled or dropped patches, low-pass and high-pass filters.

Pure functions on bytes: uint8 (n, 3, H, W) in and out. Random draws are addressed by the image's id, so every
run sees the same noise and patches on the same image, however many images are used.

Severities 1 to 5 of the first four are those of CIFAR-10-C (Hendrycks & Dietterich, ICLR 2019, arXiv
1903.12261; its make_cifar_c.py), for images of any size. Patches are shuffled on a grid as by Naseer et al.
(NeurIPS 2021, arXiv 2105.10497); in `drop`, half of them are replaced by the data's mean colour. Filters cut
frequencies at a fraction of the Nyquist frequency, by a disc; the mean colour is kept.
"""

from collections.abc import Callable, Mapping

import numpy as np
import simplejpeg
from scipy import ndimage

from mixscope import rng

SEED = 20_241_125
NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)  # standard deviation, for values in 0 to 1
BLUR = (0.4, 0.6, 0.7, 0.8, 1.0)  # standard deviation in pixels
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)  # fraction of contrast kept
JPEG = (80, 65, 58, 50, 40)  # quality
KINDS = ("noise", "shuffle", "drop")  # addresses of their draws: append, never reorder


def noise(images: np.ndarray, ids: np.ndarray, severity: int) -> np.ndarray:
    """Gaussian noise, independent for each byte."""
    scale = 255.0 * NOISE[severity - 1]
    drawn = np.stack([_draws("noise", severity, i).standard_normal(images.shape[1:]) for i in ids])
    return _bytes(images + scale * drawn)


def blur(images: np.ndarray, severity: int) -> np.ndarray:
    """Gaussian blur, mirrored at the border."""
    sigma = BLUR[severity - 1]
    return _bytes(ndimage.gaussian_filter(images.astype(np.float64), (0, 0, sigma, sigma), mode="reflect"))


def contrast(images: np.ndarray, severity: int) -> np.ndarray:
    """Reduces contrast towards the mean of each channel and image."""
    middle = images.mean(axis=(2, 3), keepdims=True)
    return _bytes((images - middle) * CONTRAST[severity - 1] + middle)


def jpeg(images: np.ndarray, severity: int) -> np.ndarray:
    """JPEG compression."""
    written = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(one), quality=JPEG[severity - 1], colorspace="RGB")
        for one in images.transpose(0, 2, 3, 1)
    ]
    read = np.stack([simplejpeg.decode_jpeg(one, colorspace="RGB") for one in written])
    return np.ascontiguousarray(read.transpose(0, 3, 1, 2))


def shuffle(images: np.ndarray, ids: np.ndarray, grid: int) -> np.ndarray:
    """Permutes the patches of a grid x grid board, with a permutation per image."""
    patches = _cut(images, grid)
    order = np.stack([_draws("shuffle", grid, i).permutation(grid * grid) for i in ids])
    return _joined(np.take_along_axis(patches, order[:, :, None, None, None], axis=1), grid)


def drop(images: np.ndarray, ids: np.ndarray, grid: int, colour: np.ndarray) -> np.ndarray:
    """Replaces half of the patches of a grid x grid board by one colour, float (3,) in 0 to 1."""
    patches = _cut(images, grid).copy()
    for patch, i in zip(patches, ids, strict=True):
        gone = _draws("drop", grid, i).permutation(grid * grid)[: grid * grid // 2]
        patch[gone] = _bytes(255.0 * colour)[:, None, None]
    return _joined(patches, grid)


def low_pass(images: np.ndarray, share: float) -> np.ndarray:
    """Keeps frequencies up to this fraction of the Nyquist frequency."""
    return _filtered(images, lambda radius: radius <= share)


def high_pass(images: np.ndarray, share: float) -> np.ndarray:
    """Keeps frequencies above this fraction of the Nyquist frequency, and the mean."""
    return _filtered(images, lambda radius: (radius > share) | (radius == 0))


def _filtered(images: np.ndarray, kept: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    height, width = images.shape[2:]
    radius = 2.0 * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    waves = np.fft.fft2(images.astype(np.float64), axes=(2, 3)) * kept(radius)
    return _bytes(np.fft.ifft2(waves, axes=(2, 3)).real)


def _draws(kind: str, level: int, i: int) -> np.random.Generator:
    return rng.generator(SEED, "corrupt", KINDS.index(kind), level, int(i))


def _bytes(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return found


def _cut(images: np.ndarray, grid: int) -> np.ndarray:
    """Patches, uint8 (n, grid * grid, 3, H / grid, W / grid), row by row."""
    n, channels, height, width = images.shape
    board = images.reshape(n, channels, grid, height // grid, grid, width // grid)
    return board.transpose(0, 2, 4, 1, 3, 5).reshape(n, grid * grid, channels, height // grid, width // grid)


def _joined(patches: np.ndarray, grid: int) -> np.ndarray:
    n, _, channels, height, width = patches.shape
    board = patches.reshape(n, grid, grid, channels, height, width).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(board.reshape(n, channels, grid * height, grid * width))


SEVERITIES: Mapping[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "noise": noise,
    "blur": lambda images, ids, severity: blur(images, severity),
    "contrast": lambda images, ids, severity: contrast(images, severity),
    "jpeg": lambda images, ids, severity: jpeg(images, severity),
}
