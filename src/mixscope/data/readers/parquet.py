"""Parquet files as written by Hugging Face's `datasets`: encoded images with paths, and labels."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from mixscope.data import decoding, listing
from mixscope.data.content import WHITE, Content, Wanted
from mixscope.data.decoding import Encoded
from mixscope.data.readers.image_files import class_notes, held_out, holdout_note, splits_of
from mixscope.errors import ConfigError, DataError

MAGIC = b"PAR1"
MOST_FILES = 10_000
IMAGES = ("image", "img")
LABELS = ("label", "labels", "fine_label")
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("validation", "valid", "val"),
}


def is_parquet(file: Path) -> bool:
    """Whether a file is Parquet, by its content."""
    with file.open("rb") as stream:
        return stream.read(4) == MAGIC


def files_in(source: Path) -> list[Path]:
    """The Parquet file `source`, or those in the folder and its subfolders, sorted.

    Raises:
        DataError: If there are more than MOST_FILES.
    """
    if source.is_file():
        return [source]
    found, level = [], [source]
    for _ in range(listing.MOST_DEPTH + 1):
        found += [p / n for p in level for n in listing.visible(p) if n.lower().endswith(".parquet")]
        inside = {place: listing.folders(place) for place in level}
        level = [p / n for p, some in inside.items() if len(some) <= listing.MOST_BESIDE for n in some]
    if len(found) > MOST_FILES:
        raise DataError(
            "out-of-range",
            f"holds {len(found):,} Parquet files, at most {MOST_FILES:,} are read",
            path=source,
        )
    return sorted(found)


def read(
    source: Path, wanted: Wanted, *, size: int | None = None, label: str = "", coarse: str = ""
) -> Content:
    """Reads all Parquet files of a data set; names or folders tell train, test and validation apart.

    Args:
        source: A file, or a folder of files.
        wanted: The user's choices.
        size: Side of the images in pixels, if the data set has a fixed size.
        label: Column of the labels; if empty, one of LABELS.
        coarse: Column of the superclass labels, if there are any.

    Raises:
        DataError: If files are damaged, or labels or splits are missing.
        ConfigError: If a test fraction is given and there is a test split.
    """
    parts, notes = _parts(source), []
    split = {role: _Rows(files, label) for role, files in parts.items()}
    held = next((role for role in ("test", "val") if role in split and split[role].labelled), None)
    unlabelled = [role for role in ("test", "val") if role in split and not split[role].labelled]
    if unlabelled:
        notes.append(f"{' and '.join(unlabelled)} left out: without labels")
    if held == "val":
        notes.append("the test split is the validation split of the source")
    elif "val" in split and split["val"].labelled:
        notes.append("validation was left out: test is the test split, and validation is carved out of train")
    if "train" not in split:
        raise DataError(
            "missing-file",
            f"holds no train split, found {', '.join(sorted(split))}; give all its files",
            path=source,
        )
    if held is not None and wanted.test_fraction is not None:
        raise ConfigError(
            "conflict", f"{source} has a test split; leave --test-fraction out", key="--test-fraction"
        )
    kept = [split["train"], *([split[held]] if held is not None else [])]
    names, labels = _names_and_labels(kept, notes)
    rows: dict[str, Sequence[Encoded]] = {"train": kept[0], "test": kept[-1]}
    by_split = {"train": labels[0], "test": labels[-1]}
    if held is None:
        mask = held_out(labels[0].tolist(), wanted.test_fraction, names, source)
        assert wanted.test_fraction is not None, "held_out asks for it"
        notes.append(holdout_note(wanted.test_fraction))
        for role, some in (("train", ~mask), ("test", mask)):
            rows[role], by_split[role] = kept[0].only(some), labels[0][some]
    side = size or wanted.size or decoding.side(kept[0].again(), kept[0].total)
    if wanted.size is not None and size is None:
        notes.append(f"images resized to {side} px where they had another size")
    report = decoding.Report(background=wanted.background or WHITE)
    superclass_names, superclass_of = _superclasses(kept, labels, coarse, len(names)) if coarse else ((), ())
    return Content(
        size=side,
        class_names=tuple(names),
        splits=splits_of(
            {role: (rows[role], by_split[role].tolist(), None) for role in ("train", "test")},
            report,
            size=side,
            exact=size is not None or wanted.size is None,
        ),
        superclass_names=superclass_names,
        superclass_of=superclass_of,
        notes=(*notes, *class_notes(names)),
        late_notes=report.notes,
        made_with=wanted.made_with(divided=held is None),
    )


def _parts(source: Path) -> dict[str, list[Path]]:
    """Files by role, by the first word of their name or folder; a single file is train."""
    parts: dict[str, list[Path]] = {}
    files = files_in(source)
    for file in files:
        around = (file.stem, *(p.name for p in file.parents if p.is_relative_to(source)))
        words = [re.split(r"[-_.]", name.lower())[0] for name in around]
        role = next((role for word in words for role, known in SPLITS.items() if word in known), None)
        if role is None and len(files) > 1:
            raise DataError(
                "wrong-format",
                "is neither named train, test or validation, nor in a folder of that name; rename it",
                path=file,
            )
        parts.setdefault(role or "train", []).append(file)
    return parts


class _Rows(Sequence[Encoded]):
    """Images of several Parquet files as one sequence; slices must be requested in order.

    Attributes:
        values: Labels as stored.
        names: Class names from the files' metadata.
        labelled: Whether any label is neither missing nor -1.
    """

    def __init__(self, files: Sequence[Path], label: str) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.files = files
        self.keep: np.ndarray | None = None
        self.columns: list[pa.ChunkedArray] = []
        self.tables = []
        try:
            for file in files:
                opened = parquet.ParquetFile(file)
                self.tables.append(opened)
                self.image, name = (
                    _column(opened, IMAGES, file),
                    _column(opened, (label,) if label else LABELS, file),
                )
                self.columns.append(opened.read([name])[name])
                self.names = _names(opened.schema_arrow, name)
                self.kind = opened.schema_arrow.field(name).type
        except (pa.ArrowException, OSError) as problem:
            raise _damaged(file, problem) from problem
        self.values = pa.chunked_array(
            [chunk for column in self.columns for chunk in column.chunks], self.kind
        )
        self.total = len(self.values)
        valid = self.values.drop_null()
        self.labelled = len(valid) > 0 and not (pa.types.is_integer(self.kind) and max(valid.to_pylist()) < 0)
        self._rest: Iterator[Encoded] | None = None
        self._at = 0

    def __len__(self) -> int:
        return self.total if self.keep is None else int(self.keep.sum())

    def only(self, keep: np.ndarray) -> "_Rows":
        """Restricts to some rows, bool (n,)."""
        other = object.__new__(_Rows)
        other.__dict__ = {**self.__dict__, "keep": keep, "_rest": None, "_at": 0}
        return other

    def again(self) -> Iterator[Encoded]:
        """Iterates over the images from the first one, whatever was read before."""
        return self._read()

    def column(self, name: str) -> list[Any]:
        """Values of another column.

        Raises:
            DataError: If it is missing.
        """
        return [
            v
            for t, f in zip(self.tables, self.files, strict=True)
            for v in t.read([_column(t, (name,), f)])[name].to_pylist()
        ]

    @overload
    def __getitem__(self, at: int) -> Encoded: ...
    @overload
    def __getitem__(self, at: slice) -> list[Encoded]: ...
    def __getitem__(self, at: int | slice) -> Encoded | list[Encoded]:
        assert isinstance(at, slice) and at.start == self._at, "images are read in their order"
        if self._rest is None:
            self._rest = self._read()
        found = list(itertools.islice(self._rest, min(at.stop, len(self)) - at.start))
        self._at += len(found)
        return found

    def _read(self) -> Iterator[Encoded]:
        import pyarrow as pa

        row = -1
        for file, table in zip(self.files, self.tables, strict=True):
            try:
                for batch in table.iter_batches(batch_size=256, columns=[self.image]):
                    for value in batch.column(0).to_pylist():
                        row += 1
                        if self.keep is not None and not self.keep[row]:
                            continue
                        content = value.get("bytes") if isinstance(value, dict) else value
                        path = value.get("path") if isinstance(value, dict) else None
                        name = f"{file}, row {row}" + (f" ({path})" if path else "")
                        yield Encoded(name, content if isinstance(content, bytes) else b"")
            except (pa.ArrowException, OSError) as problem:
                raise _damaged(file, problem) from problem


def _column(table: Any, known: Sequence[str], file: Path) -> str:
    there = table.schema_arrow.names
    found = next((name for name in known if name in there), None)
    if found is None:
        raise DataError(
            "missing-key", f"has no column {' or '.join(known)}, found {listing.few(there)}", path=file
        )
    return found


def _damaged(file: Path, problem: Exception) -> DataError:
    return DataError(
        "damaged-file",
        f"cannot be read as Parquet ({' '.join(str(problem).split())}); get it again",
        path=file,
    )


def _names(schema: Any, label: str) -> list[str] | None:
    """Class names in the metadata that `datasets` writes, if present."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return None
    return about if isinstance(about, list) and about and all(isinstance(n, str) for n in about) else None


def _names_and_labels(kept: Sequence[_Rows], notes: list[str]) -> tuple[list[str], list[np.ndarray]]:
    """Class names, and labels of each part, int64 (n,)."""
    values = [rows.values.to_pylist() for rows in kept]
    for rows, some in zip(kept, values, strict=True):
        wrong = next((i for i, v in enumerate(some) if type(v) not in (int, str)), None)
        if wrong is not None:
            raise DataError(
                "wrong-type",
                f"label of row {wrong} is {some[wrong]!r}, expected a number or a name",
                path=rows.files[0],
            )
    kinds = {type(v) for some in values for v in some}
    if len(kinds) > 1:
        raise DataError(
            "inconsistent",
            "has labels that are numbers and labels that are names; expected one",
            path=kept[0].files[0],
        )
    if kinds == {str}:
        names = sorted({v for some in values for v in some})
        place = {name: i for i, name in enumerate(names)}
        return names, [np.array([place[v] for v in some], np.int64) for some in values]
    named = next((rows.names for rows in kept if rows.names is not None), None)
    if named is None:
        named = [str(i) for i in range(max(max(some) for some in values) + 1)]
        notes.append("the files do not name their classes, which are called by their numbers")
    return named, [np.array(some, np.int64) for some in values]


def _superclasses(
    kept: Sequence[_Rows], labels: Sequence[np.ndarray], column: str, n_classes: int
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of superclasses, and that of each class. Raises DataError for a class in two superclasses."""
    groups = [np.array(rows.column(column), np.int64) for rows in kept]
    table = kept[0].tables[0]
    names = _names(table.schema_arrow, column) or [str(i) for i in range(max(g.max() for g in groups) + 1)]
    pairs = np.unique(np.stack([np.concatenate(labels), np.concatenate(groups)], axis=1), axis=0)
    of = dict(pairs.tolist())
    if len(of) != len(pairs) or not all(0 <= group < len(names) for group in of.values()):
        raise DataError(
            "inconsistent",
            "has a class in two superclasses, or a superclass without a name",
            path=kept[0].files[0],
        )
    return tuple(names), tuple(of.get(i, 0) for i in range(n_classes))
