"""Section on contrasts: one forest plot per claim."""

from collections.abc import Mapping, Sequence

from mixscope.claims.verdicts import Verdict
from mixscope.formatting import signed, signed_ends
from mixscope.report import plots
from mixscope.report.content import ReportContent
from mixscope.report.grouping import some
from mixscope.report.labels import spoken, stratum_name, word
from mixscope.report.plots import Bar
from mixscope.report.shapes import Figure
from mixscope.report.texts import Texts
from mixscope.study.gains import GAIN, OF_GAINS


def forests(content: ReportContent, texts: Texts, *, secondary: bool) -> list[Figure]:
    """One forest plot per claim, one row per stratum."""
    found = []
    for verdict in content.verdicts:
        if verdict.secondary != secondary:
            continue
        bars, rows = [], []
        for reading in verdict.readings:
            name = stratum_name(reading, texts)
            points = reading.points
            if points is None:
                rows.append(
                    texts("contrasts.row_short", name=name, value=texts(f"verdict.{reading.verdict}"))
                )
                bars.append(
                    Bar(name=name, estimate=None, low=None, high=None, value="–", margin=verdict.margin)
                )
                continue
            rows.append(
                texts(
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
                    value=f"{signed(points.estimate)} {signed_ends(points.low, points.high)}",
                    margin=verdict.margin,
                    inner=(narrow.low, narrow.high) if narrow else None,
                    seeds=some(reading.by_seed.values()),
                    hollow=reading.seeds < 2 or bool(reading.gates),
                    hint=rows[-1],
                )
            )
        if any(bar.estimate is not None for bar in bars):
            text = texts.own(verdict.text)
            found.append(
                plots.forest(
                    f"contrast-{word(verdict.claim)}",
                    bars,
                    title=f"{verdict.claim}: {texts(f'answer.expect.{verdict.expect}')}",
                    text=f"{text}. " + texts("contrasts.figure_text", rows=spoken(rows)),
                    unit=texts("page.unit_pp"),
                    below=texts("contrasts.below"),
                    above=texts("contrasts.above"),
                )
            )
    return found


def explored(content: ReportContent, texts: Texts) -> list[Figure]:
    """Forest plots of results without claims: gains, and differences of gains."""
    roles = content.roles
    found = []
    for kind in (GAIN, OF_GAINS):
        mine = [e for e in content.explored if e.contrast.kind == kind and e.estimate is not None]
        bars, rows, before = [], [], None
        for one in sorted(mine, key=lambda e: [*map(str, e.contrast.stratum.values()), e.contrast.model]):
            interval = one.interval
            assert one.estimate is not None
            stratum = {f: v for f, v in one.contrast.stratum.items() if f != roles.model}
            group = ", ".join(map(texts.level, filter(None, (one.contrast.model, *stratum.values()))))
            name = texts.level(one.contrast.augmentation or "")
            value, label = signed(one.estimate), f"{group}, {name}" if group else name
            if interval is None:
                rows.append(texts("contrasts.row_short", name=label, value=value))
            else:
                low, high = signed(interval.low), signed(interval.high)
                rows.append(texts("contrasts.row_text", name=label, value=value, low=low, high=high))
                value = f"{value} {signed_ends(interval.low, interval.high)}"
            bars.append(
                Bar(
                    name=name,
                    estimate=one.estimate,
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    value=value,
                    margin=0.0,
                    group=group if group != before else "",
                    hollow=one.p is None,
                    hint=rows[-1],
                )
            )
            before = group
        if bars:
            over = texts.level(mine[0].contrast.over or roles.baseline or "")
            key = "contrasts.explored_gain" if kind == GAIN else "contrasts.explored_difference"
            found.append(
                plots.forest(
                    "contrast-explored-gains" if kind == GAIN else "contrast-explored-differences",
                    bars,
                    title=texts(key, baseline=over, over=over),
                    text=texts("contrasts.figure_text", rows=spoken(rows)),
                    unit=texts("page.unit_pp"),
                    below=texts("contrasts.below"),
                    above=texts("contrasts.above"),
                )
            )
    return found


def with_verdicts(drawn: Sequence[Figure], by_claim: Mapping[str, Verdict]) -> list[tuple[Figure, Verdict]]:
    """Forest plots with their verdicts."""
    by_id = {f"contrast-{word(claim)}": verdict for claim, verdict in by_claim.items()}
    return [(figure, by_id[figure.id]) for figure in drawn]
