"""Where nothing can be cached, as in a read-only installation, commands work and say so once."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mixscope
import small_study
from mixscope.studies import probes

ROW = {"startup_seconds": 1.0}


@pytest.fixture
def environment(tmp_path):
    """A copy of the package whose folder takes no cache, and a home that is a file.

    Root may write everywhere, so files stand where folders would be made.
    """
    package = tmp_path / "installed" / "mixscope"
    shutil.copytree(Path(mixscope.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "data" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.write_text("")
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(package.parent)}


def test_kernels_are_compiled_in_memory(environment):
    program = "from mixscope.data import kernels; kernels.fused(8, 1); kernels.fused(16, 2)"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no folder for compiled kernels can be written") == 1
    assert "find it on disk" not in done.stderr


def test_a_plan_is_measured_and_says_once_that_it_is_not_kept(environment, tmp_path, digits_root):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(small_study.STUDY, sort_keys=False))
    done = subprocess.run(
        [sys.executable, "-m", "mixscope", "study", "plan", str(file), "--root", str(digits_root)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("what was measured cannot be kept") == 1
    assert "Traceback" not in done.stderr


def test_a_user_without_a_home_folder_measures_each_shape_once(monkeypatch, tmp_path):
    def nobody(_):
        raise KeyError("no such user")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    measured, said = [], []
    probe = probes.Prober(
        root=tmp_path,
        threads=1,
        notice=said.append,
        run=lambda configs: measured.extend(configs) or [ROW for _ in configs],
        busy=lambda: 0.0,
    )
    wanted = {"small": (small_study.runs()[0].config, 8)}
    first, second = probe.measure(wanted), probe.measure(wanted)
    assert first == second and first["small"]["startup_seconds"] == 1.0
    assert len(measured) == 1 and [finding.code for finding in said].count("probe-not-kept") == 1
