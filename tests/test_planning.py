"""Power against seeds: against the noncentral t, from every source of spread, and as a user sees it."""

import csv
import dataclasses
import json
import math
import re
import statistics
from importlib import resources
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy import stats

import made_study
import mixscope
from command_line import call
from mixscope import i18n
from mixscope.claims import looks, planning, verdicts
from mixscope.errors import ConfigError
from mixscope.results import folders
from mixscope.study import matrix
from test_verdicts import skill

SD = planning.assumed(0.5)


AB, CD = {"a": 1.0, "b": -1.0}, {"c": 1.0, "d": -1.0}


def target(*strata, name="H", **more):
    given = {"expect": "above", "margin": 0.1, "effect": 0.8, "paired": True} | more
    return planning.Target(name=name, strata=strata or [({}, AB)], **given)


def curve(*strata, plan=(), needs=(), **more):
    return planning.curve(target(*strata, **more), {}, SD, plan=plan, needs=needs)


def of_study(study, spreads, otherwise=SD, **more):
    names = {tuple(levels.values()): name for name, levels in study.experiments()}
    found = planning.of_claims(
        study.claims,
        study.factors,
        lambda experiments: {names[tuple(levels.values())]: w for levels, w in experiments},
        spreads,
        otherwise,
        looks_at=study.looks,
        **more,
    )
    return {one.claim: one for one in found}


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
    two = curve(({"x": "1"}, AB), ({"x": "2"}, CD))
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
    found = of_study(study, spreads, otherwise)
    assert set(found) == {"main", "H1", "H3-mixup"} and found["main"].strata == 2
    for one in found.values():
        assert all(a <= b <= c for a, b, c in zip(one.low, one.middle, one.high, strict=True))


def test_published_spreads_have_sources():
    found = planning.published("cifar100")
    assert 0 < found.low < found.middle < found.high < 2
    assert "9 published, 6 measured by this project; claims/published_sd.csv" in i18n.render(found.source)
    assert "published; claims" in i18n.render(planning.published("cifar10").source)
    assert planning.published("no such set") == planning.published()


def test_every_shipped_spread_is_of_a_paper_or_can_be_computed_again():
    table = resources.files("mixscope.claims") / "published_sd.csv"
    measured: dict[tuple[str, str], list[float]] = {}
    own = Path(__file__).parents[1] / "docs" / "studies" / "seeds.csv"
    for row in csv.DictReader(own.read_text().splitlines()):
        measured.setdefault((row["model"], row["arm"]), []).append(float(row["last"]))
    for row in csv.DictReader(table.read_text().splitlines()):
        if row["kind"] == "published":
            assert re.search(r"arXiv \d{4}\.\d{5} table \d", row["source"])
            continue
        assert (row["kind"], row["source"]) == ("measured", "docs/studies/seeds.csv column last")
        name = "resnet" if "ResNet" in row["model"] else "vit"
        values = measured.pop((name, row["augmentation"]))
        assert len(values) == int(row["seeds"])
        assert statistics.stdev(values) == pytest.approx(float(row["sd_pp"]), abs=6e-4)
        assert statistics.fmean(values) == pytest.approx(float(row["accuracy"]), abs=6e-3)
    assert not measured


def test_study_plan_shows_power_and_draws_it(tmp_path, capsys, digits_root):
    figure = tmp_path / "power.svg"
    words = ("study", "plan", "quickstart", "--root", digits_root, "--no-probe", "--power", "--sd", "0.4")
    code, text, err = call(capsys, *words, "--out", tmp_path / "out", "--figure", figure)
    assert code == 0, err
    assert "H1: power at a true effect of 1 pp" in text and "12 seeds" in text
    assert "standard deviation between runs: 0.40 pp, given: 0.4 pp" in text
    assert "cost: not known" in text and "counts seeds alone" in text
    drawn = figure.read_text()
    panels = drawn.split('<g transform="translate(')[1:]
    assert len({panel.split(")")[0] for panel in panels}) == len(panels) == 5, "a panel for each claim"
    for panel in panels:
        assert panel.count('class="ribbon') == 1
        ticks = [panel.split(f">{n}</text>")[0][-60:] for n in (3, 5, 8, 12)]
        assert all('class="tick" text-anchor="middle"' in tick for tick in ticks), "ticks stand at the looks"
        assert not any(f'middle">{n}</text>' in panel for n in (4, 6, 10))
    code, text, _ = call(capsys, *words, "--out", tmp_path / "out", "--json")
    found = json.loads(text)
    assert [one["claim"] for one in found["power"]] == ["main", "H1", "H2", "within-resnet", "within-vit"]


def test_power_speaks_korean(tmp_path, capsys, digits_root):
    words = ("study", "plan", "quickstart", "--root", digits_root, "--no-probe", "--power", "--sd", "0.4")
    code, text, err = call(capsys, *words, "--out", tmp_path / "out", "--lang", "ko")
    assert code == 0, err
    assert "실행 간 표준편차: 0.40%p, 직접 지정한 값(0.4%p)" in text
    assert "H1: 실제 효과가 1%p일 때의 검정력" in text and "  시드   12개  ##" in text
    assert [line for line in text.splitlines() if line and not re.search("[가-힣]", line)] == []


def test_a_standard_deviation_can_be_given_for_each_experiment(tmp_path, capsys, digits_root):
    words = ("study", "plan", "quickstart", "--root", digits_root, "--no-probe", "--power", "--json")

    def power(*more):
        code, text, err = call(capsys, *words, "--out", tmp_path / "out", *more)
        assert code == 0, err
        return {one["claim"]: one["middle"] for one in json.loads(text)["power"]}

    plain, noisy = power("--sd", "0.4"), power("--sd", "0.4", "--sd", "vit-mixup=2")
    assert noisy["H1"] == plain["H1"] and noisy["H2"][-1] < plain["H2"][-1] / 2
    for wrong, told in (
        ("vit-mixpu=2", '--sd: no experiment "vit-mixpu" is known (nearest: vit-mixup'),
        ("much", "--sd: expected PP or EXPERIMENT=PP"),
        ("vit-mixup=-1", "--sd: expected percentage points above 0"),
        ("nan", "--sd: expected percentage points above 0"),
    ):
        code, _, err = call(capsys, *words, "--sd", wrong)
        assert code == 2 and told in err, wrong


def test_cost_stands_beside_power_where_runs_have_been_made(tmp_path, capsys, digits_root):
    made_study.write(tmp_path / "s", made_study.SMALL, skill())
    words = ("study", "plan", tmp_path / "s", "--root", digits_root, "--no-probe", "--power")
    code, text, err = call(capsys, *words, "--pilot", tmp_path / "s")
    assert code == 0, err
    assert "cost in hours: 3 seeds 6, 4 seeds 8" in text and "separately for 12 experiments" in text


def test_an_unknown_cost_is_reported_with_its_reason(tmp_path, capsys):
    words = ("study", "plan", "quickstart", "--root", tmp_path / "none", "--power", "--sd", "0.4")
    code, text, err = call(capsys, *words)
    assert code == 0, err
    assert "cost: not known; digits is not prepared" in text and "--no-probe" not in text


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
    found = of_study(study, {})
    weights = {"a": 1.0, "b": -1.0, "c": -1.0, "d": 1.0}
    plan = looks.plan(study.looks, 3)
    alone = curve(({}, weights), expect="below", margin=1.0, effect=1.0, paired=False, plan=plan)
    assert found["H1"].middle[1] < alone.middle[1], "three claims share the correction"


# --- a claim together with what it needs -----------------------------------------------------------------


def test_a_claim_and_an_independent_need_are_both_supported_as_often_as_the_product():
    one, both = curve(), curve(needs=[target(({}, CD), name="B")])
    assert both.middle == pytest.approx([p * p for p in one.middle], abs=0.03)
    assert both.needs == {"B": 0.8} and both.effect == 0.8


def test_a_need_that_is_the_claim_itself_costs_nothing():
    assert curve(needs=[target(name="B")]).middle == curve().middle
    other_side = target(({}, {"a": -1.0, "b": 1.0}), name="B", expect="below")
    assert curve(needs=[other_side]).middle == curve().middle


def test_a_need_counts_in_the_strata_that_it_shares():
    two = [({"x": "1"}, AB), ({"x": "2"}, CD)]
    third = ({"x": "3"}, {"e": 1.0, "f": -1.0})
    assert curve(*two, needs=[target(third, name="B")]).middle == curve(*two).middle
    in_one = curve(*two, needs=[target(({"x": "1"}, {"e": 1.0, "f": -1.0}), name="B")])
    assert in_one.middle == pytest.approx([p**1.5 for p in curve(*two).middle], abs=0.03)


def test_looks_count_where_a_claim_is_supported_beside_its_needs():
    plan = looks.plan((3, 5, 8, 12), 12)
    alone, both = curve(plan=plan), curve(plan=plan, needs=[target(({}, CD), name="B")])
    assert list(both.middle) == sorted(both.middle) and both.average > alone.average
    assert all(p * p - 0.05 < b <= p for p, b in zip(alone.middle, both.middle, strict=True))


def test_the_main_claim_of_a_study_has_no_more_power_than_the_claims_that_it_needs():
    study = matrix.load("quickstart")
    assert study.claims[0].needs == ("H1", "H2")
    found = of_study(study, {})
    main, without = found["main"], of_study(free(study), {})["main"]
    # H1 and H2 of 1 pp each make the contrast of the main claim 2 pp.
    assert main.needs == {"H1": 1.0, "H2": 1.0} and (main.effect, without.effect) == (2.0, 1.0)
    h1, h2 = (of_study(dataclasses.replace(study, claims=(c,)), {})[c.id] for c in study.claims[1:3])
    for k in range(4):
        assert main.middle[k] <= min(h1.middle[k], h2.middle[k]) + 1e-12, "H1 without any correction"
        assert main.middle[k] >= found["H1"].middle[k] + found["H2"].middle[k] - 1 - 0.03
    assert any("H1 (1 pp), H2 (1 pp), which it needs" in line for line in planning.lines([main]))


def free(study):
    """The study without what its claims need."""
    return dataclasses.replace(
        study, claims=tuple(dataclasses.replace(claim, needs=()) for claim in study.claims)
    )


def test_simulated_studies_are_supported_as_judge_supports_them(tmp_path):
    """The same accuracies, judged by verdicts, Holm's correction included."""
    claims = tmp_path / "claims.yaml"
    names = [f"{m}-{a}" for m in ("resnet", "vit") for a in ("default", "mixup", "cutmix")]
    between = "model: {vit: 1, resnet: -1}"
    texts = {
        "main": f"{{{between}, augmentation: {{mixup: 1, cutmix: -1}}}}, expect: above, needs: [H1, H2]",
        "H1": f"{{{between}, augmentation: {{cutmix: 1, default: -1}}}}, expect: below",
        "H2": f"{{{between}, augmentation: {{mixup: 1, default: -1}}}}, expect: above",
    }
    claims.write_text(
        "claims:\n" + "".join(f"  {n}: {{en: {n}, margin: 1.0, contrast: {t}}}\n" for n, t in texts.items())
    )
    weights = {
        "main": [0.0, -1.0, 1.0, 0.0, 1.0, -1.0],
        "H1": [1.0, 0.0, -1.0, -1.0, 0.0, 1.0],
        "H2": [1.0, -1.0, 0.0, -1.0, 1.0, 0.0],
    }
    targets = [
        target(
            ({}, dict(zip(names, w, strict=True))),
            expect="below" if n == "H1" else "above",
            margin=1.0,
            paired=False,
            tests=3,
        )
        for n, w in weights.items()
    ]
    draws = np.random.default_rng(3)
    truth = np.array([70.0, 70.0, 71.2, 70.0, 71.2, 70.0])[:, None, None]
    accuracies = truth + 0.45 * draws.standard_normal((6, 40, 5))
    simulated = planning.decided(targets, names, accuracies, looks.plan((), 5))[0].tolist()
    judged = []
    for i in range(40):
        rows = [
            {"model": n.split("-")[0], "augmentation": n.split("-")[1], "seed": k, "accuracy": x / 100}
            for n, mine in zip(names, accuracies[:, i], strict=True)
            for k, x in enumerate(mine)
        ]
        found = verdicts.judge(mixscope.load(pandas.DataFrame(rows), claims=claims, baseline="default"))
        judged.append(found[0].verdict == "SUPPORTED")
    assert judged == simulated and 10 < sum(judged) < 30


def test_what_a_need_needs_counts_too():
    study = matrix.load("quickstart")
    main, h1, h2, *rest = study.claims
    chained = (
        dataclasses.replace(main, needs=("H1",)),
        dataclasses.replace(h1, needs=("H2",)),
        h2,
        *rest,
    )
    found = of_study(dataclasses.replace(study, claims=chained), {})
    assert found["main"].middle == of_study(study, {})["main"].middle


def test_needs_that_contradict_a_claim_are_answered_with_a_sentence():
    same = target(name="B", expect="equivalent", effect=0.0)
    with pytest.raises(ConfigError, match=r"claims.H: no accuracies are such that it and all that it needs"):
        curve(needs=[same])


def test_claims_of_results_from_elsewhere_have_their_power(tmp_path, capsys):
    table, claims = tmp_path / "t.csv", tmp_path / "claims.yaml"
    rows = [
        f"{model},{aug},{seed},{70 + math.sin(9 * seed + len(aug) + len(model))}"
        for model in ("vit", "resnet")
        for aug in ("default", "cutmix")
        for seed in range(4)
    ]
    table.write_text("model,augmentation,seed,accuracy\n" + "\n".join(rows) + "\n")
    claims.write_text(
        """
looks: [4, 8]
claims:
  gain:
    en: CutMix helps
    contrast: {augmentation: {cutmix: 1, default: -1}}
    expect: above
    margin: 1.5
  more:
    en: CutMix helps the ViT more
    contrast: {model: {vit: 1, resnet: -1}, augmentation: {cutmix: 1, default: -1}}
    expect: above
    margin: 1.0
    needs: [gain]
"""
    )
    code, text, err = call(capsys, "power", table, "--claims", claims)
    assert code == 0, err
    assert "gain: power at a true effect of 1.5 pp, in all 2 strata" in text
    assert "more: power at a true effect of 1 pp, together with gain (1.5 pp), which it needs" in text
    assert "   8 seeds" in text and "gain cutmix" not in text
