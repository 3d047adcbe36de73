"""Which experiments still need seeds: a study run look by look stops those that no open claim needs."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixscope import i18n
from mixscope.claims.rules import MISSING, SETTLED
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.errors import ConfigError
from mixscope.findings import Finding
from mixscope.runs import records
from mixscope.study import matrix
from mixscope.study.study import Study

# Gates that more seeds can lift; all others stay.
LIFTED = {"seeds", "unfinished", "holm", "needs", "scales"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimsStatus:
    """Status of a study's claims at a look.

    Attributes:
        settled: Verdicts of the claims that need no more seeds, by claim.
        stuck: Claims that no number of seeds would settle, with the reasons.
        needed: Experiments that each open claim needs, by claim.
    """

    settled: Mapping[str, str]
    stuck: Mapping[str, tuple[Finding, ...]]
    needed: Mapping[str, tuple[str, ...]]

    @property
    def experiments(self) -> set[str]:
        """Experiments needed by any open claim."""
        return {name for names in self.needed.values() for name in names}


def standing(verdicts: Sequence[Verdict]) -> ClaimsStatus:
    """Which claims are open, and what they need. Estimates and secondary claims do not keep runs going."""
    settled, stuck, needed = {}, {}, {}
    for verdict in verdicts:
        if verdict.secondary or verdict.expect == "none":
            continue
        if verdict.verdict in SETTLED:
            settled[verdict.claim] = verdict.verdict
            continue
        open_ = [reading for reading in verdict.readings if _open(reading)]
        names = dict.fromkeys(name for reading in open_ for name in reading.cells)
        waits = any("needs" in reading.gate_kinds for reading in verdict.readings)
        if names or waits:
            needed[verdict.claim] = tuple(names)
        else:
            reasons = {i18n.render(finding): finding for r in verdict.readings for finding in r.findings}
            stuck[verdict.claim] = tuple(reasons.values())
    if not any(needed.values()):  # the remaining claims wait for settled or stuck ones
        stuck |= dict.fromkeys(needed, (Finding("deciding-waits"),))
        needed = {}
    return ClaimsStatus(settled=settled, stuck=stuck, needed=needed)


def _open(reading: Reading) -> bool:
    """Whether more seeds may settle a reading left open by its interval or the correction."""
    if not set(reading.gate_kinds) <= LIFTED:
        return False
    if reading.verdict == MISSING:
        return True
    return reading.uncapped not in SETTLED or bool(
        {"seeds", "unfinished", "holm", "scales"} & set(reading.gate_kinds)
    )


def extended(study: Study) -> Study:
    """The study with as many seeds as its last look requires: those listed, then the next integers.

    Raises:
        ConfigError: If the study declares no looks.
    """
    if not study.looks:
        raise ConfigError(
            "missing-key",
            "--until-decided goes by the looks of a study, and it declares none; write"
            " looks: [3, 5, 8, 12] before its first run",
            path=study.file.file,
        )
    lacking = study.looks[-1] - len(study.seeds)
    if lacking <= 0:
        return study
    first = max(study.seeds) + 1
    longer = replace(study, seeds=[*study.seeds, *range(first, first + lacking)])
    return replace(longer, text=matrix.written(longer))


def findings(now: ClaimsStatus) -> Iterator[Finding]:
    """The status of claims, one finding each."""
    for claim, verdict in now.settled.items():
        yield Finding("deciding-decided", params={"claim": claim, "verdict": verdict})
    for claim, reasons in now.stuck.items():
        yield Finding("deciding-stuck", params={"claim": claim, "all_reasons": list(reasons)})
    for claim, names in now.needed.items():
        yield Finding("deciding-open", params={"claim": claim, "experiments": len(names)})


def saved(study: Study, out: Path, seeds: int) -> Finding:
    """The runs saved by stopping before the last look."""
    planned = study.expand(seeds=seeds)
    there = records.begun(out)
    begun = [run for run in planned if run.directory in there]
    took = [
        float(seconds)
        for run in begun
        if (out / run.directory / "summary.json").exists()
        and (seconds := records.read_summary(out / run.directory).get("seconds")) is not None
    ]
    left = len(planned) - len(begun)
    cost = left * statistics.fmean(took) if took and left else "none"
    return Finding("deciding-saved", params={"left": left, "runs": len(planned), "seconds": cost})
