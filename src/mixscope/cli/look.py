"""`mixscope doctor` and `mixscope show`: properties of this machine, and the images fed to a network."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli.grammar import declare, note_letters, picture, print_json, root_and_json


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    _add_show(commands)
    _add_doctor(commands)


def _add_show(commands: Any) -> None:
    command = declare(
        commands,
        "show",
        show_mixing,
        "draw the same images as each mixing method feeds them to a network",
        "  mixscope show mixing digits\n  mixscope show mixing cifar100 mymix.py:boxes --sheet mixing.png",
    )
    command.add_argument("what", choices=("mixing",))
    command.add_argument("name", metavar="DATA", help="a prepared data set")
    command.add_argument(
        "own", nargs="*", metavar="METHOD", help="methods of your own, path/to/mymix.py:function or by name"
    )
    command.add_argument(
        "--sheet", type=Path, default=Path("mixing.png"), metavar="PNG", help="where it goes"
    )
    root_and_json(command)


def _add_doctor(commands: Any) -> None:
    command = declare(
        commands,
        "doctor",
        doctor,
        "show versions and hardware, and test the whole chain",
        "  mixscope doctor",
    )
    root_and_json(command)


def show_mixing(arguments: argparse.Namespace) -> None:
    """Draws the sheet and prints its path."""
    from mixscope.data.store import Store, data_root
    from mixscope.study import methods
    from mixscope.training import preview

    store, sheet = Store.open(data_root(arguments.root), arguments.name), picture(arguments.sheet)
    preview.mixing_sheet(store, sheet, own=[methods.pinned(name, "METHOD") for name in arguments.own])
    note_letters(store.class_names)
    print_json({"sheet": str(sheet)}) if arguments.json else print(f"sheet     {sheet}")


def doctor(arguments: argparse.Namespace) -> int:
    """Prints the properties of the machine and tests the chain; returns 1 if the loss did not fall."""
    from mixscope.bench import short
    from mixscope.data.store import data_root
    from mixscope.runs import doctor

    root = data_root(arguments.root)
    found = doctor.examine(root)
    if not arguments.json:
        for key, value in found.items():
            # One line per data set, since an error is a sentence.
            between = f"\n{'':<22}" if key == "data" else ", "
            shown = between.join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{key.replace('_', ' '):<22}{shown if shown != [] else 'none'}")
        print("self-test             compiling kernels the first time takes some seconds ...", flush=True)
    tried = doctor.self_test() | short.loader()
    if arguments.json:
        print_json({**found, "self_test": tried})
    else:
        print(
            f"{'':<22}loader {tried['loader_images_per_second']:,} img/s ("
            f"{tried['loader_of_bare_kernel']:.2f} of its bare kernel), training"
            f" {tried['training_images_per_second']:,} img/s, loss {tried['first_loss']:.2f} ->"
            f" {tried['last_loss']:.2f}: {'ok' if tried['ok'] else 'the loss did not fall'}"
        )
    return 0 if tried["ok"] else 1
