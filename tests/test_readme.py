"""The READMEs say what there is: each package with a line, the same in both languages."""

import re
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parents[1]
PAGES = ("README.md", "README.ko.md")


def listed(page):
    """Folder -> what is said of it, from the map of a README."""
    lines = re.search(r"## (?:Folders|폴더)\n```\n(.*?)\n```", (HERE / page).read_text(), re.DOTALL).group(1)
    found = {}
    for line in lines.splitlines():
        folders, said = re.fullmatch(r"((?:\S+/ *)+)(.*)", line).groups()
        found |= dict.fromkeys(folders.split(), said)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_map_lists_every_package_and_only_folders_that_exist(page):
    packages = {f"src/mixscope/{file.parent.name}/" for file in (HERE / "src/mixscope").glob("*/__init__.py")}
    assert packages <= set(listed(page))
    assert all((HERE / folder).is_dir() for folder in listed(page))


def test_both_languages_list_the_same():
    assert list(listed("README.md")) == list(listed("README.ko.md"))


@pytest.mark.parametrize("page", PAGES)
def test_a_readme_opens_with_a_sentence_two_commands_and_a_picture(page):
    title, sentence, commands, picture, *_ = (HERE / page).read_text().split("\n\n")
    assert title == "# mixscope"
    assert len(re.findall(r"[.?](?:\s|$)", sentence)) == 1
    assert re.fullmatch(r"!\[.+\]\((.+)\)", picture)
    assert (HERE / re.search(r"\((.+)\)$", picture).group(1)).is_file()
    assert [line.split("#")[0].strip() for line in commands.splitlines()[1:-1]] == [
        "make quickstart",
        "make test",
    ]


def test_the_training_loop_of_the_readmes_learns(digits_root, monkeypatch):
    codes = [re.findall(r"```python\n(.*?)```", (HERE / page).read_text(), re.DOTALL) for page in PAGES]
    assert codes[0] == codes[1] and len(codes[0]) == 1
    monkeypatch.setenv("MIXSCOPE_DATA", str(digits_root))
    given, losses = torch.nn.functional.cross_entropy, []

    def recorded(*words):
        losses.append(given(*words))
        return losses[-1]

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", recorded)
    torch.manual_seed(0)
    exec(compile(codes[0][0].replace("range(5)", "range(2)"), "README.md", "exec"), {})
    assert len(losses) >= 20
    assert sum(losses[-5:]) < sum(losses[:5])
