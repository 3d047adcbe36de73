"""Checks in a separate process, before any run starts, that pretrained weights are available and fit.

`python -m mixscope.runs.weights_check` reads a list of networks from standard input and writes the problem of
each as a finding, or null. Local weights are loaded into the network as in a run; weights on the hub are only
located, not downloaded.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from mixscope.errors import ConfigError, DataError
from mixscope.study.config import Model
from mixscope.training import models


def problem(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns why a network cannot load its weights, None if it can.

    Args:
        request: "model", its settings, and for prepared data "classes" and "size".
    """
    model = Model(**request["model"])
    try:
        if not models.missing_weights(model) and request["classes"] is not None:
            models.build(model, n_classes=request["classes"], image_size=request["size"], seed=0)
    except (ConfigError, DataError) as found:
        return found.finding.to_dict()
    return None


def main() -> int:
    """Reads networks from standard input and prints problems; returns the exit code."""
    json.dump([problem(request) for request in json.load(sys.stdin)], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
