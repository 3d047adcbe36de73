"""Exploratory tables say the same on every path: what was assumed, what was not checked, in each language."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

import mixscope
from mixscope import cli, i18n
from mixscope.claims import exploratory
from mixscope.errors import ConfigError
from mixscope.results import Results, json_values

TABLE = Path(__file__).parent / "cases" / "accuracies.csv"
SEEDS = pd.DataFrame(
    {
        "model": ["rn_18 & co"] * 6,
        "augmentation": ["default"] * 3 + ["cutmix"] * 3,
        "seed": [0, 1, 2] * 2,
        "top1": [76.0, 77.0, 75.0, 78.0, 80.0, 79.0],
    }
)
SINGLE = SEEDS[SEEDS.seed == 0].drop(columns="seed")
MEANS = pd.DataFrame({"aug": ["none", "mixup"], "accuracy": [70.0, 74.0], "n_seeds": [3, 3]})


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results.csv").write_bytes(TABLE.read_bytes())
    return "results.csv"


@pytest.mark.parametrize("lang", i18n.LANGUAGES)
def test_the_command_and_the_function_write_the_same_page(table, lang, capsys):
    assert cli.main(["report", table, "--out", "a.html", "--lang", lang]) == 0
    mixscope.report(mixscope.load(table), "b.html", lang=lang)
    page = Path("a.html").read_text("utf-8")
    assert page == Path("b.html").read_text("utf-8")
    for one in mixscope.judge(table):
        assert i18n.render(one.finding, lang) in page and one.statement.called(lang) in page
        assert f"[{one.bound.low:+.2f}, {one.bound.high:+.2f}]".replace("-", "−") in page
    assert i18n.message("contrasts-explored", lang)[:40] in page
    assert i18n.message("contrasts-lead", lang)[:40] not in page and "±\xa01<" not in page


def test_a_korean_page_and_table_have_no_english_names_or_verdicts(table, capsys):
    assert cli.main(["judge", table, "--lang", "ko"]) == 0
    shown = capsys.readouterr().out
    assert cli.main(["report", table, "--out", "a.html", "--lang", "ko"]) == 0
    for text in (shown, Path("a.html").read_text("utf-8"), capsys.readouterr().out):
        assert "cutmix의 향상폭, rn18" in text and "deit의 향상폭이 더 큼" in text
        assert not re.search(r"gain of|difference of gains|gains more|\bbetter\b|exploratory:", text)
        assert "unchecked" not in text and "no copied runs" not in text and "results read from" not in text


def test_the_folder_of_a_report_has_the_exploratory_table_as_a_file(table):
    mixscope.report(table, "r")
    rows = pd.read_csv("r/tables/exploratory.csv")
    for row, one in zip(rows.itertuples(), mixscope.judge(table), strict=True):
        assert row.contrast == one.statement.name and row.verdict == one.said
        assert (row.low, row.bound_high) == pytest.approx((one.interval.low, one.bound.high), rel=1e-4)


def test_claims_from_elsewhere_are_not_said_to_be_older_than_the_runs(table):
    Path("claims.yaml").write_text(exploratory.new_claims(mixscope.load(table)), "utf-8")
    page = mixscope.report(mixscope.load(table, claims="claims.yaml"), "c.html").read_text("utf-8")
    assert "before the first run" not in page and "the margin of the claims file" in page


@pytest.mark.parametrize("name", ["accuracies.csv", "deltas.md"])
def test_a_page_of_accuracies_has_no_column_without_a_value(name, tmp_path):
    page = mixscope.report(TABLE.parent / name, tmp_path / "r.html").read_text("utf-8")
    for found in re.findall(r"<table.*?</table>", page, re.DOTALL):
        rows = [
            [
                re.sub(r"<[^>]+>", "", cell).strip()
                for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)
            ]
            for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
        ]
        for head, *values in zip(*rows, strict=True):
            assert set(values) - {"–", "", "0 of 0", "– (–)"}, head


def test_the_interval_over_seeds_does_not_depend_on_the_size_of_the_test_set():
    found = [mixscope.judge(mixscope.load(SEEDS, n_test=n))[0] for n in (None, 100, 10_000)]
    assert len({(one.interval, one.p, one.verdict) for one in found}) == 1
    assert [one.bound is None for one in found] == [True, False, False]


@pytest.mark.parametrize("frame", [SINGLE, MEANS], ids=["one seed", "no spread"])
def test_without_spread_and_test_size_nothing_is_assumed(frame, tmp_path):
    (one,) = mixscope.judge(frame)
    page = mixscope.report(frame, tmp_path / "r.html").read_text("utf-8")
    assert "no interval" in page and "with 95" not in page and "corrected by Holm" not in page
    assert one.interval is None and one.bound is None and one.p is None and one.verdict == "no-verdict"
    n = one.seeds[0]
    assert one.tipping_sd == pytest.approx(one.estimate / (1.959964 * math.sqrt(2 / n)), rel=1e-4)
    assert "95 % CI" not in "".join(exploratory.to_text([one]))
    assert "beyond noise" not in one.statement.to_text() and "no interval" in one.statement.to_text()
    (same,) = mixscope.contrast(frame, one.contrast.weights)
    assert same.interval is None and same.estimate == pytest.approx(one.estimate)


@pytest.mark.parametrize("frame", [SINGLE, MEANS], ids=["one seed", "no spread"])
def test_an_interval_that_counts_no_seeds_says_so_wherever_it_stands(frame, tmp_path):
    results = mixscope.load(frame, n_test=1000)
    judged = mixscope.judge(results)
    page = mixscope.report(results, tmp_path / "r.html").read_text("utf-8")
    texts = [repr(judged), judged.to_markdown(), judged.to_latex(), judged._repr_html_(), page]
    texts += ["\n".join(exploratory.to_text(list(judged))), judged.sentences()[0]]
    assert all("test examples only" in text for text in texts)
    assert "improved" not in judged.sentences()[0]


@pytest.mark.parametrize("style", ["latex", "markdown"])
def test_a_table_for_a_paper_keeps_its_label_and_what_was_not_checked(table, style, capsys):
    assert cli.main(["judge", table, "--format", style]) == 0
    judged = mixscope.judge(table)
    text = capsys.readouterr().out
    assert text == (judged.to_latex() if style == "latex" else judged.to_markdown())
    for said in (
        "Exploratory: nothing was claimed",
        "Holm over 3 contrasts",
        "Not checked",
        "no copied runs",
    ):
        assert said in text and said in judged._repr_html_()


def test_sentences_survive_latex_and_markdown():
    judged = mixscope.judge(SEEDS)
    (latex,), (markdown,) = judged.sentences("latex"), judged.sentences("markdown")
    assert r"rn\_18 \& co" in latex and r"95\,\%" in latex and r"rn\_18 & co" in markdown
    assert judged.sentences() == [judged.statements[0].to_text()]
    with pytest.raises(ConfigError, match=r"sentences.*latx"):
        judged.sentences("latx")


def test_a_contrast_prints_its_p_and_no_empty_column():
    found = mixscope.contrast(SEEDS, {"augmentation": {"cutmix": 1, "default": -1}})
    assert f"{found[0].p:.3f}" in repr(found) and f"p {found[0].p:.2g}" in found.sentences()[0]
    for text in (repr(found), found.to_latex(), found.to_markdown(), found._repr_html_()):
        assert "verdict" not in text and "Holm" not in text


def test_a_chart_as_a_file_has_the_background_of_what_covers_its_lines(table):
    text = mixscope.figures(table)["forest"].save("x.svg").read_text("utf-8")
    (ground,) = re.findall(r'<rect width="100%" height="100%" style="fill: ([^"]+)"', text)
    assert f".veil {{ fill: {ground}; }}" in text


def test_the_line_at_zero_does_not_strike_through_the_names_of_groups(table):
    svg = str(mixscope.figures(table)["forest"].svg)
    (at,) = {float(x) for x in re.findall(r'<line x1="([\d.]+)"[^>]*class="zero"', svg)}
    names = list(re.finditer(r'<text x="([\d.]+)" y="([\d.]+)" class="group"', svg))
    assert len(names) == 2
    for name in names:
        x, y = map(float, name.groups())
        veils = re.findall(
            r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="veil"',
            svg[svg.index('class="zero"') : name.start()],
        )
        left, top, width, height = map(float, veils[-1])
        assert left <= x < at < left + width and top < y - 8 and y < top + height


ENGLISH = re.compile(r"\b(accuracies|baseline|factor|seeds|runs are|not used|verdict|gain of|Holm over)\b")


@pytest.mark.parametrize("style", ["latex", "markdown", "text"])
def test_tables_and_what_was_read_are_there_in_korean(table, style, capsys):
    assert cli.main(["judge", table, "--format", style, "--lang", "ko"]) == 0
    text = capsys.readouterr().out
    assert "탐색적" in text and "cutmix" in text and not ENGLISH.search(text), ENGLISH.search(text)
    judged = mixscope.judge(table)
    if style != "text":
        assert text == (judged.to_latex("ko") if style == "latex" else judged.to_markdown("ko"))
    with pytest.raises(ConfigError, match="fr"):
        judged.to_markdown("fr")
    assert all(said.endswith(").") and "%p" in said for said in judged.sentences(lang="ko"))
    results = mixscope.load(table)
    assert len(results.said("ko")) == len(results.said()) == len(results.notes)
    assert not any(ENGLISH.search(note) for note in results.said("ko"))


def test_notes_of_a_bundle_that_an_earlier_version_wrote_are_read_as_they_stand(table, tmp_path):
    results = mixscope.load(table)
    tree = json_values.to_plain(results)
    assert json_values.from_plain(Results, tree).said() == results.said()
    tree["notes"] = ["text decoded as cp949"]
    assert json_values.from_plain(Results, tree).said("ko") == ["text decoded as cp949"]
