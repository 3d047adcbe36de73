"""Names of files and ids of a report, and the seeds that it says are needed."""

from types import SimpleNamespace

import pytest

from mixscope.report import labels


def test_names_that_differ_have_words_that_differ():
    names = ["resnet cutmix", "기본", "보통", "é", "è", "a/b", "a_b", "a b"]
    words = [labels.word(name) for name in names]
    assert words[0] == "resnet-cutmix" and len(set(words)) == len(names)
    assert all(word.isascii() and set("/ _").isdisjoint(word) for word in words)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(None, None, "–"), (5, None, "5+"), (5, 5, "5"), (5, 12, "5–12")]
)
def test_seeds_needed_are_a_range(low, high, said):
    assert labels.seeds_range(SimpleNamespace(seeds_low=low, seeds_high=high)) == said


def test_a_long_list_is_cut_in_alternative_texts():
    assert labels.spoken(["a."] * labels.TOLD) == " ".join(["a."] * labels.TOLD)
    assert labels.spoken(["a."] * (labels.TOLD + 1)).endswith("a. …")
