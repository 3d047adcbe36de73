"""Number of compute threads of a process, and how they wait; decided once, before torch is imported.

The threads of one operation wait for the slowest. If another program occupies one of the cores, the thread
without a core delays all others, and waiting threads spin on the remaining cores: two threads beside one busy
program reach a tenth of the speed of one. Other programs are therefore observed for a moment. On an idle
machine threads spin for less than a time slice of the system, in case other programs start later. On a busy
one, waiting threads yield their core early, the number of threads is reduced by the cores in use, and a run
started alone times several numbers.

Results depend on the number of threads by rounding. The number is therefore fixed for the whole run,
recorded, and reused after a restart; a study decides once and keeps the decision in threads.json of its
folder. How threads wait does not change results.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from mixscope.atomic import replacing, room_for
from mixscope.hardware import affinity, cores

BUSY = 0.3  # cores used by other programs from which on a machine counts as busy
LOOK_SECONDS = 0.2  # seconds for which other programs are observed
KEPT = "threads.json"
COUNT, WHY = "OMP_NUM_THREADS", "MIXSCOPE_THREADS_WHY"
COUNTS = (COUNT, "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# How long waiting threads spin before they sleep: rounds (GNU OpenMP), milliseconds (Intel, LLVM). The
# default, 300,000 rounds, is some milliseconds and longer than a time slice: threads beside another program
# do nothing but spin. 10,000 rounds are longer than the gaps between operators, and a tenth of a slice.
BOUNDED_WAIT = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
SHORT_WAIT = {"GOMP_SPINCOUNT": "100", "KMP_BLOCKTIME": "0"}
WAITS = (*SHORT_WAIT, "OMP_WAIT_POLICY")
# Of numpy's BLAS, which starts its threads on import: none may exist in a process that is forked.
NUMPY_COUNT = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Threads:
    """A decision on threads.

    Attributes:
        count: Number of threads; None leaves it to torch, which takes one per core.
        why: Reason, one sentence without full stop.
        busy: Cores used by other programs, None if not observed.
        waits: Environment variables that set how threads wait; empty for the default.
        options: Numbers of threads worth timing; empty where there is no choice.
    """

    count: int | None
    why: str
    busy: float | None = None
    waits: Mapping[str, str] = field(default_factory=dict)
    options: tuple[int, ...] = ()

    def timed(self, rates: Mapping[int, float]) -> "Threads":
        """The fastest of its options, by images per second; unchanged where nothing was timed."""
        if not rates:
            return self
        best = max(rates, key=lambda count: rates[count])
        speeds = ", ".join(f"{rate:,.0f} images/s with {count}" for count, rate in sorted(rates.items()))
        return replace(self, count=best, why=f"{self.why}; {speeds}")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that apply the decision in a process that has not imported torch."""
        counts = {} if self.count is None else dict.fromkeys(COUNTS, str(self.count))
        return {**counts, WHY: self.why, **self.waits}

    def settled(self) -> AbstractContextManager[None]:
        """Applies the decision during the block, in this process and its children."""
        return _set(self.environment)


def decide(
    *,
    environment: Mapping[str, str] | None = None,
    begun: int | None = None,
    allowed: int | None = None,
    there: int | None = None,
    usual: int | None = None,
    busy: float | None = None,
) -> Threads:
    """Decides on the number of threads.

    Args:
        environment: May set OMP_NUM_THREADS, and how threads wait; None takes this process's environment.
        begun: Number of threads of the run that is resumed, if any.
        allowed: Processors available by affinity and quotas; None asks the system.
        there: Processors available by affinity alone, which other programs may use too; None asks the system.
        usual: Number of those that are physical cores; None asks the system.
        busy: How many of those are used by other programs; None observes them for a moment.
    """
    given = os.environ if environment is None else environment
    count = requested(given)
    if count is not None:
        return Threads(count=count, why=given.get(WHY) or f"as {COUNT} says", waits=waits(given))
    allowed = cores() if allowed is None else allowed
    there = len(affinity()) if there is None else there
    busy = used() if busy is None else busy
    wait = waits(given, busy=busy)
    if begun is not None:
        return Threads(count=begun, why="as this run began", busy=busy, waits=wait)
    usual = min(there, psutil.cpu_count(logical=False) or there) if usual is None else usual
    most = min(allowed, usual)
    free = max(1, min(most, round(there - busy)))
    if busy >= BUSY and most > 1:
        why, options = f"other programs use {busy:.1f} of {there} cores", tuple(sorted({1, free, most}))
        return Threads(count=None if free == usual else free, why=why, busy=busy, waits=wait, options=options)
    if most < usual:
        return Threads(count=most, why=f"a quota allows {allowed} of {there} cores", busy=busy, waits=wait)
    return Threads(count=None, why=f"one for each of {usual} cores", busy=busy, waits=wait)


def waits(environment: Mapping[str, str], *, busy: float = 0.0) -> Mapping[str, str]:
    """Environment variables for threads that wait; none if the user has set one.

    Args:
        environment: The variables that are set.
        busy: Cores used by other programs.
    """
    if any(name in environment for name in WAITS):
        return {}
    return SHORT_WAIT if busy >= BUSY else BOUNDED_WAIT


def bounded_wait() -> AbstractContextManager[None]:
    """During the block, threads of libraries that are imported spin for a short time."""
    return _set(waits(os.environ))


def short_wait() -> AbstractContextManager[None]:
    """As `bounded_wait`, for processes that compete for the cores."""
    return _set(waits(os.environ, busy=BUSY))


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables during the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def requested(environment: Mapping[str, str]) -> int | None:
    """The number of threads that OMP_NUM_THREADS sets; None if it is unset or no number."""
    count = environment.get(COUNT, "")
    return int(count) if count.isdecimal() and int(count) > 0 else None


def used() -> float:
    """Number of this process's processors that other programs use now; waits while observing."""
    each = psutil.cpu_percent(interval=LOOK_SECONDS, percpu=True)
    mine = affinity()
    return float(sum(each[number] for number in mine if number < len(each))) / 100


def of_study(out: Path, *, now: Callable[[], Threads] = decide) -> Threads:
    """The cores of a study as a number of threads, as decided at its first start.

    Later its own runs may be what occupies the cores, and all of its runs should use the same number of
    threads.

    Args:
        out: Folder of the study; nothing is written.
        now: Makes the decision.
    """
    decided, allowed = now(), cores()
    if requested(os.environ) is not None:
        return decided
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((out / KEPT).read_text(encoding="utf-8"))
        if 1 <= int(kept["cores"]) <= allowed:
            return replace(decided, count=int(kept["cores"]), why=str(kept["why"]))
    count = allowed if decided.count is None else min(allowed, decided.count)
    why = f"{count} of {allowed} cores: {decided.why}" if count < allowed else f"{allowed} cores"
    return replace(decided, count=count, why=why)


def keep(out: Path, decided: Threads) -> None:
    """Writes the decision for a study to its folder."""
    content = json.dumps({"cores": decided.count, "why": decided.why}).encode() + b"\n"
    if not (out / KEPT).exists() and decided.count is not None:
        with room_for(out), replacing(out / KEPT) as file:
            file.write(content)
