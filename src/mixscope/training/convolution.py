"""Convolutions on tiny feature maps, computed as matrix products on a CPU.

Networks designed for 224 px end in maps of 2 x 2 and 1 x 1 pixels when images are small. There every output
pixel depends on every input pixel, so the convolution is a matrix whose entries are weights of the kernel; a
1 x 1 kernel always is one. Convolution libraries are tuned for large maps: layers with single-pixel maps hold
a sixth of a ResNet50's arithmetic at 32 px, and took a third of the time of its convolutions
(docs/notes/performance.md).

Results equal those of the convolution up to rounding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mixscope.study.config import Train


class Convolution(nn.Conv2d):
    """nn.Conv2d, computed as a matrix product where that is equivalent; same dtypes and shapes."""

    def forward(self, input: Tensor) -> Tensor:
        """Maps float (n, in, h, w) to (n, out, h', w'), in the memory format of the input."""
        if not input.is_cpu or input.dim() != 4:
            return super().forward(input)
        last = input.is_contiguous(memory_format=torch.channels_last)
        rows, columns = (self._starts(axis, input.shape[2 + axis]) for axis in (0, 1))
        if last and self.kernel_size == (1, 1) and self.padding == (0, 0):
            down, across = self.stride
            pixels = input[:, :, ::down, ::across].permute(0, 2, 3, 1)
            return functional.linear(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        if rows and columns:
            return self._whole(input, rows, columns, last)
        return super().forward(input)

    def _starts(self, axis: int, size: int) -> list[int]:
        """For each output position the kernel offset of the first input; [] if the kernel misses an input."""
        window, stride, padding = self.kernel_size[axis], self.stride[axis], int(self.padding[axis])
        places = (size + 2 * padding - window) // stride + 1
        starts = [padding - place * stride for place in range(places)]
        return starts if all(0 <= start <= window - size for start in starts) else []

    def _whole(self, input: Tensor, rows: list[int], columns: list[int], last: bool) -> Tensor:
        """Applies one matrix from all values of an image to all values of its output."""
        order = (0, 2, 3, 1) if last else (0, 1, 2, 3)  # memory order of the dimensions
        taps = [(y, x, *input.shape[2:]) for y in rows for x in columns]
        matrix: Tensor = _Matrix.apply(self.weight, taps, order)
        bias = None if self.bias is None else self.bias.repeat(len(taps))
        flat = functional.linear(input.permute(order).flatten(1), matrix, bias)
        made = flat.view(len(flat), len(rows), len(columns), self.out_channels).permute(0, 3, 1, 2)
        return made if last else made.contiguous()


class _Matrix(torch.autograd.Function):
    """The kernel weights that each output position uses, as rows of a matrix.

    Without this function, autograd would allocate a gradient of the whole weight for each output position and
    add them.
    """

    @staticmethod
    def forward(weight: Tensor, taps: Sequence[tuple[int, int, int, int]], order: tuple[int, ...]) -> Tensor:
        """weight (out, in, h, w); taps: first row and column, height and width, for each output position."""
        parts = [weight[:, :, y : y + h, x : x + w].permute(order).flatten(1) for y, x, h, w in taps]
        return torch.cat(parts)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, ctx.taps, ctx.order = inputs
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = torch.zeros_like(ctx.saved_tensors[0])
        for part, (y, x, h, w) in zip(gradients[0].chunk(len(ctx.taps)), ctx.taps, strict=True):
            there = gradient[:, :, y : y + h, x : x + w].permute(ctx.order)
            there += part.view(there.shape)
        return gradient, None, None


def layout(train: Train, device: torch.device) -> torch.memory_format:
    """Memory format of images and weights.

    Channels last on a CPU, for matrix products, else as configured.
    """
    by_pixels = train.channels_last or device.type == "cpu"
    return torch.channels_last if by_pixels else torch.contiguous_format


def place(module: nn.Module, train: Train, device: torch.device) -> torch.memory_format:
    """Moves a network to the device, in the memory format of its convolutions; returns the format."""
    chosen = layout(train, device)
    module.to(device=device, memory_format=chosen)  # type: ignore[call-overload]  # missing in torch's stubs
    return chosen


def exchange(module: nn.Module) -> None:
    """Converts the plain convolutions of a network to `Convolution`, in place; state and names are kept."""
    for each in module.modules():
        # Subclasses have a forward pass of their own; groups, dilation and padding other than zeros are not
        # supported here.
        plain = type(each) is nn.Conv2d and each.groups == 1 and each.dilation == (1, 1)
        if plain and each.padding_mode == "zeros" and not isinstance(each.padding, str):
            each.__class__ = Convolution  # the subclass adds no state
