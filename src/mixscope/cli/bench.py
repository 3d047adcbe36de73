"""`mixscope bench`: benchmarks of this machine, as ratios to its limits."""

import argparse
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mixscope.cli.arguments import declare, declare_group
from mixscope.cli.terminal import bar, print_json
from mixscope.errors import ConfigError, Interrupted
from mixscope.signals import leave
from mixscope.training.stop import Stop, listening

if TYPE_CHECKING:
    from mixscope.bench.rounds import Bench, Measured
    from mixscope.data.store import Store

Do = Callable[[argparse.Namespace, Stop], None]

ROUNDS = {"loader": 15, "mixing": 15, "train": 7, "eval": 7, "study": 3}
QUICK = 2  # rounds
EXAMPLES = {
    "loader": "  mixscope bench loader\n  mixscope bench loader --set tiny-imagenet --rounds 9 --json",
    "mixing": "  mixscope bench mixing\n  mixscope bench mixing mymix.py:boxes --quick",
    "train": "  mixscope bench train\n"
    "  mixscope bench train --arch resnet18 --set cifar100 train.precision=bf16",
    "eval": "  mixscope bench eval\n"
    "  mixscope bench eval --arch vit_small_patch16_224 model.patch_size=16 run.eval_batch_size=256",
    "study": "  mixscope bench study --slots 4\n  mixscope bench study --quick --json train.epochs=5",
}
HELP = {
    "loader": "measure the loader against its bare kernel, plain conversion, torch and memory",
    "mixing": "measure what mixing adds to a batch, at 32 and 64 pixels",
    "train": "measure the training loop against a bare hand-written one",
    "eval": "measure evaluation against a bare forward loop",
    "study": "measure what a study adds to its runs, and how long a run takes to start",
}


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    verbs = declare_group(
        commands,
        "bench",
        "benchmark mixscope on this machine, relative to what the machine could do",
        "  mixscope bench loader --quick\n"
        "  mixscope bench train --arch resnet18\n"
        "  mixscope bench study --slots 4",
        more="Rows take turns and ratios are taken within a round, so they may be quoted; rates belong to"
        " this machine and this hour. Close what else runs.",
        verbs="WHAT",
    )
    made = {}
    for name, do in {
        "loader": loader, "mixing": mixing, "train": train, "eval": evaluate, "study": study
    }.items():  # fmt: skip
        made[name] = _declared(verbs, name, do)
    for name in ("train", "eval", "study"):
        made[name].add_argument("settings", nargs="*", metavar="key=value", help="as of `mixscope train`")
    for name in ("train", "eval"):
        made[name].add_argument(
            "--arch", metavar="NAME", help="the network (default: one so small that overheads show)"
        )
    made["study"].add_argument("--slots", type=int, default=0, metavar="N", help="(default: one a core)")


def _declared(verbs: Any, name: str, do: Do) -> argparse.ArgumentParser:
    command = declare(verbs, name, _stoppable(do), HELP[name], EXAMPLES[name])
    command.add_argument(
        "--rounds", type=int, default=ROUNDS[name], metavar="N", help=f"(default: {ROUNDS[name]})"
    )
    command.add_argument("--quick", action="store_true", help=f"{QUICK} short rounds: a first impression")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    if name == "mixing":
        command.add_argument(
            "own",
            nargs="*",
            metavar="METHOD",
            help="methods of your own, path/to/mymix.py:function or by name",
        )
        return command
    command.add_argument(
        "--set", metavar="NAME", help="a prepared data set (default: cifar100 if it is there, else digits)"
    )
    command.add_argument(
        "--data",
        "--root",
        dest="root",
        type=Path,
        metavar="DIR",
        help="data folder (default: $MIXSCOPE_DATA, else a per-user folder)",
    )
    return command


def _stoppable(do: Do) -> Callable[[argparse.Namespace], None]:
    """Wraps `do` so that a signal ends it in one sentence, after deleting its files and processes."""

    def done(arguments: argparse.Namespace) -> None:
        with listening(lambda name: leave(signal.Signals[name])) as stop:  # during imports
            try:
                do(arguments, stop)
            except (KeyboardInterrupt, Interrupted) as problem:
                if not problem.args:  # a second Ctrl-C
                    raise
                then = "what was measured is not kept, the same command begins anew"
                raise Interrupted(problem.args[0], then) from None

    return done


def _interrupt(name: str) -> NoReturn:
    """Signal handler while rows are measured in this process, since each may take long."""
    raise KeyboardInterrupt(f"stopped by {name}")


def loader(arguments: argparse.Namespace, stop: Stop) -> None:
    """The loader against other ways to build the same batches."""
    from mixscope.bench.loader import IMAGES, computed, rows

    stop.leave = _interrupt
    store, _ = _set(arguments)
    with rows(store, IMAGES // 5 if arguments.quick else IMAGES) as bench:
        found = _measured(bench, arguments)
    _print(computed(found), arguments)


def mixing(arguments: argparse.Namespace, stop: Stop) -> None:
    """The kernel with and without mixing, on random images."""
    from mixscope.bench.mixing import BUNCH, computed, rows
    from mixscope.study import methods

    stop.leave = _interrupt
    _check(arguments)
    own = [methods.pinned(name, "METHOD") for name in arguments.own]
    bench = rows(bunch=BUNCH / 5 if arguments.quick else BUNCH, own=own)
    _print(computed(_measured(bench, arguments)), arguments)


def train(arguments: argparse.Namespace, stop: Stop) -> None:
    """The training loop against a bare loop."""
    _network(arguments, stop, "train")


def evaluate(arguments: argparse.Namespace, stop: Stop) -> None:
    """Evaluation against a bare forward loop."""
    _network(arguments, stop, "evaluation")


def _network(arguments: argparse.Namespace, stop: Stop, module: str) -> None:
    import importlib

    from mixscope.bench import train as networks

    stop.leave = _interrupt
    store, root = _set(arguments)
    pairs = [*([f"model.arch={arguments.arch}"] if arguments.arch else []), *arguments.settings]
    config = networks.config(store.name, pairs)
    made = importlib.import_module(f"mixscope.bench.{module}").rows
    with made(config, root, seconds=0.2 if arguments.quick else 1.0) as bench:
        _print(_measured(bench, arguments), arguments)


def study(arguments: argparse.Namespace, stop: Stop) -> None:
    """A study against processes started without it, and the startup of a run."""
    from mixscope.bench.study import computed, rows

    stop.leave = None  # it checks the flag itself, in order to end the processes it has started
    store, root = _set(arguments)
    if arguments.slots < 0:
        raise ConfigError(
            "out-of-range", f"--slots must be 0 (one a core) or more, got {arguments.slots}", key="--slots"
        )
    quick = arguments.quick  # two runs, without startup times, which would take minutes
    with rows(
        store.name,
        root,
        slots=arguments.slots,
        runs=2 if quick else 0,
        pairs=arguments.settings,
        start=not quick,
        stop=stop,
    ) as bench:
        _print(computed(_measured(bench, arguments)), arguments)


def _set(arguments: argparse.Namespace) -> "tuple[Store, Path]":
    from mixscope.bench.data_set import chosen
    from mixscope.data.store import data_root

    _check(arguments)
    if any(pair.startswith("data.name=") for pair in getattr(arguments, "settings", ())):
        raise ConfigError(
            "conflict", "is what --set names here; give --set NAME in its place", key="data.name"
        )
    root = data_root(arguments.root)
    return chosen(root, arguments.set), root


def _check(arguments: argparse.Namespace) -> None:
    if arguments.rounds < 1:
        raise ConfigError(
            "out-of-range", f"--rounds must be 1 or more, got {arguments.rounds}", key="--rounds"
        )


def _measured(bench: "Bench", arguments: argparse.Namespace) -> "Measured":
    with bar("measuring", arguments.json) as progress:
        return bench.measure(min(QUICK, arguments.rounds) if arguments.quick else arguments.rounds, progress)


def _print(found: "Measured", arguments: argparse.Namespace) -> None:
    if arguments.json:
        context, *rest = found.records()
        rows, ratios = ([r for r in rest if kind in r] for kind in ("row", "ratio"))
        return print_json({**context, "rows": rows, "ratios": ratios})
    print("  ".join(f"{key} {value}" for key, value in found.context.items() if key != "settings"))
    print(f"\n{found.table()}")
