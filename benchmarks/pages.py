"""The loader from a map that is in the page cache and from one that is not; and from 5,000 to all images.

    python benchmarks/pages.py [--set tiny-imagenet] [--data ROOT] [--rounds 5]

Rows, in turn: an epoch of the whole training split, shuffled, from a warm map; the same after the system was
told to drop the file (posix_fadvise), with the share of it that was then still there; and, warm, so many
epochs of 5,000, 10,000, ... images, the same share of each class, that as many images are made as in an epoch
of all. Every measurement opens the store anew, because pages that are mapped somewhere are not dropped. What
lies under this machine's disk (a host's memory, for instance) may still be warm. One minute for 100,000
images of 64 px. loader_limits.py has the like for files of noise, without a data set.
"""

import argparse
import ctypes
import gc
import json
import mmap
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mixscope.bench import rounds
from mixscope.cli.exit_codes import ended
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from mixscope.data.store import Store, data_root

BATCH = 256
SIZES = (5_000, 10_000, 20_000, 50_000, 100_000)


def resident(file: Path) -> float:
    """The share of a file's pages that are in the page cache (mincore)."""
    library = ctypes.CDLL(None, use_errno=True)
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, mmap.MAP_PRIVATE) as room:
        pages = -(-len(room) // mmap.PAGESIZE)
        seen, start = (ctypes.c_ubyte * pages)(), ctypes.c_ubyte.from_buffer(room)
        failed = library.mincore(
            ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(room)), ctypes.byref(seen)
        )
        del start
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        return float((np.frombuffer(seen, np.uint8) & 1).mean())


def drop(file: Path) -> float:
    """Has the system drop what it keeps of a file; the share that it kept all the same."""
    gc.collect()
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return resident(file)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="default: where `mixscope data` puts it")
    parser.add_argument("--set", default="tiny-imagenet")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    root = data_root(arguments.data)
    about = Store.open(root, arguments.set)
    total, classes = len(about.labels("train")), about.n_classes
    file, kept = about.folder / "train-images.npy", []

    def epochs(per_class: int, *, cold: bool) -> float:
        if cold:
            kept.append(drop(file))
        else:
            with file.open("rb") as stream:
                while stream.read(1 << 22):
                    pass
        store = Store.open(root, arguments.set)
        loader = Loader(
            store,
            "train",
            Sampling(batch_size=BATCH, seed=0, shuffle=True, per_class=per_class, drop_last=True),
            Augmentation(base="crop-flip"),
            Workers(threads=1),
        )
        if not cold:  # maps the pages, and compiles
            for _ in loader:
                pass
        images, start = 0, time.perf_counter()
        while images < total - BATCH:
            for batch in loader:
                images += len(batch.labels)
        took = time.perf_counter() - start
        loader.close()
        return images / took

    whole = f"{total:,} images"
    rows: dict[str, Callable[[], float]] = {
        f"{whole}, warm": lambda: epochs(0, cold=False),
        f"{whole}, cold": lambda: epochs(0, cold=True),
    }
    for size in SIZES:
        if size < total and size % classes == 0:
            rows[f"{size:,} images, warm"] = lambda size=size: epochs(size // classes, cold=False)
    names = list(rows)
    found = rounds.measure(
        rows,
        unit="images/s",
        rounds=arguments.rounds,
        ratios=[(name, names[0]) for name in names[1:]],
        context={"set": arguments.set, "size": about.size, "batch": BATCH, "bytes": file.stat().st_size},
    )
    print(found.lines())
    print(json.dumps({"kept_of_cold": kept}))
    print(f"\n{found.table()}\n\nshare of the file that was still in the cache when cold: median "
          f"{statistics.median(kept):.3f}, most {max(kept):.3f}")  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(ended(main))
