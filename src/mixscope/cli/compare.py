"""`mixscope compare`: two studies, or a study and a published table."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.cli import table_options
from mixscope.cli.arguments import checkpoint, declare, language
from mixscope.cli.terminal import print_json, spoken
from mixscope.formatting import ends

if TYPE_CHECKING:
    from mixscope.report.texts import Texts


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "compare",
        compare,
        "show what differs between two studies, or a study and a published table",
        "  mixscope compare runs/quickstart runs/longer\n  mixscope compare runs/resnet-vs-vit published.csv",
    )
    command.add_argument("first", type=Path, metavar="A", help=table_options.RESULTS)
    command.add_argument(
        "second", type=Path, metavar="B", help="another one, or a CSV or Markdown table of experiments"
    )
    table_options.options(command)
    checkpoint(command, "compare")
    language(command)
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def compare(arguments: argparse.Namespace) -> None:
    """Prints the differences between two studies, or a study and a table."""
    from mixscope.audit import compare as comparison
    from mixscope.errors import DataError
    from mixscope.results import bundle

    table = arguments.second.is_file() and not bundle.is_bundle(arguments.second)
    first = table_options.load(arguments, arguments.first, arguments.checkpoint, beside=table)
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
    for line in _lines(found, arguments.checkpoint, spoken(arguments.lang)):
        print(line)


def _results(arguments: argparse.Namespace) -> tuple[Any, Exception | None]:
    """The second source as results, or the error; neither for a published table of single values."""
    from mixscope.errors import ConfigError, DataError
    from mixscope.results import bundle

    if arguments.second.is_dir() or bundle.is_bundle(arguments.second):
        return table_options.load(arguments, arguments.second, arguments.checkpoint, beside=True), None
    try:
        found = table_options.load(arguments, arguments.second, arguments.checkpoint, beside=True)
    except (ConfigError, DataError) as problem:
        return None, problem
    repeated = any(len(found.runs_of(e.name)) > 1 for e in found.experiments)
    return (found if repeated or found.summaries else None), None


def _lines(found: Any, checkpoint: str, texts: "Texts") -> Iterator[str]:
    yield f"{found.first} -> {found.second}"
    problems = [f"{name}: {texts.render(finding)}" for name, finding in found.problems]
    settings = [_setting(change, names, texts) for change, names in found.settings]
    about = (("settings", settings), ("made_with", found.made_with), ("problems", problems))
    for title, sentences in about:
        if sentences:
            yield f"\n{texts(f'compare.{title}')}"
            yield from (f"  {sentence}" for sentence in sentences)
    for name, only in ((found.first, found.only_first), (found.second, found.only_second)):
        if only:
            yield "\n" + texts("compare.only", name=name, experiments=list(only))
    yield "\n" + texts("compare.results", checkpoint=checkpoint)
    for row in found.results:
        seeds = texts("compare.seeds", first=row.seeds[0], second=row.seeds[1])
        means = f"{_percent(row.first)} -> {_percent(row.second)}"
        yield f"  {row.experiment:<24} {means}  {seeds}  {_result(row, texts)}"
        yield from (f"  {'':<24} {texts('results.doubts')}: {texts.render(doubt)}" for doubt in row.doubts)
    kinds = dict.fromkeys(row.said for row in found.results)
    counts = [f"{sum(r.said == kind for r in found.results)} {_kind(kind, texts)}" for kind in kinds]
    yield "\n" + texts("compare.total", n=len(found.results), counts=counts)


def _setting(change: str, names: Any, texts: "Texts") -> str:
    """A changed setting with its experiments; () for all, None for a change of the study."""
    if names is None:
        return change
    return f"{change}  ({', '.join(names) if names else texts('compare.all')})"


def _kind(said: str, texts: "Texts") -> str:
    return texts(f"compare.{said.replace(' ', '-')}")


def _result(row: Any, texts: "Texts") -> str:
    if row.first is None or row.second is None:
        return texts("compare.no_run")
    apart = f"{row.second - row.first:+.2f}"
    if row.said == "alike":
        return f"{apart}  {texts('compare.same')}"
    if row.interval is None:
        return f"{apart}  {texts('why.one-seed')}"
    shown = f"{apart} {ends(row.interval.low, row.interval.high)}"
    if row.conditional:
        return f"{shown}  {texts('judge.one_seed')}"
    return f"{shown}  {texts('compare.p', p=row.p_holm, said=_kind(row.said, texts))}"


def _percent(value: float | None) -> str:
    return "    -" if value is None else f"{value:5.2f}"
