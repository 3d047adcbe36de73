"""Values as text: durations, sizes, numbers, signed differences."""

import re
import unicodedata

# Control characters but tab and line feed, lone surrogates, and what XML leaves out.
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")


def duration(seconds: float) -> str:
    """Formats a duration.

    >>> duration(10_700), duration(1_000_000)
    ('2 h 58 min', '11 d 14 h')

    Args:
        seconds: Duration in seconds.
    """
    return " ".join(f"{count} {unit}" for count, unit in spans(seconds))


def spans(seconds: float) -> list[tuple[int, str]]:
    """A duration in at most two units ("d", "h", "min", "s"), as numbers of each.

    >>> spans(10_700)
    [(2, 'h'), (58, 'min')]
    """
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if hours >= 72:
        return [(hours // 24, "d"), (hours % 24, "h")]
    if seconds < 100:
        return [(round(seconds), "s")]
    return [(minutes, "min")] if minutes < 100 else [(minutes // 60, "h"), (minutes % 60, "min")]


def size(n_bytes: float) -> str:
    """Formats a number of bytes, in powers of ten.

    >>> size(94_300_000)
    '94 MB'

    Args:
        n_bytes: Number of bytes.
    """
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= least:
            shown = n_bytes / least
            return f"{shown:.1f} {unit}" if shown < 10 else f"{shown:.0f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"


def count_range(low: int, high: int | None, *, dash: str = "-") -> str:
    """Formats a range of counts, one number if both ends are equal, open above if `high` is None.

    >>> count_range(5, 12), count_range(5, 5), count_range(5, None)
    ('5-12', '5', '5+')
    """
    return f"{low}+" if high is None else str(low) if low == high else f"{low}{dash}{high}"


def number(value: float | None, digits: int = 2) -> str:
    """Formats a number; None gives a dash.

    >>> number(-0.04, 1), number(-1.25, 1)
    ('0.0', '−1.2')
    """
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return (f"{0:.{digits}f}" if float(text) == 0 else text).replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """Formats a number with its sign; None gives a dash."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    return (f"{0:.{digits}f}" if float(text) == 0 else text).replace("-", "−")


def ends(low: float, high: float) -> str:
    """Formats an interval for a terminal, in ASCII.

    >>> ends(-0.611, 1.25)
    '[-0.61, +1.25]'
    """
    return f"[{low:+.2f}, {high:+.2f}]"


def signed_ends(low: float, high: float) -> str:
    """Formats an interval for a page, with minus signs."""
    return f"[{signed(low)}, {signed(high)}]"


def width(text: str) -> int:
    """Columns that a text takes on a terminal; a Korean, Chinese or Japanese character takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def padded(text: str, columns: int) -> str:
    """Pads a text with spaces to a number of terminal columns."""
    return text + " " * max(0, columns - width(text))


def printable(text: str) -> str:
    """A text from outside without control characters, which a terminal would obey and no XML file may hold.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return _CONTROL.sub(lambda sign: repr(sign[0])[1:-1], text)


def p_value(p: float | None) -> str:
    """A p-value with three decimals; "< 0.001" below; "-" if missing."""
    return "-" if p is None else f"{p:.3f}" if p >= 0.001 else "< 0.001"
