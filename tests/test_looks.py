"""Levels of looks: what is spent over all of them, the published table, and what stopping early costs."""

import numpy as np
import pytest

from mixscope.claims import looks

DEFAULT = (3, 5, 8, 12)
# (looks, one-sided levels): from an independent simulation.
TABLE = [
    (DEFAULT, (0.0008, 0.0017, 0.0069, 0.0175)),
    (tuple(range(3, 11)), (0.0012, 0.0010, 0.0018, 0.0032, 0.0050, 0.0071, 0.0095, 0.0123)),
]
STUDIES = 40_000


def ever(tails: np.ndarray, levels) -> float:
    """The share of studies that some look supports. tails: one-sided p, (looks, studies)."""
    return float((tails <= np.asarray(levels)[:, None]).any(axis=0).mean())


def drawn(name, plan=DEFAULT, *, studies=STUDIES, seed=7, truth=0.0):
    return looks.tails(plan, looks.PATTERNS[name], studies=studies, seed=seed, truth=truth)


def one_sided(plan):
    return [look.level for look in looks.plan(plan, plan[-1])]


@pytest.mark.parametrize("name", looks.PATTERNS)
def test_looking_four_times_errs_as_seldom_as_looking_once(name):
    """False SUPPORTED and false REFUTED, each one-sided, in studies without an effect."""
    tails = drawn(name)
    slack = 3 * (0.025 / STUDIES) ** 0.5
    assert ever(tails, one_sided(DEFAULT)) <= 0.025 + slack
    assert ever(1 - tails, one_sided(DEFAULT)) <= 0.025 + slack
    narrow = [look.narrow for look in looks.plan(DEFAULT, 12)]
    assert ever(tails, narrow) <= 0.05 + 2 * slack


@pytest.mark.parametrize("name", looks.PATTERNS)
def test_looking_after_every_seed_at_the_full_level_errs_three_times_as_often(name):
    every = tuple(range(3, 11))
    assert 0.06 < ever(drawn(name, every), [0.025] * len(every)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", looks.PATTERNS)
@pytest.mark.parametrize("plan", [DEFAULT, (3, 5), (5, 10), tuple(range(3, 11))])
def test_no_plan_spends_more_than_it_has(plan, name):
    found = ever(drawn(name, plan, studies=400_000, seed=11), one_sided(plan))
    assert found <= 0.025


@pytest.mark.parametrize(("plan", "levels"), TABLE)
def test_levels_are_those_of_the_published_table(plan, levels):
    found = one_sided(plan)
    for ours, theirs in zip(found, levels, strict=True):
        assert abs(ours - theirs) <= max(0.00031, 0.08 * theirs)


@pytest.mark.slow
@pytest.mark.parametrize("plan", looks.KNOWN)
def test_kept_levels_are_what_the_simulation_finds(plan):
    known = looks.KNOWN[plan]
    tails = looks._tails(plan, looks.STUDIES, 0)
    for j, total in enumerate((looks.ONE_SIDED, looks.EQUIVALENCE)):
        assert looks.spend(tails, plan, total) == pytest.approx([each[j] for each in known])


def test_one_look_has_the_whole_level():
    (look,) = looks.plan((), 4)
    assert (look.seeds, look.level, look.narrow, look.next) == (
        4,
        pytest.approx(0.025),
        pytest.approx(0.05),
        None,
    )


def test_stopping_when_decided_keeps_the_power_at_less_cost():
    """Where 12 seeds have power 0.97, looks have 0.95 and more, at 9 seeds or fewer on average."""
    name, truth = "4 experiments", 2.4
    tails = drawn(name, truth=truth)
    fixed = float((tails[-1] <= 0.025).mean())
    assert 0.95 < fixed < 0.985
    hit = tails <= np.asarray(one_sided(DEFAULT))[:, None]
    power = float(hit.any(axis=0).mean())
    seeds = np.where(hit.any(axis=0), np.asarray(DEFAULT)[hit.argmax(axis=0)], 12).mean()
    assert power > fixed - 0.02 and seeds < 9.0
