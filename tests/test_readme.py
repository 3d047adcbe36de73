"""The READMEs say what there is: each file with a line, the same in both languages, in the order promised."""

import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PAGES = ("README.md", "README.ko.md")


def listed(page):
    """Path -> what is said of it, from the tree of a README; a path that ends in / stands for all in it."""
    tree = re.search(r"## (?:Files|파일)\n```\n(.*?)\n```", (HERE / page).read_text(), re.DOTALL).group(1)
    found, folder = {}, ""
    for line in tree.splitlines():
        path, _, said = line.strip().partition(" ")
        if line.startswith("  "):
            path = folder + path
        elif path.endswith("/"):
            folder = path
            continue
        assert path not in found, f"{path} is listed twice"
        found[path] = said.strip()
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_tree_lists_every_file_with_a_line(page):
    if not (HERE / ".git").exists():
        pytest.skip("not a checkout: which files belong to it is known to git alone")
    asked = ["git", "ls-files"]
    files = subprocess.run(asked, cwd=HERE, capture_output=True, text=True, check=True).stdout.split()
    files = [file for file in files if (HERE / file).exists()]
    tree = listed(page)
    folders = tuple(path for path in tree if path.endswith("/"))
    assert {file for file in files if not file.startswith(folders)} == set(tree) - set(folders)
    assert all(any(file.startswith(folder) for file in files) for folder in folders)
    assert all(tree.values())


def test_both_languages_list_the_same():
    assert list(listed("README.md")) == list(listed("README.ko.md"))


@pytest.mark.parametrize("page", PAGES)
def test_a_readme_opens_with_a_sentence_a_picture_and_two_commands(page):
    title, sentence, picture, commands, *_ = (HERE / page).read_text().split("\n\n")
    assert title == "# mixscope"
    assert len(re.findall(r"[.?](?:\s|$)", sentence)) == 1
    assert re.fullmatch(r"!\[.+\]\((.+)\)", picture)
    assert (HERE / re.search(r"\((.+)\)$", picture).group(1)).is_file()
    assert [line.split("#")[0].strip() for line in commands.splitlines()[1:-1]] == [
        "make quickstart",
        "make test",
    ]
