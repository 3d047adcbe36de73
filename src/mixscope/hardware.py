"""What the machine offers to this process: processors, their model, and memory."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import psutil


def cores(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may use: those of its affinity mask, and no more than its cgroups allow.

    A container or a batch job is often limited by a quota of processor time (cgroup v1 or v2) while it sees
    every processor; a quota of 2.5 processors counts as 2, one below 1 as 1.

    Args:
        proc: Where the kernel tells of processes.
        cgroups: Where control groups are mounted.
    """
    return max(1, min([len(affinity()), *(int(share) for share in _quotas(proc, cgroups))]))


def affinity() -> set[int]:
    """Numbers of the processors that this process may use, whatever quotas say."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def processor() -> str | None:
    """The model of the processor, where the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # only Linux has this file
    return platform.processor() or None


def memory(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that the processes of this control group may hold; arguments as of `cores`."""
    return min([int(psutil.virtual_memory().total), *_limits(proc, cgroups)])


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """Quotas of this process's control group and of those around it, in processors."""
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            for folder in _around(cgroups, path):
                quota, _, period = _read(folder / "cpu.max").partition(" ")
                yield from _share(quota, period)
        elif "cpu" in controllers.split(","):
            for folder in _around(cgroups / controllers, path):
                yield from _share(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    """Limits of memory of this process's control group and of those around it, in bytes."""
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            limits = [_read(folder / "memory.max") for folder in _around(cgroups, path)]
        elif "memory" in controllers.split(","):
            around = _around(cgroups / controllers, path)
            limits = [_read(folder / "memory.limit_in_bytes") for folder in around]
        else:
            continue
        yield from (int(limit) for limit in limits if limit.strip().isdecimal())


def _around(top: Path, path: str) -> Iterator[Path]:
    """The folder of a control group and those above it; in a container only `top` may be there."""
    inner = top / path.strip("/")
    yield from (inner, *(folder for folder in inner.parents if folder == top or top in folder.parents))


def _share(quota: str, period: str) -> Iterator[float]:
    """Nothing where there is no limit, which is written "max" or -1."""
    if quota.strip().isdecimal() and period.strip().isdecimal() and int(period) > 0:
        yield int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
