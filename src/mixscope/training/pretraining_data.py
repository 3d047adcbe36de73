"""Remarks on pretraining data that bear on a comparison. Torch-free, since records are read with it too."""

from collections.abc import Mapping
from typing import Any

from mixscope.findings import Finding

# Data sets whose classes are part of ImageNet: all 200 of Tiny-ImageNet are in ImageNet-1k.
INSIDE_IMAGENET = ("tiny-imagenet",)


def remarks(provenance: Mapping[str, Any], data_name: str) -> list[Finding]:
    """Findings that a reader needs before trusting a comparison with these weights; empty from scratch.

    Args:
        provenance: Origin of the weights, from weights.provenance.
        data_name: Name of the data set.
    """
    if provenance["weights"] == "scratch":
        return []
    found = []
    about = {"weights": provenance["weights"]}
    for key, method in (("saw_mixup", "MixUp"), ("saw_cutmix", "CutMix")):
        if provenance[key]:
            source = {"method": method, "source": provenance["source"]}
            found.append(Finding("weights-saw-method", "warn", about | source))
        elif provenance[key] is None:
            found.append(Finding("weights-method-unknown", "warn", about | {"method": method}))
    if data_name in INSIDE_IMAGENET:
        if "ImageNet" in provenance["training_data"]:
            found.append(Finding("weights-saw-classes", "warn", about | {"data": data_name}))
        elif provenance["training_data"] == "unknown":
            found.append(Finding("weights-classes-unknown", "warn", about | {"data": data_name}))
    return found
