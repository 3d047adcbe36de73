"""What records, gates and audits say in English, in the reader's language.

Such sentences are made where no reader's language is known, many of them long before a report is written. So
they are keys of their own: text/sentences.yaml pairs each with its translation, gaps included, and a sentence
is recognised by its shape. One that is not there (an error of another program, a name) stays as it is.

What does not belong here: the report's own sentences (words.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

# What a gap holds, by its name without digits; anything else where it is not here.
_HOLDS = {
    "n": r"[\d,]+",
    "x": r"[+\-−]?[\d,.]+(?:e[+-]?\d+)?",
    "label": r"\S+ seed \d+",
    "labels": r"\S+ seeds? [\d, ]+(?:; \S+ seeds? [\d, ]+)*(?: and \d+ more experiments)?",
    "what": r"[\w.-]+",
    "file": r"[^;]+?",
    "figures": r"[^()]+(?:\([^()]*\)[^()]*)*",
}
_GAP = re.compile(r"\{([a-z]+)(\d*)\}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One pair. shape: what the English one matches; said: the translation with its gaps.

    frame: it has no words of its own, and is recognised only where one of its gaps is.
    """

    shape: re.Pattern[str]
    said: str
    frame: bool


def translated(sentence: str, language: str) -> str | None:
    """A sentence in a language, what stands in its gaps included; None where it is not known."""
    if language == "en":
        return sentence
    for known in _sentences(language):
        found = known.shape.fullmatch(sentence)
        if found is None:
            continue
        gaps = {name: translated(value, language) for name, value in found.groupdict().items()}
        if known.frame and not any(gaps.values()):
            continue
        return known.said.format(
            **{name: gaps[name] or _inline(value, language) for name, value in found.groupdict().items()}
        )
    parts = sentence.split("; ")
    if len(parts) > 1:
        said = [translated(part, language) for part in parts]
        if any(part is not None for part in said):
            return "; ".join(new or _inline(old, language) for new, old in zip(said, parts, strict=True))
    return None


def pairs() -> list[dict[str, str]]:
    """Every sentence in every language."""
    return _file()["sentences"]


def _inline(text: str, language: str) -> str:
    """Words that stand among names, wherever they stand."""
    for shape, said in _words(language):
        text = shape.sub(said, text)
    return text


@cache
def _sentences(language: str) -> Sequence[Sentence]:
    """The one that says most first, so that a general shape does not catch a particular sentence."""
    known = sorted(pairs(), key=lambda pair: -len(_GAP.sub("", pair["en"])))
    return [
        Sentence(_shape(pair["en"]), pair[language], not re.search(r"\w", _GAP.sub("", pair["en"])))
        for pair in known
    ]


@cache
def _words(language: str) -> Sequence[tuple[re.Pattern[str], str]]:
    return [(re.compile(pair["shape"]), pair[language]) for pair in _file()["inline"]]


def _shape(english: str) -> re.Pattern[str]:
    parts, end = [], 0
    for gap in _GAP.finditer(english):
        held = _HOLDS.get(gap[1], ".+?")
        parts += [re.escape(english[end : gap.start()]), f"(?P<{gap[1]}{gap[2]}>{held})"]
        end = gap.end()
    return re.compile("".join([*parts, re.escape(english[end:])]), re.DOTALL)


@cache
def _file() -> dict[str, list[dict[str, str]]]:
    text = (resources.files("mixscope.report") / "text" / "sentences.yaml").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, str]]] = yaml.safe_load(text)
    return found
