"""Sentences and tables for papers: they say what the interval allows, and survive LaTeX and Markdown."""

import re

import pytest

from mixscope.claims import statements
from mixscope.claims.contrasts import Interval
from mixscope.claims.statements import CONTRAST, DIFFERENCE, GAIN, OF_GAINS, Statement
from mixscope.errors import ConfigError
from mixscope.findings import Finding


def statement(kind=GAIN, estimate=2.1, low=1.4, high=2.8, **more):
    fields = {
        "what": "CutMix",
        "where": "ResNet-18",
        "interval": Interval(estimate=estimate, low=low, high=high),
        "seeds": (5, 5),
        "basis": ("examples paired",),
    }
    return Statement(kind=kind, estimate=estimate, **(fields | more))


def test_a_gain_is_said_as_a_paper_says_it():
    said = "CutMix improved ResNet-18 by 2.1 pp (95 % CI 1.4 to 2.8; 5 seeds, Welch t, examples paired)."
    assert statement().to_text() == said
    assert statement().to_latex() == said.replace("2.1 pp", "2.1~pp").replace("95 %", "95\\,\\%")


@pytest.mark.parametrize(
    ("kind", "low", "high", "said"),
    [
        (GAIN, -2.8, -1.4, "CutMix lowered ResNet-18 by"),
        (GAIN, -0.3, 2.8, "does not differ from 0 beyond noise"),
        (DIFFERENCE, 1, 2, "above vit in ResNet-18"),
        (DIFFERENCE, -2, -1, "below vit in ResNet-18"),
        (DIFFERENCE, -2, 1, "not beyond noise"),
        (OF_GAINS, 1, 2, "more in ResNet-18 than in vit"),
        (OF_GAINS, -2, -1, "less in ResNet-18 than in vit"),
        (OF_GAINS, -2, 1, "not beyond noise"),
        (CONTRAST, 1, 2, "CutMix in ResNet-18 was +1.5 pp ("),
        (CONTRAST, -2, 1, "not beyond noise"),
    ],
)
def test_a_direction_is_claimed_only_where_the_interval_leaves_out_zero(kind, low, high, said):
    other = "" if kind in (GAIN, CONTRAST) else "vit"
    estimate = (low + high) / 2
    if kind == CONTRAST and low > 0:
        estimate = 1.5
    text = statement(kind, estimate, low, high, other=other).to_text()
    assert said in text
    assert (low <= 0 <= high) == ("beyond noise" in text)


def test_what_is_not_known_is_reported():
    text = statement(interval=None, seeds=(1, 3), method="").to_text()
    assert "no interval; 1 to 3 seeds, examples paired" in text
    assert text.startswith("In single runs, which show no spread, CutMix changed ResNet-18 by +2.1 pp")
    assert "p < 0.001 after Holm" in statement(p_holm=1e-5).to_text()
    assert "p 0.03 after Holm" in statement(p_holm=0.03).to_text()


def test_names_of_levels_cannot_break_out_of_latex_or_markdown():
    odd = statement(
        what="mix_up & 50%$x$", where="a|b*c^{2}\\", p_holm=0.2, verdict=Finding("explored-better")
    )
    assert r"mix\_up \& 50\%\$x\$" in odd.to_latex()
    assert r"a|b*c\textasciicircum{}\{2\}\textbackslash{}" in odd.to_latex()
    assert r"a\|b\*c" in odd.to_markdown() and r"mix\_up" in odd.to_markdown()
    row = statements.to_markdown([odd]).splitlines()[2]
    assert row.replace(r"\|", "").count("|") == len(statements.HEADINGS) + 1
    latex = statements.to_latex([odd])
    rows = [line for line in latex.splitlines() if line.rstrip().endswith("\\\\")]
    assert all(line.replace(r"\&", "").count("&") == len(statements.HEADINGS) - 1 for line in rows)
    assert [latex.count(rule) for rule in ("\\toprule", "\\midrule", "\\bottomrule", "\\hline")] == [
        1,
        1,
        1,
        0,
    ]


HANGUL = re.compile("[\uac00-\ud7a3]")
ENGLISH = re.compile(
    r"\b(improved|lowered|changed|differed|gained|above|seeds?|noise|margin|examples|after)\b"
)


@pytest.mark.parametrize("kind", [GAIN, DIFFERENCE, OF_GAINS, CONTRAST])
@pytest.mark.parametrize(("low", "high"), [(1, 2), (-2, -1), (-2, 1)])
@pytest.mark.parametrize("seeds", [(1, 1), (3, 3), (3, 5)])
@pytest.mark.parametrize(
    "framed", [None, "said-capped", "said-negligible", "said-equivalent", "said-not-equivalent"]
)
def test_every_sentence_is_there_in_korean(kind, low, high, seeds, framed):
    told = None
    if framed is not None:
        told = Finding(framed, params={"verdict": Finding("verdict-INCONCLUSIVE"), "margin": "1"})
    one = statement(
        kind, (low + high) / 2, low, high, seeds=seeds, other="vit", p_holm=0.01, framed=told, where="conv"
    )
    korean, english = one.to_text("ko"), one.to_text()
    assert HANGUL.search(korean) and not ENGLISH.search(korean), korean
    assert not HANGUL.search(english) and english[-2:] == korean[-2:] == ").", english
    size = f"{abs(one.estimate):.1f}"
    assert size in korean and size in english and "CutMix" in korean and "conv" in korean
    assert f"{size}\\%p" in one.to_latex("ko"), "a percent sign would begin a comment"


def test_tables_are_there_in_korean_with_the_package_that_they_take():
    one = statement(p_holm=0.2, verdict=Finding("verdict-INCONCLUSIVE"))
    for text in (statements.to_markdown([one], lang="ko"), statements.to_latex([one], lang="ko")):
        assert "판정 보류" in text and "신뢰구간" in text and "verdict" not in text and "CutMix" in text
    assert statements.to_latex([one], lang="ko").startswith(
        "% \\usepackage{booktabs,kotex}\n\\begin{tabular}"
    )
    assert not HANGUL.search(statements.to_latex([one])) and "kotex" not in statements.to_latex([one])
    with pytest.raises(ConfigError, match="fr"):
        statements.known("fr")
