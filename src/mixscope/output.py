"""Standard output and error that tolerate a reader that leaves, a full disk, or closed streams.

After `train ... | head -1` the run is interrupted and can be resumed, instead of ending unfinished with exit
code 0; short commands continue and end with their usual exit code.
"""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from mixscope.errors import Interrupted


class Stream(io.TextIOWrapper):
    """A standard stream that discards text once its reader has closed the pipe.

    Attributes:
        gone: Whether the reader has closed the pipe.
        interrupted: Whether work was interrupted because of it.
    """

    gone = interrupted = False

    def write(self, text: str) -> int:
        """As io.TextIOWrapper.write."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        """As io.TextIOWrapper.flush."""
        try:
            super().flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        self.gone = True
        silence(self)


def silence(stream: TextIO) -> None:
    """Redirects the file of a stream, and what is buffered for it, to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def install() -> None:
    """Replaces standard output and error by `Stream`, and opens closed ones (`>&-`).

    The file descriptor of a closed stream would be reused by the next opened file. Characters that a terminal
    cannot display are written as escapes.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif type(stream) is io.TextIOWrapper:
            with suppress(OSError):  # who had it before may have written to it
                stream.flush()
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
        elif isinstance(stream, io.TextIOWrapper):  # replaced by an embedding program
            stream.reconfigure(errors="backslashreplace")


def line(text: str, *, work: str) -> None:
    """Writes a progress line of long work and flushes it.

    Args:
        text: The line.
        work: What is running, for the message ("run", "study").

    Raises:
        Interrupted: Once, if the reader of standard output has closed the pipe; later lines are discarded.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    stream = sys.stdout
    if isinstance(stream, Stream) and stream.gone and not stream.interrupted:
        stream.interrupted = True
        raise Interrupted(
            f"the output of this {work} was closed by its reader (as `| head` does)",
            "the same command resumes it",
        )


def finish() -> OSError | None:
    """Flushes standard output; returns the error if that fails, for instance on a full disk."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        silence(sys.stdout)
        return problem
    return None
