"""How it was run: commands, versions, hardware, digests and cost.

What does not belong here: markup (templates/how.html), and how charts are drawn (plots.py).
"""

import shlex
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mixscope.formatting import number
from mixscope.report import plots
from mixscope.report.story import Run, Story
from mixscope.report.words import Words


def told_how(told: Story, words: Words, *, reference: Path | None, curves: Path | None) -> dict[str, Any]:
    """Everything that the section shows; cost is "" without a finished run."""
    known = [run for run in told.runs if run.environment is not None]
    folder = shlex.quote(str(told.folder))
    options = "".join(
        f" {name} {shlex.quote(str(file))}"
        for name, file in (("--reference", reference), ("--curves", curves))
        if file is not None
    )
    language = f" --lang {words.language}" if words.language != "en" else ""
    groups = {
        "versions": _counted(_versions(run) for run in known),
        "hardware": _counted(_hardware(run, words) for run in known),
        "digests": _counted(_digests(run, words) for run in known),
    }
    seconds = [float(run.summary["seconds"]) for run in told.done if run.summary]
    speeds = [float(run.summary["images_per_second"]) for run in told.done if run.summary]
    return {
        "commands": [
            f"mixscope study run {folder}/study.yaml --out {folder}",
            f"mixscope report {folder}{language}{options}",
        ],
        "groups": {name: rows for name, rows in groups.items() if rows},
        "cost": words(
            "how.cost_text",
            hours=number(sum(seconds) / 3600),
            runs=len(seconds),
            median=duration(statistics.median(seconds), words),
            speed=plots.shown(statistics.median(speeds), 0),
        )
        if seconds
        else "",
        "runs": [_how_run(run, words) for run in told.runs],
    }


def _counted(found: Iterable[Mapping[str, str]]) -> list[tuple[str, str, int]]:
    """(what, value, runs that have it), in the order of their first appearance."""
    counts: dict[tuple[str, str], int] = {}
    for each in found:
        for pair in each.items():
            counts[pair] = counts.get(pair, 0) + 1
    order = list(dict.fromkeys(what for what, _ in counts))
    return sorted(
        ((what, value, n) for (what, value), n in counts.items()), key=lambda row: order.index(row[0])
    )


def _versions(run: Run) -> dict[str, str]:
    e = run.environment or {}
    packages = {name: version for name, version in e["packages"].items() if version}
    return {"mixscope": str(e.get("mixscope")), "python": str(e.get("python")), **packages}


def _hardware(run: Run, words: Words) -> dict[str, str]:
    e = run.environment or {}
    device, hardware = e["device"], e.get("hardware", {})
    return {
        "cpu": words(
            "how.cpu",
            name=hardware.get("cpu"),
            cores=hardware.get("cores"),
            memory=hardware.get("memory_gib"),
        ),
        "device": words(
            "how.device", name=device.get("name"), threads=device.get("threads"), ranks=device.get("ranks")
        ),
        "platform": str(e.get("platform")),
    }


def _digests(run: Run, words: Words) -> dict[str, str]:
    e = run.environment or {}
    code, data = e["code"], e["data"]
    revision = str(code.get("revision") or "–")
    if code.get("dirty"):
        revision += f" ({words('how.dirty')})"
    return {
        words("how.code"): str(code["digest"]),
        words("how.revision"): revision,
        words("how.data", name=data["name"]): str(data["digest"])[:16],
    }


def _how_run(run: Run, words: Words) -> dict[str, Any]:
    seconds = float(run.summary["seconds"]) if run.summary else None
    device = (run.environment or {}).get("device", {})
    return {
        "directory": run.directory,
        "seed": run.seed,
        "state": run.state,
        "epochs": len(run.epochs),
        "planned": run.epochs_planned,
        "seconds": seconds,
        "time": duration(seconds, words) if seconds is not None else "–",
        "speed": float(run.summary["images_per_second"]) if run.summary else None,
        "device": f"{device.get('name', '–')}",
        "code": (run.environment or {}).get("code", {}).get("digest", "–"),
    }


def duration(seconds: float, words: Words) -> str:
    """Time in the two units that matter.

    >>> duration(10_700, Words("en"))
    '2 h 58 min'
    """
    seconds = round(seconds)
    if seconds < 60:
        return words("how.seconds", s=seconds)
    if seconds < 3600:
        return words("how.minutes", m=seconds // 60, s=seconds % 60)
    return words("how.hours", h=seconds // 3600, m=seconds % 3600 // 60)
