"""FMix: masks cut out of low-frequency noise (Harris et al. 2020, arXiv 2002.12047)."""

import numpy as np

from mixscope.mixing.interface import method

DECAY = 3.0  # delta: noise of frequency f weighs f^-delta, section 4
SOFT = 0.3  # the share of pixels on each side of the edge over which a soft mask falls from 1 to 0


@method("fmix", "FMix", "2002.12047")
def hard(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Binary masks, float32 (n, size, size): 1 on the lam * size^2 pixels where the noise is highest.

    The count is rounded up or down with equal chance, as in the authors' code.
    """
    return masks(lam, noise(len(lam), size, random), random.random(len(lam)), soft=0.0)


@method("fmix-soft", "FMix, soft", "2002.12047")
def softened(lam: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """As `hard`, with an edge that falls from 1 to 0 over pixels in the order of the noise.

    The edge takes min(0.3, lam, 1 - lam) of all pixels on either side (max_soft of the authors' code).
    """
    return masks(lam, noise(len(lam), size, random), random.random(len(lam)), soft=SOFT)


def noise(n: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Low-frequency images, float64 (n, size, size): Re F^-1(Z / f^delta), Z complex normal, eq. (9).

    Frequencies below 1 / size count as 1 / size. Im F^-1 has the same law and is independent of Re F^-1, so
    that one transform gives two images.
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
    """Images as masks of mean lam, float32 (n, H, W).

    lam: float64 (n,). images: float64 (n, H, W). chance: float64 (n,) in [0, 1), above 0.5 rounds up.
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
