"""Logs of training programs: files that the real libraries wrote give the accuracies that were logged."""

import shutil
from pathlib import Path

import pytest

from mixscope import cli, i18n
from mixscope.errors import ConfigError, DataError
from mixscope.results import runs_table, trackers
from mixscope.results.trackers import runs as runs_of
from mixscope.results.trackers.logged_run import LoggedRun

EXPORTS = Path(__file__).parent / "exports"
PROGRAMS = ("timm", "lightning", "huggingface", "tensorboard", "wandb", "mlflow")
LAST, BEST = 2, 4  # what write_samples.py adds at the last epoch and at the best one


def expected(added):
    return {
        (arm, seed): 70 + 5 * (arm == "cutmix") + seed + added
        for arm in ("none", "cutmix")
        for seed in (0, 1)
    }


def imported(source, **options):
    _, runs = trackers.read(source)
    found = runs_of.table(runs, **options)
    return runs_table.of_table(found.table, source="x", folder=Path(), name="x", notes=found.notes)


def accuracies(results):
    design = results.roles
    return {
        (results.experiment(run.experiment).levels[design.augmentation], run.seed): pytest.approx(
            100 * run.metrics["test"]["last"]["top1"], abs=1e-4
        )
        for run in results.runs
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_last_epoch_counts_by_default(program):
    found = imported(EXPORTS / program)
    added = LAST - 1 if program == "lightning" else LAST  # which logs a test accuracy one point below
    assert accuracies(found) == expected(added)
    assert found.roles.baseline == "none" and all(run.done for run in found.runs)
    assert "last epoch" in found.said()[0] or "logged once" in found.said()[0]


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p != "lightning"])
def test_the_best_epoch_on_validation_is_said_to_be_selected_on_what_it_reports(program):
    found = imported(EXPORTS / program, epoch="best-on-validation")
    assert accuracies(found) == expected(BEST)
    assert any("selected on what it reports" in note for note in found.said())


def test_a_test_accuracy_at_the_best_validation_epoch_is_not_flagged():
    def run(name, values):
        rows = tuple({"epoch": float(e), "val_acc": v, "test_acc": t} for e, (v, t) in enumerate(values))
        return LoggedRun(name=name, settings={"mix": name}, epochs=rows, file=Path("x"))

    both = [run("none", [(0.5, 0.61), (0.7, 0.62), (0.6, 0.63)]), run("mixup", [(0.8, 0.71), (0.7, 0.72)])]
    found = runs_of.table(both, epoch="best-on-validation")
    assert [row.cells[-1] for row in found.table.rows] == ["0.62", "0.71"]
    assert not any("selected" in i18n.render(note) for note in found.notes)
    assert any("different epochs (1 to 2)" in i18n.render(note) for note in runs_of.table(both).notes)


def test_another_metric_and_other_settings_can_be_named():
    found = imported(EXPORTS / "lightning", metric="val_acc", factors=["mix"])
    assert accuracies(found) == expected(LAST) and list(found.factors) == ["mix"]
    for options, match in (
        ({"metric": "val_ac"}, "val_acc"),
        ({"factors": ["mixx"]}, "mix"),
        ({"epoch": "first"}, "last"),
    ):
        with pytest.raises(ConfigError, match=match):
            imported(EXPORTS / "lightning", **options)


def test_one_run_and_one_file_are_read_too():
    folder = next((EXPORTS / "timm").glob("*none"))
    for source in (folder, folder / "summary.csv"):
        program, (run,) = trackers.read(source)
        assert program == "timm" and len(run.epochs) == 3 and run.settings["augmentation"] == "none"


def test_of_several_checkpoints_the_last_one_counts():
    _, runs = trackers.read(EXPORTS / "huggingface")
    assert sorted(run.name for run in runs) == [
        f"linear-{arm}-seed{seed}" for arm in ("cutmix", "none") for seed in (0, 1)
    ]
    assert {len(run.epochs) for run in runs} == {3}


def test_a_network_of_size_s_is_no_seed():
    run = LoggedRun(name="deit_s16-vit_s_32", file=Path("x"))
    assert run.seed is None
    assert LoggedRun(name="vit_s_16/seed_3", file=Path("x")).seed == 3


def test_a_run_that_was_killed_is_no_result(tmp_path):
    shutil.copytree(EXPORTS / "wandb", tmp_path / "w")
    file = sorted((tmp_path / "w").rglob("*.wandb"))[0]
    file.write_bytes(file.read_bytes()[:-400])
    found = imported(tmp_path / "w")
    assert [run.state for run in found.runs].count("running") == 1


@pytest.mark.parametrize(
    ("program", "pattern", "content"),
    [
        ("huggingface", "trainer_state.json", b"{"),
        ("huggingface", "trainer_state.json", b'{"log_history": 3, "global_step": 1}'),
        ("wandb", "*.wandb", b"nothing of the kind"),
        ("wandb", "*.wandb", b":W&B\x00\x00\x00" + b"\x00" * 4 + b"\x03\x00\x01\xff\xff\xff"),
        ("timm", "summary.csv", b"\x00\x01\x02"),
        ("timm", "args.yaml", b"a: [1"),
        ("mlflow", "val_accuracy", b"no numbers here at all"),
    ],
)
def test_a_damaged_log_is_one_sentence_with_its_file(tmp_path, program, pattern, content):
    shutil.copytree(EXPORTS / program, tmp_path / program)
    file = sorted((tmp_path / program).rglob(pattern))[0]
    file.write_bytes(content)
    with pytest.raises(DataError) as problem:
        imported(tmp_path / program)
    assert str(file) in str(problem.value) and "\n" not in str(problem.value)


def test_a_folder_without_logs_is_answered_with_what_is_known(tmp_path):
    with pytest.raises(DataError, match=r"summary\.csv.*trainer_state\.json"):
        trackers.read(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        trackers.read(tmp_path / "none")
    (tmp_path / "metrics.csv").write_text("epoch,loss\n0,1.0\n", "utf-8")
    with pytest.raises(DataError, match="no accuracy among loss"):
        imported(tmp_path)


def test_settings_of_other_programs_make_no_objects(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,acc\n0,0.5\n", "utf-8")
    (tmp_path / "hparams.yaml").write_text("model: !!python/object:os.system [ls]\nlr: 0.1\n", "utf-8")
    _, (run,) = trackers.read(tmp_path)
    assert dict(run.settings) == {"model": "ls", "lr": "0.1"}


RUNS = [f"resnet18-{mix}-seed{seed}" for mix in ("none", "mixup") for seed in (0, 1)]


def chart(path, metric="val_acc", *, runs=RUNS, axis="Step", spread=0.0, start=60.0):
    """A chart as W&B's page exports it: three columns a run, and cells empty where others log."""
    ends = ("", "__MIN", "__MAX")
    lines = [[axis, *(f"{run} - {metric}{end}" for run in runs for end in ends)]]
    for step in range(6):
        row = [str(step)]
        for number, run in enumerate(runs):
            value = start + number + 2 * ("mixup" in run) + (3 if step < 4 else 2) * step
            logged = (step + number) % 2 == 0
            row += [str(value + end) if logged else "" for end in (0, -spread, spread)]
        lines.append(row)
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in line) for line in lines) + "\n")
    return path


def test_a_chart_that_wandb_exported_is_read_with_the_rule_which_epoch_counts(tmp_path, capsys):
    """Written after W&B's format, which only its web page writes."""
    file = chart(tmp_path / "wandb_export_2026-01-05T10_00_00.csv")
    found = imported(file)
    assert accuracies(found) == {("none", 0): 68, ("none", 1): 71, ("mixup", 0): 72, ("mixup", 1): 75}
    assert found.roles.baseline == "none" and any("different epochs (4 to 5)" in n for n in found.said())
    best = imported(file, epoch="best-on-validation")
    assert accuracies(best)["none", 1] == 71 and accuracies(best)["none", 0] == 68
    assert any("selected on what it reports" in note for note in best.said())
    assert cli.main(["import", str(file), "--out", str(tmp_path / "r.zip")]) == 0
    assert "val_acc at the last epoch of 4 runs" in capsys.readouterr().out
    assert cli.main(["judge", str(tmp_path / "r.zip")]) == 0
    assert "gain of mixup" in capsys.readouterr().out
    assert cli.main(["judge", str(file)]) == 4
    assert "is a chart that W&B exported" in (said := capsys.readouterr().err) and "mixscope import" in said


def test_charts_of_several_metrics_are_read_together(tmp_path):
    chart(tmp_path / "a.csv")
    chart(tmp_path / "b.csv", "test_acc", start=50.0)
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    found = imported(tmp_path, epoch="best-on-validation")
    assert accuracies(found)["mixup", 1] == 65, "the test accuracy where the validation accuracy is best"
    assert not any("selected" in note for note in found.said())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"spread": 1.5},
            r"x.csv row 2: .* is a mean of values from 58.5 to 61.5",
        ),
        ({"runs": ["a-seed0", "a-seed0"]}, "two runs have one name"),
    ],
)
def test_a_chart_that_does_not_show_single_runs_is_refused(tmp_path, options, sentence):
    with pytest.raises(DataError, match=sentence):
        trackers.read(chart(tmp_path / "x.csv", **options))


def test_the_same_metric_in_two_charts_and_a_chart_cut_short_are_refused(tmp_path):
    one, other = chart(tmp_path / "a.csv"), chart(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"b.csv: val_acc of the run resnet18-none-seed0 is in a.csv"):
        trackers.read(tmp_path)
    other.unlink()
    one.write_text(one.read_text()[:-60])
    with pytest.raises(DataError, match="export the chart again"):
        trackers.read(one)
