"""Fonts for text in images: class names may have accents, Hangul, Chinese, or any other script.

Pillow includes a font with basic Latin letters only. If that is not sufficient, the fonts of the machine are
searched; if none has all letters, the one with most is used, and `note` states what to install.
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
# Prefixes of file names in order of preference: Hangul and Chinese, then accents and Cyrillic.
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
NONE = "\U0010ffff"  # not in any font: drawn as the glyph of missing characters

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(size: int, texts: Iterable[str] = ()) -> Font:
    """Returns a font with every letter of the texts, or the one with most of them on this machine.

    Args:
        size: Size in pixels.
        texts: Texts to draw.
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
    """A message if no font of this machine has all letters of the texts; None if one has."""
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
    """Known fonts on this machine, in order of preference."""
    ranked = [
        (rank, "bold" in file.name.lower(), len(file.name), str(file), file)
        for file in _files()
        for rank, name in enumerate(KNOWN)
        if file.name.lower().replace("_", "").startswith(name)
    ]
    return [file for *_, file in sorted(ranked)]


def _files() -> Iterator[Path]:
    for folder in FOLDERS:
        with suppress(OSError, RuntimeError):  # folder not readable, or no home folder
            place = Path(folder).expanduser()
            yield from (file for file in place.rglob("*") if file.suffix.lower() in (".ttf", ".ttc", ".otf"))
