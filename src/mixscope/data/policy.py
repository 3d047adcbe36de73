"""Augmentation policies on bytes: TrivialAugment (Wide) and RandAugment, with Pillow's operations.

TrivialAugment: Mueller & Hutter, arXiv 2103.10158. RandAugment: Cubuk et al., arXiv 1909.13719. Operations,
ranges and defaults are torchvision's (`TrivialAugmentWide`, `RandAugment`), bit for bit from the same draws.
"""

import functools
import math

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from mixscope.rng import generator

BINS = 31
# Operations with the range of their magnitude, and whether the sign is drawn.
SIGNED = (
    "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness",
)  # fmt: skip
OPERATIONS = ("Identity", *SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")
RANDAUGMENT = 2, 9  # number of operations, and bin of their magnitude


def draws(kind: str, n: int, *, seed: int, address: tuple[int, ...]) -> np.ndarray:
    """Draws the operations of n images.

    Args:
        kind: "none", "trivialaugment" or "randaugment".
        n: Number of images.
        seed: Seed of the run.
        address: Address of the draws, besides the seed.

    Returns:
        uint8 (n, operations, 3): operation, bin of its magnitude, and whether it is negative; (0, 0, 3) for
        "none".
    """
    if kind == "none":
        return np.empty((0, 0, 3), np.uint8)
    count = 1 if kind == "trivialaugment" else RANDAUGMENT[0]
    found = generator(seed, "policy", *address).integers(
        0, (len(OPERATIONS), BINS, 2), size=(n, count, 3), dtype=np.uint8
    )
    if kind == "randaugment":
        found[:, :, 1] = RANDAUGMENT[1]
    return found


@functools.cache
def magnitudes(kind: str, size: int) -> dict[str, list[float]]:
    """The magnitude of each bin, by operation; [] for one without magnitude."""
    wide = kind == "trivialaugment"
    shift = 32.0 if wide else 150.0 / 331.0 * size
    most = {
        "ShearX": 0.99 if wide else 0.3,
        "ShearY": 0.99 if wide else 0.3,
        "TranslateX": shift,
        "TranslateY": shift,
        "Rotate": 135.0 if wide else 30.0,
        **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99 if wide else 0.9),
    }
    found: dict[str, list[float]] = {
        name: torch.linspace(0.0, top, BINS).tolist() for name, top in most.items()
    }
    bits = 6 if wide else 4
    found["Posterize"] = (8 - (torch.arange(BINS) / ((BINS - 1) / bits)).round().int()).tolist()
    found["Solarize"] = torch.linspace(255.0, 0.0, BINS).tolist()
    return found


def apply(images: np.ndarray, drawn: np.ndarray, kind: str) -> np.ndarray:
    """Applies operations to images.

    Args:
        images: uint8 (n, 3, H, W), not modified.
        drawn: uint8 (n, operations, 3), see `draws`.
        kind: "none", "trivialaugment" or "randaugment".

    Returns:
        uint8 (n, 3, H, W), read-only.
    """
    made = np.empty_like(images)
    table = magnitudes(kind, images.shape[-1])
    for i, steps in enumerate(drawn):
        image = Image.fromarray(np.ascontiguousarray(images[i].transpose(1, 2, 0)))
        for operation, level, negative in steps.tolist():
            name = OPERATIONS[operation]
            magnitude = table[name][level] if name in table else 0.0
            image = _operation(image, name, -magnitude if negative and name in SIGNED else magnitude)
        made[i] = np.asarray(image).transpose(2, 0, 1)
    made.flags.writeable = False
    return made


def _operation(image: Image.Image, name: str, magnitude: float) -> Image.Image:
    match name:
        case "ShearX":
            return _sheared(image, math.degrees(math.atan(magnitude)), 0.0)
        case "ShearY":
            return _sheared(image, 0.0, math.degrees(math.atan(magnitude)))
        case "TranslateX":
            return _affine(image, (1.0, 0.0, -float(int(magnitude)), 0.0, 1.0, 0.0))
        case "TranslateY":
            return _affine(image, (1.0, 0.0, 0.0, 0.0, 1.0, -float(int(magnitude))))
        case "Rotate":
            return image.rotate(magnitude, Image.Resampling.NEAREST, fillcolor=(0, 0, 0))
        case "Brightness" | "Color" | "Contrast" | "Sharpness":
            enhancer: ImageEnhance._Enhance = getattr(ImageEnhance, name)(image)
            return enhancer.enhance(1.0 + magnitude)
        case "Posterize":
            return ImageOps.posterize(image, int(magnitude))
        case "Solarize":
            return ImageOps.solarize(image, magnitude)  # type: ignore[arg-type]  # as torchvision calls it
        case "AutoContrast":
            return ImageOps.autocontrast(image)
        case "Equalize":
            return ImageOps.equalize(image)
    return image


def _sheared(image: Image.Image, across: float, down: float) -> Image.Image:
    """Shears about the upper left corner, by degrees."""
    x, y = math.radians(across), math.radians(down)
    a = math.cos(-y) / math.cos(y)
    b = -math.cos(-y) * math.tan(x) / math.cos(y) - math.sin(0.0)
    c = math.sin(-y) / math.cos(y)
    d = -math.sin(-y) * math.tan(x) / math.cos(y) + math.cos(0.0)
    return _affine(image, (d, -b, 0.0, -c, a, 0.0))


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=(0, 0, 0)
    )
