"""Handling of signals that arrive before a command has installed its own handlers."""

import os
import signal


def leave(number: int) -> None:
    """Ends the process immediately: nothing has been written yet, and an import may be in progress."""
    name = signal.Signals(number).name
    message = f"stopped by {name} while it started; nothing is lost, the same command starts it again"
    os.write(2, f"error: {message}     [exit 75]\n".encode())
    os._exit(75)
