"""Mixing methods that act inside the network: Manifold Mixup and TransMix.

Manifold Mixup mixes activations at a block; TransMix corrects label weights by the class token's attention.
Both use forward hooks that last for one forward pass, so that the networks stay timm's own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn

from mixscope.data.batch import Inner
from mixscope.data.device import inside
from mixscope.errors import ConfigError
from mixscope.mixing import Mixer
from mixscope.study.config import Train


def refuse(mixer: Mixer | None, module: nn.Module, arch: str, train: Train, *, n_ranks: int) -> None:
    """Checks that a run's mixing methods are compatible with its network and training settings.

    Args:
        mixer: The mixer, None without mixing.
        module: The network.
        arch: Its name, for the message.
        train: Training settings.
        n_ranks: Number of processes.

    Raises:
        ConfigError: If they are not.
    """
    if mixer is None or not (mixer.hidden or mixer.attention):
        return
    name = "manifold" if mixer.hidden else "transmix"
    if train.compile is not False:
        raise ConfigError(
            "conflict",
            f"augment.mix={name} reaches into the network, which cannot be compiled then; set"
            " train.compile=false",
            key="augment.mix",
        )
    if mixer.hidden:
        if n_ranks > 1 or train.accumulate > 1:
            raise ConfigError(
                "conflict",
                "augment.mix=manifold mixes activations within one forward pass; use one process and"
                " train.accumulate=1",
                key="augment.mix",
            )
        if not _blocks(module):
            raise ConfigError(
                "unsupported",
                f"augment.mix=manifold: {arch} does not say where its feature blocks are (timm's"
                " feature_info); use augment.mix=mixup, or another model.arch",
                key="augment.mix",
            )
    if mixer.attention and _attention(module) is None:
        raise ConfigError(
            "unsupported",
            f"augment.mix=transmix weights labels by the attention of a class token, and {arch} has none; use"
            " augment.mix=cutmix, or a vision transformer with a class token and without patch_drop_rate",
            key="augment.mix",
        )


def places(module: nn.Module) -> list[str]:
    """Where activations can be mixed: "" for the input, then the names of feature blocks except the last.

    After the last block there is only the classifier. The paper draws among the input and the first blocks.
    """
    return ["", *_blocks(module)[:-1]]


def _blocks(module: nn.Module) -> list[str]:
    """Names of the feature blocks, from timm."""
    found = dict(module.named_modules())
    stages: Sequence[Any] = getattr(module, "feature_info", None) or ()
    return [stage["module"] for stage in stages if isinstance(stage, dict) and stage.get("module") in found]


@contextmanager
def mixing(
    module: nn.Module, inner: Inner | None, lam: Tensor | None
) -> Iterator[Callable[[], Tensor | None]]:
    """Applies the network's part of a mixing plan to a forward pass of `module` in the block.

    Args:
        module: The network.
        inner: The network's part of the plan, None if there is none.
        lam: float32 (n,), label weights of the batch.

    Yields:
        A function that returns the label weights after the pass: lam, or its mean with the attention to own
        patches.
    """
    if inner is None or lam is None:
        yield lambda: lam
        return
    if inner.place is not None:
        assert inner.partner is not None
        known = places(module)
        name = known[int(inner.place * len(known))]
        with _activations_mixed(module, name, inner.partner, lam):
            yield lambda: lam
        return
    attention = _attention(module)
    assert attention is not None and inner.box is not None
    with _queries_and_keys(attention) as seen:
        box = inner.box
        yield lambda: 0.5 * (lam + own_attention(attention, seen[-1], box, module))


@contextmanager
def _activations_mixed(module: nn.Module, name: str, partner: Tensor, lam: Tensor) -> Iterator[None]:
    """Mixes the input of `module` for name "", else the output of that submodule."""
    if name == "":
        hook: Any = module.register_forward_pre_hook(
            lambda _, given: (mixed(given[0], partner, lam), *given[1:])
        )
    else:
        block = module.get_submodule(name)
        hook = block.register_forward_hook(lambda _module, _given, made: mixed(made, partner, lam))
    try:
        yield
    finally:
        hook.remove()


def mixed(activations: Tensor, partner: Tensor, lam: Tensor) -> Tensor:
    """Returns lam * own + (1 - lam) * partner's activations (n, ...), computed in float32, in their dtype."""
    weight = lam.view(-1, *(1,) * (activations.dim() - 1))
    own = activations.float()
    return (weight * own + (1 - weight) * own[partner]).to(activations.dtype)


def _attention(module: nn.Module) -> Attention | None:
    """The last attention layer of a vision transformer that classifies by its class token, else None."""
    blocks = getattr(module, "blocks", None)
    last = getattr(blocks[-1], "attn", None) if isinstance(blocks, nn.Sequential) and len(blocks) else None
    reads = getattr(module, "cls_token", None) is not None and getattr(module, "global_pool", "") == "token"
    # Without patch dropout, every patch has a token.
    reads = reads and isinstance(getattr(module, "patch_drop", None), nn.Identity)
    return last if reads and isinstance(last, Attention) else None


@contextmanager
def _queries_and_keys(attention: Attention) -> Iterator[list[Tensor]]:
    """Captures the layer's projections of its input, (n, tokens, 3 * dim), once per forward pass."""
    seen: list[Tensor] = []
    hook = attention.qkv.register_forward_hook(lambda _module, _given, made: seen.append(made.detach()))
    try:
        yield seen
    finally:
        hook.remove()


@torch.no_grad()
def own_attention(attention: Attention, qkv: Tensor, box: Tensor, module: Any) -> Tensor:
    """Fraction of the class token's attention to patches that is on own patches.

    Mean over heads, eq. (4) of arXiv 2111.09833 as in the authors' code. A patch belongs to the image of its
    upper left pixel (the authors downsample the mask by nearest neighbour). No gradient is computed.

    Args:
        attention: The layer.
        qkv: (n, tokens, 3 * dim), of the last block.
        box: int32 (n, 4), pixels taken from the partner.
        module: The network.

    Returns:
        float32 (n,).
    """
    n, tokens, _ = qkv.shape
    split = qkv.float().reshape(n, tokens, 3, attention.num_heads, attention.head_dim).permute(2, 0, 3, 1, 4)
    queries, keys = attention.q_norm(split[0][:, :, :1]), attention.k_norm(split[1])
    weights = (queries * attention.scale @ keys.transpose(-2, -1)).softmax(dim=-1)
    on_patches = weights[:, :, 0, module.num_prefix_tokens :].mean(dim=1)
    rows, columns = module.patch_embed.grid_size
    down, across = module.patch_embed.patch_size
    foreign = inside(box, rows * down)[:, 0, ::down, ::across][:, :rows, :columns].reshape(n, -1)
    share: Tensor = (on_patches * ~foreign).sum(dim=1) / on_patches.sum(dim=1)
    return share
