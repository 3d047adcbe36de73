"""What a study's folder lacks, and what in it is not as the study asks: each in a sentence with names."""

import shutil

import numpy as np
import pytest

import made_study
from mixscope.claims import budget, health, samples, verdicts
from mixscope.findings import Finding
from mixscope.results import folders
from mixscope.runs import records
from test_verdicts import TWO, edit


def examined(folder, **more):
    return health.examine(folders.study(folder), **more)


def well(**states):
    return made_study.Made(n=100, ill=-1, states=states)


def test_a_complete_study_of_equal_runs_has_no_problem(tmp_path):
    made_study.write(tmp_path / "s", TWO, well())
    assert examined(tmp_path / "s") == ()
    assert health.complete(folders.study(tmp_path / "s")) == (12, 12)


def test_runs_that_are_not_done_are_named_by_what_became_of_them(tmp_path):
    states = {
        "vit-cutmix-s2": "pending",
        "vit-default-s": "running",
        "resnet-default-s0": "failed",
        "resnet-cutmix-s1": "interrupted",
    }
    made_study.write(tmp_path / "s", TWO, well(**states))
    found = {(p.kind, p.sentence) for p in examined(tmp_path / "s")}
    assert found == {
        ("missing", "1 run has not started: vit-cutmix seed 2"),
        ("failed", "1 run failed: resnet-default seed 0: the training loss became nan"),
        ("unfinished", "3 runs are running: vit-default seeds 0, 1, 2"),
        ("unfinished", "1 run is interrupted: resnet-cutmix seed 1"),
    }
    assert health.complete(folders.study(tmp_path / "s")) == (6, 12)


def test_a_run_with_other_settings_is_stale_and_left_out(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, well())
    run = next(r for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    shutil.move(folder / run.directory, folder / f"vit-cutmix-s1-{'0' * 16}")
    kinds = {p.kind: p for p in examined(folder)}
    assert set(kinds) == {"missing", "stale"} and kinds["stale"].runs == ("vit-cutmix seed 1",)
    assert samples.sample(folders.study(folder), "vit-cutmix").seeds == (0, 2)


def test_what_differs_between_runs_is_named_with_its_runs(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, well())
    run = folder / next(r.directory for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    about = records.read_environment(run)
    edit(
        run / "environment.json",
        packages={"torch": "2.13.0", "timm": "1.0.31"},
        device={"type": "cuda", "name": "a GPU", "threads": 2},
        data=about["data"] | {"digest": "0" * 64},
    )
    edit(run / "summary.json", code=["f" * 16], protocol="published")
    found = {p.kind: p for p in examined(folder)}
    assert set(found) == {"packages", "device", "data", "code", "checkpoint"}
    assert {kind for kind, p in found.items() if p.caps} == {"data", "code", "checkpoint"}
    assert all(p.runs == ("vit-cutmix seed 1",) for p in found.values())
    assert "torch 2.13.0 (vit-cutmix seed 1)" in found["packages"].sentence


def test_a_failed_check_of_another_checkpoint_says_nothing_of_this_one(tmp_path):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, well())
    run = folder / study.expand()[0].directory
    bad = {"predictions": "test-selected", "never": 3, "classes": 10}
    found = Finding("never-predicted", "warn", bad).to_dict()
    edit(run / "summary.json", health=[found])
    assert examined(folder) == ()
    assert [p.kind for p in examined(folder, checkpoint="selected")] == ["health"]


def test_what_weights_have_seen_is_reported_and_caps_nothing(tmp_path):
    made_study.write(tmp_path / "s", made_study.SMALL, well())
    found = examined(tmp_path / "s")
    assert [p.kind for p in found] == ["weights"] and not found[0].caps and len(found[0].runs) == 18
    assert "were trained with MixUp" in found[0].sentence


BANDED = """
name: banded
base: {data.name: cifar100, train.epochs: 50}
factors:
  model: {resnet50: {model.arch: resnet50}, vit: {model.arch: vit_small_patch16_224}}
  augmentation: {default: {augment.mix: none}, cutmix: {augment.mix: cutmix}}
seeds: [0]
"""


def reached(run, top1, images):
    """Makes a run one of cifar100 with this accuracy on 10,000 test images."""
    right = np.arange(10_000) < round(10_000 * top1)
    logits = np.stack([~right, right], axis=1).astype(np.float32)
    found = records.Predictions(np.arange(10_000), np.ones(10_000, np.int64), logits)
    records.write_predictions(run, "test-last", found)
    metrics = records.read_summary(run)["results"]["test"]["last"] | {"top1": top1, "n": 10_000}
    data = {"name": "cifar100", "digest": "da7a" * 16, "images": {"train": images}}
    edit(run / "summary.json", data=data, results={"test": {"last": metrics}})


@pytest.mark.parametrize(
    ("top1", "images", "text", "outside"),
    [
        (0.59, 45_000, BANDED, {"vit"}),
        (0.70, 45_000, BANDED, {"resnet50"}),
        (0.45, 45_000, BANDED, set()),
        (0.24, 45_000, BANDED, {"vit"}),
        (0.24, 45_000, BANDED.replace("vit_small", "deit_small"), {"vit"}),
        (0.24, 4_500, BANDED, set()),
        (0.24, 45_000, BANDED.replace("epochs: 50", "epochs: 2"), set()),
        (0.24, 45_000, BANDED.replace("train.epochs: 50", "train.epochs: 50, model.pretrained: true"), set()),
        (0.70, 45_000, BANDED.replace("{model.arch: resnet50}", "{model.arch: resnet18}"), set()),
        (
            0.70,
            45_000,
            BANDED.replace("{model.arch: resnet50}", "{model.arch: resnet50, model.stem: small}"),
            set(),
        ),
    ],
)
def test_accuracy_outside_the_literatures_band_is_flagged(tmp_path, top1, images, text, outside):
    folder = tmp_path / "s"
    study = made_study.write(folder, text, well())
    for planned in study.expand():
        reached(folder / planned.directory, top1, images)
    found = [p for p in examined(folder) if p.kind == "band"]
    assert {label.partition("-")[0] for p in found for label in p.runs} == outside
    assert all(not p.caps for p in found)


def damage(run, how):
    """Each way in which a file may be spoilt: by a full disk, by hand, by another version."""
    file, content = how
    path = run / file
    if content is None:
        path.unlink()
    elif isinstance(content, dict):
        edit(path, **content)
    else:
        path.write_bytes(content)


DAMAGES = [
    ("summary.json", b"{"),
    ("summary.json", b"[]"),
    ("summary.json", {"results": {}}),
    ("summary.json", {"results": {"test": {"last": {"top1": None, "n": 100}}}}),
    ("summary.json", {"health": [None]}),
    ("summary.json", {"seconds": "long"}),
    ("status.json", b"\0\0\0"),
    ("status.json", {"state": "asleep"}),
    ("status.json", None),
    ("environment.json", None),
    ("environment.json", {"code": None}),
    ("environment.json", {"weights": {}}),
    ("config.yaml", b"nothing: known"),
    ("config.yaml", b"\xff\xfe"),
    ("config.yaml", None),
    ("events.jsonl", b'{"kind": "epoch"}\n'),
    ("events.jsonl", b"garbage\n"),
    ("events.jsonl", b"\xff\xfe\n"),
    ("events.jsonl", None),
    ("predictions/test-last.npz", b"PK\3\4"),
    ("predictions/test-last.npz", None),
]


@pytest.mark.parametrize("how", DAMAGES, ids=lambda how: f"{how[0]} {str(how[1])[:20]}")
def test_a_damaged_run_is_named_and_the_rest_is_judged(tmp_path, how):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, well())
    run = next(r for r in study.expand() if r.name == "vit-cutmix" and r.seed == 1)
    damage(folder / run.directory, how)
    found = folders.study(folder)
    assert health.complete(found) == (11, 12)
    problems = [p for p in health.examine(found) if p.kind == "damaged"]
    assert [p.runs for p in problems] == [("vit-cutmix seed 1",)]
    stem = how[0].rpartition("/")[2].partition(".")[0]
    assert "vit-cutmix seed 1: " in problems[0].sentence and stem in problems[0].sentence
    readings = {r.stratum["model"]: r for v in verdicts.judge(found) for r in v.readings}
    assert readings["resnet"].seeds == 3 and readings["resnet"].gates == ()
    assert readings["vit"].seeds == 2 and readings["vit"].gate_kinds == ("seeds", "failed")
    assert {b.stratum["model"]: b.seeds for b in budget.follow(found)}["vit"] == [0, 2]


@pytest.mark.parametrize("logits", [np.full((100, 10), np.nan), np.zeros((100, 3)), np.zeros((100, 0))])
def test_predictions_that_no_network_gives_are_damage(tmp_path, logits):
    folder = tmp_path / "s"
    study = made_study.write(folder, TWO, well())
    run = folder / study.expand()[0].directory
    wrong = records.Predictions(np.arange(100), np.arange(100) % 10, logits)
    records.write_predictions(run, "test-last", wrong)
    assert [p.kind for p in examined(folder)] == ["damaged"]


def test_what_runs_get_right_is_what_their_summary_says(tmp_path):
    made_study.write(tmp_path / "s", TWO, well())
    found = folders.study(tmp_path / "s")
    for experiment in found.experiments:
        sample = samples.sample(found, experiment.name)
        told = [run.metrics["test"]["last"]["top1"] for run in found.runs_of(experiment.name)]
        assert sample.by_seed.tolist() == pytest.approx(told)
        assert sample.seeds == (0, 1, 2)


# --- gain against budget ---------------------------------------------------------------------------------


def test_a_contrast_is_followed_through_every_epoch(tmp_path):
    made_study.write(tmp_path / "s", TWO, well())
    found = folders.study(tmp_path / "s")
    budgets = budget.follow(found)
    assert [(b.claim, b.stratum["model"], b.split) for b in budgets] == [
        ("gain", "resnet", "val"),
        ("gain", "vit", "val"),
    ]
    assert all([p.epoch for p in b.points] == [1, 2, 3, 4] for b in budgets)
    last = budgets[0].points[3]
    arms = [
        np.array([run.epochs[3]["val_top1"] for run in found.runs_of(name)])
        for name in ("resnet-cutmix", "resnet-default")
    ]
    from scipy import stats

    welch = stats.ttest_ind(*arms, equal_var=False).confidence_interval(0.95)
    assert (last.low, last.high) == pytest.approx((welch.low, welch.high))
    assert last.estimate == pytest.approx(arms[0].mean() - arms[1].mean())


def test_a_contrast_paired_by_seed_is_followed_paired(tmp_path):
    text = TWO.replace("expect:", "pair_seeds: true\n    expect:")
    made_study.write(tmp_path / "s", text, well())
    found = folders.study(tmp_path / "s")
    assert found.claims[0].pair_seeds
    last = budget.follow(found)[0].points[3]
    from scipy import stats

    paired = stats.ttest_1samp(list(last.by_seed.values()), 0).confidence_interval(0.95)
    assert (last.low, last.high) == pytest.approx((paired.low, paired.high))


def test_a_budget_of_one_seed_has_no_interval(tmp_path):
    made_study.write(tmp_path / "one", TWO.replace("[0, 1, 2]", "[0]"), well())
    points = [p for b in budget.follow(folders.study(tmp_path / "one")) for p in b.points]
    assert len(points) == 8 and all(p.low is None and p.high is None for p in points)


def test_a_run_that_is_going_counts_as_far_as_it_has_come(tmp_path):
    states = {"vit-cutmix-s1": "running", "resnet-cutmix": "pending"}
    made_study.write(tmp_path / "part", TWO, well(**states))
    budgets = budget.follow(folders.study(tmp_path / "part"))
    assert [b.stratum["model"] for b in budgets] == ["vit"]
    assert [list(p.by_seed) for p in budgets[0].points] == [[0, 1, 2], [0, 1, 2], [0, 2], [0, 2]]
