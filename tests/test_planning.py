"""Power against seeds: against the noncentral t, from every source of spread, and as a user sees it."""

import json
import math

import pytest
from scipy import stats

import made_study
from mixscope.claims import looks, planning
from mixscope.results import folders
from mixscope.study import matrix
from test_judge_command import call
from test_verdicts import skill

SD = planning.assumed(0.5)


def curve(**more):
    given = {"expect": "above", "margin": 0.1, "effect": 0.8, "paired": True} | more
    return planning.curve("H", [{"a": 1.0, "b": -1.0}], {}, SD, **given)


@pytest.mark.parametrize("tests", [1, 3])
def test_power_of_a_paired_contrast_is_that_of_the_noncentral_t(tests):
    found = curve(tests=tests)
    for n, power in zip(found.seeds, found.middle, strict=True):
        away = 0.8 / (0.5 * math.sqrt(2) / math.sqrt(n))
        expected = stats.nct.sf(stats.t.ppf(1 - 0.025 / tests, n - 1), n - 1, away)
        assert power == pytest.approx(expected, abs=0.03)


def test_an_equivalence_is_supported_as_often_as_two_one_sided_tests():
    found = curve(expect="equivalent", effect=0.0, margin=1.0)
    for n, power in zip(found.seeds, found.middle, strict=True):
        error, t = 0.5 * math.sqrt(2 / n), stats.t.ppf(0.95, n - 1)
        inside = stats.norm.cdf((1.0 - t * error) / error)
        if n >= 12:
            assert power == pytest.approx(2 * inside - 1, abs=0.05)


def test_every_stratum_has_to_be_supported():
    one = curve()
    two = planning.curve(
        "H",
        [{"a": 1.0, "b": -1.0}, {"c": 1.0, "d": -1.0}],
        {},
        SD,
        expect="above",
        margin=0.1,
        effect=0.8,
        paired=True,
    )
    assert two.middle == pytest.approx([p * p for p in one.middle], abs=0.04)


def test_looks_spend_their_error_and_stop_early():
    plan = looks.plan((3, 5, 8, 12), 12)
    found = curve(plan=plan, effect=1.2)
    assert found.seeds == (3, 5, 8, 12) and list(found.middle) == sorted(found.middle)
    null = curve(plan=plan, effect=1e-12)
    assert null.middle[-1] <= 0.025 + 0.01
    assert 3 < found.average < 12


def test_what_is_not_known_of_a_spread_makes_power_a_range(tmp_path):
    study = made_study.write(tmp_path / "s", made_study.SMALL, skill())
    spreads, otherwise = planning.observed(folders.study(tmp_path / "s"))
    assert len(spreads) == 12 and otherwise.low < otherwise.middle < otherwise.high
    wide = next(iter(spreads.values()))
    assert wide.high / wide.low > 4, "three seeds know a standard deviation within a factor of about 5"
    found = {one.claim: one for one in planning.of_study(study, spreads, otherwise)}
    assert set(found) == {"main", "H1", "H3-mixup"} and found["main"].strata == 2
    for one in found.values():
        assert all(a <= b <= c for a, b, c in zip(one.low, one.middle, one.high, strict=True))


def test_published_spreads_have_sources():
    found = planning.published("cifar100")
    assert 0 < found.low < found.middle < found.high < 2 and "published_sd.csv" in found.source
    assert planning.published("no such set") == planning.published()


def test_study_plan_shows_power_and_draws_it(tmp_path, capsys, digits_root):
    figure = tmp_path / "power.svg"
    words = ("study", "plan", "quickstart", "--root", digits_root, "--no-probe", "--power", "--sd", "0.4")
    code, text, err = call(capsys, *words, "--out", tmp_path / "out", "--figure", figure)
    assert code == 0, err
    assert "H1: power at a true effect of 1 pp" in text and "12 seeds" in text
    assert "standard deviation between runs: 0.40 pp, given: 0.4 pp" in text
    assert "cost: not known" in text and "counts seeds alone" in text
    assert figure.read_text().count('class="ribbon') == 5
    code, text, _ = call(capsys, *words, "--out", tmp_path / "out", "--json")
    found = json.loads(text)
    assert [one["claim"] for one in found["power"]] == ["main", "H1", "H2", "within-resnet", "within-vit"]


def test_cost_stands_beside_power_where_runs_have_been_made(tmp_path, capsys, digits_root):
    made_study.write(tmp_path / "s", made_study.SMALL, skill())
    words = ("study", "plan", tmp_path / "s", "--root", digits_root, "--no-probe", "--power")
    code, text, err = call(capsys, *words, "--pilot", tmp_path / "s")
    assert code == 0, err
    assert "cost in hours: 3 seeds 6, 4 seeds 8" in text and "12 experiments have one of their own" in text


def test_power_of_results_trained_elsewhere(tmp_path, capsys):
    rows = [
        f"{model},{aug},{seed},{80 + gain + 0.3 * math.sin(7 * seed + gain)}"
        for model in ("resnet", "vit")
        for aug, gain in (("default", 0.0), ("cutmix", 1.0))
        for seed in range(4)
    ]
    file = tmp_path / "results.csv"
    file.write_text("model,augmentation,seed,accuracy\n" + "\n".join(rows) + "\n")
    code, text, err = call(capsys, "power", file, "--effect", "0.5")
    assert code == 0, err
    assert "gain cutmix resnet: power at a true effect of 0.5 pp" in text
    assert "difference of gains cutmix vit over resnet" in text
    code, _, err = call(capsys, "power", file, "--effect", "-1")
    assert code == 2 and "--effect: expected percentage points above 0" in err


def test_a_study_extends_power_over_its_whole_family():
    study = matrix.load("quickstart")
    found = {one.claim: one for one in planning.of_study(study, {}, SD)}
    alone = planning.curve(
        "H1",
        [{"a": 1.0, "b": -1.0, "c": 1.0, "d": -1.0}],
        {},
        SD,
        expect="below",
        margin=1.0,
        effect=1.0,
        plan=looks.plan(study.looks, 3),
    )
    assert found["H1"].middle[1] < alone.middle[1], "three claims share the correction"
