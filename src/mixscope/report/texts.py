"""The report's texts in one language, and display names of factors and levels.

Texts are in mixscope/i18n, names of levels in study/display_names.py. Names known only to a study are kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mixscope import i18n
from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.study import display_names


class Texts:
    """Texts in one language, called with a message's name ("answer.title") and its parameters."""

    def __init__(self, language: str, results: Results | None = None) -> None:
        """Loads a language.

        Args:
            language: "en" or "ko".
            results: Results whose levels are named by their settings, where known.

        Raises:
            ConfigError: If the language is unknown.
        """
        if language not in i18n.LANGUAGES:
            raise ConfigError("unknown-name", unknown("language", language, i18n.LANGUAGES), key="--lang")
        self.language = language
        self._names: dict[str, str] = {}
        if results is not None:
            pairs = [(e.levels, e.config) for e in results.experiments]
            named = display_names.of_levels(results.roles, pairs, language)
            shown: dict[str, set[str]] = {}
            for (_, level), name in named.items():
                shown.setdefault(level, set()).add(name)
            self._names = {level: names.pop() for level, names in shown.items() if len(names) == 1}

    def __call__(self, key: str, /, **params: Any) -> str:
        """Renders a message.

        Raises:
            KeyError: If it or a parameter is missing.
        """
        return i18n.message(key, self.language, **params)

    def render(self, finding: Finding) -> str:
        """Renders a finding."""
        return i18n.render(finding, self.language)

    def of(self, group: str, name: str, default: str | None = None) -> str:
        """The text `group.name`, else `default`, else the name itself."""
        key = f"{group}.{name}"
        return self(key) if i18n.has(key, self.language) else name if default is None else default

    def level(self, level: str) -> str:
        """Display name of a level, CIFAR100 for cifar100; unknown levels are kept."""
        return self._names.get(level) or display_names.named(level, self.language)

    def factor(self, factor: str) -> str:
        """Display name of a factor; unknown factors are kept."""
        return self.of("factor", factor)

    def levels(self, levels: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
        """Several levels joined, without their factors."""
        pairs = levels.items() if isinstance(levels, Mapping) else levels
        return ", ".join(self.level(level) for _, level in pairs)

    def title(self, study: str, title: str) -> str:
        """Title of a study: a built-in one in this language, others as in their file."""
        builtin = i18n.has(f"study.{study}") and i18n.message(f"study.{study}") == title
        return self(f"study.{study}") if builtin else title

    def own(self, text: Mapping[str, str]) -> str:
        """A study's text in this language, else in English."""
        return text.get(self.language) or text["en"]
