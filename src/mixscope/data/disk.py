"""Free disk space, and atomic writing of images and folders, with a lock between processes."""

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
    """Checks free space on the disk of `folder`, which must exist.

    Raises:
        DataError: If fewer than `size` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(
            "no-space",
            f"{size / 1e6:,.1f} MB are needed on this disk and {free / 1e6:,.1f} MB are free; "
            "free some space, or choose another place",
            path=folder,
        )


def save_picture(image: "Image", file: Path, **options: object) -> None:
    """Writes an image atomically, in the format of its file ending.

    Raises:
        DiskFull: If the disk is full.
    """
    from PIL import Image

    with replacing(file) as beside:
        image.save(beside, Image.registered_extensions()[file.suffix.lower()], **options)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Yields a new folder that becomes `folder` when the block ends without an error.

    A lock prevents other processes from creating the same folder; the operating system releases it when its
    process ends, so remains of killed processes are recognized as such.

    Raises:
        DataError: If another process is creating the folder, or it exists and is not empty; existing files
            are never replaced.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _taken(folder.with_name(f".{folder.name}.lock"))
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(
                "already-exists",
                "already exists and is not a prepared data set; move it away, or give another name"
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
        with suppress(OSError):  # Windows cannot delete the file of a held lock
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _taken(file: Path) -> BaseFileLock:
    """Acquires the lock on a file that no other process has removed meanwhile.

    Raises:
        DataError: If another process holds it.
    """
    while True:
        opened: list[int] = []
        lock = FileLock(file, timeout=0, on_acquired=opened.append)
        try:
            lock.acquire()
        except Timeout as problem:
            folder = file.with_name(file.name[1:].removesuffix(".lock"))
            raise DataError(
                "locked",
                f"another process is making it; wait until that has ended, or give another name"
                f" with --as (if there is no such process, remove {file})",
                path=folder,
            ) from problem
        if not opened or (file.exists() and os.path.samestat(os.fstat(opened[0]), file.stat())):
            return lock
        lock.release()


def _clear(folder: Path) -> None:
    """Removes remains of killed processes; version 0.1.0 put its process id in the name."""
    pattern = re.compile(rf"\.{re.escape(folder.name)}(\.\d+)?\.making")
    for leftover in folder.parent.iterdir():
        if pattern.fullmatch(leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
