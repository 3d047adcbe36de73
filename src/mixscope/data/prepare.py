"""From a name to a prepared data set: find the source, unpack it, read it, pack it.

What does not belong here: how to download (download.py), to unpack (archives.py), to read (formats.py) and
to pack (store.py).
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mixscope.data import archives, cues, download, formats
from mixscope.data.store import Progress, Store, clear_leftovers, is_prepared, write
from mixscope.errors import ConfigError, DataError, unknown


def prepare(
    name: str,
    *,
    root: Path,
    source: Path | None = None,
    size: int | None = None,
    called: str | None = None,
    progress: Progress | None = None,
) -> Store:
    """Decodes a data set once into ROOT/NAME; what is prepared already is left as it is.

    source: an archive, or a folder already unpacked; without it the set is downloaded from its home. Of cues,
    a file of dials. called: another name for what is prepared, so that one set may be there in several forms.
    Raises ConfigError for a name that is not known or taken, DataError for everything wrong with the data.
    """
    if name not in formats.SETS:
        raise ConfigError(
            unknown("data.name", "data set", name, formats.SETS) + ". `mixscope data list` shows them"
        )
    if size is not None and size < 1:
        raise ConfigError(f"--size: expected 1 pixel or more, got {size}")
    spec, place = formats.SETS[name], name if called is None else _free(called)
    if is_prepared(root, place):
        there = Store.open(root, place)
        if spec.dials is None:
            return _same(there, root, source, size)
        cues.compare(there, cues.chosen(spec.dials, source, size))
        return there
    if spec.embedded:
        if source is not None and spec.dials is None:
            raise ConfigError(f"{name} is embedded in a dependency; leave --source out")
        content = spec.read(source or root, size)
        return write(content, root=root, name=place, source={"embedded": True}, progress=progress)
    if source is not None:
        source = source.expanduser()
        if not source.exists():
            raise DataError(f"{source}: does not exist; --source takes an archive or an unpacked folder")
    else:
        source = _downloaded(name, spec.download, root, progress)
    root.mkdir(parents=True, exist_ok=True)
    with _unpacked(source, spec, root, progress) as folder:
        content = spec.read(folder, size)
        return write(content, root=root, name=place, source=_about(source), progress=progress)


def _free(called: str) -> str:
    if called in formats.SETS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", called):
        raise ConfigError(
            f"--as {called}: becomes a folder: letters, digits, dot, hyphen and underscore only, and no name"
            " that `mixscope data list` shows"
        )
    return called


def _same(store: Store, root: Path, source: Path | None, size: int | None) -> Store:
    """The store that is there, if it was made from what is asked for now. Raises DataError."""
    if source is not None and not source.expanduser().exists():
        raise DataError(f"{source}: does not exist; --source takes an archive or an unpacked folder")
    told = []
    if source is not None and _about(source.expanduser()) != store.manifest["source"]:
        told.append(f"from another source than {source}")
    if size is not None and size != store.size:
        told.append(f"at {store.size} px, not {size}")
    if told:
        raise DataError(
            f"{store.name} is prepared already in {root}, {' and '.join(told)}; use another --root, or remove"
            f" {root / store.name} to prepare it anew"
        )
    return store


def _downloaded(name: str, where: formats.Download | None, root: Path, progress: Progress | None) -> Path:
    if where is None:
        raise DataError(f"{name} has no home to download from; give --source with an archive or a folder")
    folder = root / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    return download.fetch(
        where.urls,
        folder / where.file,
        size=where.size,
        md5=where.md5,
        sha256=where.sha256,
        progress=progress,
    )


@contextmanager
def _unpacked(source: Path, spec: formats.SetSpec, root: Path, progress: Progress | None) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    clear_leftovers(root, ".unpacking-{pid}")
    place = root / f".unpacking-{os.getpid()}"
    place.mkdir()
    try:
        archives.unpack(
            source, place / "content", max_files=spec.max_files, max_bytes=spec.max_bytes, progress=progress
        )
        yield place / "content"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _about(source: Path) -> dict[str, Any]:
    """For the manifest: name and sha256 of an archive; of a folder, the sha256 of its names and sizes."""
    if source.is_file():
        with source.open("rb") as stream:
            return {"file": source.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    digest = hashlib.sha256()
    files = sorted(p for p in source.rglob("*") if p.is_file())
    for file in files:
        digest.update(f"{file.relative_to(source).as_posix()} {file.stat().st_size}\n".encode())
    return {"folder": source.name, "files": len(files), "names_and_sizes_sha256": digest.hexdigest()}
