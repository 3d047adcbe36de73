"""`mixscope compare`: two studies, or a study and a table that somebody published."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixscope.cli import tables
from mixscope.cli.grammar import checkpoint, declare, print_json


def add(commands: Any) -> None:
    """What this file adds to the grammar."""
    command = declare(
        commands,
        "compare",
        compare,
        "say what differs between two studies, or a study and a published table",
        "  mixscope compare runs/quickstart runs/longer\n  mixscope compare runs/resnet-vs-vit published.csv",
    )
    command.add_argument("first", type=Path, metavar="A", help=tables.RESULTS)
    command.add_argument(
        "second", type=Path, metavar="B", help="another one, or a CSV or Markdown table of experiments"
    )
    tables.options(command)
    checkpoint(command, "compare")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def compare(arguments: argparse.Namespace) -> None:
    """Prints what differs between two studies, or a study and a table, beyond noise."""
    from mixscope.audit import compare as comparison
    from mixscope.errors import DataError
    from mixscope.results import bundle

    table = arguments.second.is_file() and not bundle.is_bundle(arguments.second)
    first = tables.load(arguments, arguments.first, arguments.checkpoint, beside=table)
    second, problem = _results(arguments)
    if second is not None:
        found = comparison.studies(first, second, checkpoint=arguments.checkpoint)
    else:
        try:
            found = comparison.table(first, arguments.second, checkpoint=arguments.checkpoint)
        except DataError as other:
            raise (problem or other) from other
    if arguments.json:
        return print_json(dataclasses.asdict(found))
    for line in _lines(found, arguments.checkpoint):
        print(line)


def _results(arguments: argparse.Namespace) -> tuple[Any, Exception | None]:
    """The second as results, or why it cannot be; none of both for a published table of single values."""
    from mixscope.errors import ConfigError, DataError
    from mixscope.results import bundle

    if arguments.second.is_dir() or bundle.is_bundle(arguments.second):
        return tables.load(arguments, arguments.second, arguments.checkpoint, beside=True), None
    try:
        found = tables.load(arguments, arguments.second, arguments.checkpoint, beside=True)
    except (ConfigError, DataError) as problem:
        return None, problem
    repeated = any(len(found.runs_of(e.name)) > 1 for e in found.experiments)
    return (found if repeated or found.summaries else None), None


def _lines(found: Any, checkpoint: str) -> Iterator[str]:
    yield f"{found.first} -> {found.second}"
    about = (("settings", found.settings), ("made with", found.made_with), ("mind", found.problems))
    for title, sentences in about:
        if sentences:
            yield f"\n{title}"
            yield from (f"  {sentence}" for sentence in sentences)
    for name, only in ((found.first, found.only_first), (found.second, found.only_second)):
        if only:
            yield f"\nonly in {name}: {', '.join(only)}"
    yield f"\nresults  (test top-1 %, {checkpoint} checkpoint; difference in pp with its 95% interval)"
    for row in found.results:
        yield (
            f"  {row.experiment:<24} {_percent(row.first)} -> {_percent(row.second)}"
            f"  {row.seeds[0]} and {row.seeds[1]} seeds  {_said(row)}"
        )
        yield from (f"  {'':<24} the audit of the table: {doubt}" for doubt in row.doubts)
    counts = [f"{sum(r.said == s for r in found.results)} {s}" for s in _words(found.results)]
    yield f"\n{len(found.results)} experiments: {', '.join(counts)}"


def _words(rows: Any) -> list[str]:
    return list(dict.fromkeys(row.said for row in rows))


def _said(row: Any) -> str:
    if row.first is None or row.second is None:
        return "no finished run"
    apart = f"{row.second - row.first:+.2f}"
    if row.interval is None:
        return f"{apart}  one seed cannot show how much runs differ"
    shown = f"{apart} [{row.interval.low:+.2f}, {row.interval.high:+.2f}]"
    if row.conditional:
        return f"{shown}  of test examples alone: one seed cannot show how much runs differ"
    return f"{shown}  p {row.p_holm:.3g} after Holm: {row.said}"


def _percent(value: float | None) -> str:
    return "    -" if value is None else f"{value:5.2f}"
