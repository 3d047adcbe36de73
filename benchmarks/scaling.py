"""How near several slots come to the ideal, and whether `--slots auto` finds the best number of them.

    python benchmarks/scaling.py [--root DIR] [--set cifar100] [--rounds 3] [--runs 4] [--only WORDS ...]
        [key=value ...]

Studies of the same small runs, each executed by the scheduler from beginning to end (start of processes,
training, judging, records): one slot with one thread, one slot with all cores, a slot of one thread for each
core, twice as many, and as many as `--slots auto` finds out. Seconds a run, so that less is more.

The ideal of k slots is the time of one slot of one thread, divided by k: each run would go as fast beside
others as alone. It is not one slot with k threads divided by anything: a small network leaves threads idle in
every operation, so that k slots of one thread beat it, and by how much says nothing of how good slots are.

Other work on the machine makes all of it void. With key=value runs become longer or others:
`train.epochs=20 model.arch=resnet18`. One JSON line a row and a ratio, then a table, then what auto chose.
Of 4 runs a round takes 5 to 6 minutes on 2 quiet cores. `auto` begins with one run and listens before it adds
another, so that of runs of 20 s it shows what that costs, and of runs of minutes what it finds
(`--only auto '2 slots' -- train.epochs=40`).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mixscope import hardware
from mixscope.bench import study
from mixscope.bench.rounds import measure
from mixscope.cli.exit_codes import ended
from mixscope.data.store import Store, data_root
from mixscope.studies import scheduler, slots
from mixscope.study.study import PlannedRun

LENGTH = ("data.per_class=50", "train.epochs=8")  # so that rates can be measured within a run


def timed(runs: Sequence[PlannedRun], root: Path, options: scheduler.Options) -> float:
    """Seconds a run of all of them together."""
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        start = time.perf_counter()
        found = scheduler.run(
            runs, out=Path(folder), root=root, options=options, notice=lambda found, event: None
        )
        seconds = (time.perf_counter() - start) / len(runs)
    failed = [each for each in found if each.state != "done"]
    if failed:
        sys.exit(f"a run of the study {failed[0].state}: {failed[0].error}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", nargs="*", metavar="key=value")
    parser.add_argument("--root", type=Path, default=None)
    parser.add_argument("--set", default="cifar100")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORDS", help="rows whose names have these")
    given = parser.parse_args()
    root, cores = data_root(given.root), hardware.cores()
    Store.open(root, given.set)  # before anything is started
    runs = study.planned(given.set, given.runs, (*LENGTH, *given.settings))
    chosen: list[tuple[int, str]] = []
    timed(runs[:1], root, scheduler.Options(slots=1, threads=1, retries=0))  # files into the page cache

    def fixed(count: int, threads: int) -> Callable[[], float]:
        return lambda: timed(runs, root, scheduler.Options(slots=count, threads=threads, retries=0))

    def auto() -> float:
        most, threads, environments, pace = slots.plan(
            None, runs=len(runs), cores=cores, clock=time.monotonic
        )
        options = scheduler.Options(
            slots=most, threads=threads, retries=0, environments=environments, pace=pace
        )
        seconds = timed(runs, root, options)
        assert isinstance(pace, slots.Ladder)
        chosen.append((pace.choice.slots, pace.why))
        return seconds

    alone, whole, best, twice, found = (
        "1 slot x 1 thread", f"1 slot x {cores} threads", f"{cores} slots x 1 thread",
        f"{2 * cores} slots x 1 thread", "--slots auto",
    )  # fmt: skip
    ideal = study.ideal(cores)
    rows = {
        alone: fixed(1, 1), whole: fixed(1, cores), best: fixed(cores, 1), twice: fixed(2 * cores, 1),
        found: auto,
    }  # fmt: skip
    rows = {name: row for name, row in rows.items() if not given.only or any(w in name for w in given.only)}
    measured = measure(
        rows,
        unit=study.UNIT,
        ratios=[(ideal, best), (ideal, found), (whole, best), (twice, best), (found, best)],
        rounds=given.rounds,
        context={
            "set": given.set,
            "runs": len(runs),
            "settings": [*study.SETTINGS, *LENGTH, *given.settings],
        },
        progress=lambda done, total: print(f"{done}/{total}", end="\r", file=sys.stderr, flush=True),
        warm_up=False,
    )
    measured = measured.with_row(ideal, lambda one: one / cores, alone)
    print(measured.lines())
    print(f"\n{measured.table()}")
    for number, (count, why) in enumerate(chosen, start=1):
        print(f"round {number}: auto ended with {count} at once ({why or 'too early to say'})")


if __name__ == "__main__":
    raise SystemExit(ended(main))
