"""Exports weights of a finished run, with their pretraining data, for other runs to start from.

The file is safetensors; its header records data and augmentation, and `model.pretrained=FILE` reads it into
the provenance of the run that starts from it (training/weights.py).
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save

from mixscope.atomic import replacing
from mixscope.errors import ConfigError, DataError
from mixscope.runs import records
from mixscope.study.config import Augment, RunConfig
from mixscope.training import checkpoint, weights


def export(run: Path, out: Path, *, name: str = "last") -> dict[str, Any]:
    """Writes the weights of one checkpoint of a finished run to a safetensors file.

    Args:
        run: Folder of the run.
        out: File to write, ending in .safetensors.
        name: Checkpoint: "last", or "selected" by validation accuracy.

    Returns:
        The content of the header, as plain values.

    Raises:
        ConfigError: If the file has another ending.
        DataError: If the run is not finished, or its records or checkpoint are missing or damaged.
    """
    if out.suffix != ".safetensors":
        raise ConfigError("wrong-type", f"expected a file that ends in .safetensors, got {out}", key="--out")
    state = records.read_status(run)["state"]
    if state != "done":
        raise DataError("missing-results", f"is {state}; weights are exported when the run is done", path=run)
    config = records.check_chain(run)
    about = described(config, records.read_summary(run)["data"])
    tensors, epoch = checkpoint.weights(run / "checkpoints", name, config)
    about["epochs"] = epoch
    contiguous = {key: value.contiguous() for key, value in tensors.items()}
    with replacing(out) as beside:
        beside.write(save(contiguous, metadata={weights.HEADER: json.dumps(about, sort_keys=True)}))
    return about


def described(config: RunConfig, data: dict[str, Any]) -> dict[str, Any]:
    """Describes the training of a run's weights: architecture, data, augmentation, mixing methods, source.

    Args:
        config: Settings of the run.
        data: The data section of its summary.json.

    Returns:
        The keys of `weights.known`, and arch and data_digest.
    """
    methods = mixed_with(config.augment)
    return {
        "arch": config.model.arch,
        "training_data": f"{config.data.name} ({data['images']['train']:,} images)",
        "data_digest": data["digest"],
        "augmentation": " and ".join([config.augment.base, *methods]),
        "saw_mixup": "mixup" in methods,
        "saw_cutmix": "cutmix" in methods,
        "source": f"mixscope run {config.digest}",
    }


def mixed_with(augment: Augment) -> list[str]:
    """Names of the mixing methods that a run used, sorted."""
    return sorted(name for name, share in augment.shares.items() if share)
