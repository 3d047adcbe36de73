"""`mixscope train` and `mixscope eval`: one run, and finished runs again."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli.executors import declare_track
from mixscope.cli.grammar import declare, print_json, root_and_json, table


def add(commands: Any) -> None:
    """What this file adds to the grammar."""
    _add_train(commands)
    _add_eval(commands)


def _add_train(commands: Any) -> None:
    command = declare(
        commands,
        "train",
        train,
        "train one run, or take it up where it was interrupted",
        "  mixscope train data.name=digits model.arch=resnet18 model.stem=small train.epochs=5\n"
        "  mixscope train data.name=cifar100 model.arch=resnet50 augment.mix=cutmix seed=1 --out runs/c1\n"
        "  mixscope train --config runs/c1/config.yaml seed=2 --dry-run",
    )
    command.add_argument("settings", nargs="*", metavar="key=value", help="settings; they win over --config")
    command.add_argument("--config", type=Path, metavar="FILE", help="a YAML file of settings")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="the run directory (default: runs/<settings>)"
    )
    command.add_argument(
        "--resume", choices=("auto", "never"), default="auto", help="take up a run that is there"
    )
    declare_track(command)
    command.add_argument("--dry-run", action="store_true", help="check everything up to the first step")
    root_and_json(command)


def _add_eval(commands: Any) -> None:
    command = declare(
        commands,
        "eval",
        evaluate,
        "evaluate the checkpoints of finished runs again",
        "  mixscope eval runs/c1\n  mixscope eval runs/* --split val --json",
    )
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN_DIR")
    command.add_argument("--split", choices=("val", "test", "train"), default="test")
    root_and_json(command)


def train(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root
    from mixscope.runs import display, execute
    from mixscope.study import config

    settings = config.load(arguments.config, arguments.settings)
    root = data_root(arguments.root)
    show = display.silent() if arguments.json else display.terminal()
    if arguments.dry_run:
        plan = execute.describe(settings, root=root, out=arguments.out, show=show)
        return print_json(plan) if arguments.json else None
    summary = execute.run(
        settings, root=root, out=arguments.out, resume=arguments.resume, show=show, track=arguments.track
    )
    if arguments.json:
        print_json(summary)


def evaluate(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root
    from mixscope.runs import execute

    rows = execute.evaluate(arguments.runs, split=arguments.split, root=data_root(arguments.root))
    if arguments.json:
        return print_json(rows)
    print(table(rows))
