"""The content of environment.json: versions, hardware, code, data and weights of a run."""

import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

import psutil

import mixscope
from mixscope import threads
from mixscope.hardware import cores, processor
from mixscope.runs import code_version, records
from mixscope.study.config import RunConfig

PACKAGES = ("torch", "torchvision", "timm", "numpy", "numba", "scikit-learn", "pillow", "simplejpeg")


def environment(
    *, config: RunConfig, data: Mapping[str, Any], weights: Mapping[str, Any], device: Mapping[str, Any]
) -> dict[str, Any]:
    """Collects the content of environment.json, as plain values; unknown values are None.

    Args:
        config: Settings of the run.
        data: Name and digest of the prepared data set, and its class and superclass names, so that tables
            need not open it again.
        weights: Origin of the initial weights.
        device: Device and number of threads.
    """
    return {
        "schema": records.SCHEMA,
        "mixscope": mixscope.__version__,
        "digest": config.digest,
        "code": code_version.current(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions(),
        "hardware": {
            "cpu": processor(),
            "cores": cores(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "threads_why": os.environ.get(threads.WHY),
        },
        "device": dict(device),
        "data": dict(data),
        "weights": dict(weights),
    }


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str | None]:
    """The installed version of each package, None where it is not installed."""
    return {name: _version(name) for name in packages}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
