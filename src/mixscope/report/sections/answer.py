"""Section on the answer: remarks on every verdict, and the best experiments."""

from collections.abc import Sequence

from mixscope.claims import contrasts, samples, verdicts
from mixscope.claims.contrasts import POINTS
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.formatting import number, signed
from mixscope.report.grouping import by_data
from mixscope.report.naming import seeds_range, short_cell
from mixscope.report.story import Cell, Story
from mixscope.report.words import Words

SHOWN = 4  # names listed in a remark


def undone(told: Story, words: Words) -> dict[str, list[str]]:
    """Unfinished runs by state."""
    found: dict[str, list[str]] = {}
    for run in told.results.runs:
        if run.state != "done":
            found.setdefault(run.state, []).append(f"{run.experiment} {words('page.seed', seed=run.seed)}")
    return found


def remarks(verdict: Verdict, reading: Reading, words: Words) -> list[str]:
    """Remarks on an interval: reasons for the verdict, seeds needed, and limitations."""
    found = []
    if reading.missing:
        few = ", ".join(reading.missing[:SHOWN]) + (" …" if len(reading.missing) > SHOWN else "")
        return [words("answer.needs_runs", names=few)]
    capped = reading.uncapped is not None and reading.verdict != reading.uncapped
    if capped and reading.verdict in (verdicts.INCONCLUSIVE, verdicts.SCALE_DEPENDENT, verdicts.POST_HOC):
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds)]
        found.append(words("answer.capped", gates="; ".join(kinds)))
        if reading.uncapped in verdicts.SETTLED:
            found.append(words("answer.uncapped", verdict=words(f"verdict.{reading.uncapped}")))
    elif len(verdict.readings) == 1 and reading.verdict in (
        *verdicts.SETTLED,
        verdicts.INCONCLUSIVE,
    ):
        found.append(words.render(verdict.why))
    if reading.look is not None and reading.look.of > 1:
        found.append(_looked(reading, words))
    if reading.seeds_would_settle is not None:
        found.append(words("answer.seeds_needed", n=seeds_range(reading)))
    if reading.verdict == verdicts.EXPLORATORY and verdict.expect != "none":
        key = "answer.tipping" if reading.tipping_sd is not None else "answer.open"
        found.append(words(key, sd=number(reading.tipping_sd)))
    if reading.verdict == verdicts.EXPLORATORY or not capped:
        told = ("seeds",) if reading.verdict == verdicts.EXPLORATORY else ()
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds) if kind not in told]
        found += [words("answer.mind", gates="; ".join(kinds))] if kinds else []
    return found


def _looked(reading: Reading, words: Words) -> str:
    """The look at which a reading is judged, its interval, and the next look."""
    assert reading.look is not None and reading.judged is not None
    key = (
        "answer.look"
        if reading.look.next is None or reading.verdict in verdicts.SETTLED
        else "answer.look_next"
    )
    return words(
        key,
        seeds=reading.look.seeds,
        level=f"{100 * reading.judged.level:.4g}",
        low=signed(reading.judged.low),
        high=signed(reading.judged.high),
        next=reading.look.next,
    )


def _interval(told: Story, cells: Sequence[Cell], weights: Sequence[float]) -> str:
    """The 95 % interval of a weighted sum of accuracies, " [low, high]"; empty without predictions."""
    found = [samples.sample(told.results, cell.experiment) for cell in cells]
    known = [sample for sample in found if sample is not None]
    if len(known) < len(cells):
        return ""
    if len(known) == 1:
        share = contrasts.mean(known[0])
        return f" [{number(POINTS * share.low)}, {number(POINTS * share.high)}]"
    interval = contrasts.points(known, list(weights)).interval()
    return f" [{signed(interval.low)}, {signed(interval.high)}]"


def best_cells(told: Story, words: Words) -> list[str]:
    """The best experiment of each data set, and its distance to the next."""
    found = []
    for data, cells in by_data(told).items():
        ranked = sorted(
            ((m, c) for c in cells if (m := c.mean("top1")) is not None), key=lambda pair: -pair[0]
        )
        if not ranked:
            continue
        best, cell = ranked[0]
        sentence = words(
            "answer.best_one" if cell.seeds == 1 else "answer.best",
            data=words.level(data),
            cell=short_cell(cell, told, words),
            value=number(best),
            seeds=cell.seeds,
            interval=_interval(told, [cell], [1.0]),
        )
        if len(ranked) > 1:
            behind, second = ranked[1]
            gap = number(best - behind)
            sentence += "; " + words(
                "answer.best_next",
                cell=short_cell(second, told, words),
                difference=gap,
                interval=_interval(told, [cell, second], [1.0, -1.0]),
            )
        found.append(sentence + ".")
    return found
