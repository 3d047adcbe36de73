"""A study's runs on a Slurm cluster, through submitit.

What is to be run becomes one array; each element executes the same `mixscope train` as any run, with the
study's folder on storage that all nodes share. A run that is preempted or out of time saves itself and is
put into the queue again under its number. Jobs live on without the scheduler; the next one finds their
numbers in scheduler.jsonl and adopts them.
"""

import os
import pickle
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from mixscope.errors import ConfigError, extra
from mixscope.runs import records
from mixscope.studies import backends, scheduler
from mixscope.studies.backends import Work
from mixscope.studies.scheduler import Notice, Options
from mixscope.studies.status import Standing, journal
from mixscope.study.matrix import PlannedRun

MINUTES = 120  # a job's time when the user names none; a run that needs more goes on in its next turn
TURNS = 1000  # how often a job may run out of time: each turn brings its run further
ASK_SECONDS = 60.0  # how often Slurm itself is asked about a job that has left no result
CANCELLED_SECONDS = 5.0  # and about one that was cancelled
HELD_SECONDS = 120.0  # how long a start waits for an earlier process of the run to let go of it


def run(
    runs: Sequence[PlannedRun],
    *,
    out: Path,
    root: Path,
    options: Options,
    notice: Notice,
    extra: Sequence[str] = (),
    gpus: int = 0,
    parameters: Mapping[str, Any] | None = None,
    cluster: str = "slurm",
) -> list[Standing]:
    """As `scheduler.run`, on Slurm.

    options: `slots` bounds how many jobs of an array run at once, `threads` is how many processors each
    takes. gpus: how many GPUs each takes. parameters: of sbatch, as submitit names them without its prefix
    (partition, time in minutes, mem, account, ...). cluster: another executor of submitit, for tests.

    Raises ConfigError also when submitit or Slurm is missing, and for parameters that submitit does not know.
    """
    out = out.absolute()
    queue = _Queue(out, root.absolute(), options, extra, _executor(out, options, gpus, parameters, cluster))
    everything = replace(options, slots=len(runs))  # the queue is Slurm's
    return scheduler.run(runs, out=out, root=root, options=everything, notice=notice, place=queue)


def _executor(
    out: Path, options: Options, gpus: int, parameters: Mapping[str, Any] | None, cluster: str
) -> Any:
    try:
        import submitit
    except ImportError as problem:
        raise ConfigError(f"--executor slurm: needs submitit; {extra('slurm')}") from problem
    given = {
        "cpus_per_task": options.threads,
        "gpus_per_node": gpus or None,
        "job_name": f"mixscope-{out.name}",
        "time": MINUTES,
        **(parameters or {}),
    }
    try:
        made = submitit.AutoExecutor(out / "slurm" / "%j", cluster, slurm_max_num_timeout=TURNS)
    except RuntimeError as problem:
        raise ConfigError(f"--executor slurm: {problem} Start it where sbatch and srun are") from problem
    try:
        made.update_parameters(
            timeout_min=int(given["time"]),
            slurm_array_parallelism=options.slots,
            **{f"slurm_{key}": value for key, value in given.items()},
        )
    except (NameError, AssertionError, TypeError, ValueError) as problem:
        raise ConfigError(f"--slurm: {str(problem).splitlines()[0]}") from problem
    return made


# --- on the scheduler's side --------------------------------------------------------------------


class _Queue:
    """Slurm as a `Place`."""

    def __init__(self, out: Path, root: Path, options: Options, extra: Sequence[str], executor: Any) -> None:
        self.out, self.root, self.options, self.extra, self.executor = out, root, options, extra, executor
        self.asked = time.monotonic()

    def ask(self, every: float = ASK_SECONDS) -> bool:
        """Whether it is time to ask Slurm itself; one question is about all jobs."""
        due = time.monotonic() - self.asked > every
        if due:
            self.asked = time.monotonic()
        return due

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        """The jobs of an earlier scheduler that have not ended."""
        numbers = _numbers(self.out)
        adopted: list[tuple[PlannedRun, Work]] = []
        for standing in found:
            number = numbers.get(standing.run.directory)
            if number is None or standing.state == "done":
                continue
            job = _Job(_known_job(self.executor, number), self.out / standing.run.directory, self.ask)
            # Slurm forgets jobs that ended long ago, and then no word of them would ever come.
            if job.code() is None and job.job.get_info(mode="force"):
                adopted.append((standing.run, job))
        return adopted

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        """All of them as one array."""
        errands = [
            Errand(
                line=tuple(backends.command(planned, out=self.out, root=self.root, extra=self.extra)),
                path=self.out / planned.directory,
                log=self.out / "logs" / f"{planned.directory}.log",
                threads=self.options.threads,
            )
            for planned, _ in batch
        ]
        jobs = self.executor.submit_array(errands)
        return [
            _Job(job, self.out / planned.directory, self.ask)
            for job, (planned, _) in zip(jobs, batch, strict=True)
        ]


def _numbers(out: Path) -> dict[str, str]:
    """The number of the last job of every run, as earlier schedulers wrote it down."""
    return {event["run"]: event["slurm"] for event in journal(out) if "slurm" in event}


def _known_job(executor: Any, number: str) -> Any:
    return executor._executor.job_class(executor.folder, number)


class _Job:
    """One start of one run, as a job, whatever number of turns it takes."""

    def __init__(self, job: Any, path: Path, ask: Callable[[float], bool]) -> None:
        self.job, self.path, self.ask = job, path, ask
        self.submitted = time.time()
        self.every = ASK_SECONDS
        self.reason: str | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        return {"slurm": self.job.job_id}

    def code(self) -> int | None:
        if not self.job.done(force_check=self.ask(self.every)):
            return None
        state = str(self.job.state).upper()
        result = self.job.paths.result_pickle
        if not result.exists():
            self.reason = f"its job ended as {state.lower()} without a word; see {self.job.paths.folder}"
            return -signal.SIGKILL
        outcome, value = pickle.loads(result.read_bytes())
        if outcome != "success":
            self.reason = f"its job failed: {str(value).strip().splitlines()[-1]}"
            return 1
        if value == os.EX_TEMPFAIL and self.job.watcher.get_state(self.job.job_id, mode="force") in (
            "PENDING",
            "REQUEUED",
            "RUNNING",
        ):
            return None  # Slurm itself has put it into the queue again
        return int(value)

    def why(self) -> str | None:
        return self.reason

    def age(self) -> float:
        """Since its latest process began to train; before that Slurm watches over it."""
        if not records.is_run(self.path):
            return 0.0
        last = records.read_status(self.path)["starts"][-1]["time"]
        began = datetime.strptime(last, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return time.time() - began if began >= self.submitted - 1 else 0.0

    def send(self, number: int) -> None:
        """Slurm's way for both: SIGTERM, and SIGKILL a while later; what waits leaves the queue."""
        self.job.cancel(check=False)
        self.every = CANCELLED_SECONDS

    def close(self) -> None:
        pass


# --- on the node --------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class Errand:
    """What a job does: executes a command, and returns its exit code."""

    line: tuple[str, ...]
    path: Path
    log: Path
    threads: int
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __call__(self) -> int:
        end = time.monotonic() + HELD_SECONDS
        while records.held(self.path) and time.monotonic() < end:
            time.sleep(1.0)
        # submitit has set this to do nothing; cancelled jobs shall save themselves.
        before = signal.signal(signal.SIGTERM, self._pass_on)
        try:
            with self.log.open("ab") as file:
                about = f"on {socket.gethostname()}, job {os.environ.get('SLURM_JOB_ID', os.getpid())}\n"
                file.write(about.encode())
                file.flush()
                self.process = subprocess.Popen(
                    self.line,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **backends.threads(self.threads)},
                    start_new_session=True,
                )
            while self.process.poll() is None:  # signals are handled in between
                time.sleep(0.2)
            return int(self.process.returncode)
        finally:
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self) -> Any:
        """What submitit calls before the job ends for now: the run saves itself, its next turn goes on."""
        import submitit

        self._pass_on(signal.SIGTERM, None)
        if self.process is not None:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self.process.pid).wait()
        return submitit.helpers.DelayedSubmission(replace(self))

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
