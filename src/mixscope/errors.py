"""Errors that a user can fix, as data: a code, a location and a sentence.

A sentence states what is wrong, what was expected and how to fix it. Only the command line looks at the
class, which it turns into an exit code.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self, cast

from mixscope import i18n
from mixscope.findings import Finding

MOST_LISTED = 12  # known names listed when none is similar

Code = Literal[
    "already-exists",
    "changed",
    "conflict",
    "damaged-file",
    "download-failed",
    "duplicate",
    "inconsistent",
    "interrupted",
    "locked",
    "method-failed",
    "missing-file",
    "missing-key",
    "missing-results",
    "no-access",
    "no-space",
    "not-comparable",
    "not-finite",
    "not-installed",
    "not-prepared",
    "other-version",
    "out-of-memory",
    "out-of-range",
    "process-failed",
    "too-few",
    "unavailable",
    "unknown-name",
    "unsafe-file",
    "unsupported",
    "usage",
    "wrong-format",
    "wrong-type",
]

CODES: Mapping[Code, str] = {
    "already-exists": "A file or folder that would be written exists and holds something else.",
    "changed": "Settings, data or records are not those of an earlier step.",
    "conflict": "Two settings or options exclude each other, or one needs another that is not given.",
    "damaged-file": "A file is truncated or damaged.",
    "download-failed": "A download failed.",
    "duplicate": "Something that must be unique is there twice.",
    "inconsistent": "Two statements of the data contradict each other.",
    "interrupted": "The command was stopped; the same command resumes it.",
    "locked": "Another process is writing to the file or folder.",
    "method-failed": "A mixing method from a user's file raised an error.",
    "missing-file": "A file or folder does not exist.",
    "missing-key": "A required key, column, option or array is not given.",
    "missing-results": "No finished run or result is there yet.",
    "no-access": "A file or folder cannot be read or written (permissions, or an I/O error).",
    "no-space": "The disk is full, or a quota or limit of file sizes is reached.",
    "not-comparable": "Results cannot be compared: other test examples, or no experiment in common.",
    "not-finite": "A value is NaN or infinite; in training, the loss.",
    "not-installed": "An optional package or a compiler is not installed.",
    "not-prepared": "The data set is known and not prepared (`mixscope data prepare`).",
    "other-version": "A file was written by another version of mixscope that this one cannot read.",
    "out-of-memory": "There was not enough memory.",
    "out-of-range": "A value lies outside of its range.",
    "process-failed": "A process that was started failed or was killed.",
    "too-few": "There are too few images, examples, seeds or runs.",
    "unavailable": "A device or cluster cannot be reached from this machine.",
    "unknown-name": "A setting, data set, model, method, level, column or other name is not known.",
    "unsafe-file": "An archive or pickle is too large or could do harm (a path outside, a link, code).",
    "unsupported": "The request is not supported for this model, data set or file.",
    "usage": "The command line cannot be parsed: an unknown option or a missing argument.",
    "wrong-format": "A file or folder is not of the expected format or layout.",
    "wrong-type": "A value has another type, form or shape than expected.",
}


class Problem(Exception):
    """An error that a user can fix.

    `str()` is the location and the sentence, `path, line 3: key: sentence`. The key is left out where the
    sentence begins with it, and the text of a finding contains its location.

    Attributes:
        code: Kind of problem, one of `CODES`; for a finding its own code, a message of the catalogues.
        problem: The sentence, without the location.
        finding: The same as data, with a message of its own or "located-error". The catalogue of a language
            other than English says the code and the location of a located error, not its sentence.
        key: Dotted setting, field or option.
        path: File or folder, or the name of data that are not in a file.
        line: Line of the file, from 1.
    """

    def __init__(
        self,
        what: Code | Finding,
        problem: str = "",
        /,
        *,
        key: str | None = None,
        path: Path | str | None = None,
        line: int | None = None,
        place: str | None = None,
    ) -> None:
        """Creates the error.

        Args:
            what: The code, or a finding, which has its own code and text.
            problem: The sentence, if `what` is a code.
            key: See above, as are `path` and `line`.
            path: File or folder.
            line: Line of the file.
            place: The location as text, where it is not shown as above; "" if the sentence contains it.
        """
        if isinstance(what, Finding):
            super().__init__(what)  # the arguments with which the error is pickled
            self.code: str = what.code
            self.finding = what
            self.problem = self._text = i18n.render(what)
        else:
            super().__init__(what, problem)
            self.code, self.problem = what, problem
            self._text = _located(problem, key, path, line, place)
            where = {"path": None if path is None else str(path), "line": line, "key": key}
            self.finding = Finding("located-error", "fail", {"kind": what, "text": self._text, **where})
        self.key, self.line = key, line
        self.path = Path(path) if path is not None else None

    def __str__(self) -> str:
        return self._text

    def reworded(
        self,
        text: str,
        *,
        key: str | None = None,
        path: Path | str | None = None,
        line: int | None = None,
    ) -> Self:
        """Returns the error with another text, which has the location; given parts replace its own."""
        return type(self)(
            cast(Code, self.code),
            text,
            key=self.key if key is None else key,
            path=self.path if path is None else path,
            line=self.line if line is None else line,
            place="",
        )


def _located(
    problem: str, key: str | None, path: Path | str | None, line: int | None, place: str | None = None
) -> str:
    if place is not None:
        return f"{place}: {problem}" if place else problem
    where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
    return f"{where}{problem}" if key is None or problem.startswith(key) else f"{where}{key}: {problem}"


class ConfigError(Problem, ValueError):
    """A key or value given by the user is invalid (exit code 2)."""


class DataError(Problem, ValueError):
    """Data are missing, damaged or not as expected (exit code 4)."""

    def moved(self, folder: Path, shown: Path) -> "DataError":
        """Returns the error with `folder` in its path replaced by `shown`; other paths are kept."""
        has_message = self.finding.code != "located-error"
        if self.path is None or has_message or not self.path.is_relative_to(folder):
            return self
        path = shown / self.path.relative_to(folder)
        return self.reworded(_located(self.problem, self.key, path, self.line), path=path)


class RunFailed(Problem):
    """A run cannot continue, and repeating the command would fail again (exit code 1)."""


class Interrupted(Exception):
    """The run was asked to stop, saved its state, and can be resumed (exit code 75).

    Attributes:
        reason: What stopped it.
    """

    def __init__(self, reason: str, then: str = "") -> None:
        """then: How to go on."""
        super().__init__(reason, then)
        self.reason = reason

    def __str__(self) -> str:
        return "; ".join(filter(None, self.args))


class DiskFull(OSError):
    """The disk is full; previously written files are intact (exit code 1).

    Attributes:
        path: The file that was written.
    """

    def __init__(self, problem: str, path: Path | None = None) -> None:
        """problem: The sentence, with the path."""
        super().__init__(problem)
        self.path = path


def unread(problem: OSError) -> Code:
    """The code of an error in opening or reading a file."""
    return "missing-file" if isinstance(problem, FileNotFoundError) else "no-access"


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for an unknown name, with the most similar known names (all of them if they are few).

    >>> unknown("data set", "cifar10O", ["cifar10", "cifar100", "digits"])
    'no data set "cifar10O" is known (nearest: cifar10, cifar100)'
    """
    names = sorted(known)
    near = nearest(str(name), names)
    if not near and len(names) > MOST_LISTED:
        near = difflib.get_close_matches(_plain(str(name)), names, n=3, cutoff=0.0)
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names)}"
    return f'no {kind} "{name}" is known ({hint})'


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
