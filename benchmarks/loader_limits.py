"""What the loader needs besides time a batch: start, memory, growth, a cold disk; and where its time goes.

    python benchmarks/loader_limits.py [--only growth] [--rounds 15] [--quick] [--folder DIR]

Some 4 minutes. Needs no data set: images are noise in a file of 0.3 GB under DIR (default: a temporary
folder), mapped as a store is. DIR must be on a disk, or nothing can be cold. Parts, each with rows of its own
that take turns:

start    seconds from the start of a fresh process to its first batch, the kernel's machine code on disk
memory   MB of a process that loads two epochs of 5, 50 or 100 thousand images, less those of one that only
         imports and maps: anonymous memory, since pages of the map are the page cache's and go when others
         need them
growth   images/s for 5,000 to 100,000 images, each beside its bare kernel
cache    images/s of the first epoch, shuffled, at 64 px: from a file that is on disk only, from one that the
         page cache holds, and from an array in memory, beside bare reading of the cold file in its order. How
         much of it was resident before stands in the context
parts    microseconds of processor time for a batch, of all threads: the kernel, the kernel with all that
         makes a batch, each also by two threads at once; the loader; and the draws of an epoch, by batch

One JSON line a row and a ratio, then a table, for each part.
"""

import argparse
import ctypes
import itertools
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixscope.bench import loader as rows_of
from mixscope.bench import upper_bounds
from mixscope.bench.rounds import Measured, Row, measure
from mixscope.bench.upper_bounds import BATCH, Bytes, Make
from mixscope.cli.exit_codes import ended
from mixscope.data import order
from mixscope.data.batch_builder import Slot
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers

PARTS = ("start", "memory", "growth", "cache", "parts")
STORED = (5_000, 10_000, 20_000, 50_000, 100_000)
USUAL = 50_000
COLD_SIZE, COLD_IMAGES = 64, 20_000
KERNEL, MAKE, LOADER = "kernel", "all that makes a batch", "loader"
READ = "bare reading of the cold file from its beginning to its end"
PACKAGES = "import numpy, torch, numba"


@dataclass(frozen=True)
class Mapped:
    """A store of `count` images in a file of noise, mapped and read-only as a prepared set is."""

    file: Path
    count: int
    in_memory: bool = False

    @property
    def mean(self) -> np.ndarray:
        return np.full(3, 0.5)

    @property
    def std(self) -> np.ndarray:
        return np.full(3, 0.25)

    @property
    def size(self) -> int:
        return int(np.load(self.file, mmap_mode="r").shape[2])

    def images(self, split: str) -> np.ndarray:
        mapped = np.load(self.file, mmap_mode="r")[: self.count]
        return np.array(mapped) if self.in_memory else mapped

    def labels(self, split: str) -> np.ndarray:
        return np.arange(self.count) % 10

    def rows(self, split: str, *, val_fraction: float, per_class: int = 0) -> tuple[str, np.ndarray]:
        return "train", np.arange(self.count)


def noise(folder: Path, count: int, size: int) -> Path:
    """A file of random images."""
    file = folder / f"noise-{size}.npy"
    array = np.lib.format.open_memmap(file, "w+", np.uint8, (count, 3, size, size))
    generator = np.random.default_rng(0)
    for at in range(0, count, 1000):
        part = array[at : at + 1000]
        part[:] = generator.integers(0, 256, part.shape, dtype=np.uint8)
    array.flush()
    return file


def opened(store: Mapped, mix: str = "none") -> Loader:
    mixer = None if mix == "none" else upper_bounds.mixer(mix, "batch", store.size, store.count)
    return Loader(
        store,
        "train",
        Sampling(batch_size=BATCH, seed=0, shuffle=True),
        Augmentation(base="crop-flip", mixer=mixer),
        Workers(threads=1),
    )


# --- in processes of their own ----------------------------------------------------------------------


def child(what: str, file: Path, count: int, mix: str) -> None:
    """What a fresh process does: prints one figure."""
    store = Mapped(file, count)
    with ExitStack() as stack:
        if what == "map":
            assert store.images("train").shape[0] == count
        else:
            made = stack.enter_context(opened(store, mix))
            for _ in itertools.islice(made, 1) if what == "first" else itertools.chain(made, made):
                pass
        status = Path("/proc/self/status").read_text().splitlines()
        found = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        print(json.dumps({"end": time.time(), "anonymous": found / 1024}))


def fresh(what: str, file: Path, count: int, mix: str = "none") -> dict[str, float]:
    line = [sys.executable, __file__, "--child", what, str(file), str(count), mix]
    start = time.time()
    answer = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    return {"seconds": answer["end"] - start, "anonymous": answer["anonymous"]}


def start(file: Path, rounds: int, quick: bool) -> Measured:
    def python(code: str) -> Row:
        def row() -> float:
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            return time.perf_counter() - begin

        return row

    rows = {
        PACKAGES: python(PACKAGES),
        "all imports": python("import mixscope.data.loader"),
        "first batch": lambda: fresh("first", file, USUAL)["seconds"],
        "first batch, mixup": lambda: fresh("first", file, USUAL, "mixup")["seconds"],
    }
    if quick:
        rows = {"first batch": rows["first batch"]}
    return measure(
        rows,
        unit="seconds",
        rounds=min(rounds, 5),
        ratios=(("first batch", "all imports"),),
        context={"what": "start"},
        warm_up=not quick,
    )


def memory(file: Path, rounds: int, quick: bool) -> Measured:
    without = fresh("map", file, USUAL)["anonymous"]

    def row(count: int, mix: str) -> Row:
        return lambda: fresh("load", file, count, mix)["anonymous"] - without

    rows = {
        f"loader {mix}, {count:,} images": row(count, mix)
        for count, mix in (
            ((STORED[0], "none"),)
            if quick
            else itertools.product((STORED[0], USUAL, STORED[-1]), ("none", "mixup"))
        )
    }
    return measure(
        rows,
        unit="MB",
        rounds=min(rounds, 3),
        context={"what": "memory", "without": without},
        warm_up=False,
    )


# --- in this one ------------------------------------------------------------------------------------


def growth(file: Path, rounds: int, images: int) -> Measured:
    rows: dict[str, Row] = {}
    loaders = {count: opened(Mapped(file, count)) for count in STORED}
    for count, made in loaders.items():
        rows[f"loader, {count:,} images"] = rows_of.loader_row(made, images)
        make = upper_bounds.kernel(Bytes.of(Mapped(file, count)))
        rows[f"bare kernel, {count:,} images"] = upper_bounds.in_threads(make, 32, 2, images // BATCH)
    what = [f"{kind}, {count:,} images" for kind in ("loader", "bare kernel") for count in STORED]
    ratios = [(name, f"{name.split(',')[0]}, {USUAL:,} images") for name in what if f"{USUAL:,}" not in name]
    ratios += [(f"loader, {count:,} images", f"bare kernel, {count:,} images") for count in STORED]
    try:
        return measure(
            rows,
            unit="images/s",
            rounds=rounds,
            ratios=tuple(ratios),
            context={"what": "growth", "images": images},
        )
    finally:
        for made in loaders.values():
            made.close()


def resident(file: Path) -> float:
    """The share of a file's pages that the page cache holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    with file.open("r+b") as opened_file, mmap.mmap(opened_file.fileno(), 0) as mapped:
        pages = -(-len(mapped) // mmap.PAGESIZE)
        held = (ctypes.c_ubyte * pages)()
        address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(mapped)))
        if libc.mincore(address, ctypes.c_size_t(len(mapped)), held):
            raise OSError(ctypes.get_errno(), "mincore")
        share = sum(page & 1 for page in held) / pages
        del address
    return share


def cool(file: Path) -> None:
    """Takes a file that nobody maps out of the page cache."""
    with file.open("rb") as there:
        os.fsync(there.fileno())
        os.posix_fadvise(there.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cache(file: Path, rounds: int) -> Measured:
    shares: list[float] = []

    def epoch(store: Mapped, cold: bool = False) -> Row:
        def row() -> float:
            if cold:
                cool(file)
                shares.append(resident(file))
            with opened(store) as made:
                begin = time.perf_counter()
                seen = sum(len(batch.ids) for batch in made)
                return seen / (time.perf_counter() - begin)

        return row

    def reading() -> float:
        cool(file)
        begin = time.perf_counter()
        with file.open("rb", buffering=0) as there:
            while there.read(1 << 20):
                pass
        return COLD_IMAGES / (time.perf_counter() - begin)

    mapped, held = Mapped(file, COLD_IMAGES), Mapped(file, COLD_IMAGES, in_memory=True)
    names = "cold map, first epoch", "warm map, first epoch", "array in memory, first epoch", READ
    makes = epoch(mapped, cold=True), epoch(mapped), epoch(held), reading
    rows = dict(zip(names, makes, strict=True))
    found = measure(
        rows,
        unit="images/s",
        rounds=min(rounds, 5),
        ratios=((names[0], READ), (names[0], names[1]), (names[1], names[2])),
        context={"what": "cache", "size": COLD_SIZE, "stored": COLD_IMAGES},
    )
    found.context["resident before a cold epoch"] = max(shares)
    return found


def parts(file: Path, rounds: int, batches: int) -> Measured:
    source = Bytes.of(Mapped(file, USUAL))
    made = opened(Mapped(file, USUAL))
    maker = made._builder
    slot, scratch = maker.slot(), maker.scratch()
    fill: Make = upper_bounds.kernel(source)

    def timed(call, count: int = batches) -> Row:
        def row() -> float:
            begin = time.process_time()
            for number in range(count):
                call(number)
            return (time.process_time() - begin) / count * 1e6

        return row

    def together(make: Callable[..., object], threads: int = 2) -> Row:
        """The same by two threads at once, which share the memory and the interpreter's lock."""
        slots = [(maker.slot(), maker.scratch()) for _ in range(threads)]

        def row() -> float:
            def work(which: int) -> None:
                for number in range(which, batches, threads):
                    make(number, *slots[which])

            workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
            begin = time.process_time()
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            return (time.process_time() - begin) / batches * 1e6

        return row

    def whole(number: int, into: Slot, scratch: np.ndarray) -> None:
        maker.make(0, number % source.batches, into, scratch)

    def pixels(number: int, into: Slot, scratch: np.ndarray) -> None:
        fill(number, into.part(BATCH)[1]["images"], scratch)

    def loaded() -> float:
        taken, begin = 0, time.process_time()
        while taken < batches:
            taken += sum(1 for _ in made)
        return (time.process_time() - begin) / taken * 1e6

    def draw(number: int) -> None:
        order.draw(
            np.arange(USUAL), stored=USUAL, seed=0, epoch=number, base="crop-flip", shuffle=True, size=32
        )

    drawn = timed(draw, 5)
    rows = {
        KERNEL: timed(lambda number: pixels(number, slot, scratch)),
        f"{KERNEL}, two threads": together(pixels),
        MAKE: timed(lambda number: whole(number, slot, scratch)),
        f"{MAKE}, two threads": together(whole),
        LOADER: loaded,
        "draws of an epoch, by batch": lambda: drawn() / made.batches,
    }
    ratios = (
        (f"{KERNEL}, two threads", KERNEL),
        (MAKE, KERNEL),
        (f"{MAKE}, two threads", f"{KERNEL}, two threads"),
        (LOADER, f"{MAKE}, two threads"),
    )
    context = {"what": "parts", "batches": batches, "batches an epoch": made.batches}
    with made:
        return measure(
            rows, unit="microseconds of processor time a batch", rounds=rounds, ratios=ratios, context=context
        )


@contextmanager
def place(folder: Path | None) -> Iterator[Path]:
    """Where files of noise lie for a while."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-", dir=folder) as there:
        yield Path(there)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--quick", action="store_true", help="one short round of fewer rows, to see that it works"
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        what, file, count, mix = given.child
        return child(what, Path(file), int(count), mix)
    rounds, images = (1, 20_000) if given.quick else (given.rounds, 100_000)
    wanted = (given.only,) if given.only else PARTS
    with place(given.folder) as folder:
        small = noise(folder, STORED[-1], 32) if set(wanted) - {"cache"} else None
        for part in wanted:
            if part == "cache":
                found = cache(noise(folder, COLD_IMAGES, COLD_SIZE), rounds)
            else:
                assert small is not None
                found = {
                    "start": lambda f: start(f, rounds, given.quick),
                    "memory": lambda f: memory(f, rounds, given.quick),
                    "growth": lambda f: growth(f, rounds, images),
                    "parts": lambda f: parts(f, rounds, images // BATCH),
                }[part](small)
            print(f"{found.lines()}\n\n{found.table()}\n", flush=True)


if __name__ == "__main__":
    raise SystemExit(ended(main))
