"""Reading tables: one content in every dialect, encoding and format gives the same cells and lines."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mixscope.errors import DataError
from mixscope.results import table_files

CASES = Path(__file__).parent / "cases"
HEADINGS = ("model", "aug", "seed", "top1")
ROWS = (("vit", "none", "0", "65.8"), ("vit", "cutmix, late", "1", "74.0"))
WORDS = {
    "ko": ("모델", "증강 기법", "시드", "정확도"),
    "zh": ("模型", "数据增强", "种子", "准确率"),
    "ja": ("モデル", "データ拡張", "シード", "正解率"),
    "de": ("Modell", "Größe", "Zufallszahl", "Präzision"),
}


def cells(document, number=0):
    table = document.tables[number]
    return table.headings, [row.cells for row in table.rows]


def written(path, delimiter=",", end="\n"):
    quoted = [[f'"{c}"' if delimiter in c else c for c in row] for row in (HEADINGS, *ROWS)]
    path.write_bytes(end.join(delimiter.join(row) for row in quoted).encode())
    return path


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_gives_the_same_cells(tmp_path, delimiter, end):
    found = table_files.read(written(tmp_path / "t.csv", delimiter, end))
    assert cells(found) == (HEADINGS, list(ROWS))
    assert [row.number for row in found.tables[0].rows] == [2, 3]


def test_the_line_that_names_the_delimiter_is_no_heading(tmp_path):
    path = written(tmp_path / "t.csv", ";")
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())
    found = table_files.read(path)
    assert cells(found) == (HEADINGS, list(ROWS)) and found.tables[0].rows[0].number == 3


def test_json_lines_json_parquet_and_frames_give_the_same_cells(tmp_path):
    rows = [dict(zip(HEADINGS, row, strict=True)) for row in ROWS]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", "utf-8")
    (tmp_path / "t.json").write_text(json.dumps(rows), "utf-8")
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.json", "t.parquet"):
        assert cells(table_files.read(tmp_path / name)) == (HEADINGS, list(ROWS))
    of_frame = table_files.of_frame(frame.set_index("model"))
    assert (of_frame.headings, [r.cells for r in of_frame.rows]) == (HEADINGS, list(ROWS))


def test_numbers_come_back_from_cells_to_the_last_bit(tmp_path):
    values = [0.1 + 0.2, 1 / 3, 5e-324, 123456789.123456789]
    frame = pd.DataFrame({"acc": values, "seed": range(4)})
    frame.to_parquet(tmp_path / "t.parquet")
    _, rows = cells(table_files.read(tmp_path / "t.parquet"))
    assert [float(row[0]) for row in rows] == values and [row[1] for row in rows] == list("0123")


def test_nested_json_is_joined_by_dots_and_what_is_missing_is_empty(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"config": {"model": "vit"}, "acc": null}\n{"acc": 0.5, "seed": 1}\n', "utf-8")
    assert cells(table_files.read(path)) == (
        ("config.model", "acc", "seed"),
        [("vit", "", ""), ("", "0.5", "1")],
    )


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *(
            (language, e)
            for language in WORDS
            for e in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
        ),
        ("ko", "cp949"),
        ("zh", "gbk"),
        ("ja", "cp932"),
        ("de", "cp1252"),
    ],
)
def test_headings_survive_every_encoding(tmp_path, language, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(
        "\n".join(",".join(r) for r in (WORDS[language], ("a", "b", "0", "1.5"))).encode(encoding)
    )
    found = table_files.read(path)
    assert cells(found) == (WORDS[language], [("a", "b", "0", "1.5")])
    assert found.encoding == encoding.removesuffix("-sig")


def test_a_pipe_table_and_an_html_table_of_one_content_are_alike():
    pipe = (
        "| Model | Aug | Top-1 | Recall |\n|-|-|-|-|\n"
        "| ResNet50 | MixUp | **72.1** | 71.2 |\n| ResNet50 | CutMix | 73.4 | 73.4 |\n"
    )
    html = (CASES / "html-table.md").read_text("utf-8")
    assert cells(table_files.markdown(pipe)) == cells(table_files.markdown(html))
    found = table_files.markdown(html)
    assert [row.number for row in found.tables[0].rows] == [2, 3]
    assert [s.text for s in found.sentences][-1] == "CIFAR-100, official test split."


def test_html_tables_keep_their_place_among_the_others():
    text = (
        "# A\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n## B\n\nHere.\n\n"
        "<table>\n<tr><th>c<th>d\n\n<tr><td>3<td>4</table>\n\n"
        "```html\n<table><tr><td>no</td></tr></table>\n```\n\n| e | f |\n|-|-|\n| 5 | 6 |\n"
    )
    found = table_files.markdown(text)
    assert [t.headings for t in found.tables] == [("a", "b"), ("c", "d"), ("e", "f")]
    assert [t.context for t in found.tables] == [("A",), ("A", "B", "Here."), ("A", "B")]
    assert [t.rows[0].number for t in found.tables] == [5, 14, 22]


def test_spanned_html_cells_are_repeated_and_heading_rows_joined():
    found = table_files.markdown(
        "<table><thead><tr><th rowspan=2>Model</th><th colspan=2>Top-1</th></tr>"
        "<tr><th>MixUp</th><th>CutMix</th></tr></thead>"
        "<tr><td rowspan=2>ResNet<sup>1</sup></td><td>78.5<br>(+2.1)</td><td>79</td></tr>"
        "<tr><td>77</td><td>78</td></tr></table>"
    )
    rows = [("ResNet", "78.5 (+2.1)", "79"), ("ResNet", "77", "78")]
    assert cells(found) == (("Model", "Top-1 MixUp", "Top-1 CutMix"), rows)


def test_an_html_table_that_never_ends_is_read_and_no_crash():
    assert cells(table_files.markdown("<table><tr><th>a<th>b<tr><td>1<td>2")) == (("a", "b"), [("1", "2")])
    assert table_files.markdown("</table><table></table>").tables == ()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.csv", None, "cannot be read"),
        ("one.csv", b"a,b\n", "holds no table"),
        ("t.xlsx", b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "save the sheet as CSV"),
        (
            "t.ods",
            b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument",
            "save the sheet",
        ),
        ("t.zip", b"PK\x03\x04garbage", "is a zip file that is no bundle; unpack it"),
        ("t.xls", b"\xd0\xcf\x11\xe0...", "save the sheet as CSV"),
        ("t.csv", b"\x00\x01\x02\x03a,b", "save it as UTF-8"),
        ("endless.csv", b'model,top1\n"' + b"x" * 200_000, "is no CSV"),
        ("t.parquet", b"PAR1....", "is no Parquet file"),
        ("t.jsonl", b'{"a": 1, "b": 2}\n{"a": \n', "line 2 is no JSON object"),
        ("t.json", b"[1, 2]", "line 1 is no JSON object"),
        ("deep.json", b"[" * 100_000, "is no JSON"),
        ("t.md", b"No table.", "a pipe table or an HTML table"),
    ],
)
def test_what_is_no_table_is_one_sentence_with_the_file(tmp_path, name, content, expected):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as problem:
        table_files.read(path)
    assert str(path) in str(problem.value) and expected in str(problem.value)
    assert "\n" not in str(problem.value)
