"""The page on results from elsewhere, and the READMEs, show what the commands really print."""

import re
import shutil
from pathlib import Path

import pytest

from mixscope import cli

HERE = Path(__file__).parents[1]
PAGES = (
    "docs/guides/results-from-elsewhere.md",
    "docs/tutorial/results-from-elsewhere.md",
    "docs/ko/tutorial/results-from-elsewhere.md",
    "README.md",
    "README.ko.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_prints_what_stands_there(tmp_path, monkeypatch, capsys, page):
    monkeypatch.chdir(tmp_path)
    shutil.copy(HERE / "tests/cases/accuracies.csv", "results.csv")
    shutil.copy(HERE / "tests/cases/deltas.md", "paper.md")
    shutil.copytree(HERE / "tests/exports/lightning", "lightning_logs")
    text = (HERE / page).read_text("utf-8")
    blocks = re.findall(r"^```\n(\$ .*?)\n```$", text, re.DOTALL | re.MULTILINE)
    shown = [
        part for block in blocks for part in re.split(r"(?m)^(?=\$ )", block) if part.startswith("$ mixscope")
    ]
    assert shown
    for part in shown:
        command, _, expected = part.partition("\n")
        assert cli.main(command.removeprefix("$ mixscope ").split()) == 0
        assert capsys.readouterr().out.rstrip() == expected.rstrip(), command
