"""Arithmetic of a run: float32, bfloat16 or float16 by autocast, the latter with scaled gradients."""

from contextlib import nullcontext
from typing import Any

import torch

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
NATIVE_BF16 = (8, 0)  # compute capability from which on bfloat16 is not emulated


def autocast(precision: str, device: torch.device) -> Any:
    """A context in which forward passes run in that precision; it may be entered again and again."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])


def scaler(precision: str, device: torch.device) -> torch.amp.GradScaler | None:
    """Keeps small gradients of fp16 from vanishing (Micikevicius et al., arXiv 1710.03740); None without."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None


def emulated(device: torch.device) -> str | None:
    """A sentence where bfloat16 is emulated on `device`, which is slow; None where it is not."""
    if device.type != "cuda" or (capability := torch.cuda.get_device_capability(device)) >= NATIVE_BF16:
        return None
    return (
        f"{torch.cuda.get_device_name(device)} (compute capability {capability[0]}.{capability[1]}) emulates"
        " bf16, which is slow; use train.precision=fp16"
    )
