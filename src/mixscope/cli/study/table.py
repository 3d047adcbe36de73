"""`mixscope study table` and `mixscope study eval`: the result tables of the finished runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope import i18n, output
from mixscope.cli.arguments import declare_slots
from mixscope.cli.study.selection import declare_verb, experiment_seeds, print_skipped, selected
from mixscope.cli.terminal import ascii_only, print_json, spoken
from mixscope.errors import ConfigError

if TYPE_CHECKING:
    from mixscope.results import Results


def add(verbs: Any) -> None:
    """Declares the commands and their arguments."""
    declare_verb(
        verbs,
        "table",
        study_table,
        "show the result table of the finished runs",
        ["quickstart", "runs/quickstart.zip", "resnet-vs-vit --only data=cifar100"],
    )
    declare_slots(
        declare_verb(
            verbs,
            "eval",
            study_eval,
            "evaluate every finished run again and write the result tables",
            ["quickstart", "quickstart --slots 2"],
        )
    )


def study_table(arguments: argparse.Namespace) -> None:
    """Prints the result table of the finished runs."""
    from mixscope.results import bundle, folders, sources, tables
    from mixscope.studies.status import standings

    file, lang = Path(arguments.study), spoken(arguments.lang).language
    if file.suffix not in (".yaml", ".yml") and (file.is_file() or bundle.is_bundle(file)):
        if arguments.only or arguments.seeds is not None:
            raise ConfigError(
                "conflict", f"{file} is no study; they choose runs of a study", key="--only, --seeds"
            )
        results = sources.load(file)
        rows = tables.rows(results)
    else:
        study, runs, out = selected(arguments)
        print_skipped(standings(runs, out), lang)
        results = folders.of_plan(study, out)
        rows = tables.rows(results, experiment_seeds(runs))
    if arguments.json:
        return print_json(rows)
    print("\n\n".join([shown(results, rows, lang), *notes(results, lang)]))


def study_eval(arguments: argparse.Namespace) -> None:
    """Re-evaluates every finished run and writes the result tables."""
    from mixscope import threads

    with threads.bounded_wait():  # before torch is imported
        _study_eval(arguments)


def _study_eval(arguments: argparse.Namespace) -> None:
    from mixscope.data.store import data_root
    from mixscope.errors import DataError
    from mixscope.results import folders, tables
    from mixscope.runs import verify
    from mixscope.studies.status import standings

    study, runs, out = selected(arguments)
    lang = spoken(arguments.lang).language
    found = standings(runs, out)
    done = [s.path for s in found if s.state == "done"]
    print_skipped(found, lang)
    if not done:
        raise DataError(
            "missing-results",
            f"no run of {study.name} is trained yet, so there is nothing to evaluate;"
            f" `mixscope study run {arguments.study}` trains them",
            path=out,
        )
    seen = 0

    def notice(path: Path) -> None:
        nonlocal seen
        seen += 1
        if not arguments.json:
            sound = i18n.message("progress-sound", lang)
            output.line(f"{seen:>3}/{len(done)}  {sound}  {path.name}", work="evaluation")

    verify.finished(done, root=data_root(arguments.root), notice=notice, slots=arguments.slots)
    results, kept = folders.of_plan(study, out), experiment_seeds(runs)
    remarks = notes(results, "en")  # as everything in the files
    files = tables.write(results, out, kept, notes=remarks)
    rows, missing = tables.rows(results, kept), tables.not_done(results, kept)
    if arguments.json:
        files_named = [str(file) for file in files]
        return print_json({"rows": rows, "not_done": missing, "notes": remarks, "files": files_named})
    print(f"\n{shown(results, rows, lang)}\n\n{caption(rows, lang)}")
    for note in notes(results, lang):
        print(note)
    if missing:
        print(i18n.message("progress-not-done", lang, runs=", ".join(missing)))
    print(i18n.message("progress-tables", lang, folder=str(out / "tables")))


def shown(results: Any, rows: Any, lang: str) -> str:
    """The overall table, as this terminal can show it."""
    from mixscope.results import tables

    return tables.text(results, rows, lang, ascii=ascii_only())


def caption(rows: Any, lang: str) -> str:
    """The table's caption, as this terminal can show it."""
    from mixscope.results import tables

    text = tables.caption(rows, lang)
    return text if ascii_only() else text.replace("+-", "±")


def notes(results: "Results", language: str) -> list[str]:
    """Remarks on a table of means: which finished seeds do not count for claims."""
    from mixscope.claims import post_hoc

    left_out = post_hoc.uncounted(results)
    return [] if left_out is None else [i18n.render(left_out, language)]
