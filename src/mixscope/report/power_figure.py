"""Power against seeds as a chart."""

from collections.abc import Sequence

from mixscope.claims.planning import Curve
from mixscope.report import plots, shapes
from mixscope.report.plots import Line, Ribbon
from mixscope.report.shapes import Figure

WIDTH, HEIGHT = 340.0, 210.0  # size of a panel


def chart(curves: Sequence[Curve], *, title: str) -> Figure:
    """One panel per claim: power in percent, with its range over standard deviations behind it."""
    spoken = "; ".join(
        f"{one.claim}: {100 * one.low[-1]:.0f} to {100 * one.high[-1]:.0f} % at {one.seeds[-1]} seeds"
        for one in curves
    )
    return plots.panels(
        "power",
        [_panel(one) for one in curves],
        title=title,
        text=f"Power in percent against seeds. {spoken}.",
        below="line: at the likeliest standard deviations between runs; band: at the ends of their range",
        width=WIDTH,
        height=HEIGHT,
        columns=2 if len(curves) > 1 else 1,
    )


def _panel(one: Curve) -> list[str]:
    """The name of a claim, its effect, and the curve; ticks are at looks if there are any."""
    given = [f"true effect {one.effect:g} pp" if one.effect else "true effect 0"]
    given += [f"{one.strata} strata"] if one.strata > 1 else []
    given += [f"with {', '.join(one.needs)}"] if one.needs else []
    return [
        shapes.label(6, 15, shapes.short(one.claim, WIDTH / shapes.BOLD - 12), "group"),
        shapes.label(6, 30, shapes.short(", ".join(given), WIDTH - 12), "small"),
        *plots.plane(
            curves=[
                Line(
                    series=1,
                    points=[(n, 100 * p) for n, p in zip(one.seeds, one.middle, strict=True)],
                    hint=one.claim,
                    dots=True,
                )
            ],
            ribbons=[
                Ribbon(
                    series=1,
                    points=[
                        (n, 100 * low, 100 * high)
                        for n, low, high in zip(one.seeds, one.low, one.high, strict=True)
                    ],
                )
            ],
            x_name="seeds at each look" if one.looks else "seeds",
            unit="power, %",
            x_ticks=one.seeds if one.looks else None,
            y_limits=(0.0, 100.0),
            width=WIDTH,
            height=HEIGHT,
        ),
    ]
