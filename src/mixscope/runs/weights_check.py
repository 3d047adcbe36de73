"""Whether runs can begin from their pretrained weights, found in a process of its own before any run starts.

`python -m mixscope.runs.weights_check` reads a list of networks from standard input and writes, for each,
what stands in the way, or null. Weights that are on this machine are put into the network as a run does; of
those of the hub it is asked whether they can be had, and nothing is downloaded.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from mixscope.errors import ConfigError, DataError
from mixscope.study.config import Model
from mixscope.training import models


def problem(asked: Mapping[str, Any]) -> str | None:
    """Why a network cannot begin from its weights, None where it can.

    Args:
        asked: "model", its settings, and, of data that are prepared, "classes" and "size".
    """
    model = Model(**asked["model"])
    try:
        if not models.missing_weights(model) and asked["classes"] is not None:
            models.build(model, n_classes=asked["classes"], image_size=asked["size"], seed=0)
    except (ConfigError, DataError) as found:
        return str(found)
    return None


def main() -> int:
    """Networks in, problems out."""
    json.dump([problem(asked) for asked in json.load(sys.stdin)], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
