"""Prepares a data set by name: finds the source, unpacks, reads and stores it."""

import dataclasses
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mixscope.atomic import is_full
from mixscope.data import archives, cue_store, cues, download, formats
from mixscope.data.content import WHITE, Content, Wanted
from mixscope.data.disk import appearing
from mixscope.data.listing import is_junk
from mixscope.data.readers.image_files import check_fraction
from mixscope.data.readers.parquet import is_parquet
from mixscope.data.store import Progress, Store, check_name, expanded, is_prepared, make_root
from mixscope.data.store_writer import fill
from mixscope.errors import ConfigError, DataError, RunFailed


def prepare(
    name: str,
    *,
    root: Path,
    source: Path | None = None,
    size: int | None = None,
    called: str | None = None,
    test_fraction: float | None = None,
    background: str | None = None,
    progress: Progress | None = None,
) -> Store:
    """Decodes a data set once into ROOT/NAME; a prepared data set is left as it is.

    Args:
        name: Name of a known data set, or "imagefolder".
        root: Folder of prepared data sets.
        source: Archive or unpacked folder; None downloads the data set. For cues, a file of parameters.
        size: Side of the prepared images in pixels; a data set with a fixed size is resized under another
            name.
        called: Another name for the prepared data set, to keep several versions of one set.
        test_fraction: Fraction of each class held out as the test split of an image folder without one.
        background: Colour behind transparent pixels of an image folder, as "#rrggbb"; None for white.
        progress: Called with bytes done and total bytes (None while unknown).

    Returns:
        The prepared data set.

    Raises:
        ConfigError: If a name is unknown or taken, or a size, fraction or colour is invalid.
        DataError: If the data are missing, damaged or do not fit on the disk.
        RunFailed: If a decoding process is killed.
    """
    check_name(root, name)
    spec, place = formats.SETS.get(name), name if called is None else _free(called)
    if size is not None and called is None and not (spec is not None and spec.resizable):
        raise ConfigError(
            "conflict",
            f"{name} has a fixed size; give the resized set another name: --as {name}-{size}px"
            if spec is not None
            else f"{name} is prepared already; give the set that it was made from, and --as",
            key="--size",
        )
    if size is not None and not 1 <= size <= formats.LARGEST_SIDE:
        raise ConfigError(
            "out-of-range", f"expected 1 to {formats.LARGEST_SIDE:,} pixels, got {size}", key="--size"
        )
    if test_fraction is not None:
        if spec is None or not spec.divisible:
            raise ConfigError(
                "conflict", f"{name} has a test split; it is for imagefolder", key="--test-fraction"
            )
        check_fraction(test_fraction)
    if background is not None:
        if spec is None or not spec.divisible:
            raise ConfigError(
                "conflict", f"{name} has no transparent pixels; it is for imagefolder", key="--background"
            )
        if not re.fullmatch("#[0-9a-fA-F]{6}", background):
            raise ConfigError(
                "wrong-type",
                f"expected a colour as '#rrggbb', for instance '#000000', got {background}",
                key="--background",
            )
        background = background.lower()
    wanted = Wanted(size=size, test_fraction=test_fraction, background=background)
    source = None if source is None else expanded(source)
    if source is not None:
        _check_source(source)
    make_root(root)
    if spec is None:
        if called is not None:
            raise ConfigError(
                "conflict",
                f"--as {called}: {name} is prepared already; give the set that it was made from",
                key="--as",
            )
        return _same(Store.open(root, name), root, source, wanted)
    try:
        if is_prepared(root, place):
            return _there(name, place, spec, root, source, wanted)
        with appearing(root / place) as folder:
            _make(folder, name, place, spec, root, source, wanted, progress)
        return Store.open(root, place)
    except OSError as problem:
        if problem.errno == errno.EFBIG:
            raise DataError(
                "no-space",
                "a file would be larger than this shell allows; raise `ulimit -f`, or give another --root",
                path=root,
            ) from problem
        if is_full(problem):
            raise
        where = problem.filename or root
        raise DataError(
            "no-access",
            f"cannot be read or written ({problem.strerror or problem}); check its permissions",
            path=where,
        ) from problem
    except BrokenProcessPool as problem:
        raise RunFailed(
            "out-of-memory",
            f"{name}: a process that decodes images was killed, most likely for its memory; prepare it again"
            " with fewer other programs running",
        ) from problem


def _there(
    name: str, place: str, spec: formats.SetSpec, root: Path, source: Path | None, wanted: Wanted
) -> Store:
    """Returns the existing store if it was made from the same source and settings.

    Raises ConfigError, DataError.
    """
    there = Store.open(root, place)
    if (made_of := there.manifest.get("set", name)) != name:
        raise ConfigError(
            "already-exists",
            f"{place} is prepared already in {root}, from {made_of}; give another --as",
            path=root / place,
            place="",
        )
    if spec.parameters is None:
        return _same(there, root, source, wanted)
    cue_store.compare(there, cues.chosen(spec.parameters, source, wanted.size))
    return there


def _make(
    into: Path,
    name: str,
    place: str,
    spec: formats.SetSpec,
    root: Path,
    source: Path | None,
    wanted: Wanted,
    progress: Progress | None,
) -> None:
    if spec.embedded:
        if source is not None and spec.parameters is None:
            raise ConfigError(
                "conflict", f"{name} is embedded in a dependency; leave --source out", key="--source"
            )
        if source is not None and not source.is_file():
            raise ConfigError(
                "wrong-format", f"{source} is a folder; {name} takes a file of parameters", key="--source"
            )
        content = formats.read(spec, source or root, wanted)
        fill(into, content, name=place, of=name, source={"embedded": True}, progress=progress)
        return
    if source is None:
        source = _downloaded(name, spec.download, root, into, progress)
    with _unpacked(source, spec, into / "unpacked", progress) as (folder, notes):
        content = formats.read(spec, folder, wanted)
        archive = _strange_archive(source, spec.download)
        every = (*content.notes, *notes, *_strange_counts(content, spec), *archive)
        content = dataclasses.replace(content, notes=every)
        fill(into, content, name=place, of=name, source=_about(source), progress=progress)


def _free(called: str) -> str:
    if called in formats.SETS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", called):
        raise ConfigError(
            "wrong-type",
            f"--as {called}: becomes a folder: letters, digits, dot, hyphen and underscore only, and no name"
            " that `mixscope data list` shows",
            key="--as",
        )
    return called


def _check_source(source: Path) -> None:
    if not source.exists():
        raise DataError(
            "missing-file", "does not exist; --source takes an archive or an unpacked folder", path=source
        )
    if not source.is_file() and not source.is_dir():
        raise DataError(
            "wrong-format",
            "is neither a file nor a folder; --source takes an archive or a folder",
            path=source,
        )


def _strange_counts(content: Content, spec: formats.SetSpec) -> Iterator[str]:
    """A sentence for each split without the official number of images: a sample, or a truncated source."""
    for split, official in (spec.images or {}).items():
        count = content.splits[split].count
        if count < official:
            yield f"{split} has {count:,} of the official {official:,} images"
        elif count > official:
            yield f"{split} has {count:,} images, more than the official {official:,}"


def _strange_archive(source: Path, published: formats.Download | None) -> Iterator[str]:
    """A sentence for an archive that is not one of those published."""
    if published is None or not source.is_file():
        return
    with source.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    expected = (published.md5, *published.other_md5)
    if found not in expected:
        yield (f"{source.name} is not the published archive (md5 {found}, published {' or '.join(expected)})")


def _same(store: Store, root: Path, source: Path | None, wanted: Wanted) -> Store:
    """Returns the existing store if it was made from the same source and settings. Raises DataError."""
    differences = []
    made_of = store.manifest["source"]
    if source is not None and _about(source).items() - made_of.items():
        differences.append(f"from another source than {source}")
    if wanted.size is not None and wanted.size != store.size:
        differences.append(f"at {store.size} px, not {wanted.size}")
    if wanted.test_fraction is not None and wanted.test_fraction != made_of.get("test_fraction"):
        differences.append(
            f"with a test fraction of {made_of.get('test_fraction')}, not {wanted.test_fraction}"
        )
    if wanted.background is not None and wanted.background != made_of.get("background", WHITE):
        differences.append(
            f"with transparent pixels on {made_of.get('background', WHITE)}, not {wanted.background}"
        )
    if differences:
        raise DataError(
            "already-exists",
            f"{store.name} is prepared already in {root}, {' and '.join(differences)}; give another name"
            f" with --as, or remove {root / store.name} to prepare it anew",
            path=root / store.name,
            place="",
        )
    return store


def _downloaded(
    name: str, where: formats.Download | None, root: Path, work: Path, progress: Progress | None
) -> Path:
    if where is None:
        raise DataError(
            "missing-key",
            f"{name} has no home to download from; give --source with an archive or a folder",
            key="--source",
            place="",
        )
    folder = root / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    return download.fetch(
        where.urls,
        folder / where.file,
        size=where.size,
        sha256=where.sha256,
        progress=progress,
        work=work,
    )


@contextmanager
def _unpacked(
    source: Path, spec: formats.SetSpec, into: Path, progress: Progress | None
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yields the folder that `source` is or is unpacked to during the block, and notes."""
    if source.is_dir() or is_parquet(source):
        yield source, ()
        return
    try:
        links = archives.unpack(
            source, into, max_files=spec.max_files, max_bytes=spec.max_bytes, progress=progress
        )
        note = f"symbolic links in the archive left out: {len(links):,}, the first is {''.join(links[:1])}"
        yield into, (note,) if links else ()
    except DataError as problem:  # the path is temporary: name the archive instead
        raise problem.moved(into, source) from problem
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _about(source: Path) -> dict[str, Any]:
    """Identifies the source in the manifest.

    Returns:
        Name and sha256 of an archive, or the sha256 of a folder's names and sizes.
    """
    if source.is_file():
        with source.open("rb") as stream:
            return {"file": source.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    digest, files = hashlib.sha256(), sorted(_files(str(source), ()))
    for parts, size in files:
        digest.update(os.fsencode(f"{'/'.join(parts)} {size}\n"))
    return {"folder": source.name, "files": len(files), "names_and_sizes_sha256": digest.hexdigest()}


def _files(folder: str, ahead: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Path components and size of each file in a folder, without unreadable folders."""
    try:
        inside = os.scandir(folder)
    except PermissionError:
        return
    with inside:
        for entry in inside:
            if is_junk(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, (*ahead, entry.name))
                continue
            try:
                found = entry.stat()
            except OSError:  # a broken link
                continue
            if stat.S_ISREG(found.st_mode):
                yield (*ahead, entry.name), found.st_size
