"""`mixscope import`: converts logs of other training programs to a bundle."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.cli.arguments import declare, language
from mixscope.cli.terminal import spoken
from mixscope.formatting import padded

if TYPE_CHECKING:
    from mixscope.results import Results
    from mixscope.results.table_files import Table


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "import",
        import_,
        "read logs of timm, Lightning, Hugging Face, TensorBoard, W&B or MLflow into a bundle",
        "  mixscope import output/train --out results.zip\n"
        "  mixscope import lightning_logs --out results.zip --column accuracy=val_acc\n"
        "  mixscope import mlruns --out results.zip --epoch best-on-validation\n"
        "  mixscope import wandb-runs.csv --out results.zip             # exported table of runs\n"
        "  mixscope import wandb-chart.csv --out results.zip            # exported chart: a row a step\n"
        "  mixscope judge results.zip",
    )
    command.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a folder of runs, one log, or an exported chart or table of runs",
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="a bundle (.zip, or a folder) or a table (.csv)"
    )
    command.add_argument(
        "--epoch",
        default="last",
        metavar="RULE",
        help="which epoch counts: last, or best-on-validation (default: last)",
    )
    command.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="ROLE=NAME",
        help="the logged accuracy: accuracy=NAME; of a table, any column, as in judge",
    )
    command.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="NAME",
        help="a setting that tells experiments apart; may be repeated (default: all that vary)",
    )
    command.add_argument("--baseline", metavar="LEVEL", help="the level to compare others with")
    command.add_argument("--n-test", type=int, metavar="N", help="number of test examples")
    language(command)


def import_(arguments: argparse.Namespace) -> None:
    """Writes the bundle and prints what was inferred."""
    from mixscope.errors import ConfigError
    from mixscope.findings import Finding
    from mixscope.results import bundle, columns, runs_table, trackers
    from mixscope.results.runs_table import Reading
    from mixscope.results.trackers import runs as logged

    given = columns.declared(arguments.column)
    if arguments.out is None:
        raise ConfigError(
            "missing-key", "expected a file to write, for instance --out results.zip", key="--out"
        )
    as_csv = arguments.out.suffix.lower() == ".csv"
    if as_csv and arguments.out.exists():
        raise ConfigError(
            "already-exists", "already exists; delete it or give another --out", path=arguments.out
        )
    if not as_csv:
        bundle.check_place(arguments.out)
    if arguments.source.is_file() and not trackers.kinds(arguments.source):
        return _table(arguments, given, as_csv)
    if any(role != "accuracy" for role, _ in given) or len(given) > 1:
        raise ConfigError(
            "unsupported", "of logs, only accuracy=NAME can be named; --factor names settings", key="--column"
        )
    program, runs = trackers.read(arguments.source)
    found = logged.table(
        runs,
        metric=given[0][1] if given else None,
        epoch=arguments.epoch,
        factors=arguments.factor,
        source=str(arguments.source),
    )
    first = Finding("read-logged", params={"program": program, "what": found.notes[0]})
    notes = [first, *found.notes[1:]]
    others = [f"{kind} {len(files)}" for kind, files in trackers.kinds(arguments.source).items()]
    if len(others) > 1:
        notes.append(Finding("read-programs", params={"counts": others, "program": program}))
    name = arguments.source.resolve().name if arguments.source.is_dir() else arguments.source.stem
    results = runs_table.of_table(
        found.table,
        Reading(
            baseline=arguments.baseline,
            n_test=arguments.n_test,
            columns=[("accuracy", found.table.headings[-1])],
        ),
        source=str(arguments.source),
        folder=Path(),
        name=name,
        notes=notes,
    )
    _write(arguments, results, found.table if as_csv else None)


def _table(arguments: argparse.Namespace, given: list[tuple[str, str]], as_csv: bool) -> None:
    """Imports a table of runs, such as the export of a tracker's web page."""
    from mixscope.errors import ConfigError
    from mixscope.results import runs_table, table_files
    from mixscope.results.runs_table import Reading

    if arguments.epoch != "last":
        raise ConfigError(
            "conflict",
            f"--epoch {arguments.epoch}: a table of runs has no epochs; leave the option out",
            key="--epoch",
        )
    results = runs_table.read(
        arguments.source,
        Reading(
            columns=[*given, *(("factor", name) for name in arguments.factor)],
            baseline=arguments.baseline,
            n_test=arguments.n_test,
        ),
    )
    _write(arguments, results, table_files.of_frame(results.to_frame()) if as_csv else None)


def _write(arguments: argparse.Namespace, results: "Results", table: "Table | None") -> None:
    """Writes a table or a bundle and prints what was read."""
    from mixscope.atomic import replacing
    from mixscope.results import bundle
    from mixscope.tabular import csv_of

    out, texts = arguments.out, spoken(arguments.lang)
    if table is None:
        bundle.write(results, out)
    else:
        with replacing(out) as file:
            file.write(csv_of([table.headings, *(row.cells for row in table.rows)]).encode())
    for note in results.notes:
        print(f"{padded(texts('judge.read'), 10)}{texts.render(note)}")
    print(f"written   {out}: {len(results.done)} of {len(results.runs)} runs done")
