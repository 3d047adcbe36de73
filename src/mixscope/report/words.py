"""The report's texts in one language, and the names of factors and levels.

The texts themselves are in mixscope/i18n, names of levels in study/display_names.py. Names that only a study
knows are passed through as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mixscope import i18n
from mixscope.errors import ConfigError, unknown
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.study import display_names


class Words:
    """One language. Called with a message's name ("answer.title") and its parameters."""

    def __init__(self, language: str, results: Results | None = None) -> None:
        """Texts in one language.

        Args:
            language: "en" or "ko".
            results: Whose levels are named by what they set, where that is known.

        Raises:
            ConfigError: For a language that is not there.
        """
        if language not in i18n.LANGUAGES:
            raise ConfigError(unknown("--lang", "language", language, i18n.LANGUAGES))
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
        """A level as readers know it, CIFAR100 for cifar100; unknown ones as the study calls them."""
        return self._names.get(level) or display_names.named(level, self.language)

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
