"""Room on a disk, and pictures and folders that appear whole: one process at a time makes a folder."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import BaseFileLock, FileLock, Timeout

from mixscope.atomic import replacing, sync_folder
from mixscope.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


def need_room(folder: Path, size: int) -> None:
    """Raises DataError unless `size` bytes are free on the disk that holds `folder`, which must exist."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(
            f"{size / 1e6:,.1f} MB are needed on this disk and {free / 1e6:,.1f} MB are free; "
            "make room, or choose another place",
            path=folder,
        )


def save_picture(image: "Image", file: Path, **options: object) -> None:
    """Writes a picture whole or not at all, in the format of its ending. Raises DiskFull."""
    from PIL import Image

    with replacing(file) as beside:
        image.save(beside, Image.registered_extensions()[file.suffix.lower()], **options)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block ends without an error.

    A lock keeps other processes from making the same folder meanwhile; the system drops it when its process
    ends, however it ends, so what a killed process left is known to be dead, whatever its number was.

    Raises:
        DataError: If another process is making the folder, or it is there already and not empty; nothing
            that is there is ever replaced.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _taken(folder.with_name(f".{folder.name}.lock"))
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(
                "is there already and is no prepared data set; move it away, or give another name"
                " with --as, or another --root",
                path=folder,
            )
        _clear(folder)
        beside = folder.with_name(f".{folder.name}.making")
        beside.mkdir()
        try:
            yield beside
            os.rename(beside, folder)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        sync_folder(folder.parent)
    finally:
        with suppress(OSError):  # Windows keeps the file of a lock that is held
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _taken(file: Path) -> BaseFileLock:
    """The lock on a file that no other process has removed meanwhile. Raises DataError where it is taken."""
    while True:
        opened: list[int] = []
        lock = FileLock(file, timeout=0, on_acquired=opened.append)
        try:
            lock.acquire()
        except Timeout as problem:
            folder = file.with_name(file.name[1:].removesuffix(".lock"))
            raise DataError(
                f"another process is making it; wait until that has ended, or give another name"
                f" with --as (if there is no such process, remove {file})",
                path=folder,
            ) from problem
        if not opened or (file.exists() and os.path.samestat(os.fstat(opened[0]), file.stat())):
            return lock
        lock.release()


def _clear(folder: Path) -> None:
    """Removes what killed processes left of `folder`; version 0.1.0 put its process number in the name."""
    pattern = re.compile(rf"\.{re.escape(folder.name)}(\.\d+)?\.making")
    for leftover in folder.parent.iterdir():
        if pattern.fullmatch(leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
