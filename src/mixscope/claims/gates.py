"""What caps a verdict, as data: a kind, its values, and one template a kind that makes the sentence.

A gate never makes a verdict better: it says why what an interval alone would say is not said.

What does not belong here: gates that compare the records of runs (health.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixscope.claims.contrasts import Interval
from mixscope.claims.looks import Look
from mixscope.claims.rules import NEGLIGIBLE, REFUTED, SUPPORTED

FEWEST_SEEDS = 3
# Kinds, each one word; the report has a phrase for each.
GATES = (
    *("seeds", "unfinished", "failed", "claims", "copied", "settings", "code", "data"),
    *("checkpoint", "health", "scales", "holm", "needs"),
)
TEMPLATES = {
    "one-seed": "one seed where a verdict needs {fewest}",
    "few-seeds": "{seeds} seeds where a verdict needs {fewest}",
    "unpaired": "no seed is common to all its cells, and the study pairs them by seed",
    "unfinished": "{done} of {planned} runs are done: the verdict is given at {seeds} seeds",
    "first-look": "{done} of {planned} runs are done: the first look is at {seeds} seeds",
    "failed": (
        "{failed} of {planned} planned runs did not finish ({where}): the estimate is of runs that finish"
    ),
    "claims": "claims were edited after {runs} had begun: post hoc",
    "copied": "runs with identical predictions: {where}",
    "scales": "log-odds say otherwise: {low:+.3f} to {high:+.3f} logits at {estimate:+.2f} pp",
    "holm": (
        "one of {size} directional claims: p {p:.3g} alone is {adjusted:.3g} after Holm, above {level:.3g}"
    ),
    "strata": "one of {strata} strata: p {p:.3g} by itself is {adjusted:.3g} corrected, above {level:.3g}",
    "needs": "it needs {claim}, which is {verdict}",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason why a verdict is capped.

    Attributes:
        kind: One of `GATES`.
        code: One of `TEMPLATES`; "" where `params` has the sentence.
        params: Values of the template.
    """

    kind: str
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """In English."""
        return TEMPLATES[self.code].format(**self.params) if self.code else str(self.params["sentence"])


def few(seeds: int) -> list[Gate]:
    """Fewer than three seeds."""
    if seeds >= FEWEST_SEEDS:
        return []
    params = {"seeds": seeds, "fewest": FEWEST_SEEDS}
    return [Gate("seeds", "one-seed" if seeds == 1 else "few-seeds", params)]


def unfinished(look: Look, states: Mapping[str, Sequence[str]], ended: Sequence[str]) -> list[Gate]:
    """Planned runs that have not ended, or were deleted.

    Args:
        look: The first that is not reached.
        states: Of the runs of each experiment that count at this look.
        ended: States of runs that have ended.
    """
    each = [state for mine in states.values() for state in mine]
    if all(state in ended for state in each):
        return []
    params = {"done": each.count("done"), "planned": len(each), "seeds": look.seeds}
    return [Gate("unfinished", "first-look" if look.of > 1 else "unfinished", params)]


def failed(states: Mapping[str, Sequence[str]], lost: Sequence[str]) -> list[Gate]:
    """Runs that failed or whose records are damaged: what remains is a choice of runs.

    Dropping runs that diverged made a worse arm SUPPORTED in 87 % of simulated studies.
    """
    where = [
        f"{name} {sum(s in lost for s in mine)} of {len(mine)}"
        for name, mine in states.items()
        if any(s in lost for s in mine)
    ]
    if not where:
        return []
    each = [state for mine in states.values() for state in mine]
    params = {"failed": sum(s in lost for s in each), "planned": len(each), "where": ", ".join(where)}
    return [Gate("failed", "failed", params)]


def scales(expect: str, verdict: str, points: Interval, logits: Interval) -> list[Gate]:
    """Log-odds whose interval says the opposite of a settled verdict.

    A difference that is claimed on one side has an interval of log-odds wholly on the other; one that is
    called none has an interval of log-odds that leaves out 0 on the side away from the estimate.
    """
    if verdict not in (SUPPORTED, REFUTED, NEGLIGIBLE):
        return []
    away = logits.low > 0 if points.estimate < 0 else logits.high < 0
    if verdict == NEGLIGIBLE or expect == "equivalent":
        contrary = away
    else:
        contrary = logits.high < 0 if points.low > 0 else logits.low > 0
    params = {"low": logits.low, "high": logits.high, "estimate": points.estimate}
    return [Gate("scales", "scales", params)] if contrary else []
