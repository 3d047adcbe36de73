"""Checkpoints: everything that moves in a run, saved whole and restored strictly.

last.pt        what going on needs: model, average, optimiser, where the run stands, best so far
previous.pt    the one before, while the run lasts: what is left when the disk damages the last
<name>.pt      the weights that were selected (selected, best-on-test), and nothing else
"""

import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixscope.atomic import replacing
from mixscope.errors import ConfigError, DataError
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training.optim import Ema

SCHEMA = 1


@dataclass(slots=True)
class State:
    """Where a run stands.

    epoch: epochs that are complete. batch: batches done of the open one. step: optimiser steps made.
    sums: of the open epoch, over all ranks: loss, lambda-weighted hits, images.
    seconds: of training in the open epoch. best: by rule, the epoch that leads and its top-1.
    events: bytes of events.jsonl that were written by then.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: tuple[float, float, int] = (0.0, 0.0, 0)
    seconds: float = 0.0
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    events: int = 0


def save(
    folder: Path,
    state: State,
    *,
    config: RunConfig,
    module: nn.Module,
    ema: Ema | None,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
    name: str = "last",
) -> None:
    """<name>.pt, on disk when this returns; the last.pt that was there becomes previous.pt."""
    content = {
        **_about(config),
        "state": asdict(state),
        "model": module.state_dict(),
        "ema": None if ema is None else ema.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    if scaler is not None:
        content["scaler"] = scaler.state_dict()
    file = folder / f"{name}.pt"
    with replacing(file) as beside:
        torch.save(content, beside)
        if name == "last" and file.exists():
            os.replace(file, folder / "previous.pt")


def save_weights(
    folder: Path, name: str, weights: Mapping[str, torch.Tensor], *, config: RunConfig, epoch: int
) -> None:
    """<name>.pt with the weights that are judged after `epoch` epochs."""
    with replacing(folder / f"{name}.pt") as beside:
        torch.save({**_about(config), "epoch": epoch, "weights": dict(weights)}, beside)


def load(folder: Path, config: RunConfig) -> tuple[dict[str, Any] | None, str | None]:
    """The newest whole checkpoint, None when there is none yet, and a sentence when it is not the last.

    Raises ConfigError when it belongs to other settings, which are named; DataError when what is there
    cannot be read.
    """
    last, previous = folder / "last.pt", folder / "previous.pt"
    if not last.exists() and not previous.exists():
        return None, None
    try:
        return _of(config, last, read(last)), None
    except DataError as problem:
        if not previous.exists():
            raise DataError(f"{problem}; remove {folder} to train this run from its start") from problem
        return _of(
            config, previous, read(previous)
        ), f"{problem}; going on from {previous.name}, the one before it"


def read(file: Path) -> dict[str, Any]:
    """What a checkpoint file holds, on the CPU; tensors and plain values only, nothing in it is run.

    Raises DataError when it is missing, damaged or of another schema.
    """
    try:
        with zipfile.ZipFile(file) as parts:
            damaged = parts.testzip()  # torch.load does not compare the checksums
        if damaged is not None:
            raise DataError(f"{file}: is damaged (the checksum of {damaged} does not fit)")
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is cut short or overwritten"
        raise DataError(f"{file}: is no readable checkpoint ({reason})") from problem
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DataError(f"{file}: is not of schema {SCHEMA}, which this mixscope writes and reads")
    return content


def restore(
    content: Mapping[str, Any],
    *,
    module: nn.Module,
    ema: Ema | None,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> State:
    """Puts everything back where `save` took it from. Raises DataError when a part does not fit."""
    try:
        module.load_state_dict(content["model"], strict=True)
        optimiser.load_state_dict(content["optimiser"])
        _lay_as_weights(optimiser)
        if ema is not None:
            ema.load_state_dict(content["ema"])
        if scaler is not None:
            scaler.load_state_dict(content["scaler"])
        state = State(**content["state"])
        _check(state)
        return state
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as problem:
        line = " ".join(str(problem).split())[:200]
        raise DataError(f"the checkpoint does not fit the model it was made for ({line})") from problem


def _check(state: State) -> None:
    """Raises ValueError for a position that no run has."""
    whole = (state.epoch, state.batch, state.step, state.events)
    if not all(isinstance(n, int) and n >= 0 for n in whole) or len(state.sums) != 3:
        raise ValueError(f"it stands at epoch {state.epoch}, batch {state.batch}, step {state.step}")


def _lay_as_weights(optimiser: torch.optim.Optimizer) -> None:
    """A checkpoint may come from a device, or a version, where weights lay otherwise in memory.

    A fused step takes averages of gradients number by number as they lie, and would mix them up.
    """
    for weight, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                values[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def weights(folder: Path, name: str, config: RunConfig | None = None) -> tuple[dict[str, torch.Tensor], int]:
    """The weights that are evaluated in last.pt or <name>.pt, and after how many epochs.

    config: of the run; None does not ask whose checkpoint it is.
    Raises DataError for a checkpoint that is damaged, or that a run with other settings made.
    """
    file = folder / f"{name}.pt"
    content = read(file)
    try:
        if config is not None and content["digest"] != config.digest:
            changed = "; ".join(settings.differences(settings.from_dict(content["config"]), config))
            raise DataError(
                f"{file}: is of a run with other settings ({changed or 'another digest'}), so that it says"
                " nothing about this one; put back the checkpoint of this run, or remove the run's folder and"
                " make it again"
            )
        if "weights" in content:
            found, epoch = content["weights"], content["epoch"]
        else:
            averaged = content["ema"]
            found = content["model"] if averaged is None else averaged
            epoch = content["state"]["epoch"]
        if not isinstance(epoch, int) or not all(isinstance(v, torch.Tensor) for v in found.values()):
            raise TypeError("weights are no tensors")
    except (KeyError, TypeError, AttributeError, ConfigError) as problem:
        raise DataError(f"{file}: holds what no run saves, the file is damaged") from problem
    return found, epoch


def put(module: nn.Module, values: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Puts the weights of a checkpoint in `folder` into the network that they were saved from.

    Raises DataError where names or shapes differ.
    """
    try:
        module.load_state_dict(values)
    except RuntimeError as problem:
        line = " ".join(str(problem).split())
        raise DataError(
            f"{folder}: the weights do not fit the network of their run ({line[:200]}); a checkpoint is"
            " damaged, or another version of timm builds another network"
        ) from problem


def _about(config: RunConfig) -> dict[str, Any]:
    return {"schema": SCHEMA, "digest": config.digest, "config": config.to_dict()}


def _of(config: RunConfig, file: Path, content: dict[str, Any]) -> dict[str, Any]:
    try:
        if content["digest"] != config.digest:
            changed = "; ".join(settings.differences(settings.from_dict(content["config"]), config))
            raise ConfigError(f"{file}: was made with other settings ({changed}); give another --out")
    except (KeyError, TypeError, AttributeError) as problem:
        raise DataError(f"{file}: holds what no run saves, the file is damaged") from problem
    return content
