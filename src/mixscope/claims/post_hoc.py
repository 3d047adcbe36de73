"""Compares what runs recorded about their study at their start with the study as it is now.

Claims, looks, the order of seeds and the levels of factors are fixed by the first run; seeds, levels and
experiments may be added. Any other edit may have been made after seeing results: it is post hoc.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mixscope.claims import gates
from mixscope.claims.gates import Gate
from mixscope.findings import Finding
from mixscope.results import Results
from mixscope.results.results import PENDING
from mixscope.study import claim


def studies(results: Results) -> list[Mapping[str, Any]]:
    """The records of each run, in the order of runs; runs without a record are skipped."""
    found = [run.provenance.study for run in results.runs if run.provenance is not None]
    return [study for study in found if study is not None]


def first_seeds(results: Results) -> int:
    """The number of seeds planned first if it is recorded; else that of the results."""
    counts = [_count(study.get("seeds")) for study in studies(results)]
    return min([len(results.seeds), *(n for n in counts if n is not None)])


def uncounted(results: Results) -> Finding | None:
    """Finding on seeds added to a study without looks, which no verdict counts; None without such seeds."""
    first = first_seeds(results)
    later = results.seeds[first:]
    if results.plan is None or results.looks or not later:
        return None
    if all(each.expect == "none" for each in results.claims):
        return None
    finished = {run.seed for run in results.done}
    left = [seed for seed in later if seed in finished]
    return Finding(
        "seeds-uncounted",
        params={
            "counted": first,
            "seeds": ", ".join(map(str, results.seeds[:first])),
            "left": len(left),
            "later": ", ".join(map(str, left or later)),
        },
    )


def claimed(results: Results) -> bool:
    """Whether any run recorded claims at its start."""
    return any(study.get("claims") for study in studies(results))


def edits(results: Results) -> list[Gate]:
    """Gates that mark claims as post hoc; empty for results without a plan.

    The digest of claims is recomputed, so that edits of a study file or a bundle are detected.
    """
    if results.claims_digest is None:
        return []
    found = []
    begun = studies(results)
    now = claim.digest(results.claims, results.looks)
    other = sum(study.get("claims") not in (None, now) for study in begun)
    if not other and results.claims_digest != now:
        other = sum(run.state != PENDING for run in results.runs)
    if other and results.claims_file:
        found.append(gates.gate("claims", "claims-beside", count=other, file=results.claims_file))
    elif other:
        found.append(gates.gate("claims", "claims-edited", count=other))
    seeds = sum(not _begins(results.seeds, study.get("seeds")) for study in begun)
    if seeds:
        found.append(gates.gate("plan", "seeds-edited", count=seeds))
    gone = dict.fromkeys(level for study in begun for level in _gone(results, study.get("factors")))
    if gone:
        found.append(gates.gate("plan", "levels-gone", levels=", ".join(gone)))
    if results.unasked:
        shown = ", ".join(results.unasked[:3]) + (", ..." if len(results.unasked) > 3 else "")
        found.append(gates.gate("plan", "runs-unasked", count=len(results.unasked), runs=shown))
    return found


def _count(seeds: Any) -> int | None:
    """Earlier versions recorded only the number of seeds."""
    if isinstance(seeds, int):
        return seeds
    return len(seeds) if isinstance(seeds, list | tuple) else None


def _begins(now: Sequence[int], seeds: Any) -> bool:
    """Whether the seeds of a study begin with those recorded by a run."""
    if isinstance(seeds, list | tuple):
        return list(now[: len(seeds)]) == list(seeds)
    return not isinstance(seeds, int) or seeds <= len(now)


def _gone(results: Results, factors: Any) -> list[str]:
    """Levels recorded by a run that the study no longer has."""
    if not isinstance(factors, Mapping):
        return []
    return [
        f"{factor}={level}"
        for factor, levels in factors.items()
        for level in levels
        if level not in results.factors.get(factor, ())
    ]
