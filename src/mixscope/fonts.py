"""A font for the letters that a picture writes: class names have accents, Hangul, Chinese, anything.

Pillow brings a font of plain Latin letters alone. Where that is not enough, the fonts of the machine are
looked through; where none has all letters, the one that has most is taken, and `note` says what to install.
"""

import functools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from PIL import ImageFont

FOLDERS = (
    "~/.local/share/fonts",
    "~/.fonts",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/Library/Fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)
# Beginnings of file names, preferred ones first: with Hangul and Chinese, then with accents and Cyrillic.
KNOWN = (
    *(
        "notosanscjk",
        "notosanskr",
        "nanumgothic",
        "nanumbarungothic",
        "applesdgothicneo",
        "malgun",
        "undotum",
    ),
    *("sourcehansans", "wqy", "droidsansfallback", "arialuni", "dejavusans", "notosans-", "liberationsans"),
    *("arial", "freesans", "helvetica"),
)
NONE = "\U0010ffff"  # which no font has, so that it is drawn as what is missing is drawn

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(size: int, texts: Iterable[str] = ()) -> Font:
    """A font that has every letter of the texts, or as many as one of this machine has.

    Args:
        size: In pixels.
        texts: What is to be written.
    """
    texts = list(texts)
    best: Font = ImageFont.load_default(size)
    least = _lacking(best, texts)
    if least:
        for file in _installed():
            found = _loaded(str(file), size)
            lacking = least if found is None else _lacking(found, texts)
            if found is not None and len(lacking) < len(least):
                best, least = found, lacking
            if not least:
                break
    return best


def note(texts: Iterable[str]) -> str | None:
    """What to say where no font of this machine has all letters of the texts; None where one has."""
    texts = list(texts)
    lacking = _lacking(font(14, texts), texts)
    if not lacking:
        return None
    shown = " ".join(lacking[:5]) + (" ..." if len(lacking) > 5 else "")
    return (
        f"no font of this machine has all letters of the class names ({shown}), so that pictures show boxes"
        " for them; install Noto Sans CJK (fonts-noto-cjk) or Nanum (fonts-nanum)"
    )


def _lacking(found: Font, texts: Iterable[str]) -> str:
    empty = _drawn(found, NONE)
    letters = sorted({letter for text in texts for letter in text if not letter.isspace()})
    return "".join(letter for letter in letters if _drawn(found, letter) == empty)


def _drawn(found: Font, letter: str) -> tuple[object, bytes]:
    mask = found.getmask(letter)
    return mask.size, bytes(mask)


@functools.cache
def _loaded(file: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(file, size)
    except OSError:
        return None


def _installed() -> list[Path]:
    """Known fonts of this machine, those that are preferred first."""
    ranked = [
        (rank, "bold" in file.name.lower(), len(file.name), str(file), file)
        for file in _files()
        for rank, name in enumerate(KNOWN)
        if file.name.lower().replace("_", "").startswith(name)
    ]
    return [file for *_, file in sorted(ranked)]


def _files() -> Iterator[Path]:
    for folder in FOLDERS:
        with suppress(OSError, RuntimeError):  # not ours to look into; no home folder
            place = Path(folder).expanduser()
            yield from (file for file in place.rglob("*") if file.suffix.lower() in (".ttf", ".ttc", ".otf"))
