"""Output of commands on a terminal: texts in its encoding, tables, JSON documents and progress bars."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixscope.report.texts import Texts
    from mixscope.results import Results


def note_letters(texts: Sequence[str]) -> None:
    """Warns on standard error if no installed font has all letters of texts that a chart or image shows."""
    from mixscope import fonts

    if (problem := fonts.note(texts)) is not None:
        sys.stderr.write(f"note: {problem}\n")


def note_built_in(study: str) -> None:
    """Says that a name is that of a built-in study, where something else of that name lies beside."""
    from mixscope.study import matrix

    if matrix.shadows(study):
        sys.stderr.write(f"note: {study} is the built-in study; for what is at ./{study}, write ./{study}\n")


def spoken(lang: str, results: "Results | None" = None) -> "Texts":
    """Texts for the terminal, in English with a note if its encoding cannot show Korean.

    Raises:
        ConfigError: If the language is unknown.
    """
    from mixscope.report.texts import Texts

    texts = Texts(lang, results)
    if _encodes(texts("page.title-sign")):
        return texts
    sys.stderr.write(
        f"note: the encoding of this terminal ({sys.stdout.encoding}) cannot show --lang {lang}, so it"
        " gets English; PYTHONUTF8=1 makes it UTF-8\n"
    )
    return Texts("en", results)


def ascii_only() -> bool:
    """Whether the terminal's encoding lacks check marks and ±."""
    return not _encodes("✓✗±")


def _encodes(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def print_json(value: Any) -> None:
    """Prints one JSON document to standard output; paths and other objects as text."""
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
    """Formats rows with equal keys as aligned text."""
    if not rows:
        return ""
    cells = [[str(k) for k in rows[0]]] + [[_cell(v) for v in row.values()] for row in rows]
    from mixscope import tabular

    return "\n".join(tabular.to_text(cells))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
