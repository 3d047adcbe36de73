"""`mixscope report`: the report of a study as a page."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.cli import table_options
from mixscope.cli.arguments import declare, language
from mixscope.cli.terminal import print_json, spoken
from mixscope.formatting import ends, padded

if TYPE_CHECKING:
    from mixscope.report.texts import Texts


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "report",
        report,
        "write the report of a study: one page, its tables and its figures",
        "  mixscope report runs/quickstart --open\n"
        "  mixscope report runs/resnet-vs-vit --lang ko\n"
        "  mixscope report runs/resnet-vs-vit --reference published.csv --curves published-curves.csv",
    )
    command.add_argument("results", type=Path, metavar="RESULTS", help=table_options.RESULTS)
    table_options.options(command)
    language(command)
    command.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="published tables (CSV or Markdown), shown beside the results by experiment",
    )
    command.add_argument("--curves", type=Path, metavar="CSV", help="published curves, drawn behind ours")
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the report's folder (default: report or report-ko, inside STUDY_DIR, else beside the file)",
    )
    command.add_argument("--open", action="store_true", help="open the page in a browser")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def report(arguments: argparse.Namespace) -> None:
    """Writes a report, prints its path, and opens it on request."""
    from mixscope.claims import exploratory
    from mixscope.report import page

    results = table_options.load(arguments, arguments.results)
    name = "report" if arguments.lang == "en" else f"report-{arguments.lang}"
    given = arguments.results
    default = results.folder / name if results.folder else given.parent / f"{given.stem}-{name}"
    made = page.write(
        results,
        out=arguments.out or default,
        language=arguments.lang,
        reference=arguments.reference,
        curves=arguments.curves,
    )
    runs = {"done": len(results.done), "of": len(results.runs)}
    if arguments.json:
        print_json(
            {
                "report": str(made.page),
                "tables": [str(file) for file in made.tables],
                "figures": [str(file) for file in made.figures],
                "complete": results.complete,
                "runs": runs,
                "verdicts": [verdict.to_dict() for verdict in made.content.verdicts],
            }
        )
    else:
        texts = spoken(arguments.lang, results)
        for line in _lines(made.content.verdicts, texts):
            print(line)
        if made.content.explored:
            print(exploratory.heading(made.content.explored, texts.language))
            print("\n".join(exploratory.to_text(made.content.explored, texts.language)))
        if not results.complete:
            line = texts("partial.runs", done=runs["done"], all=runs["of"])
            print(f"{padded(texts('partial.word'), 10)}{line}")
        print(f"{padded(texts('page.report'), 10)}{made.page}")
    if arguments.open:
        import webbrowser

        webbrowser.open(made.page.resolve().as_uri())


def _lines(judged: Any, texts: "Texts") -> Iterator[str]:
    """Claims with their verdicts; below each the strata with intervals and remarks."""
    from mixscope.report.sections.answer import remarks

    for verdict in judged:
        if verdict.secondary:
            continue
        yield f"{verdict.claim:<9} {padded(_word(verdict.verdict, texts), 16)}{texts.own(verdict.text)}"
        several = len(verdict.readings) > 1
        for reading in verdict.readings:
            interval, parts = reading.points, []
            if several:
                parts.append(f"{padded(_word(reading.verdict, texts), 15)} {texts.levels(reading.stratum)}")
            if interval is not None:
                unit = texts("page.unit_pp")
                parts.append(f"{interval.estimate:+.2f} {unit} {ends(interval.low, interval.high)}")
            notes = "; ".join(remarks(verdict, reading, texts)).replace("−", "-")  # as the numbers before it
            yield " " * 10 + "  ".join([*parts, notes]).rstrip()


def _word(verdict: str, texts: "Texts") -> str:
    return verdict.replace("POST-HOC", "POST HOC") if texts.language == "en" else texts(f"verdict.{verdict}")
