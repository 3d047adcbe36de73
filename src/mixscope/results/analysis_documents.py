"""Summaries of analyses (summary.json) in the names of this version.

Up to 0.2.0 experiments were called `cells`, augmentations and gains `arm`, the baseline `plain`, and
differences of gains `did`.
"""

from collections.abc import Mapping
from typing import Any

_KINDS = {"arm": "gain", "did": "difference of gains"}


def current(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A summary with the keys of this version; one that is damaged is left to its reader."""
    if "cells" not in document:
        return document
    found = {("experiments" if key == "cells" else key): value for key, value in document.items()}
    try:
        found["experiments"] = [_renamed(one, arm="mix") for one in document["cells"]]
        found["contrasts"] = [
            _renamed(one, arm="augmentation", plain="baseline") for one in document["contrasts"]
        ]
        for one in found["contrasts"]:
            if "kind" in one:
                one["kind"] = _KINDS.get(one["kind"], one["kind"])
        if "factors" in found:
            found["factors"] = _renamed(found["factors"], arm="augmentation")
    except (AttributeError, LookupError, TypeError):
        return document
    return found


def _renamed(part: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in part.items()}
