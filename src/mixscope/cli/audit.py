"""`mixscope audit`: errors in a published table."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli.arguments import declare, language
from mixscope.cli.terminal import print_json, spoken


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "audit",
        audit,
        "find what is wrong in a published table (Markdown, HTML, CSV, Parquet)",
        "  mixscope audit README.md\n"
        "  mixscope audit results.csv --strict            # exit 1 when anything cannot be as printed\n"
        "  mixscope audit README.ko.md --lang ko\n"
        "  mixscope audit paper.md --table 2 --test-size 50000 --balanced --json",
    )
    command.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="Markdown or HTML, or CSV, TSV, JSON lines or Parquet by the end of its name",
    )
    command.add_argument(
        "--table", type=int, metavar="N", help="only the Nth table of the file (default: all)"
    )
    command.add_argument(
        "--test-size",
        type=int,
        metavar="N",
        help="test examples per data set (default: as known of the data set, else 10000)",
    )
    command.add_argument(
        "--balanced",
        action="store_true",
        help="every test set has equally many examples of each class (known of CIFAR and ImageNets)",
    )
    language(command)
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command.add_argument("--strict", action="store_true", help="exit 1 when there is a contradiction")


def audit(arguments: argparse.Namespace) -> int:
    """Prints the findings on a published table; returns 1 with --strict if there is a contradiction."""
    from mixscope import audit as published
    from mixscope.audit import formatting

    lang = "en" if arguments.json else spoken(arguments.lang).language
    found = published.file(
        arguments.file, table=arguments.table, test_size=arguments.test_size, balanced=arguments.balanced
    )
    print_json(found.to_dict()) if arguments.json else print(formatting.text(found, lang))
    return 1 if arguments.strict and found.contradictions else 0
