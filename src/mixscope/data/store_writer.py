"""Writes data sets into the packed store, with their checksums, mean and deviation; verifies them again."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from mixscope.atomic import replacing
from mixscope.data.content import SPLIT_SEED, Content
from mixscope.data.disk import appearing, need_room
from mixscope.data.listing import UNWRITABLE
from mixscope.data.store import (
    CHECKED,
    MANIFEST,
    MOST_CLASSES,
    SCHEMA,
    SPLITS,
    Progress,
    Store,
    arrays_digest,
    digest_of,
    make_root,
    too_many,
)
from mixscope.errors import DataError

SYNC_BYTES = 1 << 27  # bytes written between two fsync calls


def write(
    content: Content,
    *,
    root: Path,
    name: str,
    source: dict[str, Any],
    progress: Progress | None,
    of: str | None = None,
) -> Store:
    """Stores a data set and moves it into place.

    Args:
        content: The data set.
        root: Folder of prepared data sets.
        name: Name to store it under.
        source: Recorded in the manifest as it is.
        progress: Called with bytes done and total bytes (None while unknown).
        of: Name of the known data set that it is.

    Raises:
        DataError: If labels are out of range, counts disagree, or the disk is full; nothing is left behind.
    """
    make_root(root)
    with appearing(root / name) as folder:
        fill(folder, content, name=name, source=source, progress=progress, of=of)
    return Store.open(root, name)


def fill(
    folder: Path,
    content: Content,
    *,
    name: str,
    source: dict[str, Any],
    progress: Progress | None,
    of: str | None = None,
) -> None:
    """Writes arrays and manifest of a data set into an empty folder; arguments and errors as in `write`."""
    _check_names(content, name)
    pixels = 3 * content.size**2
    total, done = sum(s.count for s in content.splits.values()), 0
    need_room(folder.parent, total * (pixels + 16))
    sums, squares = np.zeros(3), np.zeros(3)
    arrays: dict[str, str] = {}  # sha256 by file name
    for split in SPLITS:
        part = content.splits[split]
        labels = part.labels.astype(np.int64)
        _check_labels(labels, split, name, content.class_names)
        at = 0
        shape = (part.count, 3, content.size, content.size)
        with _array(folder / f"{split}-images.npy", shape, np.uint8, arrays) as put:
            for block in part.images:
                put(block)
                at += len(block)
                if split == "train":
                    _add_up(block, sums, squares)
                if progress is not None:
                    progress(done + at, total)
            if not at == part.count == len(labels):
                raise DataError(
                    "inconsistent",
                    f"{split} has {at} images and {len(labels)} labels; expected {part.count}",
                    path=name,
                )
        done += at
        with _array(folder / f"{split}-labels.npy", labels.shape, np.int64, arrays) as put:
            put(labels)
        if part.boxes is not None:
            with _array(folder / f"{split}-boxes.npy", part.boxes.shape, np.int16, arrays) as put:
                put(part.boxes.astype(np.int16))
    mean, std = _mean_and_std(sums, squares, content.splits["train"].count * content.size**2)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "set": of or name,
        "size": content.size,
        "layout": "N,3,H,W uint8",
        "counts": {split: content.splits[split].count for split in SPLITS},
        "class_names": list(content.class_names),
        "superclass_names": list(content.superclass_names),
        "superclass_of": list(content.superclass_of),
        "class_ids": list(content.class_ids),
        "mean": mean.tolist(),
        "std": std.tolist(),
        "split_seed": SPLIT_SEED,
        "source": source | content.made_with,
        "notes": [*content.notes, *content.late_notes()],
        "arrays": dict(sorted(arrays.items())),
    }
    manifest |= {"arrays_digest": arrays_digest(manifest), "digest": digest_of(manifest)}
    with replacing(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    about = {array: (folder / array).stat() for array in arrays}
    with replacing(folder / CHECKED) as file:
        states = {name: [each.st_size, each.st_mtime_ns, each.st_ctime_ns] for name, each in about.items()}
        file.write(json.dumps(states).encode())


def verify(name: str, *, root: Path) -> Store:
    """Recomputes every checksum, and mean and standard deviation of the pixels.

    Returns:
        The verified store.

    Raises:
        DataError: If a file differs; names it.
    """
    store = Store.open(root, name)
    store.compare(store.manifest["arrays"])
    sums, squares = np.zeros(3), np.zeros(3)
    images = store.images("train")
    for at in range(0, len(images), 1000):
        _add_up(images[at : at + 1000], sums, squares)
    found = _mean_and_std(sums, squares, len(images) * store.size**2)
    for key, value in zip(("mean", "std"), found, strict=True):
        if not np.allclose(value, store.manifest[key], rtol=1e-6, atol=0):
            raise DataError(
                "inconsistent",
                f"its {key} is {store.manifest[key]}, the training images have"
                f" {value.tolist()}; delete {store.folder} and prepare {name} again",
                path=store.folder / MANIFEST,
            )
    return store


@contextmanager
def _array(
    file: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, sha256: dict[str, str]
) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens an .npy file to be written block by block with the yielded function; it is flushed at the end.

    Its checksum is put into `sha256`. Not memory-mapped, because a full disk would then crash the process
    with SIGBUS; not through numpy, whose error does not give the cause. Raises OSError.
    """
    digest, waiting = hashlib.sha256(), 0

    def write(content: Any) -> None:
        nonlocal waiting
        digest.update(content)
        stream.write(content)
        waiting += len(content)
        if waiting >= SYNC_BYTES:  # the disk writes while the next blocks are computed
            waiting = 0
            stream.flush()
            syncs.append(disk.submit(os.fsync, stream.fileno()))

    def put(block: np.ndarray) -> None:
        assert block.dtype == dtype and block.shape[1:] == shape[1:]
        write(np.ascontiguousarray(block).view(np.uint8).reshape(-1).data)

    about = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    syncs: list[Future[None]] = []
    with file.open("wb") as stream, ThreadPoolExecutor(1) as disk:
        npy.write_array_header_1_0(head := io.BytesIO(), about)
        write(head.getvalue())
        yield put
        for sync in syncs:
            sync.result()
        stream.flush()
        os.fsync(stream.fileno())
    sha256[file.name] = digest.hexdigest()


def _add_up(block: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
    """Adds the sum and sum of squares per channel of uint8 (n, 3, H, W) to float64 (3,), exactly.

    float32 holds the squares of up to 258 bytes exactly and is several times as fast, so as many rows of an
    image as fit are summed at once. A few images at a time stay in the cache.
    """
    size = block.shape[-1]
    kind = np.float32 if size <= 258 else np.float64
    together = max(n for n in range(1, size + 1) if size % n == 0 and (n == 1 or n * size <= 258))
    step = max(1, (1 << 17) // (3 * size**2))
    for at in range(0, len(block), step):
        rows: Any = block[at : at + step].reshape(-1, 3, size // together, together * size).astype(kind)
        sums += np.einsum("ncyx->ncy", rows).sum(axis=(0, 2), dtype=np.float64)
        squares += np.einsum("ncyx,ncyx->ncy", rows, rows).sum(axis=(0, 2), dtype=np.float64)


def _mean_and_std(sums: np.ndarray, squares: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel, float64 (3,), in [0, 1], from sums and sums of squares."""
    mean = sums / (pixels * 255.0)
    return mean, np.sqrt(np.maximum(squares / (pixels * 255.0 * 255.0) - mean**2, 1e-12))


def _check_names(content: Content, name: str) -> None:
    if len(content.class_names) > MOST_CLASSES:
        raise too_many(name, len(content.class_names))
    for each in (*content.class_names, *content.superclass_names, *content.class_ids):
        if UNWRITABLE.search(each) or not each.strip():
            raise DataError(
                "wrong-type",
                f"a class is named {each!r}, expected text without control characters; correct the source",
                path=name,
            )
    if content.class_ids and len(content.class_ids) != len(content.class_names):
        raise DataError(
            "inconsistent",
            f"has {len(content.class_names)} class names for {len(content.class_ids)}",
            path=name,
        )


def _check_labels(labels: np.ndarray, split: str, name: str, classes: Sequence[str]) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise DataError(
            "out-of-range",
            f"label {labels[wrong[0]]} of image {wrong[0]} of {split} is out of range, expected 0 to"
            f" {len(classes) - 1}; the source is damaged",
            path=name,
        )
    empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
    if len(empty):
        raise DataError(
            "too-few",
            f'class "{classes[empty[0]]}" has no image in {split}; the source is cut short, expected'
            f" images of all {len(classes)} classes in train and in test",
            path=name,
        )
