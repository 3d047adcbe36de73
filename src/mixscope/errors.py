"""The errors a user can mend, and how they are worded.

A message names what is wrong, where, what was expected and how to mend it, in one sentence.
The command line turns the class into an exit code; nothing else looks at the class.

What does not belong here: errors that are ours (those are assertions).
"""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A key or value that the user gave does not fit (exit code 2)."""


class DataError(ValueError):
    """Data is missing, damaged or not what it should be (exit code 4)."""


class Interrupted(Exception):
    """The run was asked to stop, saved itself, and can be taken up again (exit code 75)."""


class RunFailed(Exception):
    """A run cannot go on, and the same command would end the same way (exit code 1)."""


class DiskFull(OSError):
    """There is no room for what was to be written; what was there before is whole (exit code 1)."""


def unknown(where: str, kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that is not among `known`, with the nearest ones.

    >>> unknown("data.name", "data set", "cifar10O", ["cifar10", "cifar100", "digits"])
    'data.name: no data set "cifar10O" is known (nearest: cifar10, cifar100)'
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names)}"
    return f'{where}: no {kind} "{name}" is known ({hint})'
