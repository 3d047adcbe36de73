"""Locks on directories: a run is written by one process, the runs of a study are started by one scheduler.

The operating system releases a lock when its process ends, however it ends.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
from filelock import lock_descriptor

from mixscope.atomic import is_full
from mixscope.errors import ConfigError


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Locks a folder of runs exclusively for a scheduler, creating it if necessary.

    Raises:
        ConfigError: If another scheduler has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = take(folder)
    try:
        yield
    finally:
        lock.close()


def take(path: Path) -> IO[bytes]:
    """Locks the directory exclusively; the operating system releases the lock when the process ends.

    Raises ConfigError when another process has locked it, or the file system does not support locks.
    """
    lock = (path / ".lock").open("a+b")
    try:
        if not _locks(lock, 100):
            raise ConfigError(
                "locked",
                f"is being written by {_holder(lock)}; wait for it, or give another --out",
                path=path,
            )
        lock.truncate(0)
        born = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(psutil.Process().create_time()))
        lock.write(f"process {os.getpid()} on {socket.gethostname()}, started {born}".encode())
        lock.flush()
    except OSError as problem:
        lock.close()
        if is_full(problem):
            raise
        raise ConfigError(
            "unsupported",
            f"cannot be locked ({problem.strerror}); the file system of --out must have locks"
            " (flock), so give an --out on another one",
            path=path,
        ) from problem
    except BaseException:
        lock.close()
        raise
    return lock


def _locks(file: IO[bytes], tries: int) -> bool:
    """Acquires the lock, retrying because `held` acquires it for an instant. Raises OSError."""
    for left in reversed(range(tries)):
        if lock_descriptor(file.fileno(), blocking=False):
            return True
        time.sleep(0.002 * (left > 0))
    return False


def _holder(lock: IO[bytes]) -> str:
    """The holder of a lock, as recorded in its file."""
    try:
        lock.seek(0)
        return lock.read().decode(errors="replace").strip() or "another process"
    except OSError:  # locked files are not readable on some systems
        return "another process"


def held(path: Path) -> bool:
    """Whether a process has locked the run directory, on any machine that shares locks.

    The check itself locks the directory for a moment.
    """
    try:
        with (path / ".lock").open("r+b") as lock:
            return not _locks(lock, 2)
    except OSError:  # missing, or not lockable here: no holder is known
        return False
