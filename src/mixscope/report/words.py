"""What the report says, in English or Korean: sentences by key, and the names of factors and levels.

Both languages have the same keys with the same gaps (a test proves it). What a study or a record says in its
own words (names, sentences of health checks) is passed through as it is.

What does not belong here: figures, and markup: texts are plain and are escaped where they are shown.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from mixscope.errors import ConfigError, unknown

LANGUAGES = ("en", "ko")
NO_BREAK = "\u00a0"  # between a figure and its unit


class Words:
    """One language. Called with a key ("answer.title") and what its gaps hold; raises KeyError without."""

    def __init__(self, language: str) -> None:
        """Raises ConfigError for a language that is not there."""
        if language not in LANGUAGES:
            raise ConfigError(unknown("--lang", "language of reports", language, LANGUAGES))
        self.language = language
        self._texts = texts(language)

    def __call__(self, key: str, **gaps: object) -> str:
        """The sentence of a key with its gaps filled. Raises KeyError."""
        return self._texts[key].format(**gaps)

    def of(self, group: str, name: str, default: str | None = None) -> str:
        """The text `group.name`, or `default` (else the name itself) where there is none."""
        return self._texts.get(f"{group}.{name}", name if default is None else default)

    def level(self, level: str) -> str:
        """A level as readers know it, CIFAR-100 for cifar100; unknown ones as the study calls them."""
        return self.of("level", level)

    def factor(self, factor: str) -> str:
        """A factor as readers know it; unknown ones as the study calls them."""
        return self.of("factor", factor)

    def levels(self, levels: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
        """Several levels in a row; what they are levels of is known from their names."""
        pairs = levels.items() if isinstance(levels, Mapping) else levels
        return ", ".join(self.level(level) for _, level in pairs)

    def own(self, text: Mapping[str, str]) -> str:
        """What a study says in several languages, in this one or else in English."""
        return text.get(self.language) or text["en"]


@cache
def texts(language: str) -> Mapping[str, str]:
    """{key: sentence}, groups joined by dots."""
    file = resources.files("mixscope.report") / "text" / f"{language}.yaml"
    found: dict[str, str] = {}

    def flatten(value: Any, at: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                flatten(inner, f"{at}.{key}" if at else str(key))
        else:
            found[at] = re.sub(r"(?<=[\d}]) (?=%|pp\b)", NO_BREAK, str(value).strip())

    flatten(yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader), "")
    return found
