"""The page in a real browser, where there is one: no error, and everything that it offers works."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import made_study
from made_study import Made
from mixscope import i18n
from mixscope.report import page
from mixscope.results import folders

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=8000",
)
DARK = "--blink-settings=preferredColorScheme=0"
WATCH = "<script>window.wrong = []; addEventListener('error', (e) => wrong.push(String(e.message)));</script>"
# Each check runs inside the page; what it returns is read from the document afterwards.
ASK = """<script>
addEventListener("load", async () => {
  const result = {};
  try { result.value = await (async () => { %s })(); } catch (e) { result.failed = String(e.stack); }
  parent.postMessage(JSON.stringify({ ...result, wrong }), "*");
});
</script>"""
# A window has a least width; a frame has not. The page is read in a frame as wide as the reader's screen.
FRAME = """<!doctype html><body style="margin: 0"><pre id="said"></pre><script>
addEventListener("message", (e) => { document.getElementById("said").textContent = e.data; });
</script><iframe src="page.html" style="border: 0" width="%d" height="900"></iframe></body>"""


def ask(file: Path, script: str, folder: Path, *flags: str, width: int = 1280):
    """What `script` returns in the page, after it was seen that nothing went wrong in it."""
    text = file.read_text().replace("<head>", f"<head>{WATCH}", 1)
    (folder / "page.html").write_text(text.replace("</body>", f"{ASK % script}</body>"))
    frame = folder / "frame.html"
    frame.write_text(FRAME % width)
    shutil.rmtree(folder / "profile", ignore_errors=True)
    command = [
        CHROMIUM,
        *FLAGS,
        *flags,
        f"--window-size={width},900",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=200, check=True
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not console, console
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, done.stdout[-2000:]
    result = json.loads(html.unescape(said[1]))
    assert not result["wrong"] and "failed" not in result, result
    return result["value"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """By language, the page of a study with classes that have names and superclasses."""
    folder = tmp_path_factory.mktemp("study") / "small"
    names = [f"class {letter}" for letter in "abcdefghij"]
    made_study.write(folder, made=Made(classes=names, superclasses=("one", "two"), superclass_of=(0, 1) * 5))
    results = folders.study(folder)
    return {
        language: page.write(
            results, judge=made_study.verdicts, out=folder / language, language=language
        ).page
        for language in ("en", "ko")
    }


def test_the_table_sorts_by_values_and_by_names(made, tmp_path):
    rows = ask(
        made["en"],
        """
        const table = document.getElementById("results-table");
        const column = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent.includes("Top-1"));
        const read = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].textContent.trim());
        const press = (i) => table.tHead.rows[0].cells[i].querySelector("button").click();
        const state = (i) => table.tHead.rows[0].cells[i].getAttribute("aria-sort");
        const found = { before: read(column) };
        press(column); found.down = read(column); found.first = state(column);
        press(column); found.up = read(column); found.second = state(column);
        press(0); found.names = read(0); found.third = [state(0), state(column)];
        return found;
        """,
        tmp_path,
    )
    numbers = [float(text.split()[0]) for text in rows["before"]]
    assert [float(text.split()[0]) for text in rows["down"]] == sorted(numbers, reverse=True)
    assert [float(text.split()[0]) for text in rows["up"]] == sorted(numbers)
    assert rows["names"] == sorted(rows["names"]) and len(rows["names"]) == 12
    assert (rows["first"], rows["second"], rows["third"]) == ("descending", "ascending", ["ascending", None])


def test_recall_and_f1_are_seen_at_1280_pixels_without_scrolling(tmp_path):
    """In a study of two data sets, whose table has a column more."""
    text = made_study.SMALL.replace(
        "factors:\n",
        "factors:\n  data: {cifar100: {data.name: digits}, tiny-imagenet: {data.name: digits}}\n",
    )
    made_study.write(tmp_path / "s", text, Made(n=40))
    written = page.write(folders.study(tmp_path / "s"), judge=made_study.verdicts, out=tmp_path / "r")
    right = ask(
        written.page,
        """
        const table = document.getElementById("results-table");
        const edge = table.closest(".scroll").getBoundingClientRect().right;
        return [...table.tHead.rows[0].cells].filter((c) => /Recall|F1/.test(c.textContent))
          .map((c) => edge - c.getBoundingClientRect().right);
        """,
        tmp_path,
    )
    assert len(right) == 2 and min(right) >= 0


LIGHTNESS = """
        const light = () => {
          const found = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number);
          return found[0] + found[1] + found[2] > 380;
        };
        const button = document.querySelector("[data-theme-switch]");
        const found = [light()];
        button.click(); found.push(light());
        button.click(); found.push(light());
        return found;
"""


def test_the_page_is_light_or_dark_as_the_reader_has_it_and_can_be_switched(made, tmp_path):
    assert ask(made["en"], LIGHTNESS, tmp_path) == [True, False, True]
    assert ask(made["en"], LIGHTNESS, tmp_path, DARK) == [False, True, False]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_sticks_out_of_the_screen(made, tmp_path, language, width):
    found = ask(
        made[language],
        """
        for (const folded of document.querySelectorAll("details")) folded.open = true;
        const wide = [...document.querySelectorAll("main *")].filter((e) =>
          e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .pan, svg"));
        const letters = [...document.querySelectorAll(".chart text")].map((e) => {
          const svg = e.ownerSVGElement;
          return parseFloat(getComputedStyle(e).fontSize) * svg.getBoundingClientRect().width
            / svg.viewBox.baseVal.width;
        }).filter((size) => size > 0);
        return { inner: innerWidth, page: document.documentElement.scrollWidth,
                 wide: wide.map((e) => e.outerHTML.slice(0, 90)), letters: Math.min(...letters) };
        """,
        tmp_path,
        width=width,
    )
    assert found["inner"] == width and found["page"] <= width
    assert found["wide"] == []
    assert found["letters"] > 8.0


def test_no_text_of_a_chart_runs_out_of_it_or_into_another(made, tmp_path):
    for language in ("en", "ko"):
        clashes = ask(
            made[language],
            """
            for (const folded of document.querySelectorAll("details")) folded.open = true;
            const found = [];
            for (const svg of document.querySelectorAll("svg.chart[role=img]")) {
              const area = svg.getBoundingClientRect();
              const texts = [...svg.querySelectorAll("text")]
                .map((e) => [e.textContent, e.getBoundingClientRect()]);
              for (const [text, box] of texts) {
                if (box.left < area.left - 1 || box.right > area.right + 1) found.push(`${text} sticks out`);
              }
              for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
                const [a, b] = [texts[i][1], texts[j][1]];
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 1 && down > 4) found.push(`${texts[i][0]} over ${texts[j][0]}`);
              }
            }
            return found;
            """,
            tmp_path,
        )
        assert clashes == []


def test_a_matrix_is_read_by_pointing_and_looked_at_closer(made, tmp_path):
    found = ask(
        made["en"],
        """
        for (const folded of document.querySelectorAll("details")) folded.open = true;
        const matrix = document.querySelector(".matrix");
        const image = matrix.querySelector("img");
        const box = image.getBoundingClientRect();
        const at = (row, column) => new PointerEvent("pointermove", {
          clientX: box.left + (column + 0.5) * box.width / 10,
          clientY: box.top + (row + 0.5) * box.height / 10,
        });
        const output = matrix.querySelector("output");
        const said = [];
        for (const [row, column] of [[0, 0], [2, 7]]) {
          image.dispatchEvent(at(row, column));
          said.push(output.textContent);
        }
        const before = image.getBoundingClientRect().width;
        matrix.querySelector("[data-zoom='2']").click();
        const grown = image.getBoundingClientRect().width / before;
        const pixels = [image.naturalWidth, image.naturalHeight];
        return { said, square: Math.abs(box.width - box.height), grown, pixels };
        """,
        tmp_path,
    )
    # Classes are ordered by superclass: a c e g i, then b d f h j.
    assert re.fullmatch(r"class a → class a: \d+ of 60 \([\d.]+\s%\)", found["said"][0])
    assert re.fullmatch(r"class e → class f: \d+ of 60 \([\d.]+\s%\)", found["said"][1])
    assert found["square"] < 1 and found["grown"] == pytest.approx(2, rel=0.05)
    assert found["pixels"] == [10, 10]


def test_what_is_folded_is_open_on_paper(made, tmp_path):
    assert ask(
        made["en"],
        """
        dispatchEvent(new Event("beforeprint"));
        return [...document.querySelectorAll("details")].every((e) => e.open);
        """,
        tmp_path,
    )


def test_korean_letters_are_letters(made, tmp_path):
    """Where a font lacks them, different letters are drawn as the same box."""
    found = ask(
        made["ko"],
        """
        const draw = (text) => {
          const canvas = document.createElement("canvas");
          const pen = canvas.getContext("2d");
          pen.font = "40px " + getComputedStyle(document.body).fontFamily;
          pen.fillText(text, 5, 60);
          return canvas.toDataURL();
        };
        return { alike: draw("가") === draw("힣"), title: document.querySelector("h2").textContent,
                 language: document.documentElement.lang };
        """,
        tmp_path,
    )
    if found["alike"]:
        pytest.skip("no font with Korean letters on this machine")
    assert (found["title"], found["language"]) == (i18n.message("answer-title", "ko"), "ko")


def test_everything_that_acts_can_be_reached_and_has_a_name(made, tmp_path):
    found = ask(
        made["en"],
        """
        for (const folded of document.querySelectorAll("details")) folded.open = true;
        const name = (e) => (e.getAttribute("aria-label") || e.textContent).trim();
        const acting = [...document.querySelectorAll("button, a[href], summary, [tabindex]")];
        const heads = [...document.querySelectorAll("h1, h2, h3, h4")].map((e) => Number(e.tagName[1]));
        return {
          nameless: acting.filter((e) => !name(e) && !e.getAttribute("aria-labelledby")).length,
          unreachable: acting.filter((e) => e.tabIndex < 0).length,
          jumps: heads.filter((level, i) => i > 0 && level > heads[i - 1] + 1).length,
          tables: [...document.querySelectorAll("table")]
            .filter((t) => !t.querySelector("th[scope=col]")).length,
          scrolling: [...document.querySelectorAll(".scroll")].filter((e) =>
            e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0).map((e) => e.textContent.slice(0, 60)),
        };
        """,
        tmp_path,
        width=390,
    )
    assert found == {"nameless": 0, "unreachable": 0, "jumps": 0, "tables": 0, "scrolling": []}


def test_without_scripts_nothing_is_offered_that_does_not_work(made, tmp_path):
    text = re.sub(r"<script>.*?</script>", "", made["en"].read_text(), flags=re.DOTALL)
    file = tmp_path / "bare.html"
    file.write_text(text)
    hidden = ask(
        file,
        """
        const offered = [...document.querySelectorAll(".needs-script, [data-zoom]")];
        return offered.every((e) => e.offsetParent === null);
        """,
        tmp_path,
    )
    assert hidden
