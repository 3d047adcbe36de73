"""The device of a run, and its ranks under torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed

from mixscope.errors import ConfigError
from mixscope.training import ranks


@contextmanager
def processes(wanted: str) -> Iterator[torch.device]:
    """Yields the device of this process; under torchrun, joins the process group during the block.

    Raises:
        ConfigError: If the device is invalid or not available.
    """
    device = _choose(wanted)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def _choose(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as problem:
        raise ConfigError(
            "unknown-name", f'"{wanted}" is no device; use auto, cpu, cuda or cuda:1', key="run.device"
        ) from problem
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(
            "unsupported", f'"{wanted}" is not supported; use auto, cpu, cuda or cuda:1', key="run.device"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            "unavailable",
            f"{wanted} is not here; {torch.cuda.device_count()} CUDA devices are",
            key="run.device",
        )
    return device


def describe(device: torch.device) -> dict[str, Any]:
    """Properties of the device that are recorded with results."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"type": device.type, "name": name, "threads": torch.get_num_threads(), "ranks": ranks.count()}
