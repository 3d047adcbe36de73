"""`mixscope study plan` and `mixscope study status`: every run of a study with its cost or its progress."""

import argparse
import dataclasses
from typing import Any

from mixscope import i18n
from mixscope.cli.power import declare_power, power_of_study
from mixscope.cli.study.selection import declare_verb, print_finding, selected
from mixscope.cli.terminal import print_json, spoken, table
from mixscope.errors import ConfigError
from mixscope.formatting import padded


def add(verbs: Any) -> None:
    """Declares the commands and their arguments."""
    plan = declare_verb(
        verbs,
        "plan",
        study_plan,
        "show every run of a study with status and cost; writes nothing",
        ["quickstart", "quickstart --power", "resnet-vs-vit --only data=cifar100 --slots 2"],
    )
    plan.add_argument(
        "--slots", type=int, default=1, metavar="N", help="parallel runs assumed for the time (default: 1)"
    )
    plan.add_argument(
        "--no-probe", action="store_true", help="estimate from earlier runs alone, without measuring"
    )
    declare_power(plan)
    status = declare_verb(
        verbs,
        "status",
        study_status,
        "show the status of every run, from its records",
        ["quickstart", "quickstart --watch", "resnet-vs-vit --only model=vit"],
    )
    status.add_argument("--watch", action="store_true", help="keep running and update the display")


def study_plan(arguments: argparse.Namespace) -> None:
    """Prints every run of a study with its status and cost."""
    from mixscope.data.store import data_root
    from mixscope.hardware import cores
    from mixscope.studies import estimate, names, probes, requirements, start_check
    from mixscope.studies.status import standings

    study, runs, out = selected(arguments)
    lang = spoken(arguments.lang).language
    if arguments.slots < 1:
        raise ConfigError("out-of-range", f"--slots must be 1 or more, got {arguments.slots}", key="--slots")
    root = data_root(arguments.root)
    names.check(study, runs, root=root)
    found = standings(runs, out)
    probe = None
    if not arguments.no_probe:
        threads = max(1, cores() // arguments.slots)
        probe = probes.Prober(root=root, threads=threads, notice=print_finding(lang))
    costs = estimate.estimates(found, root=root, probe=probe)
    if arguments.power:
        return power_of_study(arguments, study, found, costs)
    totals = estimate.totals(costs, slots=arguments.slots)
    lacking = [
        *requirements.things(found, root),
        *requirements.resources(found, costs, out=out, slots=arguments.slots),
    ]
    if arguments.json:
        rows = [
            {
                "name": s.run.name,
                "cell": dict(s.run.levels),
                "seed": s.run.seed,
                "digest": s.run.digest,
                "state": s.state,
                **dataclasses.asdict(cost),
                "why": None if cost.why is None else i18n.render(cost.why),
                "settings": s.run.config.semantic(),
            }
            for s, cost in zip(found, costs, strict=True)
        ]
        about = {"study": study.name, "out": str(out), "runs": rows, "total": totals}
        about["can_start"] = requirements.can_start(lacking)
        return print_json(about | {"missing": [finding.to_dict() for finding in lacking]})
    print(table([_about(s, lang) | _cost_row(c, lang) for s, c in zip(found, costs, strict=True)]))
    experiments = len({run.name for run in runs})
    print(f"\n{i18n.message('cost-planned', lang, runs=len(found), experiments=experiments, out=str(out))}")
    for finding in estimate.findings(costs, totals, there=requirements.machine(out)):
        print(i18n.render(finding, lang))
    for finding in lacking:
        print(i18n.message("cost-missing", lang, text=finding))
    for finding in start_check.instead(study, found, costs, slots=arguments.slots, lacking=lacking):
        print(i18n.message("cost-instead", lang, text=finding))


def study_status(arguments: argparse.Namespace) -> None:
    """Prints the status of every run."""
    from mixscope.data.store import data_root
    from mixscope.hardware import cores
    from mixscope.studies import estimate, probes, progress_table
    from mixscope.studies.status import standings

    study, runs, out = selected(arguments)
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
            print(f"{state} {stands.run.directory}  {stands.reason(lang)}")
        elif stands.remark is not None:
            lost = padded(i18n.message("event-lost", lang), 9)
            print(f"{lost} {stands.run.directory}  {stands.reason(lang)}")
    said = progress_table.sentence(total, lang)
    print(f"\n{i18n.message('progress-in', lang, said=said, out=str(out))}")


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


def _standing_row(found: Any, cost: Any, lang: str) -> dict[str, Any]:
    eta = cost.left_seconds if found.state == "running" else None
    row = {
        "epoch": f"{found.epoch}/{found.epochs}",
        "top1": found.top1,
        "speed": found.images_per_second,
        "eta": None if eta is None else i18n.duration(eta, lang),
    }
    return _about(found, lang) | _titled(row, lang)


def _about(found: Any, lang: str) -> dict[str, Any]:
    from mixscope.studies.progress_table import state_name

    state = {"seed": found.run.seed, "state": state_name(found.state, lang)}
    return _titled({"run": found.run.directory, **found.run.levels, **state}, lang)


def _titled(row: dict[str, Any], lang: str) -> dict[str, Any]:
    """A row with the titles of its columns for its keys; factors are named as in `--only`."""
    return {i18n.message(f"column-{k}", lang) if i18n.has(f"column-{k}") else k: v for k, v in row.items()}
