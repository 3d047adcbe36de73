"""`mixscope train`, `mixscope eval` and `mixscope export`.

One run, and evaluation and export of finished runs.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mixscope.cli.arguments import checkpoint, declare, root_and_json
from mixscope.cli.executors import declare_track
from mixscope.cli.terminal import print_json, table
from mixscope.errors import DataError
from mixscope.signals import leave
from mixscope.training.stop import Stop, listening


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    _add_train(commands)
    _add_eval(commands)
    _add_export(commands)


def _add_train(commands: Any) -> None:
    command = declare(
        commands,
        "train",
        train,
        "train one run, or resume it where it was interrupted",
        "  mixscope train data.name=digits model.arch=resnet18 model.stem=small train.epochs=5\n"
        "  mixscope train data.name=cifar100 model.arch=resnet50 augment.mix=cutmix seed=1 --out runs/c1\n"
        "  mixscope train --config runs/c1/config.yaml seed=2 --dry-run",
    )
    command.add_argument("settings", nargs="*", metavar="key=value", help="settings; they win over --config")
    command.add_argument("--config", type=Path, metavar="FILE", help="a YAML file of settings")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="the run directory (default: runs/<settings>)"
    )
    command.add_argument("--resume", choices=("auto", "never"), default="auto", help="resume an existing run")
    declare_track(command)
    command.add_argument("--dry-run", action="store_true", help="check everything up to the first step")
    root_and_json(command)


def _add_eval(commands: Any) -> None:
    command = declare(
        commands,
        "eval",
        evaluate,
        "evaluate the checkpoints of finished runs again; unfinished runs are skipped",
        "  mixscope eval runs/c1\n  mixscope eval runs/* --split val --json",
    )
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN_DIR")
    command.add_argument("--split", choices=("val", "test", "train"), default="test")
    root_and_json(command)


def _add_export(commands: Any) -> None:
    command = declare(
        commands,
        "export",
        export,
        "write the weights of a finished run to a file that other runs can start from",
        "  mixscope export runs/c1 --out weights/c1.safetensors\n"
        "  mixscope train data.name=cifar100 model.pretrained=weights/c1.safetensors",
    )
    command.add_argument("run", type=Path, metavar="RUN_DIR")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .safetensors file")
    checkpoint(command, "export")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def train(arguments: argparse.Namespace) -> None:
    """Trains one run, or describes it for --dry-run; installs signal handlers before heavy imports."""
    with listening(lambda name: leave(signal.Signals[name])) as stop:
        _train(arguments, stop)


def _train(arguments: argparse.Namespace, stop: Stop) -> None:
    from mixscope import threads
    from mixscope.data.store import data_root
    from mixscope.runs import records
    from mixscope.study import config

    settings = config.load(arguments.config, arguments.settings)
    place = arguments.out if arguments.out is not None else Path("runs") / records.name_of(settings)
    decided, may_time = threads.decide(begun=_begun(place)), _may_time(settings.run.device)
    with decided.settled():  # before torch is imported
        from mixscope.runs import display, execute

        root = data_root(arguments.root)
        show = display.silent() if arguments.json else display.terminal()
        if decided.options and not arguments.dry_run and may_time:
            import torch

            from mixscope.runs import probe

            decided = decided.timed(probe.rates(settings, root=root, counts=decided.options))
            os.environ[threads.WHY] = decided.why
            torch.set_num_threads(decided.count or torch.get_num_threads())
        if os.environ.get("RANK", "0") == "0":
            show.line(f"threads   {decided.why}")
        options = {"root": root, "out": arguments.out, "resume": arguments.resume, "show": show, "stop": stop}
        if arguments.dry_run:
            plan = execute.describe(settings, **options)
            return print_json(plan) if arguments.json else None
        summary = execute.run(settings, **options, track=arguments.track)
    if arguments.json:
        print_json(summary)


def _may_time(device: str) -> bool:
    """Whether steps can be timed in forks: not if CUDA may be needed, or if torch may have computed here.

    A fork has none of the threads of torch's pool, and an operation that waits for them would never return.
    """
    from mixscope import hardware

    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    on_cpu = device == "cpu" or (device == "auto" and not hardware.gpu())
    return hasattr(os, "fork") and alone and on_cpu and "torch" not in sys.modules


def _begun(place: Path) -> int | None:
    """The threads that the run there began with on a CPU; None where there is none."""
    from mixscope.runs import records

    try:
        device = records.read_environment(place)["device"]
    except (DataError, OSError):
        return None  # what is wrong with its records is said where they are taken up
    return None if device.get("type") == "cuda" else int(device["threads"])


def evaluate(arguments: argparse.Namespace) -> int:
    """Evaluates the checkpoints of finished runs, one row each; returns 4 if records are damaged."""
    from mixscope import threads

    with threads.bounded_wait():  # before torch is imported
        return _evaluate(arguments)


def _evaluate(arguments: argparse.Namespace) -> int:
    from mixscope.data.store import data_root
    from mixscope.runs import evaluate

    done, left, damaged = _done_runs(arguments.runs)
    root = data_root(arguments.root)
    rows = evaluate.evaluate(done, split=arguments.split, root=root, damaged=damaged.append)
    for line in [*left, *damaged]:
        print(f"skipped: {line}", file=sys.stderr)
    print_json(rows) if arguments.json else print(table([_with_units(row) for row in rows]))
    return 4 if damaged else 0


def _with_units(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a checkpoint with the headings and units of a study's table."""
    from mixscope import i18n
    from mixscope.results import tables

    found: dict[str, Any] = {}
    for key, value in row.items():
        if key not in tables.METRICS:
            found[key.replace("_", " ")] = value
        elif key in tables.PERCENT:
            found[i18n.message(f"table.{key}")] = None if value is None else f"{100 * value:.2f}%"
        else:
            found[i18n.message(f"table.{key}")] = tables.shown(key, value, None)
    return found


def export(arguments: argparse.Namespace) -> None:
    """Writes the weights of one run and prints their pretraining data."""
    from mixscope.runs import export as exporting

    about = exporting.export(arguments.run, arguments.out, name=arguments.checkpoint)
    if arguments.json:
        return print_json({"file": str(arguments.out), **about})
    size = arguments.out.stat().st_size / 1e6
    print(f"weights   {arguments.out}  {size:.1f} MB  {about['arch']}, epoch {about['epochs']}")
    print(f"seen      {about['training_data']}, {about['augmentation']}")


def _done_runs(given: list[Path]) -> tuple[list[Path], list[DataError], list[DataError]]:
    """The finished runs in `given`, why others are not, and what is damaged.

    Raises DataError when there is none.
    """
    from mixscope.runs import records

    done: list[Path] = []
    left: list[DataError] = []
    damaged: list[DataError] = []
    for place in given:
        try:
            found = records.list_runs(place)
            if not found:
                left.append(DataError("wrong-format", "is not a run directory and holds none", path=place))
        except DataError as problem:
            left.append(problem)
            continue
        for path in found:
            try:
                state = records.read_status(path)["state"]
            except DataError as problem:
                damaged.append(problem)
                continue
            if state == "done":
                done.append(path)
            else:
                resume = f"is {state}; `mixscope train` resumes it"
                left.append(DataError("missing-results", resume, path=path))
    if not done:
        others = [*damaged, *left]
        more = f" (and {len(others) - 1} more that cannot be evaluated)" if len(others) > 1 else ""
        raise others[0].reworded(f"{others[0]}{more}")
    return done, left, damaged
