"""`mixscope study`: many runs from one file."""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixscope import i18n, output
from mixscope.cli.executors import chosen, declare_executor, declare_track, tracked
from mixscope.cli.grammar import (
    ascii_only,
    declare,
    declare_group,
    declare_slots,
    language,
    print_json,
    root_and_json,
    spoken,
    table,
)
from mixscope.cli.power import declare_power, power_of_study
from mixscope.errors import ConfigError, DiskFull
from mixscope.findings import Finding
from mixscope.formatting import padded

if TYPE_CHECKING:
    from mixscope.results import Results


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
    _add_new(verbs)
    _add_export(verbs)
    _add_pack(verbs)
    for name, do, help in (
        ("plan", study_plan, "show every run of a study with status and cost; writes nothing"),
        ("run", study_run, "run the unfinished runs of a study, several in parallel"),
        ("retry", study_retry, "restart the runs that failed and were given up, and only those"),
        ("status", study_status, "show the status of every run, from its records"),
        ("table", study_table, "show the result table of the finished runs"),
        ("eval", study_eval, "evaluate every finished run again and write the result tables"),
    ):
        command = declare(
            verbs,
            name,
            do,
            help,
            f"  mixscope study {name} quickstart\n"
            f"  mixscope study {name} resnet-vs-vit --only data=cifar100 --only pretrained=scratch",
        )
        command.add_argument(
            "study", metavar="STUDY", help="a built-in study, a .yaml file, or a folder of its runs"
        )
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="key=value",
            help="a level of a factor, name or seed",
        )
        command.add_argument("--seeds", type=int, metavar="N", help="the first N seeds")
        command.add_argument(
            "--out", type=Path, metavar="DIR", help="the study's folder (default: runs/STUDY)"
        )
        root_and_json(command)
        language(command)
        if name == "plan":
            command.add_argument(
                "--slots",
                type=int,
                default=1,
                metavar="N",
                help="parallel runs assumed for the time (default: 1)",
            )
            command.add_argument(
                "--no-probe",
                action="store_true",
                help="estimate from earlier runs alone, without measuring",
            )
            declare_power(command)
        if name == "eval":
            declare_slots(command)
        if name == "status":
            command.add_argument("--watch", action="store_true", help="keep running and update the display")
        if name in ("run", "retry"):
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
        if name == "run":
            command.add_argument(
                "--until-decided",
                action="store_true",
                help="run look by look, skipping runs that no open claim needs",
            )
            command.add_argument(
                "--packed",
                type=Path,
                metavar="BUNDLE",
                help="skip runs that are in a bundle of this study from another machine",
            )


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


def study_new(arguments: argparse.Namespace) -> None:
    """Writes a copy of a study file under another name, to edit."""
    from mixscope.atomic import replacing
    from mixscope.study import matrix

    text = matrix.copied(arguments.origin, arguments.name)
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


def _planned(arguments: argparse.Namespace) -> tuple[Any, Any, Path]:
    """The named study, the requested runs, and their folder."""
    from mixscope.study import matrix
    from mixscope.study.config import split_pair

    study = matrix.load(arguments.study)
    if arguments.study in matrix.builtin() and Path(arguments.study).exists():
        name = arguments.study
        print(f"note: {name} is the built-in study; for what is at ./{name}, write ./{name}", file=sys.stderr)
    folder = matrix.folder_of(arguments.study) or Path("runs") / study.name
    only = {key: str(value) for key, value in map(split_pair, arguments.only)}
    runs = study.expand(only=only, seeds=arguments.seeds)
    if not runs:
        raise ConfigError(
            "unknown-name", "no run of the study has all of these levels; name fewer", key="--only"
        )
    return study, runs, arguments.out or folder


def study_plan(arguments: argparse.Namespace) -> None:
    """Prints every run of a study with its status and cost."""
    from mixscope.data.store import data_root
    from mixscope.hardware import cores
    from mixscope.studies import estimate, missing, names, probes, start_check
    from mixscope.studies.status import standings

    study, runs, out = _planned(arguments)
    lang = spoken(arguments.lang).language
    if arguments.slots < 1:
        raise ConfigError("out-of-range", f"--slots must be 1 or more, got {arguments.slots}", key="--slots")
    root = data_root(arguments.root)
    names.check(study, runs, root=root)
    found = standings(runs, out)
    probe = None
    if not arguments.no_probe:
        threads = max(1, cores() // arguments.slots)
        probe = probes.Prober(root=root, threads=threads, notice=_notice(lang))
    costs = estimate.estimates(found, root=root, probe=probe)
    if arguments.power:
        return power_of_study(arguments, study, found, costs)
    totals = estimate.totals(costs, slots=arguments.slots)
    lacking = [*missing.things(found, root), *missing.resources(found, costs, out=out, slots=arguments.slots)]
    if arguments.json:
        rows = [
            {
                "name": s.run.name,
                "cell": dict(s.run.levels),
                "seed": s.run.seed,
                "digest": s.run.digest,
                "state": s.state,
                **dataclasses.asdict(cost),
                "settings": s.run.config.semantic(),
            }
            for s, cost in zip(found, costs, strict=True)
        ]
        about = {"study": study.name, "out": str(out), "runs": rows, "total": totals}
        return print_json(about | {"missing": [finding.to_dict() for finding in lacking]})
    print(table([_about(s, lang) | _cost_row(c, lang) for s, c in zip(found, costs, strict=True)]))
    experiments = len({run.name for run in runs})
    print(f"\n{i18n.message('cost-planned', lang, runs=len(found), experiments=experiments, out=str(out))}")
    for finding in estimate.findings(costs, totals):
        print(i18n.render(finding, lang))
    for finding in lacking:
        print(i18n.message("cost-missing", lang, text=finding))
    for finding in start_check.instead(study, found, costs, slots=arguments.slots):
        print(i18n.message("cost-instead", lang, text=finding))


def _notice(lang: str) -> Callable[[Finding], None]:
    """Prints a finding to standard error."""
    return lambda finding: print(i18n.render(finding, lang), file=sys.stderr)


def _titled(row: dict[str, Any], lang: str) -> dict[str, Any]:
    """A row with the titles of its columns for its keys; factors are named as in `--only`."""
    return {i18n.message(f"column-{k}", lang) if i18n.has(f"column-{k}") else k: v for k, v in row.items()}


def _cost_row(cost: Any, lang: str) -> dict[str, Any]:
    from mixscope.formatting import size
    from mixscope.studies import estimate

    row = {
        "time-left": None if cost.left_seconds is None else i18n.duration(cost.left_seconds, lang),
        "memory": None if cost.memory_bytes is None else size(cost.memory_bytes),
        "disk": None if cost.disk_bytes is None else size(cost.disk_bytes),
        "basis": i18n.render(estimate.basis(cost), lang),
    }
    return _titled(row, lang)


def study_status(arguments: argparse.Namespace) -> None:
    """Prints the status of every run."""
    from mixscope.data.store import data_root
    from mixscope.hardware import cores
    from mixscope.studies import estimate, probes, progress_table
    from mixscope.studies.status import standings

    study, runs, out = _planned(arguments)
    root, lang = data_root(arguments.root), spoken(arguments.lang).language
    if arguments.watch and arguments.json:
        raise ConfigError(
            "conflict",
            "is for people; ask `mixscope study status --json` as often as is wanted",
            key="--watch",
        )
    if arguments.watch:
        return progress_table.watch(runs, out, root=root, lang=lang)
    found = standings(runs, out)
    running = sum(s.state == "running" for s in found) or 1
    probe = probes.Remembered(threads=max(1, cores() // running))
    costs = estimate.estimates(found, root=root, probe=probe, disk=False)
    rows, total = progress_table.rows(found, costs), progress_table.total(found, costs, slots=running)
    if arguments.json:
        return print_json({"study": study.name, "out": str(out), "runs": rows, "total": total})
    print(table([_standing_row(s, c, lang) for s, c in zip(found, costs, strict=True)]))
    for stands in found:
        if stands.state in ("failed", "damaged", "conflict"):
            state = padded(progress_table.state_name(stands.state, lang), 9)
            print(f"{state} {stands.run.directory}  {stands.error}")
        elif stands.remark is not None:
            lost = padded(i18n.message("event-lost", lang), 9)
            print(f"{lost} {stands.run.directory}  {stands.remark}")
    said = progress_table.sentence(total, lang)
    print(f"\n{i18n.message('progress-in', lang, said=said, out=str(out))}")


def study_run(arguments: argparse.Namespace) -> int:
    """Runs what is left of a study; returns 1 if runs failed."""
    study, runs, out = _planned(arguments)
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
    from mixscope.claims import deciding, verdicts
    from mixscope.results import folders

    chosen = (arguments.only, arguments.json, arguments.dry_run, arguments.seeds is not None)
    if any(chosen) or arguments.packed is not None:
        raise ConfigError(
            "conflict",
            "chooses the runs itself; leave out --only, --seeds, --packed, --json and --dry-run",
            key="--until-decided",
        )
    study = deciding.extended(study)
    names = {name for name, _ in study.experiments()}
    code, last = 0, study.looks[-1]
    for number, seeds in enumerate(study.looks, start=1):
        runs = [run for run in study.expand(seeds=seeds) if run.name in names]
        line = f"look {number} of {len(study.looks)}: {len(names)} experiments at {seeds} seeds"
        output.line(line, work="study")
        code = _run(arguments, study, runs, out)
        now = deciding.standing(verdicts.judge(folders.study(out)))
        for line in deciding.lines(now):
            output.line(line, work="study")
        names = now.experiments
        if not names:
            break
    print(deciding.saved(study, out, last))
    return code


def study_retry(arguments: argparse.Namespace) -> int:
    """Restarts failed runs only."""
    from mixscope.studies.status import standings

    study, runs, out = _planned(arguments)
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
            about = {"run": stands.run.directory, "error": str(stands.error)}
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
    if arguments.dry_run:
        if not arguments.json:
            print(i18n.message("cost-dry-run", lang))
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
    rows = tables.rows(results, _kept(runs))
    if arguments.json:
        print_json(rows)
    else:
        said = _caption(rows, lang)
        print(f"\n{_shown(results, rows, lang)}\n")
        print(i18n.message("progress-records", lang, caption=said, out=str(out)))
        for note in _notes(results, lang):
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

    slots: how many go at once; 0 where that is found out on the way, and one with all cores is as fast.
    """
    from mixscope.hardware import cores
    from mixscope.studies import missing, probes, start_check

    threads = threads if slots else cores()
    found = start_check.check(
        study,
        runs,
        out,
        root=root,
        slots=slots or 1,
        prober=probes.Prober(root=root, threads=threads, notice=_notice(lang)),
        remembered=probes.Remembered(threads=threads),
    )
    if not arguments.json:
        for line in found.lines(lang):
            output.line(line, work="study")
    elif arguments.dry_run:
        print_json(found.to_dict())
    else:
        for finding in found.lacking:
            if finding.severity == "warn":
                print(i18n.message("cost-warning", lang, text=finding), file=sys.stderr)
    missing.refuse(found.lacking, lang)


def _kept(runs: Any) -> set[tuple[str, int]]:
    return {(run.name, run.seed) for run in runs}


def study_table(arguments: argparse.Namespace) -> None:
    """Prints the result table of the finished runs."""
    from mixscope.results import bundle, folders, sources, tables
    from mixscope.studies.status import standings

    file = Path(arguments.study)
    if file.suffix not in (".yaml", ".yml") and (file.is_file() or bundle.is_bundle(file)):
        if arguments.only or arguments.seeds is not None:
            raise ConfigError(
                "conflict", f"--only, --seeds: {file} is no study; they choose runs of a study", key="--only"
            )
        results = sources.load(file)
        rows = tables.rows(results)
    else:
        study, runs, out = _planned(arguments)
        _pass_over(standings(runs, out))
        results = folders.of_plan(study, out)
        rows = tables.rows(results, _kept(runs))
    if arguments.json:
        return print_json(rows)
    lang = spoken(arguments.lang).language
    print("\n\n".join([_shown(results, rows, lang), *_notes(results, lang)]))


def _shown(results: Any, rows: Any, lang: str) -> str:
    """The overall table, as this terminal can show it."""
    from mixscope.results import tables

    return tables.text(results, rows, lang, ascii=ascii_only())


def _caption(rows: Any, lang: str) -> str:
    from mixscope.results import tables

    caption = tables.caption(rows, lang)
    return caption if ascii_only() else caption.replace("+-", "±")


def _notes(results: "Results", language: str) -> list[str]:
    """Remarks on a table of means: which finished seeds do not count for claims."""
    from mixscope.claims import recorded

    left_out = recorded.uncounted(results)
    return [] if left_out is None else [i18n.render(left_out, language)]


def _pass_over(found: Any) -> None:
    """Prints which runs are skipped because their records are damaged or of other settings."""
    for stands in found:
        if stands.state in ("damaged", "conflict"):
            print(f"skipped: {stands.error}", file=sys.stderr)
        elif stands.remark is not None:
            print(f"skipped: {stands.remark}", file=sys.stderr)


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

    study, runs, out = _planned(arguments)
    lang = spoken(arguments.lang).language
    found = standings(runs, out)
    done = [s.path for s in found if s.state == "done"]
    _pass_over(found)
    if not done:
        raise DataError(
            "missing-results", f"no run of {study.name} is done; `mixscope study run` makes them", path=out
        )
    seen = 0

    def notice(path: Path) -> None:
        nonlocal seen
        seen += 1
        if not arguments.json:
            sound = i18n.message("progress-sound", lang)
            output.line(f"{seen:>3}/{len(done)}  {sound}  {path.name}", work="evaluation")

    verify.finished(done, root=data_root(arguments.root), notice=notice, slots=arguments.slots)
    results, kept = folders.of_plan(study, out), _kept(runs)
    notes = _notes(results, "en")  # as everything in the files
    files = tables.write(results, out, kept, notes=notes)
    rows, missing = tables.rows(results, kept), tables.not_done(results, kept)
    if arguments.json:
        files_named = [str(file) for file in files]
        return print_json({"rows": rows, "not_done": missing, "notes": notes, "files": files_named})
    print(f"\n{_shown(results, rows, lang)}\n\n{_caption(rows, lang)}")
    for note in _notes(results, lang):
        print(note)
    if missing:
        print(i18n.message("progress-not-done", lang, runs=", ".join(missing)))
    print(i18n.message("progress-tables", lang, folder=str(out / "tables")))


def _about(found: Any, lang: str) -> dict[str, Any]:
    from mixscope.studies.progress_table import state_name

    state = {"seed": found.run.seed, "state": state_name(found.state, lang)}
    return _titled({"run": found.run.directory, **found.run.levels, **state}, lang)


def _standing_row(found: Any, cost: Any, lang: str) -> dict[str, Any]:
    eta = cost.left_seconds if found.state == "running" else None
    row = {
        "epoch": f"{found.epoch}/{found.epochs}",
        "top1": found.top1,
        "speed": found.images_per_second,
        "eta": None if eta is None else i18n.duration(eta, lang),
    }
    return _about(found, lang) | _titled(row, lang)
