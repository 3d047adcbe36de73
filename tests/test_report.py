"""The report as a reader meets it: what the page says, and that it says nothing that is not so."""

import csv
import html.parser
import io
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image

import made_study
from made_study import Made
from mixscope import cli
from mixscope.claims import verdicts
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.i18n import LANGUAGES
from mixscope.report import literature, page, published
from mixscope.report.sections import answer, health
from mixscope.report.texts import Texts
from mixscope.results import folders
from mixscope.study import matrix

HOSTILE = (
    "<script>alert(1)</script>",
    "</title></svg><img src=x onerror=alert(2)>",
    '"><b onmouseover=alert(3)>',
    "{{ 7 * 7 }}",
    '=HYPERLINK("x")',
    "a|b\nc",
    "</style><style>*{display:none}",
    "’‮\U0001f984 &amp; &lt;",
    "${alert(4)}`",
    "]]><!--",
)


def report(folder, language="en", **options):
    results = folders.study(folder)
    return page.write(
        results,
        judge=made_study.verdicts,
        out=folder / f"report-{language}",
        language=language,
        **options,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A complete study of twelve cells and three seeds."""
    folder = tmp_path_factory.mktemp("study") / "small"
    made_study.write(folder)
    return folder


@pytest.fixture(scope="module")
def made(small):
    return report(small)


class Reader(html.parser.HTMLParser):
    """Elements, ids, links and visible text of a page; it minds that elements end where they should."""

    VOID = ("meta", "link", "img", "br", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.text, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[k] for k in ("href", "src") if k in found]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> ends something else"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


def table(file):
    return list(csv.DictReader(io.StringIO(file.read_text())))


def read(made):
    return Reader(made.page.read_text())


def visible(made):
    return " ".join(" ".join(read(made).text).split())


# --- what the page has --------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_is_there_in_order_and_nothing_is_left_open(small, language):
    found = read(report(small, language))
    assert not found.open
    sections = [attributes["id"] for tag, attributes in found.tags if tag == "section"]
    there = [name for name in page.SECTIONS if name not in ("cues", "analyses")]
    assert sections == [*there, "absent"] and "analyses" in found.ids, "what was not analysed is one line"
    assert len(found.ids) == len(set(found.ids))
    assert ("html", language) == next((t, a.get("lang")) for t, a in found.tags if t == "html")


def test_the_page_needs_nothing_from_outside(made):
    for link in read(made).links:
        assert link.startswith(("#", "data:", "https://arxiv.org/abs/")), link
    text = made.page.read_text()
    assert "@import" not in text and "url(" not in text and "fetch(" not in text


def test_every_figure_has_a_title_and_a_description(made):
    found = read(made)
    charts = [a for tag, a in found.tags if tag == "svg" and a.get("role") == "img"]
    assert len(charts) >= 30
    for chart in charts:
        for name in chart["aria-labelledby"].split():
            assert name in found.ids
    assert all(a.get("alt") for tag, a in found.tags if tag == "img")
    assert all(a.get("aria-hidden") for tag, a in found.tags if tag == "svg" and a.get("role") != "img")


def test_every_claim_has_its_badge_and_its_interval(small, made):
    text = visible(made)
    for verdict in made_study.verdicts(folders.study(small)):
        assert verdict.text["en"] in text
        for reading in verdict.readings:
            assert f"[{reading.points.low:+.2f}, ".replace("-", "−") in text
    for word in ("supported", "refuted", "inconclusive"):
        assert word in text
    assert "5–14 seeds per experiment would settle it either way (80" in text


def test_every_seed_is_shown_and_the_mean_is_that_of_the_summaries(small, made):
    rows = table(small / "report-en/tables/results.csv")
    assert len(rows) == 12
    results, text = folders.study(small), visible(made)
    for row in rows:
        values = [100 * run.metrics["test"]["last"]["top1"] for run in results.runs_of(row["experiment"])]
        assert float(row["top1"]) == pytest.approx(np.mean(values), rel=1e-5)
        assert float(row["top1_sd"]) == pytest.approx(np.std(values, ddof=1), rel=1e-5)
        for value in values:
            assert f"{value:.2f}" in text


def test_saved_figures_are_drawings_of_their_own(made):
    assert len(made.figures) == len({file.name for file in made.figures}) > 30
    for file in (f for f in made.figures if f.suffix == ".svg"):
        root = ElementTree.fromstring(file.read_text())
        assert root.tag.endswith("svg")
        assert root.find("{http://www.w3.org/2000/svg}title").text
        assert "NaN" not in file.read_text() and "inf" not in re.sub(r"<[a-z]+>.*?</", "", file.read_text())


def test_every_confusion_matrix_is_saved_as_a_picture(made):
    pictures = [file for file in made.figures if file.suffix == ".png"]
    assert len(pictures) == len([c for c in made.content.experiments if c.evaluated]) == 12
    for file in pictures:
        with Image.open(file) as picture:
            assert picture.width > 600 < picture.height and picture.mode == "RGB"


def test_equal_records_make_equal_reports(small, made):
    again = report(small)
    assert again.page.read_bytes() == made.page.read_bytes()


def test_weights_that_saw_mixup_are_said_to_have(made):
    text = visible(made)
    assert "resnet50.a1_in1k" in text and "MixUp 0.2 and CutMix 1.0" in text


def test_a_check_that_failed_is_named_with_its_run(made):
    assert "batch norm statistics do not fit clean images: 91.0" in visible(made)
    assert "19 of 108 checks of 36 runs failed." in visible(made)


def test_what_limits_a_whole_claim_is_told_without_its_strata():
    def reading(stratum, *codes):
        return SimpleNamespace(stratum={"data": stratum}, findings=[Finding(code) for code in codes])

    some = [reading("cifar10", "gate-seeds"), reading("cifar100", "gate-seeds", "gate-health")]
    verdicts = [SimpleNamespace(claim=claim, readings=some) for claim in ("H1", "H2")]
    found = health.gates(SimpleNamespace(verdicts=verdicts), Texts("en"))
    assert list(found.values()) == [["H1", "H2"], ["H1: CIFAR100", "H2: CIFAR100"]]


def test_the_table_of_checks_has_a_row_for_each_experiment(made):
    checks = health.checks(made.content, Texts("en"))
    assert [row["experiment"] for row in checks["rows"]] == [each.name for each in made.content.experiments]
    assert {len(row["counts"]) for row in checks["rows"]} == {len(checks["checks"])}


# --- what is not there --------------------------------------------------------------------------


def test_what_speaks_against_a_reading_stands_beside_its_interval_also_where_it_decides_nothing(tmp_path):
    made_study.write(tmp_path / "s", made_study.SMALL.replace("[0, 1, 2]", "[0, 1]"), Made(ill=-1))
    told = folders.study(tmp_path / "s")
    english = Texts("en")
    for verdict in verdicts.judge(told):
        for reading in verdict.readings:
            assert reading.gate_kinds[0] == "seeds"
            said = "; ".join(answer.remarks(verdict, reading, english))
            assert said.count(english("gate.seeds")) == 1


def test_a_partial_study_says_so_and_which_runs_are_missing(tmp_path):
    states = {
        "vit-cutmix-scratch-s1": "running",
        "vit-mixup-imagenet": "pending",
        "resnet-default-scratch-s2": "failed",
    }
    made_study.write(tmp_path / "s", made=Made(states=states))
    made = report(tmp_path / "s")
    text = visible(made)
    assert "This report is partial" in text and "31 of 36 runs are done" in text
    assert "vit-mixup-imagenet seed 0; vit-mixup-imagenet seed 1; vit-mixup-imagenet seed 2" in text
    assert "the training loss became nan" in text
    rows = table(tmp_path / "s/report-en/tables/results.csv")
    empty = next(row for row in rows if row["experiment"] == "vit-mixup-imagenet")
    assert (empty["top1"], empty["top1_sd"], empty["seeds"]) == ("", "", "0")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_study_without_a_finished_run_still_has_a_report(tmp_path, language):
    made_study.write(tmp_path / "s", made=Made(states={"": "pending"}))
    results = folders.study(tmp_path / "s")
    made = page.write(results, out=tmp_path / "out", language=language)
    assert Texts(language)("partial.nothing") in visible(made)
    assert not read(made).open


def test_two_classes_have_no_top_5(tmp_path):
    made_study.write(tmp_path / "s", made=Made(classes=("yes", "no")))
    assert "Top-5" not in visible(report(tmp_path / "s"))


def test_one_seed_has_no_deviation_and_no_bar(tmp_path):
    text = made_study.SMALL.replace("seeds: [0, 1, 2]", "seeds: [5]")
    made_study.write(tmp_path / "s", text)
    made = report(tmp_path / "s")
    rows = table(tmp_path / "s/report-en/tables/results.csv")
    assert all(row["top1"] and not row["top1_sd"] for row in rows)
    dots = next(file for file in made.figures if file.name == "results-digits.svg").read_text()
    assert 'class="mean' not in dots and "±" not in dots.split("mean ± SD")[1]
    assert "too many classes appear significant" in visible(made)


def test_predictions_that_cannot_be_read_are_named_and_the_rest_is_reported(tmp_path):
    made_study.write(tmp_path / "s")
    run = next((tmp_path / "s").glob("vit-mixup-scratch-s1-*"))
    (run / "predictions" / "test-last.npz").write_bytes(b"broken")
    made = report(tmp_path / "s")
    assert "test-last.npz: is damaged" in visible(made)
    experiment = next(c for c in made.content.experiments if c.name == "vit-mixup-scratch")
    assert experiment.evaluated.seeds == (0, 2) and experiment.seeds == 2
    assert made.content.verdicts and not made.content.results.complete


def test_a_study_without_augmentations_or_models_has_a_report(tmp_path):
    text = """
name: plain
base: {data.name: digits, train.epochs: 2}
factors: {rate: {low: {optim.lr: 0.001}, high: {optim.lr: 0.01}}}
seeds: [0, 1]
"""
    made_study.write(tmp_path / "s", text)
    made = report(tmp_path / "s")
    text = visible(made)
    assert "Gains by class need" in text and "No factor of this study sets" in text
    assert "Nothing was claimed beforehand" in text


# --- what comes from outside --------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_are_shown_and_never_obeyed(tmp_path, language):
    made_study.write(
        tmp_path / "s",
        made_study.SMALL.replace("Two small nets on made-up images", "'<script>alert(5)</script> & more'"),
        made=Made(
            classes=HOSTILE,
            superclasses=("<i>one</i>", "</svg>two"),
            superclass_of=(0, 1) * 5,
            sentence="<script>alert(6)</script>",
        ),
    )
    made = report(tmp_path / "s", language)
    found = read(made)
    assert not found.open
    assert [t for t, _ in found.tags].count("script") == 2 and "b" not in [
        t for t, a in found.tags if "onmouseover" in a
    ]
    assert not [a for _, a in found.tags if {"onerror", "onmouseover"} & set(a)]
    shown = " ".join(found.text)
    for name in (HOSTILE[0], HOSTILE[1], "<i>one</i>", "<script>alert(6)</script>", "{{ 7 * 7 }}"):
        assert name in shown
    for file in (f for f in made.figures if f.suffix == ".svg"):
        ElementTree.fromstring(file.read_text())
    rows = table(tmp_path / f"s/report-{language}/tables/classes.csv")
    assert {row["class"] for row in rows} == {f"'{n}" if n[0] in "=" else n for n in HOSTILE}


def test_published_values_stand_beside_ours_and_misprints_are_dropped(tmp_path, small):
    file = tmp_path / "published.csv"
    file.write_text(
        "experiment,top1,top5,recall,precision,f1\n"
        "vit-mixup-scratch,54.61%%,79.11%,54.61%,54.60%,53.94%\n"
        "vit-cutmix-scratch,,61.53%,52.00%,52.00%,52.00%\n"
    )
    curves = tmp_path / "curves.csv"
    curves.write_text(
        "experiment,log_segment,epoch,train_loss,test_loss,test_top1_percent,learning_rate\n"
        "vit-mixup-scratch,1,1,3.7,3.2,20.99,0.001\nvit-mixup-scratch,1,2,2.9,2.8,28.63,0.001\n"
        "vit-mixup-scratch,2,1,3.6,3.1,21.99,0.001\n"
    )
    made = report(small, reference=file, curves=curves)
    experiments = {experiment.name: experiment for experiment in made.content.experiments}
    assert experiments["vit-mixup-scratch"].published["top1"] == 54.61
    assert experiments["vit-cutmix-scratch"].published["top1"] is None
    assert experiments["resnet-default-scratch"].published is None
    assert "54.61" in visible(made) and "2 logs in all" in visible(made)
    assert "2 percent signs behind one number (top1 54.61%%)" in visible(made)
    assert [c.segment for c in experiments["vit-mixup-scratch"].published_curves] == [1, 2]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "model,top1\nresnet50,45.1\n"])
def test_a_reference_that_names_no_experiment_is_refused(tmp_path, content):
    file = tmp_path / "r.csv"
    file.write_text(content)
    with pytest.raises(DataError):
        published.table(file)
    with pytest.raises(DataError, match="expected a CSV"):
        published.curves(file)


def test_a_reference_may_be_a_markdown_table(tmp_path):
    file = tmp_path / "r.md"
    file.write_text("| Experiment | Top-1 | Recall |\n|---|---|---|\n| Exp-1 | **54.6 %** | 54.6 % |\n")
    assert published.table(file).values["Exp-1"]["top1"] == 54.6


# --- words --------------------------------------------------------------------------------------


def test_a_language_that_is_not_there_is_refused(small):
    with pytest.raises(ConfigError, match="no language"):
        report(small, "de")


def test_korean_pages_speak_korean(small):
    text = visible(report(small, "ko"))
    assert "ViT는 ResNet보다 MixUp에서 더 많이, CutMix에서 더 적게 얻는다" in text
    assert "판정 보류" in text and "The answer" not in text
    assert "What MixUp adds" not in text.rpartition("name: small")[0]


def test_the_literature_has_both_languages_and_known_sides():
    file = yaml.safe_load((page.resources.files("mixscope.report") / "literature.yaml").read_text())
    claims = {claim.id for name in matrix.builtin() for claim in matrix.load(name).claims}
    for paper in file["papers"]:
        assert paper["en"] and paper["ko"] and re.fullmatch(r"\d{4}\.\d{4,5}", str(paper["arxiv"]))
        assert set(paper.get("claims", {}).values()) <= {"for", "against", "context"}
        assert set(paper.get("claims", {})) <= claims
    for claim in ("main", "H1", "H2", "H3-mixup", "H3-cutmix"):
        assert literature.theory(claim, "en") and literature.theory(claim, "ko")
        assert literature.papers(claim, "ko")


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_where_the_report_is(tmp_path, capsys):
    made_study.write(tmp_path / "s", made=Made(states={"vit-cutmix-imagenet-s2": "pending"}))
    assert cli.main(["report", str(tmp_path / "s")]) == 0
    out = capsys.readouterr().out
    assert "partial   35 of 36 runs are done" in out
    assert f"report    {tmp_path / 's' / 'report' / 'index.html'}" in out
    assert (tmp_path / "s" / "report" / "tables" / "results.md").is_file()


def test_a_folder_that_is_no_study_is_refused(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path)]) == 4
    assert "is not a study's folder" in capsys.readouterr().err


# --- colours and size ---------------------------------------------------------------------------


def brightness(colour):
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((brightness(a), brightness(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_text_and_every_mark_stands_out_from_its_ground():
    css = (page.resources.files("mixscope.report") / "templates" / "figure.css").read_text()
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r"\{[^{}]*--c7[^{}]*\}", css)
    ]
    themes = [theme for theme in themes if theme]
    assert len(themes) == 4 and all(len(theme) == 23 for theme in themes)
    assert themes[1] == themes[2], "dark is dark, whoever asks for it"
    for theme in themes:
        for text in ("ink", "soft", "link", "warn-ink"):
            for ground in ("page", "card"):
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        for badge in ("yes", "against"):
            assert contrast(theme["on-badge"], theme[badge]) >= 4.5, badge
        for i in range(8):
            assert contrast(theme[f"c{i}"], theme["card"]) >= 2.9, i


LARGE = made_study.SMALL.replace("train.epochs: 4", "train.epochs: 50").replace(
    "seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3, 4]"
)


@pytest.mark.slow
def test_24_experiments_of_5_seeds_fit_in_a_page_that_can_be_mailed(tmp_path):
    """120 runs, each with 10,000 predictions of 100 classes, and 50 epochs."""
    text = LARGE.replace(
        "factors:\n",
        "factors:\n  data: {cifar100: {data.name: cifar100}, cifar10: {data.name: cifar10}}\n",
        1,
    )
    text = text.replace("  data.name: digits\n", "")
    names = [f"class_{i}" for i in range(100)]
    made_study.write(
        tmp_path / "s",
        text,
        Made(
            n=10_000,
            classes=names,
            superclasses=[f"superclass {i}" for i in range(20)],
            superclass_of=[i % 20 for i in range(100)],
        ),
    )
    made = report(tmp_path / "s")
    assert len(made.content.results.done) == 120 and len(made.content.experiments) == 24
    assert made.page.stat().st_size < 15_000_000
    assert not read(made).open
