"""The command line: parse, call one function, print.

Heavy imports stand inside the commands, so that `mixscope --help` answers at once.
What does not belong here: anything that another program might want to call.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mixscope import __version__
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed

EXIT = """exit codes: 0 ok, 1 failure, 2 usage, 4 data missing or corrupt, 75 interrupted and resumable"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; every error a user can mend is one sentence."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.do(arguments) or 0)
    except ConfigError as problem:
        return _fail(problem, 2)
    except DataError as problem:
        return _fail(problem, 4)
    except RunFailed as problem:
        return _fail(problem, 1)
    except Interrupted as problem:
        return _fail(problem, 75)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        return 0


def _fail(problem: object, code: int) -> int:
    print(f"error: {problem}     [exit {code}]", file=sys.stderr)
    return code


# --- what can be said ---------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    top = argparse.ArgumentParser(
        prog="mixscope",
        description="Which mixing augmentation helps which architecture, and is the difference real?",
        epilog="examples:\n"
        "  mixscope data prepare digits\n"
        "  mixscope train data.name=digits model.arch=resnet18 augment.mix=cutmix train.epochs=5\n"
        "  mixscope doctor\n" + EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mixscope {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _data(commands)
    _train(commands)
    _eval(commands)
    _study(commands)
    _show(commands)
    _doctor(commands)
    return top


def _command(
    commands: Any, name: str, do: Callable[[argparse.Namespace], int | None], help: str, examples: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"examples:\n{examples}\n{EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(do=do)
    return made


def _root_and_json(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="data folder (default: $MIXSCOPE_DATA, else a per-user folder)",
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def _data(commands: Any) -> None:
    data = commands.add_parser("data", help="prepare, check and look at data sets")
    verbs = data.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = _command(verbs, "list", data_list, "show the data sets that are known", "  mixscope data list")
    _root_and_json(listing)
    for name, do, help in (
        ("prepare", data_prepare, "decode a data set once into the packed store"),
        ("verify", data_verify, "recompute every checksum of a prepared data set"),
        ("info", data_info, "show counts, balance and duplicates, and draw a contact sheet"),
    ):
        examples = f"  mixscope data {name} digits"
        if name == "prepare":
            examples += (
                "\n  mixscope data prepare cifar100 --source ~/cifar-100-binary.tar.gz"
                "\n  mixscope data prepare imagefolder --source ~/flowers --size 64"
            )
        command = _command(verbs, name, do, help, examples)
        command.add_argument("name", metavar="NAME", help="a name from `mixscope data list`")
        _root_and_json(command)
        if name == "prepare":
            command.add_argument(
                "--source", type=Path, metavar="PATH", help="an archive, or a folder already unpacked"
            )
            command.add_argument("--size", type=int, metavar="N", help="resize images to N x N pixels")
        if name == "info":
            command.add_argument("--sheet", type=Path, metavar="PNG", help="where the contact sheet goes")


def _train(commands: Any) -> None:
    command = _command(
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
    command.add_argument("--dry-run", action="store_true", help="check everything up to the first step")
    _root_and_json(command)


def _eval(commands: Any) -> None:
    command = _command(
        commands,
        "eval",
        evaluate,
        "evaluate the checkpoints of finished runs again",
        "  mixscope eval runs/c1\n  mixscope eval runs/* --split val --json",
    )
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN_DIR")
    command.add_argument("--split", choices=("val", "test", "train"), default="test")
    _root_and_json(command)


def _study(commands: Any) -> None:
    study = commands.add_parser("study", help="plan, run and tabulate many runs from one file")
    verbs = study.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, do, help in (
        ("plan", study_plan, "show every run of a study and where it stands; writes nothing"),
        ("run", study_run, "run what is left of a study, several runs at once"),
        ("status", study_status, "show where every run stands, from its records"),
        ("table", study_table, "show the result table of the runs that are done"),
    ):
        command = _command(
            verbs,
            name,
            do,
            help,
            f"  mixscope study {name} quickstart\n"
            f"  mixscope study {name} resnet-vs-vit --only data=cifar100 --only pretrained=scratch",
        )
        command.add_argument("study", metavar="STUDY", help="a built-in study, or a .yaml file")
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="key=value",
            help="a level of a factor, name or seed",
        )
        command.add_argument("--seeds", type=int, metavar="N", help="the first N seeds")
        command.add_argument(
            "--out", type=Path, metavar="DIR", help="the study's folder (default: runs/STUDY)"
        )
        _root_and_json(command)
        if name == "run":
            command.add_argument(
                "--slots", type=int, default=1, metavar="N", help="runs at once (default: 1)"
            )
            command.add_argument(
                "--hang-seconds",
                type=float,
                default=900.0,
                metavar="S",
                help="kill a run that is silent so long",
            )


def _show(commands: Any) -> None:
    command = _command(
        commands,
        "show",
        show_mixing,
        "draw the same images as each arm feeds them to a network",
        "  mixscope show mixing digits\n  mixscope show mixing cifar100 --sheet mixing.png",
    )
    command.add_argument("what", choices=("mixing",))
    command.add_argument("name", metavar="DATA", help="a prepared data set")
    command.add_argument(
        "--sheet", type=Path, default=Path("mixing.png"), metavar="PNG", help="where it goes"
    )
    _root_and_json(command)


def _doctor(commands: Any) -> None:
    command = _command(
        commands, "doctor", doctor, "say what this machine has and try the whole chain", "  mixscope doctor"
    )
    _root_and_json(command)


# --- what is done -------------------------------------------------------------------------------


def data_list(arguments: argparse.Namespace) -> None:
    from mixscope.data import formats
    from mixscope.data.store import data_root, is_prepared

    root = data_root(arguments.root)
    rows = [
        {"name": name, "title": spec.title, "prepared": is_prepared(root, name)}
        for name, spec in formats.SETS.items()
    ]
    if arguments.json:
        return _print_json(rows)
    for row in rows:
        print(f"{row['name']:<14} {'ready' if row['prepared'] else '-':<6} {row['title']}")
    print(f"\nin {root}")


def data_prepare(arguments: argparse.Namespace) -> None:
    from mixscope.data.prepare import prepare
    from mixscope.data.store import data_root

    with _bar(f"preparing {arguments.name}", arguments.json) as progress:
        store = prepare(
            arguments.name,
            root=data_root(arguments.root),
            source=arguments.source,
            size=arguments.size,
            progress=progress,
        )
    _print_store(store, arguments.json)


def data_verify(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root, verify

    _print_store(verify(arguments.name, root=data_root(arguments.root)), arguments.json)


def data_info(arguments: argparse.Namespace) -> None:
    from mixscope.data import inspect
    from mixscope.data.store import Store, data_root

    store = Store.open(data_root(arguments.root), arguments.name)
    report = inspect.describe(store)
    sheet = arguments.sheet or Path(f"{arguments.name}-contact-sheet.png")
    inspect.contact_sheet(store, sheet)
    if arguments.json:
        return _print_json({**report, "sheet": str(sheet)})
    _print_store(store, False)
    for line in inspect.lines(report):
        print(line)
    print(f"sheet     {sheet}")


def train(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root
    from mixscope.runs import display, execute
    from mixscope.study import config

    settings = config.load(arguments.config, arguments.settings)
    root = data_root(arguments.root)
    show = display.silent() if arguments.json else display.terminal()
    if arguments.dry_run:
        plan = execute.describe(settings, root=root, out=arguments.out, show=show)
        return _print_json(plan) if arguments.json else None
    summary = execute.run(settings, root=root, out=arguments.out, resume=arguments.resume, show=show)
    if arguments.json:
        _print_json(summary)


def evaluate(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root
    from mixscope.runs import execute

    rows = execute.evaluate(arguments.runs, split=arguments.split, root=data_root(arguments.root))
    if arguments.json:
        return _print_json(rows)
    print(_table(rows))


def _planned(arguments: argparse.Namespace) -> tuple[Any, Any, Path]:
    """The study that was named, the runs that were asked for, and their folder."""
    from mixscope.study import matrix
    from mixscope.study.config import split_pair

    study = matrix.load(arguments.study)
    only = {key: str(value) for key, value in map(split_pair, arguments.only)}
    runs = study.expand(only=only, seeds=arguments.seeds)
    if not runs:
        raise ConfigError("--only: no run of the study has all of these levels; name fewer")
    return study, runs, arguments.out or Path("runs") / study.name


def study_plan(arguments: argparse.Namespace) -> None:
    from mixscope.runs import scheduler

    study, runs, out = _planned(arguments)
    found = [scheduler.standing(r, out) for r in runs]
    if arguments.json:
        rows = [
            {
                "name": s.run.name,
                "cell": dict(s.run.cell),
                "seed": s.run.seed,
                "digest": s.run.config.digest,
                "state": s.state,
                "settings": s.run.config.semantic(),
            }
            for s in found
        ]
        return _print_json({"study": study.name, "out": str(out), "runs": rows})
    print(_table([_standing_row(s) for s in found]))
    print(f"\n{len(found)} runs of {len({r.name for r in runs})} experiments, in {out}")


def study_status(arguments: argparse.Namespace) -> None:
    from mixscope.runs import scheduler

    _, runs, out = _planned(arguments)
    rows = [_standing_row(scheduler.standing(r, out)) for r in runs]
    if arguments.json:
        return _print_json(rows)
    print(_table(rows))


def study_run(arguments: argparse.Namespace) -> int:
    from mixscope.data.store import data_root
    from mixscope.runs import scheduler, tables

    _, runs, out = _planned(arguments)
    if arguments.slots < 1:
        raise ConfigError(f"--slots must be 1 or more, got {arguments.slots}")
    options = scheduler.Options(
        slots=arguments.slots,
        threads=max(1, scheduler.cores() // arguments.slots),
        hang_seconds=arguments.hang_seconds,
    )

    def notice(found: Any, event: Any) -> None:
        if event is not None and not arguments.json:
            done = sum(s.state == "done" for s in found)
            more = f"  {event['reason']}" if "reason" in event else ""
            print(f"{done:>3}/{len(found)}  {event['event']:<8} {event['run']}{more}", flush=True)

    found = scheduler.run(runs, out=out, root=data_root(arguments.root), options=options, notice=notice)
    rows = tables.results(runs, out)
    if arguments.json:
        _print_json(rows)
    else:
        print(f"\n{tables.text(rows)}\n\ntest split, percent, mean +- SD over seeds; records in {out}")
    return 0 if all(s.state == "done" for s in found) else 1


def study_table(arguments: argparse.Namespace) -> None:
    from mixscope.runs import tables

    _, runs, out = _planned(arguments)
    rows = tables.results(runs, out)
    _print_json(rows) if arguments.json else print(tables.text(rows))


def _standing_row(found: Any) -> dict[str, Any]:
    return {
        "run": found.run.directory,
        **found.run.cell,
        "seed": found.run.seed,
        "state": found.state,
        "epoch": f"{found.epoch}/{found.epochs}",
        "top1": found.top1,
        "img/s": found.images_per_second,
    }


def show_mixing(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import Store, data_root
    from mixscope.training import preview

    preview.mixing_sheet(Store.open(data_root(arguments.root), arguments.name), arguments.sheet)
    _print_json({"sheet": str(arguments.sheet)}) if arguments.json else print(f"sheet     {arguments.sheet}")


def doctor(arguments: argparse.Namespace) -> int:
    from mixscope.data.store import data_root
    from mixscope.runs import doctor as room

    root = data_root(arguments.root)
    found = room.examine(root)
    if not arguments.json:
        for key, value in found.items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{key.replace('_', ' '):<22}{shown if shown != [] else 'none'}")
        print("self-test             compiling kernels the first time takes some seconds ...", flush=True)
    tried = room.self_test(root)
    if arguments.json:
        _print_json({**found, "self_test": tried})
    else:
        print(
            f"{'':<22}loader {tried['loader_images_per_second']:,} img/s, training"
            f" {tried['training_images_per_second']:,} img/s, loss {tried['first_loss']:.2f} ->"
            f" {tried['last_loss']:.2f}: {'ok' if tried['ok'] else 'the loss did not fall'}"
        )
    return 0 if tried["ok"] else 1


# --- how it is shown ----------------------------------------------------------------------------


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _print_store(store: Any, as_json: bool) -> None:
    counts = {split: len(store.labels(split)) for split in ("train", "test")}
    if as_json:
        return _print_json(
            {
                "name": store.name,
                "size": store.size,
                "classes": store.n_classes,
                "images": counts,
                "mean": list(store.mean),
                "std": list(store.std),
                "digest": store.digest,
            }
        )
    shown = "  ".join(f"{split} {count:,}" for split, count in counts.items())
    print(f"data      {store.name}  {shown}  {store.n_classes} classes  {store.size} px  {store.digest[:12]}")


@contextmanager
def _bar(title: str, quiet: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """A progress bar on a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of equal keys as aligned text."""
    if not rows:
        return ""
    cells = [[str(k) for k in rows[0]]] + [[_cell(v) for v in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
