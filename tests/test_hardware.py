"""Processors and memory are counted as the process may use them, not as the machine has them."""

import os
from types import SimpleNamespace

import psutil
import pytest

from mixscope.hardware import cores, memory


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """An affinity mask of eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def of_group(resource, tmp_path, told, files):
    """What a control group leaves of a resource; told: its line in /proc, files: its settings."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(told)
    for name, content in files.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return resource(proc=tmp_path / "proc", cgroups=tmp_path / "cgroup")


def test_without_control_groups_the_affinity_mask_counts(tmp_path):
    assert cores(proc=tmp_path, cgroups=tmp_path) == 8


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("900000 100000", 8),
    ],
)
def test_a_quota_of_version_2_counts_in_whole_processors(tmp_path, limit, expected):
    assert of_group(cores, tmp_path, "0::/job/step\n", {"job/step/cpu.max": limit + "\n"}) == expected


def test_the_smallest_quota_on_the_way_up_counts(tmp_path):
    files = {"job/step/cpu.max": "max 100000", "job/cpu.max": "300000 100000", "cpu.max": "600000 100000"}
    assert of_group(cores, tmp_path, "0::/job/step\n", files) == 3


def test_a_container_that_sees_only_its_own_group_is_limited_by_it(tmp_path):
    assert of_group(cores, tmp_path, "0::/../../docker/abc\n", {"cpu.max": "100000 100000"}) == 1


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("400000", 4), ("50000", 1)])
def test_a_quota_of_version_1_counts(tmp_path, quota, expected):
    folder = "cpu,cpuacct/job"
    files = {f"{folder}/cpu.cfs_quota_us": quota + "\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    told = "12:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n"
    assert of_group(cores, tmp_path, told, files) == expected


@pytest.mark.parametrize(
    ("told", "files", "expected"),
    [
        ("", {}, 8 * 10**9),
        ("0::/job", {"job/memory.max": "max\n"}, 8 * 10**9),
        ("0::/a/b", {"a/memory.max": "1000\n", "a/b/memory.max": "2000\n"}, 1000),
        ("4:memory:/job", {"memory/job/memory.limit_in_bytes": "3000\n"}, 3000),
        ("4:memory:/job", {"memory/memory.limit_in_bytes": str(2**63)}, 8 * 10**9),
    ],
)
def test_memory_is_that_of_the_control_group(tmp_path, monkeypatch, told, files, expected):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * 10**9))
    assert of_group(memory, tmp_path, told, files) == expected
