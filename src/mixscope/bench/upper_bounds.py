"""Upper bounds for a loader: its kernel without a loader, plain conversion, a copy of memory.

Everything here builds batches of BATCH images from bytes in memory into reused buffers. `Bytes` are the
images of a store, or random images where their content does not matter.
"""

import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
import torch

from mixscope import mixing
from mixscope.bench.rounds import Row
from mixscope.data import device, kernels, order
from mixscope.data.loader import Store
from mixscope.study.config import Augment

BATCH = 256
RING = 2  # buffers per thread, as in the loader
COPIED = 1 << 27  # bytes of a copy: more than the caches

# Arguments: batch index, output float32 (BATCH, 3, size, size), scratch memory uint8 of the same shape.
Make = Callable[[int, np.ndarray, np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """Images in memory.

    Attributes:
        images: uint8 (N, 3, size, size), read-only.
        mean: Mean of bytes / 255, by channel.
        std: Standard deviation of bytes / 255, by channel.
    """

    images: np.ndarray
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, store: Store) -> "Bytes":
        """The training images of a store."""
        images = store.images("train").view(np.ndarray)
        images.flags.writeable = False
        return cls(images=images, mean=tuple(map(float, store.mean)), std=tuple(map(float, store.std)))

    @classmethod
    def random(cls, count: int, size: int) -> "Bytes":
        """`count` images of noise."""
        images = np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8)
        images.flags.writeable = False
        return cls(images=images, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return int(self.images.shape[2])

    @cached_property
    def tensor(self) -> torch.Tensor:
        """The same images as a torch tensor, not to be written to."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
            return torch.from_numpy(self.images)

    @property
    def batches(self) -> int:
        """Number of full batches."""
        return len(self.images) // BATCH

    @cached_property
    def draws(self) -> order.Draws:
        """Order, crops and flips of one epoch."""
        stored = len(self.images)
        return order.draw(
            np.arange(stored), stored=stored, seed=0, epoch=0, base="crop-flip", shuffle=True, size=self.size
        )

    @cached_property
    def normaliser(self) -> tuple[np.ndarray, np.ndarray]:
        """Scale and bias, see kernels.normaliser."""
        return kernels.normaliser(self.mean, self.std)


class Noise:
    """A store of random images and labels in memory; all of it is the training split."""

    def __init__(self, count: int, size: int) -> None:
        """Creates `count` images of `size` pixels, in ten classes."""
        self._bytes = Bytes.random(count, size)
        self.size, self.mean, self.std = size, np.array(self._bytes.mean), np.array(self._bytes.std)

    def images(self, split: str) -> np.ndarray:
        """uint8 (N, 3, size, size)."""
        return self._bytes.images

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,)."""
        return np.arange(len(self._bytes.images)) % 10

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """All rows."""
        return "train", np.arange(len(self._bytes.images))


def kernel(source: Bytes, mix: str = "none") -> Make:
    """The loader's kernel: gather, crop, flip, mix by given plans, normalise."""
    draws, (scale, bias) = source.draws, source.normaliser
    fill = kernels.fused(source.size, order.padding("crop-flip", source.size))
    if mix == "none":
        nothing = np.empty((0, 3, source.size, source.size), np.uint8)

        def alone(batch: int, out: np.ndarray, _: np.ndarray) -> None:
            rows = _rows(source, draws.order, batch)
            drawn = rows, rows, draws.crop, draws.flip, *kernels.KEPT
            fill(source.images, *drawn, *kernels.UNMIXED, scale, bias, nothing, out)

        return alone
    epoch = plans(mixer(mix, "batch", source.size, source.batches * BATCH), 0)
    whole = [epoch.of(batch, BATCH) for batch in range(source.batches)]
    pixels = [p.pixels for p in whole if p]

    def mixed(batch: int, out: np.ndarray, scratch: np.ndarray) -> None:
        rows, plan = _rows(source, draws.order, batch), pixels[batch % source.batches]
        drawn = rows, rows, draws.crop, draws.flip, *kernels.KEPT
        fill(source.images, *drawn, *plan, scale, bias, scratch, out)

    return mixed


def mixer(mix: str, per: str, size: int, examples: int) -> mixing.Mixer:
    """A mixer with default settings, for batches of BATCH."""
    made = mixing.make(
        Augment(mix=mix, per=per),  # type: ignore[arg-type]
        seed=0,
        epochs=10**9,
        size=size,
        batch_size=BATCH,
        examples=examples,
        patch=max(size // 4, 1),
    )
    assert made is not None
    return made


def plans(made: mixing.Mixer, epoch: int) -> mixing.Plans:
    """The plans of an epoch, with random saliency peaks where they are needed."""
    examples = made.batches * made.batch_size
    peaks = np.random.default_rng(0).integers(0, made.size, (examples, 2)) if made.peaks else None
    drawn = made.draw(epoch, peaks)
    assert drawn is not None
    return drawn


def conversion(source: Bytes, *, shuffled: bool) -> Make:
    """Conversion of bytes to normalised floats only, with the same vector operations as the kernel."""
    normalise, size, pixels = kernels._normalise_row, source.size, source.size**2

    def convert(images, own, scale, bias, out):  # type: ignore[no-untyped-def]
        for i in range(len(own)):
            for c in range(3):
                for y in range(size):
                    to, start = (3 * i + c) * pixels + y * size, (3 * own[i] + c) * pixels + y * size
                    normalise(out, to, images, start, scale[c], bias[c], size)

    compiled: Any = numba.njit(nogil=True, fastmath={"contract"})(convert)
    rows = source.draws.order if shuffled else np.arange(len(source.images))
    scale, bias = source.normaliser
    return lambda batch, out, _: compiled(source.images, _rows(source, rows, batch), scale, bias, out)


def torch_conversion(source: Bytes) -> Make:
    """Conversion of bytes to floats by torch, in storage order, without normalisation."""
    images = source.tensor

    def make(batch: int, out: np.ndarray, _: np.ndarray) -> None:
        first = batch % source.batches * BATCH
        torch.from_numpy(out).copy_(images[first : first + BATCH])

    return make


def torch_batches(source: Bytes) -> Make:
    """Gather, crop, flip and normalise as batched torch operations, as on a GPU (data/device.py)."""
    images = source.tensor
    rows = torch.from_numpy(source.draws.order)
    crop = torch.from_numpy(source.draws.crop.astype(np.int32))
    flip, pad = torch.from_numpy(source.draws.flip), order.padding("crop-flip", source.size)
    scale, bias = (torch.from_numpy(values).view(3, 1, 1) for values in source.normaliser)

    def make(batch: int, out: np.ndarray, _: np.ndarray) -> None:
        own = _rows(source, rows, batch)
        cropped = device.window(images[own], crop[own], flip[own], pad)
        torch.add(cropped.float().mul_(scale), bias, out=torch.from_numpy(out))

    return make


def in_threads(make: Make, size: int, threads: int, batches: int) -> Row:
    """Images per second of `make`, called `batches` times in total by dedicated threads."""
    # Allocated by torch, as in the loader: rows aligned to cache lines are written faster than numpy's.
    rings = [torch.zeros(RING, BATCH, 3, size, size).numpy() for _ in range(threads)]
    scratches = [np.zeros((BATCH, 3, size, size), np.uint8) for _ in range(threads)]

    def measure() -> float:
        go = threading.Barrier(threads + 1)

        def work(which: int) -> None:
            go.wait()
            for count, batch in enumerate(range(which, batches, threads)):
                make(batch, rings[which][count % RING], scratches[which])

        workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
        for worker in workers:
            worker.start()
        go.wait()
        start = time.perf_counter()
        for worker in workers:
            worker.join()
        return batches * BATCH / (time.perf_counter() - start)

    return measure


def by_torch(make: Make, size: int, threads: int, batches: int) -> Row:
    """Images per second of `make`, called from this thread, with a number of torch threads."""
    ring = torch.zeros(RING, BATCH, 3, size, size).numpy()
    scratch = np.empty(0, np.uint8)

    def measure() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            start = time.perf_counter()
            for batch in range(batches):
                make(batch, ring[batch % RING], scratch)
            return batches * BATCH / (time.perf_counter() - start)
        finally:
            torch.set_num_threads(before)

    return measure


def copy(threads: int, bytes_each: int, times: int = 4) -> Row:
    """A copy of memory in which every byte is read and written once.

    Args:
        threads: Number of threads.
        bytes_each: Bytes read and written per image, to express the rate in images.
        times: Copies per measurement.
    """
    parts = [np.ones((2, COPIED // threads), np.uint8) for _ in range(threads)]

    def measure() -> float:
        def work(which: int) -> None:
            for _ in range(times):
                np.copyto(parts[which][0], parts[which][1])

        workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return times * 2 * COPIED / (time.perf_counter() - start) / bytes_each

    return measure


def traffic(size: int) -> int:
    """Smallest number of bytes that the kernel reads and writes per image: a byte and a float per pixel."""
    return 3 * size**2 * 5


def _rows(source: Bytes, rows: Any, batch: int) -> Any:
    first = batch % source.batches * BATCH
    return rows[first : first + BATCH]
