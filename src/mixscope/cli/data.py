"""`mixscope data`: prepare, check and look at data sets."""

import argparse
import shlex
import textwrap
from pathlib import Path
from typing import Any

from mixscope.cli.arguments import declare, declare_group, picture, root_and_json
from mixscope.cli.terminal import bar, note_letters, print_json

NOTE_WIDTH = 300  # characters; with --json they are whole
EXAMPLES = {
    "prepare": "  mixscope data prepare digits\n"
    "  mixscope data prepare cifar100 --source ~/cifar-100-binary.tar.gz\n"
    "  mixscope data prepare cifar100 --size 64 --as cifar100-64px\n"
    "  mixscope data prepare imagefolder --source ~/flowers --size 64 --as flowers\n"
    "  mixscope data prepare imagefolder --source ~/pets --test-fraction 0.2 --as pets\n"
    "  mixscope data prepare tiny-imagenet --source ~/hub/tiny-imagenet  # a folder of Parquet files\n"
    "  mixscope data prepare cues --source cues.yaml --as cues-mine",
    "verify": "  mixscope data verify digits\n  mixscope data verify flowers --json",
    "info": "  mixscope data info digits\n  mixscope data info cifar100 --sheet cifar100.png",
}


def add(commands: Any) -> None:
    """What this file adds to the grammar."""
    verbs = declare_group(
        commands,
        "data",
        "prepare, check and look at data sets",
        "  mixscope data list\n"
        "  mixscope data prepare cifar100\n"
        "  mixscope data info cifar100 --sheet cifar100.png",
    )
    listing = declare(verbs, "list", data_list, "show the data sets that are known", "  mixscope data list")
    root_and_json(listing)
    for name, do, help in (
        ("prepare", data_prepare, "decode a data set once into the packed store"),
        ("verify", data_verify, "recompute every checksum of a prepared data set"),
        ("info", data_info, "show counts, balance and duplicates, and draw a contact sheet"),
    ):
        command = declare(verbs, name, do, help, EXAMPLES[name])
        command.add_argument("name", metavar="NAME", help="a name from `mixscope data list`")
        root_and_json(command)
        if name == "prepare":
            command.add_argument(
                "--source",
                type=Path,
                metavar="PATH",
                help="an archive or an unpacked folder; of cues, parameters",
            )
            command.add_argument("--size", type=int, metavar="N", help="resize images to N x N pixels")
            command.add_argument(
                "--test-fraction",
                type=float,
                metavar="F",
                help="of an image folder without a test split: hold out this share of each class",
            )
            command.add_argument(
                "--background",
                metavar="'#RRGGBB'",
                help="of an image folder: the colour behind transparent pixels (default: white)",
            )
            command.add_argument("--as", dest="called", metavar="NAME", help="prepare it under another name")
        if name == "info":
            command.add_argument("--sheet", type=Path, metavar="PNG", help="where the contact sheet goes")


def data_list(arguments: argparse.Namespace) -> None:
    """Prints the known data sets, and local copies that can be prepared."""
    from mixscope import tabular
    from mixscope.data import formats
    from mixscope.data.local_copies import at_hand
    from mixscope.data.store import data_root, is_prepared, names

    root = data_root(arguments.root)
    titles = {name: spec.title for name, spec in formats.SETS.items()}
    there = at_hand([root / "downloads", root, Path.cwd()])
    rows = [
        {
            "name": name,
            "title": titles.get(name, "your own"),
            "prepared": is_prepared(root, name),
            "sources": [str(source) for source in there.get(name, ())],
        }
        for name in names(root)
    ]
    if arguments.json:
        return print_json(rows)
    states = ["ready" if row["prepared"] else "here" if row["sources"] else "-" for row in rows]
    table = [[str(row["name"]), state, str(row["title"])] for row, state in zip(rows, states, strict=True)]
    print("\n".join(tabular.to_text(table)))
    print(f"\nin {root}")
    waiting = [name for name in there if not is_prepared(root, name)]
    sources = [(name, str(source)) for name in waiting for source in there[name]]
    if sources:
        print("\nwhat is here can be prepared without a download:")
    for name, source in sources:
        print(f"  mixscope data prepare {name} --source {shlex.quote(source)}")


def data_prepare(arguments: argparse.Namespace) -> None:
    """Prepares a data set and prints what was stored."""
    from mixscope.data.prepare import prepare
    from mixscope.data.store import data_root

    with bar(f"preparing {arguments.name}", arguments.json) as progress:
        store = prepare(
            arguments.name,
            root=data_root(arguments.root),
            source=arguments.source,
            size=arguments.size,
            test_fraction=arguments.test_fraction,
            background=arguments.background,
            called=arguments.called,
            progress=progress,
        )
    _print_store(store, arguments.json)


def data_verify(arguments: argparse.Namespace) -> None:
    """Recomputes the checksums of a prepared data set."""
    from mixscope.data.store import data_root
    from mixscope.data.store_writer import verify

    _print_store(verify(arguments.name, root=data_root(arguments.root)), arguments.json)


def data_info(arguments: argparse.Namespace) -> None:
    """Prints counts, balance and duplicates, and draws a contact sheet."""
    from mixscope.data import inspect
    from mixscope.data.store import Store, data_root

    store = Store.open(data_root(arguments.root), arguments.name)
    sheet = picture(arguments.sheet or Path(f"{arguments.name}-contact-sheet.png"))
    report = inspect.describe(store)
    inspect.contact_sheet(store, sheet)
    note_letters(store.class_names)
    if arguments.json:
        return print_json({**report, "sheet": str(sheet)})
    _print_store(store, False)
    for line in inspect.lines(report):
        print(line)
    print(f"sheet     {sheet}")


def _print_store(store: Any, as_json: bool) -> None:
    counts = {split: len(store.labels(split)) for split in ("train", "test")}
    if as_json:
        return print_json(
            {
                "name": store.name,
                "size": store.size,
                "classes": store.n_classes,
                "images": counts,
                "mean": list(store.mean),
                "std": list(store.std),
                "digest": store.digest,
                "notes": store.manifest["notes"],
            }
        )
    shown = "  ".join(f"{split} {count:,}" for split, count in counts.items())
    print(f"data      {store.name}  {shown}  {store.n_classes} classes  {store.size} px  {store.digest[:12]}")
    for note in store.manifest["notes"]:
        print(f"note      {textwrap.shorten(note, NOTE_WIDTH, placeholder=' ...')}")
