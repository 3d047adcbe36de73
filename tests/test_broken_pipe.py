"""A reader of our output that goes away leaves no unfinished run behind an exit code of 0."""

import subprocess
import sys

import yaml

import small_study


def test_a_run_whose_reader_has_gone_ends_as_interrupted(tmp_path, digits_root):
    words = [sys.executable, "-m", "mixscope", "train", "data.name=digits", "model.arch=resnet10t"]
    out = ["--out", str(tmp_path / "run"), "--root", str(digits_root)]
    run = subprocess.Popen(
        [*words, "train.epochs=2", "run.device=cpu", *out], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    run.stdout.close()
    said = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait(200) == 75, said
    assert "resumes it" in said and "Traceback" not in said


def test_a_study_whose_reader_has_gone_stops_its_runs_and_ends_as_interrupted(tmp_path, digits_root):
    file, out = tmp_path / "small.yaml", tmp_path / "out"
    long = {**small_study.STUDY, "base": {**small_study.STUDY["base"], "train.epochs": 40}}
    file.write_text(yaml.safe_dump(long, sort_keys=False))
    words = [sys.executable, "-m", "mixscope", "study", "run", str(file), "--slots", "1"]
    run = subprocess.Popen(
        [*words, "--out", str(out), "--root", str(digits_root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while b"started" not in run.stdout.readline():  # what it says until then is read
        assert run.poll() is None
    run.stdout.close()
    said = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait(200) == 75, said
    assert "the output of this study was closed" in said and "Traceback" not in said
    told = [event["event"] for event in small_study.events(out)]
    assert told.count("started") <= 2 and told.count("done") == 1, "noticed at the first run that ends"
