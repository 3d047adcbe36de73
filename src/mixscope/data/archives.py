"""Unpacks untrusted archives safely.

An archive is unpacked into a hidden folder beside its destination and renamed when complete. Only plain files
and folders are written, never outside the folder and never more than the limits allow, whatever the headers
declare. Allowed tar members are decided by the standard library's data filter.
"""

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from mixscope.data.disk import need_room
from mixscope.data.download import Progress
from mixscope.errors import DataError

_CHUNK = 1 << 20  # also the longest header a tar file may have
_DEPTH = 32  # folders in a member's name
_OVERHEAD = 4096  # bytes of headers and padding that one tar member may need
_ZIP = (b"PK\3\4", b"PK\5\6")
_COMPRESSED: dict[bytes, Callable[[IO[bytes]], Any]] = {  # compressed tar files by their first bytes
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_NOT_READ = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"\x28\xb5\x2f\xfd": "zstd"}

# Raised by the readers below for a damaged archive; OSError covers gzip and the disk.
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(OverflowError, RecursionError, NotImplementedError, IndexError),
)


class _Member(NamedTuple):
    """A member of an archive.

    Attributes:
        name: As in the archive.
        size: Declared size in bytes; None for a folder.
        chunks: Its bytes.
    """

    name: str
    size: int | None
    chunks: Iterator[bytes]


def unpack(
    archive: Path, into: Path, *, max_files: int, max_bytes: int, progress: Progress | None = None
) -> list[str]:
    """Unpacks a zip, tar, tar.gz, tar.bz2 or tar.xz file, recognized by its first bytes, into a new folder.

    Files get default permissions and times, not the archive's. Backslashes in names of a zip file are
    separators, as Windows tools write them.

    Args:
        archive: The archive.
        into: Folder to create.
        max_files: Largest number of members, folders included.
        max_bytes: Largest number of bytes, both declared and actually unpacked.
        progress: Called with the bytes of the archive read so far, and its size.

    Returns:
        Names of symbolic links in a tar file that point inside it; they are skipped.

    Raises:
        DataError: If a member is a device or sparse file, points outside or occurs twice; if the archive is
            damaged or truncated, exceeds a limit or the disk; or if `into` exists. Then `into` is not
            created.
    """
    if into.exists():
        raise DataError(
            "already-exists", "already exists; remove it, or unpack into another folder", path=into
        )
    links: list[str] = []
    try:
        with archive.open("rb") as raw, _appearing(into) as folder:
            total = archive.stat().st_size
            first = raw.read(8)
            raw.seek(0)
            if kind := next((kind for magic, kind in _NOT_READ.items() if first.startswith(magic)), None):
                raise DataError(
                    "unsupported",
                    f"is a {kind} file, which is not read; unpack it yourself and give the folder",
                    path=archive,
                )
            if first.startswith(_ZIP):
                members = _zip_members(raw, archive, folder, max_files, max_bytes)
            else:
                need_room(folder.parent, total)  # a tar file does not declare its sum; it will not shrink
                members = _tar_members(raw, first, archive, folder, max_files, max_bytes, links)
            count, written = 0, 0
            for member in members:
                count += 1
                if count > max_files:
                    raise DataError(
                        "unsafe-file",
                        f"has more than the {max_files:,} files and folders allowed",
                        path=archive,
                    )
                for size in _write(member, archive, folder, max_bytes - written):
                    written += size
                    if progress is not None:
                        progress(raw.tell(), total)
            if progress is not None:
                progress(total, total)
    except OSError as error:
        raise DataError(
            "no-access", f"cannot be unpacked into {into}: {error.strerror or error}", path=archive
        ) from error
    return links


@contextmanager
def _appearing(into: Path) -> Iterator[Path]:
    """Yields an empty folder beside `into`, renamed to it when the block ends without an error."""
    folder = into.with_name(f".{into.name}.{os.getpid()}.part")
    shutil.rmtree(folder, ignore_errors=True)  # left by a killed process with the same id
    folder.mkdir(parents=True)
    try:
        yield folder
        folder.rename(into)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _write(member: _Member, archive: Path, folder: Path, allowed: int) -> Iterator[int]:
    """Writes one member and yields the size of each piece; actual bytes count, not the declared size."""
    place = folder.joinpath(*_parts(member.name, archive))
    where = f"member {member.name!r}"
    if member.size is not None and not 0 <= member.size <= allowed:
        raise DataError(
            "unsafe-file",
            f"{where} goes beyond the bytes allowed; this is not the archive it should be",
            path=archive,
        )
    written = 0
    try:
        if member.size is None:
            place.mkdir(parents=True, exist_ok=True)
            return
        need_room(folder.parent, member.size)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            for chunk in member.chunks:
                written += len(chunk)
                if written > member.size:
                    break
                file.write(chunk)
                yield len(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError(
            "duplicate", f"{where} comes twice, or as a file and as a folder", path=archive
        ) from error
    except OSError as error:
        raise DataError(
            "no-access", f"{where} cannot be written: {error.strerror or error}", path=archive
        ) from error
    if written != member.size:
        found = "more" if written > member.size else f"{written:,}"
        raise DataError(
            "damaged-file",
            f"{where} declares {member.size:,} bytes and has {found}; get the archive again",
            path=archive,
        )


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    """The components of a member's name, none of which leads outside the folder."""
    parts = PurePosixPath(name).parts
    odd = (
        name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name)
    )
    if odd or len(parts) > _DEPTH:
        raise DataError(
            "unsafe-file",
            f"member {name!r} is refused, its name is no plain path below the archive's folder",
            path=archive,
        )
    return parts


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Converts the standard library's errors for damaged archives into a DataError."""
    try:
        yield
    except DataError:
        raise
    except tarfile.FilterError as error:
        raise DataError(
            "unsafe-file", f"member {error.tarinfo.name!r} is refused ({error})", path=archive
        ) from error
    except _DAMAGED as error:
        raise DataError(
            "wrong-format",
            f"is no zip, tar, tar.gz, tar.bz2 or tar.xz archive, or is damaged or truncated "
            f"({error or type(error).__name__}); get it again",
            path=archive,
        ) from error


def _zip_members(
    raw: IO[bytes], archive: Path, folder: Path, max_files: int, max_bytes: int
) -> Iterator[_Member]:
    with _reading(archive), zipfile.ZipFile(raw) as source:
        infos = source.infolist()
        declared = sum(info.file_size for info in infos)
        if len(infos) > max_files or declared > max_bytes:
            raise DataError(
                "unsafe-file",
                f"declares {len(infos):,} members of {declared:,} bytes, "
                f"more than the {max_files:,} and {max_bytes:,} allowed",
                path=archive,
            )
        need_room(folder.parent, declared)
        for info in infos:
            where, name = f"member {info.filename!r}", info.filename.replace("\\", "/")
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(
                    "unsafe-file",
                    f"{where} is a link or a device; only files and folders are unpacked",
                    path=archive,
                )
            if info.flag_bits & 1:
                raise DataError(
                    "unsupported",
                    f"{where} is encrypted; unpack the archive yourself and give the folder",
                    path=archive,
                )
            # The library does not bound other methods: a few bytes may unpack to very many at once.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(
                    "unsupported",
                    f"{where} is compressed in another way than deflate; pack it again",
                    path=archive,
                )
            if name.endswith("/"):
                yield _Member(name, None, iter(()))
                continue
            with source.open(info) as file:
                yield _Member(name, info.file_size, _pieces(file, archive))


def _tar_members(
    raw: IO[bytes],
    first: bytes,
    archive: Path,
    folder: Path,
    max_files: int,
    max_bytes: int,
    links: list[str],
) -> Iterator[_Member]:
    with _reading(archive):
        plain = next((read(raw) for magic, read in _COMPRESSED.items() if first.startswith(magic)), raw)
        meter = _Meter(plain, max_bytes + max_files * _OVERHEAD + _CHUNK)
        with tarfile.TarFile(fileobj=meter) as source:
            for info in source:
                _parts(info.name, archive)
                if info.issparse():
                    raise DataError(
                        "unsupported",
                        f"member {info.name!r} is a sparse file; pack it again without",
                        path=archive,
                    )
                tarfile.data_filter(info, str(folder))
                if info.issym():
                    links.append(info.name)
                    if len(links) > max_files:
                        raise DataError(
                            "unsafe-file", f"has more than the {max_files:,} files allowed", path=archive
                        )
                elif info.islnk():
                    copied = folder.joinpath(*_parts(info.linkname, archive))
                    if not copied.is_file():
                        raise DataError(
                            "unsafe-file", f"member {info.name!r} is a link to no earlier file", path=archive
                        )
                    with copied.open("rb") as file:
                        yield _Member(info.name, copied.stat().st_size, _pieces(file, archive))
                elif info.isdir():
                    yield _Member(info.name, None, iter(()))
                else:
                    content = source.extractfile(info)
                    assert content is not None, "the filter lets files pass, links and folders"
                    yield _Member(info.name, info.size, _pieces(content, archive))
        # The library treats a broken header as the end; a complete archive ends with empty blocks.
        if meter.last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends without an end mark")
        # The checksums of gzip, bz2 and xz are at the end and checked only when everything is read.
        while meter.read(_CHUNK):
            pass


def _pieces(file: IO[bytes], archive: Path) -> Iterator[bytes]:
    with _reading(archive):
        while chunk := file.read(_CHUNK):
            yield chunk


class _Meter(io.BufferedIOBase):
    """A forward-only stream with bounded reads and a bounded length.

    Otherwise the tar reader would hold a header of any declared length in memory, and would seek backwards
    for a negative length.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self.stream = stream
        self.limit = limit
        self.position = 0
        self.last = b""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _CHUNK:
            raise tarfile.ReadError(f"a header declares {size} bytes")
        self.last = self.stream.read(size)
        self.position += len(self.last)
        if self.position > self.limit:
            raise tarfile.ReadError(f"it unpacks to more than {self.limit:,} bytes")
        return self.last

    def tell(self) -> int:
        return self.position

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < self.position:
            raise tarfile.ReadError("a header leads backwards")
        while self.position < position and self.read(min(position - self.position, _CHUNK)):
            pass
        return self.position
