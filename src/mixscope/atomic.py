"""A file is whole or absent.

What is written goes beside its place, is flushed to disk, and is moved there in one step; a process
that is killed in between leaves the file that was there before.
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
    """A file to write that takes its place when the block ends without an error, and is on disk then.

    Raises DiskFull when there is no room for it; then the file that was there before is there still.
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
    """Says in one sentence that the disk is full, whatever writes to it in the block. Raises DiskFull."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, DiskFull) or not is_full(problem):
            raise
        raise DiskFull(f"{path}: cannot be written, {no_room(problem)}") from problem


def is_full(problem: BaseException | None) -> bool:
    """Whether an error comes from a disk or quota without room, also one that a library has wrapped."""
    return no_room(problem) is not None


def no_room(problem: BaseException | None) -> str | None:
    """Why there is no room, and the mend, as the end of a sentence; None for any other error."""
    while problem is not None:
        number = getattr(problem, "errno", None)
        if number == errno.EFBIG:
            return "a file would be larger than this shell allows; raise `ulimit -f`, then start it again"
        if isinstance(problem, DiskFull) or number in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full; make room, then the same command goes on"
        problem = problem.__cause__ or problem.__context__
    return None


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on disk: without it a file that was moved may be lost with the power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
