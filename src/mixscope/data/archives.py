"""Archives from strangers, unpacked without giving them any power.

An archive is unpacked into a hidden folder beside its place and takes its name when all of it is there: plain
files and folders only, never outside, never more than was allowed, whatever the headers declare. What a tar
member may be is decided by the standard library's data filter.
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
_COMPRESSED: dict[bytes, Callable[[IO[bytes]], Any]] = {  # tar files, by their first bytes
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_NOT_READ = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"\x28\xb5\x2f\xfd": "zstd"}

# What the readers below raise for a damaged archive; OSError covers gzip's complaints and the disk's.
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(OverflowError, RecursionError, NotImplementedError, IndexError),
)


class _Member(NamedTuple):
    """name: as the archive has it. size: declared, in bytes; None for a folder. chunks: its bytes."""

    name: str
    size: int | None
    chunks: Iterator[bytes]


def unpack(
    archive: Path, into: Path, *, max_files: int, max_bytes: int, progress: Progress | None = None
) -> list[str]:
    """Unpacks a zip, tar, tar.gz, tar.bz2 or tar.xz file, told by its first bytes, into a new folder.

    Files get the permissions and times of new files, not the archive's. Backslashes in the names of a zip
    file are separators, as Windows tools mean them.

    Args:
        max_files: Most members, folders included.
        max_bytes: Most bytes that members declare and that they really unpack to.
        progress: Gets the bytes of the archive that were read, and its size.

    Returns:
        Names of the symbolic links in a tar file, which lead to places inside it and are left out.

    Raises:
        DataError: And leaves no `into`: for members that are devices or sparse files, lead outside or come
            twice; for a damaged or truncated archive; for one that exceeds a bound or the disk; and when
            `into` is there already.
    """
    if into.exists():
        raise DataError("is there already; remove it, or unpack into another folder", path=into)
    links: list[str] = []
    try:
        with archive.open("rb") as raw, _appearing(into) as folder:
            total = archive.stat().st_size
            first = raw.read(8)
            raw.seek(0)
            if kind := next((kind for magic, kind in _NOT_READ.items() if first.startswith(magic)), None):
                raise DataError(
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
                        f"has more than the {max_files:,} files and folders allowed", path=archive
                    )
                for size in _write(member, archive, folder, max_bytes - written):
                    written += size
                    if progress is not None:
                        progress(raw.tell(), total)
            if progress is not None:
                progress(total, total)
    except OSError as error:
        raise DataError(f"cannot be unpacked into {into}: {error.strerror or error}", path=archive) from error
    return links


@contextmanager
def _appearing(into: Path) -> Iterator[Path]:
    """An empty folder beside `into` that takes its name when the block ends without an error."""
    folder = into.with_name(f".{into.name}.{os.getpid()}.part")
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed and had our number
    folder.mkdir(parents=True)
    try:
        yield folder
        folder.rename(into)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _write(member: _Member, archive: Path, folder: Path, allowed: int) -> Iterator[int]:
    """Writes one member, and yields the size of each piece: what arrives counts, not what was declared."""
    place = folder.joinpath(*_parts(member.name, archive))
    where = f"{archive}: member {member.name!r}"
    if member.size is not None and not 0 <= member.size <= allowed:
        raise DataError(f"{where} goes beyond the bytes allowed; this is not the archive it should be")
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
        raise DataError(f"{where} comes twice, or as a file and as a folder") from error
    except OSError as error:
        raise DataError(f"{where} cannot be written: {error.strerror or error}") from error
    if written != member.size:
        found = "more" if written > member.size else f"{written:,}"
        raise DataError(f"{where} declares {member.size:,} bytes and has {found}; get the archive again")


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    """The parts of a member's name, none of which leads out of the folder."""
    parts = PurePosixPath(name).parts
    odd = (
        name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name)
    )
    if odd or len(parts) > _DEPTH:
        raise DataError(
            f"member {name!r} is refused, its name is no plain path below the archive's folder", path=archive
        )
    return parts


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turns what the standard library says of a damaged archive into one sentence."""
    try:
        yield
    except DataError:
        raise
    except tarfile.FilterError as error:
        raise DataError(f"member {error.tarinfo.name!r} is refused ({error})", path=archive) from error
    except _DAMAGED as error:
        raise DataError(
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
                f"declares {len(infos):,} members of {declared:,} bytes, "
                f"more than the {max_files:,} and {max_bytes:,} allowed",
                path=archive,
            )
        need_room(folder.parent, declared)
        for info in infos:
            where, name = f"{archive}: member {info.filename!r}", info.filename.replace("\\", "/")
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"{where} is a link or a device; only files and folders are unpacked")
            if info.flag_bits & 1:
                raise DataError(f"{where} is encrypted; unpack the archive yourself and give the folder")
            # Others are not bounded by the library: a few of their bytes may unpack to very many at once.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{where} is compressed in another way than deflate; pack it again")
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
                        f"member {info.name!r} is a sparse file; pack it again without", path=archive
                    )
                tarfile.data_filter(info, str(folder))
                if info.issym():
                    links.append(info.name)
                    if len(links) > max_files:
                        raise DataError(f"has more than the {max_files:,} files allowed", path=archive)
                elif info.islnk():
                    copied = folder.joinpath(*_parts(info.linkname, archive))
                    if not copied.is_file():
                        raise DataError(f"member {info.name!r} is a link to no earlier file", path=archive)
                    with copied.open("rb") as file:
                        yield _Member(info.name, copied.stat().st_size, _pieces(file, archive))
                elif info.isdir():
                    yield _Member(info.name, None, iter(()))
                else:
                    content = source.extractfile(info)
                    assert content is not None, "the filter lets files pass, links and folders"
                    yield _Member(info.name, info.size, _pieces(content, archive))
        # The library takes a broken or missing header for the end; a whole archive ends with empty blocks.
        if meter.last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends without an end mark")
        # The checksums of gzip, bz2 and xz come last, and are compared only when all has been read.
        while meter.read(_CHUNK):
            pass


def _pieces(file: IO[bytes], archive: Path) -> Iterator[bytes]:
    with _reading(archive):
        while chunk := file.read(_CHUNK):
            yield chunk


class _Meter(io.BufferedIOBase):
    """A stream that goes forward only, in bounded steps, to a bounded end.

    The tar reader would otherwise hold a header of any declared length in memory, and follow a
    negative length back to where it came from.
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
