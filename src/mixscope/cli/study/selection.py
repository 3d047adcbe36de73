"""The study of a command, its selected runs, and their folder; used by every verb of `mixscope study`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixscope import i18n
from mixscope.cli.arguments import declare, language, root_and_json
from mixscope.cli.terminal import note_built_in
from mixscope.errors import ConfigError
from mixscope.findings import Finding


def declare_verb(
    verbs: Any,
    name: str,
    do: Callable[[argparse.Namespace], int | None],
    help: str,
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    """Adds a verb that works on a study, with the arguments that select its runs.

    Args:
        verbs: Result of add_subparsers.
        name: Name of the verb.
        do: Executes it; returns its exit code, None for 0.
        help: One sentence without full stop.
        examples: The study and options of each example.
    """
    lines = "\n".join(f"  mixscope study {name} {words}" for words in examples)
    command = declare(verbs, name, do, help, lines)
    command.add_argument(
        "study", metavar="STUDY", help="a built-in study, a .yaml file, or a folder of its runs"
    )
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="key=value",
        help="a level of a factor, name or seed",
    )
    command.add_argument("--seeds", type=int, metavar="N", help="the first N seeds")
    command.add_argument("--out", type=Path, metavar="DIR", help="the study's folder (default: runs/STUDY)")
    root_and_json(command)
    language(command)
    return command


def selected(arguments: argparse.Namespace) -> tuple[Any, Any, Path]:
    """The named study, the requested runs, and their folder."""
    from mixscope.study import matrix
    from mixscope.study.config import split_pair

    study = matrix.load(arguments.study)
    note_built_in(arguments.study)
    folder = matrix.folder_of(arguments.study) or Path("runs") / study.name
    only = {key: str(value) for key, value in map(split_pair, arguments.only)}
    runs = study.expand(only=only, seeds=arguments.seeds)
    if not runs:
        raise ConfigError(
            "unknown-name", "no run of the study has all of these levels; name fewer", key="--only"
        )
    return study, runs, arguments.out or folder


def experiment_seeds(runs: Any) -> set[tuple[str, int]]:
    """Experiment name and seed of each run."""
    return {(run.name, run.seed) for run in runs}


def print_finding(lang: str) -> Callable[[Finding], None]:
    """Prints a finding to standard error."""
    return lambda finding: print(i18n.render(finding, lang), file=sys.stderr)


def print_skipped(found: Any, lang: str) -> None:
    """Prints which runs are skipped because their records are damaged or of other settings."""
    for stands in found:
        if stands.state in ("damaged", "conflict") or stands.remark is not None:
            print(i18n.message("progress-skipped", lang, reason=stands.reason(lang)), file=sys.stderr)
