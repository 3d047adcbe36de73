"""Exit codes of commands, and one sentence for every error that a user can fix; used by benchmarks/ too.

With --json a failed command also prints the error as data on standard output, so that a script need not read
the sentence.
"""

import dataclasses
import errno
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

from mixscope import output
from mixscope.atomic import no_room
from mixscope.errors import Code, ConfigError, DataError, DiskFull, Interrupted, RunFailed
from mixscope.formatting import printable

MEANING = {
    0: "success",
    1: "a run failed, a file cannot be read or written, or the disk is full",
    2: "a setting, option or file of settings is invalid",
    4: "data or results are missing, damaged or not as expected",
    75: "interrupted; what was done is saved, and the same command continues",
    130: "interrupted by Ctrl-C before there was anything to save",
}


class Usage(SystemExit):
    """A command line that argparse cannot parse; it has printed the usage and the message."""

    def __init__(self, message: str) -> None:
        """message: What is wrong."""
        super().__init__(2)
        self.message = message


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The error of a command, as --json prints it.

    Attributes:
        code: Kind of problem, one of errors.CODES, or the code of a finding.
        message: The sentence printed on standard error.
        key: Setting, field or option; None if the problem is not of one.
        path: File or folder; None if the problem is not in one.
        line: Line of the file, from 1.
        exit: Exit code.
    """

    code: str
    message: str
    key: str | None = None
    path: str | None = None
    line: int | None = None
    exit: int


def ended(do: Callable[[], int | None], *, as_json: bool = False) -> int:
    """Executes a command and returns its exit code.

    Args:
        do: The command; it returns its exit code, None for 0.
        as_json: Whether an error is also printed as `{"error": {...}}` on standard output.
    """
    try:
        code = int(do() or 0)
    except SystemExit as left:  # from argparse, which has printed its help or an error
        if as_json and isinstance(left, Usage):
            _print_json(Failure(code="usage", message=left.message, exit=2))
        unwritten = output.finish()
        if unwritten is None or left.code:
            raise
        return _unwritten(unwritten)
    except (Exception, KeyboardInterrupt) as problem:
        failure = _failure(problem)
        if failure is None:
            raise
        code = _fail(failure)
        if as_json:
            _print_json(failure)
    unwritten = output.finish()
    return code if unwritten is None or code else _unwritten(unwritten)


def _failure(problem: BaseException) -> Failure | None:
    """The failure that an exception stands for; None if it is an error of the program."""
    for kind, exit in ((ConfigError, 2), (DataError, 4), (RunFailed, 1)):
        if isinstance(problem, kind):
            return _of(problem.code, problem, exit, problem.path, key=problem.key, line=problem.line)
    if isinstance(problem, Interrupted):
        return _of("interrupted", problem, 75)
    if isinstance(problem, KeyboardInterrupt):
        return _of("interrupted", "interrupted", 130)
    if not isinstance(problem, OSError):
        return None
    file = problem.filename
    if isinstance(problem, PermissionError) or problem.errno == errno.EROFS:
        text = (
            f"{f'{file}: ' if file else ''}cannot be read or written ({problem.strerror}); it belongs to"
            " another user or is read-only: choose another folder with --out or --root, or have its"
            " permissions changed"
        )
        return _of("no-access", text, 1, file)
    if isinstance(problem, DiskFull):
        return _of("no-space", problem, 1, problem.path)
    full = no_room(problem)
    return None if full is None else _of("no-space", full, 1, file)


def _of(
    code: Code | str,
    text: object,
    exit: int,
    path: object = None,
    *,
    key: str | None = None,
    line: int | None = None,
) -> Failure:
    file = None if path is None else printable(str(path))
    return Failure(code=code, message=printable(str(text)), key=key, path=file, line=line, exit=exit)


def _unwritten(problem: OSError) -> int:
    text = f"standard output cannot be written ({problem.strerror}); give it another place"
    return _fail(_of("no-access", text, 1))


def _fail(failure: Failure) -> int:
    print(f"error: {failure.message}     [exit {failure.exit}]", file=sys.stderr)
    return failure.exit


def _print_json(failure: Failure) -> None:
    print(json.dumps({"error": dataclasses.asdict(failure)}, indent=2, ensure_ascii=False))
