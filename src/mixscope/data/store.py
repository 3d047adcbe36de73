"""The packed store: a data set decoded once, as memory-mapped bytes with a manifest.

A prepared set is a folder ROOT/NAME with, for each stored split, images (N,3,H,W uint8), labels and, where
the set has them, boxes, as .npy files, and a manifest.json with their checksums. It is made in a sibling
folder and moved into place, so a folder under its final name is always whole.
"""

import errno
import hashlib
import io
import json
import os
import struct
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from mixscope import rng
from mixscope.atomic import replacing
from mixscope.data.content import SPLIT_SEED, Content
from mixscope.data.disk import appearing, need_room
from mixscope.data.formats import SETS
from mixscope.data.listing import UNWRITABLE
from mixscope.errors import ConfigError, DataError, unknown

SCHEMA = 1
SPLITS = ("train", "test")
MANIFEST = "manifest.json"
CHECKED = "checked.json"  # when each array was last compared with its checksum, as size and times of its file
MOST_CLASSES = 25_000  # a confusion matrix of more takes more than 5 GB, after all training is done
SYNC_BYTES = 1 << 27  # written between two calls that have the disk take it
# Of each kind of array: its dtype, and its shape after the number of images; None stands for the side.
COVERED = (  # keys of the manifest that the digest covers
    *("size", "counts", "class_names", "superclass_names", "superclass_of", "class_ids", "mean", "std"),
    *("split_seed", "arrays"),
)
ARRAYS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "images": ("uint8", (3, None, None)),
    "labels": ("int64", ()),
    "boxes": ("int16", (4,)),
}

# What numpy raises for arrays whose header or length is damaged.
_UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, OverflowError, SyntaxError, TypeError),
    *(RecursionError, struct.error, tokenize.TokenError),
)

Progress = Callable[[int, int | None], None]


def data_root(root: Path | None) -> Path:
    """Where prepared sets live: `root`, else $MIXSCOPE_DATA, else a folder of the user's own."""
    if root is not None:
        return expanded(root)
    if os.environ.get("MIXSCOPE_DATA"):
        return expanded(Path(os.environ["MIXSCOPE_DATA"]))
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(Path(base)) / "mixscope"


def expanded(path: Path) -> Path:
    """`path` with ~ or ~user as the folder it stands for. Raises ConfigError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError as problem:
        raise ConfigError(f"{path}: has no home folder to stand for its ~; write the whole path") from problem


def is_prepared(root: Path, name: str) -> bool:
    """Whether there is a finished store, of whatever schema."""
    try:
        return (root / name / MANIFEST).is_file()
    except PermissionError:  # opening it says so
        return True


def names(root: Path) -> tuple[str, ...]:
    """The data sets that are known, then what else is prepared in `root`, of whatever schema.

    Raises DataError where `root` is a file.
    """
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        raise DataError("may not be read; ask its owner, or give another data folder with --root", path=root)
    if root.exists() and not root.is_dir():
        raise DataError(f"{root}: is a file; give a data folder with --root")
    found = sorted(file.parent.name for file in root.glob(f"*/{MANIFEST}"))
    return (*SETS, *(name for name in found if name not in SETS and not name.startswith(".")))


def check_name(root: Path, name: str) -> None:
    """Raises ConfigError, with the nearest name, for a data set neither known nor prepared in `root`."""
    if name not in (known := names(root)):
        raise ConfigError(
            unknown("data.name", "data set", name, known) + "; `mixscope data list` shows them all"
        )


def make_root(root: Path) -> None:
    """Makes the data folder. Raises DataError where that cannot be."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DataError(
            f"{root}: cannot be made ({problem.strerror or problem}); give another data folder with --root"
        ) from problem


class Store:
    """A prepared data set, read-only.

    name, size (pixels; images are square), class_names, superclass_names, superclass_of (int64 (n_classes,)
    or empty), mean and std (float64 (3,), of the whole training split, in 0 to 1), digest (of all arrays).
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.name: str = manifest["name"]
        self.size: int = manifest["size"]
        self.class_names = tuple(manifest["class_names"])
        self.superclass_names = tuple(manifest["superclass_names"])
        self.superclass_of = np.array(manifest["superclass_of"], dtype=np.int64)
        self.mean = np.array(manifest["mean"])
        self.std = np.array(manifest["std"])
        self.digest: str = manifest["digest"]
        # All of them now: a store that is replaced while a run trains must not give it another test split.
        self._arrays = {name: self._mapped(name) for name in manifest["arrays"]}

    @classmethod
    def open(cls, root: str | Path, name: str) -> "Store":
        """The store of a set that is prepared in `root`.

        Raises ConfigError for a name that is not known; DataError when the set is not prepared, was made by
        another schema, is damaged, or lacks a file.
        """
        root = Path(root)
        root = Path(root)
        check_name(root, name)
        file = root / name / MANIFEST
        content = _manifest(file, name)
        if content is None:
            raise DataError(
                f"{name} is not prepared under {root}. Run `mixscope data prepare {name}`,"
                " or give a copy with --source"
            )
        store = cls(file.parent, _parsed(content, file, name))
        if _manifest(file, name) != content:
            raise DataError(f"{file.parent}: was replaced while it was opened; start again")
        return store

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    def images(self, split: str) -> np.ndarray:
        """uint8 (N,3,H,W) of a stored split ("train" or "test"), memory-mapped and read-only."""
        return self._arrays[f"{split}-images.npy"]

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,) of a stored split."""
        return self._arrays[f"{split}-labels.npy"]

    def boxes(self, split: str) -> np.ndarray | None:
        """int16 (N,4), x0, y0, x1, y1 in pixels, where the set has boxes."""
        return self._arrays.get(f"{split}-boxes.npy")

    def has_digest(self, digest: str) -> bool:
        """Whether a record has the digest of these data; that of version 0.1.0 was of the arrays only."""
        return digest in (self.digest, self.manifest.get("arrays_digest"))

    def check(self) -> None:
        """Compares with its checksum each array whose file changed since that was last done.

        Cheap where nothing changed. `verify` compares all of them.

        Raises:
            DataError: If an array is not what was prepared, or there are more classes than can be evaluated.
        """
        if self.n_classes > MOST_CLASSES:
            raise DataError(_too_many(self.name, self.n_classes))
        seen = self._checked()
        changed = [name for name in self._arrays if seen.get(name) != self._state(name)]
        if changed:
            self._compare(changed)

    def whole(self) -> None:
        """Raises DataError when a file was truncated since it was mapped: to read there ends the process."""
        for name, array in self._arrays.items():
            base = getattr(array, "_mmap", None)
            if base is not None and base.size() < array.offset + array.nbytes:  # type: ignore[attr-defined]
                raise DataError(
                    f"{self.folder / name}: was cut short while it was in use; delete {self.folder} and"
                    f" prepare {self.name} again"
                )

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """Which rows of which stored split make a logical split: "train", "val" or "test".

        Validation is carved out of the training split, the same share of every class, by a fixed seed; a
        larger share contains a smaller one. per_class keeps that many images of each class of "train".
        Returns the stored split and sorted int64 rows.
        Raises DataError when validation is asked for and would be empty.
        """
        if split == "test":
            return "test", np.arange(len(self.labels("test")))
        place = self._place_in_class
        counts = np.bincount(self.labels("train"), minlength=self.n_classes)
        held = np.rint(counts * val_fraction).astype(np.int64)[self.labels("train")]
        if split == "val":
            rows = np.flatnonzero(place < held)
            if len(rows) == 0:
                raise DataError(
                    f"{self.name}: data.val_fraction={val_fraction} holds out no image; give a larger share"
                )
            return "train", rows
        assert split == "train"
        kept = place >= held
        if per_class:
            kept &= place < held + min(per_class, len(place))
        return "train", np.flatnonzero(kept)

    @cached_property
    def _place_in_class(self) -> np.ndarray:
        """Each training image's place in a random order of its class, int64 (N,)."""
        labels = self.labels("train")
        keys = rng.generator(self.manifest["split_seed"], "subset").random(len(labels))
        order = np.lexsort((keys, labels))
        starts = np.searchsorted(labels[order], np.arange(self.n_classes))
        place = np.empty(len(labels), dtype=np.int64)
        place[order] = np.arange(len(labels)) - starts[labels[order]]
        return place

    def _mapped(self, name: str) -> np.ndarray:
        file = self.folder / name
        split, kind = name.removesuffix(".npy").split("-")
        dtype, tail = ARRAYS[kind]
        shape = (self.manifest["counts"][split], *(self.size if n is None else n for n in tail))
        try:
            array: np.ndarray = npy.open_memmap(file, mode="r")
            # Compiled kernels read where the manifest says that there are pixels.
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"it holds {array.dtype} {array.shape}, expected {dtype} {shape}")
            if kind == "labels" and not 0 <= array.min() <= array.max() < self.n_classes:
                raise ValueError(f"it holds labels beyond 0 to {self.n_classes - 1}")
        except FileNotFoundError as problem:
            raise DataError(
                f"{file}: is missing; delete the folder and prepare {self.name} again"
            ) from problem
        except _UNREADABLE as problem:
            raise _unreadable(file, self.name, problem) from problem
        return array

    def _state(self, name: str) -> list[int]:
        about = (self.folder / name).stat()
        return [about.st_size, about.st_mtime_ns, about.st_ctime_ns]

    def _checked(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / CHECKED).read_bytes())
        except (OSError, ValueError, RecursionError):  # it is made anew
            return {}
        return found if isinstance(found, dict) else {}

    def _compare(self, arrays: Iterable[str]) -> None:
        """Raises DataError for an array that differs from its checksum; remembers the others as checked."""
        for name in arrays:
            file = self.folder / name
            try:
                before = self._state(name)
                same = _sha256(file) == self.manifest["arrays"][name]
            except OSError as problem:
                raise _unreadable(file, self.name, problem) from problem
            if not same:
                raise DataError(
                    f"{file}: has changed since it was prepared (its sha256 differs); delete {self.folder}"
                    f" and prepare {self.name} again"
                )
            with suppress(OSError), replacing(self.folder / CHECKED) as kept:  # a folder may be read-only
                kept.write(json.dumps({**self._checked(), name: before}).encode())


def write(
    content: Content,
    *,
    root: Path,
    name: str,
    source: dict[str, Any],
    progress: Progress | None,
    of: str | None = None,
) -> Store:
    """Packs a data set and moves it into place. `source` is recorded as it is, and `of`, the set that it is.

    Raises DataError for labels out of range, counts that do not agree, or a disk that is too small; then
    nothing is left behind.
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
    """Writes arrays and manifest of a data set into an empty folder; arguments and errors as of `write`."""
    _check_names(content, name)
    pixels = 3 * content.size**2
    total, done = sum(s.count for s in content.splits.values()), 0
    need_room(folder.parent, total * (pixels + 16))
    sums, squares = np.zeros(3), np.zeros(3)
    arrays: dict[str, str] = {}  # sha256 by file
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
                    f"{name}: {split} has {at} images and {len(labels)} labels; expected {part.count}"
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
    manifest |= {"arrays_digest": _arrays_digest(manifest), "digest": _digest(manifest)}
    with replacing(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    about = {array: (folder / array).stat() for array in arrays}
    with replacing(folder / CHECKED) as file:
        states = {name: [each.st_size, each.st_mtime_ns, each.st_ctime_ns] for name, each in about.items()}
        file.write(json.dumps(states).encode())


def verify(name: str, *, root: Path) -> Store:
    """The store, after every checksum, and mean and standard deviation of its pixels, were computed again.

    Raises DataError that names the file.
    """
    store = Store.open(root, name)
    store._compare(store.manifest["arrays"])
    sums, squares = np.zeros(3), np.zeros(3)
    images = store.images("train")
    for at in range(0, len(images), 1000):
        _add_up(images[at : at + 1000], sums, squares)
    found = _mean_and_std(sums, squares, len(images) * store.size**2)
    for key, value in zip(("mean", "std"), found, strict=True):
        if not np.allclose(value, store.manifest[key], rtol=1e-6, atol=0):
            raise DataError(
                f"{store.folder / MANIFEST}: its {key} is {store.manifest[key]}, the training images have"
                f" {value.tolist()}; delete {store.folder} and prepare {name} again"
            )
    return store


@contextmanager
def _array(
    file: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, sha256: dict[str, str]
) -> Iterator[Callable[[np.ndarray], None]]:
    """An .npy file that is written block by block with what is yielded, and on disk when the block ends.

    Its checksum is put into `sha256`. Not through a map: a disk that fills up then ends the process with
    SIGBUS, and no sentence. Nor by numpy, whose error does not say why. Raises OSError.
    """
    digest, waiting = hashlib.sha256(), 0

    def write(content: Any) -> None:
        nonlocal waiting
        digest.update(content)
        stream.write(content)
        waiting += len(content)
        if waiting >= SYNC_BYTES:  # the disk works while the next blocks are made
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
    """Adds the sum and the sum of squares of each channel of uint8 (n,3,H,W) to float64 (3,), exactly.

    float32 holds the squares of up to 258 bytes exactly and is several times as fast: as many rows of an
    image as fit are one. A few images at a time stay in the cache.
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
    """Of each channel, float64 (3,), in 0 to 1, from sums of bytes and of their squares."""
    mean = sums / (pixels * 255.0)
    return mean, np.sqrt(np.maximum(squares / (pixels * 255.0 * 255.0) - mean**2, 1e-12))


def _arrays_digest(manifest: dict[str, Any]) -> str:
    """Of the arrays alone: what the digest of a store was in version 0.1.0."""
    arrays = dict(sorted(manifest["arrays"].items()))
    return hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest()


def _digest(manifest: dict[str, Any]) -> str:
    """Of everything that a run on these data depends on; neither of the name nor of the source."""
    covered = {key: manifest.get(key) for key in COVERED}
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def _check_names(content: Content, name: str) -> None:
    if len(content.class_names) > MOST_CLASSES:
        raise DataError(_too_many(name, len(content.class_names)))
    for each in (*content.class_names, *content.superclass_names, *content.class_ids):
        if UNWRITABLE.search(each) or not each.strip():
            raise DataError(
                f"{name}: a class is named {each!r}, expected text without control characters; correct the"
                " source"
            )
    if content.class_ids and len(content.class_ids) != len(content.class_names):
        raise DataError(f"{name}: has {len(content.class_names)} class names for {len(content.class_ids)}")


def _too_many(name: str, n_classes: int) -> str:
    return f"{name}: has {n_classes:,} classes, at most {MOST_CLASSES:,} can be evaluated; group or drop some"


def _check_labels(labels: np.ndarray, split: str, name: str, classes: Sequence[str]) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise DataError(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} of {split} is out of range, expected 0 to"
            f" {len(classes) - 1}; the source is damaged"
        )
    empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
    if len(empty):
        raise DataError(
            f'{name}: class "{classes[empty[0]]}" has no image in {split}; the source is cut short, expected'
            f" images of all {len(classes)} classes in train and in test"
        )


def _manifest(file: Path, name: str) -> bytes | None:
    """The bytes of a manifest; None where there is none."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise _unreadable(file, name, problem) from problem


def _parsed(content: bytes, file: Path, name: str) -> dict[str, Any]:
    """A manifest that fits together. Raises DataError that names the key."""
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise _unreadable(file, name, problem) from problem
    if not isinstance(manifest, dict):
        manifest = {"schema": SCHEMA}  # what it is, it lacks everything
    if manifest.get("schema") != SCHEMA:
        raise DataError(
            f"{file.parent}: was prepared by another version of mixscope (its schema is not {SCHEMA});"
            f" delete the folder and run `mixscope data prepare {name}` again"
        )
    if (wrong := _wrong_key(manifest)) is not None:
        raise DataError(
            f"{file}: {wrong} is missing or is not what it should be; delete {file.parent} and prepare"
            f" {name} again"
        )
    expected = _arrays_digest(manifest) if "arrays_digest" not in manifest else _digest(manifest)
    if manifest["digest"] != expected:
        raise DataError(
            f"{file}: has changed since {name} was prepared (its digest differs); delete {file.parent} and"
            f" prepare {name} again"
        )
    return manifest


def _unreadable(file: Path, name: str, problem: Exception) -> DataError:
    if isinstance(problem, OSError) and problem.errno in (errno.EACCES, errno.EPERM):
        return DataError(
            f"{file}: may not be read ({problem.strerror}); ask its owner for permission to read"
        )
    return DataError(f"{file}: cannot be read ({problem}); delete {file.parent} and prepare {name} again")


def _wrong_key(manifest: dict[str, Any]) -> str | None:
    """The first key of a manifest that is missing or has a value of another kind; None for a sound one."""

    def texts(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)

    def number(value: Any) -> bool:
        return type(value) in (int, float) and 0 <= value <= 1  # a channel lies in 0 to 1; nan does not

    def colour(value: Any) -> bool:
        return isinstance(value, list) and len(value) == 3 and all(number(v) for v in value)

    def groups(value: Any) -> bool:
        many = len(manifest["superclass_names"])
        whole = isinstance(value, list) and len(value) in (0, len(manifest["class_names"]))
        return whole and all(type(each) is int and 0 <= each < many for each in value)

    def counts(value: Any) -> bool:
        return isinstance(value, dict) and all(type(value.get(s)) is int and value[s] > 0 for s in SPLITS)

    def sums(value: Any) -> bool:
        kinds = {f"{split}-{kind}.npy" for split in SPLITS for kind in ARRAYS}
        needed = {name for name in kinds if "boxes" not in name}
        return isinstance(value, dict) and needed <= set(value) <= kinds and texts(list(value.values()))

    checks: dict[str, Callable[[Any], bool]] = {
        "name": lambda value: isinstance(value, str),
        "size": lambda value: type(value) is int and value > 0,
        "counts": counts,
        "class_names": lambda value: texts(value) and len(value) > 0,
        "superclass_names": texts,
        "superclass_of": groups,
        "mean": colour,
        "std": lambda value: colour(value) and min(value) > 0,
        "split_seed": lambda value: type(value) is int and value >= 0,
        "source": lambda value: isinstance(value, dict),
        "notes": texts,
        "arrays": sums,
        "digest": lambda value: isinstance(value, str),
    }
    return next((key for key, fits in checks.items() if key not in manifest or not fits(manifest[key])), None)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
