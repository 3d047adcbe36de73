"""Resizes a data set with Pillow; boxes are scaled accordingly."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from mixscope.data.content import Content

BLOCK_BYTES = 1 << 26  # bytes of resized images per block


def resized(content: Content, size: int) -> Content:
    """Resizes all images of a data set; one that already has this size is returned as it is.

    Interpolation is Pillow's bicubic filter, which antialiases when images shrink.

    Args:
        content: Square images of one size, with or without boxes.
        size: Side of the resized images in pixels.
    """
    if size == content.size:
        return content
    splits = {
        name: dataclasses.replace(
            split,
            images=_images(split.images, size),
            boxes=None if split.boxes is None else _boxes(split.boxes, content.size, size),
        )
        for name, split in content.splits.items()
    }
    note = f"images resized from {content.size} to {size} px"
    return dataclasses.replace(content, size=size, splits=splits, notes=(*content.notes, note))


def _images(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Blocks of uint8 (n, 3, size, size), with fewer images per block where they are large."""
    from PIL import Image

    step = max(1, BLOCK_BYTES // (3 * size**2))
    for block in blocks:
        for start in range(0, len(block), step):
            part = block[start : start + step]
            made = np.empty((len(part), 3, size, size), np.uint8)
            for i, planes in enumerate(part):
                image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
                made[i] = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
            yield made


def _boxes(boxes: np.ndarray, before: int, after: int) -> np.ndarray:
    """Boxes, int16 (n, 4), of all resized pixels that the original boxes touch; both corners inclusive.

    Empty boxes (-1 for an image without one, or an end before its start) are kept as they are.
    """
    whole = boxes.astype(np.int64)
    nothing = (whole.min(axis=1) < 0) | ((whole[:, 2:] - whole[:, :2]).min(axis=1) < 0)
    low = whole[:, :2] * after // before
    high = -(-(whole[:, 2:] + 1) * after // before) - 1
    scaled = np.concatenate([low, high], axis=1).clip(max=np.iinfo(np.int16).max)
    return np.where(nothing[:, None], whole, scaled).astype(np.int16)
