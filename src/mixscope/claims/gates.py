"""Gates: reasons that cap a verdict, as data. Their texts are in the catalogues of i18n.

A gate never improves a verdict: it explains why the result of the interval alone is not reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixscope import i18n
from mixscope.claims.contrasts import Interval
from mixscope.claims.looks import Look
from mixscope.claims.rules import NEGLIGIBLE, REFUTED, SUPPORTED
from mixscope.findings import Finding

FEWEST_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason why a verdict is capped.

    Attributes:
        kind: "seeds", "unfinished", "failed", "claims", "plan", "copied", "settings", "code", "data",
            "checkpoint", "health", "scales", "holm" or "needs"; the report has a phrase for each.
        finding: The observation.
    """

    kind: str
    finding: Finding

    @property
    def sentence(self) -> str:
        """The finding in English."""
        return i18n.render(self.finding)


def gate(kind: str, code: str, **params: object) -> Gate:
    """A gate with the message `code` of the catalogues."""
    return Gate(kind, Finding(code, "warn", params))


def few(seeds: int) -> list[Gate]:
    """Gate for fewer than three seeds."""
    if seeds >= FEWEST_SEEDS:
        return []
    return [gate("seeds", "too-few-seeds", seeds=seeds, needed=FEWEST_SEEDS)]


def unfinished(look: Look, states: Mapping[str, Sequence[str]], ended: Sequence[str]) -> list[Gate]:
    """Gate for planned runs that have not ended, or were deleted.

    Args:
        look: The first look that is not reached.
        states: States of each experiment's runs that count at this look.
        ended: States of ended runs.
    """
    each = [state for mine in states.values() for state in mine]
    if all(state in ended for state in each):
        return []
    code = "before-first-look" if look.of > 1 else "runs-unfinished"
    return [gate("unfinished", code, done=each.count("done"), planned=len(each), seeds=look.seeds)]


def skipped(
    look: Look, numbers: Sequence[int], states: Mapping[str, Sequence[str]], pending: str
) -> list[Gate]:
    """Gate for runs not started or deleted while later seeds or other experiments have them.

    An experiment may stop at a look if no open claim needs it any more.

    Args:
        look: The look at which the claim is judged.
        numbers: Numbers of seeds at all looks.
        states: States of all planned runs of each experiment, in the order of seeds.
        pending: The state of a run that was not started.
    """
    own = {
        n: max((i + 1 for i, s in enumerate(each) if s != pending), default=0) for n, each in states.items()
    }
    most = max(own.values(), default=0)
    where = []
    for name, each in states.items():
        stopped = own[name] in numbers and own[name] >= look.seeds
        missing = sum(s == pending for s in each[: own[name] if stopped else most])
        if missing:
            where.append(f"{name} {missing}/{most}")
    return [gate("unfinished", "runs-skipped", where=", ".join(where))] if where else []


def failed(states: Mapping[str, Sequence[str]], lost: Sequence[str]) -> list[Gate]:
    """Gate for failed runs or damaged records: the remaining runs are a selection.

    Dropping diverged runs made a worse augmentation SUPPORTED in 87 % of simulated studies.
    """
    where = [
        f"{name} {sum(s in lost for s in mine)}/{len(mine)}"
        for name, mine in states.items()
        if any(s in lost for s in mine)
    ]
    if not where:
        return []
    each = [state for mine in states.values() for state in mine]
    failed = sum(s in lost for s in each)
    return [gate("failed", "runs-lost", failed=failed, planned=len(each), where=", ".join(where))]


def scales(expect: str, verdict: str, points: Interval, logits: Interval) -> list[Gate]:
    """Gate for log-odds whose interval contradicts a settled verdict.

    For a difference claimed on one side, their interval is entirely on the other; for a difference judged
    negligible, it excludes 0 on the side opposite to the estimate.
    """
    if verdict not in (SUPPORTED, REFUTED, NEGLIGIBLE):
        return []
    away = logits.low > 0 if points.estimate < 0 else logits.high < 0
    if verdict == NEGLIGIBLE or expect == "equivalent":
        contrary = away
    else:
        contrary = logits.high < 0 if points.low > 0 else logits.low > 0
    if not contrary:
        return []
    found = gate("scales", "scales-disagree", points_pp=points.estimate, low=logits.low, high=logits.high)
    return [found]
