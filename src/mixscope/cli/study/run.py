"""`mixscope study run` and `mixscope study retry`: execute the unfinished or the failed runs of a study."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mixscope import i18n, output
from mixscope.cli.executors import chosen, declare_executor, declare_track, tracked
from mixscope.cli.study.selection import declare_verb, experiment_seeds, print_finding, selected
from mixscope.cli.study.table import caption, notes, shown
from mixscope.cli.terminal import print_json, spoken
from mixscope.errors import ConfigError


def add(verbs: Any) -> None:
    """Declares the commands and their arguments."""
    run = declare_verb(
        verbs,
        "run",
        study_run,
        "run the unfinished runs of a study, several in parallel",
        [
            "quickstart --slots auto",
            "resnet-vs-vit --dry-run",
            "resnet-vs-vit --only data=cifar100 --only pretrained=scratch --seeds 1",
            "quickstart --until-decided",
        ],
    )
    retry = declare_verb(
        verbs,
        "retry",
        study_retry,
        "restart the runs that failed and were given up, and only those",
        ["quickstart", "quickstart --dry-run"],
    )
    for command in (run, retry):
        command.add_argument(
            "--slots",
            metavar="N",
            help="parallel runs, or auto to choose their number (default: 1; on a cluster all)",
        )
        command.add_argument(
            "--hang-seconds",
            type=float,
            default=900.0,
            metavar="S",
            help="kill a run without a heartbeat for this long",
        )
        command.add_argument(
            "--no-fork-server",
            action="store_true",
            help="start each run as a new process instead of a fork",
        )
        declare_executor(command)
        declare_track(command)
        command.add_argument(
            "--dry-run",
            action="store_true",
            help="show cost and missing requirements of the runs, and start none",
        )
    run.add_argument(
        "--until-decided",
        action="store_true",
        help="run look by look, skipping runs that no open claim needs",
    )
    run.add_argument(
        "--packed",
        type=Path,
        metavar="BUNDLE",
        help="skip runs that are in a bundle of this study from another machine",
    )


def study_run(arguments: argparse.Namespace) -> int:
    """Runs what is left of a study; returns 1 if runs failed."""
    study, runs, out = selected(arguments)
    if arguments.until_decided:
        return _until_decided(arguments, study, out)
    if arguments.packed is not None:
        runs = _not_packed(runs, arguments)
        if not runs:
            return 0
    return _run(arguments, study, runs, out)


def _not_packed(runs: Any, arguments: argparse.Namespace) -> Any:
    """The runs that a bundle does not contain, with a line about them."""
    from mixscope.results import bundle

    there = {run.directory for run in bundle.read(arguments.packed).done}
    left = [run for run in runs if run.directory not in there]
    done = f"{len(runs) - len(left)} of {len(runs)} runs are done in {arguments.packed}"
    if not arguments.json:
        output.line(f"packed    {done}; {len(left)} left", work="study")
    elif not left:
        print_json([])
    return left


def _until_decided(arguments: argparse.Namespace, study: Any, out: Path) -> int:
    """Runs a study look by look until its claims are decided, and prints the saved runs."""
    from mixscope.claims import stopping, verdicts
    from mixscope.results import folders

    chosen = (arguments.only, arguments.json, arguments.dry_run, arguments.seeds is not None)
    if any(chosen) or arguments.packed is not None:
        raise ConfigError(
            "conflict",
            "chooses the runs itself; leave out --only, --seeds, --packed, --json and --dry-run",
            key="--until-decided",
        )
    study, lang = stopping.extended(study), spoken(arguments.lang).language
    names = {name for name, _ in study.experiments()}
    code, last = 0, study.looks[-1]
    for number, seeds in enumerate(study.looks, start=1):
        runs = [run for run in study.expand(seeds=seeds) if run.name in names]
        about = {"number": number, "of": len(study.looks), "experiments": len(names), "seeds": seeds}
        output.line(i18n.message("deciding-look", lang, **about), work="study")
        code = _run(arguments, study, runs, out)
        now = stopping.standing(verdicts.judge(folders.study(out)))
        for finding in stopping.findings(now):
            output.line(i18n.render(finding, lang), work="study")
        names = now.experiments
        if not names:
            break
    print(i18n.render(stopping.saved(study, out, last), lang))
    return code


def study_retry(arguments: argparse.Namespace) -> int:
    """Restarts failed runs only."""
    from mixscope.studies.status import standings

    study, runs, out = selected(arguments)
    lang = spoken(arguments.lang).language
    failed = [s for s in standings(runs, out) if s.state == "failed"]
    if not failed:
        none = i18n.message("progress-no-failed", lang, study=study.name, out=str(out))
        print_json([]) if arguments.json else print(none)
        return 0
    if not arguments.json:
        head = i18n.message("progress-again", lang, failed=len(failed), runs=len(runs))
        output.line(head, work="study")
        for stands in failed:
            about = {"run": stands.run.directory, "error": str(stands.reason(lang))}
            output.line(i18n.message("progress-again-run", lang, **about), work="study")
    return _run(arguments, study, [s.run for s in failed], out)


def _run(arguments: argparse.Namespace, study: Any, runs: Any, out: Path) -> int:
    from mixscope.data.store import data_root
    from mixscope.results import folders, tables
    from mixscope.studies import folder, names, progress_table

    run, options, fixed = chosen(arguments, len(runs), out)
    extra = tracked(arguments.track)
    root, live = data_root(arguments.root), sys.stdout.isatty()
    lang = spoken(arguments.lang).language
    names.check(study, runs, root=root)
    if arguments.executor == "local":  # a cluster node may keep its data elsewhere
        _check_start(arguments, study, runs, out, root=root, slots=fixed, threads=options.threads, lang=lang)
    elif arguments.dry_run and not arguments.json:
        print(i18n.message("cost-dry-run", lang))
    if arguments.dry_run:
        return 0
    folder.keep(study, out)
    if arguments.json:
        watcher: progress_table.Silent = progress_table.Silent()
    else:
        watcher = progress_table.watcher(
            live=live, root=root, threads=options.threads, slots=fixed, lang=lang
        )
    with watcher as notice:
        found = run(runs, out=out, root=root, options=options, notice=notice, extra=extra)
    results = folders.of_plan(study, out)
    rows = tables.rows(results, experiment_seeds(runs))
    if arguments.json:
        print_json(rows)
    else:
        said = caption(rows, lang)
        print(f"\n{shown(results, rows, lang)}\n")
        print(i18n.message("progress-records", lang, caption=said, out=str(out)))
        for note in notes(results, lang):
            print(note)
        print(i18n.message("progress-report", lang, out=str(out)))
    return 0 if all(s.state == "done" for s in found) else 1


def _check_start(
    arguments: argparse.Namespace,
    study: Any,
    runs: Any,
    out: Path,
    *,
    root: Path,
    slots: int,
    threads: int,
    lang: str,
) -> None:
    """Says what the runs take and lack. Raises DataError or RunFailed for all that one cannot do without.

    A dry run raises nothing: it has succeeded once it has said so.

    slots: how many go at once; 0 where that is found out on the way, and one with all cores is as fast.
    """
    from mixscope.hardware import cores
    from mixscope.studies import probes, requirements, start_check

    threads = threads if slots else cores()
    found = start_check.check(
        study,
        runs,
        out,
        root=root,
        slots=slots or 1,
        prober=probes.Prober(root=root, threads=threads, notice=print_finding(lang)),
        remembered=probes.Remembered(threads=threads),
    )
    if not arguments.json:
        for line in found.lines(lang, dry_run=arguments.dry_run):
            output.line(line, work="study")
    elif arguments.dry_run:
        print_json(found.to_dict())
    else:
        for finding in found.lacking:
            if finding.severity == "warn":
                print(i18n.message("cost-warning", lang, text=finding), file=sys.stderr)
    if not arguments.dry_run:
        requirements.refuse(found.lacking, lang)
