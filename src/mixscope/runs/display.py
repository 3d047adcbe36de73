"""How a run looks while it goes: a live line on a terminal, plain lines elsewhere, or nothing; and how its
health checks read.
"""

import sys
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn

from mixscope import i18n, output
from mixscope.findings import Finding
from mixscope.training.loop import Show


class Silent:
    """Says nothing: for `--json`, for ranks other than 0, and for other programs."""

    def line(self, text: str) -> None:
        """Something that stays."""

    def progress(self, text: str, *, done: int, total: int) -> None:
        """Where an epoch stands, in batches; the next call stands in its place."""

    def close(self) -> None:
        """Nothing more is said."""


class Lines(Silent):
    """One line of text for what stays; progress within an epoch is left out of logs."""

    def line(self, text: str) -> None:
        """One line on standard output, at once."""
        output.line(text, work="run")


class Live(Silent):
    """A bar below the lines, which goes away at the end."""

    def __init__(self) -> None:
        """Shows nothing until there is progress."""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), transient=True
        )
        self._task = self._bars.add_task("", visible=False)

    def line(self, text: str) -> None:
        """One line above the bar."""
        self._bars.update(self._task, visible=False)
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, text: str, *, done: int, total: int) -> None:
        """The bar, begun at the first call."""
        self._bars.start()
        self._bars.update(self._task, description=text, completed=done, total=total, visible=True)

    def close(self) -> None:
        """Takes the bar away."""
        self._bars.stop()


def silent() -> Show:
    """Says nothing."""
    return Silent()


def terminal() -> Show:
    """Live on a terminal, plain lines in a pipe or a file."""
    return Live() if sys.stdout.isatty() else Lines()


def health_lines(findings: Sequence[Finding]) -> list[str]:
    """What passed in one line; a line for each warning and failure."""
    lines = []
    passed = list(dict.fromkeys(i18n.message(f"check-{f.code}") for f in findings if f.severity == "ok"))
    if passed:
        lines.append(f"checks    ok: {', '.join(passed)}")
    for finding in findings:
        if finding.severity in ("warn", "fail"):
            lines.append(f"{finding.severity.upper():<9} {finding.code}: {i18n.render(finding)}")
    return lines
