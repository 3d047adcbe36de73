"""One run as logged by any tracker."""

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixscope import tabular
from mixscope.errors import DataError
from mixscope.results import table_files
from mixscope.results.results import DONE, State

_SEED = re.compile(r"(?:^|(?<=[^a-zA-Z]))(?:seed|rep|trial)[-_=.]?(\d+)(?=$|[^\da-zA-Z])", re.IGNORECASE)
_SEED_KEYS = (
    "seed",
    "random_seed",
    "random_state",
    "manual_seed",
    "global_seed",
    "training_seed",
    "data_seed",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRun:
    """The log of one run.

    Attributes:
        name: Path below the folder that was read, or the tracker's name of the run.
        settings: Recorded settings; keys joined by dots.
        epochs: `{metric: value}` of each logged epoch, in order; with key "epoch" if it is logged.
        state: "done", "running" or "failed".
        file: Origin, for messages.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    epochs: tuple[Mapping[str, float], ...] = ()
    state: State = DONE
    file: Path

    @property
    def seed(self) -> int | None:
        """Its seed, from a setting or a part of its name such as "seed3"; None without one."""
        for key, value in self.settings.items():
            if key.rsplit(".", 1)[-1].lower() in _SEED_KEYS and re.fullmatch(r"-?\d+", value):
                return int(value)
        found = _SEED.search(self.name)
        return int(found[1]) if found else None

    @property
    def bare_name(self) -> str:
        """Its name without the seed."""
        return _SEED.sub("", self.name)


def is_seed(key: str) -> bool:
    """Whether a setting is a seed."""
    return key.rsplit(".", 1)[-1].lower() in _SEED_KEYS


def by_epoch(rows: Iterable[Mapping[str, float]], key: str = "epoch") -> tuple[dict[str, float], ...]:
    """Merges rows of one epoch, later values winning; a row without an epoch is merged with the last."""
    found: dict[float, dict[str, float]] = {}
    last = 0.0
    for row in rows:
        last = row.get(key, last)
        found.setdefault(last, {key: last}).update(row)
    return tuple(found[epoch] for epoch in sorted(found))


def rows_of_csv(file: Path) -> list[dict[str, float]]:
    """The numbers of a CSV file, one mapping per row, without empty cells and text.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        text, _ = table_files.decode(file.read_bytes())
        return [numbers(row) for row in tabular.from_csv(text)]
    except (OSError, UnicodeError, csv.Error) as problem:
        raise DataError(
            "wrong-format", f"cannot be read as CSV ({problem}); log it anew or delete it", path=file
        ) from problem


def numbers(row: Mapping[Any, Any]) -> dict[str, float]:
    """The entries of a mapping that are finite numbers."""
    found = {}
    for key, value in row.items():
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if math.isfinite(number) and isinstance(key, str) and not isinstance(value, bool):
            found[key] = number
    return found


def settings_of_yaml(file: Path) -> dict[str, str]:
    """The scalars of a YAML file, keys of nested mappings joined by dots; empty if the file does not exist.

    Tags for objects of other programs are ignored.

    Raises:
        DataError: If it is damaged.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node)
        return node.value

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", plain)
    Loader.add_multi_constructor("!", plain)
    if not file.exists():
        return {}
    try:
        found = yaml.load(file.read_bytes(), Loader)
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as problem:
        raise DataError(
            "wrong-format", "cannot be read as YAML; delete it or write it anew", path=file
        ) from problem
    return flat(found) if isinstance(found, Mapping) else {}


def flat(tree: Mapping[Any, Any], above: str = "") -> dict[str, str]:
    """The scalars of nested mappings as text, keys joined by dots; lists of scalars are joined by commas."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{key}.")
        elif isinstance(value, list | tuple):
            if not any(isinstance(v, list | tuple | Mapping) for v in value):
                found[f"{above}{key}"] = ",".join(map(str, value))
        elif value is not None:
            found[f"{above}{key}"] = str(value)
    return found


def below(folder: Path, file: Path) -> str:
    """The name of a run in a folder: its path below the one that was read, else its own name."""
    path = file.relative_to(folder) if file != folder else Path()
    return path.as_posix() if path.parts else folder.resolve().name
