"""Makes the notebooks from the scripts beside it, executed: `make notebooks`.

A script is the source: `# %%` begins a cell of code, `# %% [markdown]` one of text.
"""

import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
SCRIPTS = ("read_a_study", "judge_a_table", "loader_in_your_loop")


def cells(script: str) -> list[tuple[str, str]]:
    """The cells of a script: "markdown" or "code", and the text."""
    found = []
    for cell in re.split(r"(?m)^# %%", script)[1:]:
        heading, _, text = cell.partition("\n")
        kind = "markdown" if "[markdown]" in heading else "code"
        text = text.strip("\n")
        if kind == "markdown":
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
        found.append((kind, text))
    return found


def notebook(name: str) -> nbformat.NotebookNode:
    """The notebook of a script, not executed. Equal scripts give equal notebooks."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, (kind, text) in enumerate(cells((HERE / f"{name}.py").read_text("utf-8"))):
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        made.cells.append(new(text, id=f"cell-{number}"))
    return made


def execute(made: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """The notebook with what its cells put out, run in `folder`. Raises CellExecutionError."""
    NotebookClient(
        made, timeout=300, resources={"metadata": {"path": str(folder)}}, record_timing=False
    ).execute()
    made.metadata.pop("language_info", None)
    for cell in made.cells:
        if cell.cell_type == "code":  # warnings name files of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return made


if __name__ == "__main__":
    for name in SCRIPTS:
        nbformat.write(execute(notebook(name), HERE), HERE / f"{name}.ipynb")
