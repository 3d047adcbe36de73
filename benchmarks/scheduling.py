"""What the scheduler itself takes: a look at all runs, and the gap between one run and the next.

    python benchmarks/scheduling.py [--runs 120] [--rounds 7]

No run trains anything: records are written as a run writes them, and its process sleeps. So no data set is
needed. Rows, in turn:

looks   milliseconds of processor time for where all runs stand, when none has begun, when half are done and
        known to be, and for a scheduler that has just been started and has to read those that are done
gap     milliseconds by the clock from the last line of a run's process to the start of the next, on one slot;
        the mean of a study

Half a minute. One JSON line a row and a ratio, then a table.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mixscope.bench import study
from mixscope.bench.rounds import Row, measure
from mixscope.cli.exit_codes import ended
from mixscope.runs import recording
from mixscope.studies import scheduler
from mixscope.studies.backends import Work
from mixscope.studies.backends.local import Process
from mixscope.studies.status import Standing
from mixscope.study.study import PlannedRun

SLEEP = 0.3  # seconds of a run in the study that gaps are measured in
STUDY = 6  # runs of it
LOOKS = 5  # of a measurement


def finished(run: PlannedRun, out: Path) -> None:
    """Writes the records of a run that is done."""
    made = recording.begin(out / run.directory, run.config)
    made.started()
    made.ended("done")
    made.close()


class Sleepers:
    """Where runs sleep. begun: seconds of the clock, in the order of the runs."""

    def __init__(self, out: Path) -> None:
        self.out, self.begun = out, list[float]()

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        return []

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        return [self._start(run) for run, _ in batch]

    def _start(self, run: PlannedRun) -> Work:
        self.begun.append(time.time())
        finished(run, self.out)
        line = f"sleep {SLEEP}; date +%s.%N > '{self.out / run.directory / 'over'}'"
        process = subprocess.Popen(["sh", "-c", line], start_new_session=True)
        return Process(process.pid, process)


def gap(runs: Sequence[PlannedRun]) -> float:
    """Mean milliseconds between two runs of a study."""
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        out = Path(folder)
        place = Sleepers(out)
        scheduler.run(
            runs,
            out=out,
            root=out,
            options=scheduler.Options(),
            notice=lambda found, event: None,
            place=place,
        )
        over = [float((out / run.directory / "over").read_text()) for run in runs]
    return statistics.mean(
        1e3 * (after - before) for before, after in zip(over, place.begun[1:], strict=False)
    )


def look(runs: Sequence[PlannedRun], out: Path, *, anew: bool = False) -> Row:
    """Milliseconds of processor time for one look. anew: by a scheduler that has looked at nothing before."""

    def pool() -> scheduler._Pool:
        options, quiet = scheduler.Options(), lambda found, event: None
        return scheduler._Pool(runs, out, options, quiet, Sleepers(out))

    known = pool()

    def row() -> float:
        pools = [pool() if anew else known for _ in range(LOOKS)]
        if not anew:
            known.standings()
        start = time.process_time()
        for each in pools:
            each.standings()
        return 1e3 * (time.process_time() - start) / LOOKS

    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    runs = study.planned("digits", given.runs)
    with ExitStack() as stack:
        none, half = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mixscope-bench-"))) for _ in range(2)
        )
        for run in runs[: given.runs // 2]:
            finished(run, half)
        begun, done, first = (
            f"look at {given.runs} runs, {what}"
            for what in ("none begun", "half done", "half done, the first look")
        )
        looks = measure(
            {begun: look(runs, none), done: look(runs, half), first: look(runs, half, anew=True)},
            unit="processor ms",
            rounds=given.rounds,
            context={"what": "looks", "runs": given.runs, "seconds between looks": scheduler.POLL_SECONDS},
        )
    print(f"{looks.lines()}\n\n{looks.table()}\n", flush=True)
    gaps = measure(
        {"from the end of a run to the next start": lambda: gap(runs[:STUDY])},
        unit="ms",
        rounds=given.rounds,
        context={"what": "gap", "runs": STUDY, "seconds between looks at ends": scheduler.END_SECONDS},
        warm_up=False,
    )
    print(f"{gaps.lines()}\n\n{gaps.table()}")


if __name__ == "__main__":
    raise SystemExit(ended(main))
