"""What can be made again, kept between commands in a folder of the user: probes, and levels of looks."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixscope.atomic import replacing


def folder() -> Path:
    """$XDG_CACHE_HOME/mixscope, else in ~/.cache. Raises RuntimeError for a user without a home folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mixscope"


def read(name: str) -> dict[str, Any]:
    """What is kept in a file; nothing where it is missing or damaged, since all can be made again."""
    try:
        kept = json.loads((folder() / name).read_bytes())
    except (OSError, ValueError, RuntimeError):  # RecursionError is a RuntimeError
        return {}
    return kept if isinstance(kept, dict) else {}


def write(name: str, kept: Mapping[str, Any]) -> str:
    """Keeps a file; returns why it cannot be kept, "" where it is."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with replacing(folder() / name) as file:
            file.write(json.dumps(kept, indent=1).encode())
    except (OSError, RuntimeError) as problem:
        return f"{problem}; set XDG_CACHE_HOME to a writable folder"
    return ""
