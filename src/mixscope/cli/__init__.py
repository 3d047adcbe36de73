"""The command line: parse, call one function, print.

Each noun has its file, which says what it adds to the grammar and does it; heavy imports stand inside
the commands, so that `mixscope --help` answers at once.
What does not belong here: anything that another program might want to call.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from mixscope import __version__
from mixscope.atomic import is_full
from mixscope.cli import analyze, audit, bench, compare, cues, data, judge, look, report, run, study
from mixscope.cli.grammar import EXIT, Parser
from mixscope.errors import ConfigError, DataError, DiskFull, Interrupted, RunFailed


def main(argv: Sequence[str] | None = None, *, begin: Callable[[], None] = lambda: None) -> int:
    """Runs one command and returns its exit code; every error a user can mend is one sentence.

    begin: called when it is known what is to be done, right before it is done.
    """
    try:
        arguments = parser().parse_args(argv)
        begin()
        return int(arguments.do(arguments) or 0)
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
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        return 0
    except OSError as problem:
        if not is_full(problem):
            raise
        full = "the disk is full; make room, then the same command goes on"
        return _fail(problem if isinstance(problem, DiskFull) else full, 1)


def _fail(problem: object, code: int) -> int:
    print(f"error: {problem}     [exit {code}]", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    top = Parser(
        prog="mixscope",
        description="Which mixing augmentation helps which architecture, and is the difference real?",
        epilog="examples:\n"
        "  mixscope data prepare digits\n"
        "  mixscope train data.name=digits model.arch=resnet18 augment.mix=cutmix train.epochs=5\n"
        "  mixscope doctor\n" + EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mixscope {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for noun in (data, run, study, judge, compare, report, audit, analyze, cues, bench, look):
        noun.add(commands)
    return top
