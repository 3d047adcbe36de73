"""Pretrained weights: their origin and pretraining data.

Whether weights were trained with MixUp, CutMix or the test set's classes limits what a comparison with them
can show, so it is recorded with every run.
"""

import fnmatch
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import timm
from huggingface_hub.errors import EntryNotFoundError
from safetensors import SafetensorError, safe_open

from mixscope.errors import DataError

# Names of weight files on the hub, in order of preference.
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
HUB_SECONDS = 10.0

# Key of the safetensors header in which `mixscope export` records pretraining data, and its fields.
HEADER = "mixscope"
SEEN = {
    "training_data": str,
    "augmentation": str,
    "saw_mixup": bool,
    "saw_cutmix": bool,
    "source": str,
}

# By timm name and tag, the first matching pattern. saw_mixup, saw_cutmix: None if no source states it.
_STRIKES_BACK = {
    "saw_mixup": True,
    "saw_cutmix": True,
    "source": "Wightman et al., arXiv 2110.00476, table 2",
}
_TORCHVISION = "torchvision, references/classification"
KNOWN: dict[str, dict[str, Any]] = {
    "resnet*.a1_in1k": {**_STRIKES_BACK, "augmentation": "MixUp 0.2 and CutMix 1.0, RandAugment, recipe A1"},
    "resnet*.a2_in1k": {**_STRIKES_BACK, "augmentation": "MixUp 0.1 and CutMix 1.0, RandAugment, recipe A2"},
    "resnet*.a3_in1k": {**_STRIKES_BACK, "augmentation": "MixUp 0.1 and CutMix 1.0, RandAugment, recipe A3"},
    "resnet*.tv_in1k": {
        "saw_mixup": False,
        "saw_cutmix": False,
        "augmentation": "crop and flip",
        "source": _TORCHVISION,
    },
    "resnet50.tv2_in1k": {
        "saw_mixup": True,
        "saw_cutmix": True,
        "augmentation": "MixUp 0.2 and CutMix 1.0, TrivialAugment",
        "source": _TORCHVISION,
    },
}

# Steiner et al. (arXiv 2106.10270): MixUp's alpha and RandAugment's (layers, magnitude) of each
# level. The name of the original file says at which level a model was trained; it was fine-tuned with crop
# and flip alone.
AUGREG_LEVELS = {
    "none": (0.0, (0, 0)),
    "light1": (0.0, (2, 0)),
    "light2": (0.2, (2, 10)),
    "medium1": (0.2, (2, 15)),
    "medium2": (0.5, (2, 15)),
    "strong1": (0.5, (2, 20)),
    "strong2": (0.8, (2, 20)),
}

# By the part of a timm tag that names the data set.
TRAINING_DATA = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
}


def fetch(name: str) -> Path:
    """Downloads the weights of a timm tag, or finds them in the hub's local cache.

    Args:
        name: timm name with its tag ("resnet50.a1_in1k").

    Returns:
        The local file.

    Raises:
        DataError: As `locate`, or if the download fails.
    """
    repository, file, url = locate(name)
    if url is None:
        return file
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file.name))
    except Exception as problem:  # as in `locate`
        raise _unreachable(name, url, problem) from problem


def locate(name: str) -> tuple[str, Path, str | None]:
    """Finds the weights of a timm tag; downloads nothing.

    Args:
        name: timm name with its tag.

    Returns:
        Repository on the hub; file (local path if cached, else its name on the hub); address on the hub, None
        if cached.

    Raises:
        DataError: If the weights are not available, with instructions to use a local file; immediately when
            the hub is not reachable, where its own client retries for most of a minute.
    """
    cfg = timm.get_pretrained_cfg(name)
    repository = cfg.hf_hub_id
    if repository is None:
        raise DataError(
            "download-failed",
            f"the weights {name} are not on the hub; {_mend(name, cfg.url)}",
            key="model.pretrained",
        )
    for file in HUB_FILES:
        cached = huggingface_hub.try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            return repository, Path(cached), None
    url = ""
    problem: Exception | None = None
    for file in HUB_FILES:
        url = huggingface_hub.hf_hub_url(repository, file)
        try:
            huggingface_hub.get_hf_file_metadata(url, timeout=HUB_SECONDS)
            return repository, Path(file), url
        except EntryNotFoundError as absent:
            problem = absent
        except Exception as unreachable:
            # Errors of the client, its HTTP library and the disk have no common base class and differ between
            # versions; for the user they all mean that the file is not available.
            problem = unreachable
            break
    raise _unreachable(name, url, problem) from problem


def _unreachable(name: str, url: str, problem: Exception | None) -> DataError:
    return DataError(
        "download-failed",
        f"the weights {name} cannot be had from the hub ({type(problem).__name__}); {_mend(name, url)}",
        key="model.pretrained",
    )


def _mend(name: str, url: str) -> str:
    return (
        f"download {url} where there is a network and give the file:"
        f" model.arch={name} model.pretrained=PATH (.safetensors or .pth)"
    )


def provenance(name: str, file: Path, *, declared: bool) -> dict[str, Any]:
    """Everything known about the weights in `file`, as plain values for the records.

    Args:
        name: timm name with its tag, or "" for an undescribed file: then only its name and sha256 are known.
        file: The weights file.
        declared: Whether only the user's settings state that the file holds these weights.
    """
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    cfg = timm.get_pretrained_cfg(name).to_dict() if name else {}
    return {
        "weights": name or file.name,
        "declared": declared,
        "file": file.name,
        "sha256": digest,
        "licence": cfg.get("license") or "unknown",
        "origin": cfg.get("url") or cfg.get("hf_hub_id"),
        **known(name),
        **exported(file),
    }


def exported(file: Path) -> dict[str, Any]:
    """Reads the header that `mixscope export` wrote; empty for any other file.

    Args:
        file: A weights file of any kind.

    Returns:
        The keys of `known`.

    Raises:
        DataError: If the file has such a header and it is damaged.
    """
    if file.suffix != ".safetensors":
        return {}
    try:
        with safe_open(file, framework="numpy") as content:
            text = (content.metadata() or {}).get(HEADER)
        found = {} if text is None else json.loads(text)
    except (SafetensorError, OSError, ValueError) as problem:
        raise DataError(
            "damaged-file",
            f"{file} cannot be read as safetensors ({problem})",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        ) from problem
    if text is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in SEEN.items()):
        raise DataError(
            "damaged-file",
            f'{file}: its header "{HEADER}" is damaged, expected {", ".join(SEEN)}; export the weights again',
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        )
    return {key: found[key] for key in SEEN}


def known(name: str) -> dict[str, Any]:
    """Pretraining data and augmentation: training_data, augmentation, saw_mixup, saw_cutmix, source.

    Args:
        name: timm name with its tag, or "" for undescribed weights.
    """
    facts = {"augmentation": "unknown", "saw_mixup": None, "saw_cutmix": None, "source": None}
    cfg = timm.get_pretrained_cfg(name) if name else None
    level = re.search(r"/augreg/.*-aug_([a-z]+[12]?)-", (cfg and cfg.url) or "")
    fits = [pattern for pattern in KNOWN if fnmatch.fnmatchcase(name, pattern)]
    if fits:
        facts = KNOWN[fits[0]]
    elif level and level[1] in AUGREG_LEVELS:
        facts = _augreg(level[1])
    return {"training_data": _training_data(name), **facts}


def _augreg(level: str) -> dict[str, Any]:
    alpha, (layers, magnitude) = AUGREG_LEVELS[level]
    return {
        "augmentation": f"MixUp {alpha}, RandAugment ({layers}, {magnitude}), level {level}",
        "saw_mixup": alpha > 0,
        "saw_cutmix": False,
        "source": "Steiner et al., arXiv 2106.10270",
    }


def _training_data(name: str) -> str:
    """Parses the data sets at the end of timm's tags, in order of training: `augreg_in21k_ft_in1k`."""
    parts = name.rpartition(".")[2].split("_") if name else []
    return ", then ".join(TRAINING_DATA[part] for part in parts if part in TRAINING_DATA) or "unknown"
