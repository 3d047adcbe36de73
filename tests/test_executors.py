"""How runs are executed by the options of `study run`: here, on Ray or on Slurm."""

from pathlib import Path

import pytest

from mixscope import cli
from mixscope.cli import executors
from mixscope.studies import scheduler
from mixscope.studies.backends import ray, slurm


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
        (["--slots", "0"], "--slots: expected a whole number, 1 or more, or auto, got 0"),
        (["--slots", "two"], "--slots: expected a whole number, 1 or more, or auto, got two"),
    ],
)
def test_what_does_not_belong_together_is_refused(tmp_path, capsys, words, sentence):
    assert cli.main(["study", "run", "quickstart", "--out", str(tmp_path / "study"), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def chosen(tmp_path: Path, *words):
    """How 6 runs are executed, with what options, and how many at once, 0 if it is found out on the way."""
    return executors.chosen(cli.parser().parse_args(["study", "run", "quickstart", *words]), 6, tmp_path)


def test_here_one_run_follows_the_other_unless_slots_are_given(tmp_path):
    run, options, fixed = chosen(tmp_path)
    assert run is scheduler.run and (options.slots, fixed) == (1, 1)
    run, options, fixed = chosen(tmp_path, "--slots", "3", "--no-fork-server", "--hang-seconds", "60")
    assert run is scheduler.run and (options.slots, fixed) == (3, 3)
    assert not options.fork and options.hang_seconds == 60
    _, options, fixed = chosen(tmp_path, "--slots", "auto")
    assert fixed == 0 and 1 <= options.slots <= 6 and options.pace is not None


def test_a_cluster_gets_all_runs_and_what_each_needs(tmp_path):
    run, options, fixed = chosen(
        tmp_path, "--executor", "ray", "--gpus-per-run", "0.5", "--cpus-per-run", "2"
    )
    assert run.func is ray.run and run.keywords == {"gpus": 0.5}
    assert (options.slots, options.threads, fixed) == (6, 2, 0)
    wanted = ["--slurm", "partition=a", "--slurm", "time=240", "--gpus-per-run", "1", "--slots", "4"]
    run, options, fixed = chosen(tmp_path, "--executor", "slurm", *wanted)
    assert run.func is slurm.run
    assert run.keywords == {"gpus": 1, "parameters": {"partition": "a", "time": 240}}
    assert (options.slots, options.threads, fixed) == (4, 1, 4)
    run, _, _ = chosen(tmp_path, "--executor", "ray")
    assert run.keywords == {"gpus": None}, "Ray says itself whether it has any"
