"""How many threads a process computes with, and how they wait: decided once, before torch is imported.

Threads of one operation wait for the slowest of them. Where another program holds one of the cores, the
thread that has none keeps all others waiting, and those that wait spin on the cores that are there: two
threads beside one busy program are a tenth as fast as one. So other programs are watched for a moment. On a
quiet machine nothing is changed; on a busy one threads that wait give their core away soon, every core that
others use is one thread less, and where a run alone is started some numbers are timed.

A result depends on the number of threads in its last bits. So the number is fixed for as long as a run goes
on, is recorded, and is what it goes on with after a restart; a study decides once, and keeps that in
threads.json of its folder. How threads wait changes no result.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from mixscope.atomic import replacing, room_for
from mixscope.hardware import affinity, cores

BUSY = 0.3  # cores that other programs use at least where a machine counts as busy
LOOK_SECONDS = 0.2  # how long other programs are watched
KEPT = "threads.json"
COUNT, WHY = "OMP_NUM_THREADS", "MIXSCOPE_THREADS_WHY"
COUNTS = (COUNT, "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Threads that wait sleep at once: rounds of spinning (GNU OpenMP), milliseconds (Intel's and LLVM's).
SHORT_WAIT = {"GOMP_SPINCOUNT": "100", "KMP_BLOCKTIME": "0"}
WAITS = (*SHORT_WAIT, "OMP_WAIT_POLICY")


@dataclass(frozen=True, kw_only=True, slots=True)
class Threads:
    """A decision.

    Attributes:
        count: Of threads; None leaves it to torch, which takes one for each core.
        why: One sentence without its full stop.
        busy: Cores that other programs used, None where nobody looked.
        waits: Environment that says how threads wait; empty where that is left as it is.
        options: Numbers of threads that are worth being timed; none where there is nothing to choose.
    """

    count: int | None
    why: str
    busy: float | None = None
    waits: Mapping[str, str] = field(default_factory=dict)
    options: tuple[int, ...] = ()

    def timed(self, rates: Mapping[int, float]) -> "Threads":
        """The quickest of its options, by images per second; as it is where nothing was timed."""
        if not rates:
            return self
        best = max(rates, key=lambda count: rates[count])
        said = ", ".join(f"{rate:,.0f} images/s with {count}" for count, rate in sorted(rates.items()))
        return replace(self, count=best, why=f"{self.why}; {said}")

    @property
    def environment(self) -> dict[str, str]:
        """What makes it so in a process that has not imported torch."""
        counts = {} if self.count is None else dict.fromkeys(COUNTS, str(self.count))
        return {**counts, WHY: self.why, **self.waits}

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Within the block it is so, in this process and those that it starts."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def decide(
    *,
    environment: Mapping[str, str] | None = None,
    begun: int | None = None,
    allowed: int | None = None,
    there: int | None = None,
    usual: int | None = None,
    busy: float | None = None,
) -> Threads:
    """How many threads to compute with now, and why.

    Args:
        environment: In which OMP_NUM_THREADS, and how threads wait, may be said; None is this process's.
        begun: The threads of the run that is taken up again, if it is one.
        allowed: Processors that this process may use by affinity and quotas; None asks the system.
        there: Processors that it may use by affinity alone, which others may use too; None asks the system.
        usual: Of them, those that are no second thread of a core; None asks the system.
        busy: How many of those that are there other programs use; None watches them for a moment.
    """
    given = os.environ if environment is None else environment
    said = given.get(COUNT, "")
    if said.isdecimal() and int(said) > 0:
        return Threads(count=int(said), why=given.get(WHY) or f"as {COUNT} says")
    allowed = cores() if allowed is None else allowed
    there = len(affinity()) if there is None else there
    busy = used() if busy is None else busy
    waits = SHORT_WAIT if busy >= BUSY and not any(name in given for name in WAITS) else {}
    if begun is not None:
        return Threads(count=begun, why="as this run began", busy=busy, waits=waits)
    usual = min(there, psutil.cpu_count(logical=False) or there) if usual is None else usual
    most = min(allowed, usual)
    free = max(1, min(most, round(there - busy)))
    if busy >= BUSY and most > 1:
        why, options = f"other programs use {busy:.1f} of {there} cores", tuple(sorted({1, free, most}))
        return Threads(
            count=None if free == usual else free, why=why, busy=busy, waits=waits, options=options
        )
    if most < usual:
        return Threads(count=most, why=f"a quota allows {allowed} of {there} cores", busy=busy, waits=waits)
    return Threads(count=None, why=f"one for each of {usual} cores", busy=busy, waits=waits)


def used() -> float:
    """How many of the processors that this process may use other programs use now; it waits meanwhile."""
    each = psutil.cpu_percent(interval=LOOK_SECONDS, percpu=True)
    mine = affinity()
    return float(sum(each[number] for number in mine if number < len(each))) / 100


def of_study(out: Path, *, now: Callable[[], Threads] = decide) -> Threads:
    """The cores that a study computes with, as a number of threads: as it was decided when it was first run.

    Later, its own runs may be what keeps the cores busy, and all of its runs should have as many threads.

    Args:
        out: The study's folder; nothing is written.
        now: Decides.
    """
    decided, allowed = now(), cores()
    if os.environ.get(COUNT):
        return decided
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((out / KEPT).read_text(encoding="utf-8"))
        if 1 <= int(kept["cores"]) <= allowed:
            return replace(decided, count=int(kept["cores"]), why=str(kept["why"]))
    count = allowed if decided.count is None else min(allowed, decided.count)
    why = f"{count} of {allowed} cores: {decided.why}" if count < allowed else f"{allowed} cores"
    return replace(decided, count=count, why=why)


def keep(out: Path, decided: Threads) -> None:
    """Notes in its folder what was decided for a study."""
    content = json.dumps({"cores": decided.count, "why": decided.why}).encode() + b"\n"
    if not (out / KEPT).exists() and decided.count is not None:
        with room_for(out), replacing(out / KEPT) as file:
            file.write(content)
