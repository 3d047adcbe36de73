"""What the report tells of analyses: their summaries in both languages, and nothing that is not in them."""

import json

import pytest

import made_study
import test_analysis_cues as made_cues
from mixscope import i18n
from mixscope.analysis import cues as analysis
from mixscope.errors import DataError
from mixscope.i18n import LANGUAGES
from mixscope.report import page, texts
from mixscope.results import folders


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "small"
    made_study.write(folder)
    return folder


@pytest.fixture(scope="module")
def found():
    """Of a study where CutMix makes the ResNet global and leaves the ViT."""
    rates = made_cues.rates((made_cues.EVEN, made_cues.LESS), (made_cues.EVEN, made_cues.EVEN))
    compared = analysis.compare(made_cues.STUDY, made_cues.made(rates))
    return compared | {"matched": {"cues-resnet": {"local": 0.723, "global": 0.81, "trainings": 3}}}


def told(study, summary, language="en"):
    file = study / "analysis" / "cues" / "summary.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(summary if isinstance(summary, str) else json.dumps(summary))
    out = study / f"report-{language}"
    made = page.write(folders.study(study), judge=made_study.verdicts, out=out, language=language)
    return made, made.page.read_text()


def test_a_study_whose_cues_were_not_analysed_has_no_such_section(tmp_path):
    folder = tmp_path / "small"
    made_study.write(folder)
    made = page.write(folders.study(folder), judge=made_study.verdicts, out=folder / "report")
    assert 'id="cues"' not in made.page.read_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_which_account_is_favoured_with_its_intervals(study, found, language):
    made, text = told(study, found, language)
    say = texts.Texts(language)
    account = say("cues.account.breaks-locality")
    assert say("cues.decision.favours", account=account, seeds=3) in text.replace("&#39;", "'")
    contrast = next(c for c in found["contrasts"] if c["id"] == "lri:conv-cutmix:conv-default")
    assert f"{contrast['low']:+.2f}".replace("-", "−") in text
    uneven = say("cues.match", name="cues-resnet", local="72.3", glob="81.0", trainings=3)
    assert uneven in text, "how far the cues were from even"
    assert {"cues-lri.svg", "cues-differences.svg"} <= {file.name for file in made.figures}


@pytest.mark.parametrize("summary", ["{", "{}", "[]"])
def test_a_damaged_summary_is_named_with_what_mends_it(study, summary):
    with pytest.raises(
        DataError,
        match=r"cues/summary\.json: is damaged, or of another version; `mixscope analyze .* --what cues`",
    ):
        told(study, summary)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_an_analysis_decides_can_be_said(language):
    figures = ("local", "global", "lri", "conflict-local", "conflict-global", "conflict-neither")
    wanted = [f"cues.decision.{kind}" for kind in analysis.DECISIONS]
    wanted += [f"cues.account.{name}" for name in analysis.ACCOUNTS]
    wanted += [f"cues.figure.{name}" for name in figures]
    assert all(i18n.has(name, language) for name in wanted)


def test_one_seed_is_reported_without_intervals(study):
    rates = made_cues.rates((made_cues.EVEN, made_cues.LESS), (made_cues.EVEN, made_cues.EVEN))
    _, text = told(study, analysis.compare(made_cues.STUDY, made_cues.made(rates, seeds=1)))
    assert texts.Texts("en")("cues.decision.few-seeds", seeds=1) in text
