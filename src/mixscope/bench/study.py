"""The overhead of a study's scheduler, and the startup time of a run.

The same small runs are executed by the scheduler and by hand, sequentially and in parallel: this gives the
scheduler's overhead per run, and the speed-up of several slots. Startup is timed by new processes that stop
at successive stages, with a warm page cache.
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
from mixscope.study.study import PlannedRun
from mixscope.training.stop import Stop

UNIT = "seconds, a run"
# Runs of a few seconds on a CPU, mostly startup.
SETTINGS = (*SMALL, "data.per_class=20", "train.epochs=1", "train.batch_size=64", "run.device=cpu")

ONE_STEP = ("data.per_class=2", "train.epochs=1", "train.batch_size=1024")

ALONE, ONE = "by hand, 1 at a time", "study, 1 slot"
OVERHEAD = "scheduler adds to a run"
LOOK_SECONDS = 0.2  # interval at which the stop flag is checked
# Stages of a start: imports, or arguments of mixscope.
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
    """Name of the row in which processes are started by hand, `slots` at a time."""
    return ALONE if slots == 1 else f"by hand, {slots} at a time"


def by_study(slots: int) -> str:
    """Name of the row in which the scheduler starts them."""
    return ONE if slots == 1 else f"study, {slots} slots"


def ideal(slots: int) -> str:
    """Name of the computed row: the time of `slots` slots with perfect speed-up."""
    return f"ideal of {slots} slots"


def planned(name: str, runs: int, pairs: Sequence[str] = ()) -> list[PlannedRun]:
    """`runs` small runs on the data set `name`, with seeds 0, 1, ...; `pairs` override SETTINGS.

    Raises:
        ConfigError: If a setting is invalid.
    """
    given = (*SETTINGS, *pairs, f"data.name={name}")
    return [
        PlannedRun(name="bench", levels={}, seed=seed, config=config.load(None, [*given, f"seed={seed}"]))
        for seed in range(runs)
    ]


def slots_rows(
    runs: Sequence[PlannedRun], root: Path, slots: Sequence[int], threads: int, stop: Stop | None = None
) -> dict[str, Row]:
    """Rows with the seconds per run of all `runs`, by hand and by the scheduler, for each number of slots.

    When measured, they raise RunFailed if a run fails (its log is shown), and Interrupted when asked to stop,
    after ending all runs and deleting their files.

    Args:
        runs: The runs.
        root: Folder of prepared data sets.
        slots: Numbers of slots.
        threads: Threads per run.
        stop: Stop flag.
    """
    signals = stop or Stop()

    def hand(count: int) -> Row:
        def row() -> float:
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                start = time.perf_counter()
                commands = [_command(run, folder, root) for run in runs]
                with ThreadPoolExecutor(count) as pool:
                    list(pool.map(lambda line: _run(line, threads, signals), commands))
                return (time.perf_counter() - start) / len(runs)

        return row

    def scheduled(count: int) -> Row:
        def row() -> float:
            signals.check()
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                options = scheduler.Options(slots=count, threads=threads, retries=0, fork=False)
                start = time.perf_counter()
                found = scheduler.run(
                    runs, out=Path(folder), root=root, options=options, notice=lambda found, event: None
                )
                seconds = time.perf_counter() - start
            failed = [each for each in found if each.state != "done"]
            if failed:
                raise RunFailed(
                    "process-failed",
                    f"a run of the study that is measured {failed[0].state}: {failed[0].error}",
                )
            return seconds / len(runs)

        return row

    rows: dict[str, Row] = {}
    for count in slots:
        rows |= {by_hand(count): hand(count), by_study(count): scheduled(count)}
    return rows


def start_rows(run: PlannedRun, root: Path, threads: int, stop: Stop | None = None) -> dict[str, Row]:
    """Rows with the seconds of new processes that stop before the first step, or one after it.

    They raise as those of `slots_rows`.
    """
    signals = stop or Stop()

    def row(*words: str, train: bool = False) -> Row:
        def measure() -> float:
            with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
                line = [sys.executable, *words]
                if train:
                    line = [*_command(run, folder, root), *ONE_STEP, *words]
                start = time.perf_counter()
                _run(line, threads, signals)
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
    """Yields the rows of a study of small runs on the data set `name`; `computed` adds the derived rows.

    Args:
        name: Name of the data set.
        root: Folder of prepared data sets.
        slots: Number of slots; 0 takes the number of cores, at least 2.
        runs: Number of runs; 0 takes two per slot.
        threads: Threads per run.
        pairs: Settings of the runs.
        start: Whether to time the startup of a run too.
        stop: Stop flag, checked during measurements.

    Raises:
        ConfigError: If a setting is invalid.
        DataError: If the data set is missing.
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
    """Adds the time of perfect speed-up, and the scheduler's overhead per run."""
    slots = int(measured.context["slots"])
    if slots > 1:
        measured = measured.with_row(ideal(slots), lambda one: one / slots, ALONE)
    return measured.with_row(OVERHEAD, lambda study, hand: study - hand, ONE, ALONE)


def _command(run: PlannedRun, folder: str, root: Path) -> list[str]:
    (Path(folder) / "logs").mkdir(exist_ok=True)
    return backends.command(run, out=Path(folder), root=root, extra=())


def _run(line: Sequence[str], threads: int, stop: Stop) -> None:
    """Runs a process to its end. Raises RunFailed when it fails, Interrupted when asked to stop."""
    stop.check()
    process = subprocess.Popen(
        line,
        env={**os.environ, **backends.threads(threads)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C reaches this process only
    )
    output: tuple[str, str] | None = None
    while output is None:
        with suppress(subprocess.TimeoutExpired):
            output = process.communicate(timeout=LOOK_SECONDS)
        if output is None and stop.received is not None:
            process.terminate()
            output = process.communicate()
    stop.check()
    if process.returncode:
        out, err = (text.strip() for text in output)
        last = (err or out or f"exit code {process.returncode}").splitlines()[-1]
        raise RunFailed("process-failed", f"a process that is measured failed: {last}")
