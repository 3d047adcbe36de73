"""CIFAR-10 and CIFAR-100: the published binary and python layouts, and the Parquet files of Hugging Face."""

from pathlib import Path

import numpy as np

from mixscope.data import listing
from mixscope.data.cifar_pickle import load_cifar_pickle
from mixscope.data.content import Content, Wanted
from mixscope.data.readers import parquet
from mixscope.data.readers.arrays import whole
from mixscope.errors import DataError

COARSE, FINE, TEN = 20, 100, 10


def read_cifar100(folder: Path, wanted: Wanted) -> Content:
    """Reads the binary layout (train.bin: coarse label, fine label, 3072 bytes) or the python one."""
    binary = listing.find_file(folder, "train.bin")
    if binary is not None:
        names = listing.lines(listing.need(binary, "fine_label_names.txt", "cifar100"))
        coarse = listing.lines(listing.need(binary, "coarse_label_names.txt", "cifar100"))
        files = (binary / "train.bin", listing.need(binary, "test.bin", "cifar100"))
        train, test = (_records(file, label_bytes=2) for file in files)
    else:
        python = listing.find_file(folder, "train")
        if python is None or not (python / "meta").is_file():
            raise listing.wrong_folder("cifar100", folder, "train.bin and test.bin, or train, test and meta")
        names, coarse = _names(python / "meta", "fine_label_names", "coarse_label_names")
        files = (python / "train", listing.need(python, "test", "cifar100"))
        train, test = (_pickled(file, "fine_labels", "coarse_labels") for file in files)
    if max(train[1].max(), test[1].max()) < COARSE:
        raise DataError(
            "wrong-format",
            f"its class labels are those of the {COARSE} superclasses, expected {FINE} classes;"
            " get the published files",
            path=files[0],
        )
    superclass: dict[int, int] = {}
    for file, (_, fine_labels, coarse_labels) in zip(files, (train, test), strict=True):
        pairs = np.unique(np.stack([fine_labels, coarse_labels], axis=1), axis=0)
        for fine, group in pairs.tolist():
            if not 0 <= group < len(coarse):
                raise DataError(
                    "damaged-file",
                    f"superclass label {group} is out of range, expected 0 to {len(coarse) - 1}; the"
                    " file is damaged, get it again",
                    path=file,
                )
            if superclass.setdefault(fine, group) != group and fine < len(names):
                raise DataError(
                    "damaged-file",
                    f'class "{names[fine]}" is in two superclasses, "{coarse[superclass[fine]]}" and'
                    f' "{coarse[group]}", expected one; the file is damaged, get it again',
                    path=file,
                )
    found = Content(
        size=32,
        class_names=tuple(names),
        splits={"train": whole(*train[:2]), "test": whole(*test[:2])},
        superclass_names=tuple(coarse),
        # A class without images is rejected when the store is written.
        superclass_of=tuple(superclass.get(fine, 0) for fine in range(len(names))),
    )
    return _checked(found, folder, FINE, COARSE)


def read_cifar10(folder: Path, wanted: Wanted) -> Content:
    """Reads data_batch_1..5 and test_batch, binary (label, 3072 bytes of planes) or python."""
    binary = listing.find_file(folder, "data_batch_1.bin")
    if binary is not None:
        names = listing.lines(listing.need(binary, "batches.meta.txt", "cifar10"))
        parts = [
            _records(listing.need(binary, f"data_batch_{i}.bin", "cifar10"), label_bytes=1)
            for i in range(1, 6)
        ]
        test, test_labels, _ = _records(listing.need(binary, "test_batch.bin", "cifar10"), label_bytes=1)
    else:
        python = listing.find_file(folder, "data_batch_1")
        if python is None or not (python / "batches.meta").is_file():
            raise listing.wrong_folder(
                "cifar10", folder, "data_batch_1 ... test_batch and batches.meta, .bin or not"
            )
        (names,) = _names(python / "batches.meta", "label_names")
        parts = [
            _pickled(listing.need(python, f"data_batch_{i}", "cifar10"), "labels", "labels")
            for i in range(1, 6)
        ]
        test, test_labels, _ = _pickled(listing.need(python, "test_batch", "cifar10"), "labels", "labels")
    train = np.concatenate([p[0] for p in parts])
    labels = np.concatenate([p[1] for p in parts])
    found = Content(
        size=32,
        class_names=tuple(names),
        splits={"train": whole(train, labels), "test": whole(test, test_labels)},
    )
    return _checked(found, folder, TEN, 0)


def read_cifar100_parquet(source: Path, wanted: Wanted) -> Content:
    """Reads Parquet files with both labels."""
    found = parquet.read(source, Wanted(), size=32, label="fine_label", coarse="coarse_label")
    return _checked(found, source, FINE, COARSE)


def read_cifar10_parquet(source: Path, wanted: Wanted) -> Content:
    """Reads Parquet files."""
    return _checked(parquet.read(source, Wanted(), size=32), source, TEN, 0)


def _checked(content: Content, folder: Path, classes: int, superclasses: int) -> Content:
    """Checks the numbers of classes and superclasses. Raises DataError."""
    counts = (len(content.class_names), len(content.superclass_names))
    if counts != (classes, superclasses):
        named = f"{counts[0]:,} classes" + (f" and {counts[1]:,} superclasses" if superclasses else "")
        expected = f"{classes}" + (f" and {superclasses}" if superclasses else "")
        raise DataError(
            "wrong-format", f"names {named}, expected {expected}; get the published files", path=folder
        )
    return content


def _records(file: Path, *, label_bytes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads a binary file.

    Returns:
        Images uint8 (n, 3, 32, 32); last and first labels of each record, int64 (n,).
    """
    length = label_bytes + 3072
    raw = np.fromfile(file, dtype=np.uint8)
    if len(raw) and len(raw) % length and len(raw) % (other := 6147 - length) == 0:
        kinds = {3073: "CIFAR-10", 3074: "CIFAR-100"}
        raise DataError(
            "wrong-format", f"holds records of {kinds[other]}, expected those of {kinds[length]}", path=file
        )
    if len(raw) == 0 or len(raw) % length:
        raise DataError(
            "damaged-file",
            f"{len(raw)} bytes are not whole records of {length}; the file is truncated",
            path=file,
        )
    rows = raw.reshape(-1, length)
    first, last = rows[:, 0].astype(np.int64), rows[:, label_bytes - 1].astype(np.int64)
    return rows[:, label_bytes:].reshape(-1, 3, 32, 32), last, first


def _pickled(file: Path, fine: str, coarse: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads a file of the python layout; returns as _records."""
    content = load_cifar_pickle(file)
    images = content.get("data")
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3072,):
        raise DataError(
            "damaged-file", 'its "data" is no array of bytes, n x 3072; the file is damaged', path=file
        )
    if fine not in content and {"labels", "fine_labels"} & content.keys():
        other, this = ("CIFAR-10", "CIFAR-100") if fine == "fine_labels" else ("CIFAR-100", "CIFAR-10")
        raise DataError("wrong-format", f"holds labels of {other}, expected those of {this}", path=file)
    found = []
    for key in (fine, coarse):
        labels = content.get(key)
        if (
            not isinstance(labels, list)
            or len(labels) != len(images)
            or not all(type(n) is int and abs(n) < 1 << 31 for n in labels)
        ):
            raise DataError(
                "damaged-file",
                f'its "{key}" is no list of {len(images):,} whole numbers, one an image; the file is'
                " damaged, get it again",
                path=file,
            )
        found.append(np.array(labels, dtype=np.int64))
    return images.reshape(-1, 3, 32, 32), found[0], found[1]


def _names(file: Path, *keys: str) -> list[list[str]]:
    """Lists of names in a meta file of the python layout; names written by Python 2 are bytes."""
    meta = load_cifar_pickle(file)
    found = []
    for key in keys:
        names = meta.get(key)
        try:
            if not isinstance(names, list) or not all(isinstance(n, str | bytes) for n in names):
                raise ValueError("no list of names")
            found.append([n.decode() if isinstance(n, bytes) else n for n in names])
        except ValueError as problem:  # also if it is not UTF-8
            raise DataError(
                "damaged-file",
                f'its "{key}" is missing or is no list of names; the file is damaged, get it again',
                path=file,
            ) from problem
    return found
