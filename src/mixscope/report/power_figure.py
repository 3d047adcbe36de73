"""Power against seeds as a chart."""

from collections.abc import Sequence

from mixscope.claims.planning import Curve
from mixscope.report import plots
from mixscope.report.plots import Figure, Key, Line, Ribbon


def chart(curves: Sequence[Curve], *, title: str) -> Figure:
    """A curve for each claim, in percent, with the range of its standard deviations behind it."""
    shown = [
        Line(
            series=i,
            points=[(n, 100 * p) for n, p in zip(one.seeds, one.middle, strict=True)],
            hint=one.claim,
            dots=True,
        )
        for i, one in enumerate(curves)
    ]
    ribbons = [
        Ribbon(
            series=i,
            points=[
                (n, 100 * low, 100 * high) for n, low, high in zip(one.seeds, one.low, one.high, strict=True)
            ],
        )
        for i, one in enumerate(curves)
    ]
    spoken = "; ".join(
        f"{one.claim}: {100 * one.low[-1]:.0f} to {100 * one.high[-1]:.0f} % at {one.seeds[-1]} seeds"
        for one in curves
    )
    return plots.lines(
        "power",
        title=title,
        text=f"Power in percent against seeds. {spoken}.",
        curves=shown,
        keys=[Key(series=i, name=one.claim) for i, one in enumerate(curves)],
        x_name="seeds",
        unit="power, %",
        y_limits=(0.0, 100.0),
        ribbons=ribbons,
        width=560,
        height=320,
    )
