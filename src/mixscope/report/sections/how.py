"""Section on provenance: commands, versions, hardware, digests and cost."""

import shlex
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mixscope import i18n
from mixscope.claims import health
from mixscope.formatting import number
from mixscope.report import shapes
from mixscope.report.content import ReportContent
from mixscope.report.texts import Texts
from mixscope.results import Provenance, Run


def how(
    content: ReportContent, texts: Texts, *, reference: Path | None, curves: Path | None
) -> dict[str, Any]:
    """The content of the section; cost is "" without a finished run."""
    known = [run.provenance for run in content.results.runs if run.provenance is not None]
    folder = shlex.quote(content.results.source)
    options = "".join(
        f" {name} {shlex.quote(str(file))}"
        for name, file in (("--reference", reference), ("--curves", curves))
        if file is not None
    )
    language = f" --lang {texts.language}" if texts.language != "en" else ""
    groups = {
        "versions": _counted(_versions(made) for made in known),
        "hardware": _counted(_hardware(made, texts) for made in known),
        "digests": _counted(_digests(made, texts) for made in known),
    }
    seconds = [made.seconds for made in known if made.seconds is not None]
    speeds = [made.images_per_second for made in known if made.images_per_second is not None]
    planned = [f"mixscope study run {folder}/study.yaml --out {folder}"] if content.results.folder else []
    unchecked = health.unchecked(content.results) if content.results.plan is None else ()
    return {
        "commands": [*planned, f"mixscope report {folder}{language}{options}"],
        "notes": content.results.notes,
        "unchecked": ", ".join(texts.of("unchecked", kind.replace(" ", "_")) for kind in unchecked),
        "groups": {name: rows for name, rows in groups.items() if rows},
        "cost": texts(
            "how.cost_text",
            hours=number(sum(seconds) / 3600),
            runs=len(seconds),
            median=i18n.duration(statistics.median(seconds), texts.language),
            speed=shapes.shown(statistics.median(speeds), 0),
        )
        if seconds
        else "",
        "recorded": content.results.plan is not None or bool(known),
        "runs": [_how_run(run, texts) for run in content.results.runs],
    }


def _counted(found: Iterable[Mapping[str, str]]) -> list[tuple[str, str, int]]:
    """(property, value, number of runs), in order of first appearance."""
    counts: dict[tuple[str, str], int] = {}
    for each in found:
        for pair in each.items():
            counts[pair] = counts.get(pair, 0) + 1
    order = list(dict.fromkeys(what for what, _ in counts))
    return sorted(
        ((what, value, n) for (what, value), n in counts.items()), key=lambda row: order.index(row[0])
    )


def _versions(made: Provenance) -> dict[str, str]:
    packages = {name: version for name, version in made.packages.items() if version}
    return {
        "mixscope": str(made.system.get("mixscope")),
        "python": str(made.system.get("python")),
        **packages,
    }


def _hardware(made: Provenance, texts: Texts) -> dict[str, str]:
    device, system = made.device, made.system
    return {
        "cpu": texts(
            "how.cpu",
            name=system.get("cpu"),
            cores=system.get("cores"),
            memory=system.get("memory_gib"),
        ),
        "device": texts(
            "how.device", name=device.get("name"), threads=device.get("threads"), ranks=device.get("ranks")
        ),
        "platform": str(system.get("platform")),
    }


def _digests(made: Provenance, texts: Texts) -> dict[str, str]:
    revision = made.revision or "–"
    if made.modified:
        revision += f" ({texts('how.dirty')})"
    found = {texts("how.code"): ", ".join(made.code_digests) or "–", texts("how.revision"): revision}
    if made.data is not None:
        found[texts("how.data", name=made.data.name)] = (made.data.digest or "–")[:16]
    return found


def _how_run(run: Run, texts: Texts) -> dict[str, Any]:
    made = run.provenance or Provenance()
    return {
        "directory": run.directory or run.label,
        "seed": run.seed,
        "state": run.state,
        "epochs": len(run.epochs),
        "planned": run.config.train.epochs if run.config else len(run.epochs),
        "seconds": made.seconds,
        "time": i18n.duration(made.seconds, texts.language) if made.seconds is not None else "–",
        "speed": made.images_per_second,
        "device": str(made.device.get("name", "–")),
        "code": ", ".join(made.code_digests) or "–",
    }
