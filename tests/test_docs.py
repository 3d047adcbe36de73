"""The pages of docs: links lead somewhere, and what source, tests and pages name exists."""

import dataclasses
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import mixscope
from mixscope import cli, errors
from mixscope.cli import exit_codes
from mixscope.study.config import RunConfig

HERE = Path(__file__).parents[1]
PAGES = sorted(page.relative_to(HERE).as_posix() for page in [*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])


def test_docs_are_in_their_folders():
    folders = {"tutorial", "guides", "reference", "notes", "ko"}
    assert {page.split("/")[1] for page in PAGES if page.count("/") > 1} <= folders
    assert {page for page in PAGES if page.count("/") == 1} <= {
        "docs/index.md",
        "docs/mixing-zoo.md",
        "docs/results.md",
        "docs/results.ko.md",
    }


def test_every_page_has_its_place_on_the_site():
    placed = set(
        re.findall(r"^ +- .+: ([\w/.-]+\.md)$", (HERE / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    )
    written = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    made = {"reference/commands.md", "reference/settings.md", "reference/errors.md", "reference/modules.md"}
    assert written - placed == set(), "see nav in mkdocs.yml"
    assert {page for page in placed - written - made if not page.startswith("examples/")} == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files(page):
    text = re.sub(r"^```.*?^```", "", (HERE / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", text))
    local = [link.split("#")[0] for link in links if not re.match(r"https?:|mailto:|#", link)]
    assert [link for link in local if not ((HERE / page).parent / link).exists()] == []


def test_pages_that_source_and_pages_name_exist():
    files = [
        *HERE.glob("*.md"),
        *(file for folder in ("src", "tests", "benchmarks", "docs") for file in (HERE / folder).rglob("*")),
    ]
    named = {
        (file.name, page)
        for file in files
        if file.suffix in {".md", ".py", ".ftl", ".csv"} and file.is_file() and file != Path(__file__)
        for page in re.findall(r"\bdocs/[\w/.-]+\.md\b", file.read_text("utf-8", errors="replace"))
    }
    assert {(file, page) for file, page in named if not (HERE / page).is_file()} == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/notes/architecture.md"])
def test_modules_that_a_page_names_exist(page):
    text = re.sub(r"^```.*?^```", "", (HERE / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`((?:[\w-]+/)+(?:[\w-]+\.(?:py|ftl|yaml|csv))?)`", text))
    assert named
    roots = (HERE, HERE / "src" / "mixscope")
    named = {path for path in named if path.count("/") > 1 or not path.endswith("/")}  # no parts of packages
    assert {path for path in named if not any((root / path).exists() for root in roots)} == set()


def shown_commands():
    """(page, command) of every line of a code block that calls mixscope, as one would type it."""
    for page in PAGES:
        if "/notes/" in page or page == "CHANGELOG.md":
            continue
        text = (HERE / page).read_text("utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            for line in re.findall(r"(?m)^(?:\$ )?mixscope (.*)$", block):
                yield from ((page, part.strip()) for part in re.split(r"\s&&\s|\s{4,}mixscope ", line))


@pytest.mark.parametrize(("page", "command"), sorted(set(shown_commands())))
def test_commands_of_pages_are_ones_that_there_are(page, command):
    words = shlex.split(command, comments=True)
    if words[0] in ("...", "tensorboard"):
        return
    assert cli.parser().parse_args(words).do is not None


def joined(text):
    """A source with the literals of a message that goes over several lines as one."""
    return re.sub(r'"\s*\n\s*f?"', "", text)


def named_commands():
    """(file, command) of every `mixscope ...` in a sentence of a page, of source and of messages."""
    pages = [HERE / page for page in PAGES if page not in ("CHANGELOG.md", "docs/notes/log.md")]
    for file in [*pages, *(HERE / "src").rglob("*.py"), *(HERE / "src").rglob("*.ftl")]:
        text = joined(file.read_text("utf-8"))
        yield from ((file.name, command) for command in re.findall(r"`mixscope ([a-z][^`\n]*)`", text))


def test_commands_named_in_sentences_are_ones_that_there_are():
    found = sorted(set(named_commands()))
    assert len(found) > 50
    unknown = []
    for file, command in found:
        parser, words = cli.parser(), command.split()
        while words and (
            choices := [a.choices for a in parser._actions if not a.option_strings and a.choices]
        ):
            word, *words = words
            if re.search(r"[|{.]", word):  # several commands, or any
                break
            if word not in choices[0]:
                unknown.append((file, command))
                break
            if not isinstance(choices[0], dict):
                break
            parser = choices[0][word]
        options = {option for action in parser._actions for option in action.option_strings}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        unknown += [(file, command, option) for option in given - options]
    assert unknown == []


@pytest.fixture(scope="module")
def generated():
    spec = importlib.util.spec_from_file_location("generated", HERE / "docs" / "generated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_has_each_with_its_options(generated):
    page = generated.commands()
    for command in ("data prepare", "study run", "judge", "train", "doctor"):
        assert f"\n## mixscope {command}\n" in page
    assert "| `--source PATH` | an archive or an unpacked folder" in page
    assert "None" not in page and "%(" not in page


def test_the_page_of_settings_says_what_each_means(generated):
    page = generated.settings()
    said = dict(re.findall(r"^\| `([\w.]+)` \| `.*?` \| (.*) \|$", page, re.MULTILINE))
    containers = {"model.kwargs", "augment.alpha", "augment.switch"}
    assert set(said) == set(RunConfig().flat()) | containers
    assert all(len(text) > 5 and text.endswith(".") for text in said.values()), said


def test_the_page_of_errors_has_every_code(generated):
    page = generated.errors()
    said = dict(re.findall(r"^\| `?([\w-]+)`? \| (.*) \|$", page, re.MULTILINE))
    fields = {field.name for field in dataclasses.fields(exit_codes.Failure)}
    assert set(said) == fields | {"0", "1", "2", "4", "75", "130"} | set(errors.CODES)
    assert all(len(text) > 5 for text in said.values())


def test_the_page_of_modules_says_what_each_is_for(generated):
    said = re.findall(r"^\| `(\w+\.py)` \| (.*) \|$", generated.modules(), re.MULTILINE)
    assert sorted(name for name, _ in said) == sorted(p.name for p in (HERE / "src/mixscope").rglob("*.py"))
    assert [name for name, text in said if len(text) < 10 and name != "__init__.py"] == []


def test_one_version_in_package_citation_and_changelog():
    assert f"version: {mixscope.__version__}\n" in (HERE / "CITATION.cff").read_text()
    releases = re.findall(r"^## \[?([\d.]+)", (HERE / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == mixscope.__version__


def test_the_changelog_has_one_line_a_change_in_the_known_form():
    text = (HERE / "CHANGELOG.md").read_text("utf-8")
    _, *versions = re.split(r"(?m)^## ", text)
    assert versions[0].startswith("[Unreleased]")
    for version in versions:
        heading, *lines = [line for line in version.splitlines() if line]
        assert re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading), heading
        kinds = r"### (Added|Changed|Deprecated|Removed|Fixed|Security)"
        odd = [line for line in lines if not re.fullmatch(rf"{kinds}|- .{{10,250}}", line)]
        assert odd == []


def test_every_pinned_package_of_the_docs_is_a_range_of_the_package():
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    ranges = [*project["dependencies"], *project["optional-dependencies"]["docs"]]
    names = {re.split(r"[<>=\[]", line)[0].lower() for line in ranges}
    pinned = re.findall(r"^([\w.-]+)==", (HERE / "docs" / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned and {name.lower() for name in pinned} <= names


def test_nothing_claims_to_be_on_a_package_index():
    files = [*HERE.glob("*.md"), *(HERE / "docs").rglob("*.md"), *(HERE / "src").rglob("*.*")]
    said = [
        (file.name, line.strip())
        for file in files
        if file.suffix in {".md", ".py", ".ftl", ".yaml", ".html"}
        for line in joined(file.read_text("utf-8")).splitlines()
        if re.search(r"pip install [\"']?mixscope|img\.shields\.io/pypi", line)
    ]
    assert said == []
