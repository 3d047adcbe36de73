"""Downloads a file with checksum, or reports what is wrong with each mirror.

pooch writes beside the target, compares the checksum and moves the file into place. This module adds the
transfer, bounded in bytes, time and speed, whatever a server declares.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mixscope.atomic import is_full
from mixscope.data.disk import need_room
from mixscope.errors import DataError

# Called with bytes received and total bytes (None while unknown); the former falls when a transfer restarts.
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18
_PASSING = {408, 425, 429}  # these and 5xx are transient: the same request may succeed later
_LONGEST = 1 << 50  # bytes; larger Content-Length values are ignored


class _Cut(Exception):
    """This attempt failed; another may succeed."""


class _Refused(Exception):
    """This mirror cannot be used."""


class _Slow(_Refused):
    """This mirror is used only if no other works."""


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str,
    size: int | None = None,
    progress: Progress | None = None,
    work: Path | None = None,
    tries: int = 3,
    pause: float = 1.0,
    timeout: float = 30.0,
    slow: int = 100_000,
) -> Path:
    """Downloads one file to `target` from the first of `urls` (http or https) that has it.

    An existing target with the right checksum is kept; with another it is replaced.

    Args:
        urls: Addresses of the same file, in order of preference.
        target: Destination.
        sha256: Checksum in hexadecimal.
        size: Size in bytes, if known.
        progress: Called with bytes received and total bytes.
        work: Existing folder on the same disk for the partial file; the target's own if None.
        tries: Attempts per mirror whose connection fails, with pauses of `pause` seconds that double.
        pause: First pause, in seconds.
        timeout: Seconds without data, and seconds over which speed is measured.
        slow: Bytes per second. A slower mirror is skipped, and used down to a hundredth of this when no other
            has the file.

    Returns:
        `target`.

    Raises:
        DataError: If no mirror has the file as described, or it does not fit on the disk.
    """
    import pooch
    import requests

    for url in urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DataError("unsupported", "only http and https addresses can be downloaded", path=url)
    pooch.get_logger().setLevel("WARNING")
    known, faults = f"sha256:{sha256.lower()}", []
    try:
        if target.exists() and pooch.file_hash(str(target)) == sha256.lower():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        work = target.parent if work is None else work
        waiting = [(url, slow) for url in urls]
        while waiting:
            url, least = waiting.pop(0)
            for attempt in range(1, tries + 1):
                body = _Body(work, size, progress, timeout, least)
                try:
                    found = pooch.retrieve(url, known, fname=target.name, path=work, downloader=body)
                    Path(found).replace(target)
                    return target
                except DataError:
                    raise
                except _Cut as fault:
                    if attempt == tries:
                        faults.append(f"{url}: {fault}")
                    else:
                        time.sleep(pause * 2.0 ** (attempt - 1))
                except (_Refused, ValueError, requests.RequestException) as fault:
                    if isinstance(fault, _Slow) and least == slow:
                        waiting.append((url, slow // 100))
                    else:
                        faults.append(f"{url}: {_reason(fault)}")
                    break
    except OSError as error:  # network errors are handled above: this is the disk
        if is_full(error):
            raise
        raise DataError("no-access", f"cannot be written: {error.strerror or error}", path=target) from error
    raise DataError(
        "download-failed",
        f"{target.name} could not be downloaded ({'; '.join(faults) or 'no address is known'}); "
        "try again later, or give a copy with --source",
    )


class _Body:
    """The downloader that pooch calls to fill a file from an address."""

    def __init__(
        self, folder: Path, size: int | None, progress: Progress | None, timeout: float, least: int
    ) -> None:
        self.folder, self.size, self.progress = folder, size, progress
        self.timeout, self.least = timeout, least

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        import requests
        import urllib3

        done, total = 0, self.size
        try:
            headers = {"User-Agent": "mixscope", "Accept-Encoding": "identity"}
            with requests.get(url, stream=True, timeout=self.timeout, headers=headers) as answer:
                if answer.status_code != 200:
                    passing = answer.status_code in _PASSING or answer.status_code >= 500
                    kind = _Cut if passing else _Refused
                    raise kind(f"answers {answer.status_code} {answer.reason}")
                declared = _length(answer.headers.get("Content-Length", ""))
                if None not in (declared, self.size) and declared != self.size:
                    raise _Refused(f"has a file of {declared:,} bytes, expected {self.size:,}")
                total = declared if self.size is None else self.size
                need_room(self.folder, total or 0)
                start, before = time.monotonic(), 0
                with open(output_file, "wb") as file:
                    while chunk := answer.raw.read1(_CHUNK):
                        done += len(chunk)
                        if total is not None and done > total:
                            raise _Refused(f"sends more than the {total:,} bytes expected")
                        file.write(chunk)
                        if self.progress is not None:
                            self.progress(done, total)
                        if (seconds := time.monotonic() - start) >= self.timeout:
                            if done - before < self.least * seconds:
                                speed = (done - before) / seconds / 1000
                                raise _Slow(f"sent {speed:,.1f} kB/s over {seconds:.0f} s")
                            start, before = time.monotonic(), done
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            what = "cannot be reached" if not done else f"the connection failed after {done:,} bytes"
            raise _Cut(f"{what}: {_reason(error)}") from error
        if total is not None and done < total:
            raise _Cut(f"the connection ended after {done:,} of {total:,} bytes")


def _length(header: str) -> int | None:
    """The value of a Content-Length header; None for a missing or absurd one."""
    return int(header) if header.isdecimal() and len(header) < 20 and int(header) < _LONGEST else None


def _reason(error: BaseException) -> str:
    """A library's error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
