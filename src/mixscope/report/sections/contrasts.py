"""The contrasts: a forest plot a claim.

What does not belong here: markup (templates/contrasts.html), and how charts are drawn (plots.py).
"""

from collections.abc import Mapping, Sequence

from mixscope.claims.verdicts import Verdict
from mixscope.formatting import signed
from mixscope.report import plots
from mixscope.report.naming import spoken, stratum_name, word
from mixscope.report.plots import Bar, Figure
from mixscope.report.story import Story
from mixscope.report.words import Words


def forests(told: Story, words: Words, *, secondary: bool) -> list[Figure]:
    """A forest plot a claim, a row a stratum."""
    found = []
    for verdict in told.verdicts:
        if verdict.secondary != secondary:
            continue
        bars, rows = [], []
        for reading in verdict.readings:
            name = stratum_name(reading, words)
            points = reading.points
            if points is None:
                rows.append(
                    words("contrasts.row_short", name=name, value=words(f"verdict.{reading.verdict}"))
                )
                bars.append(
                    Bar(name=name, estimate=None, low=None, high=None, value="–", margin=verdict.margin)
                )
                continue
            rows.append(
                words(
                    "contrasts.row_text",
                    name=name,
                    value=signed(points.estimate),
                    low=signed(points.low),
                    high=signed(points.high),
                )
            )
            narrow = reading.narrow if verdict.expect == "equivalent" else None
            bars.append(
                Bar(
                    name=name,
                    estimate=points.estimate,
                    low=points.low,
                    high=points.high,
                    value=f"{signed(points.estimate)} [{signed(points.low)}, {signed(points.high)}]",
                    margin=verdict.margin,
                    inner=(narrow.low, narrow.high) if narrow else None,
                    seeds=list(reading.by_seed.values()),
                    hollow=reading.seeds < 2 or bool(reading.gates),
                    hint=rows[-1],
                )
            )
        if any(bar.estimate is not None for bar in bars):
            text = words.own(verdict.text)
            found.append(
                plots.forest(
                    f"contrast-{word(verdict.claim)}",
                    bars,
                    title=f"{verdict.claim}: {words(f'answer.expect.{verdict.expect}')}",
                    text=f"{text}. " + words("contrasts.figure_text", rows=spoken(rows)),
                    unit=words("page.unit_pp"),
                    below=words("contrasts.below"),
                    above=words("contrasts.above"),
                )
            )
    return found


def with_verdicts(drawn: Sequence[Figure], by_claim: Mapping[str, Verdict]) -> list[tuple[Figure, Verdict]]:
    """Forest plots with the verdicts that they belong to."""
    by_id = {f"contrast-{word(claim)}": verdict for claim, verdict in by_claim.items()}
    return [(figure, by_id[figure.id]) for figure in drawn]
