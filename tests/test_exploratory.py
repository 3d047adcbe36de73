"""Results without claims, claims about other people's results, and sentences about both."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mixscope.claims import contrasts, exploratory, health, samples, statements, verdicts
from mixscope.claims.contrasts import Sample
from mixscope.errors import ConfigError, DataError
from mixscope.results import claims_files, runs_table, sources
from mixscope.results.runs_table import Reading

CASES = Path(__file__).parent / "cases"


def explored(results):
    return {
        (e.contrast.kind, e.contrast.augmentation, e.contrast.model): e for e in exploratory.explore(results)
    }


def test_gains_and_their_difference_are_those_of_the_means():
    found = explored(runs_table.read(CASES / "accuracies.csv"))
    rn18, deit = found["gain", "cutmix", "rn18"], found["gain", "cutmix", "deit"]
    between = found["difference of gains", "cutmix", "deit"]
    assert rn18.interval.estimate == pytest.approx(3.0)
    assert deit.interval.estimate == pytest.approx(25 / 3)
    assert between.interval.estimate == pytest.approx(16 / 3)
    assert (rn18.verdict, between.said) == ("better", "deit gains more")
    expected = stats.ttest_ind([79.0, 79.6, 79.3], [76.1, 76.5, 76.3], equal_var=False)
    assert rn18.p == pytest.approx(expected.pvalue)
    assert rn18.bound.low < rn18.interval.low and not rn18.examples_paired


def test_holm_runs_over_all_that_is_shown():
    found = list(explored(runs_table.read(CASES / "accuracies.csv")).values())
    p = {str(i): e.p for i, e in enumerate(found)}
    assert [e.p_holm for e in found] == list(contrasts.holm(p).values())


def test_single_runs_get_no_verdict_but_the_spread_that_would_erase_them():
    for e in exploratory.explore(runs_table.read(CASES / "deltas.md", Reading(n_test=10_000))):
        assert e.verdict == "no-verdict" and e.p is None and e.seeds == (1, 1)
        if e.tipping_sd is not None:
            spread = 1.959964 * math.sqrt(
                (e.interval.high - e.interval.estimate) ** 2 / 1.959964**2 + 2 * e.tipping_sd**2
            )
            assert spread == pytest.approx(abs(e.interval.estimate), rel=1e-4)
        assert "In single runs" in e.statement.to_text()


def test_two_seeds_are_too_few_for_a_verdict():
    (found,) = exploratory.explore(runs_table.read(CASES / "euro.csv"))
    assert found.verdict == "undecided" and "a verdict needs 3" in found.said


def test_means_with_spreads_give_what_their_runs_give():
    runs = runs_table.read(CASES / "accuracies.csv")
    frame = pd.read_csv(CASES / "accuracies.csv")
    table = frame.groupby(["Architecture", "Aug"], sort=False)["Top-1 (%)"].agg(["mean", "std", "count"])
    table = table.reset_index().rename(columns={"std": "spread", "count": "n_seeds"})
    table = table.assign(spread_kind="sd", n_test=10_000)
    one, other = explored(runs), explored(runs_table.of_frame(table))
    assert one.keys() == other.keys()
    for key in one:
        assert (other[key].interval.low, other[key].p) == pytest.approx((one[key].interval.low, one[key].p))
    wider = explored(runs_table.of_frame(table.drop(columns="spread_kind")))
    for key in one:
        assert wider[key].interval.high > other[key].interval.high


def test_means_without_spreads_get_no_verdict():
    frame = pd.DataFrame({"aug": ["none", "mixup"], "accuracy": [70.0, 74.0], "n_seeds": [3, 3]})
    (found,) = exploratory.explore(runs_table.of_frame(frame))
    assert found.verdict == "no-verdict" and found.tipping_sd is not None


def outcomes(folder):
    """A table with predictions of two arms and three seeds; correctness by arm."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 400)
    rows, correct = [], {}
    for aug, share in (("none", 0.70), ("mixup", 0.76)):
        hits = rng.random((3, 400)) < share
        correct[aug] = hits
        for seed in range(3):
            np.savez(
                folder / f"{aug}{seed}.npz",
                labels=labels,
                predicted=np.where(hits[seed], labels, (labels + 1) % 4),
            )
            rows.append(f"{aug},{seed},{aug}{seed}.npz")
    path = folder / "r.csv"
    path.write_text("aug,seed,predictions\n" + "\n".join(rows) + "\n", "utf-8")
    return path, correct


def test_predictions_are_paired_by_example(tmp_path):
    path, correct = outcomes(tmp_path)
    results = runs_table.read(path)
    (found,) = exploratory.explore(results)
    same = contrasts.points([Sample(correct[a], (0, 1, 2)) for a in ("mixup", "none")], [1.0, -1.0])
    assert (found.interval.low, found.interval.high) == (same.interval().low, same.interval().high)
    assert found.examples_paired and found.bound is None
    assert isinstance(samples.known(results, "mixup"), Sample)
    assert "same test examples" not in health.unchecked(results)


def test_a_run_without_predictions_reduces_its_experiment_to_accuracies(tmp_path):
    path, correct = outcomes(tmp_path)
    text = path.read_text("utf-8").replace("mixup,2,mixup2.npz", "mixup,2,")
    lines = [line + "," for line in text.splitlines()]
    lines[0] += "accuracy"
    lines[-1] += str(correct["mixup"][2].mean())
    path.write_text("\n".join(lines), "utf-8")
    (found,) = exploratory.explore(runs_table.read(path))
    accuracies = [correct[a].mean(axis=1) for a in ("mixup", "none")]
    assert found.p == pytest.approx(stats.ttest_ind(*accuracies, equal_var=False).pvalue)


def test_what_cannot_be_compared_is_one_sentence():
    with pytest.raises(DataError, match=r"--baseline LEVEL, in Python load\(\.\.\., baseline=LEVEL\)"):
        exploratory.explore(runs_table.read(CASES / "html-table.md"))
    found = explored(runs_table.read(CASES / "html-table.md", Reading(baseline="MixUp")))
    assert found["gain", "CutMix", "ResNet50"].estimate == pytest.approx(1.3)


def test_an_experiment_without_finished_runs_is_named():
    frame = pd.DataFrame(
        {
            "aug": ["none", "none", "mixup", "cutmix"],
            "acc": [70.0, 71.0, None, 72.0],
            "state": ["done", "done", "failed", "done"],
        }
    )
    found = explored(runs_table.of_frame(frame))
    assert found["gain", "mixup", None].said == "no finished run of mixup"
    assert found["gain", "cutmix", None].estimate == pytest.approx(1.5)


# --- claims ---


def test_a_new_claims_file_is_read_back_and_judges_the_next_results(tmp_path):
    results = runs_table.read(CASES / "accuracies.csv")
    file = tmp_path / "claims.yaml"
    file.write_text(exploratory.new_claims(results), "utf-8")
    judged = verdicts.judge(claims_files.read(file).put_into(results))
    assert [(v.claim, v.verdict) for v in judged] == [
        ("gain-cutmix", "SUPPORTED"),
        ("deit-cutmix", "SUPPORTED"),
    ]
    reading = judged[1].readings[0]
    assert reading.points.estimate == pytest.approx(16 / 3)
    assert reading.bound.low < reading.points.low and reading.bootstrap is None
    assert {f.code for f in reading.warnings} == {"on-this-test-set"}
    claims = claims_files.read(file).put_into(results).claims
    said = statements.of_verdicts(judged, claims, results.roles)
    assert (
        said[0].to_text().startswith("cutmix improved rn18 by 3.0 pp (95 % CI 2.4 to 3.6; 3 seeds, Welch t")
    )
    assert said[2].to_text().startswith("cutmix gained 5.3 pp more in deit than in rn18")


def test_names_of_levels_cannot_break_a_claims_file(tmp_path):
    odd = ["no: {", '"x"', "mix # up"]
    frame = pd.DataFrame(
        {"my aug: [": odd * 2, "seed": [0, 0, 0, 1, 1, 1], "acc": [70.0, 71, 72, 70.5, 71.5, 73]}
    )
    results = runs_table.of_frame(frame, Reading(baseline="no: {"))
    file = tmp_path / "c.yaml"
    file.write_text(exploratory.new_claims(results), "utf-8")
    assert len(claims_files.read(file).put_into(results).claims) == 2


def test_claims_are_checked_against_the_table_with_their_line(tmp_path):
    results = runs_table.read(CASES / "accuracies.csv")
    file = tmp_path / "c.yaml"
    file.write_text(exploratory.new_claims(results).replace('"cutmix": 1', '"cutmx": 1', 1), "utf-8")
    with pytest.raises(ConfigError, match=r"c\.yaml, line \d+.*cutmx.*cutmix"):
        claims_files.read(file).put_into(results)
    file.write_text("claims: 3\n", "utf-8")
    with pytest.raises(ConfigError, match="claims new"):
        claims_files.read(file)


def test_pairing_by_seed_needs_named_seeds(tmp_path):
    frame = pd.read_csv(CASES / "accuracies.csv")
    named, unnamed = runs_table.of_frame(frame), runs_table.of_frame(frame.drop(columns="seed"))
    file = tmp_path / "c.yaml"
    text = exploratory.new_claims(named).replace("    margin: 1\n", "    margin: 1\n    pair_seeds: true\n")
    file.write_text(text, "utf-8")
    reading = verdicts.judge(claims_files.read(file).put_into(named))[0].readings[0]
    expected = stats.ttest_rel([79.0, 79.6, 79.3], [76.1, 76.5, 76.3])
    assert reading.paired and 2 * reading.p == pytest.approx(expected.pvalue)
    reading = verdicts.judge(claims_files.read(file).put_into(unnamed))[0].readings[0]
    assert reading.verdict == "MISSING" and reading.gate_kinds == ("seeds",)


def test_one_seed_is_exploratory_also_with_claims(tmp_path):
    results = runs_table.read(CASES / "deltas.md")
    file = tmp_path / "c.yaml"
    file.write_text(exploratory.new_claims(results), "utf-8")
    reading = verdicts.judge(claims_files.read(file).put_into(results))[0].readings[0]
    assert reading.verdict == "EXPLORATORY" and reading.tipping_sd is not None
    assert "test-size-assumed" in {f.code for f in reading.warnings}


def test_what_a_table_does_not_say_is_listed_as_not_checked():
    found = health.unchecked(runs_table.read(CASES / "accuracies.csv"))
    assert {"code", "settings", "checkpoint rule", "same test examples"} <= set(found)


def test_a_study_and_the_tables_of_its_outcomes_give_the_same_intervals_to_the_last_digit(tmp_path):
    study = sources.load(Path(__file__).parent / "stored" / "study")
    frame, every = study.to_frame(), study.outcomes()
    frame["predictions"] = ""
    for i, row in frame.iterrows():
        name = f"{row.experiment}-{row.seed}.csv"
        every[(every.experiment == row.experiment) & (every.seed == row.seed)].to_csv(
            tmp_path / name, index=False
        )
        frame.loc[i, "predictions"] = name
    frame.to_csv(tmp_path / "r.csv", index=False)
    table = dataclasses.replace(runs_table.read(tmp_path / "r.csv"), claims=study.claims)
    one, other = (verdicts.judge(r)[0].readings[0] for r in (study, table))
    for name in (
        "points",
        "logits",
        "narrow",
        "bootstrap",
        "p",
        "seeds_needed",
        "by_seed",
        "uncapped",
        "cells",
    ):
        assert getattr(one, name) == getattr(other, name), name
