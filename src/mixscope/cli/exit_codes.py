"""Exit codes of commands, and one sentence for every error that a user can fix; used by benchmarks/ too."""

import errno
import sys
from collections.abc import Callable

from mixscope import output
from mixscope.atomic import no_room
from mixscope.errors import ConfigError, DataError, DiskFull, Interrupted, RunFailed
from mixscope.formatting import printable


def ended(do: Callable[[], int | None]) -> int:
    """Executes a command and returns its exit code."""
    try:
        code = _carried_out(do)
    except SystemExit as left:  # from argparse, which has printed its help or an error
        problem = output.finish()
        if problem is None or left.code:
            raise
        return _fail(_unwritten(problem), 1)
    problem = output.finish()
    return code if problem is None or code else _fail(_unwritten(problem), 1)


def _carried_out(do: Callable[[], int | None]) -> int:
    try:
        return int(do() or 0)
    except ConfigError as problem:
        return _fail(problem, 2)
    except DataError as problem:
        return _fail(problem, 4)
    except RunFailed as problem:
        return _fail(problem, 1)
    except Interrupted as problem:
        return _fail(problem, 75)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except OSError as problem:
        if isinstance(problem, PermissionError) or problem.errno == errno.EROFS:
            where = f"{problem.filename}: " if problem.filename else ""
            return _fail(
                f"{where}cannot be read or written ({problem.strerror}); it belongs to another user or is"
                " read-only: choose another folder with --out or --root, or have its permissions changed",
                1,
            )
        full = no_room(problem)
        if full is None:
            raise
        return _fail(problem if isinstance(problem, DiskFull) else full, 1)


def _unwritten(problem: OSError) -> str:
    return f"standard output cannot be written ({problem.strerror}); give it another place"


def _fail(problem: object, code: int) -> int:
    print(f"error: {printable(str(problem))}     [exit {code}]", file=sys.stderr)
    return code
