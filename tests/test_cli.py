"""The command line as a user meets it: what it prints, and with which code it ends."""

import json
import shutil
import subprocess
import sys

import pytest

import stand_in_weights
from command_line import call
from mixscope import cli

TINY = [
    "data.name=digits",
    "model.arch=vit_tiny_patch16_224",
    "model.patch_size=16",
    "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2}",
    "augment.base=none",
    "train.epochs=1",
    "train.batch_size=256",
    "run.device=cpu",
]
STUDY = """
name: two
base:
  data.name: digits
  model.arch: vit_tiny_patch16_224
  model.patch_size: 16
  model.kwargs: {embed_dim: 16, depth: 1, num_heads: 2}
  augment.base: none
  train.epochs: 1
factors:
  augmentation: {default: {augment.mix: none}, cutmix: {augment.mix: cutmix}}
seeds: [0]
"""


def test_help_answers_without_the_heavy_libraries():
    program = (
        "import sys\nfrom mixscope import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "heavy = {'torch', 'timm', 'numba', 'numpy', 'yaml', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout and "exit codes:" in done.stdout


@pytest.mark.parametrize("words", [["train"], ["eval"], ["data", "prepare"], ["doctor"], ["study", "run"]])
def test_every_command_has_examples(words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*words, "--help"])
    assert end.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_a_run_from_settings_to_evaluation(tmp_path, digits_root, capsys):
    out = tmp_path / "run"
    code, text, _ = call(capsys, "train", *TINY, "--root", digits_root, "--out", out, "--dry-run")
    assert code == 0 and "contract" in text and not out.exists()
    code, text, _ = call(capsys, "train", *TINY, "--root", digits_root, "--out", out)
    assert code == 0 and "epoch  1/1" in text
    before = (out / "predictions" / "test-last.npz").read_bytes()
    code, text, _ = call(capsys, "eval", out, "--root", digits_root, "--json")
    assert code == 0
    summary = json.loads((out / "summary.json").read_text())
    assert json.loads(text)[0]["top1"] == summary["results"]["test"]["last"]["top1"]
    assert (out / "predictions" / "test-last.npz").read_bytes() == before
    code, text, _ = call(capsys, "train", *TINY, "--root", digits_root, "--out", out, "--json")
    assert code == 0 and json.loads(text) == summary, "a run that is done is not run again"
    code, _, err = call(capsys, "train", *TINY, "seed=1", "--root", digits_root, "--out", out)
    assert code == 2 and "seed: 0 -> 1" in err


def test_eval_passes_over_what_is_not_done_and_judges_the_rest(tmp_path, digits_root, capsys):
    done, halted, plain = tmp_path / "runs" / "done", tmp_path / "runs" / "halted", tmp_path / "runs" / "logs"
    assert call(capsys, "train", *TINY, "--root", digits_root, "--out", done)[0] == 0
    shutil.copytree(done, halted)
    status = json.loads((halted / "status.json").read_text())
    (halted / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    plain.mkdir()
    (tmp_path / "runs" / "table.csv").write_text("cell\n")
    everything = sorted((tmp_path / "runs").iterdir())
    code, text, err = call(capsys, "eval", *everything, "--root", digits_root, "--json")
    assert code == 0 and {row["run"] for row in json.loads(text)} == {"done"}
    lines = err.splitlines()
    assert len(lines) == 3 and all(line.startswith("skipped: ") for line in lines)
    assert f"{halted}: is interrupted" in err and f"{plain}: is not a run" in err and "table.csv" in err
    code, _, err = call(capsys, "eval", halted, plain, "--root", digits_root)
    assert code == 4 and err.count("\n") == 1 and f"{halted}: is interrupted" in err and "1 more" in err


def test_wrong_names_end_with_code_2_and_the_nearest_name(tmp_path, capsys):
    code, _, err = call(capsys, "train", "data.nam=digits")
    assert code == 2 and "nearest: name" in err
    code, _, err = call(capsys, "data", "prepare", "digit", "--root", tmp_path)
    assert code == 2 and "nearest: digits" in err
    code, _, err = call(capsys, "study", "plan", "quikstart")
    assert code == 2 and "nearest: quickstart" in err
    code, _, err = call(capsys, "train", "model.arch=resnet5O", *TINY[:1], "--root", tmp_path)
    assert code in (2, 4)


def test_a_run_that_cannot_go_on_ends_with_code_1_and_a_sentence(tmp_path, digits_root, capsys):
    code, _, err = call(
        capsys,
        "train",
        *TINY,
        "optim.name=sgd",
        "optim.lr=1e30",
        "--root",
        digits_root,
        "--out",
        tmp_path / "run",
    )
    assert code == 1 and "loss became nan" in err and "optim.lr" in err


def test_what_cannot_be_trained_as_asked_ends_with_code_2(tmp_path, digits_root, capsys):
    words = ["train", *TINY, "--root", digits_root, "--dry-run", "--out"]
    code, _, err = call(capsys, *words, tmp_path / "run", "data.val_fraction=0.999")
    assert code == 2 and "data.val_fraction=0.999 leaves no training images of 10 of 10" in err
    (tmp_path / "file").write_text("")
    code, _, err = call(capsys, *words, tmp_path / "file" / "run")
    assert code == 2 and "cannot be made" in err and err.count("\n") == 1
    code, text, _ = call(capsys, *words, tmp_path / "run", "--resume", "never")
    assert code == 0 and "(new: a run would begin)" in text


def test_missing_data_ends_with_code_4_and_the_mend(tmp_path, capsys):
    code, _, err = call(capsys, "train", "data.name=cifar100", "--root", tmp_path)
    assert code == 4 and "mixscope data prepare cifar100" in err and err.count("\n") == 1
    code, _, err = call(capsys, "data", "verify", "digits", "--root", tmp_path)
    assert code == 4


def test_data_commands_print_text_and_json(tmp_path, digits_root, capsys):
    code, text, _ = call(capsys, "data", "list", "--root", digits_root, "--json")
    rows = {row["name"]: row["prepared"] for row in json.loads(text)}
    assert code == 0 and rows["digits"] and not rows["cifar100"]
    code, text, _ = call(
        capsys, "data", "info", "digits", "--root", digits_root, "--sheet", tmp_path / "s.png"
    )
    assert code == 0 and "0 test images are byte-identical" in text and (tmp_path / "s.png").exists()
    code, text, _ = call(capsys, "data", "verify", "digits", "--root", digits_root, "--json")
    assert code == 0 and json.loads(text)["images"] == {"train": 1433, "test": 364}


def test_a_plan_shows_every_run_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "study"
    code, text, _ = call(
        capsys, "study", "plan", "resnet-vs-vit", "--out", out, "--root", tmp_path, "--json", "--slots", 2
    )
    plan = json.loads(text)
    assert code == 0 and len(plan["runs"]) == 72 and not out.exists()
    assert {r["state"] for r in plan["runs"]} == {"pending"}
    assert len({r["digest"] for r in plan["runs"]}) == 72
    assert {r["seconds"] for r in plan["runs"]} == {None} and plan["total"]["eta_seconds"] is None
    assert "cifar100 is not prepared" in plan["runs"][0]["why"]
    code, text, _ = call(capsys, "study", "plan", "quickstart", "--out", out, "--no-probe")
    assert code == 0 and "time left unknown for 18 of 18 runs" in text and not out.exists()


def test_watching_is_for_people(tmp_path, capsys):
    words = ("study", "status", "quickstart", "--watch", "--json", "--out", tmp_path, "--root", tmp_path)
    code, _, err = call(capsys, *words)
    assert code == 2 and "--watch: is for people" in err


def test_a_study_of_ones_own_begins_as_a_copy_and_is_never_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, _ = call(capsys, "study", "new", "mine", "--from", "quickstart")
    assert code == 0 and "mine.yaml" in text
    code, text, _ = call(capsys, "study", "plan", "mine.yaml", "--no-probe", "--json")
    assert code == 0 and json.loads(text)["study"] == "mine"
    code, _, err = call(capsys, "study", "new", "mine")
    assert code == 2 and "already exists" in err
    code, _, err = call(capsys, "study", "new", "mine", "--from", "quikstart")
    assert code == 2 and "nearest: quickstart" in err
    code, _, err = call(capsys, "study", "new", "mine", "--out", tmp_path / "none" / "mine.yaml")
    assert code == 2 and "cannot be written" in err


@pytest.mark.slow
def test_a_study_runs_once_and_refuses_to_mix_with_an_edited_one(tmp_path, digits_root, capsys):
    file, out = tmp_path / "two.yaml", tmp_path / "out"
    file.write_text(STUDY)
    code, text, _ = call(capsys, "study", "run", file, "--out", out, "--root", digits_root, "--slots", 2)
    assert code == 0 and "1/1" in text and (out / "study.yaml").read_text() == STUDY
    assert f"`mixscope report {out}`" in text
    code, text, _ = call(capsys, "study", "status", out, "--json")
    assert code == 0 and [row["state"] for row in json.loads(text)["runs"]] == ["done", "done"]
    code, text, _ = call(capsys, "study", "eval", out, "--root", digits_root, "--slots", 2)
    assert code == 0 and "2/2  sound" in text and "Test split, percent" in text
    assert (out / "tables" / "overall.csv").read_text().count("\n") == 3
    before = {p: p.stat().st_mtime_ns for p in out.rglob("summary.json")}
    code, _, _ = call(capsys, "study", "run", file, "--out", out, "--root", digits_root)
    assert code == 0 and before == {p: p.stat().st_mtime_ns for p in out.rglob("summary.json")}
    file.write_text(STUDY.replace("train.epochs: 1", "train.epochs: 2"))
    code, _, err = call(capsys, "study", "run", file, "--out", out, "--root", digits_root)
    assert code == 2 and "train.epochs: 1 -> 2" in err


@pytest.mark.slow
def test_retry_tries_again_what_was_given_up_and_only_that(tmp_path, digits_root, capsys):
    """The second run begins from a weights file that is not there at first."""
    file, out, weights = tmp_path / "two.yaml", tmp_path / "out", tmp_path / "vit.safetensors"
    small = f"{{augment.mix: cutmix, model.pretrained: {weights}}}"
    file.write_text(STUDY.replace("{augment.mix: cutmix}", small))
    words = [file, "--out", out, "--root", digits_root]
    code, text, _ = call(capsys, "study", "retry", *words)
    assert code == 0 and "no run of two has failed" in text and not (out / "logs").exists()
    code, text, _ = call(capsys, "study", "run", *words, "--slots", 2)
    assert code == 1 and "gave up  cutmix" in text and "vit.safetensors" in text
    code, text, _ = call(capsys, "study", "status", *words)
    assert code == 0 and "1/2 done  1 failed" in text and "vit.safetensors" in text
    done = (out / "scheduler.jsonl").read_text().count("default-s0")
    stand_in_weights.make(
        "vit_tiny_patch16_224", weights, patch_size=16, img_size=32, embed_dim=16, depth=1, num_heads=2
    )
    code, text, _ = call(capsys, "study", "retry", *words)
    assert code == 0 and "1/1  done" in text
    assert "trying 1 of 2 runs again" in text and "again     cutmix-s0" in text
    assert (out / "scheduler.jsonl").read_text().count("default-s0") == done
    code, text, _ = call(capsys, "study", "retry", *words, "--json")
    assert code == 0 and json.loads(text) == []
    code, text, _ = call(capsys, "study", "status", out, "--watch")
    assert code == 0 and "2/2 done" in text


@pytest.mark.slow
def test_doctor_tries_the_whole_chain(tmp_path, capsys):
    code, text, _ = call(capsys, "doctor", "--root", tmp_path, "--json")
    found = json.loads(text)
    assert code == 0 and found["self_test"]["ok"] and found["packages"]["torch"]
    assert (
        found["self_test"]["loader_images_per_second"] > 0 and found["self_test"]["loader_of_bare_kernel"] > 0
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "DIR", *TINY, "seed=3"],
        [*TINY[:2], "--out", "DIR", *TINY[2:], "seed=3"],
        [*TINY, "--out=DIR", "seed=3"],
        ["--dry-run", *TINY, "--out", "DIR", "seed=3", "--json"],
        [*TINY, "--out", "DIR", "--", "seed=3"],
    ],
)
def test_settings_may_stand_on_both_sides_of_an_option(words, tmp_path, digits_root, capsys):
    out = str(tmp_path / "run")
    words = [word.replace("DIR", out) for word in words]
    code, text, err = call(capsys, "train", "--dry-run", "--json", "--root", digits_root, *words)
    assert code == 0, err
    found = json.loads(text)
    assert found["config"]["seed"] == 3 and found["out"] == out
    assert found["config"]["train"]["batch_size"] == 256


def test_run_directories_may_stand_on_both_sides_of_an_option():
    found = cli.parser().parse_args(["eval", "a", "--split", "val", "b", "--json", "c"])
    assert [str(path) for path in found.runs] == ["a", "b", "c"] and (found.split, found.json) == (
        "val",
        True,
    )
    found = cli.parser().parse_args(
        ["study", "plan", "--seeds", "1", "quickstart", "--only", "seed=0", "--json"]
    )
    assert (found.study, found.only, found.json) == ("quickstart", ["seed=0"], True)


def test_every_option_takes_one_value_or_none():
    """Else no reader could tell where its values end, and words without a name could not stand anywhere."""

    def commands(parser):
        yield parser
        for action in parser._actions:
            for below in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
                yield from commands(below)

    found = list(commands(cli.parser()))
    assert len(found) > 15
    for parser in found:
        for action in parser._actions:
            assert not action.option_strings or action.nargs in (None, 0), (
                parser.prog,
                action.option_strings,
            )


@pytest.mark.parametrize(
    "words",
    [
        ["--vers"],
        ["study", "--h"],
        ["data", "--he"],
        ["study", "plan", "quickstart", "--jso"],
        ["data", "list", "--jso"],
        ["eval", "a", "--spli", "val"],
    ],
)
def test_no_command_takes_a_shortened_option(words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2 and capsys.readouterr().out == ""


def test_a_shortened_option_is_refused_and_starts_nothing(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["train", *TINY, "--out", str(tmp_path / "run"), "--resum", "never"])
    assert end.value.code == 2 and not (tmp_path / "run").exists()
    assert "--resum" in capsys.readouterr().err
