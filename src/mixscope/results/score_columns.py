"""Decides whether a column of scores contains accuracies or error rates if its heading does not say so."""

from collections.abc import Sequence
from decimal import Decimal

from mixscope.results.printed_values import Figure
from mixscope.results.vocabulary import Heading, n_classes


def is_error(values: Sequence[Figure], heading: Heading, percent: bool) -> bool:
    """Whether a column contains error rates.

    Either its heading says so; or it names no direction ("ImageNet Cls (%)") and either the gains stated in
    cells are positive where values decrease, "21.40 (+2.28)" below 23.68, or every value is below chance
    accuracy on that data set.

    Args:
        values: Printed values of its cells.
        heading: Its parsed heading.
        percent: Whether the heading has a percent sign.
    """
    if heading.error or not heading.open:
        return heading.error
    return _falls_by_its_gains(values) or _below_chance(values, heading, percent)


def _falls_by_its_gains(values: Sequence[Figure]) -> bool:
    plain = [v for v in values if v.gain is None]
    gains = [(v, v.gain) for v in values if v.gain is not None and v.gain.value]
    if not plain or not gains:
        return False

    def led_to(sign: int) -> bool:
        return all(
            any(abs(v.value - sign * g.value - p.value) <= v.half + g.half + p.half for p in plain)
            for v, g in gains
        )

    return led_to(-1) and not led_to(1)


def _below_chance(values: Sequence[Figure], heading: Heading, percent: bool) -> bool:
    classes = n_classes(dict(heading.levels).get("dataset", ""))
    if classes is None or not values or not (percent or any(v.percent for v in values)):
        return False
    return all(0 <= v.value < Decimal(100) / classes for v in values)
