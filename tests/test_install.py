"""Every way into the project installs mixscope, and nothing of torch."""

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))


def test_the_requirements_install_mixscope_itself():
    assert "-e ." in (ROOT / "requirements.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project's files in a folder with a new virtual environment, which sees what is installed here."""
    for name, version in PINNED.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "none"
        if found.partition("+")[0] != version:
            pytest.skip(f"{name} {version} is pinned and {found} is installed here")
    if int(metadata.version("setuptools").partition(".")[0]) < 71:
        pytest.skip("building needs setuptools 71 or newer here")
    here = tmp_path_factory.mktemp("clone")
    for name in ("requirements.txt", "pyproject.toml", "README.md", "run_cifar.sh", "eval.sh"):
        shutil.copy(ROOT / name, here)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", here / "src", ignore=unwanted)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here / ".venv"], check=True)
    site = next((here / ".venv").glob("lib/python*/site-packages"))
    (site / "linked.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return here


def run(folder, *words, code=0):
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for bash")
@pytest.mark.parametrize("words", [["."], ["-r", "requirements.txt"]])
def test_pip_installs_mixscope_and_takes_torch_from_where_it_is(clone, tmp_path, words):
    """Without an index, so that whatever pip wanted to download would be an error."""
    pip = [".venv/bin/python", "-m", "pip", "install", "-q", "--no-index", "--no-build-isolation"]
    run(clone, *pip, *words)
    where = run(
        tmp_path, clone / ".venv/bin/python", "-c", "import mixscope; print(mixscope.__file__)"
    ).strip()
    assert Path(where).is_relative_to(clone), "the fresh environment's own, not the one linked in"
    assert Path(where).is_relative_to(clone / "src") == (words != ["."])
    assert "mixscope 0." in run(tmp_path, clone / ".venv/bin/mixscope", "--version")
    plan = run(tmp_path, clone / ".venv/bin/mixscope", "study", "plan", "quickstart", "--no-probe", "--json")
    assert '"study": "quickstart"' in plan, "studies are installed with the program"
    assert run(clone, "./eval.sh", code=4).startswith("error: runs/resnet-vs-vit: no run of ")
    said = run(clone, "bash", "run_cifar.sh", "--dry-run", "--root", tmp_path)
    assert "missing   data cifar100 is not prepared" in said
