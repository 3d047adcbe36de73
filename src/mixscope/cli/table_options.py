"""Options of commands that read tables from elsewhere, for what cannot be inferred."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mixscope.formatting import padded

if TYPE_CHECKING:
    from mixscope.report.texts import Texts
    from mixscope.results import Results

RESULTS = "a study's folder, a bundle, or a table of results: CSV, TSV, JSON lines, Parquet, Markdown, HTML"


def options(command: argparse.ArgumentParser) -> None:
    """Adds --column, --baseline, --n-test, --n-seeds, --table and --claims."""
    command.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="ROLE=HEADING",
        help="of a table: which column holds what, for instance accuracy=val_acc, seed=run, model=net,"
        " augmentation=aug, factor=lr or ignore=notes; may be repeated",
    )
    command.add_argument("--baseline", metavar="LEVEL", help="the level to compare others with")
    command.add_argument("--n-test", type=int, metavar="N", help="of a table: number of test examples")
    command.add_argument(
        "--n-seeds", type=int, metavar="N", help="of a table: number of runs behind each row"
    )
    command.add_argument("--table", type=int, metavar="N", help="of a file with several tables: the Nth")
    command.add_argument(
        "--claims",
        type=Path,
        metavar="YAML",
        help="what was claimed (`mixscope claims new`); in place of a study's own claims it is post hoc,"
        " unless its runs recorded the same when they began",
    )


def load(
    arguments: argparse.Namespace, source: Path, checkpoint: str = "last", *, beside: bool = False
) -> "Results":
    """Reads results according to the options.

    Args:
        arguments: Parsed arguments with those of `options`.
        source: What to read.
        checkpoint: "last" or "selected".
        beside: Whether the options may refer to another source that is read as well.
    """
    from mixscope.errors import ConfigError
    from mixscope.results import bundle, claims_files, columns, sources
    from mixscope.results.runs_table import Reading

    for name, least in (("n_test", 2), ("n_seeds", 1), ("table", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ConfigError(
                "out-of-range", f"expected {least} or more, got {value}", key=f"--{name.replace('_', '-')}"
            )
    claimed = None if arguments.claims is None else claims_files.read(arguments.claims)
    given = {"column": arguments.column, "n-test": arguments.n_test, "n-seeds": arguments.n_seeds}
    given |= {"table": arguments.table}
    reading = Reading(
        columns=columns.declared(arguments.column),
        baseline=arguments.baseline,
        n_test=arguments.n_test,
        n_seeds=arguments.n_seeds,
        table=arguments.table,
        factors=() if claimed is None else claimed.factors,
    )
    study = source.is_dir() or bundle.is_bundle(source)
    try:
        found = sources.load(source, checkpoint=checkpoint, reading=reading)
    except ConfigError:
        if not beside or reading.baseline is None or not study:
            raise
        # The baseline may be that of the table beside this study.
        found = sources.load(source, checkpoint=checkpoint, reading=replace(reading, baseline=None))
    used = [f"--{name}" for name, value in given.items() if value]
    if found.plan is not None and used and not beside:
        raise ConfigError(
            "conflict",
            f"{source} is a study, which says this itself; these options are for tables",
            key=", ".join(used),
        )
    return found if claimed is None or (beside and found.plan is not None) else claimed.put_into(found)


def notes(results: "Results", texts: "Texts") -> Iterator[str]:
    """What was inferred from a table, and what cannot be checked about it."""
    from mixscope.claims import health

    for note in results.notes:
        yield f"{padded(texts('judge.read'), 10)}{texts.render(note)}"
    unchecked = health.unchecked(results)
    if results.plan is None and unchecked:
        kinds = [texts.of("unchecked", kind.replace(" ", "_")) for kind in unchecked]
        yield f"{padded(texts('judge.unchecked'), 10)}{', '.join(kinds)}"
