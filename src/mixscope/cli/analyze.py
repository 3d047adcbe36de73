"""`mixscope analyze`: analyses of trained runs."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from mixscope import output
from mixscope.analysis import ANALYSES
from mixscope.cli.arguments import declare, declare_slots, language, root_and_json
from mixscope.cli.terminal import bar, print_json, spoken


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "analyze",
        analyze,
        "analyse the finished runs of a study to explain its results",
        "  mixscope analyze runs/local-global --what cues\n"
        "  mixscope analyze runs/local-global --runs 'resnet-*' --limit 300 --slots 2\n"
        "  mixscope analyze runs/local-global --json\n\nanalyses:\n"
        + "\n".join(f"  {name:<12} {line}" for name, line in ANALYSES.items()),
    )
    command.add_argument("folder", type=Path, metavar="STUDY_DIR", help="a study's folder, made by study run")
    command.add_argument(
        "--what",
        action="append",
        default=[],
        metavar="NAME",
        help="an analysis; may be repeated (default: all that apply to the runs)",
    )
    command.add_argument(
        "--runs",
        action="append",
        default=[],
        metavar="PATTERN",
        help="run directories or experiments, * stands for anything; may be given more than once"
        " (default: all that are done)",
    )
    command.add_argument(
        "--split", default="test", metavar="SPLIT", help="test, val or train (default: test)"
    )
    command.add_argument(
        "--limit", type=int, metavar="N", help="look at N images only, the same of every run"
    )
    declare_slots(command)
    root_and_json(command)
    language(command)


def analyze(arguments: argparse.Namespace) -> None:
    """Runs analyses on a study's finished runs and prints their results."""
    from mixscope import threads

    with threads.bounded_wait():  # before torch is imported
        _analyze(arguments)


def _analyze(arguments: argparse.Namespace) -> None:
    from mixscope.analysis import examine
    from mixscope.data.store import data_root
    from mixscope.report import page

    quiet = arguments.json
    lang = "en" if quiet else spoken(arguments.lang).language
    request = examine.Request(
        what=tuple(arguments.what),
        runs=tuple(arguments.runs),
        split=arguments.split,
        limit=arguments.limit,
    )
    document = {}
    for what, compared in examine.examine(
        arguments.folder,
        request,
        root=data_root(arguments.root),
        say=(lambda line: None) if quiet else partial(output.line, work="analysis"),
        bar=partial(bar, quiet=quiet),
        slots=arguments.slots,
    ):
        page.write_analysis(compared, arguments.folder / "analysis" / what)
        document[what] = compared
        if not quiet:
            print(f"\n{what}")
            for line in examine.summary(what, compared, lang):
                print(f"  {line}".rstrip())
            place = arguments.folder / "analysis" / what
            output.line(f"all       {place / 'summary.md'}, tables and charts beside it", work="analysis")
    if quiet:
        print_json(document)
