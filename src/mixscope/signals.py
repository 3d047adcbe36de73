"""A signal that comes before a command has begun to listen."""

import os
import signal


def leave(number: int) -> None:
    """Ends the process where it is: nothing is written yet, and it may be deep in an import."""
    name = signal.Signals(number).name
    said = f"stopped by {name} while it started; nothing is lost, the same command starts it again"
    os.write(2, f"error: {said}     [exit 75]\n".encode())
    os._exit(75)
