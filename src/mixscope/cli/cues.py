"""`mixscope cues`: draws the embedded data set of local and global cues, and matches their contrasts."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from mixscope import output
from mixscope.cli.arguments import declare, declare_group, picture
from mixscope.cli.terminal import note_built_in, print_json


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    verbs = declare_group(
        commands,
        "cues",
        "draw the set of local and global cues, and match its parameters",
        "  mixscope cues draw --sheet cues.png\n"
        "  mixscope cues match local-global --only model=vit --to cues.yaml",
        more="Each image has a local cue (texture) and a global one (arrangement), so that it shows which of"
        " the two a model goes by; docs/notes/local-global.md says how the set is made.",
    )
    command = declare(
        verbs,
        "match",
        match,
        "find the contrasts at which a model reads either cue alone equally well, by training it",
        "  mixscope cues match local-global --only model=vit --to cues.yaml\n"
        "  mixscope data prepare cues --source cues.yaml --as cues-mine",
    )
    command.add_argument("study", metavar="STUDY", help="a built-in study or a .yaml file")
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="key=value",
        help="a level of a factor, to leave one experiment",
    )
    command.add_argument(
        "--source", type=Path, metavar="FILE", help="parameters to begin with (default: those of the set)"
    )
    command.add_argument(
        "--target",
        type=float,
        default=0.75,
        metavar="T",
        help="share of right answers with one cue (default: 0.75)",
    )
    command.add_argument(
        "--tolerance",
        type=float,
        default=0.03,
        metavar="T",
        help="how far the two accuracies may lie apart (default: 0.03)",
    )
    command.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="trainings an accuracy is the mean of (default: 1)"
    )
    command.add_argument(
        "--work", type=Path, metavar="DIR", help="sets and runs (default: runs/matching/CELL)"
    )
    command.add_argument(
        "--to", type=Path, metavar="FILE", help="where the parameters go (default: WORK/cues.yaml)"
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command = declare(
        verbs,
        "draw",
        draw,
        "draw images of every class in every split",
        "  mixscope cues draw --sheet cues.png",
    )
    command.add_argument("--source", type=Path, metavar="FILE", help="parameters (default: those of cues)")
    command.add_argument("--size", type=int, metavar="N", help="32 or 64 px")
    command.add_argument("--sheet", type=Path, default=Path("cues.png"), metavar="PNG", help="where it goes")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def match(arguments: argparse.Namespace) -> int:
    """Finds parameters with which a model reads both cues equally well and writes them; 1 where none do."""
    import dataclasses

    from mixscope.analysis import cue_matching
    from mixscope.study import matrix
    from mixscope.study.config import split_pair

    only = {key: str(value) for key, value in map(split_pair, arguments.only)}
    run = cue_matching.run_without_mixing(matrix.load(arguments.study), only)
    note_built_in(arguments.study)
    work = arguments.work or Path("runs") / "matching" / run.name
    found = cue_matching.search(
        cue_matching.trained(
            run.config,
            seeds=arguments.seeds,
            work=work,
            say=(lambda line: None) if arguments.json else partial(output.line, work="search"),
        ),
        cue_matching.start(run.config, arguments.source),
        target=arguments.target,
        tolerance=arguments.tolerance,
    )
    file = arguments.to or work / "cues.yaml"
    cue_matching.keep(found, file)
    if arguments.json:
        print_json({**dataclasses.asdict(found), "file": str(file)})
    else:
        result = "within" if found.holds else "NOT within"
        print(
            f"\nlocal_contrast {found.parameters.local_contrast},"
            f" global_contrast {found.parameters.global_contrast}:"
            f" {100 * found.local:.1f} % by L alone, {100 * found.glob:.1f} % by G alone, {result} tolerance"
            f"\nparameters {file}"
        )
    return 0 if found.holds else 1


def draw(arguments: argparse.Namespace) -> None:
    """Writes a sheet of the images that some parameters make."""
    from mixscope.data import cues

    parameters = cues.chosen(cues.BUILT_IN["cues"], arguments.source, arguments.size)
    cues.sheet(parameters, picture(arguments.sheet))
    print_json({"sheet": str(arguments.sheet)}) if arguments.json else print(f"sheet     {arguments.sheet}")
