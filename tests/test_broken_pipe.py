"""A reader of our output that goes away leaves no unfinished run behind an exit code of 0."""

import subprocess
import sys


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
