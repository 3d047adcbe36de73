"""Preview of mixing methods: the same images under each method, from the real loader."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mixscope import fonts, mixing
from mixscope.data.disk import save_picture
from mixscope.data.loader import Augmentation, Loader, Sampling
from mixscope.data.store import Store
from mixscope.study import methods
from mixscope.study.config import Augment

TILE, GAP, MARGIN, CAPTION = 112, 10, 140, 34


def mixing_sheet(
    store: Store,
    file: Path,
    *,
    columns: int = 7,
    own: Sequence[str] = (),
) -> None:
    """Draws the first images of epoch 0 as every method mixes them, with label weights below (PNG).

    All methods share images, crops, partners and lambda. Methods on a patch grid get a grid of 4 x 4. The
    network's part is not shown: Manifold Mixup does not change pixels, and TransMix is drawn with the label
    weights of its pixels.

    Args:
        store: Data set.
        file: PNG to write.
        columns: Number of images.
        own: Names in settings of user-defined methods.

    Raises:
        ConfigError: If a user-defined method cannot be loaded.
    """
    titles = {"none": "Default", **{method.name: method.title for method in mixing.methods()}}
    titles |= {name: methods.label(name) for name in own}
    sheet = Image.new("RGB", (MARGIN + columns * (TILE + GAP), len(titles) * (TILE + CAPTION) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = fonts.font(16, titles.values()), fonts.font(11, store.class_names)
    for row, (mix, title) in enumerate(titles.items()):
        top = GAP + row * (TILE + CAPTION)
        draw.text((8, top + TILE // 2 - 10), title.replace(", ", ",\n"), fill="#222222", font=font)
        images, captions = _first_batch(store, mix, columns)
        for column in range(columns):
            left = MARGIN + column * (TILE + GAP)
            tile = Image.fromarray(images[column]).resize((TILE, TILE), Image.Resampling.NEAREST)
            sheet.paste(tile, (left, top))
            for line, words in enumerate(captions[column]):
                draw.text((left, top + TILE + 2 + 13 * line), words[:20], fill="#444444", font=small)
    save_picture(sheet, file)


def _first_batch(store: Store, mix: str, n: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Images uint8 (n, H, W, 3), and the label weights of each as text."""
    mixer = mixing.make(
        Augment(mix=mix, per="sample"),
        seed=0,
        epochs=1,
        size=store.size,
        batch_size=n,
        examples=len(store.labels("train")),
        patch=max(store.size // 4, 1),
    )
    with Loader(
        store, "train", Sampling(batch_size=n, seed=0, shuffle=True), Augmentation(base="none", mixer=mixer)
    ) as loader:
        batch = next(iter(loader))
        pixels = batch.images.numpy().transpose(0, 2, 3, 1) * store.std + store.mean
        labels = [store.class_names[i] for i in batch.labels.tolist()]
        if batch.partner_labels is None or batch.lam is None:
            captions: list[tuple[str, ...]] = [(name,) for name in labels]
        else:
            partners = [store.class_names[i] for i in batch.partner_labels.tolist()]
            weights = batch.lam.tolist()
            captions = [
                (f"{w:.2f} {own}", f"{1 - w:.2f} {other}")
                for own, other, w in zip(labels, partners, weights, strict=True)
            ]
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8), captions
