"""Signals to young processes: before a command has its own handlers, and when their parent dies."""

import ctypes
import os
import signal
import sys

_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # looked up before any fork


def leave(number: int) -> None:
    """Ends the process immediately: nothing has been written yet, and an import may be in progress."""
    name = signal.Signals(number).name
    message = f"stopped by {name} while it started; nothing is lost, the same command starts it again"
    os.write(2, f"error: {message}     [exit 75]\n".encode())
    os._exit(75)


def end_with_parent() -> None:
    """In a new process: requests SIGTERM for it when its parent dies. Only on Linux."""
    if _PRCTL is not None:
        _PRCTL(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG
