"""Weights files that stand in for ImageNet's, which are not to be had without a network.

    python tests/stand_in_weights.py FOLDER [ARCH ...]

writes FOLDER/ARCH.safetensors for each timm model, by default those of the study: weights drawn from a fixed
seed, in timm's own layout, so that everything but their worth is as with real ones.
"""

import sys
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file

STUDY = ("resnet50", "vit_small_patch16_224")


def make(arch: str, file: Path, **arguments: Any) -> Path:
    """A weights file of a timm model with these arguments. Equal arguments give equal bytes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = timm.create_model(arch, **arguments)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in module.state_dict().items()}, file)
    return file


if __name__ == "__main__":
    folder, *archs = sys.argv[1:]
    for arch in archs or STUDY:
        print(make(arch, Path(folder) / f"{arch}.safetensors"))
