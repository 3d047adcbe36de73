"""`mixscope study new`, `pack` and `export-tensorboard`: study files, bundles and training curves."""

import argparse
from pathlib import Path
from typing import Any

from mixscope.cli.arguments import declare
from mixscope.cli.terminal import note_built_in, print_json
from mixscope.errors import ConfigError, DiskFull


def add(verbs: Any) -> None:
    """Declares the commands and their arguments."""
    _add_new(verbs)
    _add_export(verbs)
    _add_pack(verbs)


def _add_new(verbs: Any) -> None:
    command = declare(
        verbs,
        "new",
        study_new,
        "write a study file of your own, a copy of another, to edit",
        "  mixscope study new mine --from resnet-vs-vit\n  mixscope study run mine.yaml",
    )
    command.add_argument("name", metavar="NAME", help="the new study's name")
    command.add_argument(
        "--from", dest="origin", default="resnet-vs-vit", metavar="STUDY", help="default: resnet-vs-vit"
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="the file (default: NAME.yaml)")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def _add_export(verbs: Any) -> None:
    command = declare(
        verbs,
        "export-tensorboard",
        study_export,
        "write the curves of finished runs for TensorBoard",
        "  mixscope study export-tensorboard runs/quickstart\n  tensorboard --logdir runs/quickstart",
    )
    command.add_argument("folder", type=Path, metavar="STUDY_DIR", help="a folder of runs")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def _add_pack(verbs: Any) -> None:
    command = declare(
        verbs,
        "pack",
        study_pack,
        "pack a study's results into one small file, without weights and images",
        "  mixscope study pack runs/quickstart\n  mixscope judge runs/quickstart.zip\n"
        "a bundle that is there keeps its runs: pack into it from every machine that has a part of the study",
    )
    command.add_argument(
        "folder", type=Path, metavar="STUDY_DIR", help="a study's folder; runs that are not done are listed"
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE.zip|DIR", help="the bundle (default: STUDY_DIR.zip)"
    )
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")


def study_new(arguments: argparse.Namespace) -> None:
    """Writes a copy of a study file under another name, to edit."""
    from mixscope.atomic import replacing
    from mixscope.study import matrix

    text = matrix.copied(arguments.origin, arguments.name)
    note_built_in(arguments.origin)
    file = arguments.out or Path(f"{arguments.name}.yaml")
    if file.exists() or file.is_symlink():
        raise ConfigError("already-exists", "already exists; give another --out, or remove it", path=file)
    try:
        with replacing(file) as opened:
            opened.write(text.encode())
    except DiskFull:
        raise
    except OSError as problem:
        raise ConfigError(
            "no-access", f"cannot be written ({problem.strerror}); give another --out", path=file
        ) from problem
    if arguments.json:
        return print_json({"study": arguments.name, "file": str(file)})
    print(f"study     {file}  (edit it, then: mixscope study plan {file})")


def study_pack(arguments: argparse.Namespace) -> None:
    """Packs a study's results into a bundle."""
    from mixscope.formatting import size
    from mixscope.results import bundle, folders
    from mixscope.results.results import DAMAGED

    results = folders.study(arguments.folder)
    resolved = arguments.folder.resolve()
    out = arguments.out or arguments.folder.parent / f"{resolved.name}.zip"
    packed = bundle.write(results, out)
    files = [out] if out.is_file() else [file for file in out.rglob("*") if file.is_file()]
    taken = sum(file.stat().st_size for file in files)
    done, planned = len(packed.done), len(packed.runs)
    if arguments.json:
        return print_json({"bundle": str(out), "bytes": taken, "runs": {"done": done, "asked": planned}})
    for run in packed.runs:
        if run.state == DAMAGED:
            print(f"left out  {run.label}: {run.error}")
    print(f"packed    {done} of {planned} runs, {size(taken)}\nbundle    {out}")


def study_export(arguments: argparse.Namespace) -> None:
    """Writes the curves of finished runs for TensorBoard."""
    from mixscope.runs import tracking

    done, left = tracking.export_all(arguments.folder)
    if arguments.json:
        return print_json({"exported": [str(p) for p in done], "not_done": [p.name for p in left]})
    more = f"; not done: {', '.join(p.name for p in left)}" if left else ""
    print(f"exported  {len(done)} runs{more}\nlook      tensorboard --logdir {arguments.folder}")
