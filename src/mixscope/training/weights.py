"""Pretrained weights: what they have seen, as far as it is known.

Whether weights already saw MixUp, CutMix or the very classes of the test set decides what a comparison
with them can say, so it is recorded with every run.

What does not belong here: loading (models.py).
"""

from collections.abc import Mapping
from typing import Any

# By timm tag. saw_mixup, saw_cutmix: None where no source says it.
KNOWN: dict[str, dict[str, Any]] = {
    # Recipe A1 of "ResNet strikes back", table 2: MixUp alpha 0.2 and CutMix alpha 1.0.
    "a1_in1k": {
        "training_data": "ImageNet-1k",
        "saw_mixup": True,
        "saw_cutmix": True,
        "source": "Wightman et al., arXiv 2110.00476",
    },
    "tv_in1k": {
        "training_data": "ImageNet-1k",
        "saw_mixup": False,
        "saw_cutmix": False,
        "source": "torchvision's first recipe: crop and flip",
    },
    # The original file is named aug_light1: in Steiner et al. that is RandAugment (2, 0) with MixUp alpha 0.
    "augreg_in21k_ft_in1k": {
        "training_data": "ImageNet-21k, then ImageNet-1k",
        "saw_mixup": False,
        "saw_cutmix": False,
        "source": "Steiner et al., arXiv 2106.10270",
    },
}
UNKNOWN: dict[str, Any] = {"training_data": "unknown", "saw_mixup": None, "saw_cutmix": None, "source": None}

# Sets whose classes are among those of ImageNet.
INSIDE_IMAGENET = ("tiny-imagenet",)


def known(tag: str) -> dict[str, Any]:
    """What is known of the weights of a timm tag ("a1_in1k", or "resnet50.a1_in1k")."""
    return dict(KNOWN.get(tag.rpartition(".")[2], UNKNOWN))


def warnings_for(provenance: Mapping[str, Any], data_name: str) -> list[str]:
    """What a reader must know before believing a comparison made with these weights; empty for scratch."""
    if provenance["weights"] == "scratch":
        return []
    found = []
    name = provenance["weights"]
    for key, method in (("saw_mixup", "MixUp"), ("saw_cutmix", "CutMix")):
        if provenance[key]:
            found.append(f"the weights {name} were themselves trained with {method} ({provenance['source']})")
        elif provenance[key] is None:
            found.append(f"it is not known whether the weights {name} were trained with {method}")
    if data_name in INSIDE_IMAGENET and "ImageNet" in provenance["training_data"]:
        found.append(f"the classes of {data_name} are among those that the weights {name} were trained on")
    return found
