"""How a run looks while it goes: a live line on a terminal, plain lines elsewhere, or nothing; and how its
health checks read.

What does not belong here: what is said (loop.py and execute.py say it), and tables of results (cli.py).
"""

import sys
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn

from mixscope.training.health import Finding
from mixscope.training.loop import Show

# Checks of one prediction file, in few words where they are passed.
SHORT = {
    "macro-recall": "macro recall {macro_recall:.1f} % and top-1 {top1:.1f} % agree",
    "never-predicted": "every class is predicted",
    "precision-recall": "precision {gap:+.1f} pp against recall",
}


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
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


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
    """A line for each finding, in order; those of one prediction file that are passed share a line."""
    lines: list[str] = []
    passed: dict[str, list[str]] = {}
    for finding in findings:
        check, _, judged = finding.check.partition("/")
        if finding.ok and check in SHORT:
            passed.setdefault(judged, []).append(SHORT[check].format(**finding.figures))
            continue
        word = "contract" if check == "contract" else "health"
        verdict = {True: "ok", False: "look at this", None: "-"}[finding.ok]
        lines.append(f"{word:<9} {finding.sentence}  {verdict}")
    return lines + [f"health    {judged}: {', '.join(words)}  ok" for judged, words in passed.items()]


def health_total(findings: Sequence[Finding]) -> str:
    """How many checks a run has passed and which, and those that are to be looked at."""

    def counted(ok: bool | None) -> tuple[int, str]:
        checks = [f.check.partition("/")[0] for f in findings if f.ok is ok]
        return len(checks), ", ".join(dict.fromkeys(checks))

    (passed, names), (wrong, at), (rest, _) = counted(True), counted(False), counted(None)
    text = f"health    {passed} checks passed ({names})"
    text += f"; {wrong} to look at ({at})" if wrong else ""
    return text + (f"; {rest} had nothing to judge" if rest else "")
