"""A fork server that imports no heavy library, and whose runs say who they are instead of training."""

import json
import os
import sys
import time
import types

from mixscope import __main__, fork_server


def told() -> int:
    """The run: exit code 7, after minutes where it is asked to last."""
    about = {"words": sys.argv[1:], "parent": os.getppid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
    sys.stdout.write(json.dumps(about | {"pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    if "last" in sys.argv:
        time.sleep(600)
    return 7


if __name__ == "__main__":
    generator = types.SimpleNamespace(seed=int)
    sys.modules["torch"] = types.SimpleNamespace(default_generator=generator)
    __main__.main = told
    fork_server.load = lambda: None
    fork_server.unfit = lambda: ""
    fork_server.prepare = lambda words: None
    raise SystemExit(fork_server.main())
