"""What folders of data sets hold, without what operating systems and tools leave in them."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from mixscope.errors import DataError

MOST_DEPTH = 3  # folders around a data set, as archives and unpacking tools add them
MOST_BESIDE = 50  # folders in one of those: a folder with more is a data set or a collection of them
MOST_NAMED = 10
JUNK = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"),
    *("system volume information", ".ds_store", ".ipynb_checkpoints", ".git", ".cache", ".trashes"),
    *(".spotlight-v100", ".fseventsd", ".temporaryitems", ".appledouble", ".directory", ".gitattributes"),
}
# Control characters, and bytes that are no UTF-8.
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


def is_junk(name: str) -> bool:
    """Whether a file or folder is none of the data: left by an operating system, a disk or a notebook."""
    return name.startswith("._") or name.lower() in JUNK


def visible(folder: Path) -> list[str]:
    """What a folder holds, sorted, without junk and hidden files."""
    return sorted(n for n in os.listdir(folder) if not n.startswith(".") and not is_junk(n))


def names(folder: Path) -> list[str]:
    """As `visible`. Raises DataError for names that are no text."""
    inside = visible(folder)
    odd = next((name for name in inside if UNWRITABLE.search(name)), None)
    if odd is not None:
        raise DataError(f"holds {odd!r}, a name with characters that are no text; rename it", path=folder)
    return inside


def folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, as `visible`."""
    with os.scandir(folder) as entries:  # which know what they are, so that 100,000 files need not be asked
        inside = {entry.name for entry in entries if entry.is_dir()}
    return [name for name in visible(folder) if name in inside]


def hidden_folders(folder: Path) -> list[str]:
    """Names of folders that are hidden and no junk, so that they may have been meant as data."""
    inside = sorted(n for n in os.listdir(folder) if n.startswith(".") and not is_junk(n))
    return [name for name in inside if (folder / name).is_dir()]


def find(folder: Path, holds: Callable[[Path], bool], what: str) -> Path | None:
    """The folder that holds a data set: this one, or the only one inside it, or inside that one.

    Raises DataError where there are two at one level.
    """
    level = [folder] if folder.is_dir() else []
    for _ in range(MOST_DEPTH):
        found = [place for place in level if holds(place)]
        if len(found) > 1:
            raise DataError(
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
    """A file or folder of a data set. Raises DataError where it is missing."""
    if not (folder / name).exists():
        raise DataError(f"{name} is missing; {title} is not whole, unpack it again", path=folder)
    return folder / name


def wrong_folder(title: str, folder: Path, expected: str) -> DataError:
    """The error for a folder that holds something else."""
    found = visible(folder)[:5] if folder.is_dir() else []
    return DataError(
        f"is not {title}; expected {expected}, found {', '.join(found) or 'nothing'}", path=folder
    )


def lines(file: Path) -> list[str]:
    """Lines of a text file that are not blank, without a byte order mark. Raises DataError."""
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot be read as text ({problem})", path=file) from problem


def few(items: list[str]) -> str:
    """Up to MOST_NAMED of them in a sentence, and how many more there are."""
    more = f" and {len(items) - MOST_NAMED:,} more" if len(items) > MOST_NAMED else ""
    return ", ".join(items[:MOST_NAMED]) + more
