"""White-box attacks: FGSM and PGD in the maximum norm, epsilon in bytes of 0 to 255.

FGSM (Goodfellow et al., ICLR 2015, arXiv 1412.6572): one step along the sign of the loss gradient. PGD (Madry
et al., ICLR 2018, arXiv 1706.06083): several steps from a random start within epsilon, projected back after
each. Both stay within the valid byte range. Networks take normalised images, so a step in bytes is divided by
255 and by the standard deviation of its channel. Computed in float32, whatever precision the run used;
attacked images are not rounded to whole bytes.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mixscope import rng
from mixscope.analysis.trained_run import Progress, Subject

SEED = 20_241_125
ADDRESS = 100  # of the random start in the stream "corrupt"
STEPS = 5
STRIDE = 2.5  # total length of all steps, in epsilons
BATCH = 128  # gradients take more memory per image


def gradient(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Returns d loss_i / d image_i, the gradient of each image's cross-entropy by its own pixels.

    Args:
        module: The network in eval mode, so that images are independent.
        images: float32 (n, 3, H, W), normalised.
        labels: int64 (n,).

    Returns:
        float32 (n, 3, H, W).
    """
    with torch.enable_grad():
        pixels = images.detach().clone().requires_grad_(True)
        loss = functional.cross_entropy(module(pixels).float(), labels, reduction="sum")
        (found,) = torch.autograd.grad(loss, pixels)
    return found


def fgsm(
    images: torch.Tensor,
    slope: torch.Tensor,
    epsilon: float,
    mean: torch.Tensor,
    std: torch.Tensor,
) -> torch.Tensor:
    """One step of epsilon bytes along the sign of `slope`, the gradient at the images."""
    return _within(images + _step(epsilon, std) * slope.sign(), images, epsilon, mean, std)


def pgd(
    module: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    mean: torch.Tensor,
    std: torch.Tensor,
    start: torch.Tensor,
) -> torch.Tensor:
    """STEPS steps from `start` (float32 of the images' shape in -1 to 1, times epsilon)."""
    moved = _within(images + _step(epsilon, std) * start, images, epsilon, mean, std)
    stride = _step(epsilon * STRIDE / STEPS, std)
    for _ in range(STEPS):
        slope = gradient(module, moved, labels)
        moved = _within(moved + stride * slope.sign(), images, epsilon, mean, std)
    return moved


def _step(epsilon: float, std: torch.Tensor) -> torch.Tensor:
    return (epsilon / 255.0) / std


def _within(
    moved: torch.Tensor, images: torch.Tensor, epsilon: float, mean: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    reach = _step(epsilon, std)
    kept = torch.minimum(torch.maximum(moved, images - reach), images + reach)
    return torch.minimum(torch.maximum(kept, -mean / std), (1.0 - mean) / std)


def starts(ids: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Random starts of PGD, float32 (n, *shape) in -1 to 1, drawn by the image's id."""
    drawn = [rng.generator(SEED, "corrupt", ADDRESS, int(i)).uniform(-1, 1, shape) for i in ids]
    return np.stack(drawn).astype(np.float32)


def right(
    subject: Subject,
    pixels: np.ndarray,
    classes: np.ndarray,
    ids: np.ndarray,
    fgsm_at: tuple[float, ...],
    pgd_at: tuple[float, ...],
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Evaluates the network under each attack.

    Args:
        subject: The run.
        pixels: uint8 (n, 3, H, W).
        classes: int64 (n,).
        ids: int64 (n,).
        fgsm_at: Epsilons of FGSM.
        pgd_at: Epsilons of PGD.
        progress: Called with the number of attacked images, and the total.

    Returns:
        Correctness: {"fgsm": bool (len(fgsm_at), n), "pgd": bool (len(pgd_at), n)}.
    """
    mean, std = (
        torch.tensor(v, dtype=torch.float32, device=subject.device).view(1, 3, 1, 1)
        for v in (subject.store.mean, subject.store.std)
    )
    module = subject.module
    parts: dict[str, list[np.ndarray]] = {"fgsm": [], "pgd": []}
    done = 0
    for batch in subject.batches(pixels, classes, BATCH):
        images, labels = batch.images.clone(), batch.labels.clone()
        here = ids[done : done + len(labels)]
        done += len(labels)
        slope = gradient(module, images, labels)
        start = torch.from_numpy(starts(here, tuple(images.shape[1:]))).to(subject.device)
        attacked = {
            "fgsm": [fgsm(images, slope, e, mean, std) for e in fgsm_at],
            "pgd": [pgd(module, images, labels, e, mean, std, start) for e in pgd_at],
        }
        with torch.inference_mode():
            for name, each in attacked.items():
                hits = [(module(one).argmax(dim=1) == labels).cpu().numpy() for one in each]
                parts[name].append(np.stack(hits))
        progress(done, len(ids))
    return {name: np.concatenate(each, axis=1) for name, each in parts.items()}
