"""Builds one batch from draws and stored bytes, as a pure function of (epoch, batch)."""

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from mixscope.data import kernels, order, policy, saliency
from mixscope.data.batch import Batch, Inner, InputSpec, Pending
from mixscope.data.loader_settings import Augmentation, Sampling, Workers
from mixscope.data.order import Draws
from mixscope.mixing import Plans


def is_ctrl_c(problem: BaseException) -> bool:
    """Whether an exception is a KeyboardInterrupt in the main thread."""
    return isinstance(problem, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


class Epoch(NamedTuple):
    """What is known about an epoch before its first batch.

    Labels are gathered for the whole epoch at once: gathered per batch, most of them would be cache misses.

    Attributes:
        draws: Sampling order and augmentation parameters.
        labels: int64, in sampling order.
        plans: Mixing plans, None where nothing is mixed.
    """

    draws: Draws
    labels: np.ndarray
    plans: Plans | None


class Slot:
    """The buffers of one batch."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._parts: dict[int, tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]] = {}

    def part(self, n: int) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]:
        """Views of the buffers for n images by name, as tensors and arrays; cached, since few sizes occur."""
        if n not in self._parts:
            tensors = {name: tensor[:n] for name, tensor in self._tensors.items()}
            self._parts[n] = tensors, {name: tensor.numpy() for name, tensor in tensors.items()}
        return self._parts[n]


@dataclass(slots=True, kw_only=True)
class BatchBuilder:
    """Builds any batch of one rank. Its only state is a cache of the draws of the epochs in progress.

    Attributes:
        images: uint8 (N, 3, size, size), of the stored split, read-only.
        labels: int64 (N,), of the stored split.
        rows: int64, rows of the stored split in the logical split.
        spec: Input format of the network.
        batches: Batches per epoch.
        sampling: See loader_settings.py.
        augmentation: See loader_settings.py.
        workers: See loader_settings.py.
        peaks: uint16 (N, 2), saliency peaks (saliency.py); None where the mixer does not need them.
        pad: Zero pixels on each side before a crop.
        fill: Kernel of `kernels.fused`.
        resample: Kernel of `kernels.resampler`, for base "rrc".
        scale: float32 (3,), see kernels.normaliser.
        bias: float32 (3,), see kernels.normaliser.
        blank: uint8 (3,), colour of erased boxes.
        lock: Guards `drawn`.
        kept: Number of epochs cached.
        drawn: Cached epochs.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    spec: InputSpec
    batches: int
    sampling: Sampling
    augmentation: Augmentation
    workers: Workers
    peaks: np.ndarray | None
    pad: int = 0
    fill: Any = None
    resample: Any = None
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))
    bias: np.ndarray = field(default_factory=lambda: np.empty(0))
    blank: np.ndarray = field(default_factory=lambda: np.zeros(3, np.uint8))
    lock: Any = field(default_factory=threading.Lock)
    kept: int = 2
    drawn: dict[int, Epoch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.spec.size
        self.pad = order.padding(self.augmentation.base, size)
        self.scale, self.bias = kernels.normaliser(self.spec.mean, self.spec.std)
        self.blank = np.rint(255 * np.array(self.spec.mean)).astype(np.uint8)
        if not self.workers.device_augment:
            self.fill = kernels.fused(size, self.pad)
        if self.augmentation.base == "rrc":
            self.resample = kernels.resampler(size)

    @property
    def most(self) -> int:
        """Number of images in the largest batch of this rank."""
        return -(-self.sampling.batch_size // self.workers.ranks)

    def slot(self) -> Slot:
        """Allocates buffers for the largest batch."""
        n, size = self.most, self.spec.size
        mixer, raw = self.augmentation.mixer, self.workers.device_augment

        def empty(*shape: int, dtype: torch.dtype) -> torch.Tensor:
            return torch.empty(shape, dtype=dtype, pin_memory=self.workers.pin)

        tensors = {
            "images": empty(n, 3, size, size, dtype=torch.uint8 if raw else torch.float32),
            "labels": empty(n, dtype=torch.int64),
        }
        if mixer:
            tensors |= {
                "partner_labels": empty(n, dtype=torch.int64),
                "lam": empty(n, dtype=torch.float32),
            }
        if mixer and raw:
            tensors |= {
                "box": empty(n, 4, dtype=torch.int32),
                "blend": empty(n, dtype=torch.float32),
                "partner_images": empty(n, 3, size, size, dtype=torch.uint8),
            }
            if mixer.masks:
                tensors["mask"] = empty(n, size, size, dtype=torch.float32)
        if mixer and mixer.attention and not raw:
            tensors["box"] = empty(n, 4, dtype=torch.int32)
        return Slot(tensors)

    def scratch(self) -> np.ndarray:
        """Allocates a thread's scratch memory: the cropped bytes of all images of a mixed batch."""
        unused = self.augmentation.mixer is None or self.workers.device_augment
        n = 0 if unused else self.most if self.workers.ranks == 1 else 2 * self.most
        return np.empty((n, 3, self.spec.size, self.spec.size), np.uint8)

    def begin(self, epoch: int, kept: int) -> None:
        """Prepares for batches from an epoch on, of which at most `kept` are in progress at once."""
        self.kept = kept
        for old in set(self.drawn) - set(range(epoch, epoch + kept)):
            del self.drawn[old]

    def draws(self, epoch: int) -> Epoch:
        """Returns the draws of an epoch, cached while later ones begin."""
        found = self.drawn.get(epoch)  # without the lock: a cached epoch must not wait for another's draw
        if found is None:
            with self.lock:
                found = self.drawn.get(epoch)
                if found is None:
                    found = self._draw(epoch)
                    while len(self.drawn) >= self.kept:
                        del self.drawn[min(self.drawn)]
                    self.drawn[epoch] = found
        return found

    def look_ahead(self, epoch: int) -> None:
        """Draws an epoch in advance."""
        try:
            self.draws(epoch)
        except BaseException as problem:  # raised again where the epoch is needed
            if is_ctrl_c(problem):
                raise

    def _draw(self, epoch: int) -> Epoch:
        draws = order.draw(
            self.rows,
            stored=len(self.images),
            seed=self.sampling.seed,
            epoch=epoch,
            base=self.augmentation.base,
            shuffle=self.sampling.shuffle,
            size=self.spec.size,
            erase=self.augmentation.erase,
            operations=self.augmentation.policy,
            repeats=self.sampling.repeats,
        )
        peaks = None if self.peaks is None else saliency.moved(self.peaks, draws, self.spec.size, self.pad)
        plans = self.augmentation.mixer.draw(epoch, peaks) if self.augmentation.mixer else None
        return Epoch(draws, self.labels[draws.order], plans)

    def make(self, epoch: int, batch: int, into: Slot, scratch: np.ndarray) -> Batch:
        """Builds one batch of an epoch.

        Args:
            epoch: Epoch, from 0.
            batch: Index of the batch in the epoch.
            into: Buffers to fill.
            scratch: Scratch memory of the calling thread.
        """
        draws, labels, plans = self.draws(epoch)
        whole = order.members(len(self.rows), self.sampling.batch_size, batch)
        n = whole.stop - whole.start
        mine = order.shard(n, self.workers.rank, self.workers.ranks)
        own, places = draws.order[whole][mine], draws.places[whole][mine]
        tensors, arrays = into.part(len(own))
        labels = labels[whole]
        arrays["labels"][:] = labels[mine]
        plan = plans.of(batch, n) if plans is not None else None
        inside = plan is not None and plan.place is not None  # activations are mixed, not pixels
        if plan is None or inside:
            pending = (
                self._collect(draws, (own, places), tensors, arrays) if self.workers.device_augment else None
            )
            if not self.workers.device_augment:
                self._finish(draws, own, places, kernels.UNMIXED, arrays["images"], scratch)
            made = Batch(tensors["images"], tensors["labels"], own, pending=pending)
            if plan is None:
                return made
        partner = plan.partner[mine]
        arrays["partner_labels"][:] = labels[partner]  # raises where a plan leads out of the batch
        arrays["lam"][:] = plan.lam[mine]
        if inside:
            made = made._replace(inner=Inner(plan.place, torch.from_numpy(partner.copy())))
            return made._replace(partner_labels=tensors["partner_labels"], lam=tensors["lam"])
        mask = plan.mask if len(plan.mask) < 2 else plan.mask[mine]
        box, blend, pending = plan.box[mine], plan.blend[mine], None
        if not self.workers.device_augment and self.workers.ranks == 1:
            mixed = partner, box, blend, mask, plan.resized
            self._finish(draws, own, places, mixed, arrays["images"], scratch)
        else:
            partners = draws.order[whole][partner], draws.places[whole][partner]
            if self.workers.device_augment:
                arrays["box"][:], arrays["blend"][:] = box, blend
                pending = self._collect(draws, (own, places), tensors, arrays, partners)
                if len(mask):
                    arrays["mask"][: len(mask)] = mask
                    pending = pending._replace(mask=tensors["mask"][: len(mask)])
                pending = pending._replace(resized=plan.resized)
            else:  # partners may belong to other ranks
                both, at = np.concatenate([own, partners[0]]), np.arange(len(own), 2 * len(own))
                both_places = np.concatenate([places, partners[1]])
                mixed = at, box, blend, mask, plan.resized
                self._finish(draws, both, both_places, mixed, arrays["images"], scratch)
        inner = None
        if plan.attention:
            arrays["box"][:] = box
            inner = Inner(box=tensors["box"])
        return Batch(
            tensors["images"],
            tensors["labels"],
            own,
            tensors["partner_labels"],
            tensors["lam"],
            pending,
            inner,
        )

    def _finish(
        self,
        draws: Draws,
        rows: np.ndarray,
        places: np.ndarray,
        mixed: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool],
        out: np.ndarray,
        scratch: np.ndarray,
    ) -> None:
        """Writes finished images of the first of `rows`.

        Args:
            draws: Draws of the epoch.
            rows: Rows of the stored split.
            places: Indices of their draws.
            mixed: Partners, as positions in `rows`, and how they are mixed (kernels.fused).
            out: float32 (n, 3, H, W), written in full.
            scratch: Scratch memory.
        """
        source = self._source(draws, rows, places)
        self.fill(*source, self.blank, *mixed, self.scale, self.bias, scratch, out)

    def _source(
        self, draws: Draws, rows: np.ndarray, places: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The inputs of the crop: images, rows, indices of draws, crops, flips and erased boxes.

        Policies and resized crops are applied here and produce images of their own.
        """
        images, crop, flip, erase = self.images, draws.crop, draws.flip, draws.erase
        if len(draws.policy):
            images = policy.apply(images[rows], draws.policy[places], self.augmentation.policy)
            rows = np.arange(len(rows))
        if self.resample is not None:
            out = np.empty((len(rows), *images.shape[1:]), np.uint8)
            self.resample(images, rows, places, crop, flip, out)
            out.flags.writeable = False
            images, n = out, len(rows)
            erase = erase[places] if len(erase) else erase
            rows = places = np.arange(n)
            crop, flip = np.zeros((n, 2), np.uint16), np.zeros(n, np.bool_)
        return images, rows, places, crop, flip, erase

    def _collect(
        self,
        draws: Draws,
        own: tuple[np.ndarray, np.ndarray],
        tensors: dict[str, torch.Tensor],
        arrays: dict[str, np.ndarray],
        partners: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Pending:
        """Writes the raw bytes of `own` and `partners` and returns the remaining steps.

        Args:
            draws: Draws of the epoch.
            own: Rows, and indices of their draws.
            tensors: Buffers by name.
            arrays: The same buffers as arrays.
            partners: Rows of the partners, and indices of their draws.
        """

        def bytes_of(
            which: tuple[np.ndarray, np.ndarray], name: str
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
            """Writes bytes; returns their crops, flips and erased boxes."""
            images, rows, places, crop, flip, erase = self._source(draws, *which)
            images.take(rows, axis=0, out=arrays[name], mode="clip")
            boxes = torch.from_numpy(erase[places]) if len(erase) else None
            return torch.from_numpy(crop[places].astype(np.int32)), torch.from_numpy(flip[places]), boxes

        crop, flip, erase = bytes_of(own, "images")
        pending = Pending(self.pad, crop, flip, erase=erase)
        if erase is not None:
            pending = pending._replace(blank=torch.from_numpy(self.blank))
        if partners is None:
            return pending
        partner_crop, partner_flip, partner_erase = bytes_of(partners, "partner_images")
        return pending._replace(
            partner_images=tensors["partner_images"],
            partner_crop=partner_crop,
            partner_flip=partner_flip,
            partner_erase=partner_erase,
            box=tensors["box"],
            blend=tensors["blend"],
        )
