"""The results type: what it refuses, its frames, and the roles of factors."""

import numpy as np
import pytest

from mixscope import metrics
from mixscope.errors import ConfigError, DataError
from mixscope.results import Experiment, Outcomes, Results, Run, Summary
from mixscope.study import matrix, roles
from mixscope.study.roles import Roles

LEVELS = {"model": ("resnet", "vit"), "augmentation": ("default", "mixup")}


def outcomes(seed=0, n=40, k=7, **changes):
    rng = np.random.default_rng(seed)
    return Outcomes.from_logits(np.arange(n), rng.integers(0, k, n), rng.normal(size=(n, k)).astype("f4"))


def results(**changes):
    experiments = tuple(
        Experiment(name=f"{m}-{a}", levels={"model": m, "augmentation": a}, data="digits")
        for m in LEVELS["model"]
        for a in LEVELS["augmentation"]
    )
    found = {(e.name, s): outcomes(seed=100 * i + s) for i, e in enumerate(experiments) for s in (0, 1)}
    runs = tuple(
        Run(
            experiment=name,
            seed=seed,
            metrics={"test": {"last": {"top1": one.accuracy, "n": len(one.ids)}}},
            load_outcomes=lambda checkpoint, one=one: one,
        )
        for (name, seed), one in found.items()
    )
    given = {"name": "made", "roles": roles.from_names(LEVELS), "experiments": experiments, "runs": runs}
    return Results(**given | changes)


def test_outcomes_of_logits_give_the_metrics_of_these_logits():
    rng = np.random.default_rng(3)
    labels, logits = rng.integers(0, 9, 500), rng.normal(size=(500, 9)).astype(np.float32)
    found, wanted = Outcomes.from_logits(np.arange(500), labels, logits), metrics.summary(logits, labels)
    assert found.accuracy == wanted["top1"]
    assert found.top5.mean() == wanted["top5"]
    assert -found.log_likelihood.mean(dtype=np.float64) == pytest.approx(wanted["nll"], rel=1e-6)
    assert np.array_equal(found.confusion(), metrics.confusion(logits, labels))
    p = np.exp(metrics.log_softmax(logits))
    assert np.array_equal(found.confidence, p.max(axis=1).astype(np.float32))


def test_top5_is_none_where_it_would_always_be_right():
    assert outcomes(k=5).top5 is None
    assert outcomes(k=6).top5 is not None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ids": np.array([0, 1, 1])}, "repeated"),
        ({"ids": np.array([0, 2, 1])}, "not sorted"),
        ({"ids": np.array([0, 1], np.int64)}, r"correct: expected bool \(2,\)"),
        ({"correct": np.array([1, 0, 1])}, "expected bool"),
        ({"labels": np.array([0, 1, 2]), "predicted": np.array([0, 1, 2])}, "labels and predicted agree"),
        ({"labels": np.array([0, 1, 3]), "n_classes": 3}, "classes 0 to 2"),
        ({"confidence": np.array([0.1, 0.2, 1.5], np.float32)}, "at most 1"),
        ({"log_likelihood": np.array([-1, 0, 0.5], np.float32)}, "0 or below"),
    ],
)
def test_outcomes_that_cannot_be_are_refused(changes, sentence):
    given = {"ids": np.array([0, 1, 2]), "correct": np.array([True, False, True])}
    with pytest.raises(DataError, match=sentence):
        Outcomes(**given | changes)


def test_test_sets_have_one_name_when_ids_and_labels_are_equal():
    one, other = outcomes(seed=1), outcomes(seed=1, n=41)
    assert one.test == outcomes(seed=1).test
    assert one.test != other.test


def test_a_run_reads_its_outcomes_once_and_only_when_it_is_done():
    asked = []
    given = {"experiment": "a", "seed": 0, "load_outcomes": lambda c: asked.append(c) or outcomes()}
    run = Run(**given)
    assert asked == []
    assert run.outcomes("last") is run.outcomes("last")
    assert asked == ["last"]
    assert Run(**given, state="running").outcomes("last") is None
    assert Run(experiment="a", seed=0).outcomes() is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"runs": (Run(experiment="vit-cutmix", seed=0),)}, "vit-cutmix"),
        ({"runs": (Run(experiment="vit-mixup", seed=0),) * 2}, "twice"),
        ({"runs": (Run(experiment="vit-mixup", seed=0, state="finished"),)}, "finished"),
        ({"experiments": (Experiment(name="a", levels={"model": "vit"}, data="d"),)}, "augmentation"),
        ({"experiments": results().experiments[:1] * 2}, "two experiments"),
    ],
)
def test_results_that_do_not_fit_together_are_refused(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        results(**{"runs": ()} | changes)


def test_a_mean_out_of_range_is_refused():
    with pytest.raises(DataError, match=r"^a: expected a mean accuracy of 0 to 1, got 76\.4") as raised:
        Summary(experiment="a", mean=76.4, spread=None, spread_kind=None, n_seeds=3, n_test=None)
    assert str(raised.value.path) == "a"


def test_a_frame_has_a_row_a_run_with_its_levels_and_accuracy():
    found = results()
    frame = found.to_frame()
    assert len(frame) == len(found.runs) == 8
    assert list(frame.columns[:8]) == [
        *("experiment", "model", "augmentation", "seed", "state", "checkpoint", "accuracy", "n_test")
    ]
    for row, run in zip(frame.itertuples(), found.runs, strict=True):
        assert (row.experiment, row.seed, row.accuracy) == (
            run.experiment,
            run.seed,
            run.outcomes().accuracy,
        )


def test_a_frame_of_outcomes_has_a_row_a_run_and_example_in_the_documented_dtypes():
    found = results()
    frame = found.outcomes()
    assert len(frame) == 8 * 40
    assert {c: frame[c].dtype for c in ("id", "correct", "confidence")} == {
        "id": np.int64,
        "correct": bool,
        "confidence": np.float32,
    }
    mine = frame[(frame.experiment == "vit-mixup") & (frame.seed == 1)]
    assert np.array_equal(mine.predicted, found.done_of("vit-mixup")[1].outcomes().predicted)


def test_a_factor_with_the_name_of_a_column_does_not_replace_it():
    roles_ = Roles(factors={"state": ("on", "off")})
    one = Experiment(name="on", levels={"state": "on"}, data="d")
    frame = Results(
        name="x", roles=roles_, experiments=(one,), runs=(Run(experiment="on", seed=0),)
    ).to_frame()
    assert (frame["factor.state"][0], frame["state"][0]) == ("on", "done")


def test_roles_of_a_study_follow_from_what_its_levels_set_and_not_from_names():
    study = matrix.load("resnet-vs-vit")
    factors = {
        f"factor {i}": {f"{i}.{k}": v for k, v in enumerate(levels.values())}
        for i, levels in enumerate(study.factors.values())
    }
    plain = roles.from_settings(study.factors)
    renamed = roles.from_settings(factors)
    at = dict(zip(study.factors, factors, strict=True))
    assert (renamed.augmentation, renamed.model) == (at[plain.augmentation], at[plain.model])
    assert renamed.pretraining == at[plain.pretraining]
    assert plain.baseline == "default"
    assert plain.strata == ("data", "pretrained")


def test_roles_by_name_are_those_that_a_reader_would_give():
    found = roles.from_names({"Arch": ["r50", "vit"], "aug": ["cutmix", "None"], "lr": ["1", "2"]})
    assert (found.model, found.augmentation, found.baseline) == ("Arch", "aug", "None")
    assert found.compared == ("cutmix",)
    assert found.strata == ("lr",)


def test_a_declared_baseline_says_which_factor_is_the_augmentation():
    found = roles.from_names({"recipe": ["a1", "a2"], "aug": ["x", "y"]}, baseline="a1")
    assert (found.augmentation, found.baseline) == ("recipe", "a1")
    with pytest.raises(ConfigError, match="a3"):
        roles.from_names({"recipe": ["a1", "a2"]}, augmentation="recipe", baseline="a3")
