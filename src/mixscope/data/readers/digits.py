"""scikit-learn's handwritten digits."""

from pathlib import Path

import numpy as np

from mixscope.data.content import Content, Wanted
from mixscope.data.readers.arrays import whole


def read_digits(folder: Path, wanted: Wanted) -> Content:
    """Reads scikit-learn's 1,797 digits, 8x8, enlarged to 32x32; every fifth image of a class is test."""
    from PIL import Image
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = np.rint(found.images * (255 / 16)).astype(np.uint8)
    large = np.stack(
        [np.asarray(Image.fromarray(g).resize((32, 32), Image.Resampling.BICUBIC)) for g in grey]
    )
    images = np.repeat(large[:, None], 3, axis=1)
    labels = found.target.astype(np.int64)
    test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        test[np.flatnonzero(labels == label)[::5]] = True
    return Content(
        size=32,
        class_names=tuple(str(d) for d in range(10)),
        splits={
            "train": whole(images[~test], labels[~test]),
            "test": whole(images[test], labels[test]),
        },
    )
