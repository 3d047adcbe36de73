"""Being asked to stop: a signal sets a flag, and the loop looks at it when it is safe to leave.

It is listened to before the heavy libraries are imported, so this file imports none of them.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mixscope.errors import Interrupted

# Slurm and others send SIGUSR1, SIGUSR2 or SIGTERM some time before they kill.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
# One Ctrl-C reaches a rank twice, from the terminal and from torchrun; so it may be with Slurm.
ONCE_SECONDS = 2.0


@dataclass(slots=True)
class Stop:
    """asked: the name of the signal that came, None before that.

    leave: called with that name at once, as long as it is set: while libraries are imported and kernels are
    compiled nothing is there to be saved, and a user should not wait for them.
    """

    asked: str | None = None
    leave: Callable[[str], None] | None = None

    def check(self) -> None:
        """Raises Interrupted when a signal has come."""
        if self.asked is not None:
            raise Interrupted(f"stopped by {self.asked}; the same command takes the run up again")


@contextmanager
def listening(leave: Callable[[str], None] | None = None) -> Iterator[Stop]:
    """Within the block the signals only set the flag; one that comes later again does what it did before.

    leave: see Stop; whoever begins to write sets it to None.

    Outside the main thread Python gives no signals, and the flag is never set.
    """
    stop = Stop(leave=leave)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    first: float | None = None  # when; stop.asked may also come from another rank

    def ask(number: int, _: FrameType | None) -> None:
        nonlocal first
        if first is None:
            stop.asked, first = signal.Signals(number).name, time.monotonic()
            if stop.leave is not None:
                stop.leave(stop.asked)
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
