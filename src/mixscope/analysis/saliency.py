"""Attribution maps: Grad-CAM, integrated gradients and attention rollout.

Each gives a non-negative map, float32 (n, H, W) at the size of the images, for the true class's logit
(rollout does not depend on a class). The first two use the packages grad-cam and captum of the extra
`explain`, imported on demand.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mixscope.errors import ConfigError, extra
from mixscope.findings import Finding

INTEGRATED = 20  # steps of integrated gradients, from the data's mean colour to the image


def needed(package: str) -> Any:
    """Imports a package of the extra `explain`.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as problem:
        raise ConfigError("not-installed", f"{package} is not installed; {extra('explain')}") from problem


# --- Grad-CAM -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """The target layer of Grad-CAM.

    Attributes:
        name: Name of the layer.
        module: The layer.
        grid: Rows and columns of its map.
        shaped: Reshapes the layer's output to (n, channels, rows, columns).
    """

    name: str
    module: nn.Module
    grid: tuple[int, int]
    shaped: Callable[[torch.Tensor], torch.Tensor]


def layer(module: nn.Module, size: int) -> Layer:
    """Chooses the target layer.

    For a transformer the last norm before attention, without class tokens and on its grid of patches; else
    the last stage in timm's list.

    Args:
        module: The network.
        size: Side of the images in pixels.

    Raises:
        ConfigError: If the last stage of the network is not a map.
    """
    net: Any = module
    grid = getattr(getattr(net, "patch_embed", None), "grid_size", None)
    if grid is not None and hasattr(net, "blocks") and hasattr(net.blocks[-1], "norm1"):
        skipped = getattr(net, "num_prefix_tokens", 0)

        def on_grid(tokens: torch.Tensor) -> torch.Tensor:
            patches = tokens[:, skipped:]
            return patches.reshape(len(patches), *grid, -1).permute(0, 3, 1, 2)

        return Layer(f"blocks.{len(net.blocks) - 1}.norm1", net.blocks[-1].norm1, tuple(grid), on_grid)
    stages = getattr(net, "feature_info", None)
    if not stages:
        raise ConfigError(Finding("attribution-no-stages", "fail", {"network": type(net).__name__}))
    name, channels = stages[-1]["module"], stages[-1]["num_chs"]
    last = net.get_submodule(name)
    shape = _shape_behind(net, last, size)
    if len(shape) == 4 and shape[1] == channels:
        return Layer(name, last, (shape[2], shape[3]), lambda values: values)
    if len(shape) == 4 and shape[3] == channels:
        return Layer(name, last, (shape[1], shape[2]), lambda values: values.permute(0, 3, 1, 2))
    params = {"network": type(net).__name__, "layer": name, "shape": str(shape)}
    raise ConfigError(Finding("attribution-no-map", "fail", params))


def _shape_behind(module: nn.Module, last: nn.Module, size: int) -> tuple[int, ...]:
    seen: list[tuple[int, ...]] = []
    hook = last.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape)))
    try:
        with torch.inference_mode():
            module(torch.zeros(1, 3, size, size, device=next(module.parameters()).device))
    finally:
        hook.remove()
    return seen[0]


def gradcam(module: nn.Module, at: Layer, images: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """Grad-CAM (Selvaraju et al., ICCV 2017, arXiv 1610.02391), resized bilinearly to the size of the images.

    Channels are weighted by the mean of their gradient and added; negative values are set to 0.

    Args:
        module: The network.
        at: Target layer.
        images: float32 (n, 3, H, W), normalised.
        classes: int64 (n,).
    """
    package, targets = needed("pytorch_grad_cam"), needed("pytorch_grad_cam.utils.model_targets")
    wanted = [targets.ClassifierOutputTarget(int(c)) for c in classes]
    with package.GradCAM(module, [at.module], reshape_transform=at.shaped) as cam:
        cam(input_tensor=images, targets=wanted)
        seen = cam.activations_and_grads
        values, slopes = (v[0].detach().cpu().numpy() for v in (seen.activations, seen.gradients))
        # Not the result of the call, which shifts each map's minimum to 0 and changes fractions of its mass.
        coarse = cam.get_cam_image(images, at.module, wanted, values, slopes)
    module.zero_grad(set_to_none=True)
    return _drawn(torch.from_numpy(np.maximum(coarse, 0.0)), images.shape[2])


def _drawn(coarse: torch.Tensor, size: int) -> np.ndarray:
    fine = functional.interpolate(coarse[:, None].float(), (size, size), mode="bilinear", align_corners=False)
    drawn: np.ndarray = fine[:, 0].cpu().numpy()
    return drawn


# --- integrated gradients -----------------------------------------------------------------------


def integrated(module: nn.Module, images: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """Integrated gradients (Sundararajan et al., ICML 2017, arXiv 1703.01365) from the data's mean colour.

    Args:
        module: The network.
        images: float32 (n, 3, H, W), normalised.
        classes: int64 (n,).

    Returns:
        Absolute value of the sum over channels, float32 (n, H, W).
    """
    signed = attributed(module, images, classes)
    found: np.ndarray = signed.sum(dim=1).abs().float().cpu().numpy()
    return found


def attributed(module: nn.Module, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Signed integrated gradients, (n, 3, H, W); their sum is the logit's difference to the baseline."""
    method = needed("captum.attr").IntegratedGradients(module)
    found: torch.Tensor = method.attribute(
        images, baselines=0.0, target=classes, n_steps=INTEGRATED, internal_batch_size=max(len(images), 32)
    )
    return found.detach()


# --- attention rollout --------------------------------------------------------------------------


def attends(module: nn.Module) -> bool:
    """Whether a network has timm's attention blocks on a grid of patches, which rollout needs."""
    net: Any = module
    blocks = list(getattr(net, "blocks", []))
    on_grid = getattr(getattr(net, "patch_embed", None), "grid_size", None) is not None
    return (
        on_grid
        and bool(blocks)
        and all(
            hasattr(getattr(block, "attn", None), name)
            for block in blocks
            for name in ("fused_attn", "attn_drop")
        )
    )


def rolled(module: nn.Module, images: torch.Tensor) -> np.ndarray:
    """Attention rollout of a network that `attends`, resized to the size of the images."""
    net: Any = module
    with _attention(net) as seen, torch.inference_mode():
        net(images)
    prefix = getattr(net, "num_prefix_tokens", 0)
    found = rollout(seen, prefix, from_class=prefix > 0 and net.global_pool == "token")
    return _drawn(found.reshape(len(found), *net.patch_embed.grid_size), images.shape[2])


def rollout(attention: Sequence[torch.Tensor], prefix: int, *, from_class: bool) -> torch.Tensor:
    """The contribution of each patch to the output (Abnar & Zuidema, ACL 2020, arXiv 2005.00928).

    Heads are averaged, the residual connection counts half, and blocks are multiplied.

    Args:
        attention: Of each block in order, float (n, heads, tokens, tokens); rows sum to 1.
        prefix: Number of tokens before the patches.
        from_class: Whether the output is read from the first token, the class token; else from the mean of
            all patches.

    Returns:
        float (n, patches); rows sum to 1.
    """
    own = torch.eye(attention[0].shape[-1], device=attention[0].device)
    flow = own
    for block in attention:
        flow = (0.5 * block.float().mean(dim=1) + 0.5 * own) @ flow
    read = flow[:, 0] if from_class else flow[:, prefix:].mean(dim=1)
    patches = read[:, prefix:]
    return patches / patches.sum(dim=1, keepdim=True)


@contextmanager
def _attention(net: Any) -> Iterator[list[torch.Tensor]]:
    """Records the attention matrices of every block.

    Fused attention, which does not compute them, is off meanwhile.
    """
    seen: list[torch.Tensor] = []
    fused = [block.attn.fused_attn for block in net.blocks]
    hooks = [
        block.attn.attn_drop.register_forward_hook(lambda _, __, out: seen.append(out))
        for block in net.blocks
    ]
    try:
        for block in net.blocks:
            block.attn.fused_attn = False
        yield seen
    finally:
        for block, was in zip(net.blocks, fused, strict=True):
            block.attn.fused_attn = was
        for hook in hooks:
            hook.remove()
