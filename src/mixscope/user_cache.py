"""The user's cache of reproducible values: measured probes, and sequential levels."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixscope.atomic import replacing


def folder() -> Path:
    """$XDG_CACHE_HOME/mixscope, else ~/.cache/mixscope.

    Raises:
        RuntimeError: If the user has no home folder.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mixscope"


def read(name: str) -> dict[str, Any]:
    """Reads a cached file; an empty mapping where it is missing or damaged (it can be recomputed)."""
    try:
        kept = json.loads((folder() / name).read_bytes())
    except (OSError, ValueError, RuntimeError):  # RecursionError is a RuntimeError
        return {}
    return kept if isinstance(kept, dict) else {}


def write(name: str, kept: Mapping[str, Any]) -> str:
    """Writes a cached file.

    Returns:
        Why it cannot be written, "" where it was.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with replacing(folder() / name) as file:
            file.write(json.dumps(kept, indent=1).encode())
    except (OSError, RuntimeError) as problem:
        return f"{problem}; set XDG_CACHE_HOME to a writable folder"
    return ""
