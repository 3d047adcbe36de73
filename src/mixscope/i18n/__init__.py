"""Message catalogues: one per language, en.ftl and ko.ftl, in Project Fluent's format.

Every text of a report or verdict is in these files under the same names with the same parameters. Translators
edit them directly; there is no compile step. See https://projectfluent.org/fluent/guide. Four functions add
what the format lacks:

    FIXED($x, digits: 1)    12.3, for numbers; each number of a list
    SIGNED($x, digits: 2)   +1.50
    SIG($x, digits: 3)      0.0127, significant digits
    DURATION($x)            2 h 58 min, for seconds

A parameter `xs` that is a list also provides its length as `$xs_count`. Of a list of findings the first few
are rendered and the rest counted, except for parameters whose name begins with `all_`.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import fluent_number

from mixscope.findings import Finding
from mixscope.formatting import spans

LANGUAGES = ("en", "ko")
NO_BREAK = "\u00a0"  # between a number and its unit
RECORDED = "recorded_text"  # parameter of a finding that an older version wrote as an English sentence
LONG = 500  # characters of a parameter that is put in after the rest
SHOWN = 3  # findings of a list that are rendered; the rest is counted


def render(finding: Finding, lang: str = "en") -> str:
    """Renders a finding; one recorded as text by an older version is returned as recorded.

    Raises:
        KeyError: If the catalogue lacks the code or the finding lacks a parameter.
    """
    if RECORDED in finding.params:
        return str(finding.params[RECORDED])
    return message(finding.code, lang, severity=finding.severity, **finding.params)


def message(name: str, lang: str = "en", /, **params: Any) -> str:
    """Renders a message of the catalogue.

    Args:
        name: Name of the message; dots count as hyphens.
        lang: "en" or "ko".
        **params: Parameters of the message. Findings are rendered, lists are joined.

    Raises:
        KeyError: If there is no such message, or a parameter is missing.
    """
    bundle = catalogue(lang)
    name = name.replace(".", "-")
    if not bundle.has_message(name):
        raise KeyError(name)
    pattern = bundle.get_message(name).value
    assert pattern is not None
    values: dict[str, Any] = {}
    long: dict[str, str] = {}  # Fluent refuses texts of more than 1000 characters: they are put in afterwards
    for key, value in params.items():
        values[key] = _shown(value, lang, None if key.startswith("all_") else SHOWN)
        if isinstance(values[key], str) and len(values[key]) > LONG:
            held = f"\ue000{len(long)}\ue001"
            long[held], values[key] = str(values[key]), held
        if isinstance(value, list | tuple):
            values[f"{key}_count"] = len(value)
    text, errors = bundle.format_pattern(pattern, values)
    if errors:
        raise KeyError(f"{name}: {errors[0]}")
    shown = str(text)
    for held, whole in long.items():
        shown = shown.replace(held, whole)
    return shown


def has(name: str, lang: str = "en") -> bool:
    """Whether the catalogue has a message of this name; dots count as hyphens."""
    return bool(catalogue(lang).has_message(name.replace(".", "-")))


def duration(seconds: float, lang: str = "en") -> str:
    """Formats a duration.

    >>> duration(10_700), duration(10_700, "ko")
    ('2 h 58 min', '2시간 58분')
    """
    return " ".join(message(f"unit-{unit}", lang, n=count) for count, unit in spans(seconds))


def _join(texts: Iterable[str], lang: str, most: int | None) -> str:
    """Joins sentences; beyond `most` they are counted."""
    sentences = list(texts)
    shown = "; ".join(sentences[:most])
    if most is None or len(sentences) <= most:
        return shown
    return message("and-more", lang, texts=shown, count=len(sentences) - most)


def source(lang: str) -> str:
    """The text of a language's catalogue, with no-break spaces between numbers and units."""
    text = (resources.files("mixscope.i18n") / f"{lang}.ftl").read_text(encoding="utf-8")
    return re.sub(r"(?<=[\d}]) (?=%|pp\b)", NO_BREAK, text)


@cache
def catalogue(lang: str) -> FluentBundle:
    """The parsed messages of a language; parsing takes some tenths of a second."""
    functions = {**_FUNCTIONS, "DURATION": lambda seconds: duration(float(seconds), lang)}
    bundle = FluentBundle([lang], use_isolating=False, functions=functions)
    bundle.add_resource(FluentResource(source(lang)))
    return bundle


def _shown(value: Any, lang: str, most: int | None) -> Any:
    """Converts a parameter for Fluent: text, a number, or a list that FIXED can still read as numbers."""
    if isinstance(value, Finding):
        return render(value, lang)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return fluent_number(value, useGrouping=False)
    if isinstance(value, float):
        return fluent_number(value, useGrouping=False, maximumFractionDigits=6)
    if isinstance(value, list | tuple):
        if value and all(isinstance(one, Finding) for one in value):
            return _join((render(one, lang) for one in value), lang, most)
        return _Listed(render(one, lang) if isinstance(one, Finding) else one for one in value)
    return str(value)


class _Listed(str):
    """A list of plain values as text that keeps the values."""

    values: tuple[Any, ...]

    def __new__(cls, values: Iterable[Any]) -> "_Listed":
        kept = tuple(values)
        made = super().__new__(cls, ", ".join(map(str, kept)))
        made.values = kept
        return made


def _number(spec: Callable[[int], str]) -> Callable[..., str]:
    def written(value: Any, digits: Any = 2) -> str:
        each = value.values if isinstance(value, _Listed) else (value,)
        return " ".join(format(float(one), spec(int(digits))) for one in each)

    return written


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "FIXED": _number(lambda digits: f".{digits}f"),
    "SIGNED": _number(lambda digits: f"+.{digits}f"),
    "SIG": _number(lambda digits: f".{digits}g"),
}
