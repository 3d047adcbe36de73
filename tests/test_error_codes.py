"""Every code of an error, with a problem that has it."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

import mixscope
from mixscope.data import archives, disk, download
from mixscope.data.store import Store
from mixscope.errors import CODES, ConfigError, DataError, RunFailed
from mixscope.mixing import registry
from mixscope.results import runs_table, sources, table_files
from mixscope.results.outcomes import Outcomes
from mixscope.results.trackers import runs as logged_runs
from mixscope.runs import lock
from mixscope.study import config, document, matrix, methods

ELSEWHERE = {
    "interrupted": "test_exit_codes.py",
    "no-space": "test_exit_codes.py",
    "process-failed": "test_workers.py",
    "usage": "test_exit_codes.py",
}


def set_to(*pairs):
    return lambda: config.load(overrides=pairs)


def archive(name, content=b"x"):
    def do():
        with zipfile.ZipFile("a.zip", "w") as made:
            made.writestr(name, content)
        archives.unpack(Path("a.zip"), Path("unpacked"), max_files=9, max_bytes=99)

    return do


def unpacked_before():
    Path("unpacked").mkdir()
    archive("x")()


def method_of(text, name="method.py:f"):
    def do():
        Path("method.py").write_text(text)
        registry.method(name)

    return do


def table(name, content):
    def do():
        Path(name).write_bytes(content)
        table_files.read(Path(name))

    return do


def contrasted(a, b):
    return lambda: mixscope.contrast_arrays(np.array(a), np.array(b))


def locked():
    with lock.take(Path()):
        lock.take(Path())


def of_another_version():
    Path("digits").mkdir()
    Path("digits/manifest.json").write_text('{"schema": 99}')
    Store.open(Path(), "digits")


def out_of_memory():
    from mixscope.runs import execute

    with execute._advising_on_memory():
        raise MemoryError


def on_no_device():
    from mixscope.runs import device

    device._choose("cuda:99")


CASES = {
    "already-exists": unpacked_before,
    "changed": method_of("def f(lam): ...", "method.py:f@0123456789abcdef"),
    "conflict": set_to("train.epochs=2", "optim.warmup_epochs=2"),
    "damaged-file": table("x.parquet", b"PAR1"),
    "download-failed": lambda: download.fetch([], Path("x"), sha256=""),
    "duplicate": lambda: document.parse("a: 1\na: 2\n", file="x.yaml"),
    "inconsistent": lambda: Outcomes(
        ids=np.arange(2), correct=np.ones(2, bool), labels=np.zeros(2, np.int64), predicted=np.arange(2)
    ),
    "locked": locked,
    "method-failed": method_of("1 / 0\ndef f(lam): ..."),
    "missing-file": lambda: sources.load("nothing"),
    "missing-key": lambda: matrix.parse("name: x", file="x.yaml"),
    "missing-results": lambda: logged_runs.table([]),
    "no-access": lambda: document.read(Path()),
    "no-space": lambda: disk.need_room(Path(), 1 << 80),
    "not-comparable": contrasted(np.ones((2, 3), bool), np.ones((2, 4), bool)),
    "not-finite": contrasted([0.5, np.nan], [0.5, 0.6]),
    "not-installed": lambda: methods.source("no-such-method", "augment.mix"),
    "not-prepared": lambda: Store.open(Path(), "digits"),
    "other-version": of_another_version,
    "out-of-memory": out_of_memory,
    "out-of-range": set_to("seed=-1"),
    "too-few": contrasted([0.5], [0.6]),
    "unavailable": on_no_device,
    "unknown-name": set_to("optim.lrr=1"),
    "unsafe-file": archive("../x"),
    "unsupported": table("x.csv", b"PK\x03\x04 xl/workbook.xml"),
    "wrong-format": table("x.csv", b"hello"),
    "wrong-type": set_to("seed=x"),
}


def test_no_code_is_left_over():
    assert set(CASES) | set(ELSEWHERE) == set(CODES)
    for code, file in ELSEWHERE.items():
        assert f'"{code}"' in (Path(__file__).parent / file).read_text("utf-8")


@pytest.mark.parametrize("code", CASES)
def test_a_problem_has_its_code(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, DataError, RunFailed)) as caught:
        CASES[code]()
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_a_row_of_a_table_is_named_by_file_and_line(tmp_path):
    file = tmp_path / "results.csv"
    file.write_text("model,augmentation,seed,top1\nvit,none,0,70\nvit,mixup,x,71\n")
    with pytest.raises(DataError) as caught:
        runs_table.read(file)
    found = caught.value
    assert (found.code, found.key, found.path, found.line) == ("wrong-type", "seed", file, 3)
    assert str(found) == f"{file}, line 3: seed: expected a whole number, got 'x'"


def test_an_error_in_a_method_of_ones_own_is_named_by_file_and_line(tmp_path):
    file = tmp_path / "method.py"
    file.write_text("def f(lam):\n    return lam\n\n1 / 0\n")
    with pytest.raises(ConfigError) as caught:
        registry.method(f"{file}:f")
    found = caught.value
    assert (found.code, found.key, found.path, found.line) == ("method-failed", "augment.mix", file, 4)
    assert str(found) == f"augment.mix: {file}, line 4: ZeroDivisionError: division by zero"
