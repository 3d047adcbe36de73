"""The pages of docs: links lead somewhere, and what source, tests and pages name exists."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PAGES = sorted(page.relative_to(HERE).as_posix() for page in [*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])


def test_docs_are_in_their_folders():
    folders = {"tutorial", "guides", "reference", "notes", "ko"}
    assert {page.split("/")[1] for page in PAGES if page.count("/") > 1} <= folders
    assert {page for page in PAGES if page.count("/") == 1} <= {"docs/index.md", "docs/results.md"}


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
        for page in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text("utf-8", errors="replace"))
    }
    assert {(file, page) for file, page in named if not (HERE / page).is_file()} == set()
