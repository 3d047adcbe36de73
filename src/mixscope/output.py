"""Standard output and error: whoever reads them may leave, their disk may be full, or they are closed.

`train ... | head -1` closes the pipe after a line. Work that takes long is then interrupted and can be taken
up again, in place of ending with exit code 0 unfinished; all else goes on, and ends with the code that it
ends with otherwise.
"""

import io
import os
import sys
from typing import TextIO

from mixscope.errors import Interrupted


class Stream(io.TextIOWrapper):
    """A standard stream that outlives its reader: later text goes nowhere.

    Attributes:
        gone: Whether the reader has gone.
        told: Whether work was interrupted because of it.
    """

    gone = told = False

    def write(self, text: str) -> int:
        """As of any text stream."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        """As of any text stream."""
        try:
            super().flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        self.gone = True
        silence(self)


def silence(stream: TextIO) -> None:
    """Leads the file of a stream nowhere, with what is buffered for it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def install() -> None:
    """Makes standard output and error streams of this kind, and opens what was closed (`>&-`).

    The number of a closed stream would be given to the next file that is opened. Signs that a terminal does
    not have are written as escapes.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif type(stream) is io.TextIOWrapper:
            setattr(
                sys,
                name,
                Stream(
                    stream.buffer,
                    encoding=stream.encoding,
                    errors="backslashreplace",
                    line_buffering=stream.line_buffering or name == "stderr",
                    write_through=stream.write_through,
                ),
            )
        elif isinstance(stream, io.TextIOWrapper):  # as of another program that calls this one
            stream.reconfigure(errors="backslashreplace")


def line(text: str, *, work: str) -> None:
    """Writes one line of work that takes long, at once.

    Args:
        text: The line.
        work: What is going on, for the message ("run", "study").

    Raises:
        Interrupted: Once, if whoever read standard output has gone; later lines go nowhere.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    stream = sys.stdout
    if isinstance(stream, Stream) and stream.gone and not stream.told:
        stream.told = True
        raise Interrupted(
            f"whoever read the output of this {work} has gone (as `| head` does); the same command resumes it"
        )


def finish() -> OSError | None:
    """Writes what is buffered; returns why it cannot be written, as where the disk is full."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        silence(sys.stdout)
        return problem
    return None
