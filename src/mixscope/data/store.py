"""The packed store: a data set decoded once, as memory-mapped arrays with a manifest.

A prepared data set is a folder ROOT/NAME with, for each stored split, images (N, 3, H, W uint8), labels and
possibly boxes as .npy files, and a manifest.json with their checksums. It is built in a sibling folder and
moved into place, so a folder under its final name is always complete.
"""

import errno
import hashlib
import json
import os
import struct
import tokenize
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from mixscope import rng
from mixscope.atomic import replacing
from mixscope.data.formats import SETS
from mixscope.errors import ConfigError, DataError, unknown, unread

SCHEMA = 1
SPLITS = ("train", "test")
MANIFEST = "manifest.json"
CHECKED = "checked.json"  # size and times of each file when its checksum was last verified
MOST_CLASSES = 25_000  # a confusion matrix of more classes would take more than 5 GB
# dtype and shape after the number of images, by kind of array; None stands for the image side.
COVERED = (  # keys of the manifest covered by the digest
    *("size", "counts", "class_names", "superclass_names", "superclass_of", "class_ids", "mean", "std"),
    *("split_seed", "arrays"),
)
ARRAYS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "images": ("uint8", (3, None, None)),
    "labels": ("int64", ()),
    "boxes": ("int16", (4,)),
}

# Raised by numpy for arrays whose header or length is damaged.
_UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, OverflowError, SyntaxError, TypeError),
    *(RecursionError, struct.error, tokenize.TokenError),
)

Progress = Callable[[int, int | None], None]


def data_root(root: Path | None) -> Path:
    """The folder of prepared data sets: `root`, else $MIXSCOPE_DATA, else a folder in the user's home."""
    if root is not None:
        return expanded(root)
    if os.environ.get("MIXSCOPE_DATA"):
        return expanded(Path(os.environ["MIXSCOPE_DATA"]))
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(Path(base)) / "mixscope"


def expanded(path: Path) -> Path:
    """Expands ~ and ~user in a path.

    Raises:
        ConfigError: If there is no such user.
    """
    try:
        return path.expanduser()
    except RuntimeError as problem:
        raise ConfigError(
            "missing-file", "has no home folder to stand for its ~; write the whole path", path=path
        ) from problem


def is_prepared(root: Path, name: str) -> bool:
    """Whether a finished store exists, of any schema."""
    try:
        return (root / name / MANIFEST).is_file()
    except PermissionError:  # reported when it is opened
        return True


def names(root: Path) -> tuple[str, ...]:
    """Names of known data sets, then of others prepared in `root`, of any schema.

    Raises:
        DataError: If `root` is a file or not readable.
    """
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        raise DataError(
            "no-access", "may not be read; ask its owner, or give another data folder with --root", path=root
        )
    if root.exists() and not root.is_dir():
        raise DataError("wrong-format", "is a file; give a data folder with --root", path=root)
    found = sorted(file.parent.name for file in root.glob(f"*/{MANIFEST}"))
    return (*SETS, *(name for name in found if name not in SETS and not name.startswith(".")))


def check_name(root: Path, name: str) -> None:
    """Checks that a data set is known or prepared in `root`.

    Raises:
        ConfigError: If it is not; suggests the nearest name.
    """
    if name not in (known := names(root)):
        raise ConfigError(
            "unknown-name",
            unknown("data set", name, known) + "; `mixscope data list` shows them all",
            key="data.name",
        )


def make_root(root: Path) -> None:
    """Creates the folder of prepared data sets.

    Raises:
        DataError: If it cannot be created.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DataError(
            "no-access",
            f"cannot be made ({problem.strerror or problem}); give another data folder with --root",
            path=root,
        ) from problem


class Store:
    """A prepared data set, read-only.

    Attributes:
        folder: Folder of the data set.
        manifest: Content of manifest.json.
        name: Name of the data set.
        size: Side of the (square) images in pixels.
        class_names: Display names of the classes.
        superclass_names: Display names of the superclasses.
        superclass_of: int64 (n_classes,), or empty.
        mean: float64 (3,), of the whole training split, in [0, 1].
        std: float64 (3,), of the whole training split, in [0, 1].
        digest: Digest of all arrays.
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
        # All arrays now: a store replaced during a run must not give it another test split.
        self._arrays = {name: self._mapped(name) for name in manifest["arrays"]}

    @classmethod
    def open(cls, root: str | Path, name: str) -> "Store":
        """Opens the data set `name` prepared in `root`.

        Raises:
            ConfigError: If the name is unknown.
            DataError: If the data set is not prepared, was made by another schema, is damaged, or lacks a
                file.
        """
        root = Path(root)
        root = Path(root)
        check_name(root, name)
        file = root / name / MANIFEST
        content = _manifest(file, name)
        if content is None:
            raise DataError(
                "not-prepared",
                f"{name} is not prepared under {root}. Run `mixscope data prepare {name}`,"
                " or give a copy with --source",
                key="data.name",
                path=root / name,
                place="",
            )
        store = cls(file.parent, _parsed(content, file, name))
        if _manifest(file, name) != content:
            raise DataError("changed", "was replaced while it was opened; start again", path=file.parent)
        return store

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def images(self, split: str) -> np.ndarray:
        """uint8 (N, 3, H, W) of a stored split ("train" or "test"), memory-mapped and read-only."""
        return self._arrays[f"{split}-images.npy"]

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,) of a stored split."""
        return self._arrays[f"{split}-labels.npy"]

    def boxes(self, split: str) -> np.ndarray | None:
        """int16 (N, 4), x0, y0, x1, y1 in pixels, if the data set has boxes."""
        return self._arrays.get(f"{split}-boxes.npy")

    def has_digest(self, digest: str) -> bool:
        """Whether a recorded digest is that of these data; version 0.1.0 digested the arrays only."""
        return digest in (self.digest, self.manifest.get("arrays_digest"))

    def check(self) -> None:
        """Verifies the checksum of each array whose file changed since the last verification.

        Cheap where nothing changed. `verify` compares all arrays.

        Raises:
            DataError: If an array is not what was prepared, or there are more classes than can be evaluated.
        """
        if self.n_classes > MOST_CLASSES:
            raise too_many(self.name, self.n_classes)
        seen = self._checked()
        changed = [name for name in self._arrays if seen.get(name) != self._state(name)]
        if changed:
            self.compare(changed)

    def whole(self) -> None:
        """Checks that no file was truncated since it was mapped, since reading past its end would crash.

        Raises:
            DataError: If a file was truncated.
        """
        for name, array in self._arrays.items():
            base = getattr(array, "_mmap", None)
            if (
                isinstance(array, np.memmap)
                and base is not None
                and base.size() < array.offset + array.nbytes
            ):
                raise DataError(
                    "damaged-file",
                    f"was cut short while it was in use; delete {self.folder} and prepare {self.name} again",
                    path=self.folder / name,
                )

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """Returns the rows of a logical split: "train", "val" or "test".

        Validation is held out of the training split, the same fraction of every class, by a fixed seed; a
        larger fraction contains a smaller one.

        Args:
            split: The logical split.
            val_fraction: Fraction of the training images held out as "val".
            per_class: Images kept per class of "train"; 0 keeps all.

        Returns:
            Name of the stored split, and sorted rows, int64.

        Raises:
            DataError: If validation is requested and would be empty.
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
                    "too-few",
                    f"{self.name}: data.val_fraction={val_fraction} holds out no image; give a larger share",
                    key="data.val_fraction",
                    place="",
                )
            return "train", rows
        assert split == "train"
        kept = place >= held
        if per_class:
            kept &= place < held + min(per_class, len(place))
        return "train", np.flatnonzero(kept)

    @cached_property
    def _place_in_class(self) -> np.ndarray:
        """Rank of each training image in a random order of its class, int64 (N,)."""
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
            # Compiled kernels read without bounds checks where the manifest says there are pixels.
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"it holds {array.dtype} {array.shape}, expected {dtype} {shape}")
            if kind == "labels" and not 0 <= array.min() <= array.max() < self.n_classes:
                raise ValueError(f"it holds labels beyond 0 to {self.n_classes - 1}")
        except FileNotFoundError as problem:
            raise DataError(
                "missing-file", f"is missing; delete the folder and prepare {self.name} again", path=file
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
        except (OSError, ValueError, RecursionError):  # it is created again
            return {}
        return found if isinstance(found, dict) else {}

    def compare(self, arrays: Iterable[str]) -> None:
        """Verifies checksums and remembers the verified arrays. Raises DataError."""
        for name in arrays:
            file = self.folder / name
            try:
                before = self._state(name)
                same = _sha256(file) == self.manifest["arrays"][name]
            except OSError as problem:
                raise _unreadable(file, self.name, problem) from problem
            if not same:
                raise DataError(
                    "changed",
                    f"has changed since it was prepared (its sha256 differs); delete {self.folder}"
                    f" and prepare {self.name} again",
                    path=file,
                )
            with suppress(OSError), replacing(self.folder / CHECKED) as kept:  # the folder may be read-only
                kept.write(json.dumps({**self._checked(), name: before}).encode())


def arrays_digest(manifest: dict[str, Any]) -> str:
    """Digest of the arrays alone: the digest of a store in version 0.1.0."""
    arrays = dict(sorted(manifest["arrays"].items()))
    return hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest()


def digest_of(manifest: dict[str, Any]) -> str:
    """Digest of everything that a run on these data depends on; excludes name and source."""
    covered = {key: manifest.get(key) for key in COVERED}
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def too_many(name: str, n_classes: int) -> DataError:
    """The error for a data set of more than MOST_CLASSES classes."""
    return DataError(
        "out-of-range",
        f"has {n_classes:,} classes, at most {MOST_CLASSES:,} can be evaluated; group or drop some",
        path=name,
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
    """Parses and validates a manifest. Raises DataError that names the key."""
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise _unreadable(file, name, problem) from problem
    if not isinstance(manifest, dict):
        manifest = {"schema": SCHEMA}  # not a mapping: reported as lacking everything
    if manifest.get("schema") != SCHEMA:
        raise DataError(
            "other-version",
            f"was prepared by another version of mixscope (its schema is not {SCHEMA});"
            f" delete the folder and run `mixscope data prepare {name}` again",
            path=file.parent,
        )
    if (wrong := _wrong_key(manifest)) is not None:
        raise DataError(
            "damaged-file",
            f"{wrong} is missing or is not what it should be; delete {file.parent} and prepare {name} again",
            path=file,
        )
    expected = arrays_digest(manifest) if "arrays_digest" not in manifest else digest_of(manifest)
    if manifest["digest"] != expected:
        raise DataError(
            "changed",
            f"has changed since {name} was prepared (its digest differs); delete {file.parent} and"
            f" prepare {name} again",
            path=file,
        )
    return manifest


def _unreadable(file: Path, name: str, problem: Exception) -> DataError:
    if isinstance(problem, OSError) and problem.errno in (errno.EACCES, errno.EPERM):
        return DataError(
            "no-access",
            f"may not be read ({problem.strerror}); ask its owner for permission to read",
            path=file,
        )
    code = unread(problem) if isinstance(problem, OSError) else "damaged-file"
    return DataError(
        code, f"cannot be read ({problem}); delete {file.parent} and prepare {name} again", path=file
    )


def _wrong_key(manifest: dict[str, Any]) -> str | None:
    """The first key of a manifest that is missing or has an invalid value; None for a valid manifest."""

    def texts(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)

    def number(value: Any) -> bool:
        return type(value) in (int, float) and 0 <= value <= 1  # channels are in [0, 1]; nan is not

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
