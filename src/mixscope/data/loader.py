"""The data loader: from a store to batches, in the background.

Worker threads make whole batches with serial kernels that release the interpreter lock, into a small ring
of reusable buffers; the consumer takes them in order. Nothing waits on a clock: a free buffer is a job, a
finished one an answer, so the loader starts, fails and stops at once. Every draw has an address, so a batch
is the same whoever makes it and whenever.

Whole batches side by side, rather than one batch cut into parts: on two busy cores the same kernel in an
OpenMP loop had a twelfth of the rate, because each batch (0.1 ms) waits for the slowest part; nor do these
threads meddle with torch's.

What does not belong here: which draws (order.py), pixels (kernels.py), mixing methods (known here only by
what they plan), and what happens on a GPU (device.py).
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
import torch

from mixscope.data import kernels, order
from mixscope.data.order import Draws, Position
from mixscope.errors import ConfigError, DataError, unknown

BASES = ("none", "crop-flip", "rrc")

# What the kernel is given for a batch that is not mixed.
NO_PARTNER, NO_BOX, NO_BLEND = np.empty(0, np.int64), np.empty((0, 4), np.int32), np.empty(0, np.float32)


class Plan(Protocol):
    """How one global batch of n images is mixed.

    partner: int64 (n,), positions in the global batch. box: int32 (n, 4), y0, y1, x0, x1 in pixels,
    half-open. blend: float32 (n,); a pixel in the box becomes blend * own + (1 - blend) * partner's.
    lam: float32 (n,), the weight of the own label.
    """

    @property
    def partner(self) -> np.ndarray: ...
    @property
    def box(self) -> np.ndarray: ...
    @property
    def blend(self) -> np.ndarray: ...
    @property
    def lam(self) -> np.ndarray: ...


class Mixer(Protocol):
    """Plans batches; called from worker threads, so `plan` must be a pure function."""

    def plan(self, epoch: int, batch: int, n: int) -> Plan | None:
        """The plan of a global batch of n images, or None when it is not mixed."""
        ...


class Store(Protocol):
    """What the loader needs of a store (store.py)."""

    @property
    def size(self) -> int: ...
    @property
    def mean(self) -> np.ndarray: ...
    @property
    def std(self) -> np.ndarray: ...
    def images(self, split: str) -> np.ndarray: ...
    def labels(self, split: str) -> np.ndarray: ...
    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]: ...


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network is fed; training and evaluation must agree. mean and std are of bytes / 255."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"


@dataclass(frozen=True, slots=True)
class Pending:
    """What is left to do to a batch of raw bytes: the draws that device.finish carries out.

    pad: zero pixels on each side before the crop. crop int32 (n, 2), row and column of the window; flip bool
    (n,). When the batch is mixed: the partners' bytes uint8 (n, 3, H, W), crops and flips; box int32 (n, 4);
    blend float32 (n,).
    """

    pad: int
    crop: torch.Tensor
    flip: torch.Tensor
    partner_images: torch.Tensor | None = None
    partner_crop: torch.Tensor | None = None
    partner_flip: torch.Tensor | None = None
    box: torch.Tensor | None = None
    blend: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """This rank's part of one global batch, n images. Its memory is reused once the next one is asked for.

    images: float32 (n, 3, H, W), normalised; or, where a device augments, raw bytes uint8 with `pending`.
    labels: int64 (n,). ids: int64 (n,), rows of the stored split, in memory of their own.
    partner_labels: int64 (n,) and lam: float32 (n,), the weight of the own label; None when it is not mixed.
    """

    images: torch.Tensor
    labels: torch.Tensor
    ids: np.ndarray
    partner_labels: torch.Tensor | None = None
    lam: torch.Tensor | None = None
    pending: Pending | None = None


class Loader:
    """The batches of a split, epoch after epoch.

    store: images and labels (store.py). split: "train", "val" or "test"; val_fraction and per_class say which
    rows it has. batch_size: of the global batch; rank r of `ranks` gets a contiguous part of each, parts
    differ by at most one image, and is empty when the last batch has fewer images than there are ranks.
    seed: root of order, crop and flip. base: "none", "crop-flip" or "rrc". shuffle: a new order each epoch.
    mixer: see Mixer; None mixes nothing. drop_last: leave out a shorter last batch.
    threads: 0 takes two where there are two cores; batches do not depend on it. ring: buffers, each of one
    batch; 0 takes two more than threads. device_augment: hand over bytes and draws, for device.finish.
    pin: page-locked memory, for copies to a GPU that do not block.

    Memory: the ring, and some 35 bytes per example (its row, and the draws of two epochs); images stay in the
    store's map.
    Raises ConfigError for arguments that make no sense, and DataError for rows that the store does not have.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        *,
        batch_size: int,
        seed: int,
        val_fraction: float = 0.0,
        per_class: int = 0,
        base: str = "none",
        shuffle: bool = False,
        mixer: Mixer | None = None,
        drop_last: bool = False,
        rank: int = 0,
        ranks: int = 1,
        threads: int = 0,
        ring: int = 0,
        device_augment: bool = False,
        pin: bool = False,
    ) -> None:
        if base not in BASES:
            raise ConfigError(unknown("augment.base", "base augmentation", base, BASES))
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("ranks", ranks, 1),
            ("threads", threads, 0),
            ("ring", ring, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} of a loader must be {least} or more, got {value}")
        if not 0 <= rank < ranks:
            raise ConfigError(f"rank of a loader must lie in 0..{ranks - 1}, got {rank}")
        stored, rows = store.rows(split, val_fraction=val_fraction, per_class=per_class)
        # Plain arrays, marked read-only: a map is an array too, but a slower one to pass to compiled code.
        images = store.images(stored).view(np.ndarray)
        images.flags.writeable = False
        if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(images):
            raise DataError(
                f'split "{split}" has {len(rows)} rows of the {len(images)} images stored as "{stored}", '
                "expected at least one and none beyond; choose another val_fraction or per_class"
            )
        self.examples = len(rows)
        self.batches = order.batches(self.examples, batch_size, drop_last=drop_last)
        if self.batches == 0:
            raise ConfigError(
                f'split "{split}" has {self.examples} images and gives no batch of {batch_size}; '
                "take a smaller batch_size, or keep the last batch"
            )
        self.spec = InputSpec(store.size, tuple(map(float, store.mean)), tuple(map(float, store.std)))
        self._maker = _Maker(
            images=images,
            labels=np.asarray(store.labels(stored), np.int64),
            rows=np.ascontiguousarray(rows, np.int64),
            spec=self.spec,
            batches=self.batches,
            batch_size=batch_size,
            seed=seed,
            base=base,
            shuffle=shuffle,
            mixer=mixer,
            rank=rank,
            ranks=ranks,
            raw=device_augment,
            pin=pin,
        )
        self._threads = threads or min(2, cores())
        self._ring = ring or self._threads + 2
        if self._ring < 2:
            raise ConfigError("ring of a loader must be 2 or more: one batch in hand and one in the making")
        self._position = Position(0, 0)
        self._pipeline: _Pipeline | None = None
        self._stop: Callable[[], object] = lambda: None

    @property
    def position(self) -> Position:
        """The first batch that was not handed out yet.

        So, with a batch in hand, it already points behind it: saved after a training step and restored, the
        next batch is the one after that step. It is (epoch, batches) once the last batch is handed out, and
        (epoch + 1, 0) when the loop over the epoch has ended. Setting it costs the same everywhere.
        """
        return self._position

    @position.setter
    def position(self, position: tuple[int, int]) -> None:
        epoch, batch = position
        if epoch < 0 or not 0 <= batch <= self.batches:
            raise ConfigError(
                f"a loader of {self.batches} batches an epoch has no position epoch {epoch}, batch {batch}; "
                "was it saved with another batch size or data set?"
            )
        self._position = Position(epoch, batch)

    def global_size(self, batch: int) -> int:
        """Images of global batch `batch`, over all ranks."""
        at = order.members(self.examples, self._maker.batch_size, batch)
        return int(at.stop - at.start)

    def __iter__(self) -> Iterator[Batch]:
        """Batches from `position` to the end of its epoch; then the position moves to the next epoch."""
        while self._position.batch < self.batches:
            yield self._take()
        self._position = Position(self._position.epoch + 1, 0)

    def _take(self) -> Batch:
        at = self._position
        try:
            if self._pipeline is None or self._pipeline.at != at:
                self.close()
                self._pipeline = _Pipeline(self._maker, at, threads=self._threads, ring=self._ring)
                self._stop = weakref.finalize(self, self._pipeline.stop)  # also when nobody closes us
            outcome = self._pipeline.take()
        except BaseException:  # Ctrl-C above all: what a half-taken batch left behind is thrown away
            self.close()
            raise
        if isinstance(outcome, BaseException):
            self.close()
            what = f"{type(outcome).__name__}: {outcome}"
            raise RuntimeError(
                f"the loader failed on epoch {at.epoch}, batch {at.batch}: {what}"
            ) from outcome
        self._position = Position(at.epoch, at.batch + 1)
        return outcome

    def close(self) -> None:
        """Ends the threads and frees the ring. Safe at any time; iterating again starts anew."""
        self._stop()
        self._pipeline = None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Buffers:
    """The memory of one batch, and where its maker answers."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.done: SimpleQueue[Batch | BaseException] = SimpleQueue()
        self._tensors = tensors
        self._parts: dict[int, tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]] = {}

    def part(self, n: int) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]:
        """Memory for n images by name, as torch tensors and the same as arrays; kept, for few sizes occur."""
        if n not in self._parts:
            tensors = {name: tensor[:n] for name, tensor in self._tensors.items()}
            self._parts[n] = tensors, {name: tensor.numpy() for name, tensor in tensors.items()}
        return self._parts[n]


@dataclass(slots=True, kw_only=True)
class _Maker:
    """Makes any batch of one rank: a pure function of (epoch, batch), but for the draws it keeps at hand."""

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
    drawn: dict[int, Draws] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.spec.size
        self.pad = order.padding(self.base, size)
        self.scale, self.bias = kernels.normaliser(self.spec.mean, self.spec.std)
        if not self.raw:
            self.fill = kernels.fused(size, self.pad)
        if self.base == "rrc":
            self.resample = kernels.resampler(size)

    def buffers(self) -> _Buffers:
        """Memory for the largest batch of this rank."""
        n, size = -(-self.batch_size // self.ranks), self.spec.size

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
                "box": empty(n, 4, dtype=torch.int32),
                "blend": empty(n, dtype=torch.float32),
            }
            if self.raw:
                tensors["partner_images"] = empty(n, 3, size, size, dtype=torch.uint8)
        return _Buffers(tensors)

    def draws(self, epoch: int) -> Draws:
        """The draws of an epoch; those of two epochs are kept, because one begins while the other ends."""
        with self.lock:
            if epoch not in self.drawn:
                for old in sorted(self.drawn)[: len(self.drawn) - 1]:
                    del self.drawn[old]
                self.drawn[epoch] = order.draw(
                    self.rows,
                    stored=len(self.images),
                    seed=self.seed,
                    epoch=epoch,
                    base=self.base,
                    shuffle=self.shuffle,
                    size=self.spec.size,
                )
            return self.drawn[epoch]

    def make(self, at: Position, into: _Buffers) -> Batch:
        """Batch `at`, in the memory of `into`."""
        draws = self.draws(at.epoch)
        everyone = draws.order[order.members(len(self.rows), self.batch_size, at.batch)]
        mine = order.shard(len(everyone), self.rank, self.ranks)
        own = everyone[mine].copy()
        tensors, arrays = into.part(len(own))
        self.labels.take(own, out=arrays["labels"], mode="clip")  # any other mode copies once more
        plan = self.mixer.plan(at.epoch, at.batch, len(everyone)) if self.mixer else None
        partner = None
        if plan is not None:
            partner = everyone[plan.partner[mine]]
            self.labels.take(partner, out=arrays["partner_labels"], mode="clip")
            for name in ("box", "blend", "lam"):
                arrays[name][:] = getattr(plan, name)[mine]
        pending = None
        if self.raw:
            pending = self._collect(draws, own, partner, tensors, arrays)
        else:
            self._finish(draws, own, partner, arrays)
        return Batch(
            images=tensors["images"],
            labels=tensors["labels"],
            ids=own,
            partner_labels=None if plan is None else tensors["partner_labels"],
            lam=None if plan is None else tensors["lam"],
            pending=pending,
        )

    def _finish(
        self, draws: Draws, own: np.ndarray, partner: np.ndarray | None, arrays: dict[str, np.ndarray]
    ) -> None:
        """Writes the finished images of rows `own`, mixed with those of rows `partner`."""
        images, crop, flip = self.images, draws.crop, draws.flip
        box, blend = (NO_BOX, NO_BLEND) if partner is None else (arrays["box"], arrays["blend"])
        partner = NO_PARTNER if partner is None else partner
        if self.resample is not None:
            n, rows = len(own), np.concatenate([own, partner])
            images = self._resampled(draws, rows)
            own, partner = np.arange(n), np.arange(n, len(rows))
            crop, flip = np.zeros((len(rows), 2), np.uint16), np.zeros(len(rows), np.bool_)
        self.fill(images, own, crop, flip, partner, box, blend, self.scale, self.bias, arrays["images"])

    def _collect(
        self,
        draws: Draws,
        own: np.ndarray,
        partner: np.ndarray | None,
        tensors: dict[str, torch.Tensor],
        arrays: dict[str, np.ndarray],
    ) -> Pending:
        """Writes the bytes of rows `own` and `partner`, and says what is left to do to them."""

        def bytes_of(rows: np.ndarray, name: str) -> tuple[torch.Tensor, torch.Tensor]:
            """Their crops and flips; resized crops are done here, flips included."""
            if self.resample is not None:
                arrays[name][:] = self._resampled(draws, rows)
                return torch.zeros(len(rows), 2, dtype=torch.int32), torch.zeros(len(rows), dtype=torch.bool)
            self.images.take(rows, axis=0, out=arrays[name], mode="clip")
            return torch.from_numpy(draws.crop[rows].astype(np.int32)), torch.from_numpy(draws.flip[rows])

        crop, flip = bytes_of(own, "images")
        if partner is None:
            return Pending(self.pad, crop, flip)
        partner_crop, partner_flip = bytes_of(partner, "partner_images")
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


_Job = tuple[Position, _Buffers]


class _Pipeline:
    """Threads and a ring of buffers, from one position on, without end (one epoch runs into the next)."""

    def __init__(self, maker: _Maker, start: Position, *, threads: int, ring: int) -> None:
        self.at = start  # the batch that `take` gives next
        self._ahead = start  # the first batch that is not asked for yet
        self._batches = maker.batches
        self._todo: SimpleQueue[_Job | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._ring = [maker.buffers() for _ in range(ring)]
        self._taken = 0
        for buffers in self._ring:
            self._order(buffers)
        # Daemons, so that a loader that nobody closed does not keep the interpreter from ending.
        self._threads = [
            threading.Thread(
                target=_work,
                args=(maker, self._todo, self._stopping),
                name=f"mixscope-loader-{k}",
                daemon=True,
            )
            for k in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> Batch | BaseException:
        """The next batch, or what went wrong with it. The one taken before is overwritten from now on."""
        if self._taken:
            self._order(self._ring[(self._taken - 1) % len(self._ring)])
        outcome = self._ring[self._taken % len(self._ring)].done.get()
        self._taken += 1
        self.at = self._after(self.at)
        return outcome

    def stop(self) -> None:
        """Ends the threads; waits for the batches in the making, not for those ahead."""
        self._stopping.set()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _order(self, buffers: _Buffers) -> None:
        self._todo.put((self._ahead, buffers))
        self._ahead = self._after(self._ahead)

    def _after(self, at: Position) -> Position:
        return Position(at.epoch, at.batch + 1) if at.batch + 1 < self._batches else Position(at.epoch + 1, 0)


def _work(maker: _Maker, todo: "SimpleQueue[_Job | None]", stopping: threading.Event) -> None:
    while (job := todo.get()) is not None and not stopping.is_set():
        at, buffers = job
        try:
            outcome: Batch | BaseException = maker.make(at, buffers)
        except BaseException as problem:  # whatever it is, the consumer must hear of it
            outcome = problem
        buffers.done.put(outcome)
