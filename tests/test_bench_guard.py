"""The judging part of `make bench-guard`; what it measures is no test's business."""

import importlib.util
import math
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "guard.py"
sys.path.insert(0, str(FILE.parent))
guard = importlib.import_module("bounds")
Bound = guard.Bound
BOUNDS = {"a": Bound(unit="instructions", most=100), "b": Bound(unit="times", least=0.5)}


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("guard_script", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"a": 100, "b": 0.5}, []),
        ({"a": 101, "b": 0.5}, ["a: 101 instructions, expected at most 100"]),
        ({"a": 5, "b": 0.4}, ["b: 0.4 times, expected at least 0.5"]),
        ({"a": math.nan, "b": 1}, ["a: nan instructions, expected at most 100"]),
        ({"b": 1, "c": 1e9}, ["a: was not measured"]),
        ({"a": 200, "b": 0.1}, ["a: 200", "b: 0.1"]),
    ],
)
def test_each_bound_that_is_passed_has_one_sentence(figures, said):
    found = guard.judge(figures, BOUNDS)
    assert len(found) == len(said)
    assert all(sentence.startswith(beginning) for sentence, beginning in zip(found, said, strict=True))


def test_bounds_are_of_the_values_that_are_measured(script):
    assert set(guard.COUNTS) == set(script.calls()) - {script.NOTHING}
    assert all(bound.most is not None for bound in guard.COUNTS.values())
    assert all(bound.least is not None for bound in guard.RATIOS.values())


@pytest.mark.parametrize(("figure", "code"), [(99.0, 0), (101.0, 1)])
def test_a_bound_that_is_passed_ends_with_exit_code_1_and_a_sentence(
    script, monkeypatch, capsys, figure, code
):
    monkeypatch.setattr(sys, "argv", ["guard.py"])
    monkeypatch.setattr(script.shutil, "which", lambda name: "/usr/bin/valgrind")
    monkeypatch.setattr(script, "COUNTS", {"a": BOUNDS["a"]})
    monkeypatch.setattr(script, "counts", lambda: {"a": figure})
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == code
    out, err = capsys.readouterr()
    assert "instructions" in out and ("expected at most 100" in err) == bool(code)


def test_without_valgrind_ratios_are_judged(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["guard.py"])
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    monkeypatch.setattr(script, "ratios", lambda: dict.fromkeys(guard.RATIOS, 0.1))
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 1 and len(capsys.readouterr().err.splitlines()) == len(guard.RATIOS)


def test_the_count_of_callgrind_is_read_from_its_file(script, tmp_path):
    (tmp_path / "1").write_text("version: 1\nevents: Ir\nfl=a\n1 5\nsummary: 1234\ntotals: 1234\n")
    assert script.total(tmp_path / "1") == 1234
