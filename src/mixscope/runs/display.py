"""Display of a run: a live progress bar on a terminal, plain lines elsewhere, or nothing; health checks."""

import sys
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn

from mixscope import i18n, output
from mixscope.findings import Finding
from mixscope.training.loop import Show


class Silent:
    """Shows nothing: for `--json`, ranks other than 0, and other programs."""

    def line(self, text: str) -> None:
        """Shows a permanent line."""

    def progress(self, text: str, *, done: int, total: int) -> None:
        """Shows batches done of an epoch; the next call replaces it."""

    def close(self) -> None:
        """Ends the display."""


class Lines(Silent):
    """Prints permanent lines only, for logs."""

    def line(self, text: str) -> None:
        """Prints one line to standard output and flushes it."""
        output.line(text, work="run")


class Live(Silent):
    """A progress bar below the lines, removed at the end."""

    def __init__(self) -> None:
        """Shows nothing until there is progress."""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), transient=True
        )
        self._task = self._bars.add_task("", visible=False)

    def line(self, text: str) -> None:
        """Prints one line above the bar."""
        self._bars.update(self._task, visible=False)
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, text: str, *, done: int, total: int) -> None:
        """Updates the bar, which is created at the first call."""
        self._bars.start()
        self._bars.update(self._task, description=text, completed=done, total=total, visible=True)

    def close(self) -> None:
        """Removes the bar."""
        self._bars.stop()


def silent() -> Show:
    """A display that shows nothing."""
    return Silent()


def terminal() -> Show:
    """A live display on a terminal, plain lines in a pipe or a file."""
    return Live() if sys.stdout.isatty() else Lines()


def health_lines(findings: Sequence[Finding]) -> list[str]:
    """Formats health checks: passed checks in one line, one line for each warning and failure."""
    lines = []
    passed = list(dict.fromkeys(i18n.message(f"check-{f.code}") for f in findings if f.severity == "ok"))
    if passed:
        lines.append(f"checks    ok: {', '.join(passed)}")
    for finding in findings:
        if finding.severity in ("warn", "fail"):
            lines.append(f"{finding.severity.upper():<9} {finding.code}: {i18n.render(finding)}")
    return lines
