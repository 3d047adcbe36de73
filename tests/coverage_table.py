"""Prints what share of each package's statements the tests ran, from the .coverage that pytest-cov left."""

import datetime
import sys
from collections import Counter
from pathlib import Path

import coverage

LOW = 85  # percent


def main() -> None:
    """One line a package, and the files below LOW."""
    data = coverage.Coverage()
    data.load()
    statements: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    low = []
    for file in sorted(data.get_data().measured_files()):
        _, lines, _, absent, _ = data.analysis2(file)
        place = Path(file).relative_to(Path(__file__).parents[1] / "src" / "mixscope")
        for name in (place.parts[0] if len(place.parts) > 1 else "(files)", "all"):
            statements[name] += len(lines)
            missed[name] += len(absent)
        if lines and share(len(lines), len(absent)) < LOW:
            low.append(f"{place} {share(len(lines), len(absent)):.0f} %")
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"coverage of statements ({datetime.date.today()}, Python {python}, all tests but the slow ones)")
    for name in sorted(statements, key=lambda name: (name == "all", name)):
        covered = share(statements[name], missed[name])
        print(f"  {name:<12}{statements[name]:>7}{covered:>7.1f} %{'  below' if covered < LOW else ''}")
    print(f"files below {LOW} %: {', '.join(low) or 'none'}")


def share(statements: int, missed: int) -> float:
    """Percent."""
    return 100 * (1 - missed / statements) if statements else 100.0


if __name__ == "__main__":
    main()
