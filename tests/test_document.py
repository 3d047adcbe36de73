"""YAML with lines: values as PyYAML reads them, keys as they are written, and bounds."""

from pathlib import Path

import pytest
import yaml

from mixscope.errors import ConfigError
from mixscope.study import document

MERGES = """
base: &base {lr: 0.1, epochs: 5, model: {arch: vit}}
other: &other {lr: 0.2, clip: 1.0}
one: {<<: *base, lr: 0.3}
both: {<<: [*base, *other], momentum: 0.9}
after: {momentum: 0.9, <<: *base}
chain: &chain {<<: *other, decay: 0.01}
last: {<<: [*chain, *base], clip: 2.0}
"""


def test_merged_mappings_are_those_that_pyyaml_makes():
    found, expected = document.parse(MERGES, file="s.yaml").tree, yaml.safe_load(MERGES)
    assert found == expected
    assert found["both"]["lr"] == 0.1 and found["last"] == {"clip": 2.0, "lr": 0.2, "decay": 0.01} | {
        "epochs": 5,
        "model": {"arch": "vit"},
    }


def test_a_merged_key_stands_where_it_is_written():
    found = document.parse(MERGES, file="s.yaml")
    for *key, line in (("both", "momentum", 5), ("both", "clip", 3), ("one", "model", "arch", 2)):
        found_error = found.error("conflict", "is odd", *key)
        assert str(found_error) == f"s.yaml, line {line}: {'.'.join(key)}: is odd"
        assert (found_error.key, found_error.path, found_error.line) == (".".join(key), Path("s.yaml"), line)


def test_a_chain_of_merges_does_not_double_at_every_link():
    links = "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 200))
    found = document.parse("a0: &a0 {k: 1}\n" + links, file="s.yaml").tree
    assert found["a199"] == {"k": 1}


def test_merges_that_add_up_to_too_many_values_are_refused():
    links = "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: 1}}\n" for i in range(1, 460))
    with pytest.raises(ConfigError, match="holds more than 100000 values"):
        document.parse("a0: &a0 {k: 1}\n" + links, file="s.yaml")


def test_aliases_of_aliases_are_refused():
    links = "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    with pytest.raises(ConfigError, match="holds more than 100000 values"):
        document.parse("a0: &a0 [1]\n" + links, file="s.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: " + "[" * 2000, "s.yaml: is nested too deeply"),
        ("a: &a {<<: *a}", "s.yaml: is nested too deeply"),
        ("a:\n  <<: [1]", "s.yaml, line 2: << merges mappings, got '1'"),
        ("a:\n  <<: word", "s.yaml, line 2: << merges mappings, got 'word'"),
        ("a: 1\nb: 2\na: 3", "s.yaml, line 3: a is here and in line 1; keep one of the two"),
        ("a: {b: 1, b: 2}", "a.b is here and in line 1"),
        ("a:\n  [1, 2]: 3", "s.yaml, line 2: a key must be a word"),
        ("a: 1\nb: [", "s.yaml, line 2: not valid YAML"),
        ("a: 2024-99-99", "s.yaml, line 1: '2024-99-99' is not a value YAML can read"),
    ],
)
def test_what_cannot_be_read_is_answered_with_its_line(text, sentence):
    with pytest.raises(ConfigError) as refused:
        document.parse(text, file="s.yaml")
    assert sentence in str(refused.value)


def test_keys_and_scalars_are_kept_as_they_are_written():
    found = document.parse("no: 1e-3\n12: yes\nday: 2024-01-02\n", file="s.yaml")
    assert list(found.tree) == ["no", "12", "day"] and found.tree["12"] is True
    assert found.words[("no",)] == "1e-3" and found.words[("12",)] == "yes"
    assert found.tree["day"] == "2024-01-02"
