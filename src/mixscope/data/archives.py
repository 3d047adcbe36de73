"""Archives and pickles from strangers, read without giving them any power.

An archive is unpacked into a hidden folder beside its place and takes its name when all of it is
there: plain files and folders only, never outside, never more than was allowed, whatever the
headers declare. A CIFAR pickle is read as data by a small machine that knows the few instructions
those files use; nothing in it is ever imported or called.

What does not belong here: where files come from (download.py), and what the images mean (formats.py).
"""

import gzip
import io
import lzma
import os
import pickletools
import re
import shutil
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np

from mixscope.data.disk import need_room
from mixscope.data.download import Progress
from mixscope.errors import DataError

_CHUNK = 1 << 20  # also the longest header a tar file may have
_DEPTH = 32  # folders in a member's name
_OVERHEAD = 4096  # bytes of headers and padding that one tar member may need
_PICKLE_BYTES = 1 << 28  # the largest of CIFAR's files has 155 million

# What the readers below raise for a damaged archive; OSError covers gzip's complaints and the disk's.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    IndexError,
)


class _Member(NamedTuple):
    """name: as the archive has it. size: declared, in bytes; None for a folder. chunks: its bytes."""

    name: str
    size: int | None
    chunks: Iterator[bytes]


def unpack(
    archive: Path, into: Path, *, max_files: int, max_bytes: int, progress: Progress | None = None
) -> None:
    """Unpacks a zip, tar, tar.gz or tar.xz file (told by its first bytes) into the new folder `into`.

    max_files bounds the members, folders included; max_bytes bounds what they declare and what they
    really unpack to. progress gets the bytes of the archive that were read, and its size.
    Files get the permissions and times of new files, not the archive's.

    Raises DataError, and leaves no `into`, for members that are not files or folders (links, devices),
    have a name that leads outside, or come twice; for a damaged or truncated archive; for one that
    exceeds a bound or the disk; and when `into` is there already.
    """
    if into.exists():
        raise DataError(f"{into}: is there already; remove it, or unpack into another folder")
    try:
        with archive.open("rb") as raw, _appearing(into) as folder:
            total = archive.stat().st_size
            is_zip = raw.read(4) in (b"PK\3\4", b"PK\5\6")
            raw.seek(0)
            if is_zip:
                members = _zip_members(raw, archive, folder, max_files, max_bytes)
            else:
                need_room(folder.parent, total)  # a tar file does not declare its sum; it will not shrink
                members = _tar_members(raw, archive, max_files, max_bytes)
            count, written = 0, 0
            for member in members:
                count += 1
                if count > max_files:
                    raise DataError(f"{archive}: has more than the {max_files:,} files and folders allowed")
                for size in _write(member, archive, folder, max_bytes - written):
                    written += size
                    if progress is not None:
                        progress(raw.tell(), total)
            if progress is not None:
                progress(total, total)
    except OSError as error:
        raise DataError(f"{archive}: cannot be unpacked into {into}: {error.strerror or error}") from error


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
    if (
        name.startswith("/")
        or ".." in parts
        or "\\" in name
        or "\0" in name
        or re.match(r"[A-Za-z]:", name)
        or len(parts) > _DEPTH
    ):
        raise DataError(
            f"{archive}: member {name!r} is refused, its name is no plain path below the archive's folder"
        )
    return parts


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turns what the standard library says of a damaged archive into one sentence."""
    try:
        yield
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(
            f"{archive}: is no zip, tar, tar.gz or tar.xz archive, or is damaged or truncated "
            f"({error or type(error).__name__}); get it again"
        ) from error


def _zip_members(
    raw: IO[bytes], archive: Path, folder: Path, max_files: int, max_bytes: int
) -> Iterator[_Member]:
    with _reading(archive), zipfile.ZipFile(raw) as source:
        infos = source.infolist()
        declared = sum(info.file_size for info in infos)
        if len(infos) > max_files or declared > max_bytes:
            raise DataError(
                f"{archive}: declares {len(infos):,} members of {declared:,} bytes, "
                f"more than the {max_files:,} and {max_bytes:,} allowed"
            )
        need_room(folder.parent, declared)
        for info in infos:
            where = f"{archive}: member {info.filename!r}"
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"{where} is a link or a device; only files and folders are unpacked")
            if info.flag_bits & 1:
                raise DataError(f"{where} is encrypted; unpack the archive yourself and give the folder")
            # Others are not bounded by the library: a few of their bytes may unpack to very many at once.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{where} is compressed in another way than deflate; pack it again")
            if info.is_dir():
                yield _Member(info.filename, None, iter(()))
                continue
            with source.open(info) as file:
                yield _Member(info.filename, info.file_size, _pieces(file, archive))


def _pieces(file: IO[bytes], archive: Path) -> Iterator[bytes]:
    with _reading(archive):
        while chunk := file.read(_CHUNK):
            yield chunk


def _tar_members(raw: IO[bytes], archive: Path, max_files: int, max_bytes: int) -> Iterator[_Member]:
    with _reading(archive):
        magic = raw.read(6)
        raw.seek(0)
        stream: IO[bytes] | gzip.GzipFile | lzma.LZMAFile = raw
        if magic.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=raw)
        elif magic == b"\xfd7zXZ\x00":
            stream = lzma.LZMAFile(raw)
        meter = _Meter(stream, max_bytes + max_files * _OVERHEAD + _CHUNK)
        with tarfile.TarFile(fileobj=meter) as source:
            for info in source:
                if info.isdir():
                    yield _Member(info.name, None, iter(()))
                elif info.isreg() and not info.issparse():
                    meter.seek(info.offset_data)
                    yield _Member(info.name, info.size, _next_bytes(meter, info.size, archive))
                else:
                    raise DataError(
                        f"{archive}: member {info.name!r} is a link, a device or a sparse file; "
                        "only files and folders are unpacked"
                    )
        # The library takes a broken or missing header for the end; a whole archive ends with empty blocks.
        if meter.last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends without an end mark")
        # The checksums of gzip and xz come last, and are compared only when all has been read.
        while meter.read(_CHUNK):
            pass


def _next_bytes(meter: "_Meter", size: int, archive: Path) -> Iterator[bytes]:
    with _reading(archive):
        while size > 0:
            chunk = meter.read(min(size, _CHUNK))
            if not chunk:
                raise EOFError("it ends within a file")
            size -= len(chunk)
            yield chunk


class _Meter(io.BufferedIOBase):
    """A stream that goes forward only, in bounded steps, to a bounded end.

    The tar reader would otherwise hold a header of any declared length in memory, and follow a
    negative length back to where it came from.
    """

    def __init__(self, stream: IO[bytes] | gzip.GzipFile | lzma.LZMAFile, limit: int) -> None:
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


# What CIFAR's files name, under the spellings of Python 2 and of numpy 1 and 2.
_NAMES = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}
_BROKEN = (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError, struct.error, Warning)


@dataclass(frozen=True)
class _Name:
    """A name that the pickle would have had imported: one of the values of `_NAMES`."""

    name: str


@dataclass
class _Built:
    """An object that the pickle would have had made: its kind, first argument and later state."""

    kind: str
    argument: str | None
    state: tuple[Any, ...] = ()


def load_cifar_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in one of the pickles of CIFAR-10 or CIFAR-100 (python version).

    Keys become str. Values are read-only numpy arrays of numbers, bytes (what Python 2 called str), str,
    numbers, or flat lists of these. Nothing in the file is imported or called.

    Raises DataError for a file that names anything else, is damaged, or is larger than 268 MB.
    """
    try:
        size = path.stat().st_size
        if size > _PICKLE_BYTES:
            raise DataError(f"has {size:,} bytes, no CIFAR file has more than {_PICKLE_BYTES:,}", path=path)
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error
    try:
        # The library only warns of a name with a broken escape in it.
        with warnings.catch_warnings(action="error"):
            content = _run_pickle(data)
        if not isinstance(content, dict):
            raise ValueError("it holds no dictionary")
        return {key: _value(value) for key, value in content.items()}
    except _BROKEN as error:
        raise DataError(f"is no CIFAR pickle, or is damaged or hostile ({error})", path=path) from error


def _run_pickle(data: bytes) -> object:
    """The object that a pickle describes, with names and made objects left as descriptions."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    encoded = 0
    argument: Any  # its type goes with the operation

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for operation, argument, _ in pickletools.genops(io.BytesIO(data)):
        match operation.name:
            case "BININT1" | "BININT" | "BININT2" | "LONG1":
                stack.append(argument)
            case "SHORT_BINBYTES" | "BINBYTES" | "SHORT_BINUNICODE" | "BINUNICODE":
                stack.append(argument)
            case "SHORT_BINSTRING" | "BINSTRING":
                stack.append(argument.encode("latin-1"))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "MARK":
                marks.append(len(stack))
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_TUPLE":
                stack.append(())
            case "NONE":
                stack.append(None)
            case "NEWFALSE" | "NEWTRUE":
                stack.append(operation.name == "NEWTRUE")
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "APPENDS":
                items = since_mark()
                stack[-1].extend(items)
            case "SETITEM":
                item = stack.pop()
                key = stack.pop()
                stack[-1][_text(key)] = item
            case "SETITEMS":
                items = since_mark()
                stack[-1].update(zip(map(_text, items[::2]), items[1::2], strict=True))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(operation.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "GLOBAL":
                stack.append(_admitted(argument))
            case "STACK_GLOBAL":
                name = _text(stack.pop())
                stack.append(_admitted(f"{_text(stack.pop())} {name}"))
            case "REDUCE":
                arguments = stack.pop()
                made = _make(stack.pop(), arguments)
                if isinstance(made, bytes):
                    # One long text encoded over and over would fill the memory from a small file.
                    encoded += len(made)
                    if encoded > len(data):
                        raise ValueError("it encodes more text than it has")
                stack.append(made)
            case "BUILD":
                state = stack.pop()
                if not isinstance(stack[-1], _Built) or not isinstance(state, tuple):
                    raise ValueError("it fills in an object that no CIFAR file has")
                stack[-1].state = state
            case "STOP":
                return stack.pop()
            case "PROTO" | "FRAME":
                pass
            case other:
                raise ValueError(f"it uses {other}, which no CIFAR file needs")
    raise ValueError("it has no end")


def _admitted(name: str) -> _Name:
    if name not in _NAMES:
        raise ValueError(f"it names {name.replace(' ', '.')!r}, which no CIFAR file needs")
    return _Name(_NAMES[name])


def _make(function: object, arguments: object) -> _Built | bytes:
    match function, arguments:
        case _Name("array"), (_Name("ndarray"), *_):
            return _Built("array", None)
        case _Name("dtype"), (bytes() | str() as code, *_):
            return _Built("dtype", _text(code))
        case _Name("encode"), (str() as text, "latin1"):
            return text.encode("latin-1")
    raise ValueError("it makes an object that no CIFAR file has")


def _value(value: object) -> object:
    """A value of the dictionary as it is handed out; ValueError for what is not plain."""
    if isinstance(value, _Built):
        return _array(value)
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, bytes | str | int) for item in items):
        raise ValueError("it holds a value that is neither an array nor a flat list")
    return value


def _array(built: _Built) -> np.ndarray:
    match built.state:
        case (1, tuple() as shape, _Built("dtype", str() as code, (_, order, *_)), fortran, bytes() as data):
            if re.fullmatch("[|<>][biuf][1248]", _text(order) + code) is None:
                raise ValueError(f"it has an array of {code!r}, not of numbers")
            flat = np.frombuffer(data, np.dtype(_text(order) + code))
            return flat.reshape(shape, order="F" if fortran else "C")
    raise ValueError("it has an array that was never filled")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, str):
        return value
    raise ValueError(f"it has a {type(value).__name__} where a name is expected")
