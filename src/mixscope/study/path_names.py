"""Validation of names that become files and folders or are printed: experiments, levels, factors, claims."""

import unicodedata

MOST_BYTES = 200  # leaves room for seed, digest and ending within the 255 bytes of a file name

# Disallowed Unicode categories: control characters (escape codes, NUL, line feeds), lone surrogates, line and
# paragraph separators.
_HIDDEN = ("Cc", "Cs", "Zl", "Zp")
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # reverse the text around them


def unprintable(name: str) -> str | None:
    r"""Why a name cannot be printed; None if it can.

    >>> unprintable("resnet\x1b[31m")
    "holds the control character '\\x1b'"
    """
    for character in name:
        if unicodedata.category(character) in _HIDDEN or character in _TURNS:
            return f"holds the control character {character!r}"
    return None


def unfit(name: str) -> str | None:
    """Why a name is not valid as a file name; None if it is. Spaces and letters of any language are valid.

    >>> unfit("../x")
    "holds '/', which separates folders"
    """
    mark = next((c for c in name if c in "/\\"), None)
    if mark is not None:
        return f"holds {mark!r}, which separates folders"
    if not name.strip():
        return "is empty"
    if name.startswith("."):
        return "begins with a dot, as hidden files do"
    length = len(name.encode(errors="replace"))
    if length > MOST_BYTES:
        return f"has {length} bytes, where a file name has room for {MOST_BYTES}"
    return unprintable(name)
