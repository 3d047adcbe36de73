"""The audit of published tables: silent on what could be true, and exact on what cannot."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from audited import HEADINGS, MARKS, MIXES, Style, cells, changed, rows, text
from mixscope import audit, cli
from mixscope.audit import formatting
from mixscope.audit.findings import NOTE, AuditFinding, Points
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.results import table_files as reading

CLEAN = sorted((Path(__file__).parent / "tables").iterdir())
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
PAGE = Path(__file__).parents[1] / "docs" / "notes" / "audit-published.md"
EXAMPLES = settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
SEEDS = st.integers(0, 30)
AT = st.integers(0, 11)
STYLES = st.builds(
    Style,
    language=st.sampled_from(sorted(HEADINGS)),
    decimals=st.integers(1, 3),
    percent=st.sampled_from(["", "%", " %"]),
    bold=st.booleans(),
    share=st.booleans(),
    comma=st.booleans(),
    marks=st.sampled_from(MARKS),
    order=st.permutations(range(10)).map(tuple),
    csv=st.sampled_from(["", "", ";", ",", "\t"]),
)


def audited(content, style=None, **options):
    read = reading.separated if style and style.csv else reading.markdown
    return audit.document(read(content), **options)


def alarms(found):
    """What was found, but for differences within the sampling error."""
    return [f for f in found.findings if f.rule != "noise"]


def the_only(found):
    only = alarms(found)
    assert len(only) == 1, [(f.severity, f.rule, f.row, f.why) for f in only]
    return only[0]


def planted(seed, at, style=None, **figures):
    """A clean table of which one row's figures are replaced."""
    style = style or Style()
    return audited(text(cells(changed(rows(seed), at, **figures), style), style), style)


# --- clean tables ---


@pytest.mark.parametrize("path", CLEAN, ids=lambda p: p.name)
def test_a_clean_published_table_raises_no_alarm(path):
    found = audit.file(path)
    assert found.figures >= 2
    assert [(f.rule, f.row, f.why) for f in alarms(found)] == []


def test_there_are_enough_clean_tables():
    assert len(CLEAN) >= 10


@pytest.mark.parametrize(
    ("name", "tables", "figures", "gains"),
    [
        ("openmixup-wide.md", 2, 15, 10),
        ("cutmix-errors.md", 1, 16, 4),
        ("indicator-columns.md", 1, 4, 3),
        ("chinese-japanese.md", 2, 24, 2),
        ("grouped.md", 1, 16, 4),
        ("german.csv", 1, 16, 2),
        ("shares.csv", 1, 20, 2),
        ("robustness.md", 1, 6, 0),
    ],
)
def test_a_clean_table_is_really_read(name, tables, figures, gains):
    found = audit.file(Path(__file__).parent / "tables" / name)
    read = (found.tables, found.figures, sum(c.name == "gain" for c in found.contrasts))
    assert read == (tables, figures, gains)


def test_error_rates_are_turned_into_accuracies():
    found = audit.file(Path(__file__).parent / "tables" / "cutmix-errors.md")
    gain = next(c for c in found.contrasts if c.stratum["augmentation"] == "cutmix")
    assert gain.estimate == pytest.approx(23.68 - 21.40)
    assert gain.test_size == 50_000 and gain.lean == "above"


@given(seed=SEEDS, style=STYLES)
@settings(EXAMPLES, max_examples=150)
def test_simulated_tables_in_any_style_raise_no_alarm(seed, style):
    found = audited(text(cells(rows(seed), style), style), style)
    assert [(f.rule, f.row, f.why, dict(f.figures)) for f in alarms(found)] == []
    assert found.figures == 60 and len(found.contrasts) == 8 + 6 + 2


CELLS = st.one_of(
    st.sampled_from(
        ["", "-", "✓", "✗", "0", "100", "0.5", "45.88%", "1,234.5", "-3", "1e3", "½", "٣", "nan", "±", "()"]
    ),
    st.sampled_from(
        ["Top-1", "top5", "F1", "Recall", "Precision", "Model", "Aug", "Exp", "Exp-1", "Exp-2", "Epochs"]
    ),
    st.sampled_from(
        ["MixUp", "CutMix", "none", "ResNet-50", "ViT-S/16", "CIFAR-100", "x (1) > y (2)", "+1 p (2 → 3)"]
    ),
    st.text(max_size=8),
)


@given(grid=st.lists(st.lists(CELLS, min_size=1, max_size=7), min_size=1, max_size=8), balanced=st.booleans())
@settings(EXAMPLES, max_examples=200)
def test_no_table_however_odd_ends_in_a_crash(grid, balanced):
    for style in (Style(), Style(csv=","), Style(csv=";")):
        content = text([[c.replace("|", "").replace("\n", " ") for c in row] for row in grid], style)
        found = audited(content, style, balanced=balanced)
        json.dumps(found.to_dict())
        assert formatting.text(found)


# --- one error at a time ---


@given(seed=SEEDS, at=AT, wrong=st.sampled_from([-0.09, -0.02, -0.0002, 0.0002, 0.005, 0.02, 0.2]))
@EXAMPLES
def test_recall_other_than_top1_is_found(seed, at, wrong):
    recall = rows(seed)[at].figures[2] + wrong
    found = the_only(planted(seed, at, recall=recall))
    assert (found.severity, found.rule) == ("contradiction", "recall-is-top1")
    assert found.row == f"Exp-{at + 1}" and found.line == at + 3
    assert found.figures["recall"] == f"{100 * recall:.2f}%"


@given(seed=SEEDS, at=AT)
@EXAMPLES
def test_one_unit_of_the_last_place_is_a_suspicion_only(seed, at):
    found = the_only(planted(seed, at, recall=rows(seed)[at].figures[2] + 0.0001))
    assert (found.severity, found.rule) == ("suspicion", "recall-is-top1")


@given(seed=SEEDS, at=AT, wrong=st.sampled_from([0.0005, 0.01, 0.1, 0.3]))
@EXAMPLES
def test_top5_below_top1_is_found(seed, at, wrong):
    found = the_only(planted(seed, at, top5=rows(seed)[at].figures[0] - wrong))
    assert (found.severity, found.rule, found.row) == ("contradiction", "top5-below-top1", f"Exp-{at + 1}")


@given(seed=SEEDS, at=AT, wrong=st.sampled_from([0.001, 0.05, 0.3]))
@EXAMPLES
def test_f1_above_its_bound_is_found(seed, at, wrong):
    _, _, recall, precision, _ = rows(seed)[at].figures
    f1 = 2 * precision * recall / (precision + recall) + wrong
    assume(f1 <= 1)  # above 100 % it is no F1 at all, which is another finding
    found = the_only(planted(seed, at, f1=f1))
    assert (found.severity, found.rule, found.row) == ("contradiction", "f1-bound", f"Exp-{at + 1}")


@given(seed=SEEDS, at=AT, wrong=st.sampled_from([0.001, 0.05, 0.15]))
@EXAMPLES
def test_f1_below_its_bound_is_found(seed, at, wrong):
    _, _, recall, precision, _ = rows(seed)[at].figures
    f1 = max(precision + recall - 1, 2 * recall**2 / (1 + recall)) - wrong
    found = the_only(planted(seed, at, f1=f1))
    assert (found.severity, found.rule, found.row) == ("contradiction", "f1-bound", f"Exp-{at + 1}")


@given(seed=SEEDS, at=AT, wrong=st.sampled_from([0.001, 0.05, 0.15]))
@EXAMPLES
def test_precision_below_recall_squared_is_found(seed, at, wrong):
    found = the_only(planted(seed, at, precision=rows(seed)[at].figures[2] ** 2 - wrong))
    assert (found.severity, found.rule, found.row) == ("contradiction", "precision-bound", f"Exp-{at + 1}")


@given(seed=SEEDS, at=AT, gap=st.floats(0.0255, 0.2))
@EXAMPLES
def test_the_gap_between_precision_and_recall_is_a_suspicion(seed, at, gap):
    found = the_only(planted(seed, at, precision=rows(seed)[at].figures[2] + gap))
    assert (found.severity, found.rule, found.row) == ("suspicion", "precision-recall-gap", f"Exp-{at + 1}")


MISPRINTS = {
    "share": lambda v: f"{v:.4f}",
    "share in two places": lambda v: f"{v:.2f}",
    "no point": lambda v: f"{10_000 * v:.0f}",
    "two signs": lambda v: f"{100 * v:.2f}%%",
    "comma": lambda v: f"{100 * v:.2f}%".replace(".", ","),
    "minus": lambda v: f"-{100 * v:.2f}%",
}


@given(
    seed=SEEDS, at=AT, column=st.integers(0, 4), kind=st.sampled_from(sorted(MISPRINTS)), bold=st.booleans()
)
@settings(EXAMPLES, max_examples=100)
def test_a_misprinted_percentage_is_found(seed, at, column, kind, bold):
    made = rows(seed)
    grid = cells(made, Style())
    printed = MISPRINTS[kind](made[at].figures[column])
    grid[at + 1][5 + column] = f"**{printed}**" if bold else printed
    found = the_only(audited(text(grid, Style())))
    assert (found.severity, found.rule, found.row) == ("contradiction", "percent-typo", f"Exp-{at + 1}")
    assert dict(found.figures) == {HEADINGS["en"][5 + column]: printed}


def test_a_run_at_chance_is_no_misprint():
    table = (
        "| Model | Top-1 | Top-5 | Recall |\n|-|-|-|-|\n| A | 45.8 | 70.1 | 45.8 |\n| B | 0.5 | 2.5 | 0.5 |\n"
    )
    assert alarms(audited(table, balanced=True)) == []


@given(
    seed=SEEDS,
    at=AT,
    pair=st.sampled_from([(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]),
    order=st.permutations(range(10)),
    language=st.sampled_from(sorted(HEADINGS)),
)
@EXAMPLES
def test_two_cells_in_each_others_columns_are_found_and_read(seed, at, pair, order, language):
    style = Style(language=language, order=tuple(order))
    grid = cells(rows(seed), style)
    a, b = pair
    grid[at + 1][a], grid[at + 1][b] = grid[at + 1][b], grid[at + 1][a]
    found = audited(text(grid, style))
    only = the_only(found)
    assert (only.severity, only.rule, only.row) == ("contradiction", "shifted-cells", f"Exp-{at + 1}")
    assert len(found.contrasts) == 16


@given(
    seed=SEEDS, at=AT, slip=st.sampled_from([(1, "CutMix"), (2, "CIFAR-10"), (3, "ViT-S/16"), (4, "MixUp")])
)
@EXAMPLES
def test_a_cell_of_another_kind_is_found(seed, at, slip):
    grid = cells(rows(seed), Style())
    grid[at + 1][slip[0]] = slip[1]
    found = the_only(audited(text(grid, Style())))
    assert (found.severity, found.rule, found.row) == ("contradiction", "shifted-cells", f"Exp-{at + 1}")


@given(seed=SEEDS, at=AT, lost=st.integers(1, 4))
@EXAMPLES
def test_a_row_that_slipped_by_one_cell_is_one_finding(seed, at, lost):
    grid = cells(rows(seed), Style())
    del grid[at + 1][lost]
    found = the_only(audited(text([[*r, ""][:10] for r in grid], Style())))
    assert (found.severity, found.rule, found.line) == ("contradiction", "shifted-cells", at + 3)


def test_a_row_of_another_length_is_found_in_csv():
    style = Style(csv=",", percent="")
    grid = cells(rows(1), style)
    grid[3][5:6] = grid[3][5].split(".")
    found = the_only(audited(text(grid, style), style))
    assert (found.severity, found.rule, found.line) == ("contradiction", "row-length", 4)


def test_p_and_r_beside_f1_are_precision_and_recall():
    grid = cells(rows(4), Style())
    grid[0][7:] = ["R", "P (%)", "F1"]
    assert alarms(audited(text(grid, Style()))) == []
    grid[3][9] = "99.90%"
    assert the_only(audited(text(grid, Style()))).rule == "f1-bound"
    alone = [[row[0], row[7]] for row in grid]
    assert "0 figures" in formatting.text(audited(text(alone)))


def test_a_heading_over_several_columns_counts_for_all_of_them():
    table = """Top-1 accuracy (%):

| Dataset       | ResNet50 |       |        | ViT     |       |        |
|---------------|----------|-------|--------|---------|-------|--------|
|               | Default  | MixUp | CutMix | Default | MixUp | CutMix |
| CIFAR-100     | 76.1     | 78.0  | 79.0   | 70.0    | 72.0  | 74.0   |
| Tiny-ImageNet | 60.2     | 62.3  | 62.9   | 50.2    | 52.1  | 53.3   |
| CIFAR-10      | 95.2     | 96.3  | 96.9   | 85.2    | 87.1  | {last} |
"""
    clean = audited(table.format(last="88.0"))
    assert alarms(clean) == [] and len(clean.contrasts) == 21  # 12 gains and 9 differences of them
    assert the_only(audited(table.format(last="188.0"))).rule == "percent-typo"
    two_rows = "\n".join(line for line in table.splitlines() if "Tiny" not in line)
    assert alarms(audited(two_rows.format(last="88.0"))) == []
    assert the_only(audited(two_rows.format(last="188.0"))).rule == "percent-typo"


def test_exchanged_headings_are_one_finding():
    grid = cells(rows(2), Style())
    grid[0][5], grid[0][6] = grid[0][6], grid[0][5]
    assert the_only(audited(text(grid, Style()))).rule == "top5-below-top1"
    grid = cells(rows(2), Style())
    grid[0][1], grid[0][2] = grid[0][2], grid[0][1]
    found = audited(text(grid, Style()))
    assert the_only(found).rule == "shifted-cells" and len(found.contrasts) == 16


@given(seed=SEEDS, at=AT, column=st.integers(0, 4))
@EXAMPLES
def test_one_cell_printed_differently_in_two_tables_is_found(seed, at, column):
    made = rows(seed)
    other = cells(made, Style(decimals=1))
    other = [[row[0], row[5 + column]] for row in other]
    wrong = f"{100 * made[at].figures[column] + 1.3:.1f}%"
    clean = text(cells(made, Style())) + "\n\nTop-1 again.\n\n" + text(other)
    assert alarms(audited(clean)) == []
    other[at + 1][1] = wrong
    found = the_only(audited(text(cells(made, Style())) + "\n\n" + text(other)))
    assert (found.severity, found.rule, found.row) == ("contradiction", "printed-twice", f"Exp-{at + 1}")
    assert found.table == 2 and wrong in found.text() and wrong in found.text("ko")


@given(seed=SEEDS, at=st.integers(1, 10))
@EXAMPLES
def test_a_gap_in_the_numbering_is_a_suspicion(seed, at):
    grid = cells(rows(seed), Style())
    del grid[at + 1]
    found = the_only(audited(text(grid, Style())))
    assert (found.severity, found.rule) == ("suspicion", "numbering")
    assert dict(found.figures) == {"missing": f"Exp-{at + 1}"}


@given(seed=SEEDS, at=st.integers(1, 11))
@EXAMPLES
def test_a_number_given_twice_is_found(seed, at):
    made = rows(seed)
    made.append(replace(made[at], name="Exp-13"))
    made[at] = replace(made[at], name=made[at - 1].name)
    grid = cells(made, Style())
    del grid[13]
    grid.append([f"Exp-{at + 1}", "CIFAR-10", *grid[at][2:]])
    found = the_only(audited(text(grid, Style())))
    assert (found.severity, found.rule, found.line) == ("contradiction", "numbering", at + 3)
    assert dict(found.figures) == {"twice": f"Exp-{at}"}


@pytest.mark.parametrize(
    ("model", "pretrained", "top1", "severity"),
    [
        ("ViT-S/16", "✗", "23.83", "suspicion"),
        ("ViT-S/16", "✗", "84.10", "suspicion"),
        ("ViT-S/16", "✓", "84.10", None),
        ("ViT-S/16", "✓", "30.10", "suspicion"),
        ("ViT-S/16", "✗", "60.00", None),
        ("ResNet50", "✗", "45.88", "note"),
        ("ResNet50", "✗", "77.00", None),
        ("ResNet50", "✗", "90.00", "suspicion"),
    ],
)
def test_top1_outside_the_literatures_band_is_pointed_out(model, pretrained, top1, severity):
    table = (
        "| Dataset | Model | Augmentation | Pretrained | Top-1 |\n|-|-|-|-|-|\n"
        f"| CIFAR-100 | {model} | Default | {pretrained} | {top1} |\n"
    )
    found = alarms(audited(table))
    assert [(f.severity, f.rule) for f in found] == ([(severity, "band")] if severity else [])


# --- sentences ---


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("We see MixUp (54.6%) > CutMix (57.5%) > Default (45.9%).", "order"),
        ("**CutMix** (57.5) < MixUp (54.61)", "order"),
        ("57.50% > 58.10%", "order"),
        ("결과: ViT (43.8) ≥ ResNet (63.7)", "order"),
        ("A (45.8) &gt; B (45.9)", "order"),
        ("Pretraining helps: +18.9 p (23.8 → 43.8).", "difference"),
        ("from 23.8 to 43.8 (+21 p)", "difference"),
        ("-20.0 p (23.8 -> 43.8)", "difference"),
        ("사전학습 효과 +19.5%p (23.8% → 43.8%)", "difference"),
        ("23.83%에서 43.79%로 19.9%p 향상", "difference"),
        ("+19.9 p (23.8 → 43.8)", "difference"),
        ("Der Gewinn ist 12,5 Prozentpunkte (23,8 → 43,8).", "difference"),
    ],
)
def test_a_sentence_that_its_values_contradict_is_found(sentence, rule):
    table = "| Model | Top-1 |\n|-|-|\n| ResNet-18 | 23.83 |\n| ResNet-34 | 43.79 |\n"
    found = the_only(audited(f"# T\n\n{table}\nText.\n{sentence}\n"))
    assert (found.severity, found.rule, found.line) == ("contradiction", rule, 9)


@pytest.mark.parametrize(
    "sentence",
    [
        "CutMix (57.5%) > MixUp (54.6%) > Default (45.9%)",
        "Default (45.9) < MixUp (54.6) < CutMix (57.5)",
        "A (45.8) > B (45.83)",
        "error: CutMix (21.40) > Mixup (22.58)",
        "ViT (4.2M) > R18 (11M)",
        "+20.0 p (23.8 → 43.8)",
        "+19.96 p (23.83 → 43.79)",
        "+19.9 p (13.8 → 33.8)",
        "+20 p (24 → 44)",
        "+84% (23.8 → 43.8)",
        "error falls by 2.28 p (23.68 → 21.40), +2.28 p (23.68 → 21.40)",
        "see section 3 (1 to 4)",
        "`A (1) > B (2)` is code, and so is\n\n    A (1) > B (2)",
    ],
)
def test_a_sentence_that_may_be_true_is_left_alone(sentence):
    table = "| Model | Top-1 |\n|-|-|\n| ResNet-18 | 23.83 |\n| ResNet-34 | 43.79 |\n"
    assert alarms(audited(f"# T\n\n{table}\n{sentence}\n")) == []


@given(
    a=st.integers(1000, 9000), b=st.integers(1000, 9000), places=st.integers(0, 2), stated=st.integers(0, 2)
)
def test_a_rounded_difference_of_rounded_values_is_never_an_alarm(a, b, places, stated):
    sentence = f"{(b - a) / 100:+.{stated}f} p ({a / 100:.{places}f} → {b / 100:.{places}f})"
    table = f"| Model | Top-1 |\n|-|-|\n| ResNet-18 | {a / 100:.2f} |\n| ResNet-34 | {b / 100:.2f} |\n"
    assert alarms(audited(f"{table}\n{sentence}\n")) == []


@given(seed=SEEDS, language=st.sampled_from(sorted(HEADINGS)), at=st.integers(0, 3), slip=st.booleans())
@EXAMPLES
def test_an_order_that_its_values_contradict_is_the_only_finding(seed, language, at, slip):
    style = Style(language=language)
    made = rows(seed)[3 * at : 3 * at + 3]
    ranked = sorted((f"{100 * row.figures[0]:.2f}", MIXES[language][row.mix]) for row in made)
    assume(len({figure for figure, _ in ranked}) == 3)
    if slip:
        ranked[0], ranked[1] = ranked[1], ranked[0]
    sentence = " > ".join(f"{name} ({figure}%)" for figure, name in reversed(ranked))
    content = text(cells(rows(seed), style), style) + f"\n\n{sentence}\n"
    if not slip:
        assert alarms(audited(content)) == []
        return
    found = the_only(audited(content))
    assert (found.severity, found.rule) == ("contradiction", "order")
    assert found.line == content.count("\n")


@given(
    seed=SEEDS,
    language=st.sampled_from(sorted(HEADINGS)),
    pair=st.permutations(range(12)).map(lambda order: order[:2]),
    wrong=st.sampled_from([-3.0, -0.11, 0.0, 0.11, 3.0]),
)
@EXAMPLES
def test_a_stated_difference_that_does_not_follow_is_the_only_finding(seed, language, pair, wrong):
    before, after = (round(100 * rows(seed)[i].figures[0], 2) for i in pair)
    sentence = f"{after - before + wrong:+.2f} %p ({before:.2f} -> {after:.2f})"
    style = Style(language=language)
    content = text(cells(rows(seed), style), style) + f"\n\n{sentence}\n"
    if wrong == 0:
        assert alarms(audited(content)) == []
        return
    found = the_only(audited(content))
    assert (found.severity, found.rule) == ("contradiction", "difference")
    assert found.line == content.count("\n")


def test_gains_in_brackets_lead_to_a_value_of_the_table():
    path = Path(__file__).parent / "tables" / "openmixup-wide.md"
    found = the_only(audited(path.read_text("utf-8").replace("(+3.03)", "(+3.30)")))
    assert (found.severity, found.rule, found.row) == ("suspicion", "difference", "ResNet-18 cutmix")


def test_computed_and_unnamed_values_are_data_until_they_are_shown():
    figures = {2: "43.1", "difference": Points(0.314, signed=True), "standard error": Points(0.5)}
    why = Finding("audit-order", params={"larger": "1", "smaller": "2"})
    found = AuditFinding(severity=NOTE, rule="noise", why=why, table=None, line=1, row=None, figures=figures)
    assert list(found.values()) == ["figure 2 43.1", "difference +0.31 pp", "standard error 0.50 pp"]
    assert list(found.values("ko")) == ["2번째 값 43.1", "차이 +0.31%p", "표준오차 0.50%p"]
    expected = {"figure 2": "43.1", "difference": "+0.31 pp", "standard error": "0.50 pp"}
    assert found.to_dict()["figures"] == expected


# --- contrasts ---


def test_contrasts_are_those_of_the_values():
    made = rows(7)
    found = audited(text(cells(made, Style(decimals=3)), Style()))
    value = {(r.model, r.mix, r.pretrained): 100 * r.figures[0] for r in made}
    d = {}
    for p in (False, True):
        for mix in (1, 2):
            gain = {m: value[m, mix, p] - value[m, 0, p] for m in ("ResNet18", "ViT-S/4")}
            d[p, mix] = gain["ViT-S/4"] - gain["ResNet18"]
    by_name = {(c.name, c.stratum.get("pretrained")): c for c in found.contrasts}
    assert by_name["D_mixup", "no"].estimate == pytest.approx(d[False, 1])
    assert by_name["D_cutmix", "yes"].estimate == pytest.approx(d[True, 2])
    c = by_name["C", "no"]
    assert c.estimate == pytest.approx(d[False, 1] - d[False, 2])
    assert len(c.cells) == 4 and c.verdict == "EXPLORATORY"  # the cells without mixing cancel
    assert by_name["T_mixup", None].estimate == pytest.approx(d[True, 1] - d[False, 1])


def test_the_tipping_deviation_brings_the_interval_to_zero():
    found = audit.file(Path(__file__).parent / "tables" / "korean.md")
    c = found.contrasts[1]
    assert c.lean == "above"
    whole = (c.standard_error**2 + sum(w**2 for w in c.cells.values()) * c.tipping_sd**2) ** 0.5
    assert c.estimate == pytest.approx(1.959964 * whole, rel=1e-5)
    assert c.standard_error == pytest.approx((0.5629 * 0.4371 + 0.6114 * 0.3886) ** 0.5, rel=1e-3)


def test_a_difference_within_the_sampling_error_is_a_note():
    table = "| Model | Aug | Top-1 |\n|-|-|-|\n| R | none | 95.0 |\n| R | MixUp | 95.4 |\n"
    found = audited(table)
    assert [(f.severity, f.rule) for f in found.findings] == [("note", "noise")]
    assert audited(table, test_size=1_000_000).findings == ()


# --- the command ---


def call(capsys, *words):
    code = cli.main(["audit", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_ends_as_documented(tmp_path, capsys):
    wrong = tmp_path / "wrong.md"
    wrong.write_text(
        "| Model | Top-1 | Top-5 |\n|-|-|-|\n| A | 45.8 | 40.1 |\n| B | 41.0 | 70.0 |\n", "utf-8"
    )
    code, out, _ = call(capsys, wrong)
    assert code == 0 and "contradictions (cannot be as printed): 1" in out and "top5-below-top1" in out
    assert call(capsys, wrong, "--strict")[0] == 1
    assert call(capsys, Path(__file__).parent / "tables" / "korean.md", "--strict")[0] == 0
    code, out, _ = call(capsys, wrong, "--json", "--strict")
    told = json.loads(out)
    assert code == 1 and told["counts"] == {"contradiction": 1, "suspicion": 0, "note": 0}
    assert told["findings"][0]["line"] == 3
    assert call(capsys, wrong, "--table", 2)[0] == 2
    assert call(capsys, wrong, "--test-size", 0)[0] == 2
    assert call(capsys, tmp_path / "none.md")[0] == 4
    (tmp_path / "text.md").write_text("No table.", "utf-8")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00a,b")
    (tmp_path / "endless.csv").write_text('model,top1\n"' + "x" * 200_000, "utf-8")  # a quote that never ends
    for name in ("text.md", "bytes.csv", "endless.csv"):
        code, _, err = call(capsys, tmp_path / name)
        assert code == 4 and err.count("\n") == 1


def test_one_table_can_be_chosen():
    path = Path(__file__).parent / "tables" / "best-and-last.md"
    assert audit.file(path, table=2).figures == 6
    with pytest.raises(ConfigError, match="tables 1 to 3"):
        audit.file(path, table=4)
    with pytest.raises(DataError, match="cannot be read"):
        audit.file(path / "nothing")


@pytest.fixture
def reference():
    """The published table and curves, where they are."""
    if not REFERENCE.is_dir():
        pytest.skip("the published table is not on this machine (no ../shared/reference)")
    return REFERENCE


def test_the_published_table_is_what_it_is(reference):
    found = audit.file(reference / "published_summary.csv")
    assert {(f.row, f.rule) for f in found.contradictions} == {
        ("Exp-1", "percent-typo"),
        ("Control-3", "shifted-cells"),
        ("Exp-11", "recall-is-top1"),
    }
    gaps = {f.row for f in found.findings if f.rule == "precision-recall-gap"}
    assert gaps == {"Exp-5", "Exp-6", "Exp-13", "Exp-14"}
    assert len(found.contrasts) == 16 + 12 + 4


def test_the_page_on_the_published_table_holds_its_audit(reference, capsys):
    code, out, _ = call(capsys, reference / "published_summary.csv")
    assert code == 0
    assert f"```text\n{out.rstrip()}\n```" in PAGE.read_text("utf-8")


def test_the_page_on_the_published_table_holds_its_curves(reference):
    segments = {}
    with open(reference / "published_curves.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name, segment = row["experiment"], int(row["log_segment"])
            segments.setdefault((name, segment), []).append(float(row["test_top1_percent"]))
    with open(reference / "published_summary.csv", encoding="utf-8", newline="") as file:
        printed = {row["experiment"]: row["top1"].rstrip("%") for row in csv.DictReader(file)}
    page = PAGE.read_text("utf-8")
    for name, top1 in printed.items():
        segment = max(s for (n, s), curve in segments.items() if n == name and len(curve) == 50)
        curve = segments[name, segment]
        best, last = max(curve), curve[-1]
        cells = [
            name,
            segment,
            top1,
            f"{best:.2f}",
            curve.index(best) + 1,
            f"{last:.2f}",
            f"{best - last:.2f}",
        ]
        assert "| " + " | ".join(map(str, cells)) + " |" in page
