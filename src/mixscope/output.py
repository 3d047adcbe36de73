"""Lines on standard output of work that takes long; a reader that has gone ends the work.

`train ... | head -1` closes the pipe after a line: the work is then interrupted and can be taken up again,
in place of ending with exit code 0 unfinished.
"""

import os
import sys

from mixscope.errors import Interrupted


def line(text: str, *, work: str) -> None:
    """Writes one line at once.

    Args:
        text: The line.
        work: What is going on, for the message ("run", "study").

    Raises:
        Interrupted: If whoever read standard output has gone; later lines go nowhere.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as problem:
        sys.stdout = open(os.devnull, "w")
        raise Interrupted(
            f"whoever read the output of this {work} has gone (as `| head` does); the same command resumes it"
        ) from problem
