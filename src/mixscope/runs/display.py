"""How a run looks while it goes: a live line on a terminal, plain lines elsewhere, or nothing.

What does not belong here: what is said (loop.py and execute.py say it), and tables of results (cli.py).
"""

import sys

from rich.progress import BarColumn, Progress, TextColumn

from mixscope.training.loop import Show


class Silent:
    """Says nothing: for `--json`, for ranks other than 0, and for other programs."""

    def line(self, text: str) -> None:
        pass

    def progress(self, text: str, *, done: int, total: int) -> None:
        pass

    def close(self) -> None:
        pass


class Lines(Silent):
    """One line of text for what stays; progress within an epoch is left out of logs."""

    def line(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Live(Silent):
    """A bar below the lines, which goes away at the end."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), transient=True
        )
        self._task = self._bars.add_task("", visible=False)

    def line(self, text: str) -> None:
        self._bars.update(self._task, visible=False)
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, text: str, *, done: int, total: int) -> None:
        self._bars.start()
        self._bars.update(self._task, description=text, completed=done, total=total, visible=True)

    def close(self) -> None:
        self._bars.stop()


def silent() -> Show:
    return Silent()


def terminal() -> Show:
    """Live on a terminal, plain lines in a pipe or a file."""
    return Live() if sys.stdout.isatty() else Lines()
