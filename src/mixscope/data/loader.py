"""The data loader: batches from a store, built by worker threads.

Worker threads build whole batches with serial kernels that release the interpreter lock, in reused memory;
the consumer takes them in order, and builds one itself instead of waiting (buffer_pool.py). Draws are
counter-based, so a batch does not depend on which thread builds it or when (batch_builder.py).

Several whole batches are built in parallel, instead of splitting one batch among threads: on two busy cores,
the same kernel in an OpenMP loop had a twelfth of the throughput, because each batch (0.1 ms) waits for the
slowest part. These threads also do not interfere with torch's.
"""

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from mixscope.data import order, saliency
from mixscope.data.batch import Batch, InputSpec, Pending
from mixscope.data.batch_builder import BatchBuilder
from mixscope.data.buffer_pool import Pipeline
from mixscope.data.loader_settings import Augmentation, Sampling, Workers
from mixscope.data.order import Position
from mixscope.errors import ConfigError, DataError
from mixscope.hardware import cores

__all__ = [
    "Augmentation",
    "Batch",
    "InputSpec",
    "Loader",
    "Pending",
    "Position",
    "Sampling",
    "Store",
    "Workers",
]

# Small batches are handed over in groups of about this size, since the cost of a handover is constant.
RUN_BYTES = 1 << 22


class Store(Protocol):
    """The part of store.Store that the loader uses."""

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        ...

    @property
    def mean(self) -> np.ndarray:
        """float64 (3,), in [0, 1]."""
        ...

    @property
    def std(self) -> np.ndarray:
        """float64 (3,), in [0, 1]."""
        ...

    def images(self, split: str) -> np.ndarray:
        """uint8 (N, 3, size, size) of a stored split."""
        ...

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,) of a stored split."""
        ...

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        """Stored split and rows of a logical split."""
        ...


class Loader:
    """The batches of a split, epoch after epoch.

    Memory: the batch buffers, a quarter of a batch per thread where batches are mixed, and about 50 bytes per
    example (its row, and draws and labels of two epochs; mixing plans come on top). Images stay
    memory-mapped.

    Attributes:
        examples: Images of the split.
        batches: Batches per epoch.

    Args:
        store: Images and labels (store.py).
        split: "train", "val" or "test".
        sampling: Which images are in which batch.
        augmentation: Augmentation; none by default.
        workers: Threads, ranks and memory; batches do not depend on threads and memory.

    Raises:
        ConfigError: If the split gives no batch, does not fit the mixer, or is "test" shuffled or mixed.
        DataError: If the store does not have the rows of the split.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        sampling: Sampling,
        augmentation: Augmentation | None = None,
        workers: Workers | None = None,
    ) -> None:
        augmentation, workers = augmentation or Augmentation(), workers or Workers()
        batch_size, mixer = sampling.batch_size, augmentation.mixer
        if split == "test" and (sampling.shuffle or mixer is not None):
            raise ConfigError(
                "conflict",
                "the test split is for evaluation, so it is neither shuffled nor mixed; train on split train",
            )
        stored, rows = store.rows(split, val_fraction=sampling.val_fraction, per_class=sampling.per_class)
        # Plain read-only arrays: numpy.memmap is slower to pass to compiled code.
        images = store.images(stored).view(np.ndarray)
        images.flags.writeable = False
        if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(images):
            raise DataError(
                "inconsistent",
                f'split "{split}" has {len(rows)} rows of the {len(images)} images stored as "{stored}", '
                "expected at least one and none beyond; choose another val_fraction or per_class",
            )
        self.examples = len(rows)
        self.batches = order.batches(self.examples, batch_size, drop_last=sampling.drop_last)
        if self.batches == 0:
            raise ConfigError(
                "too-few",
                f'split "{split}" has {self.examples} images and gives no batch of {batch_size}; '
                "take a smaller batch_size, or keep the last batch",
            )
        full = order.batches(self.examples, batch_size, drop_last=False)
        made_for = getattr(mixer, "batches", full)  # other kinds of mixers may have no epochs
        if made_for != full:
            raise ConfigError(
                "inconsistent",
                f"the mixer was made for {made_for} batches an epoch and the loader has {full}; make it with"
                f" batch_size={batch_size} and examples={self.examples}",
            )
        peaks = None
        if mixer is not None and mixer.peaks:
            name = f"{stored}-{getattr(store, 'digest', '')[:12]}"
            peaks = saliency.peaks(images, getattr(store, "folder", None), name)
        self.spec = InputSpec(store.size, tuple(map(float, store.mean)), tuple(map(float, store.std)))
        self._builder = BatchBuilder(
            images=images,
            labels=np.asarray(store.labels(stored), np.int64),
            rows=np.ascontiguousarray(rows, np.int64),
            spec=self.spec,
            batches=self.batches,
            sampling=sampling,
            augmentation=augmentation,
            workers=workers,
            peaks=peaks,
        )
        self._threads = workers.threads or max(1, min(2, cores() - 1))
        bytes_each = self._builder.most * 3 * store.size**2 * (1 if workers.device_augment else 4)
        length = min(max(1, RUN_BYTES // bytes_each), self.batches)
        if workers.ring:
            length = min(length, max(1, workers.ring // (self._threads + 1)))
        self._length = length
        self._runs = workers.ring // length if workers.ring else 2 * self._threads + 1
        self._epoch = self._batch = 0  # see `position`
        self._process = os.getpid()
        self._whole: Callable[[], object] = getattr(store, "whole", lambda: None)
        self._pipeline: Pipeline | None = None
        self._stop: Callable[[], object] = lambda: None

    @property
    def position(self) -> Position:
        """The first batch that has not been handed out.

        While a batch is being trained on, the position already points behind it: when it is saved after the
        training step and restored, the loader continues with the next batch. It is (epoch, batches) once the
        last batch is handed out, and (epoch + 1, 0) when the loop over the epoch has ended. The cost of
        setting it does not depend on the position.
        """
        return Position(self._epoch, self._batch)

    @position.setter
    def position(self, position: tuple[int, int]) -> None:
        epoch, batch = position
        if epoch < 0 or not 0 <= batch <= self.batches:
            raise ConfigError(
                "inconsistent",
                f"a loader of {self.batches} batches an epoch has no position epoch {epoch}, batch {batch}; "
                "was it saved with another batch size or data set?",
            )
        self._epoch, self._batch = epoch, batch

    def global_size(self, batch: int) -> int:
        """Number of images in global batch `batch`, over all ranks."""
        at = order.members(self.examples, self._builder.sampling.batch_size, batch)
        return int(at.stop - at.start)

    def __iter__(self) -> Iterator[Batch]:
        """Yields batches from `position` to the end of its epoch, then moves to the next epoch."""
        self._whole()
        while self._batch < self.batches:
            yield self._take()
        self._epoch, self._batch = self._epoch + 1, 0

    def _take(self) -> Batch:
        if os.getpid() != self._process:
            raise RuntimeError(
                f"the loader was made in process {self._process} and its threads are there; make a loader of"
                " its own in each process that is forked"
            )
        try:
            # The position was set, or Ctrl-C lost a batch on its way to the consumer.
            if self._pipeline is None or self._pipeline.at != self._epoch * self.batches + self._batch:
                self._pipeline = self._begin()
            outcome = self._pipeline.take()
        except BaseException:  # mostly Ctrl-C: discard the state of a partly taken batch
            self.close()
            raise
        if isinstance(outcome, BaseException):
            self.close()
            if isinstance(outcome, ConfigError):  # from a user-defined mixing method, with its own message
                raise outcome
            what = f"{type(outcome).__name__}: {outcome}"
            raise RuntimeError(
                f"the loader failed on epoch {self._epoch}, batch {self._batch}: {what}"
            ) from outcome
        self._batch += 1
        return outcome

    def _begin(self) -> Pipeline:
        """Replaces the pipeline by one that starts at the position."""
        self.close()
        made = Pipeline(
            self._builder, self.position, threads=self._threads, runs=self._runs, length=self._length
        )
        # Also if the loader is never closed.
        self._stop = weakref.finalize(self, _stop_in, self._process, made.stop)
        made.start()  # only now that it is certain to be stopped
        return made

    def close(self) -> None:
        """Stops the worker threads and frees their memory.

        Safe at any time; iterating again restarts them.
        """
        self._stop()
        self._pipeline = None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _stop_in(process: int, stop: Callable[[], object]) -> None:
    """Stops threads in the process that started them; a forked child has none."""
    if os.getpid() == process:
        stop()
