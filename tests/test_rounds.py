"""mixscope.bench.rounds: rows measured in turn, and their ratios."""

import json
from collections.abc import Callable

import pytest

from mixscope.bench import rounds


def counted(figures: list[float], calls: list[str], name: str) -> Callable[[], float]:
    """A row that gives the next figure, and notes that it was called."""
    rest = iter(figures)

    def row() -> float:
        calls.append(name)
        return next(rest)

    return row


def test_the_first_measurement_of_a_row_is_thrown_away_and_every_round_has_every_row() -> None:
    calls: list[str] = []
    rows = {
        "a": counted([900.0, 1, 2, 3], calls, "a"),
        "b": counted([900.0, 4, 4, 4], calls, "b"),
        "c": counted([900.0, 7, 7, 7], calls, "c"),
    }
    measured = rounds.measure(rows, unit="images/s", rounds=3)
    assert measured.found == {"a": [1, 2, 3], "b": [4, 4, 4], "c": [7, 7, 7]}
    assert [sorted(calls[k : k + 3]) for k in range(0, 12, 3)] == [["a", "b", "c"]] * 4
    assert calls[3:6] != calls[6:9] or calls[6:9] != calls[9:12], "the order changes"


def test_a_ratio_is_that_of_the_rounds_and_not_of_the_medians() -> None:
    measured = rounds.Measured(
        unit="images/s", found={"a": [1.0, 10, 100], "b": [2.0, 5, 1000]}, ratios=(("a", "b"),)
    )
    assert measured.ratio("a", "b") == (0.5, 0.1, 2.0)


def test_a_ratio_of_a_row_that_was_not_measured_is_left_out() -> None:
    measured = rounds.Measured(unit="s", found={"a": [1.0]}, ratios=(("a", "gone"),))
    assert [r for r in measured.records() if "ratio" in r] == []
    assert "gone" not in measured.table()


def test_json_has_a_line_for_the_context_each_row_and_each_ratio() -> None:
    measured = rounds.measure(
        {"a": lambda: 2.0, "b": lambda: 4.0}, unit="s", rounds=2, ratios=[("a", "b")], context={"set": "x"}
    )
    context, a, b, ratio = (json.loads(line) for line in measured.lines().splitlines())
    assert context["unit"] == "s" and context["context"]["set"] == "x" and context["context"]["rounds"] == 2
    assert a == {"row": "a", "median": 2.0, "low": 2.0, "high": 2.0, "rounds": 2} and b["row"] == "b"
    assert ratio == {"ratio": "a", "of": "b", "median": 0.5, "low": 0.5, "high": 0.5}


def test_progress_is_reported_and_ends_at_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    rounds.measure(
        {"a": lambda: 1.0}, unit="s", rounds=2, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_without_a_warm_up_every_measurement_counts() -> None:
    figures = iter([1.0, 2.0])
    measured = rounds.measure({"a": lambda: next(figures)}, unit="s", rounds=2, warm_up=False)
    assert measured.found == {"a": [1.0, 2.0]}


def test_no_round_is_refused() -> None:
    with pytest.raises(ValueError, match="rounds must be 1 or more"):
        rounds.measure({}, unit="s", rounds=0)


def test_a_row_may_be_made_of_others_within_each_round() -> None:
    measured = rounds.Measured(unit="s", found={"a": [3.0, 30], "b": [1.0, 20]})
    more = measured.with_row("a less b", lambda a, b: a - b, "a", "b")
    assert more.found["a less b"] == [2, 10] and "a less b" not in measured.found
    assert "a less c" not in measured.with_row("a less c", lambda a, c: a - c, "a", "c").found


def test_rows_that_belong_together_are_measured_with_their_unit_and_ratios() -> None:
    bench = rounds.Bench(
        unit="s", rows={"a": lambda: 2.0, "b": lambda: 4.0}, ratios=(("a", "b"),), context={"set": "x"}
    )
    measured = bench.measure(3)
    assert (measured.unit, measured.ratio("a", "b"), measured.context["set"]) == ("s", (0.5, 0.5, 0.5), "x")
