"""Networks: timm's, with a stem or patch that suits small images, from scratch or from weights.

What does not belong here: what is known of weights (weights.py), and how they move (optim.py).
"""

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from mixscope import rng
from mixscope.errors import ConfigError, DataError, unknown
from mixscope.study.config import Model
from mixscope.training import weights


@dataclass(frozen=True, slots=True)
class Built:
    """A network, where its weights came from (plain values), and how many parameters it has."""

    module: nn.Module
    provenance: dict[str, Any]
    parameters: int


def build(model: Model, *, n_classes: int, image_size: int, seed: int) -> Built:
    """The network of a run. The same seed gives the same bits; global generators are left as they were.

    image_size: pixels; a transformer's token grid is made for it, position embeddings of pretrained weights
    are resampled to it (timm's own loading).
    Raises ConfigError for a name, argument or file that does not fit, DataError for weights not to be had.
    """
    arch, _, arch_tag = model.arch.partition(".")
    if not timm.is_model(arch):
        raise ConfigError(unknown("model.arch", "timm model", arch, timm.list_models()))
    arguments, pretrained = _arguments(model, arch, image_size), model.pretrained
    file = Path(pretrained).expanduser() if isinstance(pretrained, str) and _is_path(pretrained) else None
    tag = pretrained if isinstance(pretrained, str) and file is None else arch_tag
    if file is not None:
        if not file.is_file():
            raise DataError(f"model.pretrained: the weights file {file} does not exist")
        arguments["pretrained_cfg_overlay"] = {"file": str(file)}
    elif tag:
        tag = tag.rpartition(".")[2]
        tags = [t.partition(".")[2] for t in timm.list_pretrained(f"{arch}.*")]
        if tag not in tags:
            raise ConfigError(unknown("model.pretrained", f"tag of {arch} (or weights file)", tag, tags))
        arch = f"{arch}.{tag}"
    if pretrained and model.stem == "small":
        raise ConfigError(
            "model.stem=small has no pretrained weights; use model.stem=imagenet or train from scratch"
        )
    first = rng.integer(seed, "init")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(first)
        module = _create(model, arch, n_classes, bool(pretrained), file, arguments)
        if model.stem == "small":
            _small_stem(module, model.arch)
        if pretrained:
            torch.manual_seed(first)
            arguments.pop("pretrained_cfg_overlay", None)
            fresh = _create(model, arch, n_classes, False, None, arguments)
            _refuse_gaps(module, fresh, arch, str(file or arch))
    provenance = _provenance(module, file) if pretrained else {"weights": "scratch"}
    return Built(module, provenance, sum(p.numel() for p in module.parameters()))


def describe(built: Built, model: Model, image_size: int) -> str:
    """One line for a person: parameters, weights, and how coarse the model sees the image."""
    embed = getattr(built.module, "patch_embed", None)
    grid = getattr(embed, "grid_size", None)
    sees = f"{grid[0]}x{grid[1]} tokens at {image_size} px" if grid else f"stem {model.stem}"
    return f"{model.arch}  {built.parameters / 1e6:.1f} M parameters  {built.provenance['weights']}  {sees}"


def _is_path(text: str) -> bool:
    return "/" in text or Path(text).suffix in (".safetensors", ".pth", ".pt", ".bin")


def _arguments(model: Model, arch: str, image_size: int) -> dict[str, Any]:
    """What timm is given: the user's kwargs, image and patch size where the model knows them."""
    arguments = dict(model.kwargs)
    transformer = "vit" in arch or "deit" in arch or "img_size" in _accepted(arch)
    if model.patch_size and not transformer:
        raise ConfigError(f"model.patch_size: {arch} has no patches; leave it out")
    if transformer:
        arguments.setdefault("img_size", image_size)
        if model.patch_size:
            arguments["patch_size"] = model.patch_size
            if image_size % model.patch_size:
                raise ConfigError(
                    f"model.patch_size {model.patch_size} does not divide the {image_size} px of the images"
                )
    return arguments


def _accepted(arch: str) -> list[str]:
    return list(inspect.signature(timm.model_entrypoint(arch)).parameters)


def _create(
    model: Model, arch: str, n_classes: int, pretrained: bool, file: Path | None, arguments: dict[str, Any]
) -> nn.Module:
    try:
        made: nn.Module = timm.create_model(arch, pretrained=pretrained, num_classes=n_classes, **arguments)
        return made
    except TypeError as problem:
        named = [k for k in model.kwargs if f"'{k}'" in str(problem)]
        key = f"model.kwargs.{named[0]}" if named else "model.kwargs"
        raise ConfigError(f"{key}: {model.arch} does not take it ({problem})") from problem
    except Exception as problem:
        # What a hub, a file reader or a model raises is not one family; without pretrained weights it is the
        # settings that do not fit.
        if not pretrained:
            raise ConfigError(
                f"model: timm cannot build {model.arch} with {arguments} ({problem})"
            ) from problem
        if file is not None:
            raise ConfigError(f"model.pretrained: {file} does not fit {model.arch} ({problem})") from problem
        raise DataError(
            f"model.pretrained: the weights {arch} cannot be had ({type(problem).__name__});"
            " without a network, give a local file: model.pretrained=weights.safetensors"
        ) from problem


def _refuse_gaps(module: nn.Module, fresh: nn.Module, arch: str, source: str) -> None:
    """Raises ConfigError when some part was not loaded: timm passes over names that it does not find.

    fresh: the same network from the same seed without weights. Filters and matrices begin at random, so one
    that is equal in both was never loaded. The head is new in any case.
    """
    head = module.default_cfg["classifier"]  # type: ignore[index]
    heads = (head,) if isinstance(head, str) else tuple(head)
    begun = fresh.state_dict()
    gaps = [
        name
        for name, value in module.state_dict().items()
        if value.ndim > 1 and not name.startswith(heads) and torch.equal(value, begun[name])
    ]
    if gaps:
        more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
        raise ConfigError(
            f"model.pretrained: {source} does not fit {arch}: it has no {', '.join(gaps[:3])}{more}"
        )


def _small_stem(module: nn.Module, arch: str) -> None:
    """3x3, stride 1, no max-pool (He et al., arXiv 1512.03385, section 4.2), drawn like timm's own."""
    stem, pool = getattr(module, "conv1", None), getattr(module, "maxpool", None)
    if not isinstance(stem, nn.Conv2d) or pool is None:
        raise ConfigError(
            f"model.stem=small is for ResNets; {arch} has no 7x7 convolution and max-pool to replace"
        )
    module.conv1 = nn.Conv2d(stem.in_channels, stem.out_channels, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(module.conv1.weight, mode="fan_out", nonlinearity="relu")
    module.maxpool = nn.Identity()


def _provenance(module: nn.Module, file: Path | None) -> dict[str, Any]:
    """Tag, licence, data and known augmentation; of a file, name and sha256 and nothing assumed."""
    if file is not None:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"weights": file.name, "sha256": digest, "licence": "unknown", **weights.UNKNOWN}
    cfg: dict[str, Any] = module.pretrained_cfg  # type: ignore[assignment]
    tag = f"{cfg['architecture']}.{cfg['tag']}"
    return {"weights": tag, "licence": cfg.get("license") or "unknown", **weights.known(tag)}
