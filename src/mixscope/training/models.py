"""Networks: timm models, with a stem or patch size for small images, from scratch or pretrained."""

import inspect
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch
from torch import nn

from mixscope import rng
from mixscope.errors import ConfigError, DataError, unknown
from mixscope.study import display_names
from mixscope.study.config import Model
from mixscope.training import convolution, weights

# Arguments of timm that are set by other settings.
DECIDED = {
    "num_classes": "the data",
    "in_chans": "the data",
    "img_size": "the data",
    "patch_size": "model.patch_size",
    "pretrained": "model.pretrained",
    "pretrained_cfg": "model.pretrained",
    "pretrained_cfg_overlay": "model.pretrained",
    "checkpoint_path": "model.pretrained",
    "features_only": "mixscope, which needs a classifier",
}
FILE_ENDINGS = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True, slots=True)
class Built:
    """A network.

    Attributes:
        module: The network.
        provenance: Origin of its weights, as plain values.
        parameters: Number of parameters.
    """

    module: nn.Module
    provenance: dict[str, Any]
    parameters: int


def build(model: Model, *, n_classes: int, image_size: int, seed: int) -> Built:
    """Builds the network of a run. The same seed gives the same bits; global generators are not changed.

    Position and patch embeddings of pretrained weights are resampled to the network's own (by timm); the head
    is always new, and the same as from scratch.

    Args:
        model: Settings.
        n_classes: Number of classes.
        image_size: Side of the images in pixels; the token grid of a transformer is built for it.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: If a name, argument or file does not fit.
        DataError: If weights are not available.
    """
    arch, _, tag = model.arch.partition(".")
    if not timm.is_model(arch):
        raise ConfigError(
            "unknown-name", display_names.unknown_network(arch, timm.list_models()), key="model.arch"
        )
    for key in model.kwargs:
        if key in DECIDED:
            raise ConfigError(
                "conflict",
                f"is decided by {DECIDED[key]}; leave it out",
                key=f"model.kwargs.{key}",
            )
    if model.pretrained and model.stem == "small":
        raise ConfigError(
            "conflict",
            "model.stem=small cannot be had with model.pretrained: weights have the stem they were trained"
            " with; use model.stem=imagenet, or model.pretrained=false",
            key="model.stem",
        )
    name, file = _weights(arch, tag, model.pretrained)
    if name and file is None:
        file = weights.fetch(name)
    arguments = _arguments(model, arch, image_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.integer(seed, "init"))
        module = _create(model, arch, {**arguments, "num_classes": n_classes})
        if model.stem == "small":
            _small_stem(module, arch)
        if file is not None:
            _load(module, arch, file, arguments)
    convolution.exchange(module)
    _refuse_misfit(module, arch, image_size)
    provenance: dict[str, Any] = {"weights": "scratch"}
    if file is not None:
        provenance = weights.provenance(name, file, declared=_is_file(model.pretrained))
    return Built(module, provenance, sum(p.numel() for p in module.parameters()))


def missing_weights(model: Model) -> bool:
    """Whether the weights of a network must still be downloaded.

    Raises:
        ConfigError, DataError: As `build`, if weights are not available.
    """
    arch, _, tag = model.arch.partition(".")
    name, file = _weights(arch, tag, model.pretrained)
    return bool(name) and file is None and weights.locate(name)[2] is not None


def patch(module: nn.Module) -> int:
    """Side of the network's patches in pixels; 0 for a network without patches."""
    size = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    return int(size[0]) if isinstance(size, tuple) else 0


def describe(built: Built, model: Model, image_size: int) -> str:
    """One line on a network: parameters, weights, and resolution of its last map or tokens."""
    parts = [model.arch, f"{built.parameters / 1e6:.1f} M parameters", built.provenance["weights"]]
    embed = getattr(built.module, "patch_embed", None)
    grid, patch = getattr(embed, "grid_size", None), getattr(embed, "patch_size", None)
    stages = getattr(built.module, "feature_info", None)
    if grid and patch:
        tokens = f"{grid[0]}x{grid[1]} = {math.prod(grid)} tokens"
        parts.append(f"patch {patch[0]}: {tokens} at {image_size} px")
    elif stages:
        side = math.ceil(image_size / stages[-1]["reduction"])
        parts.append(f"stem {model.stem}: last map {side}x{side} at {image_size} px")
    return "  ".join(parts)


# --- from scratch -------------------------------------------------------------------------------


def _arguments(model: Model, arch: str, image_size: int) -> dict[str, Any]:
    """The arguments for timm: the user's kwargs, and the image size for models built for one."""
    arguments = dict(model.kwargs)
    cfg = timm.get_pretrained_cfg(arch)
    if cfg is not None and cfg.fixed_input_size:
        arguments["img_size"] = image_size
    if model.patch_size:
        arguments["patch_size"] = model.patch_size
    return arguments


def _create(model: Model, arch: str, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        made: nn.Module = timm.create_model(arch, **arguments)
        return made
    except Exception as problem:
        # timm's models raise any error; without weights it must be caused by the settings.
        refused = re.search(r"unexpected keyword argument '(\w+)'", str(problem))
        if refused and refused[1] == "patch_size":
            raise ConfigError(
                "unsupported", f"{arch} has no patches; leave it out", key="model.patch_size"
            ) from problem
        if refused and refused[1] in model.kwargs:
            where = f"model.kwargs.{refused[1]}"
            raise ConfigError(
                "unknown-name", unknown(f"argument of {arch}", refused[1], _taken(arch)), key=where
            ) from problem
        shown = ", ".join(f"{key}={value}" for key, value in arguments.items())
        raise ConfigError(
            "unsupported", f"timm cannot build {arch} with {shown} ({_one_line(problem)})", key="model"
        ) from problem


def _taken(arch: str) -> list[str]:
    """Names of a model's arguments that a user may set."""
    with torch.device("meta"):
        kind = type(timm.create_model(arch))
    return [name for name in inspect.signature(kind).parameters if name not in DECIDED]


def _small_stem(module: nn.Module, arch: str) -> None:
    """3x3, stride 1, no max-pool (He et al., arXiv 1512.03385, section 4.2), initialized like timm's own."""
    if not isinstance(module, timm.models.ResNet):
        raise ConfigError(
            "unsupported",
            f"model.stem=small is for ResNets; {arch} has no convolution and max-pool at its start to"
            " replace",
            key="model.stem",
        )
    module.conv1 = nn.Conv2d(3, module.bn1.num_features, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(module.conv1.weight, mode="fan_out", nonlinearity="relu")
    module.maxpool = nn.Identity()
    for stage in module.feature_info:
        stage["reduction"] //= 2 if stage["module"] == "act1" else 4


def _refuse_misfit(module: nn.Module, arch: str, image_size: int) -> None:
    """Checks that the model takes images of this size and uses all of each. Raises ConfigError."""
    embed = getattr(module, "patch_embed", None)
    grid, patch = getattr(embed, "grid_size", None), getattr(embed, "patch_size", None)
    if grid and isinstance(patch, tuple) and grid[0] * patch[0] < image_size:
        raise ConfigError(
            "conflict",
            f"{patch[0]} does not divide the {image_size} px of the images, so that {arch}"
            f" would not see the last {image_size - grid[0] * patch[0]}; choose a divisor of {image_size}",
            key="model.patch_size",
        )
    for training in (False, True):
        module.train(training)
        try:
            answer = _answer(module, 1 + training, image_size)
        except Exception as problem:
            # As in _create: whatever the layers run into.
            raise ConfigError(
                "unsupported",
                f"{arch} cannot take images of {image_size} px ({_one_line(problem)})",
                key="model.arch",
            ) from problem
        if not isinstance(answer, torch.Tensor) or answer.ndim != 2:
            mode = "training" if training else "evaluation"
            raise ConfigError(
                "unsupported",
                f"{arch} answers {type(answer).__name__} in {mode}"
                " where one row of logits an image is expected; choose a network with a single classifier",
                key="model.arch",
            )


def refuse_single_images(module: nn.Module, arch: str, image_size: int, *, batch_size: int) -> None:
    """Checks that a network can train with batches of one image; batch norm on a single value cannot.

    Raises:
        ConfigError: If it cannot.
    """
    try:
        _answer(module, 1, image_size)
    except Exception as problem:
        # As in _create: whatever the layers run into.
        raise ConfigError(
            "conflict",
            f"train.batch_size={batch_size}: leaves one image a batch, on which the batch norm of {arch}"
            " cannot train; give at least two images to every rank, or a network without batch norm",
            key="train.batch_size",
        ) from problem


def _answer(module: nn.Module, count: int, image_size: int) -> object:
    """The network's output for `count` black images; its state is restored, running statistics included."""
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return module(torch.zeros(count, 3, image_size, image_size))
    finally:
        for name, buffer in module.named_buffers():
            if name in kept:
                buffer.copy_(kept[name])


# --- from weights -------------------------------------------------------------------------------


def _is_file(pretrained: bool | str) -> bool:
    """Whether model.pretrained is a file, not a tag."""
    return isinstance(pretrained, str) and ("/" in pretrained or pretrained.endswith(FILE_ENDINGS))


def _weights(arch: str, tag: str, pretrained: bool | str) -> tuple[str, Path | None]:
    """Resolves the weights to their full timm name ("" for an undescribed file), and a local file.

    A tag in model.arch beside a local file describes the file. A name without a file is the hub's.
    """
    where = "model.arch"
    if isinstance(pretrained, str) and not _is_file(pretrained):
        where, tag = "model.pretrained", pretrained.removeprefix(f"{arch}.")
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{arch}.*")]
    if tag and tag not in tags:
        raise ConfigError("unknown-name", unknown(f"tag of {arch} (or weights file)", tag, tags), key=where)
    if not pretrained:
        return "", None
    if _is_file(pretrained):
        return (f"{arch}.{tag}" if tag else ""), _local(Path(str(pretrained)).expanduser())
    if not tags:
        raise ConfigError(
            "unsupported",
            f"timm has no weights for {arch}; give a file, or model.pretrained=false",
            key="model.pretrained",
        )
    name = f"{arch}.{tag or timm.get_pretrained_cfg(arch).tag}"
    return name, None


def _local(file: Path) -> Path:
    if not file.is_file():
        raise DataError(
            "missing-file",
            f"the weights file {file} does not exist",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        )
    if file.suffix not in FILE_ENDINGS:
        raise ConfigError(
            "wrong-type",
            f"{file} must end in one of {', '.join(FILE_ENDINGS)}",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        )
    return file


def _load(module: nn.Module, arch: str, file: Path, arguments: Mapping[str, Any]) -> None:
    """Loads weights except the head. Raises ConfigError when the rest does not fit exactly.

    timm skips missing and unknown names once the number of classes differs. Therefore a second network with
    the file's number of classes is loaded, which timm does strictly, and its weights are copied.
    """
    cfg = timm.get_pretrained_cfg(arch)
    heads = (cfg.classifier,) if isinstance(cfg.classifier, str) else tuple(cfg.classifier or ())
    try:
        content = timm.models.load_state_dict(str(file), weights_only=True)
        classes = [len(content[f"{head}.weight"]) for head in heads if f"{head}.weight" in content]
    except Exception as problem:
        # Archives, pickles and safetensors raise different errors.
        raise DataError(
            "damaged-file",
            f"{file} cannot be read as weights ({_one_line(problem)})",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        ) from problem
    own = classes[0] if classes else 0
    overlay = {"file": str(file), "num_classes": own, "label_offset": None, "custom_load": False}
    try:
        twin = timm.create_model(
            arch, pretrained=True, pretrained_cfg_overlay=overlay, **{**arguments, "num_classes": own}
        )
    except Exception as problem:
        # The same network was built without weights, so the file is the cause.
        raise ConfigError(
            "wrong-format",
            f"{file} does not fit {arch}: {_misfit(problem)}",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        ) from problem
    taken = {name: value for name, value in twin.state_dict().items() if not _inside(name, heads)}
    broken = [name for name, value in taken.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise DataError(
            "not-finite",
            f"{file} holds values that are not finite, in {_few(broken)}; get the file anew, or give another",
            key="model.pretrained",
            path=file,
            place="model.pretrained",
        )
    state = {name: value for name, value in module.state_dict().items() if _inside(name, heads)} | taken
    module.load_state_dict(state)


def _inside(name: str, parts: Collection[str]) -> bool:
    return any(name.startswith(f"{part}.") for part in parts)


def _misfit(problem: Exception) -> str:
    """Shortens torch's list of mismatches, which can fill pages, to its first few names."""
    found = []
    for line in str(problem).splitlines():
        names = re.findall(r'"([^"]+)"', line)
        if line.strip().startswith("Missing key"):
            found.append(f"it lacks {_few(names)}")
        elif line.strip().startswith("Unexpected key"):
            found.append(f"the model has no {_few(names)}")
    resized = re.findall(r"size mismatch for (\S+):", str(problem))
    if resized:
        found.append(f"of another shape are {_few(resized)}")
    return "; ".join(found) or _one_line(problem)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _one_line(problem: Exception) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
