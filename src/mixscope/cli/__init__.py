"""The command line: parses arguments, calls one function, prints the result.

Each command group has a module that declares its arguments and implements it; heavy imports are inside the
commands, so that `mixscope --help` is fast.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mixscope import __version__, output
from mixscope.cli import (
    analyze,
    audit,
    bench,
    claims,
    compare,
    cues,
    data,
    doctor,
    imports,
    judge,
    power,
    report,
    run,
    show,
    study,
)
from mixscope.cli.arguments import EXIT, Parser
from mixscope.cli.exit_codes import ended


def main(argv: Sequence[str] | None = None, *, begin: Callable[[], None] = lambda: None) -> int:
    """Runs one command and returns its exit code; every error a user can fix is one sentence.

    Args:
        argv: Arguments; default: those of the process.
        begin: Called after parsing, before the command is executed.
    """
    output.install()
    words = list(sys.argv[1:] if argv is None else argv)
    options = words[: words.index("--")] if "--" in words else words

    def do() -> int | None:
        arguments = parser().parse_args(words)
        begin()
        done: int | None = arguments.do(arguments)
        return done

    leads = os.environ.get("RANK", "0") == "0"  # of several processes of torchrun one prints
    return ended(do, as_json="--json" in options and leads)


def parser() -> argparse.ArgumentParser:
    """The complete argument parser."""
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
    nouns = (data, run, study, judge, power, claims, imports, compare, report, audit, analyze, cues, bench)
    for noun in (*nouns, show, doctor):
        noun.add(commands)
    return top
