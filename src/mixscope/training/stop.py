"""Graceful stopping: a signal sets a flag that the training loop checks when it is safe to leave.

Installed before heavy libraries are imported, so this module imports none of them.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mixscope.errors import Interrupted

# Slurm and others send SIGUSR1, SIGUSR2 or SIGTERM some time before killing a job.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
# One Ctrl-C reaches a rank twice, from the terminal and from torchrun; Slurm may do the same.
ONCE_SECONDS = 2.0


@dataclass(slots=True)
class Stop:
    """The stop flag.

    Attributes:
        received: Name of the received signal, None before.
        leave: Called with that name immediately while it is set: during imports and compilation nothing needs
            saving, and a user should not wait for them.
    """

    received: str | None = None
    leave: Callable[[str], None] | None = None

    def check(self) -> None:
        """Checks the flag.

        Raises:
            Interrupted: If a signal was received.
        """
        if self.received is not None:
            raise Interrupted(f"stopped by {self.received}", "the same command resumes the run")


@contextmanager
def listening(leave: Callable[[str], None] | None = None) -> Iterator[Stop]:
    """Installs handlers that set the flag during the block; a later signal gets its previous handler.

    Outside the main thread Python delivers no signals, and the flag is never set.

    Args:
        leave: See Stop; set to None by whoever begins to write.
    """
    stop = Stop(leave=leave)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    first: float | None = None  # time of the first signal; stop.received may also be set by another rank

    def ask(number: int, _: FrameType | None) -> None:
        nonlocal first
        if first is None:
            stop.received, first = signal.Signals(number).name, time.monotonic()
            if stop.leave is not None:
                stop.leave(stop.received)
        elif time.monotonic() - first > ONCE_SECONDS:
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)

    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])
