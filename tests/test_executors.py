"""How a cluster is asked for on the command line."""

import pytest

from mixscope import cli


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--cpus-per-run", "2"], "go with --executor ray or slurm"),
        (["--gpus-per-run", "0.5"], "go with --executor ray or slurm"),
        (["--slurm", "partition=a"], "--slurm: goes with --executor slurm"),
        (["--executor", "ray", "--slurm", "partition=a"], "--slurm: goes with --executor slurm"),
        (["--executor", "ray", "--cpus-per-run", "0"], "--cpus-per-run must be 1 or more"),
        (["--executor", "slurm", "--gpus-per-run", "0.5"], "Slurm gives whole GPUs, got 0.5"),
        (["--executor", "slurm", "--slurm", "time=4:00:00"], "time is a number of minutes"),
        (["--executor", "slurm", "--slurm", "partition"], "expected key=value"),
    ],
)
def test_what_does_not_belong_together_is_refused(tmp_path, capsys, words, sentence):
    assert cli.main(["study", "run", "quickstart", "--out", str(tmp_path / "study"), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
