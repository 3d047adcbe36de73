"""Reads tables from files: rows of text cells, each with its line in the file.

Supports CSV and TSV in the dialects of spreadsheets (comma, semicolon, tab or bar; UTF-8, UTF-16, GBK, CP949,
Shift-JIS, Windows-1252), JSON lines, Parquet, and the pipe tables and HTML tables of Markdown. Cells stay
text, because the meaning of "10,000" depends on its column; `printed_values` parses numbers. Sentences of
Markdown are kept too, for the audit of published tables.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope.errors import DataError, unread

if TYPE_CHECKING:
    import pandas as pd
    from markdown_it.token import Token

SEPARATED = (".csv", ".tsv", ".tab")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
LONGEST_NOTE = 300  # characters
FORMATS = "CSV, TSV, JSON lines, Parquet, Markdown or HTML"
_DELIMITERS = ",;\t|"
_COMMON_HANZI = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")  # the first level of GB 2312, by pronunciation
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_OFFICE = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis")  # first entry of Excel, of OpenDocument


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table.

    Attributes:
        number: Line in the file, from 1 (Parquet and JSON arrays: the row, from 1).
        cells: Text of its cells, stripped, without markup.
    """

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a document.

    Attributes:
        number: Number in the document, from 1.
        line: Line of the headings.
        headings: One per column; two rows of headings in HTML are joined.
        rows: Its rows, without the headings.
        context: Headings of the document above it, outermost first, and the paragraph directly before it.
        after: The paragraph directly below it, if it is short: a caption or a note on its data.
    """

    number: int
    line: int
    headings: tuple[str, ...]
    rows: tuple[Line, ...]
    context: tuple[str, ...] = ()
    after: str = ""

    def to_frame(self) -> "pd.DataFrame":
        """Its cells as text, one row per line; the index contains the lines of the file."""
        import pandas as pd

        width = len(self.headings)
        cells = [(*row.cells, *[""] * width)[:width] for row in self.rows]
        lines = pd.Index([row.number for row in self.rows], name="line")
        return pd.DataFrame(cells, columns=list(self.headings), index=lines, dtype=str)


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
    """The content of a file.

    Attributes:
        tables: Its tables, in order.
        sentences: The sentences of Markdown.
        encoding: Detected encoding, "utf-8" by default.
        prose: Whether it is Markdown or HTML, where an empty cell may mean "as above".
    """

    tables: tuple[Table, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    encoding: str = "utf-8"
    prose: bool = False


def read(path: Path) -> Document:
    """Reads every table of a file in the format given by its ending.

    Files with an unknown ending are read as Markdown, or as delimited values if a .txt file has no other
    table.

    Args:
        path: A CSV, TSV, JSON lines, Parquet, Markdown or HTML file.

    Raises:
        DataError: If it cannot be read, is not text in a known encoding, or has no table.
    """
    ending = path.suffix.lower()
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(
            unread(problem), f"cannot be read ({problem.strerror}); give a {FORMATS} file", path=path
        ) from problem
    if data.startswith(_OLD_EXCEL) or (data.startswith(_ZIP) and any(name in data for name in _OFFICE)):
        raise DataError(
            "unsupported",
            "is an Excel or OpenDocument file; save the sheet as CSV and give that file",
            path=path,
        )
    if data.startswith(_ZIP):
        raise DataError(
            "unsupported",
            "is a zip file that is no bundle; unpack it and give the table in it, or pack the study"
            " again (`mixscope study pack STUDY_DIR`)",
            path=path,
        )
    if ending in PARQUET:
        return _parquet(path, data)
    try:
        text, encoding = decode(data)
    except UnicodeError as problem:
        raise DataError(
            "wrong-format", "is no text in a known encoding; save it as UTF-8", path=path
        ) from problem
    try:
        if ending in SEPARATED:
            document = separated(text)
        elif ending in JSON_LINES:
            document = json_lines(text)
        else:
            document = replace(markdown(text), prose=True)
            if ending == ".txt" and not document.tables:
                document = separated(text)
    except csv.Error as problem:
        raise DataError(
            "wrong-format", f"is no CSV ({problem}); save it anew, separated by commas", path=path
        ) from problem
    except ValueError as problem:
        raise DataError("wrong-format", f"{problem}", path=path) from problem
    if not document.tables:
        expected = "a pipe table or an HTML table; of values separated by commas, let the name end in .csv"
        if ending in (*SEPARATED, *JSON_LINES):
            expected = "at least two headings and one row; save the table again, with its rows"
        raise DataError("wrong-format", f"holds no table; expected {expected}", path=path)
    return replace(document, encoding=encoding)


# --- text ---


def decode(data: bytes) -> tuple[str, str]:
    """Decodes text without a declared encoding.

    A byte order mark decides; else UTF-8 if it is valid; else the one encoding for which the non-ASCII
    letters are of one script: Hangul (CP949), kana (Shift-JIS) or common Chinese characters (GBK); otherwise
    Windows-1252.

    Args:
        data: The bytes of a file.

    Returns:
        The text and the name of its encoding.

    Raises:
        UnicodeError: If none is valid.
    """
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(name), name.removesuffix("-sig")
    if b"\0" in data:
        name = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        text = data.decode(name)
        if not re.search(r"[\0-\x08\x0e-\x1f]", text):
            return text, name
        raise UnicodeError("bytes that no text has")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    korean = _decoded(data, "cp949")
    if _share(korean, "\uac00", "\ud7a3") > 0.9:
        return korean, "cp949"
    japanese = _decoded(data, "cp932")
    if _share(japanese, "\u3040", "\u30ff") > 0.2:
        return japanese, "cp932"
    if 4 * len(_COMMON_HANZI.findall(data)) > sum(byte > 0x7F for byte in data):
        chinese = _decoded(data, "gbk")
        if chinese:
            return chinese, "gbk"
    return data.decode("cp1252"), "cp1252"


def _decoded(data: bytes, encoding: str) -> str:
    """The decoded text, empty if the encoding is not valid."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _share(text: str, first: str, last: str) -> float:
    beyond = [c for c in text if c > "\x7f"]
    return sum(first <= c <= last for c in beyond) / len(beyond) if beyond else 0.0


# --- values separated by something ---


def separated(text: str) -> Document:
    """Parses values separated by comma, semicolon, tab or bar; the first row has the headings.

    Args:
        text: The file's text; a first line such as "sep=;", a hint for spreadsheets, is skipped.

    Raises:
        csv.Error: If it cannot be parsed.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    declared = re.match(r"\s*sep=(.)\n", text)
    skipped = declared[0].count("\n") if declared else 0
    body = text[declared.end() :] if declared else text
    rows = max((_rows(body, d) for d in (declared[1] if declared else _DELIMITERS)), key=_fit)
    lines = [Line(row.number + skipped, row.cells) for row in rows]
    if len(lines) < 2 or len(lines[0].cells) < 2:
        return Document()
    return Document(tables=(Table(1, lines[0].number, lines[0].cells, tuple(lines[1:])),))


def _rows(text: str, delimiter: str) -> list[Line]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [Line(reader.line_num, tuple(c.strip() for c in row)) for row in reader if any(row)]


def _fit(rows: Sequence[Line]) -> tuple[bool, float, int]:
    """How well a delimiter fits the rows: most have as many cells as there are headings."""
    width = len(rows[0].cells) if rows else 0
    same = sum(len(row.cells) == width for row in rows[:100])
    return width > 1, same / max(len(rows[:100]), 1) > 0.5, width


# --- JSON ---


def json_lines(text: str) -> Document:
    """Parses JSON objects, one per line, or one array of objects; nested keys are joined by dots.

    Raises:
        ValueError: If a line is not a JSON object.
    """
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"is no JSON ({problem})") from problem
        return objects(enumerate(found, 1))
    parsed = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                parsed.append((number, json.loads(line)))
            except (ValueError, RecursionError) as problem:
                raise ValueError(
                    f"line {number} is no JSON object ({problem}); complete the line or delete it"
                ) from problem
    return objects(parsed)


def objects(rows: Iterable[tuple[int, Any]]) -> Document:
    """A table of mappings, each with its line; missing keys give empty cells.

    Raises:
        ValueError: If a row is not a mapping.
    """
    flat: list[tuple[int, dict[str, str]]] = []
    for number, row in rows:
        if not isinstance(row, Mapping):
            raise ValueError(f'line {number} is no JSON object; expected {{"model": ..., ...}}')
        flat.append((number, dict(_flat(row))))
    headings = tuple(dict.fromkeys(key for _, row in flat for key in row))
    lines = tuple(Line(number, tuple(row.get(key, "") for key in headings)) for number, row in flat)
    return Document(tables=(Table(1, 1, headings, lines),)) if lines and len(headings) > 1 else Document()


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", cell(value)


def cell(value: Any) -> str:
    """The text of a value; numbers keep all digits, and missing values are empty."""
    if value is None or type(value).__name__ == "NAType" or value != value:  # pandas.NA has no truth value
        return ""
    return str(value).strip()


def _parquet(path: Path, data: bytes) -> Document:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(pa.BufferReader(data)).to_pylist()
    except (pa.ArrowException, OSError) as problem:
        raise DataError(
            "damaged-file", "is no Parquet file, or cut off; copy it again, or write it anew", path=path
        ) from problem
    document = objects(enumerate(rows, 1))
    if not document.tables:
        raise DataError(
            "wrong-format", "holds no table; expected at least two columns and one row", path=path
        )
    return document


def of_frame(frame: "pd.DataFrame") -> Table:
    """A DataFrame as a table; lines are rows, from 1. A named index becomes columns."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    headings = tuple(map(str, frame.columns))
    rows = (Line(n, tuple(map(cell, row))) for n, row in enumerate(frame.itertuples(False, None), 1))
    return Table(1, 0, headings, tuple(rows))


# --- Markdown and HTML ---


def markdown(text: str) -> Document:
    """Parses all pipe tables, HTML tables and sentences of a Markdown document; code blocks are skipped."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    text, spans = _without_html_tables(text, parser.parse(text) if "<table" in text.lower() else [])
    tokens = parser.parse(text)
    tables: list[Table] = []
    sentences: list[Sentence] = []
    above: dict[int, str] = {}  # heading level -> its text
    paragraph: Sentence | None = None
    waiting = False  # whether the next paragraph is directly below a table

    def add(rows: Sequence[Line]) -> None:
        context = (*above.values(), *([paragraph.text.replace("\n", " ")] if paragraph else []))
        nonlocal waiting
        waiting = len(rows) > 1
        if len(rows) > 1:
            number = len(tables) + 1
            tables.append(Table(number, rows[0].number, rows[0].cells, tuple(rows[1:]), context))
            cells = (Sentence(row.number, cell, context) for row in rows for cell in row.cells)
            sentences.extend(s for s in cells if len(s.text) > 12)

    i = 0
    while i < len(tokens):
        token = tokens[i]
        while spans and token.map and spans[0][0] <= token.map[0]:
            add(_html_rows(*spans.pop(0)))
            paragraph = None
        if token.type == "heading_open":
            level = int(token.tag[1:])
            above = {k: v for k, v in above.items() if k < level} | {level: _text(tokens[i + 1])}
            paragraph, waiting = None, False
        elif token.type == "table_open":
            end = next(j for j in range(i, len(tokens)) if tokens[j].type == "table_close")
            add(list(_pipe_rows(tokens[i:end])))
            paragraph, i = None, end
        elif token.type == "inline" and token.map and tokens[i - 1].type != "heading_open":
            paragraph = Sentence(token.map[0] + 1, _text(token, "\n", code=False), tuple(above.values()))
            sentences.append(paragraph)
            if waiting and len(paragraph.text) <= LONGEST_NOTE:
                tables[-1] = replace(tables[-1], after=paragraph.text.replace("\n", " "))
            waiting = False
        elif token.type in ("fence", "code_block", "html_block", "hr"):
            paragraph = None
        i += 1
    for span in spans:
        add(_html_rows(*span))
        paragraph = None
    return Document(tuple(tables), tuple(sentences))


def _pipe_rows(tokens: Sequence["Token"]) -> Iterator[Line]:
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
    """The visible text, without <sup> and images. code: include code that contains comparisons."""
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


Span = tuple[int, str]  # line of the file, from 0, and the HTML of one outermost table


def _without_html_tables(text: str, tokens: Sequence["Token"]) -> tuple[str, list[Span]]:
    """The text with empty lines in place of its HTML tables, and these tables in order."""
    code = [t.map for t in tokens if t.type in ("fence", "code_block") and t.map]
    spans: list[Span] = []
    kept, depth, start, end = [], 0, 0, 0
    for tag in re.finditer(r"<(/?)table\b[^>]*>", text, re.IGNORECASE):
        line = text.count("\n", 0, tag.start())
        if any(first <= line < last for first, last in code):
            continue
        if not tag[1]:
            if depth == 0:
                start = tag.start()
                kept.append(text[end:start])
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                end = tag.end()
                spans.append((text.count("\n", 0, start), text[start:end]))
                kept.append("\n" * text.count("\n", start, end))
    if depth:  # not closed: extends to the end of the text
        spans.append((text.count("\n", 0, start), text[start:]))
        end = len(text)
    return "".join([*kept, text[end:]]), spans


def _html_rows(line: int, source: str) -> list[Line]:
    """The rows of an HTML table, spanned cells repeated; several rows of headings are joined."""
    from lxml import html

    table = html.fragment_fromstring(source, create_parent="div").find(".//table")
    if table is None:
        return []
    grid: list[Line] = []
    heads = 0
    spanned: dict[tuple[int, int], str] = {}
    rows = [r for r in table.iter("tr") if next(r.iterancestors("table")) is table]
    for r, row in enumerate(rows):
        cells: list[str] = []
        own = [c for c in row if c.tag in ("td", "th")]
        for one in own:
            while (r, len(cells)) in spanned:
                cells.append(spanned[r, len(cells)])
            shown = _seen(one)
            down, across = _span(one, "rowspan"), _span(one, "colspan")
            for k, c in itertools.product(range(down), range(len(cells), len(cells) + across)):
                spanned[r + k, c] = shown
            cells += [shown] * across
        while (r, len(cells)) in spanned:
            cells.append(spanned[r, len(cells)])
        if heads == r and (row.getparent().tag == "thead" or all(c.tag == "th" for c in own)):
            heads += 1
        grid.append(Line(line + row.sourceline, tuple(cells)))
    if heads > 1:
        width = min(len(row.cells) for row in grid[:heads])
        joined = (dict.fromkeys(row.cells[c] for row in grid[:heads] if row.cells[c]) for c in range(width))
        grid[:heads] = [Line(grid[0].number, tuple(map(" ".join, joined)))]
    return [row for row in grid if any(row.cells)]


def _span(cell: Any, name: str) -> int:
    given = str(cell.get(name, "1"))
    return min(int(given), 1000) if given.isdecimal() and int(given) else 1


def _seen(cell: Any) -> str:
    """The visible text of an HTML cell, without <sup>, scripts and images."""
    parts: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node.tag, str) and node.tag not in ("sup", "script", "style", "table"):
            parts.append(" " if node.tag == "br" else node.text or "")
            for child in node:
                walk(child)
                parts.append(child.tail or "")

    walk(cell)
    return " ".join("".join(parts).split())
