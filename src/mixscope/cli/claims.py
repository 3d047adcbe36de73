"""`mixscope claims new`: a claims file from a table of results, to be edited before new results are known."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli import table_options
from mixscope.cli.arguments import declare, declare_group, language
from mixscope.cli.terminal import spoken
from mixscope.formatting import padded


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    verbs = declare_group(
        commands,
        "claims",
        "write down what is claimed before results come",
        "  mixscope claims new results.csv --out claims.yaml\n"
        "  mixscope judge next-results.csv --claims claims.yaml",
    )
    command = declare(
        verbs,
        "new",
        new,
        "write a claims file with every gain and difference of gains of a table, to be edited",
        "  mixscope claims new results.csv\n"
        "  mixscope claims new results.csv --baseline default --out claims.yaml\n"
        "  mixscope judge next-results.csv --claims claims.yaml",
    )
    command.add_argument("results", type=Path, metavar="RESULTS", help=table_options.RESULTS)
    table_options.options(command)
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="the new file (default: claims.yaml beside the results)"
    )
    language(command)


def new(arguments: argparse.Namespace) -> None:
    """Writes the file; an existing file is never overwritten."""
    from mixscope.atomic import replacing
    from mixscope.claims import exploratory
    from mixscope.errors import ConfigError

    texts = spoken(arguments.lang)
    results = table_options.load(arguments, arguments.results)
    text = exploratory.new_claims(results)
    out = arguments.out or arguments.results.parent / "claims.yaml"
    if out.exists():
        raise ConfigError("already-exists", "already exists; give another --out, or edit it", path=out)
    with replacing(out) as file:
        file.write(text.encode())
    for line in table_options.notes(results, texts):
        print(line)
    print(f"{padded(texts('claims.file'), 10)}{out}")
    print(texts("claims.edit"))
