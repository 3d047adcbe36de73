"""How long `mixscope study plan` takes, with nothing measured before and with all of it remembered.

    python benchmarks/planning.py [STUDY] [--root DIR] [--rounds 5]

STUDY is resnet-vs-vit where none is named: 24 experiments, whose data sets must be prepared (others give no
probe). Rows, in turn: a plan whose probes are all made, in an empty cache; one that finds them made; one
without probes. Seconds by the clock, fresh processes. Target of the first: 20 s on two quiet cores.

One JSON line a row, then a table. Some three minutes on two quiet cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mixscope.bench.rounds import measure
from mixscope.cli.exit_codes import ended
from mixscope.data.store import data_root
from mixscope.errors import RunFailed

MEASURED, REMEMBERED, NONE = "all probes made", "all probes remembered", "--no-probe"


def plan(study: str, root: Path, cache: Path, *more: str) -> float:
    """Seconds of one plan."""
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        line = [sys.executable, "-m", "mixscope", "study", "plan", study, "--root", str(root)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        start = time.perf_counter()
        done = subprocess.run(
            [*line, "--out", f"{folder}/study", *more], env=environment, capture_output=True, text=True
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        raise RunFailed("process-failed", f"the plan that is measured failed: {done.stderr.strip()}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", default="resnet-vs-vit")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    root = data_root(given.root)
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as kept:

        def anew() -> float:
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as cache:
                return plan(given.study, root, Path(cache))

        found = measure(
            {
                MEASURED: anew,
                REMEMBERED: lambda: plan(given.study, root, Path(kept)),
                NONE: lambda: plan(given.study, root, Path(kept), "--no-probe"),
            },
            unit="s",
            rounds=given.rounds,
            ratios=[(MEASURED, REMEMBERED)],
            context={"study": given.study},
        )
    print(f"{found.lines()}\n\n{found.table()}")


if __name__ == "__main__":
    raise SystemExit(ended(main))
