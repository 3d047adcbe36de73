"""Resources available to this process: processors, their model, and memory."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import psutil


def cores(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns the number of processors that this process may use, by its affinity mask and cgroup limits.

    A container or batch job often has a CPU quota (cgroup v1 or v2) although it sees every processor; a quota
    of 2.5 processors counts as 2, one below 1 as 1.

    Args:
        proc: Mount point of procfs.
        cgroups: Mount point of the cgroup file system.
    """
    return max(1, min([len(affinity()), *(int(share) for share in _quotas(proc, cgroups))]))


def affinity() -> set[int]:
    """Numbers of the processors that this process may use, whatever quotas say."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def processor() -> str | None:
    """The model name of the processor, None where the system does not report it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # only Linux has this file
    return platform.processor() or None


def gpu() -> bool:
    """Whether a driver of NVIDIA is loaded; asks no library."""
    return Path("/dev/nvidiactl").exists()


def memory(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns the bytes of memory that this process's control group may use; arguments as in `cores`."""
    return min([int(psutil.virtual_memory().total), *_limits(proc, cgroups)])


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """CPU quotas of this process's control group and its ancestors, in processors."""
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
    """Memory limits of this process's control group and its ancestors, in bytes."""
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
    """The folder of a control group and its ancestors; inside a container only `top` may exist."""
    inner = top / path.strip("/")
    yield from (inner, *(folder for folder in inner.parents if folder == top or top in folder.parents))


def _share(quota: str, period: str) -> Iterator[float]:
    """Quota over period; nothing where there is no limit, written "max" or -1."""
    if quota.strip().isdecimal() and period.strip().isdecimal() and int(period) > 0:
        yield int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
