"""Results of a study that has not begun: its experiments, their levels, and runs that are pending."""

from pathlib import Path

from mixscope.results import Results, folders
from mixscope.study import matrix


def results(text: str) -> Results:
    """Of a study file with this text."""
    return folders.of_plan(matrix.parse(text, file="planned.yaml"), Path("not-there"))


def levels(planned: Results, run) -> dict:
    """Level of every factor of a run."""
    return dict(planned.experiment(run.experiment).levels)
