"""FMix: masks from thresholded low-frequency noise (Harris et al. 2020, arXiv 2002.12047)."""

import numpy as np

from mixscope.mixing.interface import method

DECAY = 3.0  # delta: noise of frequency f is scaled by f^-delta, section 4
SOFT = 0.3  # fraction of pixels on each side of the edge over which a soft mask falls from 1 to 0


@method("fmix", "FMix", "2002.12047")
def hard(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Returns binary masks: 1 on the lam * size^2 pixels where the noise is highest.

    The pixel count is rounded up or down with equal probability, as in the authors' code.

    Args:
        lam: float64 (n,), in [0, 1].
        size: Side of the image in pixels.
        random: Source of the noise.

    Returns:
        float32 (n, size, size).
    """
    return masks(lam, noise(len(lam), size, random), random.random(len(lam)), soft=0.0)


@method("fmix-soft", "FMix, soft", "2002.12047")
def softened(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Returns masks as `hard` does, with an edge that falls linearly from 1 to 0 in the order of the noise.

    The edge takes min(0.3, lam, 1 - lam) of all pixels on either side (max_soft in the authors' code).

    Args:
        lam: float64 (n,), in [0, 1].
        size: Side of the image in pixels.
        random: Source of the noise.

    Returns:
        float32 (n, size, size).
    """
    return masks(lam, noise(len(lam), size, random), random.random(len(lam)), soft=SOFT)


def noise(n: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Draws low-frequency images Re F^-1(Z / f^delta), Z complex normal, eq. (9) of the paper.

    Frequencies below 1 / size count as 1 / size. The imaginary part has the same distribution as the real
    part and is independent of it, so one transform gives two images.

    Args:
        n: Number of images.
        size: Side of the image in pixels.
        random: Source of the noise.

    Returns:
        float64 (n, size, size).
    """
    half = -(-n // 2)
    spectrum = random.standard_normal((half, size, size)) + 1j * random.standard_normal((half, size, size))
    each = np.fft.fftfreq(size)
    frequency = np.maximum(np.hypot(each[:, None], each[None, :]), 1.0 / size)
    spectrum *= frequency**-DECAY
    made = np.fft.ifft2(spectrum)
    both: np.ndarray = np.concatenate([made.real, made.imag])
    return both[:n]


def masks(lam: np.ndarray, images: np.ndarray, chance: np.ndarray, *, soft: float) -> np.ndarray:
    """Thresholds images into masks whose mean is lam.

    Args:
        lam: float64 (n,), in [0, 1].
        images: float64 (n, H, W).
        chance: float64 (n,) in [0, 1); the pixel count is rounded up above 0.5.
        soft: Upper bound on the fraction of pixels in either half of the edge; 0 for a binary mask.

    Returns:
        float32 (n, H, W).
    """
    pixels, flat = images[0].size, images.reshape(len(lam), -1)
    counts = np.where(chance > 0.5, np.ceil(lam * pixels), np.floor(lam * pixels)).astype(np.int64)
    if soft == 0:
        lowest = np.sort(flat, axis=1)[np.arange(len(lam)), np.minimum(pixels - counts, pixels - 1)]
        lowest[counts == 0] = np.inf
        kept: np.ndarray = flat >= lowest[:, None]
        return kept.astype(np.float32).reshape(images.shape)
    made = np.empty((len(lam), pixels), np.float32)
    order = np.argsort(flat, axis=1)[:, ::-1]
    for row, (share, count) in enumerate(zip(lam, counts.tolist(), strict=True)):
        edge = min(int(pixels * min(soft, share, 1.0 - share)), count, pixels - count)
        ramp = np.zeros(pixels, np.float32)
        ramp[:count] = 1.0
        ramp[count - edge : count + edge] = np.linspace(1, 0, 2 * edge)
        made[row, order[row]] = ramp
    return made.reshape(images.shape)
