"""Runs of a study on a Slurm cluster, through submitit.

The runs to start form one job array; each element executes the same `mixscope train` as any run, with the
study's folder on shared storage. A run that is preempted or out of time saves itself and is requeued under
its job id. Jobs continue without the scheduler; the next one finds their ids in scheduler.jsonl and adopts
them.
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
from mixscope.runs import lock, records
from mixscope.studies import backends, scheduler
from mixscope.studies.backends import Work
from mixscope.studies.scheduler import Notice, Options
from mixscope.studies.status import Standing, journal
from mixscope.study.study import PlannedRun

MINUTES = 120  # default time limit of a job; a longer run continues in its next turn
TURNS = 1000  # number of times a job may run out of time: each turn makes progress
ASK_SECONDS = 60.0  # interval of queries to Slurm about jobs without a result
CANCELLED_SECONDS = 5.0  # interval for cancelled jobs
HELD_SECONDS = 120.0  # time a start waits for an earlier process to release the run


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

    Args:
        runs: The runs, in order.
        out: Folder of the study, on shared storage.
        root: Folder of prepared data sets.
        options: `slots` bounds the number of parallel jobs of an array, `threads` is the number of processors
            of each.
        notice: Called at every change.
        extra: Further arguments of every `mixscope train`.
        gpus: GPUs per run.
        parameters: sbatch parameters under submitit's names without prefix (partition, time in minutes, mem,
            account, ...).
        cluster: Executor of submitit; others than "slurm" for tests.

    Raises:
        ConfigError: Also if submitit or Slurm is missing, or a parameter is unknown to submitit.
    """
    out = out.absolute()
    queue = _Queue(out, root.absolute(), options, extra, _executor(out, options, gpus, parameters, cluster))
    everything = replace(options, slots=len(runs))  # Slurm does the queueing
    return scheduler.run(runs, out=out, root=root, options=everything, notice=notice, place=queue)


def _executor(
    out: Path, options: Options, gpus: int, parameters: Mapping[str, Any] | None, cluster: str
) -> Any:
    try:
        import submitit
    except ImportError as problem:
        raise ConfigError(
            "not-installed", f"--executor slurm: needs submitit; {extra('slurm')}", key="--executor"
        ) from problem
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
        raise ConfigError(
            "unavailable", f"--executor slurm: {problem} Start it where sbatch and srun are", key="--executor"
        ) from problem
    try:
        made.update_parameters(
            timeout_min=int(given["time"]),
            slurm_array_parallelism=options.slots,
            **{f"slurm_{key}": value for key, value in given.items()},
        )
    except (NameError, AssertionError, TypeError, ValueError) as problem:
        raise ConfigError("wrong-type", f"{str(problem).splitlines()[0]}", key="--slurm") from problem
    return made


# --- on the scheduler's side --------------------------------------------------------------------


class _Queue:
    """Slurm as a `Backend`."""

    def __init__(self, out: Path, root: Path, options: Options, extra: Sequence[str], executor: Any) -> None:
        self.out, self.root, self.options, self.extra, self.executor = out, root, options, extra, executor
        self.checked_at = time.monotonic()

    def ask(self, every: float = ASK_SECONDS) -> bool:
        """Whether it is time to query Slurm; one query covers all jobs."""
        due = time.monotonic() - self.checked_at > every
        if due:
            self.checked_at = time.monotonic()
        return due

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        """Jobs of an earlier scheduler that have not ended."""
        numbers = _numbers(self.out)
        adopted: list[tuple[PlannedRun, Work]] = []
        for standing in found:
            number = numbers.get(standing.run.directory)
            if number is None or standing.state == "done":
                continue
            job = _Job(_known_job(self.executor, number), self.out / standing.run.directory, self.ask)
            # Slurm forgets jobs that ended long ago and would never report them.
            if job.code() is None and job.job.get_info(mode="force"):
                adopted.append((standing.run, job))
        return adopted

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        """Submits all runs as one array."""
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
    """Id of the last job of every run, as recorded by earlier schedulers."""
    return {event["run"]: event["slurm"] for event in journal(out) if "slurm" in event}


def _known_job(executor: Any, number: str) -> Any:
    return executor._executor.job_class(executor.folder, number)


class _Job:
    """One start of one run as a job, with any number of turns."""

    def __init__(self, job: Any, path: Path, ask: Callable[[float], bool]) -> None:
        self.job, self.path, self.ask = job, path, ask
        self.submitted = time.time()
        self.every = ASK_SECONDS
        self.reason: str | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        """Job id."""
        return {"slurm": self.job.job_id}

    def code(self) -> int | None:
        """Exit code, None while it runs or waits."""
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
            return None  # requeued by Slurm
        return int(value)

    def why(self) -> str | None:
        """Why the job ended: the error that Slurm reported; None if it reported none."""
        return self.reason

    def age(self) -> float:
        """Seconds since its latest process began to train; before that Slurm is responsible."""
        if not records.is_run(self.path):
            return 0.0
        last = records.read_status(self.path)["starts"][-1]["time"]
        began = datetime.strptime(last, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return time.time() - began if began >= self.submitted - 1 else 0.0

    def send(self, number: int) -> None:
        """Cancels the job: Slurm sends SIGTERM, and SIGKILL later; waiting jobs leave the queue."""
        self.job.cancel(check=False)
        self.every = CANCELLED_SECONDS

    def close(self) -> None:
        """Nothing to release."""
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
        """Executes the command."""
        end = time.monotonic() + HELD_SECONDS
        while lock.held(self.path) and time.monotonic() < end:
            time.sleep(1.0)
        # submitit ignores this signal; cancelled jobs must save themselves.
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
            while self.process.poll() is None:  # signals are handled between iterations
                time.sleep(0.2)
            return int(self.process.returncode)
        finally:
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self) -> Any:
        """Called by submitit before the job's time ends.

        The run saves itself and continues in its next turn.
        """
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
