"""`mixscope show`: the images that each mixing method feeds to a network."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli.arguments import declare, picture, root_and_json
from mixscope.cli.terminal import note_letters, print_json


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
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


def show_mixing(arguments: argparse.Namespace) -> None:
    """Draws the sheet and prints its path."""
    from mixscope.data.store import Store, data_root
    from mixscope.study import methods
    from mixscope.training import preview

    store, sheet = Store.open(data_root(arguments.root), arguments.name), picture(arguments.sheet)
    preview.mixing_sheet(store, sheet, own=[methods.pinned(name, "METHOD") for name in arguments.own])
    note_letters(store.class_names)
    print_json({"sheet": str(sheet)}) if arguments.json else print(f"sheet     {sheet}")
