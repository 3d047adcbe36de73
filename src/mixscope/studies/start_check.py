"""Checks the cost of a study's runs before the first of them starts.

Time is measured (probes.py) unless runs of the study determine it or it is certain to be short. Nothing is
asked of the user: if it takes days, the message says so and suggests alternatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope import hardware, i18n
from mixscope.data.store import Store
from mixscope.findings import Finding
from mixscope.studies import estimate, probes, requirements
from mixscope.studies.estimate import Estimate
from mixscope.studies.status import Standing, standings
from mixscope.study.study import PlannedRun, Study

LONG_SECONDS = 4 * 3600.0  # duration from which on alternatives are suggested
FEW_IMAGES = 100_000  # images in all epochs of all runs below which no probe is needed
# Studies too large for a CPU.
SIZED = ("resnet-vs-vit", "resnet-vs-vit-published", "resnet-vs-vit-small-images")
TWO_CORES = "resnet-vs-vit-two-cores"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartCheck:
    """The result of the check.

    Attributes:
        study: The study.
        out: Folder of the study.
        found: Status of each requested run.
        costs: Cost of each.
        slots: Number of parallel runs assumed for the time.
        totals: Totals of the unfinished runs (estimate.totals).
        lacking: Missing requirements (requirements.py).
        instead: Alternatives if it takes long.
    """

    study: Study
    out: Path
    found: Sequence[Standing]
    costs: Sequence[Estimate]
    slots: int
    totals: dict[str, Any]
    lacking: Sequence[Finding]
    instead: Sequence[Finding]

    @property
    def can_start(self) -> bool:
        """Whether the study would start: nothing that a run cannot do without is missing."""
        return requirements.can_start(self.lacking)

    def lines(self, lang: str = "en", *, dry_run: bool = False) -> list[str]:
        """Formats the check.

        Args:
            lang: Language of the text.
            dry_run: Whether to include what a start would be refused for; otherwise that is left to
                `requirements.refuse`.
        """
        left = sum(s.state != "done" for s in self.found)
        about = {
            "study": self.study.name,
            "runs": len(self.found),
            "experiments": len({s.run.name for s in self.found}),
            "left": left,
            "out": str(self.out),
        }
        rows = [i18n.message("cost-runs", lang, **about)]
        if left and any(cost.source for cost in self.costs):
            found = estimate.findings(self.costs, self.totals, there=requirements.machine(self.out))
            rows += [i18n.render(finding, lang) for finding in found]
        elif left and requirements.lack_data(self.lacking):
            rows.append(i18n.message("cost-time-unprepared", lang))
        warnings = [finding for finding in self.lacking if finding.severity == "warn"]
        rows += [i18n.message("cost-warning", lang, text=finding) for finding in warnings]
        if dry_run:
            failures = [finding for finding in self.lacking if finding.severity == "fail"]
            rows += [i18n.message("cost-missing", lang, text=finding) for finding in failures]
        if self.instead:
            rows.append(i18n.message("cost-instead-title", lang))
            rows += [f"  {i18n.render(finding, lang)}" for finding in self.instead]
        if dry_run:
            code = "cost-dry-run" if self.can_start else "cost-dry-run-refused"
            rows.append(i18n.message(code, lang))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "study": self.study.name,
            "out": str(self.out),
            "runs": len(self.found),
            "left": sum(s.state != "done" for s in self.found),
            "total": self.totals,
            "can_start": self.can_start,
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
    """Determines the cost of runs and missing requirements; writes nothing except measured probes.

    Args:
        study: The study.
        runs: The requested runs.
        out: Folder of the study, which need not exist.
        root: Folder of prepared data sets.
        slots: Number of parallel runs.
        prober: Measures unknown costs.
        remembered: Cached measurements; used where there is too little to do to measure, or where data are
            missing.
    """
    found = standings(runs, out)
    lacking = requirements.things(found, root)
    unfit = requirements.lack_data(lacking) or _images(found, root) < FEW_IMAGES
    probe = remembered if unfit else prober
    costs = estimate.estimates(found, root=root, probe=probe)
    totals = estimate.totals(costs, slots=slots)
    lacking = [*lacking, *requirements.resources(found, costs, out=out, slots=slots)]
    return StartCheck(
        study=study,
        out=out,
        found=found,
        costs=costs,
        slots=slots,
        totals=totals,
        lacking=lacking,
        instead=instead(study, found, costs, slots=slots, lacking=lacking),
    )


def instead(
    study: Study,
    found: Sequence[Standing],
    costs: Sequence[Estimate],
    *,
    slots: int,
    lacking: Sequence[Finding] = (),
) -> list[Finding]:
    """Alternatives to runs that take more than a few hours or cannot start; empty for all others.

    A study in SIZED of unknown time counts as long on a machine without a GPU.

    Args:
        study: The study.
        found: Status of each requested run.
        costs: Cost of each, in the same order.
        slots: Number of parallel runs.
        lacking: Missing requirements (requirements.py).
    """
    known = [cost.left_seconds for cost in costs if cost.left_seconds is not None]
    seconds = estimate.together(known, slots)
    unknown = study.name in SIZED and len(known) < len(costs) and not hardware.gpu()
    too_long = unknown or (seconds is not None and seconds >= LONG_SECONDS)
    lacks = {finding.code for finding in lacking if finding.severity == "fail"}
    advice = []
    if "missing-weights" in lacks and (option := _without_weights(found)):
        advice.append(Finding("instead-scratch", params={"option": option}))
    if too_long and all(cost.device_bytes is None for cost in costs):
        advice.append(Finding("instead-gpu"))
    seeds = sorted({s.run.seed for s in found}, key=list(study.seeds).index)
    if too_long and len(seeds) > 1:
        of_first = [c.left_seconds for s, c in zip(found, costs, strict=True) if s.run.seed == seeds[0]]
        alone = estimate.together(of_first, slots)
        advice.append(Finding("instead-seeds", params={"seconds": alone, "needed": _least_seeds(study)}))
    if too_long and study.name in SIZED:
        advice.append(Finding("instead-two-cores", params={"study": TWO_CORES}))
    if (too_long or lacks) and study.name != "quickstart":
        advice.append(Finding("instead-quickstart"))
    return advice


def _without_weights(found: Sequence[Standing]) -> str | None:
    """The option that leaves out every run with pretrained weights, such as "pretrained=scratch"."""
    levels: dict[tuple[str, str], bool] = {}
    for run in (stands.run for stands in found):
        for level in run.levels.items():
            levels[level] = levels.get(level, False) or bool(run.config.model.pretrained)
    return next((f"{key}={level}" for (key, level), weights in levels.items() if not weights), None)


def _least_seeds(study: Study) -> int:
    return study.looks[0] if study.looks else 3


def _images(found: Sequence[Standing], root: Path) -> int:
    """Training images in all epochs of the unfinished runs; missing data count as none."""
    stores: dict[str, Store | Finding] = {}
    total = 0
    for config in (s.run.config for s in found if s.state != "done"):
        store = estimate.store_of(config, root, stores)
        if not isinstance(store, Finding):
            total += config.train.epochs * len(store.labels("train"))
    return total
