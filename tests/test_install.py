"""Every way into the project installs mixscope, and nothing of torch."""

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))


def test_the_requirements_install_mixscope_itself():
    assert "-e ." in (ROOT / "requirements.txt").read_text().splitlines()


def other_than_pinned():
    """The first package of requirements.txt that is here in another version; None where all are as pinned."""
    for name, version in PINNED.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "none"
        if found.partition("+")[0] != version:
            return f"{name} {version} is pinned and {found} is installed here"
    return None


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project's files in a folder with a new virtual environment, which sees what is installed here."""
    if int(metadata.version("setuptools").partition(".")[0]) < 71:
        pytest.skip("building needs setuptools 71 or newer here")
    here = tmp_path_factory.mktemp("clone")
    for name in ("requirements.txt", "pyproject.toml", "README.md", "run_cifar.sh", "eval.sh"):
        shutil.copy(ROOT / name, here)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", here / "src", ignore=unwanted)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here / ".venv"], check=True)
    git = ["git", "-C", here, "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for words in (
        ["init", "-q"],
        ["add", "src", "pyproject.toml", "README.md"],
        ["commit", "-qm", "A clone"],
    ):
        subprocess.run([*git, *words], check=True)
    site = next((here / ".venv").glob("lib/python*/site-packages"))
    (site / "linked.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return here


def run(folder, *words, code=0):
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


PIP = [".venv/bin/python", "-m", "pip"]
UV = [sys.executable, "-m", "uv", "--no-cache", "pip"]
LOCAL = [
    "-q",
    "--no-index",
    "--no-build-isolation",
]  # whatever an installer wanted to download would be an error
WAYS = {
    "pip install .": [*PIP, "install", *LOCAL, "."],
    "pip install git+URL": [*PIP, "install", *LOCAL, "git+file://{clone}"],
    "pip install -r requirements.txt": [*PIP, "install", *LOCAL, "-r", "requirements.txt"],
    # uv does not see the packages that are linked in, so that it installs mixscope alone.
    "uv pip install .": [*UV, "install", *LOCAL, "--no-deps", "--python", ".venv/bin/python", "."],
    "uv pip install git+URL": [
        *[*UV, "install", *LOCAL, "--no-deps", "--python", ".venv/bin/python", "git+file://{clone}"]
    ],
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for bash")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_install_gives_the_program_and_takes_torch_from_where_it_is(clone, tmp_path, way):
    if way.endswith("requirements.txt") and (other := other_than_pinned()) is not None:
        pytest.skip(other)
    run(clone, *PIP, "uninstall", "-qy", "mixscope")
    run(clone, *[word.format(clone=clone) for word in WAYS[way]])
    where = run(
        tmp_path, clone / ".venv/bin/python", "-c", "import mixscope; print(mixscope.__file__)"
    ).strip()
    assert Path(where).is_relative_to(clone), "the fresh environment's own, not the one linked in"
    assert Path(where).is_relative_to(clone / "src") == way.endswith("requirements.txt")
    assert "mixscope 0." in run(tmp_path, clone / ".venv/bin/mixscope", "--version")
    plan = run(tmp_path, clone / ".venv/bin/mixscope", "study", "plan", "quickstart", "--no-probe", "--json")
    assert '"study": "quickstart"' in plan, "studies are installed with the program"
    said = run(clone, "bash", "run_cifar.sh", "--dry-run", "--root", tmp_path)
    assert "missing   data cifar100 is not prepared" in said
    assert run(clone, "./eval.sh", code=4).startswith("error: runs/resnet-vs-vit: no run of ")


def test_every_cell_of_the_workflow_runs_the_steps_of_ci():
    """Each with its own Python, and one with the pinned versions."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert job["env"]["PYTHON"] == "python" and "pinned" in job["env"]["VERSIONS"]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize(
    ("versions", "installed"), [("pinned", "-r requirements.txt"), ("ranges", "-e '.[test,")]
)
def test_make_installs_pinned_versions_or_ranges(tmp_path, versions, installed):
    words = ["make", "-n", "lint", f"VENV={tmp_path / 'env'}", f"VERSIONS={versions}", "PYTHON=some-python"]
    planned = run(ROOT, *words)
    assert "some-python -m venv" in planned and f"pip install -q {installed}" in planned
    assert (f"ruff=={PINNED['ruff']}" in planned) == (versions == "ranges")
