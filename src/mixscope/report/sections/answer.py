"""The answer: what stands beside every verdict, and the best cells.

What does not belong here: markup (templates/answer.html), and how charts are drawn (plots.py).
"""

from mixscope.claims import verdicts
from mixscope.claims.verdicts import Reading, Verdict
from mixscope.formatting import number
from mixscope.report.grouping import by_data
from mixscope.report.naming import short_cell
from mixscope.report.story import Story
from mixscope.report.words import Words

SHOWN = 4  # names in a remark


def undone(told: Story, words: Words) -> dict[str, list[str]]:
    """Runs that are not done, by what became of them."""
    found: dict[str, list[str]] = {}
    for run in told.results.runs:
        if run.state != "done":
            found.setdefault(run.state, []).append(f"{run.experiment} {words('page.seed', seed=run.seed)}")
    return found


def remarks(verdict: Verdict, reading: Reading, words: Words) -> list[str]:
    """What stands beside an interval: why it is judged so, what it would take, and what it may hide."""
    found = []
    if reading.missing:
        few = ", ".join(reading.missing[:SHOWN]) + (" …" if len(reading.missing) > SHOWN else "")
        return [words("answer.needs_runs", names=few)]
    capped = reading.uncapped is not None and reading.verdict != reading.uncapped
    if capped and reading.verdict == verdicts.INCONCLUSIVE:
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds)]
        found.append(words("answer.capped", gates="; ".join(kinds)))
        if reading.uncapped in (verdicts.SUPPORTED, verdicts.REFUTED):
            found.append(words("answer.uncapped", verdict=words(f"verdict.{reading.uncapped}")))
    elif len(verdict.readings) == 1 and reading.verdict in (
        verdicts.SUPPORTED,
        verdicts.REFUTED,
        verdicts.INCONCLUSIVE,
    ):
        found.append(words(f"why.{_where(verdict, reading)}"))
    if reading.negligible:
        found.append(words("answer.negligible", margin=f"{verdict.margin:g}"))
    if reading.seeds_would_settle is not None:
        found.append(words("answer.seeds_needed", n=reading.seeds_would_settle))
    if reading.verdict == verdicts.EXPLORATORY and verdict.expect != "none":
        key = "answer.tipping" if reading.tipping_sd is not None else "answer.open"
        found.append(words(key, sd=number(reading.tipping_sd)))
    if reading.verdict == verdicts.EXPLORATORY or not capped:
        told = ("seeds",) if reading.verdict == verdicts.EXPLORATORY else ()
        kinds = [words(f"gate.{kind}") for kind in dict.fromkeys(reading.gate_kinds) if kind not in told]
        found += [words("answer.mind", gates="; ".join(kinds))] if kinds else []
    return found


def _where(verdict: Verdict, reading: Reading) -> str:
    """Where the interval lies, as a key."""
    assert reading.points is not None
    low, high, margin = reading.points.low, reading.points.high, verdict.margin
    if verdict.expect == "equivalent":
        outside = low > margin or high < -margin
        return {verdicts.SUPPORTED: "within"}.get(reading.verdict, "outside" if outside else "beyond")
    if low > 0 or high < 0:
        return "above" if low > 0 else "below"
    return "inside" if reading.negligible else "crosses"


def best_cells(told: Story, words: Words) -> list[str]:
    """The best cell of each data set, and how far the next one is behind."""
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
        )
        if len(ranked) > 1:
            behind, second = ranked[1]
            gap = number(best - behind)
            sentence += "; " + words("answer.best_next", cell=short_cell(second, told, words), difference=gap)
        found.append(sentence + ".")
    return found
