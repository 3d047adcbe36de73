"""Lists the contents of data set folders, without files left by operating systems and tools."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from mixscope.errors import DataError

MOST_DEPTH = 3  # levels of folders around a data set, as archives and unpacking tools add them
MOST_BESIDE = 50  # a folder with more subfolders is a data set or a collection of them
MOST_NAMED = 10
JUNK = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"),
    *("system volume information", ".ds_store", ".ipynb_checkpoints", ".git", ".cache", ".trashes"),
    *(".spotlight-v100", ".fseventsd", ".temporaryitems", ".appledouble", ".directory", ".gitattributes"),
}
# Control characters, and bytes that are not UTF-8.
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


def is_junk(name: str) -> bool:
    """Whether a file or folder was left by an operating system, a disk or a notebook."""
    return name.startswith("._") or name.lower() in JUNK


def visible(folder: Path) -> list[str]:
    """Names in a folder, sorted, without junk and hidden files."""
    return sorted(n for n in os.listdir(folder) if not n.startswith(".") and not is_junk(n))


def names(folder: Path) -> list[str]:
    """As `visible`, for names that are text.

    Raises:
        DataError: If a name has control characters or is not UTF-8.
    """
    inside = visible(folder)
    odd = next((name for name in inside if UNWRITABLE.search(name)), None)
    if odd is not None:
        raise DataError(
            "wrong-format", f"holds {odd!r}, a name with characters that are no text; rename it", path=folder
        )
    return inside


def folders(folder: Path) -> list[str]:
    """Names of the subfolders of a folder, as `visible`."""
    with os.scandir(folder) as entries:  # entries know their type, which saves 100,000 system calls
        inside = {entry.name for entry in entries if entry.is_dir()}
    return [name for name in visible(folder) if name in inside]


def hidden_folders(folder: Path) -> list[str]:
    """Names of hidden folders that are not junk and may have been meant as data."""
    inside = sorted(n for n in os.listdir(folder) if n.startswith(".") and not is_junk(n))
    return [name for name in inside if (folder / name).is_dir()]


def find(folder: Path, holds: Callable[[Path], bool], what: str) -> Path | None:
    """Finds the folder that holds a data set: `folder`, or its only candidate in up to MOST_DEPTH levels.

    Args:
        folder: Where to search.
        holds: Whether a folder holds the data set.
        what: What it holds, for the message.

    Returns:
        The folder, None if there is none.

    Raises:
        DataError: If there are two at one level.
    """
    level = [folder] if folder.is_dir() else []
    for _ in range(MOST_DEPTH):
        found = [place for place in level if holds(place)]
        if len(found) > 1:
            raise DataError(
                "duplicate",
                f"{found[0].relative_to(folder)} and {found[1].relative_to(folder)} both hold"
                f" {what}; give one of them as --source",
                path=folder,
            )
        if found:
            return found[0]
        inside = {place: folders(place) for place in level}
        level = [p / name for p, some in inside.items() if len(some) <= MOST_BESIDE for name in some]
    return None


def find_file(folder: Path, name: str) -> Path | None:
    """As `find`, the folder that holds a file of this name."""
    return find(folder, lambda place: (place / name).exists(), name)


def need(folder: Path, name: str, title: str) -> Path:
    """Returns the path of a file or folder of a data set.

    Raises:
        DataError: If it is missing.
    """
    if not (folder / name).exists():
        raise DataError(
            "missing-file", f"{name} is missing; {title} is not whole, unpack it again", path=folder
        )
    return folder / name


def wrong_folder(title: str, folder: Path, expected: str) -> DataError:
    """The error for a folder that holds something else."""
    found = visible(folder)[:5] if folder.is_dir() else []
    return DataError(
        "wrong-format",
        f"is not {title}; expected {expected}, found {', '.join(found) or 'nothing'}",
        path=folder,
    )


def lines(file: Path) -> list[str]:
    """Non-blank lines of a text file, without a byte order mark.

    Raises:
        DataError: If it cannot be read as text.
    """
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError("wrong-format", f"cannot be read as text ({problem})", path=file) from problem


def few(items: list[str]) -> str:
    """Lists up to MOST_NAMED items, and the number of further ones."""
    more = f" and {len(items) - MOST_NAMED:,} more" if len(items) > MOST_NAMED else ""
    return ", ".join(items[:MOST_NAMED]) + more
