"""Atomic file writes: a file is either complete or absent.

Content is written to a temporary file in the same folder, flushed to disk and moved into place in one step. A
process killed in between leaves the previous file intact.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mixscope.errors import DiskFull


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a temporary file that replaces `path`, flushed to disk, when the block ends without an error.

    Args:
        path: The file to write.

    Yields:
        The temporary file, open for writing bytes.

    Raises:
        DiskFull: If the disk is full; the previous file is left intact.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with room_for(path):
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Converts any error that a full disk causes in the block into DiskFull.

    Args:
        path: The file named in the message.

    Raises:
        DiskFull: If the disk or quota is full.
    """
    try:
        yield
    except Exception as problem:
        if isinstance(problem, DiskFull) or not is_full(problem):
            raise
        raise DiskFull(f"{path}: cannot be written, {no_room(problem)}", path) from problem


def is_full(problem: BaseException | None) -> bool:
    """Whether an error was caused by a full disk or quota, also if a library wrapped it."""
    return no_room(problem) is not None


def no_room(problem: BaseException | None) -> str | None:
    """Why there is no room, and what to do about it, as the end of a sentence; None for any other error."""
    while problem is not None:
        number = getattr(problem, "errno", None)
        if number == errno.EFBIG:
            return "a file would be larger than this shell allows; raise `ulimit -f`, then start it again"
        if isinstance(problem, DiskFull) or number in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full; free some space, then the same command continues"
        problem = problem.__cause__ or problem.__context__
    return None


def sync_folder(folder: Path) -> None:
    """Flushes a folder's entries to disk; without this a moved file can be lost in a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
