"""Predictions of a model for every image of a split, by example id."""

import numpy as np
import torch
from torch import nn

from mixscope.data.device import feed
from mixscope.data.loader import Loader
from mixscope.errors import RunFailed
from mixscope.study.config import Train
from mixscope.training import convolution, precision, ranks
from mixscope.training.stop import Stop


def predict(
    module: nn.Module,
    loader: Loader,
    *,
    device: torch.device,
    config: Train,
    stop: Stop | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicts a split.

    Every image is evaluated once: each rank takes its shard without padding, and all ranks get all results.
    The module's mode is restored.

    Args:
        module: The network.
        loader: Batches of the split.
        device: Where to compute.
        config: Training settings; precision and memory format are used here too.
        stop: Checked between batches.

    Returns:
        Ids int64 (n,), labels int64 (n,) and logits float32 (n, n_classes), sorted by id.

    Raises:
        RunFailed: If logits are not finite.
        Interrupted: If any rank is asked to stop.
    """
    was_training = module.training
    module.eval()
    ids: list[np.ndarray] = []
    labels: list[torch.Tensor] = []
    logits: list[torch.Tensor] = []
    exchange = ranks.Exchange()
    layout = convolution.layout(config, device)
    with (
        torch.inference_mode(),
        precision.autocast(config.precision, device),
    ):
        for batch in feed(loader, device):
            if stop is not None and (wishes := exchange.turn(stop.received)) is not None:
                stop.received = next(filter(None, wishes), None)
                stop.check()
            ids.append(batch.ids)
            labels.append(batch.labels.clone())
            logits.append(module(batch.images.contiguous(memory_format=layout)).float())
    module.train(was_training)
    mine = (np.concatenate(ids), torch.cat(labels).cpu().numpy(), torch.cat(logits).cpu().numpy())
    found = [np.concatenate(parts) for parts in zip(*ranks.gather(mine), strict=True)]
    order = np.argsort(found[0], kind="stable")
    if not np.isfinite(found[2]).all():
        raise RunFailed(
            "not-finite",
            "the model gives logits that are not finite; a lower optim.lr or optim.clip_norm may help",
        )
    return found[0][order], found[1][order], found[2][order]
