"""`mixscope doctor`: versions and hardware of this machine, and a test of the whole chain."""

import argparse
from typing import Any

from mixscope.cli.arguments import declare, root_and_json
from mixscope.cli.terminal import print_json


def add(commands: Any) -> None:
    """Declares the command and its arguments."""
    command = declare(
        commands,
        "doctor",
        doctor,
        "show versions and hardware, and test the whole chain",
        "  mixscope doctor",
    )
    root_and_json(command)


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
