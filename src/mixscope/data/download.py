"""A file from the network, whole and checked, or an error.

Mirrors are tried in order. What has arrived lies beside the target as `name.part` and is taken up
again after a cut, by this process or a later one; the final name appears only for a file that is
complete, has the right checksums and is on disk. Nothing that a server says is believed: lengths
and ranges are compared with what arrives and with what was asked for.

What does not belong here: which files a data set has (formats.py), and what is in them (archives.py).
"""

import contextlib
import errno
import fcntl
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from mixscope.atomic import sync_folder
from mixscope.data.disk import need_room
from mixscope.errors import DataError

# Called with the bytes done and the bytes in all (None while unknown). Done falls when a file starts over.
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18
_GAIN = 1 << 20  # an attempt that brought this many new bytes is not held against the mirror
_LONGEST_PAUSE = 30.0
_PASSING = {408, 425, 429}  # and every 5xx: the same request may succeed later
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    size: int | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    tries: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Brings one file to `target` from the first of `urls` (http or https) that has it, and returns `target`.

    size: in bytes. md5, sha256: hexadecimal; what is given is checked, what is None is not. A target
    that is already there and passes is kept; one that does not pass is replaced by a good file.
    tries: attempts at a mirror that bring less than 1 MiB of new bytes each, with pauses of `pause`
    seconds that double. timeout: seconds without a byte.

    Without a checksum a part is taken up only where an ETag shows that the file is still the same.

    Raises DataError when no mirror has the file as described, and when it does not fit on the disk.
    """
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DataError(f"{url}: only http and https addresses can be downloaded")
    try:
        if target.exists() and _fault(target, size, md5, sha256) is None:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        place = target.with_name(f"{target.name}.part")
        faults = []
        with _locked(place) as file:
            part = _Part(file, place, checked=md5 is not None or sha256 is not None)
            for url in urls:
                fault = _from_mirror(
                    url,
                    part,
                    size,
                    lambda: _fault(place, size, md5, sha256),
                    progress=progress,
                    tries=tries,
                    pause=pause,
                    timeout=timeout,
                )
                if fault is None:
                    os.fsync(file.fileno())
                    os.replace(place, target)
                    sync_folder(target.parent)
                    return target
                faults.append(f"{url}: {fault}")
    except OSError as error:  # the network's errors have become faults by now: this one is the disk's
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error
    raise DataError(
        f"{target.name} could not be downloaded ({'; '.join(faults) or 'no address is known'}); "
        "try again later, or give a copy with --source"
    )


class _Cut(Exception):
    """This attempt failed; another one may succeed."""


class _Refused(Exception):
    """This mirror will not do."""


class _Part:
    """The file beside the target: how much of it is there, and which version of which address it is from.

    origin is None for bytes of an earlier process or of several mirrors: only a checksum can vouch for those.
    """

    def __init__(self, file: IO[bytes], path: Path, *, checked: bool) -> None:
        self.file = file
        self.path = path
        self.checked = checked
        self.done = file.seek(0, os.SEEK_END)
        self.origin: str | None = None
        self.etag: str | None = None

    def add(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.file.flush()  # a process that is killed loses nothing that arrived
        self.done += len(chunk)

    def clear(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.done, self.origin, self.etag = 0, None, None


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[IO[bytes]]:
    """The part, open for appending, and ours alone while the block lasts."""
    with place.open("ab") as file:
        busy = DataError(f"{place}: another process is downloading this file; wait until it has ended")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        except OSError as error:
            # Some cluster file systems know no locks; there the checksums alone stand guard.
            if error.errno not in _NO_LOCKS:
                raise
        # The other process may have moved the part to its final name just before we had the lock.
        if not place.exists() or not os.path.samestat(os.fstat(file.fileno()), place.stat()):
            raise busy
        try:
            yield file
        finally:
            if place.exists() and place.stat().st_size == 0:
                place.unlink()


def _fault(path: Path, size: int | None, md5: str | None, sha256: str | None) -> str | None:
    """What is wrong with a file, as the end of a sentence; None when it is what was expected."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"it has {found:,} bytes, expected {size:,}"
    expected = {name: value for name, value in (("md5", md5), ("sha256", sha256)) if value is not None}
    sums = {name: hashlib.new(name, usedforsecurity=False) for name in expected}
    with path.open("rb") as file:
        while sums and (chunk := file.read(_CHUNK)):
            for each in sums.values():
                each.update(chunk)
    for name, value in expected.items():
        if sums[name].hexdigest() != value.lower():
            return f"its {name} is {sums[name].hexdigest()}, expected {value.lower()}"
    return None


def _from_mirror(
    url: str,
    part: _Part,
    size: int | None,
    check: Callable[[], str | None],
    *,
    progress: Progress | None,
    tries: int,
    pause: float,
    timeout: float,
) -> str | None:
    """Fills the part from one mirror; returns what is wrong with the mirror, None when the part is good."""
    most, left = part.done, tries
    while True:
        try:
            _attempt(url, part, size, progress=progress, timeout=timeout)
            fault = check()
            if fault is None:
                return None
            own = part.origin == url
            part.clear()
            if own:
                return fault
            # Some of it came from elsewhere, so the mirror is not to blame yet: once more, from the start.
            most = 0
        except _Refused as refusal:
            return str(refusal)
        except _Cut as cut:
            left = tries if part.done - most >= _GAIN else left - 1
            most = max(most, part.done)
            if left <= 0:
                return str(cut)
            time.sleep(min(pause * 2.0 ** max(tries - left - 1, 0), _LONGEST_PAUSE))


def _attempt(url: str, part: _Part, size: int | None, *, progress: Progress | None, timeout: float) -> None:
    """One request: returns when the part is as long as the file should be; raises _Cut or _Refused if not."""
    same_file = part.checked or (part.origin == url and part.etag is not None)
    if not same_file or (size is not None and part.done > size):
        part.clear()
    if part.done and part.done == size:
        return
    try:
        response = _ask(url, part, timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and part.done:
                if size is None and _content_range(error.headers.get("Content-Range")) == (None, part.done):
                    return
                part.clear()
                raise _Cut("has no bytes after those that arrived (416)") from error
            kind = _Cut if error.code in _PASSING or error.code >= 500 else _Refused
            raise kind(f"answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"cannot be reached: {_reason(error)}") from error
    with response:
        promised = _begin(response, url, part, size)
        total = promised if size is None else size
        if total is not None:
            need_room(part.path.parent, total - part.done)
        for chunk in _chunks(response):
            if total is not None and part.done + len(chunk) > total:
                part.clear()
                raise _Refused(f"sends more than the {total:,} bytes expected")
            part.add(chunk)
            if progress is not None:
                progress(part.done, total)
    if total is not None and part.done < total:
        raise _Cut(f"the connection ended after {part.done:,} of {total:,} bytes")


def _ask(url: str, part: _Part, timeout: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "mixscope", "Accept-Encoding": "identity"})
    if part.done:
        request.add_header("Range", f"bytes={part.done}-")
        if part.origin == url and part.etag is not None:
            request.add_header("If-Range", part.etag)
    # Not urllib's own opener: that one would follow a redirect to ftp.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    response = opener.open(request, timeout=timeout)
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _begin(response: http.client.HTTPResponse, url: str, part: _Part, size: int | None) -> int | None:
    """Makes the part ready for the bytes that follow; returns how long the server says the whole file is."""
    header = response.headers.get("Content-Length", "")
    length = int(header) if header.isdecimal() else None
    etag = response.headers.get("ETag")
    if etag is not None and not etag.startswith('"'):
        etag = None  # a weak one does not vouch for every byte
    if response.status == 206 and part.done:
        first, total = _content_range(response.headers.get("Content-Range"))
        if size is not None and total is not None and total != size:
            raise _Refused(f"has a file of {total:,} bytes, expected {size:,}")
        changed = part.origin == url and part.etag != etag
        if first != part.done or changed:
            asked = part.done
            part.clear()
            raise _Cut(
                "the file changed meanwhile" if changed else f"does not go on at byte {asked:,} as asked"
            )
        if part.origin != url:
            part.origin, part.etag = None, None
        return part.done + length if total is None and length is not None else total
    if response.status == 200:
        if part.done and size is not None and length is not None and length != size:
            # Most likely a page of some gateway: not worth losing what has arrived.
            raise _Cut(f"answers with {length:,} bytes where {size:,} are expected")
        part.clear()
        part.origin, part.etag = url, etag
        return length
    raise _Refused(f"answers {response.status} {response.reason}")


def _content_range(header: str | None) -> tuple[int | None, int | None]:
    """First byte and length of the whole file in a Content-Range header; None for what it does not say."""
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", header or "")
    if match is None:
        return None, None
    first, total = match.groups()
    return None if first is None else int(first), None if total is None else int(total)


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it arrives; raises _Cut when the connection fails, just ends when it is closed early."""
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"the connection failed: {_reason(error)}") from error
        if not chunk:
            return
        yield chunk


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return str(inner or error) or type(error).__name__
