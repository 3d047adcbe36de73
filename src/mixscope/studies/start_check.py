"""What the runs of a study take on this machine, found out and said before the first of them starts.

Time is measured (probes.py) unless runs of the study tell it or it cannot be long. Nothing is asked: whoever
reads that it takes days can stop it, and reads here what to do instead.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope import hardware, i18n
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.formatting import duration
from mixscope.studies import estimate, missing, probes
from mixscope.studies.estimate import Estimate
from mixscope.studies.status import Standing, standings
from mixscope.study.matrix import PlannedRun, Study

LONG_SECONDS = 4 * 3600.0  # from here on it is said what to do instead
FEW_IMAGES = 100_000  # in all epochs of all runs: that many take no hours anywhere, and are not worth a probe
SIZED = ("resnet-vs-vit", "resnet-vs-vit-published", "resnet-vs-vit-small-images")  # not for a CPU
TWO_CORES = "resnet-vs-vit-two-cores"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartCheck:
    """What was found out.

    Attributes:
        study: The study.
        out: Its folder.
        found: Where each of the asked runs stands.
        costs: What each of them costs.
        slots: Runs at once that the time is for.
        totals: Of all runs that are left (estimate.totals).
        lacking: What the machine lacks (missing.py).
        instead: What to do instead where it takes long.
    """

    study: Study
    out: Path
    found: Sequence[Standing]
    costs: Sequence[Estimate]
    slots: int
    totals: dict[str, Any]
    lacking: Sequence[Finding]
    instead: Sequence[Finding]

    def lines(self) -> list[str]:
        """The check for a person; what fails is left to `missing.refuse`."""
        names = {s.run.name for s in self.found}
        left = sum(s.state != "done" for s in self.found)
        head = f"study     {self.study.name}: {len(self.found)} runs of {len(names)} experiments"
        rows = [f"{head}, {left} to do, in {self.out}"]
        if left and any(cost.source for cost in self.costs):
            there = {"memory_bytes": hardware.memory(), "disk_bytes": _free(self.out)}
            rows += estimate.sentences(self.costs, self.totals, slots=self.slots, there=there)
        rows += [f"warning   {i18n.render(f)}" for f in self.lacking if f.severity == "warn"]
        if self.instead:
            rows.append("instead   where that is too long:")
            rows += [f"  {i18n.render(finding)}" for finding in self.instead]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The check for a machine."""
        return {
            "study": self.study.name,
            "out": str(self.out),
            "runs": len(self.found),
            "left": sum(s.state != "done" for s in self.found),
            "total": self.totals,
            "missing": [finding.to_dict() for finding in self.lacking],
            "instead": [finding.to_dict() for finding in self.instead],
        }


def check(
    study: Study,
    runs: Sequence[PlannedRun],
    out: Path,
    *,
    root: Path,
    slots: int,
    prober: probes.Probe,
    remembered: probes.Probe,
) -> StartCheck:
    """Finds out what runs take and what they lack; nothing is written but what probes measured.

    Args:
        study: The study.
        runs: Those that were asked for.
        out: Its folder, which need not be there yet.
        root: The data folder.
        slots: Runs at once.
        prober: Measures what is not known.
        remembered: Measures nothing; asked where there is too little to do to measure, or where the runs
            cannot start.
    """
    found = standings(runs, out)
    lacking = missing.things(found, root)
    short = any(finding.severity == "fail" for finding in lacking) or _images(found, root) < FEW_IMAGES
    probe = remembered if short else prober
    costs = estimate.estimates(found, root=root, probe=probe)
    totals = estimate.totals(costs, slots=slots)
    return StartCheck(
        study=study,
        out=out,
        found=found,
        costs=costs,
        slots=slots,
        totals=totals,
        lacking=[*lacking, *missing.room(found, costs, out=out, slots=slots)],
        instead=instead(study, found, costs, slots=slots),
    )


def instead(
    study: Study, found: Sequence[Standing], costs: Sequence[Estimate], *, slots: int
) -> list[Finding]:
    """What to do where the runs take more than a few hours; nothing where they do not, or nobody knows."""
    known = [cost.left_seconds for cost in costs if cost.left_seconds is not None]
    seconds = estimate.together(known, slots)
    if seconds is None or seconds < LONG_SECONDS:
        return []
    advice = []
    if all(cost.device_bytes is None for cost in costs):
        advice.append(Finding("instead-gpu"))
    seeds = sorted({s.run.seed for s in found}, key=list(study.seeds).index)
    if len(seeds) > 1:
        of_first = [c.left_seconds for s, c in zip(found, costs, strict=True) if s.run.seed == seeds[0]]
        alone = estimate.together(of_first, slots)
        told = "unknown" if alone is None else duration(alone)
        advice.append(Finding("instead-seeds", params={"time": told, "needed": _least_seeds(study)}))
    if study.name in SIZED:
        advice.append(Finding("instead-two-cores", params={"study": TWO_CORES}))
    if study.name != "quickstart":
        advice.append(Finding("instead-quickstart"))
    return advice


def _least_seeds(study: Study) -> int:
    return study.looks[0] if study.looks else 3


def _images(found: Sequence[Standing], root: Path) -> int:
    """Training images in all epochs of the runs that are not done; of data that are not there none."""
    stores: dict[str, Store | None] = {}
    total = 0
    for config in (s.run.config for s in found if s.state != "done"):
        name = config.data.name
        if name not in stores:
            try:
                stores[name] = Store.open(root, name)
            except (ConfigError, DataError):
                stores[name] = None
        if (store := stores[name]) is not None:
            total += config.train.epochs * len(store.labels("train"))
    return total


def _free(out: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(there).free
