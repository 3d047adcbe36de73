"""The loader against its bare kernel, plain conversion, batched torch operations, and memory bandwidth.

Every row builds batches of 256 float32 images from the training split, in one random order unless stated
otherwise, into reused buffers. Loaders are used as in training: worker threads, and a consumer that only
takes batches.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from mixscope.bench import upper_bounds
from mixscope.bench.rounds import Bench, Measured, Row
from mixscope.bench.upper_bounds import BATCH, Bytes
from mixscope.data.loader import Augmentation, Loader, Sampling, Store, Workers
from mixscope.errors import DataError
from mixscope.hardware import cores

UNIT = "images/s"
IMAGES = 250_000  # per measurement of a row: longer ones vary no less; more rounds help
SLOW = 16  # batched torch operations get fewer images by this factor
MIXES = ("none", "mixup", "cutmix")
COPY = "numpy copy, as many bytes an image"


def loader(mix: str, threads: int) -> str:
    """Name of the loader's row."""
    return f"loader {mix}, {threads} in the background"


def kernel(mix: str, threads: int) -> str:
    """Name of the row of the bare kernel."""
    return f"bare kernel {mix}, {threads} threads"


def conversion(how: str, threads: int) -> str:
    """Name of a row that only converts; how: "in order", "shuffled" or "by torch"."""
    return f"plain conversion {how}, {threads} threads"


def by_torch(threads: int) -> str:
    """Name of the row of batched torch operations."""
    return f"batched torch operations as on a GPU, {threads} threads"


def bare_rows(source: Bytes, images: int) -> dict[str, Row]:
    """All rows except those of the loader."""
    batches, size, rows = max(1, images // BATCH), source.size, {}
    few = max(1, batches // SLOW)
    for threads in sorted({1, min(2, cores())}):
        for shuffled in (False, True):
            how = "shuffled" if shuffled else "in order"
            make = upper_bounds.conversion(source, shuffled=shuffled)
            rows[conversion(how, threads)] = upper_bounds.in_threads(make, size, threads, batches)
        rows[conversion("by torch", threads)] = upper_bounds.by_torch(
            upper_bounds.torch_conversion(source), size, threads, batches
        )
        for mix in MIXES:
            rows[kernel(mix, threads)] = upper_bounds.in_threads(
                upper_bounds.kernel(source, mix), size, threads, batches
            )
        rows[by_torch(threads)] = upper_bounds.by_torch(
            upper_bounds.torch_batches(source), size, threads, few
        )
        rows[f"{COPY}, {threads} threads"] = upper_bounds.copy(threads, upper_bounds.traffic(size))
    return rows


def loader_row(made: Loader, images: int) -> Row:
    """Images per second of a loader whose consumer only takes batches.

    Measurements continue at its position.
    """
    taken = iter(made)

    def measure() -> float:
        nonlocal taken
        seen, start = 0, time.perf_counter()
        while seen < images:
            for batch in taken:
                seen += len(batch.ids)
                if seen >= images:
                    break
            else:
                taken = iter(made)
        return seen / (time.perf_counter() - start)

    return measure


def loaders(store: Store, images: int, stack: ExitStack) -> dict[str, Row]:
    """The rows of the loader; `stack` closes the loaders."""
    rows = {}
    for threads in (1, 2):
        for mix in MIXES:
            mixer = None
            if mix != "none":
                mixer = upper_bounds.mixer(mix, "batch", store.size, len(store.labels("train")))
            made = Loader(
                store,
                "train",
                Sampling(batch_size=BATCH, seed=0, shuffle=True),
                Augmentation(base="crop-flip", mixer=mixer),
                Workers(threads=threads),
            )
            rows[loader(mix, threads)] = loader_row(stack.enter_context(made), images)
    return rows


def ratios() -> tuple[tuple[str, str], ...]:
    """The compared pairs of rows; of two thread counts, the larger that this machine supports."""
    most = min(2, cores())
    of_kernel = [(loader(mix, 1), kernel(mix, most)) for mix in MIXES]
    of_none = [(loader(mix, 1), loader("none", 1)) for mix in MIXES[1:]]
    mixed = [(kernel(mix, 1), kernel("none", 1)) for mix in MIXES[1:]]
    limits = [conversion(how, most) for how in ("in order", "shuffled", "by torch")]
    return (
        *of_kernel,
        (loader("none", 2), kernel("none", most)),
        *of_none,
        *((kernel("none", most), limit) for limit in limits),
        *mixed,
        *((loader("none", 1), by_torch(threads)) for threads in sorted({1, most})),
        (loader("none", 1), f"{COPY}, {most} threads"),
    )


@contextmanager
def rows(store: Store, images: int = IMAGES) -> Iterator[Bench]:
    """Yields all rows; the loaders are open during the block.

    Args:
        store: Data set.
        images: Images per measurement.

    Raises:
        DataError: If the set has no full batch.
    """
    source = Bytes.of(store)
    if not source.batches:
        raise DataError(
            "too-few",
            f"the set has {len(source.images)} training images, fewer than a batch of {BATCH}; take another",
        )
    with ExitStack() as stack:
        yield Bench(
            unit=UNIT,
            rows=loaders(store, images, stack) | bare_rows(source, images),
            ratios=ratios(),
            context={
                "size": source.size, "stored": len(source.images), "batch": BATCH,
                "images": images, "bytes_an_image": upper_bounds.traffic(source.size),
            },
        )  # fmt: skip


def computed(measured: Measured) -> Measured:
    """Adds the memory bandwidth to the context, in GB/s read and written."""
    bandwidth = {
        f"{name} in GB/s": round(max(figures) * measured.context["bytes_an_image"] / 1e9, 1)
        for name, figures in measured.found.items()
        if name.startswith(COPY)
    }
    return replace(measured, context=measured.context | bandwidth)
