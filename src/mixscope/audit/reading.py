"""From a file to tables and sentences: Markdown (pipe tables) and CSV.

Every cell and sentence keeps the line it stands on, so that a finding can be looked up.

What does not belong here: what a cell means (words.py, figures.py, entries.py).
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mixscope.errors import DataError

if TYPE_CHECKING:
    from markdown_it.token import Token

SEPARATED = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Line:
    """One row's cells, as plain text, and its line in the file."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """number: 1, 2, ... in the document. context: the headings above it, outermost first, and the paragraph
    right before it."""

    number: int
    line: int
    headings: tuple[str, ...]
    rows: tuple[Line, ...]
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A paragraph, list item or table cell, with its line breaks; context: the headings above it."""

    line: int
    text: str
    context: tuple[str, ...] = ()

    def line_at(self, position: int) -> int:
        """The line in the file of a position in the text."""
        return self.line + self.text.count("\n", 0, position)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds."""

    tables: tuple[Table, ...] = ()
    sentences: tuple[Sentence, ...] = field(default=())


def read(path: Path) -> Document:
    """A Markdown or CSV file; a name that ends in .csv or .tsv is CSV, all else Markdown.

    Raises DataError for a file that is missing, no UTF-8 text, or without any table.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise DataError(
            f"{path}: cannot be read ({problem.strerror}); give a Markdown or CSV file"
        ) from problem
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: is no UTF-8 text (byte {problem.start}); save it as UTF-8") from problem
    try:
        document = separated(text) if path.suffix.lower() in SEPARATED else markdown(text)
    except csv.Error as problem:
        raise DataError(f"{path}: is no CSV ({problem}); save it anew, separated by commas") from problem
    if not document.tables:
        expected = "headings and at least one row" if path.suffix.lower() in SEPARATED else "a pipe table"
        raise DataError(
            f"{path}: holds no table; expected {expected} (tables in HTML or images are not read)"
        )
    return document


def separated(text: str) -> Document:
    """A table of values separated by comma, semicolon or tab: the first row holds the headings.

    Raises csv.Error where it is none.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.lstrip("\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows = [Line(reader.line_num, tuple(c.strip() for c in row)) for row in reader if any(row)]
    if len(rows) < 2 or len(rows[0].cells) < 2:
        return Document()
    return Document(tables=(Table(1, rows[0].number, rows[0].cells, tuple(rows[1:])),))


def markdown(text: str) -> Document:
    """All pipe tables and all sentences of a Markdown document; code blocks are left alone."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    tables: list[Table] = []
    sentences: list[Sentence] = []
    above: dict[int, str] = {}  # heading level -> its text
    paragraph: Sentence | None = None
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.type == "heading_open":
            level = int(token.tag[1:])
            above = {k: v for k, v in above.items() if k < level} | {level: _text(tokens[i + 1])}
            paragraph = None
        elif token.type == "table_open":
            end = next(j for j in range(i, len(tokens)) if tokens[j].type == "table_close")
            context = (*above.values(), *([paragraph.text.replace("\n", " ")] if paragraph else []))
            rows = list(_rows(tokens[i:end]))
            if len(rows) > 1:
                number = len(tables) + 1
                tables.append(Table(number, rows[0].number, rows[0].cells, tuple(rows[1:]), context))
                cells = (Sentence(row.number, cell, context) for row in rows for cell in row.cells)
                sentences += (s for s in cells if len(s.text) > 12)
            paragraph, i = None, end
        elif token.type == "inline" and token.map and tokens[i - 1].type != "heading_open":
            paragraph = Sentence(token.map[0] + 1, _text(token, "\n", code=False), tuple(above.values()))
            sentences.append(paragraph)
        elif token.type in ("fence", "code_block", "html_block", "hr"):
            paragraph = None
        i += 1
    return Document(tuple(tables), tuple(sentences))


def _rows(tokens: Sequence["Token"]) -> Iterator[Line]:
    number = 0
    cells: list[str] = []
    for token in tokens:
        if token.type == "tr_open" and token.map:
            number, cells = token.map[0] + 1, []
        elif token.type == "inline":
            cells.append(_text(token))
        elif token.type == "tr_close":
            yield Line(number, tuple(cells))


def _text(token: "Token", newline: str = " ", code: bool = True) -> str:
    """The text that a reader sees, without <sup> and images. code: with code that compares."""
    parts: list[str] = []
    raised = False
    for child in token.children or []:
        if child.type == "html_inline":
            tag = child.content.lower()
            raised = "sup" in tag and "</" not in tag
            parts.append(" " if tag.startswith("<br") else "")
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(newline)
        elif child.type == "code_inline" and not code and re.search(r"[()<>]", child.content):
            parts.append("`")
        elif child.type != "image" and not raised:
            parts.append(child.content)
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\[\^[^\]]*\]", "", "".join(parts))).strip()
