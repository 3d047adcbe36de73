"""Examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import mixscope

SOURCE = Path(mixscope.__file__).parent
MODULES = sorted(
    ".".join(["mixscope", *file.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")
    for file in SOURCE.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_give_the_printed_results(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0 and found.attempted > 0
