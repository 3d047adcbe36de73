"""Converts frozen dataclasses to plain JSON values and back, by their type hints.

A field missing in a file takes its default, and an unknown one is ignored, so that fields can be added and
files of earlier versions stay readable.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mixscope import i18n
from mixscope.errors import ConfigError
from mixscope.findings import Finding
from mixscope.study import config as settings
from mixscope.study.config import RunConfig

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Converts to dictionaries, lists, numbers and texts; fields excluded from comparison are omitted."""
    if isinstance(value, Finding | RunConfig):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.compare}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    return value


def from_plain(kind: type[T], value: Any) -> T:
    """Converts back what `to_plain` returned.

    Raises:
        ValueError: If a value does not have the type of its field.
    """
    found: T = _made(kind, value, kind.__name__)
    return found


def _made(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if (value is None and type(None) in arguments) or isinstance(value, int):
            return value  # int | float: kept as written
        return _made(next(a for a in arguments if a is not type(None)), value, where)
    if origin is typing.Literal:
        _check(value in arguments, value, where)
        return value
    if origin is not None and issubclass(origin, Mapping):
        _check(isinstance(value, Mapping), value, where)
        return {key: _made(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    if origin is not None and issubclass(origin, Sequence):
        _check(isinstance(value, list | tuple), value, where)
        return tuple(_made(arguments[0], each, where) for each in value)
    if kind is Finding:
        if isinstance(value, str):  # notes of bundles before findings existed
            return Finding("recorded-error", params={i18n.RECORDED: value})
        return Finding.from_dict(value)
    if kind is RunConfig:
        try:
            return settings.from_dict(value)
        except ConfigError as problem:
            raise ValueError(f"{where}: {problem}") from problem
    if dataclasses.is_dataclass(kind):
        _check(isinstance(value, Mapping), value, where)
        hints = typing.get_type_hints(kind)
        known = [f.name for f in dataclasses.fields(kind) if f.init and f.compare and f.name in value]
        make: Any = kind
        return make(**{name: _made(hints[name], value[name], f"{where}.{name}") for name in known})
    if kind is float:
        _check(isinstance(value, int | float) and not isinstance(value, bool), value, where)
        return float(value)
    _check(isinstance(value, kind), value, where)
    return value


def _check(fits: bool, value: Any, where: str) -> None:
    if not fits:
        raise ValueError(f"{where} is {value!r}")
