"""One batch, from draws and stored bytes: a pure function of (epoch, batch).

What does not belong here: the draws (order.py), the methods of mixing (mixing/), pixels (kernels.py), and
who makes which batch when (buffer_pool.py).
"""

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from mixscope.data import kernels, order
from mixscope.data.batch import Batch, InputSpec, Pending
from mixscope.data.order import Draws
from mixscope.mixing import Mixer, Plans


def is_ctrl_c(problem: BaseException) -> bool:
    """Whether it is the user's interrupt, which reaches the main thread only, and once."""
    return isinstance(problem, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


class Epoch(NamedTuple):
    """What is known of an epoch before its first batch. labels: int64, in its order.

    Labels are brought in order all at once, when they are near; a batch that looked for its own would wait
    for most of them.
    """

    draws: Draws
    labels: np.ndarray
    plans: Plans | None


class Slot:
    """The memory of one batch."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._parts: dict[int, tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]] = {}

    def part(self, n: int) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]:
        """Memory for n images by name, as torch tensors and the same as arrays; kept, for few sizes occur."""
        if n not in self._parts:
            tensors = {name: tensor[:n] for name, tensor in self._tensors.items()}
            self._parts[n] = tensors, {name: tensor.numpy() for name, tensor in tensors.items()}
        return self._parts[n]


@dataclass(slots=True, kw_only=True)
class BatchBuilder:
    """Makes any batch of one rank. All it keeps are the draws of two epochs, which would come out the same.

    images: uint8 (N, 3, size, size), read-only, and labels: int64 (N,), of the stored split; rows: int64,
    those of the logical split. The rest is as the loader is told.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    spec: InputSpec
    batches: int
    batch_size: int
    seed: int
    base: str
    shuffle: bool
    mixer: Mixer | None
    rank: int
    ranks: int
    raw: bool
    pin: bool
    pad: int = 0
    fill: Any = None
    resample: Any = None
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))
    bias: np.ndarray = field(default_factory=lambda: np.empty(0))
    lock: Any = field(default_factory=threading.Lock)
    drawn: dict[int, Epoch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.spec.size
        self.pad = order.padding(self.base, size)
        self.scale, self.bias = kernels.normaliser(self.spec.mean, self.spec.std)
        if not self.raw:
            self.fill = kernels.fused(size, self.pad)
        if self.base == "rrc":
            self.resample = kernels.resampler(size)

    @property
    def most(self) -> int:
        """Images of the largest batch of this rank."""
        return -(-self.batch_size // self.ranks)

    def slot(self) -> Slot:
        """Memory for the largest batch."""
        n, size = self.most, self.spec.size

        def empty(*shape: int, dtype: torch.dtype) -> torch.Tensor:
            return torch.empty(shape, dtype=dtype, pin_memory=self.pin)

        tensors = {
            "images": empty(n, 3, size, size, dtype=torch.uint8 if self.raw else torch.float32),
            "labels": empty(n, dtype=torch.int64),
        }
        if self.mixer:
            tensors |= {
                "partner_labels": empty(n, dtype=torch.int64),
                "lam": empty(n, dtype=torch.float32),
            }
        if self.mixer and self.raw:
            tensors |= {
                "box": empty(n, 4, dtype=torch.int32),
                "blend": empty(n, dtype=torch.float32),
                "partner_images": empty(n, 3, size, size, dtype=torch.uint8),
            }
        return Slot(tensors)

    def scratch(self) -> np.ndarray:
        """Memory that a thread works in: the cropped bytes of all images that a mixed batch is made of."""
        n = 0 if self.mixer is None or self.raw else self.most if self.ranks == 1 else 2 * self.most
        return np.empty((n, 3, self.spec.size, self.spec.size), np.uint8)

    def draws(self, epoch: int) -> Epoch:
        """All draws of an epoch; those of two are kept, because one begins while the other ends."""
        found = self.drawn.get(epoch)  # without the lock: who has what it needs must not wait for a draw
        if found is None:
            with self.lock:
                found = self.drawn.get(epoch)
                if found is None:
                    found = self._draw(epoch)
                    for old in list(self.drawn)[:-1]:  # all but the one that was drawn last
                        del self.drawn[old]
                    self.drawn[epoch] = found
        return found

    def look_ahead(self, epoch: int) -> None:
        """Draws an epoch before it is needed."""
        try:
            self.draws(epoch)
        except BaseException as problem:  # whoever needs the epoch meets the same one, and tells
            if is_ctrl_c(problem):
                raise

    def _draw(self, epoch: int) -> Epoch:
        draws = order.draw(
            self.rows,
            stored=len(self.images),
            seed=self.seed,
            epoch=epoch,
            base=self.base,
            shuffle=self.shuffle,
            size=self.spec.size,
        )
        return Epoch(draws, self.labels[draws.order], self.mixer.draw(epoch) if self.mixer else None)

    def make(self, epoch: int, batch: int, into: Slot, scratch: np.ndarray) -> Batch:
        """One batch of an epoch, in the memory of `into`."""
        draws, labels, plans = self.draws(epoch)
        whole = order.members(len(self.rows), self.batch_size, batch)
        n = whole.stop - whole.start
        mine = order.shard(n, self.rank, self.ranks)
        own = draws.order[whole][mine]
        tensors, arrays = into.part(len(own))
        labels = labels[whole]
        arrays["labels"][:] = labels[mine]
        plan = plans.of(batch, n) if plans is not None else None
        if plan is None:
            pending = self._collect(draws, own, tensors, arrays) if self.raw else None
            if not self.raw:
                self._finish(draws, own, kernels.UNMIXED, arrays["images"], scratch)
            return Batch(tensors["images"], tensors["labels"], own, pending=pending)
        partner = plan.partner[mine]
        arrays["partner_labels"][:] = labels[partner]  # an error where a plan leads out of the batch
        arrays["lam"][:] = plan.lam[mine]
        pending = None
        if not self.raw and self.ranks == 1:
            self._finish(draws, own, (partner, plan.box, plan.blend), arrays["images"], scratch)
        else:
            partners = draws.order[whole][partner]
            box, blend = plan.box[mine], plan.blend[mine]
            if self.raw:
                arrays["box"][:], arrays["blend"][:] = box, blend
                pending = self._collect(draws, own, tensors, arrays, partners)
            else:  # a partner may be another rank's
                both, at = np.concatenate([own, partners]), np.arange(len(own), 2 * len(own))
                self._finish(draws, both, (at, box, blend), arrays["images"], scratch)
        return Batch(
            tensors["images"], tensors["labels"], own, tensors["partner_labels"], tensors["lam"], pending
        )

    def _finish(
        self,
        draws: Draws,
        rows: np.ndarray,
        mixed: tuple[np.ndarray, np.ndarray, np.ndarray],
        out: np.ndarray,
        scratch: np.ndarray,
    ) -> None:
        """Writes finished images of the first of `rows`.

        mixed: partners, as positions in `rows`, their boxes and blends.
        """
        images, crop, flip = self.images, draws.crop, draws.flip
        if self.resample is not None:
            n, images = len(rows), self._resampled(draws, rows)
            rows, crop, flip = np.arange(n), np.zeros((n, 2), np.uint16), np.zeros(n, np.bool_)
        self.fill(images, rows, crop, flip, *mixed, self.scale, self.bias, scratch, out)

    def _collect(
        self,
        draws: Draws,
        own: np.ndarray,
        tensors: dict[str, torch.Tensor],
        arrays: dict[str, np.ndarray],
        partners: np.ndarray | None = None,
    ) -> Pending:
        """Writes the bytes of rows `own` and `partners`, and says what is left to do to them."""

        def bytes_of(rows: np.ndarray, name: str) -> tuple[torch.Tensor, torch.Tensor]:
            """Their crops and flips; resized crops are done here, flips included."""
            if self.resample is not None:
                arrays[name][:] = self._resampled(draws, rows)
                return torch.zeros(len(rows), 2, dtype=torch.int32), torch.zeros(len(rows), dtype=torch.bool)
            self.images.take(rows, axis=0, out=arrays[name], mode="clip")
            return torch.from_numpy(draws.crop[rows].astype(np.int32)), torch.from_numpy(draws.flip[rows])

        crop, flip = bytes_of(own, "images")
        if partners is None:
            return Pending(self.pad, crop, flip)
        partner_crop, partner_flip = bytes_of(partners, "partner_images")
        return Pending(
            pad=self.pad,
            crop=crop,
            flip=flip,
            partner_images=tensors["partner_images"],
            partner_crop=partner_crop,
            partner_flip=partner_flip,
            box=tensors["box"],
            blend=tensors["blend"],
        )

    def _resampled(self, draws: Draws, rows: np.ndarray) -> np.ndarray:
        """Random resized crops of `rows`, flips included, as bytes."""
        out = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        self.resample(self.images, rows, draws.crop, draws.flip, out)
        out.flags.writeable = False
        return out
