"""What the user's scripts ask of the command line, which is only pretended here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("run_cifar.sh", "run_tiny.sh", "eval.sh")


@pytest.fixture
def script(tmp_path):
    """Runs a script beside a `mixscope` that notes what it is asked and ends with a code."""
    program = tmp_path / "bin" / "mixscope"
    program.parent.mkdir()

    def run(name, *words, code=0, **environment):
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit {code}\n')
        program.chmod(0o755)
        shutil.copy(ROOT / name, tmp_path)
        path = f"{program.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", str(tmp_path / name), *words], env={**os.environ, "PATH": path, **environment}
        )
        asked = (tmp_path / "asked").read_text().splitlines()
        (tmp_path / "asked").unlink()
        return done.returncode, asked

    return run


@pytest.mark.parametrize(("name", "data"), [("run_cifar.sh", "cifar100"), ("run_tiny.sh", "tiny-imagenet")])
def test_a_script_prepares_its_data_and_runs_its_part_of_the_study(script, name, data):
    run = f"study run resnet-vs-vit --only data={data} --slots auto"
    assert script(name) == (0, [f"data prepare {data}", run])
    assert script(name, "--slots", "4", "--json")[1][1] == f"{run} --slots 4 --json"
    assert script(name, STUDY="mine.yaml")[1][1] == run.replace("resnet-vs-vit", "mine.yaml")
    assert script(name, code=4) == (4, [f"data prepare {data}"]), "without data nothing is begun"


def test_eval_evaluates_the_study_and_passes_its_arguments_on(script):
    assert script("eval.sh", "--only", "data=cifar100") == (
        0,
        ["study eval resnet-vs-vit --only data=cifar100"],
    )
    assert script("eval.sh", STUDY="runs/mine", code=1) == (1, ["study eval runs/mine"])


def test_a_dry_run_prepares_nothing(script):
    assert script("run_cifar.sh", "--dry-run") == (
        0,
        ["study run resnet-vs-vit --only data=cifar100 --slots auto --dry-run"],
    )


@pytest.fixture
def bare(tmp_path):
    """A PATH with what the scripts need and no mixscope, and copies of the scripts."""
    (tmp_path / "bin").mkdir()
    for program in ("bash", "dirname"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program))
    for name in NAMES:
        shutil.copy(ROOT / name, tmp_path)
    return {**os.environ, "PATH": str(tmp_path / "bin")}


@pytest.mark.parametrize("name", NAMES)
def test_a_script_run_as_typed_finds_mixscope_where_make_installs_it(tmp_path, bare, name):
    program = tmp_path / ".venv" / "bin" / "mixscope"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    done = subprocess.run([tmp_path / name], env=bare, cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "study" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_without_mixscope_a_script_says_how_to_install_it(tmp_path, bare, name):
    done = subprocess.run([tmp_path / name], env=bare, capture_output=True, text=True)
    assert done.returncode == 127 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "`pip install -r requirements.txt`" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_who_stops_a_script_stops_the_study(tmp_path, name):
    """The process of the script becomes that of the command, so that `kill` reaches it."""
    program = tmp_path / "mixscope"
    program.write_text('#!/bin/sh\n[ "$1" = study ] && echo $$\nexit 0\n')
    program.chmod(0o755)
    shutil.copy(ROOT / name, tmp_path)
    started = subprocess.Popen(
        ["bash", str(tmp_path / name)],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    told, _ = started.communicate()
    assert int(told) == started.pid
