"""Errors that a user can fix, and how they are worded.

A message states in one sentence what is wrong, where, what was expected and how to fix it. Only the command
line looks at the class, which it turns into an exit code.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

from mixscope import i18n
from mixscope.findings import Finding

MOST_LISTED = 12  # known names listed when none is similar


class _Located(ValueError):
    """An error with a location.

    Attributes:
        problem: What is wrong, without the location.
        finding: The same as data, where the catalogues have a message for it.
        key: Dotted setting or field.
        path: File or folder.
        line: Line of the file, from 1.
    """

    def __init__(
        self,
        problem: str | Finding,
        *,
        key: str | None = None,
        path: Path | str | None = None,
        line: int | None = None,
    ) -> None:
        """`str()` gives the location and the problem; the text of a finding contains its location."""
        self.finding = problem if isinstance(problem, Finding) else None
        self.problem = problem if isinstance(problem, str) else i18n.render(problem)
        self.key, self.line = key, line
        self.path = Path(path) if path is not None else None
        place = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(self.problem if self.finding else f"{place}{self.problem}")

    @property
    def code(self) -> str:
        """The code of the finding, else the kind of error."""
        return self.finding.code if self.finding else type(self).__name__


class ConfigError(_Located):
    """A key or value given by the user is invalid (exit code 2)."""


class DataError(_Located):
    """Data are missing, damaged or not as expected (exit code 4)."""

    def moved(self, folder: Path, shown: Path) -> "DataError":
        """Returns the error with `folder` in its path replaced by `shown`; other paths are kept."""
        if self.path is None or self.finding or not self.path.is_relative_to(folder):
            return self
        return DataError(
            self.problem, key=self.key, path=shown / self.path.relative_to(folder), line=self.line
        )


class Interrupted(Exception):
    """The run was asked to stop, saved its state, and can be resumed (exit code 75)."""


class RunFailed(Exception):
    """A run cannot continue, and repeating the command would fail again (exit code 1)."""

    def __init__(self, problem: str | Finding) -> None:
        """finding: the problem as data, which can be rendered in several languages."""
        self.finding = problem if isinstance(problem, Finding) else None
        super().__init__(problem if isinstance(problem, str) else i18n.render(problem))


class DiskFull(OSError):
    """The disk is full; previously written files are intact (exit code 1)."""


def unknown(where: str, kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for an unknown name, with the most similar known names (all of them if they are few).

    >>> unknown("data.name", "data set", "cifar10O", ["cifar10", "cifar100", "digits"])
    'data.name: no data set "cifar10O" is known (nearest: cifar10, cifar100)'
    """
    names = sorted(known)
    near = nearest(str(name), names)
    if not near and len(names) > MOST_LISTED:
        near = difflib.get_close_matches(_plain(str(name)), names, n=3, cutoff=0.0)
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names)}"
    return f'{where}: no {kind} "{name}" is known ({hint})'


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names most similar to `name`, ignoring case and punctuation.

    >>> nearest("CIFAR-100", ["cifar10", "cifar100"]), nearest("x", ["cifar10"])
    (['cifar100'], [])
    """
    by_plain: dict[str, str] = {}
    for each in known:
        by_plain.setdefault(_plain(each), each)
    plain = _plain(name)
    if plain in by_plain:
        return [by_plain[plain]]
    return [by_plain[each] for each in difflib.get_close_matches(plain, by_plain, n=3, cutoff=0.5)]


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def extra(name: str) -> str:
    """How to install an extra of the package. It is on no package index, so only a checkout can."""
    return f"in a checkout of mixscope, `pip install -e '.[{name}]'` installs it"
