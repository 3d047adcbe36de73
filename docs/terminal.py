"""Draws what a command printed as a terminal: `COMMAND | python docs/terminal.py "COMMAND" > picture.svg`."""

import html
import re
import sys
import unicodedata

WIDTH, LINE, CHARACTER, MARGIN = 112, 19, 8.0, 18
COLOURS = {
    r"\b(SUPPORTED|better)\b": "#7ee787",
    r"\b(REFUTED|worse)\b": "#ff7b72",
    r"\b(INCONCLUSIVE|undecided|판정.보류)\b": "#e3b341",
}


def draw(command: str, text: str) -> str:
    """An SVG of a command and what it printed, in fixed colours; lines are cut at WIDTH characters."""
    lines = [f"$ {command}", *map(cut, text.rstrip().splitlines())]
    width = round(2 * MARGIN + CHARACTER * max(map(columns, lines)))
    height = 2 * MARGIN + LINE * len(lines)
    rows = []
    for number, line in enumerate(lines):
        told = line.lstrip()
        said = html.escape(told).replace(" ", "\N{NO-BREAK SPACE}")  # which no viewer folds
        for pattern, colour in COLOURS.items():
            said = re.sub(pattern, rf'<tspan fill="{colour}">\1</tspan>', said)
        attributes = ' fill="#79c0ff"' if number == 0 else ""
        # textLength keeps columns aligned whatever font stands in.
        length = f'textLength="{CHARACTER * columns(told):.0f}" lengthAdjust="spacingAndGlyphs"'
        x, y = MARGIN + CHARACTER * (len(line) - len(told)), MARGIN + LINE * (number + 0.72)
        if told:
            rows.append(f'<text x="{x:.0f}" y="{y:.1f}" {length}{attributes}>{said}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img"><rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13"'
        f' fill="#e6edf3">{"".join(rows)}</g></svg>\n'
    )


def columns(text: str) -> int:
    """The width of a text in a terminal, where Hangul takes two columns."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(line: str) -> str:
    """A line of at most WIDTH columns."""
    if columns(line) <= WIDTH:
        return line.rstrip()
    while columns(line) > WIDTH - 4:
        line = line[:-1]
    return f"{line.rstrip()} ..."


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], sys.stdin.read()))
