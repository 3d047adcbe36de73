"""Results from tables of others: what is found out, what wins over guesses, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixscope.errors import ConfigError, DataError
from mixscope.results import columns, runs_table
from mixscope.results.runs_table import Reading

CASES = Path(__file__).parent / "cases"


def written(folder, text, name="r.csv"):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def accuracies(results):
    """{levels: accuracies in percent}"""
    found = {}
    for run in results.runs:
        levels = tuple(results.experiment(run.experiment).levels.values())
        found.setdefault(levels, []).append(round(100 * run.metrics["test"]["last"]["top1"], 6))
    return found


def parts(results):
    design = results.roles
    return design.model, design.augmentation, design.baseline


# --- the cases ---


def test_a_plain_table_of_runs_is_read_without_being_told():
    found = runs_table.read(CASES / "accuracies.csv")
    assert parts(found) == ("Architecture", "Aug", "none")
    assert accuracies(found)["rn18", "cutmix"] == [79.0, 79.6, 79.3]
    assert {run.metrics["test"]["last"]["n"] for run in found.runs} == {10_000}
    assert found.seeds == (0, 1, 2) and len(found.experiments) == 4
    assert 'accuracy = "Top-1 (%)"' in found.said()[0] and "baseline none" in found.said()[0]


def test_rows_in_another_order_are_the_same_results():
    one, other = (accuracies(runs_table.read(CASES / f"seeds{s}.csv")) for s in ("", "-reversed"))
    assert {k: sorted(v) for k, v in one.items()} == {k: sorted(v) for k, v in other.items()}


def test_the_spreadsheet_of_a_german_is_read():
    found = runs_table.read(CASES / "euro.csv")
    assert parts(found) == ("Modell", "Augmentierung", "keine")
    assert accuracies(found) == {("resnet", "keine"): [76.1, 76.5], ("resnet", "cutmix"): [79.0, 79.6]}


CLS = "| Model | ImageNet Cls (%) |\n|-|-|\n| R50 | 23.68 |\n| R50 + CutMix | 21.40 |\n"
WIDE = "| Method | ResNet-50 | ViT-S |\n|-|-|-|\n| none | 23.68 | 40.1 |\n| CutMix | 21.40 | 33.2 |\n"


@pytest.mark.parametrize("table", [CLS, WIDE])
def test_accuracies_that_no_heading_calls_so_are_an_assumption(tmp_path, table):
    def said(text):
        return [
            line for line in runs_table.read(written(tmp_path, text, "t.md")).said() if "no heading" in line
        ]

    assert len(said(table)) == 1 and "read as accuracies" in said(table)[0]
    assert said("Top-1 accuracy (%)\n\n" + table) == []


@pytest.mark.parametrize(
    "table",
    [
        "Top-1 error (%)\n\n" + CLS,
        "Top-1 error (%)\n\n" + WIDE,
        CLS.replace("Cls (%)", "Top-1 ↓"),
        CLS.replace("21.40", "21.40 (+2.28)"),
    ],
)
def test_captions_arrows_and_gains_tell_errors_from_accuracies(tmp_path, table):
    found = accuracies(runs_table.read(written(tmp_path, table, "t.md")))
    first, second = (v for k, v in found.items() if "ViT-S" not in k)
    assert (first, second) == ([76.32], [78.6])


def test_errors_beside_accuracies_are_not_taken_for_accuracies(tmp_path):
    table = "| Model | CIFAR-100 error (%) | CIFAR-10 accuracy (%) |\n|-|-|-|\n| A | 23.68 | 94.1 |\n"
    found = runs_table.read(written(tmp_path, table + "| B | 21.40 | 95.2 |\n", "t.md"))
    assert accuracies(found) == {("A",): [76.32], ("B",): [78.6]}
    assert 'left out: "CIFAR-10 accuracy (%)"' in found.said()[0]


def test_losses_beside_each_other_are_no_accuracies(tmp_path):
    table = "### Test loss\n\n" + WIDE.replace("23.68", "1.2").replace("40.1", "1.4")
    with pytest.raises(DataError, match="no column with accuracies"):
        runs_table.read(written(tmp_path, table, "t.md"))


def test_other_metrics_of_a_run_at_chance_have_the_unit_of_their_column(tmp_path):
    text = "model,seed,top1,recall,precision\nr,0,60.1,60.2,60.3\ns,0,1.1,0.9,0.2\n"
    runs = {r.experiment: r for r in runs_table.read(written(tmp_path, text)).runs}
    assert runs["s"].metrics["test"]["last"]["recall"] == pytest.approx(0.009)
    shares = text.replace("60.1,60.2,60.3", "0.601,0.602,0.603").replace("1.1,0.9,0.2", "0.011,0.009,0.002")
    runs = {r.experiment: r for r in runs_table.read(written(tmp_path, shares)).runs}
    assert runs["s"].metrics["test"]["last"]["recall"] == pytest.approx(0.009)


def test_accuracies_beside_each_other_with_gains_in_their_cells_are_read():
    found = accuracies(runs_table.read(CASES / "deltas.md"))
    assert found["MixUp", "ResNet-18"] == [77.48] and found["MixUp", "ResNeXt-50"] == [78.10]
    assert found["Vanilla", "ResNet-18"] == [74.57]
    assert parts(runs_table.read(CASES / "deltas.md")) == ("model", "Method", "Vanilla")


def test_two_numbers_in_one_cell_are_distinguished():
    found = accuracies(runs_table.read(CASES / "two-in-one.md"))
    assert found == {
        ("baseline", "Clean"): [82.3],
        ("cutmix", "Clean"): [84.0],
        ("baseline", "Corrupted"): [47.9],
        ("cutmix", "Corrupted"): [52.8],
    }


def test_errors_under_headings_that_do_not_say_so_are_errors_in_percent():
    found = runs_table.read(CASES / "error-heading.md")
    assert accuracies(found) == {
        ("ResNet", "none", "MNIST"): [99.60],
        ("ResNet", "none", "CIFAR-10"): [95.05],
        ("ResNet", "Cutout", "MNIST"): [99.64],
        ("ResNet", "Cutout", "CIFAR-10"): [95.89],
    }
    assert parts(found) == ("Model", "augmentation", "none")


def test_an_html_table_is_read():
    found = runs_table.read(CASES / "html-table.md")
    assert accuracies(found) == {("ResNet50", "MixUp"): [72.1], ("ResNet50", "CutMix"): [73.4]}
    assert found.runs[0].metrics["test"]["last"]["recall"] == pytest.approx(0.712)


def test_rows_are_called_by_their_own_labels():
    found = runs_table.read(CASES / "row-labels.md")
    assert [e.name for e in found.experiments] == ["Exp-3", "Exp-7"]
    assert found.roles.pretraining == "Pretrained" and found.roles.scratch == "✗"
    assert {run.metrics["test"]["last"]["n"] for run in found.runs} == {10_000}  # known of CIFAR-100


# --- columns ---

HEADINGS = {
    "accuracy": [
        "acc",
        "test_acc",
        "Top-1 (%)",
        "test/accuracy",
        "acc@1",
        "eval_top1",
        "정확도",
        "val_acc",
        "testAcc",
    ],
    "seed": ["seed", "Seed", "random_state", "시드", "trial", "rng seed"],
    "n_test": ["n_test", "test size", "N test", "테스트 이미지 수"],
}


@pytest.mark.parametrize("role", HEADINGS)
def test_headings_of_one_meaning_are_found(tmp_path, role):
    for heading in HEADINGS[role]:
        names = {"accuracy": "acc", "seed": "seed", "n_test": "n_test"} | {role: heading}
        text = f"net,{names['accuracy']},{names['seed']},{names['n_test']}\n"
        text += "".join(f"{m},{70 + s}.5,{s},500\n" for m in "ab" for s in range(2))
        found = runs_table.read(written(tmp_path, text))
        assert accuracies(found) == {("a",): [70.5, 71.5], ("b",): [70.5, 71.5]}, heading
        assert found.seeds == (0, 1) and found.runs[0].metrics["test"]["last"]["n"] == 500


def test_the_test_split_comes_before_validation_and_the_last_epoch_before_the_best(tmp_path):
    text = "aug,train_acc,val_acc,best_test_acc,test_acc,top5_acc,loss\n"
    text += "none,99.0,71.0,75.0,72.0,90.0,1.23\nmixup,98.0,73.0,77.0,74.0,91.0,1.13\n"
    found = runs_table.read(written(tmp_path, text))
    assert accuracies(found) == {("none",): [72.0], ("mixup",): [74.0]}
    best = runs_table.read(tmp_path / "r.csv", Reading(columns=[("accuracy", "best_test_acc")]))
    assert accuracies(best)["none",] == [75.0] and any("flatters" in n for n in best.said())
    val = runs_table.read(tmp_path / "r.csv", Reading(columns=[("accuracy", "val_acc")]))
    assert any("validation split" in n for n in val.said())


def test_columns_that_say_nothing_of_the_experiment_are_no_factors(tmp_path):
    text = "Name,State,Created,user,model,params (M),mix,lr,seed,val/loss,val/acc,_runtime\n" + "".join(
        f"run-{m}{a}{s},finished,2026-01-0{s + 1},me,{m},{p},{a},0.1,{s},1.{s}{i}3,0.7{s}{i},9{s}{i}\n"
        for i, (m, p, a) in enumerate(
            [("vit", 5.7, "none"), ("vit", 5.7, "mixup"), ("rn18", 11.2, "none"), ("rn18", 11.2, "mixup")]
        )
        for s in range(2)
    )
    found = runs_table.read(written(tmp_path, text))
    assert dict(found.factors) == {"model": ("vit", "rn18"), "mix": ("none", "mixup")}
    forced = runs_table.read(tmp_path / "r.csv", Reading(columns=[("factor", "lr")]))
    assert dict(forced.factors) == {"model": ("vit", "rn18"), "mix": ("none", "mixup"), "lr": ("0.1",)}


def test_what_is_given_wins_over_guesses(tmp_path):
    text = "a,b,s,x,y\n1,none,0,70,80\n1,mixup,0,71,81\n2,none,0,72,82\n2,mixup,0,73,83\n"
    path = written(tmp_path, text)
    given = [("accuracy", "y"), ("model", "a"), ("augmentation", "b"), ("seed", "s"), ("ignore", "x")]
    found = runs_table.read(path, Reading(columns=given, baseline="mixup", n_test=99))
    assert parts(found) == ("a", "b", "mixup")
    assert accuracies(found)["2", "mixup"] == [83.0] and found.runs[0].metrics["test"]["last"]["n"] == 99


@pytest.mark.parametrize(
    ("given", "baseline", "expected"),
    [
        (["accuracy"], None, "ROLE=HEADING"),
        (["acuracy=top1"], None, "accuracy"),
        (["accuracy=top2"], None, "top1"),
        (["accuracy=top1", "seed=top1"], None, "named accuracy already"),
        (["seed=seed", "seed=top1"], None, "a second column"),
        ([], "defualt", "default"),
    ],
)
def test_a_wrong_choice_is_answered_with_the_nearest(given, baseline, expected):
    with pytest.raises(ConfigError, match=expected):
        runs_table.read(CASES / "seeds.csv", Reading(columns=columns.declared(given), baseline=baseline))


def test_frames_and_mappings_of_arrays_are_read_alike():
    frame = pd.read_csv(CASES / "accuracies.csv")
    expected = accuracies(runs_table.read(CASES / "accuracies.csv"))
    assert accuracies(runs_table.of_frame(frame)) == expected
    assert accuracies(runs_table.of_frame({c: frame[c].to_numpy() for c in frame})) == expected
    with pytest.raises(DataError, match="one length"):
        runs_table.of_frame({"model": ["a", "b"], "acc": [1.0]})


def test_the_frame_of_results_reads_back_as_the_same_results():
    found = runs_table.read(CASES / "accuracies.csv")
    again = runs_table.of_frame(found.to_frame())
    assert again.factors == found.factors and accuracies(again) == accuracies(found)
    assert [e.name for e in again.experiments] == [e.name for e in found.experiments]
    assert [(r.experiment, r.seed, r.state) for r in again.runs] == [
        (r.experiment, r.seed, r.state) for r in found.runs
    ]


# --- mean and spread ---


def test_means_with_spreads_are_summaries(tmp_path):
    text = "model,aug,mean,spread,spread_kind,n_seeds,n_test\n"
    text += "vit,none,65.9,0.4,se,5,10000\nvit,mixup,0.70,0.01,sd,3,\n"
    with pytest.raises(DataError, match="mixed with percent"):
        runs_table.read(written(tmp_path, text))
    found = runs_table.read(
        written(tmp_path, text.replace("0.70,0.01", "70.0,1.0").replace("3,\n", "3,10000\n"))
    )
    one = found.summaries[0]
    assert (one.mean, one.spread, one.spread_kind, one.n_seeds) == pytest.approx((0.659, 0.004, "se", 5))
    assert found.runs == () and found.summaries[1].spread == pytest.approx(0.01)


def test_a_spread_in_the_cell_is_a_spread_whose_kind_is_not_known(tmp_path):
    text = "| Method | CIFAR-10 | CIFAR-100 |\n|-|-|-|\n"
    text += "| ERM | 94.4 ± 0.2 | 78.1 ± 0.4 |\n| MixUp | 95.6 ± 0.1 | 79.3 ± 0.3 |\n"
    path = written(tmp_path, text, "r.md")
    with pytest.raises(DataError, match="--n-seeds"):
        runs_table.read(path)
    found = runs_table.read(path, Reading(n_seeds=3))
    assert [(s.mean, s.spread, s.spread_kind) for s in found.summaries][1] == pytest.approx(
        (0.781, 0.004, "sd0")
    )
    assert any("sqrt" in note for note in found.said())
    assert parts(found) == (None, "Method", "ERM")
    assert found.factors["dataset"] == ("CIFAR-10", "CIFAR-100")
    assert [s.n_test for s in found.summaries] == [10_000] * 4


@pytest.mark.parametrize(
    ("heading", "kind"), [("sd", "sd"), ("std", "sd0"), ("se", "se"), ("acc_sem", "se"), ("ci95", "ci95")]
)
def test_the_heading_of_a_spread_says_its_kind(tmp_path, heading, kind):
    text = f"aug,acc,{heading},runs\nnone,0.7,0.01,3\nmixup,0.72,0.02,3\n"
    found = runs_table.read(written(tmp_path, text))
    assert {s.spread_kind for s in found.summaries} == {kind}


# --- what is refused ---

GOOD = "model,aug,seed,top1\nvit,none,0,70.0\nvit,none,1,71.0\nvit,mixup,0,72.0\nvit,mixup,1,73.0\n"


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (GOOD.replace("72.0", "134"), 4, '134 under "top1"; expected an accuracy of 0 to 100 %'),
        (GOOD.replace("72.0", "-3"), 4, "expected an accuracy of 0 to 100 %"),
        (GOOD.replace("72.0", "0.72"), 4, "shares mixed with percent"),
        (GOOD.replace("72.0", "good"), 4, "no accuracy"),
        (GOOD.replace("72.0", ""), 4, "no accuracy and no predictions"),
        (GOOD.replace("mixup,1", "mixup,0"), 5, "seed 0 of vit, mixup is in line 4 already"),
        (GOOD.replace("mixup,1", "mixup,x"), 5, "expected a whole number"),
        (GOOD.replace("mixup,1", "mixup,"), 5, "no seed"),
        (GOOD.replace("vit,mixup,1", ",mixup,1"), 5, "no model given"),
        (GOOD.replace("mixup,1,73.0", "mixup,1,73,0"), 5, "has 5 cells"),
        (GOOD.replace("top1", "top9"), None, "--column accuracy=HEADING"),
        ("seed,top1\n0,70\n1,71\n", None, "--column augmentation=HEADING"),
        (
            "model,top1,n_test\na,70,1000\nb,71,999\n",
            3,
            "999 test examples, 1,000 in line 2; expected one test set",
        ),
        ("aug,top1,state\nnone,70,done\nmixup,71,meditating\n", 3, "meditating"),
        ("aug,top1,sd,runs\nnone,70,1,1\nmixup,71,1,3\n", 2, "expected n_seeds of 2 or more"),
        ("aug,top1,sd,runs\nnone,70,1,3\nnone,71,1,3\n", 3, "is in line 2 already"),
        ("aug,top1,sd,runs,spread_kind\nnone,70,1,3,iqr\nmixup,71,1,3,sd\n", 2, "iqr"),
        ("aug,top1,n_test\nnone,70,1.5\nmixup,71,1\n", 2, "expected a whole number of 2 or more"),
    ],
)
def test_bad_input_is_one_sentence_with_file_line_and_what_was_expected(tmp_path, text, line, expected):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as problem:
        runs_table.read(path)
    said = str(problem.value)
    assert expected in said and "\n" not in said
    assert said.startswith(str(path) if line is None else f"{path}, line {line}: ")


def test_one_run_and_no_finished_run_are_reported(tmp_path):
    text = "aug,top1,state\nnone,70,done\nmixup,71,done\nmixup,72,done\ncutmix,,crashed\n"
    found = runs_table.read(written(tmp_path, text))
    assert any("one run of none: a verdict needs 3 seeds" in n for n in found.said())
    assert any("no finished run of cutmix" in n for n in found.said())
    assert [r.state for r in found.runs] == ["done", "done", "done", "failed"]


def test_levels_that_join_to_one_name_stay_two_experiments(tmp_path):
    text = "net,aug,top1\nx,y-z,70\nx-y,z,71\n"
    found = runs_table.read(written(tmp_path, text))
    assert len({e.name for e in found.experiments}) == 2


# --- predictions ---


def predictions(folder, name, *, labels, accuracy=0.8, seed=0, ids=None, kind="npz", wide="predicted"):
    rng = np.random.default_rng(seed)
    right = rng.random(len(labels)) < accuracy
    predicted = np.where(right, labels, (labels + 1) % 5)
    logits = rng.normal(0, 0.1, (len(labels), 5))
    logits[np.arange(len(labels)), predicted] += 2
    ids = np.arange(len(labels)) if ids is None else ids
    values = {"predicted": predicted, "correct": right, "logits": logits}[wide]
    if wide == "probabilities":
        values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    path = folder / f"{name}.{kind}"
    if kind == "npz":
        np.savez(path, id=ids, label=labels, **{wide: values})
    else:
        frame = pd.DataFrame({"id": ids, "label": labels})
        for i, column in enumerate(np.atleast_2d(values.T)):
            frame[wide if values.ndim == 1 else f"logit_{i}"] = column
        frame.sample(frac=1, random_state=seed).to_csv(
            path, index=False
        ) if kind == "csv" else frame.to_parquet(path)
    return path


LABELS = np.random.default_rng(9).integers(0, 5, 300)


def with_predictions(folder, rows, **options):
    """rows: (aug, seed, file's options)"""
    lines = ["aug,seed,predictions"]
    for aug, seed, own in rows:
        given = {"labels": LABELS, "seed": 10 * seed + len(aug)} | options | own
        path = predictions(folder, f"{aug}{seed}", **given)
        lines.append(f"{aug},{seed},{path.name}")
    return written(folder, "\n".join(lines) + "\n")


BOTH = [("none", 0, {}), ("none", 1, {}), ("mixup", 0, {}), ("mixup", 1, {})]


def test_predictions_of_every_kind_give_the_same_outcomes(tmp_path):
    expected = None
    for kind in ("npz", "csv", "parquet"):
        for wide in ("predicted", "correct", "logits"):
            folder = tmp_path / f"{kind}-{wide}"
            folder.mkdir()
            found = runs_table.read(with_predictions(folder, BOTH, kind=kind, wide=wide))
            correct = np.stack([run.outcomes().correct for run in found.runs])
            assert {run.outcomes().test for run in found.runs} == {found.runs[0].outcomes().test}
            expected = correct if expected is None else expected
            assert np.array_equal(correct, expected)
            assert (found.runs[0].outcomes().confidence is not None) == (wide == "logits")


def test_ids_and_classes_may_be_text(tmp_path):
    names = np.array(["ant", "bee", "cat", "dog", "eel"])
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        order = rng.permutation(300)
        predicted = np.where(rng.random(300) < 0.8, LABELS, (LABELS + 1) % 5)
        frame = pd.DataFrame(
            {"file": [f"img{i:03}" for i in range(300)], "label": names[LABELS], "pred": names[predicted]}
        )
        frame.iloc[order].to_csv(tmp_path / f"{seed}.csv", index=False)
    path = written(tmp_path, "aug,seed,predictions\nnone,0,0.csv\nmixup,0,1.csv\n")
    found = runs_table.read(path)
    outcomes = [run.outcomes() for run in found.runs]
    assert np.array_equal(outcomes[0].labels, LABELS) and outcomes[0].n_classes == 5
    assert outcomes[0].test == outcomes[1].test


def test_one_file_may_hold_the_predictions_of_all_runs(tmp_path):
    path = with_predictions(tmp_path, BOTH, kind="csv")
    expected = runs_table.read(path)
    together = [
        pd.read_csv(tmp_path / f"{aug}{seed}.csv").assign(aug=aug, seed=seed) for aug, seed, _ in BOTH
    ]
    pd.concat(together).to_parquet(tmp_path / "all.parquet")
    path.write_text("aug,seed,predictions\n" + "".join(f"{a},{s},all.parquet\n" for a, s, _ in BOTH), "utf-8")
    found = runs_table.read(path)
    for one, other in zip(found.runs, expected.runs, strict=True):
        assert np.array_equal(one.outcomes().correct, other.outcomes().correct)


OTHER = LABELS.copy()
OTHER[7] = (OTHER[7] + 1) % 5


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("none", 0, {}), ("mixup", 1, {"labels": OTHER})], "label of id 7"),
        ([("none", 0, {}), ("mixup", 1, {"labels": LABELS[:-1]})], "has 299 test examples"),
        ([("none", 0, {}), ("mixup", 1, {"ids": np.arange(1, 301)})], "they differ (for instance id 0)"),
        ([("none", 0, {}), ("none", 1, {"seed": 4})], "the same predictions as"),
        ([("none", 0, {"ids": np.zeros(300, int)}), ("mixup", 1, {})], "id 0 is there twice"),
        ([("none", 0, {"labels": LABELS[:1]}), ("mixup", 1, {})], "expected two or more"),
    ],
)
def test_predictions_that_cannot_be_compared_are_refused(tmp_path, rows, expected):
    path = with_predictions(tmp_path, rows)
    with pytest.raises(DataError) as problem:
        runs_table.read(path)
    assert expected in str(problem.value) and f"{path} line" in str(problem.value)
    assert "\n" not in str(problem.value)


def test_runs_without_an_error_are_no_copies_of_each_other(tmp_path):
    for name in ("a", "b", "c"):
        np.savez(tmp_path / f"{name}.npz", label=LABELS, pred=LABELS)
    path = written(tmp_path, "aug,seed,predictions\nnone,0,a.npz\nnone,1,b.npz\nmixup,0,c.npz\n")
    assert accuracies(runs_table.read(path))["none",] == [100.0, 100.0]


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"id": np.arange(3), "label": np.arange(3)}, "expected id, label and one of"),
        ({"logits": np.zeros((3, 2))}, "expected id, label and one of"),
        ({"label": np.arange(2), "pred": np.arange(3)}, "expected one length"),
        ({"label": np.zeros(3, int), "probs": np.ones((3, 2))}, "add up to 1"),
        ({"label": np.zeros(3, int), "logits": np.full((3, 2), np.nan)}, "not finite"),
        ({"label": np.full(3, 9), "logits": np.zeros((3, 2))}, "labels"),
        ({"correct": np.array([0, 1, 2])}, "true or false"),
        (b"no npz", "no npz"),
        (None, "does not exist"),
    ],
)
def test_a_file_without_predictions_is_refused(tmp_path, arrays, expected):
    if isinstance(arrays, bytes):
        (tmp_path / "p.npz").write_bytes(arrays)
    elif arrays is not None:
        np.savez(tmp_path / "p.npz", **arrays)
    path = written(tmp_path, "aug,predictions\nnone,p.npz\nmixup,p.npz\n")
    with pytest.raises(DataError, match=expected) as problem:
        runs_table.read(path)
    assert "p.npz" in str(problem.value) and "line 2" in str(problem.value)


def test_an_accuracy_that_its_predictions_contradict_is_refused(tmp_path):
    path = with_predictions(tmp_path, BOTH)
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([lines[0] + ",top1", *(f"{line},55.5" for line in lines[1:])]), "utf-8")
    with pytest.raises(DataError, match=r"accuracy 55\.50 %, but its predictions are right in"):
        runs_table.read(path)


def test_json_lines_of_a_training_loop_are_read(tmp_path):
    rows = [
        {"config": {"model": "vit", "mix": m}, "seed": s, "test_acc": 0.7 + s / 50}
        for m in ("none", "mixup")
        for s in (0, 1)
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, rows)), "r.jsonl")
    assert accuracies(runs_table.read(path))["vit", "mixup"] == [70.0, 72.0]


def test_the_csv_that_a_tracker_exports_needs_no_naming(tmp_path):
    text = "run_id,experiment_id,status,artifact_uri,metrics.val_accuracy,metrics.loss,"
    text += "params.model,params.mix,params.seed\n"
    text += "".join(
        f"{m}{a}{s},1,FINISHED,file:/{m}{a}{s},0.{70 + s},0.{s}{len(m)}1,{m},{a},{s}\n"
        for m in ("vit", "rn18")
        for a in ("none", "cutmix")
        for s in range(3)
    )
    found = runs_table.read(written(tmp_path, text))
    assert dict(found.factors) == {"params.model": ("vit", "rn18"), "params.mix": ("none", "cutmix")}
    assert parts(found) == ("params.model", "params.mix", "none") and found.seeds == (0, 1, 2)


def test_of_a_table_by_epoch_the_last_one_counts_and_budgets_are_factors(tmp_path):
    rows = [(a, s, e) for a in ("none", "mixup") for s in (0, 1) for e in (2, 0, 1)]
    text = "aug,seed,epoch,test_acc\n" + "".join(f"{a},{s},{e},{60 + e + s}\n" for a, s, e in rows)
    found = runs_table.read(written(tmp_path, text))
    assert accuracies(found) == {("none",): [62.0, 63.0], ("mixup",): [62.0, 63.0]}
    assert any("the last one counts" in note for note in found.said())
    budgets = runs_table.read(written(tmp_path, text.replace("epoch", "epochs")))
    assert "epochs" in budgets.factors and len(budgets.runs) == len(rows)


def test_other_columns_of_accuracies_are_said_to_be_left_out(tmp_path):
    text = "aug,test_acc,val_acc\nnone,70,71\nmixup,72,73\n"
    found = runs_table.read(written(tmp_path, text))
    assert 'left out: "val_acc"' in found.said()[0]


def test_a_role_that_there_is_not_is_answered_from_python_too():
    with pytest.raises(ConfigError, match="accuracy"):
        runs_table.of_frame({"aug": ["none", "mixup"], "x": [1, 2]}, Reading(columns=[("acuracy", "x")]))
