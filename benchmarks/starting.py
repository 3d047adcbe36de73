"""From the end of one run to the first step of the next in its slot, with the fork server and without.

    python benchmarks/starting.py [--root DIR] [--set digits] [--runs 6] [--rounds 5]

A study of small runs of two steps on one slot, whose checkpoint is saved after every step: seconds from the
last record of a run to the first checkpoint of the next, which is a step and some milliseconds of writing.
Rows, in turn: fresh processes (`--no-fork-server`), and forks of one process that has imported everything. A
row is the median of the gaps of its study, one less than runs; every gap is printed as well.
The study's whole time and the memory of its processes follow (PSS: pages are divided among those that share
them).

One JSON line a row and a ratio, then a table. Two to five minutes on two quiet cores, with --runs 21 a
quarter of an hour.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

import arguments
from mixscope.bench import data_set, study
from mixscope.bench.rounds import Row, measure
from mixscope.cli.exit_codes import ended
from mixscope.data.store import data_root
from mixscope.errors import RunFailed
from mixscope.studies import scheduler
from mixscope.study.study import PlannedRun

SETTINGS = ("data.per_class=8", "train.epochs=1", "train.batch_size=32", "run.checkpoint_seconds=0")
LOOK_SECONDS = 0.002
FRESH, FORKED = "fresh processes", "fork server"


class Watch:
    """Notes, while a study runs, when each run made its first checkpoint, and the most memory of all."""

    def __init__(self, runs: Sequence[PlannedRun], out: Path) -> None:
        self.waiting = {run.directory: out / run.directory / "checkpoints" / "last.pt" for run in runs}
        self.first: dict[str, float] = {}
        self.memory = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        looked = 0.0
        while not self.over.wait(LOOK_SECONDS):
            for name, file in list(self.waiting.items()):
                if file.exists():
                    self.first[name] = file.stat().st_mtime
                    del self.waiting[name]
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                self.memory = max(self.memory, pss())

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def pss() -> int:
    """Bytes of all processes below this one, shared pages divided; 0 where the system does not say it."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def gaps(runs: Sequence[PlannedRun], root: Path, *, fork: bool, seconds: dict[str, list[float]]) -> float:
    """Median seconds between two runs of a study on one slot."""
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        out = Path(folder)
        options = scheduler.Options(slots=1, threads=1, retries=0, fork=fork)
        start = time.perf_counter()
        with Watch(runs, out) as watch:
            found = scheduler.run(runs, out=out, root=root, options=options, notice=lambda found, event: None)
        whole = time.perf_counter() - start
        failed = [each for each in found if each.state != "done"]
        if failed:
            raise RunFailed(
                "process-failed", f"a run of the study that is measured {failed[0].state}: {failed[0].error}"
            )
        ends = [(out / run.directory / "status.json").stat().st_mtime for run in runs]
    begun = [watch.first[run.directory] for run in runs]
    each = [begin - end for end, begin in zip(ends, begun[1:], strict=False)]
    seconds["gaps"] += each
    seconds["whole"].append(whole)
    seconds["memory"].append(watch.memory / 1e6)
    return statistics.median(each)


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--runs", type=int, default=6)
    given = parser.parse_args()
    root = data_root(given.root)
    store = data_set.chosen(root, given.name)
    runs = study.planned(store.name, given.runs, SETTINGS)
    seconds = {name: {"gaps": [], "whole": [], "memory": []} for name in (FRESH, FORKED)}
    rows: dict[str, Row] = {
        name: lambda name=name: gaps(runs, root, fork=name == FORKED, seconds=seconds[name])
        for name in seconds
    }
    found = measure(
        rows,
        unit="seconds between two runs",
        rounds=given.rounds,
        ratios=[(FRESH, FORKED)],
        context={"set": store.name, "runs": given.runs, "settings": [*study.SETTINGS, *SETTINGS]},
        warm_up=False,
    )
    print(f"{found.lines()}\n\n{found.table()}\n")
    for name, about in seconds.items():
        for what, unit in (("gaps", "s"), ("whole", "s"), ("memory", "MB")):
            values = about[what]
            row = {"row": name, "what": what, "unit": unit, "n": len(values), "values": values}
            print(json.dumps(row))
            low, high = min(values), max(values)
            sys.stderr.write(
                f"{name}, {what}: {statistics.median(values):.2f} {unit} ({low:.2f} to {high:.2f})\n"
            )


if __name__ == "__main__":
    raise SystemExit(ended(main))
