"""The report's texts in one language, and the names of factors and levels.

The texts themselves are in mixscope/i18n. Names that a study gives are passed through as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mixscope import i18n
from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding


class Words:
    """One language. Called with a message's name ("answer.title") and its parameters."""

    def __init__(self, language: str) -> None:
        """Raises ConfigError for a language that is not there."""
        if language not in i18n.LANGUAGES:
            raise ConfigError(unknown("--lang", "language", language, i18n.LANGUAGES))
        self.language = language

    def __call__(self, key: str, /, **params: Any) -> str:
        """The text of a message. Raises KeyError where it or a parameter is missing."""
        return i18n.message(key, self.language, **params)

    def render(self, finding: Finding) -> str:
        """The text of a finding."""
        return i18n.render(finding, self.language)

    def of(self, group: str, name: str, default: str | None = None) -> str:
        """The text `group.name`, or `default` (else the name itself) where there is none."""
        key = f"{group}.{name}"
        return self(key) if i18n.has(key, self.language) else name if default is None else default

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

    def title(self, study: str, title: str) -> str:
        """The title of a study: a built-in one in this language, any other as it stands in its file."""
        builtin = i18n.has(f"study.{study}") and i18n.message(f"study.{study}") == title
        return self(f"study.{study}") if builtin else title

    def own(self, text: Mapping[str, str]) -> str:
        """What a study says in several languages, in this one or else in English."""
        return text.get(self.language) or text["en"]
