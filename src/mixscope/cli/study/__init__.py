"""`mixscope study`: many runs from one file."""

from typing import Any

from mixscope.cli.arguments import declare_group
from mixscope.cli.study import files, plan, run, table


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    verbs = declare_group(
        commands,
        "study",
        "plan, run and tabulate many runs from one file",
        "  mixscope study plan quickstart\n"
        "  mixscope study run quickstart --slots 2\n"
        "  mixscope study status quickstart --watch\n"
        "  mixscope study table quickstart\n"
        "  mixscope study new mine --from resnet-vs-vit",
        more="STUDY is a built-in study, a .yaml file, or a folder of its runs. Built in are quickstart,"
        " resnet-vs-vit, resnet-vs-vit-published, resnet-vs-vit-small-images, resnet-vs-vit-two-cores,"
        " resnet-vs-vit-two-cores-short, mixing-zoo and local-global.",
    )
    for module in (files, plan, run, table):
        module.add(verbs)
