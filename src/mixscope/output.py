"""Progress lines on standard output; the work is interrupted when the reader closes the pipe.

After `train ... | head -1` the run is interrupted and can be resumed, instead of ending unfinished with exit
code 0.
"""

import os
import sys

from mixscope.errors import Interrupted


def line(text: str, *, work: str) -> None:
    """Writes a line and flushes it.

    Args:
        text: The line.
        work: What is running, for the message ("run", "study").

    Raises:
        Interrupted: If the reader of standard output has closed the pipe; later lines are discarded.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as problem:
        sys.stdout = open(os.devnull, "w")
        raise Interrupted(
            f"whoever read the output of this {work} has gone (as `| head` does); the same command resumes it"
        ) from problem
