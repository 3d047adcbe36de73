"""Image files in class folders, and their splits."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixscope import rng
from mixscope.data import decoding, listing
from mixscope.data.content import SPLIT_SEED, Split
from mixscope.errors import ConfigError, DataError

JPEG_ENDINGS = (".jpg", ".jpeg")
IMAGE_ENDINGS = (
    *(*JPEG_ENDINGS, ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
# Image formats that are not read; skipping them silently, like a README, would lose data.
OTHER_IMAGES = (".avif", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".svg", ".tga")
HOLDOUT = 1  # address of the drawn test split in the stream "subset"


def classes_in(folder: Path) -> list[str]:
    """Returns the class folders of a split.

    Raises:
        DataError: If there is none, or an image is outside a class folder.
    """
    inside = [folder / name for name in listing.names(folder)]
    loose = [p for p in inside if p.suffix.lower() in IMAGE_ENDINGS + OTHER_IMAGES and not p.is_dir()]
    if loose:
        more = f" (as are {len(loose) - 1:,} more)" if len(loose) > 1 else ""
        raise DataError(
            "wrong-format",
            f"is an image outside a class folder{more}; move it into one, or away",
            path=loose[0],
        )
    classes = [p.name for p in inside if p.is_dir()]
    if not classes:
        raise DataError(
            "wrong-format", "holds no class folder; expected one a class with its images", path=folder
        )
    return classes


def images_in(folder: Path, endings: tuple[str, ...] = IMAGE_ENDINGS) -> tuple[list[str], list[str]]:
    """Returns the names of the images in a folder, and of other files; without hidden files, sorted.

    Raises:
        DataError: If the folder holds anything but files, or images in formats that are not read.
    """
    with os.scandir(folder) as entries:  # entries know their type, which saves 100,000 system calls
        plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    found: list[str] = []
    others: list[str] = []
    for name in listing.names(folder):
        if name not in plain and not (path := folder / name).is_file() and path.exists():
            # A broken link is a file that cannot be read.
            what = "a folder" if path.is_dir() else "a device or a pipe"
            raise DataError(
                "wrong-format", f"is {what}, expected images; move it, or what it holds, elsewhere", path=path
            )
        (found if name.lower().endswith(endings) else others).append(name)
    unread = [name for name in others if name.lower().endswith(IMAGE_ENDINGS + OTHER_IMAGES)]
    if unread:
        kinds = ", ".join(sorted({Path(name).suffix.lower() for name in unread}))
        raise DataError(
            "unsupported",
            f"is an image in a format that is not read, of {len(unread):,} in this"
            f" folder ({kinds}), expected {', '.join(endings)}; convert them, or move them away",
            path=folder / unread[0],
        )
    return found, others


def paths(folder: Path, names: Sequence[str]) -> list[str]:
    """Paths as text; creating 100,000 pathlib objects takes a fifth of the time to decode the images."""
    ahead = os.path.join(folder, "")
    return [ahead + name for name in names]


def splits_of(
    parts: Mapping[
        str,
        tuple[Sequence[str] | Sequence[decoding.Encoded], Sequence[int], Sequence[tuple[int, ...]] | None],
    ],
    report: decoding.Report,
    *,
    size: int,
    exact: bool,
) -> dict[str, Split]:
    """Decodes the files of each split; images must be consumed in the order of the splits.

    Args:
        parts: Files, labels and boxes of each split.
        report: Filled while images are decoded.
        size: Side of the decoded images in pixels.
        exact: Reject images of another size instead of resizing them.
    """
    images = decoding.in_turn([files for files, _, _ in parts.values()], size, exact, report)
    return {
        split: Split(
            count=len(files),
            images=blocks,
            labels=np.array(labels, dtype=np.int64),
            boxes=None if boxes is None else np.array(boxes, dtype=np.int16),
        )
        for (split, (files, labels, boxes)), blocks in zip(parts.items(), images, strict=True)
    }


def held_out(labels: Sequence[int], fraction: float | None, names: Sequence[str], where: Path) -> np.ndarray:
    """Draws a test split: the same fraction of each class, by a fixed seed.

    Args:
        labels: Label of each image.
        fraction: Fraction of each class.
        names: Class names, for messages.
        where: Folder, for messages.

    Returns:
        bool (n,), whether an image is in the test split.

    Raises:
        DataError: If no fraction is given, or a class has a single image.
        ConfigError: If the fraction is not between 0 and 1.
    """
    if fraction is None:
        raise DataError(
            "missing-key",
            "has no test or validation split; give --test-fraction 0.2 to hold out a fifth of each"
            " class for it",
            path=where,
        )
    check_fraction(fraction)
    kinds = np.asarray(labels, dtype=np.int64)
    counts = np.bincount(kinds, minlength=len(names))
    single = [names[i] for i in np.flatnonzero(counts < 2).tolist()]
    if single:
        raise DataError(
            "too-few",
            f"has fewer than 2 images of {listing.few(single)}, so that --test-fraction would leave"
            " train or test without one; add images or remove the class",
            path=where,
        )
    keys = rng.generator(SPLIT_SEED, "subset", HOLDOUT).random(len(kinds))
    order = np.lexsort((keys, kinds))
    place = np.empty(len(kinds), dtype=np.int64)
    place[order] = np.arange(len(kinds)) - (np.cumsum(counts) - counts)[kinds[order]]
    held = np.clip(np.rint(counts * fraction).astype(np.int64), 1, counts - 1)
    mask: np.ndarray = place < held[kinds]
    return mask


def check_fraction(fraction: float) -> None:
    """Checks that a fraction is between 0 and 1.

    Raises:
        ConfigError: If train or test would be empty.
    """
    if not 0 < fraction < 1:
        raise ConfigError(
            "out-of-range", f"expected a number above 0 and below 1, got {fraction}", key="--test-fraction"
        )


def holdout_note(fraction: float) -> str:
    """The note on a drawn test split."""
    return (
        f"the test split is a share of {fraction:g} of the images of each class, drawn by seed {SPLIT_SEED};"
        " images that resemble each other may be on both sides"
    )


def class_notes(names: Sequence[str]) -> list[str]:
    """Notes on names and number of the classes."""
    notes = []
    if len(names) == 1:
        notes.append(f'there is one class only, "{names[0]}": any model reaches 100 %')
    if all(name.isdecimal() for name in names) and sorted(names, key=int) != list(names):
        first = ", ".join(names[:4])
        notes.append(
            f"classes named by numbers are in the order of text ({first}, ...); labels are places in it"
        )
    return notes
