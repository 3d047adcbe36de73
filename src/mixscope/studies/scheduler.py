"""Schedules the runs of a study: starts, observes and restarts them.

Every run is a separate process (`mixscope train`) in its own process group and records its status in
status.json. The scheduler only starts, observes and stops processes: it can be killed at any time, and the
next one adopts running processes and starts the rest. Where processes run is decided by a `Backend`
(backends/).
"""

import itertools
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mixscope import i18n
from mixscope.atomic import room_for
from mixscope.errors import DataError, DiskFull, Interrupted
from mixscope.findings import Finding
from mixscope.runs import lock, recording, records
from mixscope.studies.backends import Backend, Work
from mixscope.studies.backends.forked import Forked
from mixscope.studies.backends.local import Local, Process
from mixscope.studies.status import Ledger, Places, Standing, note, refuse_conflicts, standing, standings
from mixscope.study.study import PlannedRun
from mixscope.threads import Threads, keep

POLL_SECONDS = 0.5  # interval of reading the records of all runs
END_SECONDS = 0.05  # between two looks whether a process of this machine has ended
WATCHED_SECONDS = 3 * recording.HEARTBEAT_SECONDS  # a live run writes a heartbeat within this time
FATAL = (2, 4)  # exit codes for which a retry is useless: bad settings, bad data


@dataclass(slots=True)
class _Job:
    """One start of a run under observation."""

    run: PlannedRun
    work: Work
    slot: int
    hung: bool = False
    silent: float | None = None  # time.monotonic since when the heartbeat is stale


class Pace(Protocol):
    """Limits the number of parallel runs; `why` is the reason, "" if there is none."""

    @property
    def why(self) -> str:
        """The reason for the limit, "" if there is none."""
        ...

    def allow(self, running: Mapping[int, Standing]) -> int:
        """Number of runs that may run in parallel now; running: by slot."""


@dataclass(slots=True)
class Options:
    """How a study is run.

    Attributes:
        slots: Number of parallel runs.
        threads: Threads per run.
        retries: Number of restarts of a failed run.
        backoff: Seconds before the first restart, doubled for each further one.
        hang_seconds: A run without heartbeat for this long is killed and counts as failed.
        environments: Extra environment variables of each slot, for instance its GPU.
        pace: Limits the number of used slots, None for all.
        fork: Whether runs on this machine start as forks of a process with all imports done, if the system
            can (backends/forked.py).
        decided: The cores shared by all slots, kept in the study's folder for later runs; None keeps nothing.
    """

    slots: int = 1
    threads: int = 1
    retries: int = 2
    backoff: float = 5.0
    hang_seconds: float = 900.0
    environments: Sequence[Mapping[str, str]] = field(default_factory=lambda: [{}])
    pace: Pace | None = None
    fork: bool = True
    decided: Threads | None = None


Notice = Callable[[Sequence[Standing], Mapping[str, Any] | None], None]


def run(
    runs: Sequence[PlannedRun],
    *,
    out: Path,
    root: Path,
    options: Options,
    notice: Notice,
    extra: Sequence[str] = (),
    place: Backend | None = None,
) -> list[Standing]:
    """Executes every run, in the given order.

    Args:
        runs: The runs.
        out: Folder of the study.
        root: Folder of prepared data sets.
        options: How they are run.
        notice: Called with the status of all runs and an event at every change, and periodically with None.
        extra: Further arguments of every `mixscope train`.
        place: Where runs are executed; None is this machine.

    Returns:
        Final status of every run.

    Raises:
        ConfigError: If another scheduler uses this folder, or the folder of a run holds other settings;
            nothing is started.
        Interrupted: If stopped by SIGINT or SIGTERM, after every run has saved itself.
    """
    with lock.hold(out):
        here = Local(
            out,
            root,
            threads=options.threads,
            environments=options.environments,
            extra=extra,
            fork=options.fork,
            decided=options.decided,
        )
        with closing(here):
            return _Pool(runs, out, options, notice, place or here).work()


class _Pool:
    """The state of one `run` call."""

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        out: Path,
        options: Options,
        notice: Notice,
        place: Backend,
    ) -> None:
        self.out, self.options, self.notice, self.place = out, options, notice, place
        self.runs = list(runs)
        self.jobs: list[_Job] = []
        self.tries: dict[str, int] = {}
        self.not_before: dict[str, float] = {}
        self.given_up: set[str] = set()
        self.done: dict[str, Standing] = {}
        self.places: Places | None = None
        self.ledger = Ledger(out)
        self.stop_signal: int | None = None
        self.reason = ""

    def work(self) -> list[Standing]:
        refuse_conflicts(self.standings())
        (self.out / "logs").mkdir(parents=True, exist_ok=True)
        if self.options.decided is not None:
            keep(self.out, self.options.decided)
        previous = {s: signal.signal(s, self._stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            try:
                self._adopt()
                self._pass_over()
                with room_for(self.out):
                    while self.stop_signal is None and self._step():
                        self._wait()
            except (DiskFull, Interrupted):  # by whoever watches, when nobody reads the output
                self._stop_all()
                raise
            if self.stop_signal is not None:
                self._stop_all()
                raise Interrupted(
                    f"stopped by {signal.Signals(self.stop_signal).name}",
                    "every run has saved itself, the same command continues",
                )
            return self.standings()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _wait(self) -> None:
        """Until the next look; less when a process of this machine ends, so that its slot is not left empty.

        Clusters are polled less often.
        """
        until = time.monotonic() + POLL_SECONDS
        here = [job.work for job in self.jobs if isinstance(job.work, Process | Forked)]
        while self.stop_signal is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(END_SECONDS, left))
            if any(work.code() is not None for work in here):
                return

    def standings(self) -> list[Standing]:
        """Status of every run; finished runs are not read again."""
        left = standings(
            [r for r in self.runs if r.directory not in self.done],
            self.out,
            places=self.places,
            ledger=self.ledger,
        )
        self.places = {}  # nobody else writes here, so that places are looked for once
        self.done |= {s.run.directory: s for s in left if s.state == "done"}
        found = {s.run.directory: s for s in left} | self.done
        return [found[r.directory] for r in self.runs]

    def _stop(self, number: int, _frame: object) -> None:
        self.stop_signal = number

    def _pass_over(self) -> None:
        """Reports runs with damaged records and skips them."""
        for stands in self.standings():
            if stands.state == "damaged":
                self.given_up.add(stands.run.directory)
                self._tell("damaged", stands.run, **_reason(stands.finding, stands.error))
            elif stands.remark is not None:
                self._tell("lost", stands.run, **_reason(stands.finding, stands.remark))

    def _adopt(self) -> None:
        """Adopts processes of an earlier scheduler into slots."""
        adopted = self.place.adopt(self.standings())
        for planned, work in adopted:
            self.jobs.append(_Job(planned, work, next(self._free_slots())))
        for planned, work in adopted:
            self._tell("adopted", planned, **work.about)

    def _free_slots(self) -> Iterator[int]:
        taken = {job.slot for job in self.jobs}
        return (slot for slot in itertools.count() if slot not in taken)

    def _step(self) -> bool:
        """Handles ended runs and starts new ones; False when nothing is left."""
        for job in list(self.jobs):
            self._look_at(job)
        settled = {job.run.directory for job in self.jobs} | self.given_up
        found = self.standings()
        waiting = [s.run for s in found if s.state != "done" and s.run.directory not in settled]
        now = time.monotonic()
        # A running run that is not ours is trained by another process: wait for it.
        elsewhere = {s.run.directory for s in found if s.state == "running"}
        free = [p for p in waiting if p.directory not in elsewhere]
        ready = [p for p in free if now >= self.not_before.get(p.directory, 0.0)]
        self._start(ready[: max(0, self._slots(found) - len(self.jobs))])
        self.notice(found, None)
        return bool(self.jobs or waiting)

    def _slots(self, found: Sequence[Standing]) -> int:
        """Number of runs that may run in parallel now; a new reason is reported."""
        pace = self.options.pace
        if pace is None:
            return self.options.slots
        stands = {s.run.directory: s for s in found}
        allowed = pace.allow({job.slot: stands[job.run.directory] for job in self.jobs})
        if pace.why and pace.why != self.reason:
            self.reason = pace.why
            self._say({"event": "slots", "run": "", "slots": allowed, "reason": pace.why})
        return min(self.options.slots, allowed)

    def _start(self, batch: Sequence[PlannedRun]) -> None:
        seated = list(zip(batch, self._free_slots(), strict=False))
        started = [
            _Job(planned, work, slot)
            for (planned, slot), work in zip(seated, self.place.start(seated) if seated else [], strict=True)
        ]
        self.jobs += started  # registered before events are reported, which may raise
        for job in started:
            self._tell("started", job.run, **job.work.about, slot=job.slot)

    def _look_at(self, job: _Job) -> None:
        code = job.work.code()
        if code is None:
            beat = standing(job.run, self.out, {}).beat_age
            # A heartbeat older than the process is from an earlier start.
            silent = job.work.age() if beat is None else min(beat, job.work.age())
            now = time.monotonic()
            job.silent = (job.silent or now) if silent > self.options.hang_seconds else None
            # Wait for the next heartbeat: after a suspend or a change of the clock, every heartbeat is old.
            watched = 0.0 if job.silent is None else now - job.silent
            if not job.hung and job.silent and watched >= min(self.options.hang_seconds, WATCHED_SECONDS):
                job.hung = True
                self._tell("hung", job.run, silent_seconds=round(silent))
                job.work.send(signal.SIGKILL)
            return
        self.jobs.remove(job)
        job.work.close()
        self._ended(job, code)

    def _ended(self, job: _Job, code: int) -> None:
        name = job.run.directory
        found = standing(job.run, self.out, {})
        if found.state == "done":
            self._tell("done", job.run)
            return
        log = self.out / "logs" / f"{name}.log"
        known = None if job.hung else job.work.why()
        recorded = None if known is None else Finding("recorded-error", "fail", {"text": known})
        reason = _reason(recorded or why(code, found, hung=job.hung, log=log))
        tries = self.tries[name] = self.tries.get(name, 0) + 1
        if code in FATAL or tries > self.options.retries:
            self.given_up.add(name)
            self._mark_failed(job.run, reason)
            self._tell("gave up", job.run, exit=code, tries=tries, **reason)
            return
        wait = self.options.backoff * 2 ** (tries - 1)
        self.not_before[name] = time.monotonic() + wait
        self._tell("retry", job.run, exit=code, tries=tries, **reason, seconds=wait)

    def _mark_failed(self, planned: PlannedRun, reason: Mapping[str, Any]) -> None:
        """Writes the failed status of a killed run, which could not do so itself."""
        path = self.out / planned.directory
        if records.is_run(path):
            with suppress(DiskFull, DataError):
                status = records.read_status(path)
                ended = {"state": "failed", "error": reason["reason"], "finding": reason["finding"]}
                records.write_json(path / "status.json", {**status, **ended})

    def _stop_all(self) -> None:
        for job in self.jobs:
            job.work.send(signal.SIGTERM)
        while self.jobs:
            for job in list(self.jobs):
                if job.work.code() is not None:
                    self.jobs.remove(job)
                    job.work.close()
                    self._tell("stopped", job.run)
            time.sleep(POLL_SECONDS)

    def _tell(self, what: str, planned: PlannedRun, **figures: Any) -> None:
        self._say({"event": what, "run": planned.directory, **figures})

    def _say(self, event: Mapping[str, Any]) -> None:
        """Writes an event to the journal and reports it."""
        event = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **event}
        with suppress(DiskFull):  # who watches is notified all the same
            note(self.out, event)
        self.notice(self.standings(), event)


# --- how runs end --------------------------------------------------------------------------------


def why(code: int, found: Standing, *, hung: bool, log: Path) -> Finding:
    """Why a run ended unfinished, with advice if there is any."""
    if hung:
        return Finding("run-hung", "fail")
    if code == -signal.SIGKILL:
        return Finding("run-killed", "fail")
    if code == -signal.SIGTERM or code == 75:
        return Finding("run-interrupted", "fail")
    if found.finding is not None:
        return found.finding
    text = found.error or _last_line(log)
    if "out of memory" in text.lower() and records.LESS_MEMORY not in text:
        return Finding("run-out-of-memory", "fail", {"text": text})
    if text:
        return Finding("recorded-error", "fail", {"text": text})
    return Finding("run-ended", "fail", {"code": code, "log": str(log)})


def _reason(finding: Finding | None, text: str | None = None) -> dict[str, Any]:
    """A reason in an event: the sentence in English, and the finding."""
    if finding is None:
        return {"reason": text}
    return {"reason": i18n.render(finding), "finding": finding.to_dict()}


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = [
            line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        if lines:
            return lines[-1]
    return ""
