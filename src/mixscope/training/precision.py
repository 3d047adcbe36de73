"""Numerical precision of a run: float32, bfloat16 by autocast, or float16 with gradient scaling."""

from contextlib import nullcontext
from typing import Any

import torch

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
NATIVE_BF16 = (8, 0)  # lowest compute capability with native bfloat16


def autocast(precision: str, device: torch.device) -> Any:
    """A reusable context for forward passes in the given precision."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])


def scaler(precision: str, device: torch.device) -> torch.amp.GradScaler | None:
    """The gradient scaler of fp16 (Micikevicius et al., arXiv 1710.03740); None for other precisions."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None


def emulated(device: torch.device) -> str | None:
    """A warning if `device` emulates bfloat16, which is slow; else None."""
    if device.type != "cuda" or (capability := torch.cuda.get_device_capability(device)) >= NATIVE_BF16:
        return None
    return (
        f"{torch.cuda.get_device_name(device)} (compute capability {capability[0]}.{capability[1]}) emulates"
        " bf16, which is slow; use train.precision=fp16"
    )
