"""The scripts of examples/ and the notebooks made from them: the same cells, and every one runs."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[test]'")
pytest.importorskip("nbclient")

HERE = Path(__file__).parents[1]
EXAMPLES = HERE / "examples"
sys.path.insert(0, str(EXAMPLES))

build = importlib.import_module("build")


@pytest.fixture
def place(tmp_path, digits_root, monkeypatch):
    """A copy of examples/, with prepared digits."""
    monkeypatch.setenv("MIXSCOPE_DATA", str(digits_root))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE / "src"), os.environ.get("PYTHONPATH", "")]))
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


def test_every_example_has_a_script_a_notebook_and_a_page():
    assert sorted(build.SCRIPTS) == sorted({file.stem for file in EXAMPLES.glob("*.py")} - {"build"})
    assert sorted(build.SCRIPTS) == sorted(file.stem for file in EXAMPLES.glob("*.ipynb"))
    pages = (HERE / "mkdocs.yml").read_text("utf-8")
    assert all(f"examples/{name}.md" in pages for name in build.SCRIPTS)


@pytest.mark.parametrize("name", build.SCRIPTS)
def test_a_notebook_holds_its_script_and_what_it_put_out(name):
    stored = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    nbformat.validate(stored)
    cells = [(cell.cell_type, cell.source) for cell in stored.cells]
    assert cells == build.cells((EXAMPLES / f"{name}.py").read_text("utf-8")), (
        "`make notebooks` makes it anew"
    )
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    assert str(HERE) not in (EXAMPLES / f"{name}.ipynb").read_text("utf-8")


@pytest.mark.examples
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", build.SCRIPTS)
def test_a_notebook_runs(place, name):
    executed = build.execute(build.notebook(name), place)
    assert all(cell.get("execution_count") for cell in executed.cells if cell.cell_type == "code")


@pytest.mark.examples
@pytest.mark.parametrize("name", build.SCRIPTS)
def test_a_script_runs(place, name):
    done = subprocess.run(
        [sys.executable, f"{name}.py"], cwd=place, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
