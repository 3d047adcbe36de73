"""A two-second loader benchmark for `mixscope doctor`: throughput, and its ratio to the bare kernel."""

import statistics
from typing import Any

from mixscope.bench import loader as bench_loader
from mixscope.bench import upper_bounds
from mixscope.bench.rounds import measure
from mixscope.bench.upper_bounds import BATCH, Bytes, Noise
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from mixscope.hardware import cores

STORED, SIZE = 20_000, 32  # random images
IMAGES, ROUNDS = 50_000, 5  # images per measurement, and measurements


def loader() -> dict[str, Any]:
    """Images per second of the loader, and its ratio to the bare kernel on at most two cores; medians."""
    store, threads = Noise(STORED, SIZE), min(2, cores())
    name, limit = bench_loader.loader("none", 1), bench_loader.kernel("none", threads)
    make = upper_bounds.kernel(Bytes.of(store))
    with Loader(
        store,
        "train",
        Sampling(batch_size=BATCH, seed=0, shuffle=True),
        Augmentation(base="crop-flip"),
        Workers(threads=1),
    ) as made:
        found = measure(
            {
                name: bench_loader.loader_row(made, IMAGES),
                limit: upper_bounds.in_threads(make, SIZE, threads, max(1, IMAGES // BATCH)),
            },
            unit=bench_loader.UNIT,
            rounds=ROUNDS,
        )
    return {
        "loader_images_per_second": round(statistics.median(found.found[name])),
        "loader_of_bare_kernel": found.ratio(name, limit)[0],
    }
