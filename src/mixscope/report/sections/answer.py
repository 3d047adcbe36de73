"""Section on the answer: remarks on every verdict, and the best experiments."""

from collections.abc import Sequence
from dataclasses import dataclass

from mixscope.claims import contrasts, samples, verdicts
from mixscope.claims.contrasts import POINTS, Interval
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.formatting import number, signed, signed_ends
from mixscope.report.content import ReportContent, ReportedExperiment
from mixscope.report.grouping import by_data
from mixscope.report.labels import seeds_range, short_name
from mixscope.report.texts import Texts

SHOWN = 4  # names listed in a remark


def undone(content: ReportContent, texts: Texts) -> dict[str, list[str]]:
    """Unfinished runs by state."""
    found: dict[str, list[str]] = {}
    for run in content.results.runs:
        if run.state != "done":
            found.setdefault(run.state, []).append(f"{run.experiment} {texts('page.seed', seed=run.seed)}")
    return found


def remarks(verdict: Verdict, reading: Reading, texts: Texts) -> list[str]:
    """Remarks on an interval: reasons for the verdict, seeds needed, and limitations."""
    found = []
    if reading.missing:
        few = ", ".join(reading.missing[:SHOWN]) + (" …" if len(reading.missing) > SHOWN else "")
        return [texts("answer.needs_runs", names=few)]
    capped = reading.uncapped is not None and reading.verdict != reading.uncapped
    if capped and reading.verdict in (verdicts.INCONCLUSIVE, verdicts.SCALE_DEPENDENT, verdicts.POST_HOC):
        kinds = [texts(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds)]
        found.append(texts("answer.capped", gates="; ".join(kinds)))
        if reading.uncapped in verdicts.SETTLED:
            found.append(texts("answer.uncapped", verdict=texts(f"verdict.{reading.uncapped}")))
    elif len(verdict.readings) == 1 and reading.verdict in (
        *verdicts.SETTLED,
        verdicts.INCONCLUSIVE,
    ):
        found.append(texts.render(verdict.why))
    if reading.look is not None and reading.look.of > 1:
        found.append(_looked(reading, texts))
    if reading.seeds_would_settle is not None:
        found.append(texts("answer.seeds_needed", n=seeds_range(reading)))
    if reading.verdict == verdicts.EXPLORATORY and verdict.expect != "none":
        key = "answer.tipping" if reading.tipping_sd is not None else "answer.open"
        found.append(texts(key, sd=number(reading.tipping_sd)))
    if reading.verdict == verdicts.EXPLORATORY or not capped:
        content = ("seeds",) if reading.verdict == verdicts.EXPLORATORY else ()
        kinds = [texts(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds) if kind not in content]
        found += [texts("answer.mind", gates="; ".join(kinds))] if kinds else []
    return found


def _looked(reading: Reading, texts: Texts) -> str:
    """The look at which a reading is judged, its interval, and the next look."""
    assert reading.look is not None and reading.judged is not None
    key = (
        "answer.look"
        if reading.look.next is None or reading.verdict in verdicts.SETTLED
        else "answer.look_next"
    )
    return texts(
        key,
        seeds=reading.look.seeds,
        level=f"{100 * reading.judged.level:.4g}",
        low=signed(reading.judged.low),
        high=signed(reading.judged.high),
        next=reading.look.next,
    )


def _interval(
    content: ReportContent, experiments: Sequence[ReportedExperiment], weights: Sequence[float]
) -> Interval | None:
    """The 95 % interval of a weighted sum of accuracies; None without predictions."""
    found = [samples.sample(content.results, experiment.name) for experiment in experiments]
    known = [sample for sample in found if sample is not None]
    if len(known) < len(experiments):
        return None
    if len(known) == 1:
        share = contrasts.mean(known[0])
        ends = {name: POINTS * getattr(share, name) for name in ("estimate", "low", "high")}
        return Interval(**ends, level=share.level)
    return contrasts.points(known, list(weights)).interval()


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The experiment with the highest mean of a data set.

    Attributes:
        experiment: The experiment.
        behind: The others, best first, with their means.
        apart: Interval of its lead over each of them; None where predictions are not known.
        tied: How many of them it is not shown to be better than: intervals of the lead that contain 0.
    """

    experiment: ReportedExperiment
    behind: Sequence[tuple[float, ReportedExperiment]]
    apart: Sequence[Interval | None]
    tied: int


def best(content: ReportContent) -> dict[str, Best]:
    """The best experiment of each data set with a finished experiment."""
    found = {}
    for data, experiments in by_data(content).items():
        ranked = sorted(
            ((m, c) for c in experiments if (m := c.mean("top1")) is not None), key=lambda pair: -pair[0]
        )
        if not ranked:
            continue
        (_, first), *behind = ranked
        apart = [_interval(content, [first, other], [1.0, -1.0]) for _, other in behind]
        tied = sum(interval is not None and interval.low <= 0.0 <= interval.high for interval in apart)
        found[data] = Best(experiment=first, behind=behind, apart=apart, tied=tied)
    return found


def best_experiments(content: ReportContent, texts: Texts) -> list[str]:
    """The best experiment of each data set, its distance to the next, and whether that is a tie."""
    sentences = []
    for data, found in best(content).items():
        experiment, mean = found.experiment, found.experiment.mean("top1") or 0.0
        alone = _interval(content, [experiment], [1.0])
        sentence = texts(
            "answer.best_one" if experiment.seeds == 1 else "answer.best",
            data=texts.level(data),
            experiment=short_name(experiment, content, texts),
            value=number(mean),
            seeds=experiment.seeds,
            interval="" if alone is None else f" [{number(alone.low)}, {number(alone.high)}]",
        )
        if found.behind:
            (behind, second), apart = found.behind[0], found.apart[0]
            sentence += "; " + texts(
                "answer.best_next",
                experiment=short_name(second, content, texts),
                difference=number(mean - behind),
                interval="" if apart is None else f" {signed_ends(apart.low, apart.high)}",
            )
        if found.tied:
            sentence += "; " + texts("answer.best_tie", count=found.tied, of=len(found.behind))
        sentences.append(sentence + ".")
    return sentences
