"""Sentences and tables for papers: they say what the interval allows, and survive LaTeX and Markdown."""

import pytest

from mixscope.claims import statements
from mixscope.claims.contrasts import Interval
from mixscope.claims.statements import CONTRAST, DIFFERENCE, GAIN, OF_GAINS, Statement


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


def test_what_is_not_known_is_said():
    text = statement(interval=None, seeds=(1, 3), method="").to_text()
    assert "no interval; 1 to 3 seeds, examples paired" in text
    assert text.startswith("In single runs, which show no spread, CutMix changed ResNet-18 by +2.1 pp")
    assert "p < 0.001 after Holm" in statement(p_holm=1e-5).to_text()
    assert "p 0.03 after Holm" in statement(p_holm=0.03).to_text()


def test_names_of_levels_cannot_break_out_of_latex_or_markdown():
    odd = statement(what="mix_up & 50%$x$", where="a|b*c^{2}\\", p_holm=0.2, verdict="better")
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
