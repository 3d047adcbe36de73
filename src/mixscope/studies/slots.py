"""Chooses the number of parallel runs on this machine, and the GPU of each.

`--slots auto` starts with one run (one per GPU) and adds another as long as total throughput increases.
Speeds of different networks cannot be added, so each is compared with itself: if every run has the fraction s
of its rate when n + 1 instead of n run in parallel, total throughput changes by the factor (n + 1) / n * s.
"""

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from mixscope import hardware
from mixscope.errors import ConfigError
from mixscope.formatting import size
from mixscope.studies import probes
from mixscope.studies.status import Standing

GAIN = 0.05  # relative increase of throughput for which another run is kept
READINGS = 3  # number of rates needed to evaluate a number of runs
SETTLING = 5.0  # seconds after a change during which rates are ignored
FRESH_BEAT = 15.0
SHORT = 2  # unmeasured runs per slot after which runs count as too short to measure
PARTS = 8  # an automatic slot on a CPU gets 1 / PARTS of the cores
MORE_ROOM = 1.2  # memory assumed for another run, relative to the largest so far
CUDA_BYTES = 600_000_000  # GPU memory of a process besides its tensors
ASK_SECONDS, ASK_AGAIN = 30.0, 5.0  # timeout of the driver, and interval of queries

# rates[n][shape]: images per second of single runs of that shape while n ran in parallel.
Rates = Mapping[int, Mapping[str, Sequence[float]]]


# --- whether one more helps ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """How many runs may run in parallel, whether that is final, and why."""

    slots: int
    settled: bool
    why: str


def choose(rates: Rates, *, slots: int, first: int, most: int) -> Choice:
    """Evaluates the rates at `slots` parallel runs: one more, one less, or undecided.

    Args:
        rates: Measured rates.
        slots: Current number of runs.
        first: Initial number, without comparison.
        most: Largest number to try.
    """
    here = rates.get(slots, {})
    if sum(len(found) for found in here.values()) < READINGS:
        return Choice(slots, False, "")
    if slots > first:
        gain = speedup(rates, slots)
        if gain is None:
            return Choice(slots, False, "")
        rate_note = f"{slots} runs at once go {gain:.2f} times as fast as {slots - 1}"
        if gain < 1 + GAIN:
            return Choice(slots - 1, True, f"{rate_note}, so it stays at {slots - 1}")
    else:
        rate_note = f"{slots} at once is measured"
    if slots >= most:
        return Choice(slots, True, f"{rate_note}; more are not tried")
    return Choice(slots + 1, False, f"{rate_note}, trying {slots + 1}")


def speedup(rates: Rates, slots: int) -> float | None:
    """Throughput with `slots` runs relative to one less; None without comparison."""
    before, after = rates.get(slots - 1, {}), rates.get(slots, {})
    shares = [
        statistics.fmean(after[shape]) / statistics.fmean(before[shape])
        for shape in sorted(after)
        if after[shape] and before.get(shape)
    ]
    return slots / (slots - 1) * statistics.fmean(shares) if shares else None


class Ladder:
    """Adds runs one by one while total throughput increases, from the heartbeats of running runs.

    Runs that end before they can be measured are ignored; after `SHORT` of them per slot, `usual` runs are
    used.

    Args:
        first: Initial number of runs.
        most: Largest number to try.
        usual: Default number: one per share of the cores.
        why_full: Returns why there is no memory for another run, None if there is.
        clock: Returns seconds.
    """

    def __init__(
        self,
        *,
        first: int,
        most: int,
        usual: int = 1,
        why_full: Callable[[Mapping[int, Standing]], str | None],
        clock: Callable[[], float],
    ) -> None:
        self.first, self.most, self.why_full, self.clock = first, most, why_full, clock
        self.usual = min(usual, most)
        self.unheard = 0  # runs that ended before this number of runs was measured
        self.choice = Choice(min(first, most), most <= first, "")
        self.rates: dict[int, dict[str, list[float]]] = {}
        self.heard: dict[str, int] = {}  # step of the last heartbeat, by run
        self.together: frozenset[str] = frozenset()
        self.since = clock()

    @property
    def why(self) -> str:
        """One sentence on the current number; empty while nothing is known."""
        return self.choice.why

    def allow(self, running: Mapping[int, Standing]) -> int:
        """Number of runs that may run in parallel now; running: by slot."""
        if not self.choice.settled:
            self._listen(running)
            chosen = choose(self.rates, slots=self.choice.slots, first=self.first, most=self.most)
            if self.unheard >= SHORT * chosen.slots and chosen.slots < self.usual:
                more = chosen.slots + 1
                chosen = Choice(more, more == self.usual, f"runs are too short to be measured, trying {more}")
            if chosen.slots > self.choice.slots:
                full = self.why_full(running)
                if full is not None:
                    chosen = Choice(self.choice.slots, True, f"it stays at {self.choice.slots}: {full}")
            if chosen.slots != self.choice.slots:
                self.unheard = 0
            self.choice = chosen
        return self.choice.slots

    def _listen(self, running: Mapping[int, Standing]) -> None:
        """Records rates while all runs train, with the same set of runs for long enough."""
        together = frozenset(s.run.directory for s in running.values())
        training = all(
            s.images_per_second is not None and s.state == "running" and (s.beat_age or 0.0) < FRESH_BEAT
            for s in running.values()
        )
        heard = sum(map(len, self.rates.get(self.choice.slots, {}).values()))
        if len(self.together) == self.choice.slots and heard < READINGS:
            self.unheard += len(self.together - together)
        if together != self.together or not training:
            self.together, self.since = together, self.clock()
            return
        if self.clock() - self.since < SETTLING:
            return
        for stands in running.values():
            name = stands.run.directory
            if self.heard.get(name) != stands.step and stands.images_per_second:
                self.heard[name] = stands.step
                shape = probes.shape(stands.run.config)
                at_once = self.rates.setdefault(len(running), {})
                at_once.setdefault(shape, []).append(stands.images_per_second)


# --- memory -------------------------------------------------------------------------------------


def machine_full(running: Mapping[int, Standing], free: int) -> str | None:
    """Why the machine has no memory for another run, None if it has; free: bytes."""
    needed = MORE_ROOM * max((s.memory_bytes or 0 for s in running.values()), default=0)
    if needed > free:
        return f"the machine has no memory for another, which needs up to {size(needed)}"
    return None


class Headroom:
    """Lets runs share a GPU only if its memory has room for another run of the largest size so far."""

    def __init__(self, slots: int, seats: Sequence[str], free: Callable[[], Mapping[str, int]]) -> None:
        self.slots, self.seats, self.free = slots, seats, free
        self.why = ""

    def allow(self, running: Mapping[int, Standing]) -> int:
        """Number of runs that may run in parallel now; running: by slot."""
        if len(running) >= self.slots:
            return self.slots
        if any(s.images_per_second is None for s in self._beside(running)):
            return len(running)  # their memory use is not known yet
        full = self.why_full(running)
        if full is not None:
            self.why = f"{len(running)} at once: {full}"
            return len(running)
        return len(running) + 1

    def why_full(self, running: Mapping[int, Standing]) -> str | None:
        """Why there is no room for another run, None if there is."""
        if not self._beside(running):
            return None
        needed = MORE_ROOM * max(s.device_bytes or 0 for s in running.values()) + CUDA_BYTES
        free = self.free().get(self._next(running))
        if free is not None and needed > free:
            return f"GPU {self._next(running)} has no room for another, which needs up to {size(needed)}"
        return None

    def _next(self, running: Mapping[int, Standing]) -> str:
        """The GPU of the next free slot."""
        slot = next(i for i in range(len(running) + 1) if i not in running)
        return self.seats[slot % len(self.seats)]

    def _beside(self, running: Mapping[int, Standing]) -> list[Standing]:
        """The runs on that GPU."""
        gpu = self._next(running)
        return [s for i, s in running.items() if self.seats[i % len(self.seats)] == gpu]


# --- GPUs ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU.

    Attributes:
        name: Its name in CUDA_VISIBLE_DEVICES.
        total: Memory in bytes.
        free: Free memory in bytes.
    """

    name: str
    total: int
    free: int


def gpus() -> list[Gpu]:
    """The GPUs available to this process, without importing torch; empty without a driver.

    Raises:
        ConfigError: If the driver does not respond.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = _command()
    if command is None or visible in ("", "-1"):
        return []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=True)
        rows = [line.split(", ") for line in done.stdout.splitlines() if line.strip()]
        every = {row[0]: Gpu(row[0], int(float(row[2]) * 2**20), int(float(row[3]) * 2**20)) for row in rows}
        uuids = {row[1]: row[0] for row in rows}
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as problem:
        raise ConfigError(
            "unavailable",
            f"the GPUs cannot be listed ({command[0]} fails); repair the driver, or set CUDA_VISIBLE_DEVICES="
            " to run on the CPU",
            key="CUDA_VISIBLE_DEVICES",
            place="",
        ) from problem
    if visible is None:
        return list(every.values())
    wanted = [uuids.get(part.strip(), part.strip()) for part in visible.split(",")]
    return [every[part] for part in wanted if part in every]


def _command() -> list[str] | None:
    """Command that prints for each GPU: number, UUID, total MiB, free MiB."""
    if shutil.which("nvidia-smi"):
        return [
            "nvidia-smi",
            "--query-gpu=index,uuid,memory.total,memory.free",
            "--format=csv,noheader,nounits",
        ]
    if hardware.gpu():
        program = (
            "import torch\n"
            "for i in range(torch.cuda.device_count()):\n"
            "    free, total = torch.cuda.mem_get_info(i)\n"
            "    print(i, i, total / 2**20, free / 2**20, sep=', ')"
        )
        return [sys.executable, "-c", program]
    return None


def environments(found: Sequence[Gpu]) -> list[dict[str, str]]:
    """Environment of each slot: GPUs in turn."""
    return [{"CUDA_VISIBLE_DEVICES": gpu.name} for gpu in found] or [{}]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed number of parallel runs, as requested."""

    slots: int
    why: str = ""

    def allow(self, running: Mapping[int, Standing]) -> int:
        """The fixed number; `running` is ignored."""
        return self.slots


def plan(
    wanted: int | None, *, runs: int, cores: int, clock: Callable[[], float]
) -> tuple[int, int, list[dict[str, str]], Fixed | Headroom | Ladder]:
    """Plans slots.

    Args:
        wanted: Number of slots, or None to choose automatically.
        runs: Number of runs.
        cores: Number of cores.
        clock: Returns seconds.

    Returns:
        Largest number of slots, threads of each, environment of each, and the limit over time.

    Raises:
        ConfigError: As `gpus`.
    """
    found = gpus()
    seats = [gpu.name for gpu in found]
    updated, answer = clock(), {gpu.name: gpu.free for gpu in found}

    def free() -> Mapping[str, int]:
        nonlocal updated, answer
        if clock() - updated >= ASK_AGAIN:
            updated, answer = clock(), {gpu.name: gpu.free for gpu in gpus()}
        return answer

    if wanted is not None:
        pace = Headroom(wanted, seats, free) if found else Fixed(wanted)
        return wanted, max(1, cores // wanted), environments(found), pace
    first = max(1, len(found))
    threads = max(1, cores // max(PARTS, first))
    most = min(runs, max(first, 2 * cores // threads))
    on_gpu = Headroom(most, seats, free) if found else None

    def why_full(running: Mapping[int, Standing]) -> str | None:
        full = machine_full(running, psutil.virtual_memory().available)
        return full or (on_gpu.why_full(running) if on_gpu else None)

    # GPUs are not divided like cores: short runs stay at one per GPU.
    usual = first if found else cores // threads
    ladder = Ladder(first=first, most=most, usual=usual, why_full=why_full, clock=clock)
    return most, threads, environments(found), ladder
