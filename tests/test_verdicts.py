"""What is said of a claim, and what caps it."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_study
from mixscope import i18n, metrics
from mixscope.claims import corrections, looks, verdicts
from mixscope.claims.contrasts import Interval
from mixscope.claims.verdicts import (
    ESTIMATE,
    EXPLORATORY,
    INCONCLUSIVE,
    MISSING,
    NEGLIGIBLE,
    PARTLY,
    POST_HOC,
    REFUTED,
    SCALE_DEPENDENT,
    SUPPORTED,
    UNFINISHED,
    judge,
    over_strata,
    rule,
)
from mixscope.results import folders
from mixscope.runs import records
from mixscope.runs.records import Predictions
from mixscope.study import matrix

TWO = """
name: two
base: {data.name: digits, augment.base: none, train.epochs: 4}
factors:
  model: {resnet: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {augment.mix: none}, cutmix: {augment.mix: cutmix}}
seeds: [0, 1, 2]
claims:
  gain:
    en: CutMix helps
    contrast: {augmentation: {cutmix: 1, default: -1}}
    expect: above
    margin: 1.0
"""
ALL_WELL = made_study.Made(n=400)


def skill(**of):
    """Made runs whose accuracy hangs on the levels of their cell; every health check is well."""
    return made_study.Made(n=400, skill=lambda run: of.get("-".join(run.levels.values()), 1.5), ill=-1)


def judged(folder, text=TWO, made=ALL_WELL, **more):
    made_study.write(folder, text, made)
    return of_folder(folder, **more)


def of_folder(folder, **more):
    return {v.claim: v for v in judge(folders.study(folder), **more)}


def test_an_equivalence_is_judged_by_the_interval_that_decides_it(tmp_path):
    text = TWO.replace("expect: above", "expect: equivalent").replace("margin: 1.0", "margin: 2.0")
    text = text.replace("contrast:", "where: {model: vit}\n    contrast:")
    made_study.write(tmp_path / "s", text, skill(**{"vit-cutmix": 9.0, "vit-default": 0.1}))
    results = folders.study(tmp_path / "s")
    (verdict,) = judge(results)
    (reading,) = verdict.readings
    assert verdict.verdict == REFUTED and reading.judged.level == pytest.approx(0.95)
    narrow = Interval(estimate=9.0, low=3.0, high=15.0, level=0.9)  # outside, while the wide one is not
    open_ = dataclasses.replace(reading, verdict=INCONCLUSIVE, uncapped=INCONCLUSIVE, judged=narrow)
    assert corrections.reason(results.claims[0], open_).code == "why-beyond"


# --- the rule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "low", "high", "said"),
    [
        ("above", 0.1, 3.0, SUPPORTED),
        ("above", 0.1, 0.9, NEGLIGIBLE),
        ("above", -0.01, 0.6, NEGLIGIBLE),
        ("above", 0.01, 0.6, NEGLIGIBLE),
        ("above", -3.0, -0.1, REFUTED),
        ("above", -0.9, 0.9, NEGLIGIBLE),
        ("above", -0.9, 1.1, INCONCLUSIVE),
        ("below", -3.0, -0.1, SUPPORTED),
        ("below", -0.9, -0.1, NEGLIGIBLE),
        ("below", 0.1, 3.0, REFUTED),
        ("below", -1.1, 0.9, INCONCLUSIVE),
        ("none", 0.1, 3.0, ESTIMATE),
    ],
)
def test_the_rule_of_a_direction(expect, low, high, said):
    points = Interval(estimate=(low + high) / 2, low=low, high=high)
    assert rule(expect, 1.0, points, points) == said


@pytest.mark.parametrize(
    ("narrow", "wide", "said"),
    [
        ((-0.5, 0.9), (-0.7, 1.1), SUPPORTED),
        ((-1.5, 0.5), (-1.7, 0.7), INCONCLUSIVE),
        ((1.2, 2.0), (1.1, 2.1), REFUTED),
        ((-2.0, -1.2), (-2.1, -1.1), REFUTED),
        ((-9.0, 9.0), (-9.9, 9.9), INCONCLUSIVE),
    ],
)
def test_the_rule_of_an_equivalence(narrow, wide, said):
    def interval(bounds, level):
        return Interval(estimate=sum(bounds) / 2, low=bounds[0], high=bounds[1], level=level)

    assert rule("equivalent", 1.0, interval(wide, 0.95), interval(narrow, 0.90)) == said


@given(st.floats(-10, 10), st.floats(0.01, 10), st.floats(0.01, 5))
def test_below_is_above_in_a_mirror(estimate, half, margin):
    points = Interval(estimate=estimate, low=estimate - half, high=estimate + half)
    mirrored = Interval(estimate=-estimate, low=-points.high, high=-points.low)
    assert rule("above", margin, points, points) == rule("below", margin, mirrored, mirrored)


@pytest.mark.parametrize(
    ("strata", "said"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([SUPPORTED, REFUTED, MISSING], REFUTED),
        ([SUPPORTED, INCONCLUSIVE], PARTLY),
        ([SUPPORTED, NEGLIGIBLE], PARTLY),
        ([SUPPORTED, MISSING], UNFINISHED),
        ([NEGLIGIBLE, NEGLIGIBLE], NEGLIGIBLE),
        ([NEGLIGIBLE, MISSING], UNFINISHED),
        ([NEGLIGIBLE, INCONCLUSIVE], INCONCLUSIVE),
        ([SUPPORTED, SCALE_DEPENDENT], PARTLY),
        ([SUPPORTED, POST_HOC], POST_HOC),
        ([INCONCLUSIVE, MISSING], INCONCLUSIVE),
        ([EXPLORATORY, MISSING], EXPLORATORY),
        ([EXPLORATORY, INCONCLUSIVE], INCONCLUSIVE),
        ([MISSING, MISSING], MISSING),
        ([ESTIMATE, MISSING], ESTIMATE),
    ],
)
def test_a_claim_over_strata(strata, said):
    assert over_strata(strata) == over_strata(strata[::-1]) == said


# --- a whole study ---------------------------------------------------------------------------------------


def test_a_large_effect_is_supported_in_every_stratum(tmp_path):
    found = judged(tmp_path / "s", made=skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}))["gain"]
    assert found.verdict == SUPPORTED and i18n.render(found.why) == "supported in all 2 strata"
    for reading in found.readings:
        assert reading.gates == () and reading.seeds == 3 and set(reading.by_seed) == {0, 1, 2}
        assert reading.points.estimate == pytest.approx(np.mean(list(reading.by_seed.values())))
        assert reading.points.low < reading.narrow.low < reading.narrow.high < reading.points.high
        assert reading.bootstrap.low > 0 and reading.logits.low > 0
        assert reading.p <= reading.p_holm <= 0.025


def test_the_same_records_give_the_same_verdicts_to_the_last_bit(tmp_path):
    made_study.write(tmp_path / "s")
    assert judge(folders.study(tmp_path / "s")) == judge(folders.study(tmp_path / "s"))


def test_an_effect_that_goes_the_other_way_is_refuted(tmp_path):
    found = judged(tmp_path / "s", made=skill(**{"resnet-cutmix": 4.0, "vit-cutmix": -1.0}))["gain"]
    assert [r.verdict for r in found.readings] == [SUPPORTED, REFUTED]
    assert found.verdict == REFUTED and "refuted in 1 of 2 strata (vit)" in i18n.render(found.why)


def test_two_seeds_are_capped_and_one_is_exploratory(tmp_path):
    made = skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0})
    two = judged(tmp_path / "two", TWO.replace("[0, 1, 2]", "[0, 1]"), made)["gain"]
    assert two.verdict == INCONCLUSIVE
    assert all(r.gate_kinds[0] == "seeds" and r.points.low < r.points.high for r in two.readings)
    one = judged(tmp_path / "one", TWO.replace("[0, 1, 2]", "[0]"), made)["gain"]
    assert one.verdict == EXPLORATORY
    for reading in one.readings:
        assert reading.p is None and reading.seeds_needed is None and reading.shared is None
        error, sd = reading.standard_error, reading.tipping_sd
        assert abs(reading.points.estimate) == pytest.approx(1.966 * np.hypot(error, sd * 2**0.5), rel=1e-3)


def test_a_missing_experiment_leaves_its_stratum_out_and_says_so(tmp_path):
    made = dataclasses.replace(
        skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}), states={"vit-cutmix": "pending"}
    )
    found = judged(tmp_path / "s", made=made)["gain"]
    assert [r.verdict for r in found.readings] == [SUPPORTED, MISSING]
    assert found.verdict == UNFINISHED and found.readings[1].missing == ("vit-cutmix",)
    assert found.readings[1].points is None
    assert found.readings[0].p_holm == 1.0, "the claim is of both strata, of which one cannot be read"


@pytest.mark.parametrize(("state", "kind"), [("failed", "failed"), ("pending", "unfinished")])
def test_a_planned_run_that_failed_or_was_deleted_caps_what_rests_on_it(tmp_path, state, kind):
    made = dataclasses.replace(
        skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}), states={"vit-cutmix-s1": state}
    )
    found = judged(tmp_path / "s", TWO.replace("[0, 1, 2]", "[0, 1, 2, 3]"), made)["gain"]
    assert [r.seeds for r in found.readings] == [4, 3]
    assert set(found.readings[1].by_seed) == {0, 2, 3}
    assert found.readings[1].uncapped == SUPPORTED and found.readings[1].verdict == INCONCLUSIVE
    assert found.readings[1].gate_kinds == (kind,)


def test_a_failed_health_check_caps_what_rests_on_it(tmp_path):
    made = dataclasses.replace(skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}), ill=1)
    found = judged(tmp_path / "s", made=made)["gain"]
    capped = [r for r in found.readings if r.gate_kinds == ("health",)]
    assert len(capped) == 1 and capped[0].verdict == INCONCLUSIVE and capped[0].uncapped == SUPPORTED
    assert "batch norm statistics" in capped[0].gates[0]


def edit(path, **values):
    found = json.loads(path.read_bytes())
    records.write_json(path, found | values)


@pytest.mark.parametrize("kind", ["code", "data", "settings", "checkpoint"])
def test_runs_that_were_made_otherwise_cap_what_compares_them(tmp_path, kind):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}))
    run = folder / next(r.directory for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    about, summary = records.read_environment(run), records.read_summary(run)
    if kind == "code":
        edit(run / "summary.json", code=[*summary["code"], "0ther" * 3])
    elif kind == "data":
        edit(run / "environment.json", data=about["data"] | {"digest": "0" * 64})
    elif kind == "settings":
        edit(run / "environment.json", digest="0" * 16)
    else:
        edit(run / "summary.json", checkpoints={"last": 4})
    found = {v.claim: v for v in judge(folders.study(folder))}["gain"]
    assert found.readings[0].gates == () and found.readings[0].verdict == SUPPORTED
    assert found.readings[1].gate_kinds == (kind,) and found.readings[1].verdict == INCONCLUSIVE
    assert "vit-cutmix seed 1" in found.readings[1].gates[0]


def test_all_runs_made_by_two_versions_of_the_code_are_capped_too(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, skill(**{"resnet-cutmix": 4.0, "vit-cutmix": 4.0}))
    for run in study.expand():
        edit(folder / run.directory / "summary.json", code=["a" * 16, "b" * 16])
    found = {v.claim: v for v in judge(folders.study(folder))}["gain"]
    assert all(r.gate_kinds == ("code",) for r in found.readings)


def test_runs_that_were_tested_on_other_examples_are_left_out_and_capped(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, skill())
    run = folder / next(r.directory for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    found = records.read_predictions(run, "test-last")
    records.write_predictions(run, "test-last", Predictions(found.ids + 1, found.labels, found.logits))
    about = records.read_environment(run)
    edit(run / "environment.json", data=about["data"] | {"digest": "0" * 64})
    reading = {v.claim: v for v in judge(folders.study(folder))}["gain"].readings[1]
    assert reading.seeds == 2 and set(reading.gate_kinds) == {"seeds", "data"}


def test_log_odds_whose_interval_says_the_opposite_make_a_verdict_scale_dependent(tmp_path):
    """2 points at 97 % are more in log-odds than 6 points at 50 %."""
    text = TWO.replace(
        "contrast: {augmentation: {cutmix: 1, default: -1}}",
        "contrast: {model: {vit: 1, resnet: -1}, augmentation: {cutmix: 1, default: -1}}",
    )
    made = skill(**{"vit-default": 1.0, "vit-cutmix": 2.5, "resnet-default": 4.0, "resnet-cutmix": 7.5})
    made = dataclasses.replace(made, n=4000)
    reading = judged(tmp_path / "s", text, made)["gain"].readings[0]
    assert reading.points.low > 0 > reading.logits.high
    assert reading.gate_kinds == ("scales",) and reading.verdict == SCALE_DEPENDENT


def test_pairing_by_seed_uses_common_seeds_only(tmp_path):
    text = TWO.replace("margin: 1.0", "margin: 1.0\n    pair_seeds: true").replace(
        "[0, 1, 2]", "[0, 1, 2, 3]"
    )
    made = dataclasses.replace(skill(), states={"vit-cutmix-s3": "pending"})
    found = judged(tmp_path / "s", text, made)["gain"]
    assert [r.seeds for r in found.readings] == [4, 3] and all(r.paired for r in found.readings)


def test_pairing_without_a_common_seed_says_so(tmp_path):
    text = TWO.replace("margin: 1.0", "margin: 1.0\n    pair_seeds: true").replace("[0, 1, 2]", "[0, 1]")
    states = {"vit-cutmix-s0": "pending", "vit-default-s1": "pending"}
    reading = judged(tmp_path / "s", text, dataclasses.replace(skill(), states=states))["gain"].readings[1]
    assert reading.verdict == MISSING and "no seed is common" in reading.gates[0]


def test_the_published_protocol_shows_what_choosing_on_test_adds(tmp_path):
    text = TWO.replace("train.epochs: 4", "train.epochs: 4, train.protocol: published, data.val_fraction: 0")
    folder = tmp_path / "s"
    study = made_study.write(folder, text, skill())
    for planned in study.expand():
        if planned.name == "resnet-cutmix":
            run = folder / planned.directory
            found = records.read_predictions(run, "test-last")
            sure = found.logits.copy()
            sure[np.arange(len(sure)), found.labels] += 50.0
            records.write_predictions(run, "test-best-on-test", Predictions(found.ids, found.labels, sure))
            results = records.read_summary(run)["results"]
            results["test"]["best-on-test"] = metrics.summary(sure, found.labels)
            edit(run / "summary.json", results=results)
    readings = {v.claim: v for v in judge(folders.study(folder))}["gain"].readings
    assert readings[0].chosen_on_test.estimate > readings[0].points.estimate + 10
    assert readings[1].chosen_on_test == readings[1].points


def test_a_checkpoint_that_was_not_kept_is_named(tmp_path):
    text = TWO.replace("train.epochs: 4", "train.epochs: 4, train.protocol: published, data.val_fraction: 0")
    from mixscope.errors import DataError

    with pytest.raises(DataError, match="has no predictions test-selected"):
        judged(tmp_path / "s", text, checkpoint="selected")


# --- claims beside each other ----------------------------------------------------------------------------

NEEDS = """
name: needs
base: {data.name: digits, augment.base: none, train.epochs: 4}
factors:
  model: {resnet: {model.arch: resnet10t}, vit: {model.arch: vit_tiny_patch16_224}}
  augmentation: {default: {augment.mix: none}, mixup: {augment.mix: mixup}, cutmix: {augment.mix: cutmix}}
seeds: [0, 1, 2]
claims:
  main:
    en: CutMix beats MixUp
    contrast: {augmentation: {cutmix: 1, mixup: -1}}
    expect: above
    margin: 1.0
    needs: [helps]
  helps:
    en: CutMix helps
    contrast: {augmentation: {cutmix: 1, default: -1}}
    expect: above
    margin: 1.0
"""


@pytest.mark.parametrize(("default", "said"), [(1.5, SUPPORTED), (9.0, REFUTED), (2.97, INCONCLUSIVE)])
def test_a_claim_holds_only_with_what_it_needs(tmp_path, default, said):
    levels = {f"{m}-{a}": v for m in ("resnet", "vit") for a, v in (("cutmix", 3.0), ("mixup", 1.0))}
    levels |= {"resnet-default": default, "vit-default": 1.5}
    found = judged(tmp_path / "s", NEEDS, skill(**levels))
    main = found["main"].readings
    assert main[0].uncapped == SUPPORTED and main[0].verdict == said
    assert main[0].gate_kinds == (() if said == SUPPORTED else ("needs",))
    assert main[1].verdict == SUPPORTED, "the other stratum has what it needs"


def test_holm_caps_a_claim_that_is_supported_only_by_itself():
    claims = [dataclasses.replace(matrix.parse(TWO, file="s").claims[0], id=name) for name in ("a", "b")]
    look = looks.plan((), 3)[0]
    one = made_study.reading(
        "a", {}, SUPPORTED, 2.5, p=0.02, p_holm=None, uncapped=SUPPORTED, look=look, gates=(), gate_kinds=()
    )
    other = dataclasses.replace(one, claim="b", p=0.9, uncapped=INCONCLUSIVE, verdict=INCONCLUSIVE)
    both = corrections.corrected(claims, {"a": [one], "b": [other]})
    assert both["a"][0].verdict == INCONCLUSIVE and both["a"][0].gate_kinds == ("holm",)
    assert (both["a"][0].p_holm, both["b"][0].p_holm) == pytest.approx((0.04, 0.9))
    alone = corrections.corrected(claims[:1], {"a": [one]})["a"]
    assert alone == [dataclasses.replace(one, p_holm=0.02)]


def test_p_counts_the_looks_before_holm():
    """At a look of level a, p is multiplied by 0.025 / a: what one claim may spend there, two share."""
    claims = [dataclasses.replace(matrix.parse(TWO, file="s").claims[0], id=name) for name in ("a", "b")]
    look = looks.plan((3, 5), 3)[0]
    one = made_study.reading(
        "a", {}, SUPPORTED, 2.5, p=0.004, p_holm=None, uncapped=SUPPORTED, look=look, gates=(), gate_kinds=()
    )
    assert one.p < look.level < 2 * one.p < 0.025
    (alone,) = corrections.corrected(claims[:1], {"a": [one]})["a"]
    assert alone.verdict == SUPPORTED and alone.p_holm == pytest.approx(0.004 * 0.025 / look.level)
    other = dataclasses.replace(one, claim="b", p=0.9, uncapped=INCONCLUSIVE, verdict=INCONCLUSIVE)
    (both,) = corrections.corrected(claims, {"a": [one], "b": [other]})["a"]
    assert both.verdict == INCONCLUSIVE and both.gate_kinds == ("holm",)
    assert both.p_holm == pytest.approx(2 * alone.p_holm)


def test_the_family_is_the_directional_claims_with_needs_or_without():
    study = matrix.load("resnet-vs-vit")
    assert [c.id for c in verdicts.rules.family(study.claims)] == ["main", "H1", "H2"]


def test_every_builtin_study_can_be_judged_before_its_first_run(tmp_path):
    for name in matrix.builtin():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "study.yaml").write_text(matrix.load(name).text)
        found = judge(folders.study(folder))
        assert {v.verdict for v in found} == ({MISSING} if matrix.load(name).claims else set())
