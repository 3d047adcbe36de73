"""Describes a prepared data set: counts, balance, duplicates, and a contact sheet."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mixscope import fonts
from mixscope.data.disk import save_picture
from mixscope.data.store import SPLITS, Store

SHEET_CLASSES = 20
SHEET_EACH = 8
TILE = 64
CAPTION = 150


def describe(store: Store) -> dict[str, Any]:
    """Counts images per class and byte-identical images.

    Reads every byte: seconds for 60,000 images.

    Returns:
        Plain values; "duplicates" counts images with an earlier duplicate in the same split,
        "test_images_in_train" test images with a duplicate in train.
    """
    splits: dict[str, dict[str, Any]] = {}
    hashes: dict[str, dict[bytes, int]] = {}
    for split in SPLITS:
        labels = store.labels(split)
        counts = np.bincount(labels, minlength=store.n_classes)
        seen: defaultdict[bytes, int] = defaultdict(int)
        for image in store.images(split):
            seen[hashlib.blake2b(image.tobytes(), digest_size=16).digest()] += 1
        hashes[split] = seen
        splits[split] = {
            "images": len(labels),
            "per_class_min": int(counts.min()),
            "per_class_max": int(counts.max()),
            "balanced": bool(counts.min() == counts.max()),
            "duplicates": len(labels) - len(seen),
        }
    twins = sum(n for key, n in hashes["test"].items() if key in hashes["train"])
    return {
        "name": store.name,
        "size": store.size,
        "classes": store.n_classes,
        "superclasses": len(store.superclass_names) or None,
        "splits": splits,
        "test_images_in_train": twins,
        "mean": [round(float(v), 6) for v in store.mean],
        "std": [round(float(v), 6) for v in store.std],
        "notes": store.manifest["notes"],
    }


def lines(report: dict[str, Any]) -> list[str]:
    """Formats the description for a terminal."""
    shown = []
    for split, row in report["splits"].items():
        low, high = row["per_class_min"], row["per_class_max"]
        balance = f"{low} a class" if row["balanced"] else f"{low} to {high} a class"
        shown.append(
            f"{split:<10}{row['images']:,} images, {balance}, {row['duplicates']} with an earlier twin"
        )
    shown.append(
        f"between   {report['test_images_in_train']} test images are byte-identical to training images"
    )
    for name in ("mean", "std"):
        shown.append(f"{name:<10}{' '.join(f'{v:.4f}' for v in report[name])}  (R G B of train, 0 to 1)")
    return shown


def contact_sheet(store: Store, file: Path) -> None:
    """Draws a row of training images for up to 20 classes, evenly spaced, with their names (PNG)."""
    classes = np.unique(np.linspace(0, store.n_classes - 1, SHEET_CLASSES).astype(int))
    labels, images = store.labels("train"), store.images("train")
    step = TILE + 2
    sheet = Image.new("RGB", (CAPTION + SHEET_EACH * step, len(classes) * step), "white")
    draw, font = ImageDraw.Draw(sheet), fonts.font(14, store.class_names)
    for row, label in enumerate(classes):
        draw.text((8, row * step + TILE // 2 - 8), store.class_names[label][:18], fill="#333333", font=font)
        for column, at in enumerate(np.flatnonzero(labels == label)[:SHEET_EACH]):
            tile = Image.fromarray(np.ascontiguousarray(images[at].transpose(1, 2, 0)))
            tile = tile.resize((TILE, TILE), Image.Resampling.NEAREST)
            sheet.paste(tile, (CAPTION + column * step, row * step))
    save_picture(sheet, file)
