"""`mixscope cues`: draws the embedded data set of local and global cues, and matches their contrasts."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from mixscope import output
from mixscope.cli.grammar import declare, declare_group, picture, print_json


def add(commands: Any) -> None:
    """Declares the commands and their arguments."""
    verbs = declare_group(
        commands,
        "cues",
        "draw the set of local and global cues, and match its dials",
        "  mixscope cues draw --sheet cues.png\n"
        "  mixscope cues match local-global --only model=vit --to dials.yaml",
        more="Each image has a local cue (texture) and a global one (arrangement), so that it shows which of"
        " the two a model goes by; docs/notes/local-global.md says how the set is made.",
    )
    command = declare(
        verbs,
        "match",
        match,
        "find the contrasts at which a model reads either cue alone equally well, by training it",
        "  mixscope cues match local-global --only model=vit --to dials.yaml\n"
        "  mixscope data prepare cues --source dials.yaml --as cues-mine",
    )
    command.add_argument("study", metavar="STUDY", help="a built-in study or a .yaml file")
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="key=value",
        help="a level of a factor, to leave one cell",
    )
    command.add_argument(
        "--source", type=Path, metavar="FILE", help="dials to begin with (default: the set's)"
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
        "--to", type=Path, metavar="FILE", help="where the dials go (default: WORK/dials.yaml)"
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command = declare(
        verbs,
        "draw",
        draw,
        "draw images of every class in every split",
        "  mixscope cues draw --sheet cues.png",
    )
    command.add_argument("--source", type=Path, metavar="FILE", help="dials (default: those of cues)")
    command.add_argument("--size", type=int, metavar="N", help="32 or 64 px")
    command.add_argument("--sheet", type=Path, default=Path("cues.png"), metavar="PNG", help="where it goes")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def match(arguments: argparse.Namespace) -> int:
    """Finds dials by which a model reads both cues equally well and writes them; 1 where none do."""
    import dataclasses

    from mixscope.analysis import matching
    from mixscope.study import matrix
    from mixscope.study.config import split_pair

    only = {key: str(value) for key, value in map(split_pair, arguments.only)}
    cell = matching.cell(matrix.load(arguments.study), only)
    work = arguments.work or Path("runs") / "matching" / cell.name
    found = matching.search(
        matching.trained(
            cell.config,
            seeds=arguments.seeds,
            work=work,
            say=(lambda line: None) if arguments.json else partial(output.line, work="search"),
        ),
        matching.start(cell.config, arguments.source),
        target=arguments.target,
        tolerance=arguments.tolerance,
    )
    file = arguments.to or work / "dials.yaml"
    matching.keep(found, file)
    if arguments.json:
        print_json({**dataclasses.asdict(found), "file": str(file)})
    else:
        result = "within" if found.holds else "NOT within"
        print(
            f"\nlocal_contrast {found.dials.local_contrast}, global_contrast {found.dials.global_contrast}:"
            f" {100 * found.local:.1f} % by L alone, {100 * found.glob:.1f} % by G alone, {result} tolerance"
            f"\ndials     {file}"
        )
    return 0 if found.holds else 1


def draw(arguments: argparse.Namespace) -> None:
    """Writes a sheet of the images that some dials make."""
    from mixscope.data import cues

    dials = cues.chosen(cues.BUILT_IN["cues"], arguments.source, arguments.size)
    cues.sheet(dials, picture(arguments.sheet))
    print_json({"sheet": str(arguments.sheet)}) if arguments.json else print(f"sheet     {arguments.sheet}")
