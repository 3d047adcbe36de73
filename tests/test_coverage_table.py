"""`make check` prints the coverage that `make coverage` measured last, of the packages that there are."""

import re
from pathlib import Path

import coverage_table

TESTS = Path(__file__).parent
PACKAGES = TESTS.parent / "src" / "mixscope"


def test_the_last_measurement_names_every_package_and_none_is_low():
    rows = re.findall(r"^  (\S+) +\d+ +([\d.]+) %", (TESTS / "coverage.txt").read_text("utf-8"), re.MULTILINE)
    packages = {folder.parent.name for folder in PACKAGES.glob("*/__init__.py")}
    assert {name for name, _ in rows} == packages | {"(files)", "all"}, "run `make coverage`"
    assert {name for name, share in rows if float(share) < coverage_table.LOW} == set()
