"""What pretrained weights were trained on, as far as it bears on a comparison made with them.

Torch-free: records of runs are read with it too.
"""

from collections.abc import Mapping
from typing import Any

from mixscope.findings import Finding

# Sets whose classes are among those of ImageNet: all 200 of Tiny-ImageNet are in ImageNet-1k.
INSIDE_IMAGENET = ("tiny-imagenet",)


def remarks(provenance: Mapping[str, Any], data_name: str) -> list[Finding]:
    """What a reader must know before believing a comparison made with these weights; empty for scratch."""
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
