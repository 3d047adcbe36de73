"""Reads YAML with line numbers, so that errors in a file can be located.

Keys are read literally (`no` is the word no, not false), duplicate keys are rejected, and values are plain:
null, booleans, numbers, text, lists and mappings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from mixscope.errors import Code, ConfigError, unread
from mixscope.study import path_names

Key = tuple[str | int, ...]  # path to a value: keys, and list indices

MERGE = "tag:yaml.org,2002:merge"
MOST_FLAT = 64  # a text with fewer brackets cannot be nested deeply
_INDENTED = re.compile(rf"^[ \t?:-]{{{MOST_FLAT}}}", re.MULTILINE)  # lines that may be nested deeply
MOST_NODES = 100_000  # nested aliases can expand a short file without bound


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML file.

    Attributes:
        file: Name of the file for messages.
        tree: Its plain values.
        places: File and line of each key or list item.
        words: Scalars as written, before YAML interprets them.
    """

    file: str
    tree: Any
    places: Mapping[Key, tuple[str, int]]
    words: Mapping[Key, str]

    def own(self, *key: str | int) -> bool:
        """Whether a key is in this file itself, not in one that it extends."""
        return key in self.places and self.places[key][0] == self.file

    def error(self, code: Code, problem: str, *key: str | int) -> ConfigError:
        """The error of a key with its file and line; for a missing key the line of its parent."""
        known = (self.places[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.places)
        file, line = next(known, (self.file, None))
        return ConfigError(code, problem, key=_dotted(key), path=file, line=line)

    def blamed(self, problem: ConfigError, *key: str | int) -> ConfigError:
        """The error with the location of the key that causes it in front of its text."""
        return self.error(cast(Code, problem.code), str(problem), *key)


def _dotted(key: Key) -> str | None:
    """The path to a value as text without control characters, `factors.model.vit` or `rules[0].when`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
    return "".join(c if path_names.unprintable(c) is None else "?" for c in text) or None


def over(parent: Document, child: Document) -> Document:
    """The parent overridden and extended by the child: mappings key by key, everything else as a whole."""
    places, words = dict(parent.places), dict(parent.words)

    def lay(above: Any, below: Any, key: Key) -> Any:
        if isinstance(above, dict) and isinstance(below, dict):
            return below | {name: lay(value, below.get(name), (*key, name)) for name, value in above.items()}
        for known in (places, words):
            for gone in [k for k in known if k[: len(key)] == key]:
                del known[gone]
        return above

    tree = lay(child.tree, parent.tree, ())
    return Document(child.file, tree, {**places, **child.places}, {**words, **child.words})


def read(file: Path) -> Document:
    """Reads a YAML file whose top level is a mapping; an empty file gives an empty mapping.

    Raises:
        ConfigError: If it is invalid; with file and line.
    """
    return parse(read_text(file), file=str(file))


def read_text(file: Path) -> str:
    """Reads a text file.

    Raises:
        ConfigError: If it cannot be read or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise ConfigError(unread(problem), f"cannot be read ({problem.strerror})", path=file) from problem
    except UnicodeDecodeError as problem:
        raise ConfigError("wrong-format", "is not a text file in UTF-8", path=file) from problem


def parse(text: str, *, file: str) -> Document:
    """Parses YAML text whose top level is a mapping.

    Args:
        text: The text.
        file: Name of the file for messages.

    Raises:
        ConfigError: If it is invalid.
    """
    document = _document(text, file)
    if document.tree is None:
        return Document(file, {}, {}, {})
    if not isinstance(document.tree, dict):
        raise ConfigError(
            "wrong-type",
            f"expected settings as `key: value`, got {_kind(document.tree)} ({document.tree!r:.40})",
            path=file,
        )
    return document


def _document(text: str, file: str) -> Document:
    places: dict[Key, tuple[str, int]] = {}
    words: dict[Key, str] = {}
    loader = None
    try:
        loader, node = _nodes(text)
        tree = None if node is None else _Reader(loader, file, places, words).value(node, ())
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = mark.line + 1 if mark else None
        reason = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        raise ConfigError("wrong-format", f"not valid YAML ({reason})", path=file, line=line) from problem
    except RecursionError as problem:
        raise ConfigError("wrong-format", "is nested too deeply", path=file) from problem
    finally:
        if loader is not None:
            loader.dispose()
    return Document(file, tree, places, words)


def _nodes(text: str) -> tuple[Any, yaml.Node | None]:
    """Returns a loader and the root node of a text. Raises yaml.YAMLError and RecursionError.

    libyaml is ten times as fast, which matters where thousands of runs are read. It is not used for deeply
    nested texts, which would crash the process, nor for error messages, which differ.
    """
    if yaml.__with_libyaml__ and _is_flat(text):
        loader = yaml.CSafeLoader(text)
        try:
            return loader, loader.get_single_node()
        except yaml.YAMLError:
            loader.dispose()
    pure = yaml.SafeLoader(text)
    return pure, pure.get_single_node()


def _is_flat(text: str) -> bool:
    return text.count("[") + text.count("{") < MOST_FLAT and _INDENTED.search(text) is None


class _Reader:
    """Converts nodes to values and records their locations."""

    def __init__(
        self, loader: Any, file: str, places: dict[Key, tuple[str, int]], words: dict[Key, str]
    ) -> None:
        self.loader, self.file, self.places, self.words = loader, file, places, words
        self.pairs: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = {}
        self.merged = 0

    def value(self, node: yaml.Node, key: Key) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._below(node.value[i], node.value[i], (*key, i)) for i in range(len(node.value))]
        self.words[key] = str(node.value)
        try:
            made = self.loader.construct_object(node)
        except ValueError as problem:  # an invalid date or number
            raise ConfigError(
                "wrong-type",
                f"{node.value!r} is not a value YAML can read (quote it if it is a text)",
                path=self.file,
                line=node.start_mark.line + 1,
            ) from problem
        return made if made is None or isinstance(made, bool | int | float | str) else node.value

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        pairs = self._pairs(node, key)
        return {word: self._below(name, below, (*key, word)) for word, (name, below) in pairs.items()}

    def _pairs(self, node: yaml.MappingNode, key: Key) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Keys and values of a mapping, including those merged by `<<`, by literal key.

        PyYAML's flatten_mapping keeps overridden values, so that a chain of merges doubles at every link.
        """
        if id(node) in self.pairs:
            return self.pairs[id(node)]
        self._refuse_doubles(node, key)
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        own = [(name, below) for name, below in node.value if name.tag != MERGE]
        for name, below in node.value:
            if name.tag == MERGE:
                # The first of several merged mappings takes precedence.
                listed = reversed(below.value) if isinstance(below, yaml.SequenceNode) else (below,)
                for one in listed:
                    if not isinstance(one, yaml.MappingNode):
                        line = name.start_mark.line + 1
                        raise ConfigError(
                            "wrong-type",
                            f"<< merges mappings, got {one.value!r:.40}",
                            path=self.file,
                            line=line,
                        )
                    found |= self._pairs(one, key)
        found |= {name.value: (name, below) for name, below in own}
        self.merged += len(found)
        if self.merged > MOST_NODES:
            raise ConfigError("out-of-range", f"holds more than {MOST_NODES} values", path=self.file)
        self.pairs[id(node)] = found
        return found

    def _refuse_doubles(self, node: yaml.MappingNode, key: Key) -> None:
        first: dict[str, int] = {}
        for name, _ in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode):
                raise ConfigError("wrong-type", "a key must be a word", path=self.file, line=line)
            if name.value in first and name.tag != MERGE:
                dotted = ".".join(map(str, (*key, name.value)))
                raise ConfigError(
                    "duplicate",
                    f"{dotted} is here and in line {first[name.value]}; keep one of the two",
                    key=dotted,
                    path=self.file,
                    line=line,
                )
            first[name.value] = line

    def _below(self, mark: yaml.Node, node: yaml.Node, key: Key) -> Any:
        self.places[key] = (self.file, mark.start_mark.line + 1)
        if len(self.places) > MOST_NODES:
            raise ConfigError("out-of-range", f"holds more than {MOST_NODES} values", path=self.file)
        return self.value(node, key)


def _kind(tree: object) -> str:
    return "a list" if isinstance(tree, list) else "a single value"
