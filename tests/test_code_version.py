"""The version of the code: an edit of code that can change values is another one, an edit of prose is not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import made_study
import mixscope
from mixscope.claims import health
from mixscope.errors import ConfigError, DataError
from mixscope.results import folders
from mixscope.runs import code_version, records

# Modules of a run's packages, or imported by them, that cannot change its values, and packages of such.
# A new module is a decision: it stands here or in code_version.FILES.
BYSTANDERS = """
    atomic errors findings fonts formatting hardware output i18n threads workers
    data.archives data.cifar_pickle data.content data.cue_store data.cues data.decoding data.disk
    data.download data.formats data.inspect data.listing data.local_copies data.prepare data.public_loader
    data.readers data.resizing data.store_writer runs.code_version runs.display runs.doctor runs.environment
    runs.export runs.health_records runs.lock runs.probe runs.record_schema runs.tracking runs.verify
    runs.weights_check
    study.display_names study.roles training.pretraining_data training.preview
""".split()
COMMENT, CODE = "# edited\n", "\nEDITED = 1\n"
SOURCE = b"""
class Optim:
    '''Settings of the optimiser.'''

    lr: float = 0.1  # of a batch of 256

    def steps(self, n):
        '''Steps.'''
        if n < 0:
            raise ValueError(f'steps: {n} is negative')
        return n // 2
"""


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package, whose version is asked for."""
    there = tmp_path / "mixscope"
    shutil.copytree(Path(mixscope.__file__).parent, there, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(mixscope, "__file__", str(there / "__init__.py"))
    return there


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Writes a list of equivalent versions that is used instead of the package's."""

    def write(*groups):
        file = tmp_path / f"equivalent-{len(list(tmp_path.iterdir()))}.yaml"
        file.write_text(yaml.safe_dump([{"why": "a test", "digests": list(group)} for group in groups]))
        monkeypatch.setattr(code_version, "EQUIVALENT", file)

    return write


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (b"# of a batch of 256", b"# of a batch of 128", True),
        (b"# of a batch of 256", b"", True),
        (b"'''Settings of the optimiser.'''", b"'''Optimiser.'''", True),
        (b"    '''Settings of the optimiser.'''\n", b"", True),
        (b"        '''Steps.'''\n", b"", True),
        (b"return n // 2", b"return (\n            n\n            // 2\n        )", True),
        (b"0.1", b"1e-1", True),
        (b"0.1", b"0.2", False),
        (b"n // 2", b"n / 2", False),
        (b"n // 2", b"2 // n", False),
        (b"n // 2", b"'n // 2'", False),
        (b"lr: float", b"rate: float", False),
        (b"f'steps: {n} is negative'", b"'steps must be 0 or more'", True),
        (b"ValueError(", b"TypeError(", False),
        (b"n < 0", b"n < 1", False),
    ],
)
def test_the_parsed_code_counts_and_its_prose_does_not(before, after, same):
    assert before in SOURCE
    edited = SOURCE.replace(before, after)
    assert (code_version.parsed(edited) == code_version.parsed(SOURCE)) == same


@pytest.mark.parametrize(
    ("file", "edit", "changes"),
    [
        ("data/kernels.py", COMMENT, False),
        ("training/loop.py", COMMENT, False),
        ("data/kernels.py", CODE, True),
        ("training/loop.py", CODE, True),
        ("mixing/cutmix.py", CODE, True),
        ("mixing/new.py", CODE, True),
        ("metrics.py", CODE, True),
        ("runs/setup.py", CODE, True),
        ("report/page.py", CODE, False),
        ("claims/verdicts.py", CODE, False),
        ("cli/report.py", CODE, False),
        ("studies/scheduler.py", CODE, False),
        ("data/formats.py", CODE, False),
    ],
)
def test_only_an_edit_of_code_that_makes_values_is_another_version(copy, file, edit, changes):
    before = code_version.digest()
    with (copy / file).open("a") as opened:
        opened.write(edit)
    assert (code_version.digest() != before) == changes


def test_an_edited_constant_is_another_version(copy):
    before, file = code_version.digest(), copy / "data/order.py"
    text = file.read_text()
    assert "RRC_TRIES = 10" in text
    file.write_text(text.replace("RRC_TRIES = 10", "RRC_TRIES = 11"))
    assert code_version.digest() != before


def test_every_listed_file_is_there():
    source = Path(mixscope.__file__).parent
    assert all(list(source.glob(pattern)) for pattern in code_version.FILES)


def test_every_module_of_a_run_is_in_its_version_or_is_known_not_to_change_values():
    seen = "import sys, mixscope.runs.execute; print(*(m for m in sys.modules if m.startswith('mixscope.')))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    source = Path(mixscope.__file__).parent
    imported = {name.removeprefix("mixscope.").replace(".", "/") for name in done.stdout.split()}
    found = {file for name in imported for file in (source / f"{name}.py", source / name / "__init__.py")}
    for package in ("data", "mixing", "training", "runs"):
        found |= set((source / package).rglob("*.py"))
    empty = code_version.parsed(b"")
    for file in (file for file in found if file.exists() and code_version.parsed(file.read_bytes()) != empty):
        name = file.relative_to(source).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        beside = any(name == one or name.startswith(f"{one}.") for one in BYSTANDERS)
        beside |= name.startswith("study.") and name != "study.config"
        assert (file in code_version.files()) != beside, name


def test_versions_of_one_entry_count_as_one_and_others_as_themselves(listed):
    listed(("old", "new", "newer"), ("a", "b"))
    assert code_version.distinct(["newer", "old", "x", "new", "b", "a"]) == ["old", "x", "a"]
    assert code_version.canonical("x") == "x"


def test_a_version_in_two_entries_is_refused(listed):
    listed(("old", "new"), ("new", "newer"))
    with pytest.raises(AssertionError, match="new is listed twice"):
        code_version.canonical("old")


def test_the_code_counts_as_that_of_the_committed_bundles():
    """After a change of the code: see the header of equivalent_code.yaml."""
    results = mixscope.load(Path(__file__).parents[1] / "results" / "resnet-vs-vit-two-cores")
    made = {digest for run in results.done if run.provenance for digest in run.provenance.code_digests}
    assert made
    assert code_version.distinct([*made, code_version.digest()]) == code_version.distinct(made)
    assert code_version.canonical("0123456789abcdef") == "0123456789abcdef"


# --- runs that are compared to find equivalent versions -----------------------------------------


def edit(file, **values):
    records.write_json(file, json.loads(file.read_bytes()) | values)


@pytest.fixture
def repeated(tmp_path):
    """A run, and the same run by other code."""
    study = made_study.write(tmp_path / "s")
    old, new = tmp_path / "s" / study.expand()[0].directory, tmp_path / "again"
    shutil.copytree(old, new)
    edit(new / "summary.json", code=["0" * 16])
    return old, new


def test_runs_that_predict_the_same_give_an_entry_of_the_list(repeated, tmp_path, monkeypatch, capsys):
    assert code_version.main([str(path) for path in repeated]) == 0
    (entry,) = yaml.safe_load(capsys.readouterr().out)
    file = tmp_path / "list.yaml"
    file.write_text(yaml.safe_dump([entry]))
    monkeypatch.setattr(code_version, "EQUIVALENT", file)
    assert code_version.distinct(["c0de" * 4, "0" * 16]) == ["c0de" * 4]


def test_runs_whose_predictions_differ_in_a_bit_are_not_equivalent(repeated):
    old, new = repeated
    file = next((new / "predictions").glob("*.npz"))
    found = records.read_predictions(new, file.stem)
    found.logits[0, 0] = np.nextafter(found.logits[0, 0], np.float32(9))
    records.write_predictions(new, file.stem, found)
    with pytest.raises(DataError, match=f"predictions {file.stem} differ"):
        code_version.compare(old, new)


def test_runs_on_other_data_are_no_repetition(repeated):
    old, new = repeated
    edit(new / "environment.json", data={"name": "digits", "digest": "other"})
    with pytest.raises(ConfigError, match="has another data than"):
        code_version.compare(old, new)


def test_runs_of_equivalent_versions_are_not_capped(tmp_path, listed):
    study = made_study.write(tmp_path / "s")
    run = tmp_path / "s" / study.expand()[0].directory
    edit(run / "summary.json", code=["0" * 16])
    done = folders.study(tmp_path / "s").done
    assert "code" in {p.kind for p in health.gates(done, "last")}
    listed(("c0de" * 4, "0" * 16))
    assert "code" not in {p.kind for p in health.gates(done, "last")}
