"""How commands are declared and how their results are printed: what all commands share.

What does not belong here: any one command (its own file), and how a run or a study looks while it goes
(runs/display.py).
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXIT = """exit codes: 0 ok, 1 failure, 2 usage, 4 data missing or corrupt, 75 interrupted and resumable"""


def declare(
    commands: Any, name: str, do: Callable[[argparse.Namespace], int | None], help: str, examples: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"examples:\n{examples}\n{EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # a misspelt option must not start a long run
    )
    made.set_defaults(do=do)
    return made


def root_and_json(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="data folder (default: $MIXSCOPE_DATA, else a per-user folder)",
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@contextmanager
def bar(title: str, quiet: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """A progress bar on a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of equal keys as aligned text."""
    if not rows:
        return ""
    cells = [[str(k) for k in rows[0]]] + [[_cell(v) for v in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
