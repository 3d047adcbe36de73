"""Checkpoints: the complete state of a run, written atomically and restored strictly.

last.pt        what resuming needs: model, weight average, optimizer, position, best results so far
previous.pt    the checkpoint before, while the run lasts, in case the disk damages the last
<name>.pt      only the selected weights (selected, best-on-test)
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
from mixscope.errors import ConfigError, DataError, unread
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training.optim import Ema

SCHEMA = 1


@dataclass(slots=True)
class State:
    """The position of a run.

    Attributes:
        epoch: Completed epochs.
        batch: Completed batches of the current epoch.
        step: Optimizer steps.
        sums: Of the current epoch, over all ranks: loss, lambda-weighted hits, images.
        seconds: Training time in the current epoch.
        best: Best epoch and its top-1, by selection rule.
        events: Size of events.jsonl in bytes.
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
    """Writes <name>.pt, flushed to disk; the existing last.pt becomes previous.pt."""
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
    """Writes <name>.pt with the weights to be evaluated after `epoch` epochs."""
    with replacing(folder / f"{name}.pt") as beside:
        torch.save({**_about(config), "epoch": epoch, "weights": dict(weights)}, beside)


def load(folder: Path, config: RunConfig) -> tuple[dict[str, Any] | None, str | None]:
    """Reads the newest intact checkpoint.

    Returns:
        Its content, None when there is none; and a warning when it is not the last.

    Raises:
        ConfigError: If it belongs to other settings; names them.
        DataError: If no checkpoint is readable.
    """
    last, previous = folder / "last.pt", folder / "previous.pt"
    if not last.exists() and not previous.exists():
        return None, None
    try:
        return _of(config, last, read(last)), None
    except DataError as problem:
        if not previous.exists():
            raise problem.reworded(
                f"{problem}; remove {folder} to train this run from its start"
            ) from problem
        return _of(
            config, previous, read(previous)
        ), f"{problem}; going on from {previous.name}, the one before it"


def read(file: Path) -> dict[str, Any]:
    """Reads a checkpoint file to the CPU; tensors and plain values only, no code is executed.

    Raises:
        DataError: If it is missing, damaged or of another schema.
    """
    try:
        with zipfile.ZipFile(file) as parts:
            damaged = parts.testzip()  # torch.load does not compare the checksums
        if damaged is not None:
            raise DataError("damaged-file", f"is damaged (the checksum of {damaged} does not fit)", path=file)
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is cut short or overwritten"
        code = unread(problem) if isinstance(problem, OSError) else "damaged-file"
        raise DataError(code, f"is no readable checkpoint ({reason})", path=file) from problem
    content: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    found = content.get("schema")
    if isinstance(found, int) and found > SCHEMA:
        raise DataError(
            "other-version",
            f"was written by a newer mixscope (schema {found}, this one reads {SCHEMA}); update mixscope",
            path=file,
        )
    if found != SCHEMA:
        raise DataError(
            "wrong-format", f"is no checkpoint of mixscope (schema {SCHEMA}); put the file back", path=file
        )
    return content


def restore(
    content: Mapping[str, Any],
    *,
    module: nn.Module,
    ema: Ema | None,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> State:
    """Restores everything that `save` wrote.

    Raises:
        DataError: If a part does not fit.
    """
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
        raise DataError(
            "inconsistent", f"the checkpoint does not fit the model it was made for ({line})"
        ) from problem


def _check(state: State) -> None:
    """Checks the position for consistency. Raises ValueError."""
    whole = (state.epoch, state.batch, state.step, state.events)
    if not all(isinstance(n, int) and n >= 0 for n in whole) or len(state.sums) != 3:
        raise ValueError(f"it stands at epoch {state.epoch}, batch {state.batch}, step {state.step}")


def _lay_as_weights(optimiser: torch.optim.Optimizer) -> None:
    """Converts optimizer state to the parameters' memory format.

    A checkpoint may come from a device or version with another memory format. A fused step pairs weights and
    moments in memory order and would otherwise mix them up.
    """
    for weight, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                values[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def weights(folder: Path, name: str, config: RunConfig | None = None) -> tuple[dict[str, torch.Tensor], int]:
    """Reads the weights to be evaluated from last.pt or <name>.pt.

    Args:
        folder: Folder of the checkpoints.
        name: Name of the checkpoint.
        config: Settings of the run; None skips the check that the checkpoint belongs to it.

    Returns:
        The weights, and the number of epochs after which they were saved.

    Raises:
        DataError: If the checkpoint is damaged or of a run with other settings.
    """
    file = folder / f"{name}.pt"
    content = read(file)
    try:
        if config is not None and content["digest"] != config.digest:
            changed = "; ".join(settings.differences(settings.from_dict(content["config"]), config))
            raise DataError(
                "changed",
                f"is of a run with other settings ({changed or 'another digest'}), so that it says"
                " nothing about this one; put back the checkpoint of this run, or remove the run's folder and"
                " make it again",
                path=file,
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
        raise DataError(
            "damaged-file", "holds what no run saves, the file is damaged", path=file
        ) from problem
    return found, epoch


def put(module: nn.Module, values: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Loads the weights of a checkpoint into the network they were saved from.

    Args:
        module: The network.
        values: The weights.
        folder: Folder for the message.

    Raises:
        DataError: If names or shapes differ.
    """
    try:
        module.load_state_dict(values)
    except RuntimeError as problem:
        line = " ".join(str(problem).split())
        raise DataError(
            "inconsistent",
            f"the weights do not fit the network of their run ({line[:200]}); a checkpoint is"
            " damaged, or another version of timm builds another network",
            path=folder,
        ) from problem


def _about(config: RunConfig) -> dict[str, Any]:
    return {"schema": SCHEMA, "digest": config.digest, "config": config.to_dict()}


def _of(config: RunConfig, file: Path, content: dict[str, Any]) -> dict[str, Any]:
    try:
        if content["digest"] != config.digest:
            changed = "; ".join(settings.differences(settings.from_dict(content["config"]), config))
            raise ConfigError(
                "changed", f"was made with other settings ({changed}); give another --out", path=file
            )
    except (KeyError, TypeError, AttributeError) as problem:
        raise DataError(
            "damaged-file", "holds what no run saves, the file is damaged", path=file
        ) from problem
    return content
