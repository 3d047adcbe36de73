"""Options of `mixscope study run` that choose the backend, the number of parallel runs, and trackers."""

import argparse
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixscope.errors import ConfigError


def declare_executor(command: argparse.ArgumentParser) -> None:
    """Adds the options for clusters."""
    command.add_argument(
        "--executor",
        choices=("local", "ray", "slurm"),
        default="local",
        help="this machine, the Ray cluster at $RAY_ADDRESS, or Slurm (default: local)",
    )
    command.add_argument(
        "--cpus-per-run", type=int, metavar="N", help="processors of each run on a cluster (default: 1)"
    )
    command.add_argument(
        "--gpus-per-run",
        type=float,
        metavar="X",
        help="GPUs of each run on a cluster; with Ray also a share, as 0.5 (default: 1 where Ray has any)",
    )
    command.add_argument(
        "--slurm",
        action="append",
        default=[],
        metavar="key=value",
        help="a parameter of sbatch: partition, account, time (minutes), mem, ...",
    )


def declare_track(command: argparse.ArgumentParser) -> None:
    """Adds --track, a repeatable list of names, empty by default."""
    command.add_argument(
        "--track",
        action="append",
        choices=("tensorboard", "wandb"),
        default=[],
        help="mirror what is recorded; wandb works offline without an account",
    )


def tracked(names: Sequence[str]) -> list[str]:
    """Arguments of `mixscope train` that track each run of a study.

    Raises:
        ConfigError: If a tracker is unknown or not installed.
    """
    from mixscope.runs import tracking

    tracking.check(names)
    return [word for name in names for word in ("--track", name)]


def chosen(arguments: argparse.Namespace, runs: int, out: Path) -> tuple[Callable[..., Any], Any, int]:
    """Chooses how runs are executed.

    Args:
        arguments: Parsed arguments.
        runs: Number of runs; without --slots a cluster gets all of them, since it has a queue.
        out: Folder of the study.

    Returns:
        A function like `scheduler.run`, its options, and the number of parallel runs, 0 if it is not known in
        advance.

    Raises:
        ConfigError: If options contradict each other.
    """
    many = None if arguments.slots in (None, "auto") else _whole(arguments.slots)
    if arguments.executor != "slurm" and arguments.slurm:
        raise ConfigError("conflict", "goes with --executor slurm", key="--slurm")
    if arguments.executor == "local":
        return _here(arguments, 1 if arguments.slots is None else many, runs, out)
    return _cluster(arguments, many, runs)


def _here(
    arguments: argparse.Namespace, many: int | None, runs: int, out: Path
) -> tuple[Callable[..., Any], Any, int]:
    from mixscope import threads
    from mixscope.hardware import cores
    from mixscope.studies import scheduler, slots

    if arguments.cpus_per_run is not None or arguments.gpus_per_run is not None:
        raise ConfigError(
            "conflict",
            "--cpus-per-run and --gpus-per-run: go with --executor ray or slurm; here use --slots",
            key="--cpus-per-run",
        )
    decided = threads.of_study(out)
    most, each, environments, pace = slots.plan(
        many, runs=runs, cores=decided.count or cores(), clock=time.monotonic
    )
    options = scheduler.Options(
        slots=most,
        threads=each,
        hang_seconds=arguments.hang_seconds,
        environments=environments,
        pace=pace,
        fork=not arguments.no_fork_server,
        decided=decided,
    )
    return scheduler.run, options, 0 if many is None else most


def _cluster(
    arguments: argparse.Namespace, many: int | None, runs: int
) -> tuple[Callable[..., Any], Any, int]:
    from mixscope.studies import scheduler
    from mixscope.studies.backends import ray, slurm
    from mixscope.study.config import split_pair

    gpus = arguments.gpus_per_run
    cpus = 1 if arguments.cpus_per_run is None else arguments.cpus_per_run
    if cpus < 1 or (gpus is not None and gpus < 0):
        raise ConfigError(
            "out-of-range",
            "--cpus-per-run must be 1 or more, and --gpus-per-run 0 or more",
            key="--cpus-per-run",
        )
    options = scheduler.Options(
        slots=many or runs,
        threads=cpus,
        hang_seconds=arguments.hang_seconds,
        fork=not arguments.no_fork_server,
    )
    if arguments.executor == "ray":
        return functools.partial(ray.run, gpus=gpus), options, many or 0
    if gpus is not None and gpus != int(gpus):
        raise ConfigError("wrong-type", f"Slurm gives whole GPUs, got {gpus:g}", key="--gpus-per-run")
    clock = next((pair for pair in arguments.slurm if pair.startswith("time=") and ":" in pair), None)
    if clock is not None:  # YAML reads 4:00:00 as a number
        raise ConfigError(
            "wrong-type",
            f"--slurm {clock}: time is a number of minutes here, for instance time=240",
            key="--slurm",
        )
    given = dict(map(split_pair, arguments.slurm))
    return functools.partial(slurm.run, gpus=int(gpus or 0), parameters=given), options, many or 0


def _whole(given: str) -> int:
    if not given.isdigit() or int(given) < 1:
        raise ConfigError(
            "wrong-type", f"expected a whole number, 1 or more, or auto, got {given}", key="--slots"
        )
    return int(given)
