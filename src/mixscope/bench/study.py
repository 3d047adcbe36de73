"""What a study costs beside its runs, and how long a run takes to start.

The same small runs are executed by the scheduler and by hand, one after the other and several at once: what
the scheduler adds to a run, and how near so many slots come to so many times the speed of one. A start is
timed by processes that go so far and no further, each a fresh one on a warm page cache.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from mixscope.bench.rounds import Bench, Measured, Row
from mixscope.bench.train import SMALL
from mixscope.data.store import Store, check_name
from mixscope.errors import RunFailed
from mixscope.hardware import cores
from mixscope.studies import backends, scheduler
from mixscope.study import config
from mixscope.study.matrix import PlannedRun
from mixscope.training.stop import Stop

UNIT = "seconds, a run"
# Runs of seconds on a CPU, of which most is their start.
SETTINGS = (*SMALL, "data.per_class=20", "train.epochs=1", "train.batch_size=64", "run.device=cpu")

ONE_STEP = ("data.per_class=2", "train.epochs=1", "train.batch_size=1024")

ALONE, ONE = "by hand, 1 at a time", "study, 1 slot"
OVERHEAD = "scheduler adds to a run"
LOOK_SECONDS = 0.2  # between two looks whether we are asked to stop
# Of a start: what is imported, or what is given to mixscope.
IMPORTS = {
    "python alone": "pass",
    "import numpy": "import numpy",
    "import numba": "import numba",
    "import torch": "import torch",
    "import timm (and torch)": "import timm",
    "all that mixscope train imports": "import mixscope.runs.execute",
}
HELP, READY, STEP = (
    "mixscope --help",
    "mixscope train, up to the first step",
    "mixscope train, a run of one step",
)


def by_hand(slots: int) -> str:
    """Name of the row in which processes are started by hand, so many at once."""
    return ALONE if slots == 1 else f"by hand, {slots} at a time"


def by_study(slots: int) -> str:
    """Name of the row in which the scheduler does it."""
    return ONE if slots == 1 else f"study, {slots} slots"


def ideal(slots: int) -> str:
    """Name of the row that is computed: what so many slots would take if each ran as one does alone."""
    return f"ideal of {slots} slots"


def planned(name: str, runs: int, pairs: Sequence[str] = ()) -> list[PlannedRun]:
    """`runs` small runs on the data set `name`, with seeds 0, 1, ...; pairs: settings that win over SETTINGS.

    Raises ConfigError for settings that are wrong.
    """
    given = (*SETTINGS, *pairs, f"data.name={name}")
    return [
        PlannedRun(name="bench", cell={}, seed=seed, config=config.load(None, [*given, f"seed={seed}"]))
        for seed in range(runs)
    ]


def slots_rows(
    runs: Sequence[PlannedRun], root: Path, slots: Sequence[int], threads: int, stop: Stop | None = None
) -> dict[str, Row]:
    """Seconds a run of all `runs`, by hand and by the scheduler, for each number of slots.

    threads: of a run. Raises, when measured, RunFailed for a run that does not end well, whose log is shown,
    and Interrupted when asked to stop: by then no run is left, nor what they wrote.
    """
    asked = stop or Stop()

    def hand(count: int) -> Row:
        def row() -> float:
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                start = time.perf_counter()
                commands = [_command(run, folder, root) for run in runs]
                with ThreadPoolExecutor(count) as pool:
                    list(pool.map(lambda line: _run(line, threads, asked), commands))
                return (time.perf_counter() - start) / len(runs)

        return row

    def scheduled(count: int) -> Row:
        def row() -> float:
            asked.check()
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                options = scheduler.Options(slots=count, threads=threads, retries=0, fork=False)
                start = time.perf_counter()
                found = scheduler.run(
                    runs, out=Path(folder), root=root, options=options, notice=lambda found, event: None
                )
                seconds = time.perf_counter() - start
            failed = [each for each in found if each.state != "done"]
            if failed:
                raise RunFailed(f"a run of the study that is measured {failed[0].state}: {failed[0].error}")
            return seconds / len(runs)

        return row

    rows: dict[str, Row] = {}
    for count in slots:
        rows |= {by_hand(count): hand(count), by_study(count): scheduled(count)}
    return rows


def start_rows(run: PlannedRun, root: Path, threads: int, stop: Stop | None = None) -> dict[str, Row]:
    """Seconds of fresh processes that go further and further towards the first step, and one past it.

    Raises as `slots_rows` does.
    """
    asked = stop or Stop()

    def row(*words: str, train: bool = False) -> Row:
        def measure() -> float:
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                line = [sys.executable, *words]
                if train:
                    line = [*_command(run, folder, root), *ONE_STEP, *words]
                start = time.perf_counter()
                _run(line, threads, asked)
                return time.perf_counter() - start

        return measure

    return {
        **{name: row("-c", code) for name, code in IMPORTS.items()},
        HELP: row("-m", "mixscope", "--help"),
        READY: row("--dry-run", train=True),
        STEP: row(train=True),
    }


@contextmanager
def rows(
    name: str,
    root: Path,
    *,
    slots: int = 0,
    runs: int = 0,
    threads: int = 1,
    pairs: Sequence[str] = (),
    start: bool = True,
    stop: Stop | None = None,
) -> Iterator[Bench]:
    """A study of small runs on `name`; slots: 0 takes as many as there are cores, but 2 at least.

    runs: of the study, 0 takes two a slot. threads: of each run. pairs: settings of the runs. start: also
    time how a run starts. stop: is looked at while rows are measured. `computed` adds the rows that follow
    from what was measured.
    Raises ConfigError and DataError for data that are not there, and for settings.
    """
    check_name(root, name)
    Store.open(root, name)
    slots = slots or max(2, cores())
    made = planned(name, runs or 2 * slots, pairs)
    counts = sorted({1, slots})
    found = slots_rows(made, root, counts, threads, stop)
    if start:
        found |= start_rows(made[0], root, threads, stop)
    ratios = [(by_hand(count), by_study(count)) for count in counts]
    ratios += [(ideal(count), by_study(count)) for count in counts if count > 1]
    yield Bench(
        unit=UNIT,
        rows=found,
        ratios=tuple(ratios),
        context={
            "set": name,
            "slots": slots,
            "runs": len(made),
            "threads": threads,
            "settings": [*SETTINGS, *pairs],
        },
    )


def computed(measured: Measured) -> Measured:
    """With the ideal of so many slots, and what the scheduler adds to a run."""
    slots = int(measured.context["slots"])
    if slots > 1:
        measured = measured.with_row(ideal(slots), lambda one: one / slots, ALONE)
    return measured.with_row(OVERHEAD, lambda study, hand: study - hand, ONE, ALONE)


def _command(run: PlannedRun, folder: str, root: Path) -> list[str]:
    (Path(folder) / "logs").mkdir(exist_ok=True)
    return backends.command(run, out=Path(folder), root=root, extra=())


def _run(line: Sequence[str], threads: int, stop: Stop) -> None:
    """A process from its start to its end. Raises RunFailed when it fails, Interrupted when asked to stop."""
    stop.check()
    process = subprocess.Popen(
        line,
        env={**os.environ, **backends.threads(threads)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C reaches us alone
    )
    said: tuple[str, str] | None = None
    while said is None:
        with suppress(subprocess.TimeoutExpired):
            said = process.communicate(timeout=LOOK_SECONDS)
        if said is None and stop.asked is not None:
            process.terminate()
            said = process.communicate()
    stop.check()
    if process.returncode:
        out, err = (text.strip() for text in said)
        last = (err or out or f"exit code {process.returncode}").splitlines()[-1]
        raise RunFailed(f"a process that is measured failed: {last}")
