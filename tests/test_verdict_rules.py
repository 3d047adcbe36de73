"""Defects of the first verdict rules, each in a test that failed under them."""

import dataclasses
import json

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import drawn
import made_study
import mixscope
from command_line import call
from mixscope import i18n
from mixscope.claims import contrasts, gates, looks, rules, verdicts
from mixscope.claims.contrasts import Interval, Sample
from mixscope.claims.rules import (
    INCONCLUSIVE,
    NEGLIGIBLE,
    PARTLY,
    REFUTED,
    SUPPORTED,
    over_strata,
    rule,
)
from mixscope.errors import ConfigError
from mixscope.report import page
from mixscope.results import folders, tables
from mixscope.runs import records
from mixscope.study import matrix
from test_verdicts import NEEDS, TWO, edit, judged, of_folder, skill

GOOD = {"resnet-cutmix": 4.0, "vit-cutmix": 4.0}


def rng(*address: int) -> np.random.Generator:
    return np.random.default_rng(address)


# --- the rule is monotone in the evidence ----------------------------------------------------------------


@given(st.floats(-5, 5), st.floats(0.001, 5), st.floats(0.01, 3), st.floats(0, 3))
def test_moving_an_interval_to_the_claimed_side_never_makes_the_verdict_worse(low, width, margin, shift):
    def said(low):
        points = Interval(estimate=low + width / 2, low=low, high=low + width)
        return rule("above", margin, points, points)

    before, after = said(low), said(low + shift)
    assert before == REFUTED or after != REFUTED
    assert before != SUPPORTED or after == SUPPORTED


@pytest.mark.parametrize("low", [-0.01, 0.0, 0.01])
def test_a_small_true_effect_is_negligible_whether_or_not_its_interval_leaves_out_0(low):
    points = Interval(estimate=0.3, low=low, high=0.6)
    assert rule("above", 1.0, points, points) == rule("below", 1.0, points, points) == NEGLIGIBLE


# --- strata ----------------------------------------------------------------------------------------------

DF = 8.0


def strata_verdict(t, *, family=1):
    """The verdict over strata from t statistics of a directional claim, as verdicts.judge corrects them."""
    p = stats.t.sf(t, DF)
    whole, alone = rules.corrected({str(i): (p if i == 0 else [1.0]) for i in range(family)})
    said = []
    for mine, by_itself in zip(p, alone["0"], strict=True):
        if mine <= rules.ALPHA and min(whole["0"], by_itself) <= rules.ALPHA:
            said.append(SUPPORTED)
        else:
            said.append(REFUTED if 1 - mine <= rules.ALPHA / len(p) else INCONCLUSIVE)
    return over_strata(said)


def test_a_claim_without_effect_in_12_strata_is_refuted_as_seldom_as_in_one():
    found = [strata_verdict(stats.t.rvs(DF, size=12, random_state=rng(1, i))) for i in range(3000)]
    assert found.count(REFUTED) / 3000 <= 0.025 + 0.009
    assert found.count(SUPPORTED) == 0 and found.count(PARTLY) / 3000 <= 0.025 + 0.009


def test_one_stratum_of_two_refutes_only_at_half_the_level(tmp_path):
    """t = -2.5 with 8 degrees of freedom: p 0.018, between 0.025 / 2 and 0.025."""
    rows = [
        {
            "model": model,
            "augmentation": aug,
            "seed": k,
            "accuracy": (70 + effect * (aug == "cutmix") + e) / 100,
        }
        for model, effect in (("vit", -2.5), ("resnet", 0.0))
        for aug in ("default", "cutmix")
        for k, e in enumerate((-2.0, -1.0, 0.0, 1.0, 2.0))
    ]
    claims = tmp_path / "claims.yaml"
    text = """
claims:
  gain:
    en: CutMix helps
    contrast: {augmentation: {cutmix: 1, default: -1}}
    expect: above
    margin: 1.0
"""
    said = {}
    for where in ("", "    where: {model: vit}\n"):
        claims.write_text(text + where)
        found = verdicts.judge(mixscope.load(pandas.DataFrame(rows), claims=claims, baseline="default"))
        (said[where],) = (r.verdict for r in found[0].readings if r.stratum.get("model") == "vit")
    assert list(said.values()) == [INCONCLUSIVE, REFUTED]


def test_a_claim_that_holds_in_every_stratum_is_supported_where_every_stratum_says_so():
    """40 % of studies of 4 strata with power 0.8 in each; correcting the strata would leave 28 % or less."""
    away = stats.nct(DF, 3.27)
    found = [strata_verdict(away.rvs(size=4, random_state=rng(2, i))) for i in range(800)]
    each = float(away.sf(stats.t.ppf(0.975, DF)))
    assert found.count(SUPPORTED) / 800 == pytest.approx(each**4, abs=0.055)
    assert 0.3 < each**4 < 0.5


def test_texts_say_that_strata_differ_only_with_a_test(tmp_path):
    alike = judged(tmp_path / "a", made=skill(**GOOD))["gain"]
    assert alike.heterogeneity > 0.05 and "strata differ (" not in i18n.render(alike.why)
    capped = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s2": "failed"})
    partly = judged(tmp_path / "c", made=capped)["gain"]
    assert partly.verdict == PARTLY and partly.heterogeneity > 0.05
    assert "a difference between strata is not shown (p " in i18n.render(partly.why)
    unlike = judged(tmp_path / "b", made=skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 1.5}))["gain"]
    assert unlike.verdict == PARTLY and unlike.heterogeneity < 0.05
    assert "strata differ (p " in i18n.render(unlike.why)


def test_identical_strata_are_seldom_found_to_differ():
    found = []
    for i in range(400):
        parts = [
            drawn.moments(
                rng(3, i, k), times=1, shares=[0.25] * 4, seeds=3, from_seed=0.6, from_residual=0.2, truth=2.0
            ).estimate(0)
            for k in range(4)
        ]
        found.append(rules.heterogeneity(parts))
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 0.03


def test_heterogeneity_of_two_strata_is_welchs_test():
    a, b = rng(4).normal(0, 1, 5), rng(5).normal(0.5, 2, 7)

    def alone(x):
        return contrasts.Estimate(
            value=float(x.mean()),
            examples=0.0,
            examples_df=1e9,
            seeds=(float(x.var(ddof=1) / len(x)),),
            seeds_df=(len(x) - 1,),
            residual=0.0,
            conditional=False,
        )

    theirs = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert rules.heterogeneity([alone(a), alone(b)]) == pytest.approx(theirs, rel=1e-6)


# --- Holm and needs --------------------------------------------------------------------------------------


def test_a_true_need_makes_no_claim_easier():
    text = NEEDS.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3]")
    study = matrix.parse(text, file="s.yaml")
    main = study.claims[0]
    assert main.needs and main in rules.family(study.claims)
    null = [dataclasses.replace(main, id=f"null-{i}") for i in range(20)]
    family = rules.family([*null, study.claims[1]])
    wrong = 0
    for i in range(2000):
        p = {claim.id: [float(v)] for claim, v in zip(null, rng(6, i).random(20), strict=True)}
        whole, alone = rules.corrected(p | {family[-1].id: [1e-9]})
        wrong += any(min(whole[c.id], alone[c.id][0]) <= rules.ALPHA for c in null)
    assert wrong / 2000 <= 0.025 + 0.011


def any_supported(p):
    """Whether any stratum of any claim is SUPPORTED. p: one-sided, corrected for looks, (claims, strata)."""
    whole, alone = rules.corrected({str(i): list(each) for i, each in enumerate(p)})
    return any(
        own <= rules.ALPHA and min(whole[claim], each) <= rules.ALPHA
        for claim, mine in alone.items()
        for own, each in zip(p[int(claim)], mine, strict=True)
    )


def test_20_claims_over_12_strata_without_effect_are_seldom_supported_in_any():
    """Each claim needs a claim that is true, which makes none of them easier."""
    wrong = [any_supported(rng(8, i).random((20, 12)).tolist()) for i in range(2000)]
    assert np.mean(wrong) <= 0.05
    # With the whole claim true in 11 of 12 strata, its p is that of the one without effect.
    nearly = []
    for i in range(2000):
        p = rng(9, i).random((20, 12)) * 1e-9
        p[:, 0] = rng(9, i, 1).random(20)
        whole, _ = rules.corrected({str(k): list(each) for k, each in enumerate(p)})
        nearly.append(any(value <= rules.ALPHA for value in whole.values()))
    assert np.mean(nearly) <= 0.05


@pytest.mark.slow
def test_20_claims_at_four_looks_without_effect_are_seldom_supported_at_any():
    plan = (3, 5, 8, 12)
    levels = np.array([look.level for look in looks.plan(plan, 12)])[:, None, None]
    for seed, spreads in enumerate(looks.PATTERNS.values()):
        tails = looks.tails(plan, spreads, studies=40_000, seed=50 + seed).reshape(4, 20, 2000)
        p = np.minimum(1.0, tails * looks.ONE_SIDED / levels)
        wrong = [
            any(any_supported(p[k, :, i][:, None].tolist()) for k in range(4)) for i in range(p.shape[2])
        ]
        assert np.mean(wrong) <= 0.05


def test_a_need_of_other_strata_is_refused_when_the_study_is_read():
    text = NEEDS.replace("    needs: [helps]", "    where: {model: vit}\n    needs: [helps]")
    elsewhere = text + "    where: {model: resnet}\n"
    matrix.parse(text, file="s.yaml")
    with pytest.raises(ConfigError, match=r"line \d+: claims\.main\.needs: helps is claimed of other strata"):
        matrix.parse(elsewhere, file="s.yaml")


# --- what was claimed ------------------------------------------------------------------------------------


def record(folder, study, **changed):
    """Lets made runs say what their study claimed when they began."""
    about = {"name": study.name, "claims": study.claims_digest, "rules": 2, "seeds": len(study.seeds)}
    for run in study.expand():
        file = folder / run.directory / "environment.json"
        found = json.loads(file.read_text())
        records.write_json(file, found | {"study": about | changed})


def test_claims_that_were_edited_after_the_runs_are_post_hoc(tmp_path, capsys):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, skill(**GOOD))
    record(folder, study)
    assert "SUPPORTED" in call(capsys, "judge", folder)[1]
    file = folder / "study.yaml"
    file.write_text(file.read_text().replace("margin: 1.0", "margin: 6.0"))
    code, text, _ = call(capsys, "judge", folder)
    assert code == 0 and "POST HOC" in text and "SUPPORTED" not in text
    assert "claims were edited after 12 runs had begun" in text


def test_a_report_of_edited_claims_has_no_headline(tmp_path):
    folder = tmp_path / "s"
    record(folder, made_study.write(folder, TWO, skill(**GOOD)))

    def written(language):
        made = page.write(folders.study(folder), out=tmp_path / language, language=language)
        return made.page.read_text()

    before = written("en")
    assert "Claims written down before the first run" in before and "best-list" in before.split("</style>")[1]
    assert "version 2 of the verdict rules" in before
    file = folder / "study.yaml"
    file.write_text(file.read_text().replace("margin: 1.0", "margin: 6.0"))
    after = written("en")
    assert "Claims edited after the first run" in after and "post hoc" in after
    assert "written down before" not in after and "best-list" not in after.split("</style>")[1]
    assert "첫 실행 뒤에 고친 가설" in written("ko")


def test_other_words_are_no_edit_of_a_claim(tmp_path, capsys):
    folder = tmp_path / "s"
    record(folder, made_study.write(folder, TWO, skill(**GOOD)))
    file = folder / "study.yaml"
    file.write_text(file.read_text().replace("CutMix helps", "CutMix makes it better"))
    assert "POST HOC" not in call(capsys, "judge", folder)[1]


def test_runs_without_a_record_of_claims_are_not_post_hoc(tmp_path, capsys):
    folder = tmp_path / "s"
    made_study.write(folder, TWO, skill(**GOOD))
    assert "POST HOC" not in call(capsys, "judge", folder)[1]


# --- seeds -----------------------------------------------------------------------------------------------


def test_a_study_without_looks_is_judged_at_the_seeds_that_it_planned_first(tmp_path, capsys):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO.replace("[0, 1, 2]", "[0, 1, 2, 3, 4]"), skill(**GOOD))
    record(folder, study, seeds=3)
    found = json.loads(call(capsys, "judge", folder, "--json")[1])["verdicts"][0]
    for reading in found["readings"]:
        assert reading["seeds"] == 3 and set(reading["by_seed"]) == {"0", "1", "2"}
        assert reading["look"]["seeds"] == 3


def test_between_looks_the_last_look_stands_and_the_next_is_named(tmp_path, capsys):
    text = TWO.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3, 4]\nlooks: [3, 5]")
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s4": "pending"})
    folder = tmp_path / "s"
    made_study.write(folder, text, made)
    code, said, _ = call(capsys, "judge", folder)
    assert code == 0 and "the next look is at 5 seeds" in said
    found = json.loads(call(capsys, "judge", folder, "--json")[1])["verdicts"][0]
    by_model = {r["stratum"]["model"]: r for r in found["readings"]}
    assert (by_model["resnet"]["seeds"], by_model["vit"]["seeds"]) == (5, 3)
    assert by_model["vit"]["judged"]["level"] == pytest.approx(1 - 2 * 0.0053)
    assert by_model["vit"]["points"]["level"] == 0.95


def test_before_the_first_look_there_is_no_verdict(tmp_path, capsys):
    text = TWO.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3, 4]\nlooks: [5]")
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s4": "pending"})
    found = judged(tmp_path / "s", text, made)["gain"]
    assert found.readings[1].gate_kinds == ("unfinished",) and found.readings[1].verdict == INCONCLUSIVE


def test_how_many_seeds_would_settle_it_is_a_range(tmp_path):
    made = skill(**{"resnet-cutmix": 1.7, "vit-cutmix": 1.75})
    found = judged(tmp_path / "s", made=made)["gain"]
    for reading in found.readings:
        if reading.seeds_needed is not None:
            assert reading.seeds_low <= reading.seeds_needed
            assert reading.seeds_high is None or reading.seeds_high >= reading.seeds_needed
    assert any(r.seeds_low is not None and r.seeds_low != r.seeds_high for r in found.readings)


def test_seeds_that_have_been_run_are_not_said_to_settle_it(tmp_path, capsys):
    folder = tmp_path / "s"
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s3": "pending"})
    made_study.write(folder, TWO.replace("[0, 1, 2]", "[0, 1, 2, 3]"), made)
    text = call(capsys, "judge", folder)[1]
    assert "7 of 8 runs are done" in text and "would settle it" not in text


# --- weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["{cutmix: 0.01, default: -0.01}", "{cutmix: 5, default: -5}"])
def test_weights_are_scaled_to_a_difference_of_means(tmp_path, weights):
    plain = judged(tmp_path / "a", made=skill(**GOOD))["gain"]
    scaled = judged(tmp_path / "b", TWO.replace("{cutmix: 1, default: -1}", weights), skill(**GOOD))["gain"]
    assert [r.points for r in scaled.readings] == [r.points for r in plain.readings]


def test_a_third_can_be_written():
    three = "{cutmix: 1, default: -1/3, mixup: -1/3, both: -1/3}"
    text = TWO.replace(
        "cutmix: {augment.mix: cutmix}}", "cutmix: {augment.mix: cutmix}, mixup: {}, both: {}}"
    )
    study = matrix.parse(text.replace("{cutmix: 1, default: -1}", three), file="s.yaml")
    weights = study.claims[0].contrast["augmentation"]
    assert list(weights.values()) == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])
    for wrong in ("1/0", "a/3", "1/3/3"):
        with pytest.raises(ConfigError, match=r"contrast.augmentation.default: expected a weight .* 1/3"):
            matrix.parse(
                text.replace("{cutmix: 1, default: -1}", three.replace("-1/3", wrong, 1)), file="s.yaml"
            )


# --- gates -----------------------------------------------------------------------------------------------


def test_log_odds_gate_few_studies_without_an_effect():
    """The sign of two estimates near 0 differs by chance; their intervals say the opposite hardly ever."""
    gated = signs = 0
    for i in range(300):
        cells = drawn.runs(rng(7, i), [0.45, 0.45, 0.75, 0.75], seeds=3, n=300, seed=0.02)
        weights = [1.0, -1.0, -1.0, 1.0]
        points, logits = contrasts.points(cells, weights), contrasts.logits(cells, weights)
        said = rule("above", 1.0, points.interval(), points.interval(0.9))
        gated += bool(gates.scales("above", said, points.interval(), logits.interval()))
        signs += points.value * logits.value < 0
    assert gated / 300 <= 0.02 < signs / 300


@pytest.mark.parametrize(
    ("said", "points", "logits", "caps"),
    [
        (SUPPORTED, (1.0, 0.2, 1.8), (-0.1, -0.5, 0.3), False),  # another sign alone says nothing
        (SUPPORTED, (1.0, 0.2, 1.8), (-0.3, -0.5, -0.1), True),
        (REFUTED, (-1.0, -1.8, -0.2), (0.1, -0.3, 0.5), False),
        (REFUTED, (-1.0, -1.8, -0.2), (0.3, 0.1, 0.5), True),
        (NEGLIGIBLE, (0.1, -0.5, 0.7), (-0.1, -0.3, 0.1), False),
        (NEGLIGIBLE, (0.1, -0.5, 0.7), (-0.3, -0.5, -0.1), True),
        (INCONCLUSIVE, (0.5, -2.0, 3.0), (-0.3, -0.5, -0.1), False),
    ],
)
def test_log_odds_cap_a_settled_verdict_only_where_their_interval_says_the_opposite(
    said, points, logits, caps
):
    found = [Interval(estimate=e, low=low, high=high) for e, low, high in (points, logits)]
    assert [g.kind for g in gates.scales("above", said, *found)] == (["scales"] if caps else [])


def test_runs_with_identical_predictions_are_copies(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, skill(**GOOD))
    mine = [folder / run.directory for run in study.expand() if run.name == "vit-cutmix"]
    found = records.read_predictions(mine[0], "test-last")
    for path in mine[1:]:
        records.write_predictions(path, "test-last", found)
        edit(path / "summary.json", results=records.read_summary(mine[0])["results"])
    readings = of_folder(folder)["gain"].readings
    assert readings[1].gate_kinds == ("copied",) and readings[1].verdict == INCONCLUSIVE
    assert "vit-cutmix (0, 1, 2)" in readings[1].gates[0]
    assert readings[0].gates == ()


def test_augmentations_that_move_against_each_other_are_warned_of_with_the_paired_interval(tmp_path, capsys):
    a = np.array([0.50, 0.60, 0.55, 0.45])
    cells = [
        Sample(np.repeat((np.arange(400)[None, :] < 400 * x[:, None]), 1, axis=0), (0, 1, 2, 3))
        for x in (a, 1.05 - a)
    ]
    weights = [1.0, -1.0]
    shared = contrasts.shared(cells, weights)
    assert shared == pytest.approx(-1.0)
    beside, why = verdicts._too_narrow(cells, {"a": 1.0, "b": -1.0}, shared, False, (1.0, 1.0))
    unpaired = contrasts.points(cells, weights).interval()
    assert beside.high - beside.low > unpaired.high - unpaired.low
    assert [finding.code for finding in why] == ["opposed-experiments"]
    assert why[0].params["added"] == pytest.approx(100.0)


def test_one_noisy_experiment_of_four_is_warned_of_with_the_paired_interval():
    noise = np.array([0.00, 0.01, -0.01, 0.02])
    cells = [
        Sample(np.arange(1000)[None, :] < 1000 * (0.5 + scale * noise)[:, None], (0, 1, 2, 3))
        for scale in (8.0, 1.0, -1.0, 1.0)
    ]
    named = dict(zip("abcd", (1.0, -1.0, -1.0, 1.0), strict=True))
    points = contrasts.points(cells, [100 * w for w in named.values()])
    beside, (why,) = verdicts._too_narrow(cells, named, 0.0, False, points.seeds)
    assert why.code == "one-noisy" and why.params["experiment"] == "a" and why.params["share"] > 90
    assert beside is not None and "look at its single runs" in i18n.render(why)
    even = contrasts.points([cells[1]] * 4, list(named.values()))
    assert verdicts._too_narrow([cells[1]] * 4, named, 0.0, False, even.seeds) == (None, ())
    assert verdicts._too_narrow(cells, named, 0.0, True, points.seeds)[1] == ()


def test_few_errors_a_run_are_warned_of(tmp_path):
    made = skill(**{"resnet-cutmix": 11.0, "vit-cutmix": 4.0})
    found = judged(tmp_path / "s", made=made)["gain"].readings
    assert [f.code for f in found[0].warnings] == ["few-errors"]
    assert found[0].paired_points is not None and found[1].paired_points is None
    assert found[1].warnings == ()


def test_lost_runs_are_counted_by_experiment(tmp_path, capsys):
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s1": "failed"})
    made_study.write(tmp_path / "s", TWO, made)
    text = call(capsys, "judge", tmp_path / "s")[1]
    assert "runs that did not finish: vit-cutmix 1/3; estimates are of runs that finish" in text
    assert "verdict rules 2" in text and "correlation" not in text
    assert json.loads(call(capsys, "judge", tmp_path / "s", "--json")[1])["lost"] == [
        {"experiment": "vit-cutmix", "lost": 1, "planned": 3}
    ]


def test_a_table_counts_runs_that_failed(tmp_path):
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s1": "failed"})
    made_study.write(tmp_path / "s", TWO, made)
    results = folders.study(tmp_path / "s")
    found = tables.rows(results)
    assert {row["experiment"]: row["failed"] for row in found if row["failed"]} == {"vit-cutmix": 1}
    assert "2/3, 1 failed" in tables.text(results, found)
    assert "means are of runs that finish" in tables.caption(found)


def test_looks_of_a_claims_file_hold_for_results_from_elsewhere(tmp_path, capsys):
    noise = [0.1, -0.2, 0.3, 0.0, -0.1]
    rows = [
        f"{aug},{seed},{(80 + gain + e) / 100},1000"
        for aug, gain in (("default", 0.0), ("cutmix", 5.0))
        for seed, e in enumerate(noise[:4] if aug == "default" else noise)
    ]
    table, claims = tmp_path / "results.csv", tmp_path / "claims.yaml"
    table.write_text("augmentation,seed,accuracy,n_test\n" + "\n".join(rows) + "\n")
    claims.write_text(
        "looks: [3, 5]\nclaims:\n  H:\n    en: CutMix helps\n"
        "    contrast: {augmentation: {cutmix: 1, default: -1}}\n    expect: above\n    margin: 1\n"
    )
    code, text, err = call(capsys, "judge", table, "--claims", claims, "--json")
    assert code == 0, err
    (reading,) = json.loads(text)["verdicts"][0]["readings"]
    assert reading["look"]["seeds"] == 3 and reading["look"]["next"] == 5 and reading["seeds"] == 3
    claims.write_text(claims.read_text().replace("[3, 5]", "[5, 8]"))
    code, text, _ = call(capsys, "judge", table, "--claims", claims)
    assert code == 0 and "the first look is at 5 seeds" in text and "SUPPORTED" not in text


def test_a_report_counts_runs_that_did_not_finish_by_experiment(tmp_path):
    made = dataclasses.replace(skill(**GOOD), states={"vit-cutmix-s1": "failed"})
    made_study.write(tmp_path / "s", TWO, made)
    written = page.write(folders.study(tmp_path / "s"), out=tmp_path / "out", language="en").page.read_text()
    assert "Runs that failed or are damaged, by experiment: vit-cutmix 1/3." in written
