"""Every text stands in every language, with the same parameters; plural forms are those of the language."""

import ast as python
import re
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, FluentSerializer, ast
from fluent.syntax.visitor import Visitor

from mixscope import i18n
from mixscope.errors import CODES, ConfigError
from mixscope.findings import Finding


class Parameters(Visitor):
    def __init__(self):
        self.names = set()

    def visit_VariableReference(self, node):
        self.names.add(node.id.name)


def messages(lang):
    entries = FluentParser().parse(i18n.source(lang)).body
    assert not [e for e in entries if isinstance(e, ast.Junk)], "not in Fluent's syntax"
    found = [e for e in entries if isinstance(e, ast.Message)]
    assert len({m.id.name for m in found}) == len(found), "a message stands twice"
    parameters = {}
    for message in found:
        seen = Parameters()
        seen.visit(message)
        parameters[message.id.name] = seen.names
    return parameters


@pytest.mark.parametrize("language", sorted(set(i18n.LANGUAGES) - {"en"}))
def test_every_message_stands_in_every_language_with_the_same_parameters(language):
    english, other = messages("en"), messages(language)
    assert list(english) == list(other)
    left_out = {"severity", "count", "seeds_count"}  # selectors that a language without plurals may not need
    assert english.pop("located-error") == {"text"}  # the sentence is where the error is raised
    assert other.pop("located-error") == {"kind", "path", "line", "key", "text"}
    for name, wanted in english.items():
        assert wanted - other[name] <= left_out and other[name] <= wanted, name


@pytest.mark.parametrize("code", CODES)
def test_an_error_is_told_in_korean_by_its_code_and_location(code):
    problem = ConfigError(code, "must not be like this", key="optim.lr", path="a/b.yaml", line=3)
    assert i18n.render(problem.finding) == str(problem) == "a/b.yaml, line 3: optim.lr: must not be like this"
    said = i18n.render(problem.finding, "ko")
    assert said.startswith("a/b.yaml 3행: optim.lr: ") and re.search("[가-힣]", said[24:])
    assert "must not be" not in said
    assert ":" not in i18n.render(ConfigError(code, "must not be like this").finding, "ko")


LATIN = re.compile(r"(?:\b[a-z]{2,}\b[ ,;]+){2,}\b[a-z]{2,}\b")  # three words, as a sentence has them


def test_korean_messages_have_no_english_words_in_a_row():
    assert LATIN.search("the weights cannot be read") and not LATIN.search("ResNet과 ViT, top-1 예측")
    for entry in FluentParser().parse(i18n.source("ko")).body:
        if isinstance(entry, ast.Message):
            text = re.sub(r"`[^`]*`|\{[^{}]*\}", " . ", FluentSerializer().serialize_entry(entry))
            said = text.partition("=")[2].replace(" mixscope study run ", " ")
            assert not LATIN.search(said), said


def sentences_in_parameters(code):
    """(line, parameter) of what findings are given that only one language can say."""
    tree = python.parse(code)
    errors = {node.name for node in python.walk(tree) if isinstance(node, python.ExceptHandler) and node.name}
    for call in python.walk(tree):
        if not isinstance(call, python.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name not in ("Finding", "gate", "damaged", "_finding"):
            continue
        given = [keyword.value for keyword in call.keywords] + list(call.args)
        values = [v for each in given for v in (each.values if isinstance(each, python.Dict) else [each])]
        for value in values:
            quoted = isinstance(value, python.Call) and getattr(value.func, "id", "") == "str"
            of_error = quoted and getattr(value.args[0], "id", "") in errors
            words = [n.value for n in python.walk(value) if isinstance(n, python.Constant)]
            if of_error or any(isinstance(text, str) and LATIN.search(text) for text in words):
                yield call.lineno, python.unparse(value)


def test_no_finding_is_given_an_english_sentence():
    assert list(sentences_in_parameters("Finding('a', params={'why': 'it cannot be read'})"))
    assert list(sentences_in_parameters("try: f()\nexcept E as e: damaged('a', reason=str(e))"))
    found = []
    for file in Path(i18n.__file__).parent.parent.rglob("*.py"):
        found += [(file.name, told) for _, told in sentences_in_parameters(file.read_text("utf-8"))]
    # What numpy and zipfile say of a damaged file of predictions is quoted.
    assert set(found) == {("folders.py", "str(problem)")}


def test_plural_forms_follow_the_number():
    def said(count, lang="en"):
        return i18n.message("runs-pending", lang, count=count, runs="a seed 0")

    assert said(1) == "1 run has not started: a seed 0"
    assert said(2) == "2 runs have not started: a seed 0"
    assert said(1, "ko") == "시작하지 않은 실행 1개: a seed 0"
    seeds = Finding("run-seeds", params={"experiment": "a", "seeds": [3]})
    assert i18n.render(seeds) == "a seed 3"
    seeds = Finding("run-seeds", params={"experiment": "a", "seeds": [3, 1200]})
    assert i18n.render(seeds) == "a seeds 3, 1200"


def test_a_list_of_findings_is_reported_in_part_and_counted():
    each = [Finding("run-seeds", params={"experiment": str(i), "seeds": [0]}) for i in range(5)]
    found = Finding("settings-differ", "fail", {"runs": each})
    assert i18n.render(found).endswith("study's: 0 seed 0; 1 seed 0; 2 seed 0 and 2 more")
    assert i18n.render(found, "ko").endswith("다릅니다: 0 시드 0; 1 시드 0; 2 시드 0 외 2건")


def test_a_finding_survives_json():
    inner = Finding("checkpoint-top1", params={"checkpoint": "last", "top1": 12.5})
    found = Finding("checkpoint-selection", "ok", {"top1": [inner], "about": {"a": 1}})
    assert Finding.from_dict(found.to_dict()) == found
    assert i18n.render(found).endswith(": last 12.50\u00a0%")


def test_a_parameter_may_be_of_any_length():
    rows = "row +1.0, " * 400
    assert rows in i18n.message("classes-heat_text", rows=rows)
    assert rows in i18n.message("classes-heat_text", "ko", rows=rows)


def test_a_missing_parameter_or_message_is_an_error_not_a_gap():
    with pytest.raises(KeyError, match="checkpoint"):
        i18n.message("checkpoint-top1", top1=1.0)
    with pytest.raises(KeyError):
        i18n.message("no-such-message")


def test_numbers_are_written_as_the_catalogue_says():
    shown = i18n.message("scales-disagree", points_pp=-24.178, low=0.0714, high=0.2)
    assert shown == "log-odds say otherwise: +0.071 to +0.200 logits at -24.18\u00a0pp"
    mean = i18n.message("input-contract", severity="ok", size=32, mean=[0.5, 0.25, 1], std=[1, 1, 1])
    assert "mean 0.500 0.250 1.000" in mean and "32\u00a0px" in mean.replace(" px", "\u00a0px")


def test_korean_texts_use_the_words_of_the_field():
    root = Path(__file__).parent.parent
    rows = [row.split("|") for row in (root / "docs" / "reference" / "glossary.md").read_text().splitlines()]
    avoided = [row[3].strip() for row in rows if len(row) == 6 and row[1].strip() not in ("English", "---")]
    avoided = [word for words in avoided for word in words.split(", ") if re.search("[가-힣]", word)]
    assert len(avoided) > 10
    package = Path(i18n.__file__).parent.parent
    pages = [root / "README.ko.md", *(root / "docs" / "ko").rglob("*.md"), root / "docs" / "results.ko.md"]
    pages += [*(root / "results").glob("*.ko.md"), *(package / "study" / "builtin").rglob("*.yaml")]
    for page in [package / "i18n" / "ko.ftl", package / "report" / "literature.yaml", *pages]:
        assert [word for word in avoided if word in page.read_text("utf-8")] == [], page


# Messages whose names are put together: a group and the name of a level, a state, a metric, a code.
BUILT = (
    "verdict meaning gate why problem state factor level check check how literature cues analyses curves"
    " study table compare band runs unchecked said read-factor read-metric read-unit"
    " results-col weights-col contrasts-col budget-split answer-expect health-checkpoint metric"
    " unit basis event standing column"
).split()


def test_every_message_is_used_and_every_code_has_one():
    folder = Path(i18n.__file__).parent.parent
    files = [*folder.rglob("*.py"), *(folder / "report" / "templates").iterdir()]
    text = "\n".join(p.read_text() for p in files)
    named = {name.replace(".", "-") for name in re.findall(r"""["']([a-zA-Z][\w.-]*)["']""", text)}
    named |= set(
        re.findall(r"{ ([a-z][\w-]*) }", (folder / "i18n" / "en.ftl").read_text())
    )  # in another message
    known = messages("en")
    built = tuple(f"{group}-" for group in BUILT)
    unused = [n for n in known if n not in named and not n.startswith(built) and not n.endswith("-title")]
    assert unused == []
    codes = set(re.findall(r"""Finding\(\s*["']([\w-]+)["']""", text))
    assert codes and codes <= set(known)
