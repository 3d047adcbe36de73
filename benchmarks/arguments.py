"""Arguments of benchmarks that measure with one prepared data set."""

import argparse
from pathlib import Path


def parser(description: str | None) -> argparse.ArgumentParser:
    """With --root, --set (as `name`) and --rounds."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--root", type=Path)
    made.add_argument("--set", dest="name")
    made.add_argument("--rounds", type=int, default=5)
    return made
