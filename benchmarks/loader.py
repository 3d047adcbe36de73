"""Images per second of the loader, of its bare kernel, of plain conversion and of torch's DataLoader.

    python benchmarks/loader.py [--data ROOT] [--set cifar100] [--rounds 5] [--quick] [--without-peers]

ROOT holds a prepared data set (`mixscope data prepare cifar100 --root ROOT`). All rows are measured in turn,
round after round, so that whatever else the machine does falls on all of them; the figures are medians over
rounds, with the range. Every row makes batches of 256 float32 images from the training split, in one fixed
random order unless it says otherwise, into buffers that are reused. One JSON line a row, then a table.
"""

import argparse
import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms as v1
from torchvision.transforms import v2

from mixscope import mixing
from mixscope.data import kernels, order
from mixscope.data.loader import Loader
from mixscope.data.store import Store, data_root
from mixscope.study.config import Augment

BATCH = 256
RING = 2  # buffers a thread of the bare rows writes to in turn
Row = Callable[[], float]  # measures once, in images per second
Make = Callable[[int, np.ndarray, np.ndarray], None]  # batch, where to, memory to work in


def plain_conversion(size: int) -> Callable[..., None]:
    """Bytes to normalised floats and nothing else, with the same vector operations as the kernel."""
    normalise, pixels = kernels._normalise_row, size * size

    def convert(images, own, scale, bias, out):  # type: ignore[no-untyped-def]
        for i in range(len(own)):
            for c in range(3):
                for y in range(size):
                    to, source = (3 * i + c) * pixels + y * size, (3 * own[i] + c) * pixels + y * size
                    normalise(out, to, images, source, scale[c], bias[c], size)

    compiled: Callable[..., None] = numba.njit(nogil=True, fastmath={"contract"})(convert)
    return compiled


def bare(threads: int, batches: int, make: Make, size: int) -> Row:
    """`make(batch, out, scratch)` for every batch, by threads that do nothing else."""
    # From torch, as in the loader: rows that begin on a cache line are written faster than numpy's.
    rings = [torch.zeros(RING, BATCH, 3, size, size).numpy() for _ in range(threads)]

    def measure() -> float:
        go = threading.Barrier(threads + 1)

        def work(which: int) -> None:
            scratch = np.zeros((BATCH, 3, size, size), np.uint8)
            make(0, rings[which][0], scratch)
            go.wait()
            for count, batch in enumerate(range(which, batches, threads)):
                make(batch, rings[which][count % RING], scratch)

        workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
        for worker in workers:
            worker.start()
        go.wait()
        start = time.perf_counter()
        for worker in workers:
            worker.join()
        return batches * BATCH / (time.perf_counter() - start)

    return measure


def bare_rows(store: Store, repeats: int) -> Iterator[tuple[str, Row]]:
    """Plain conversion and the kernel, without a loader around them."""
    images = store.images("train").view(np.ndarray)
    size, stored = store.size, len(images)
    draws = order.draw(
        np.arange(stored), stored=stored, seed=0, epoch=0, base="crop-flip", shuffle=True, size=size
    )
    scale, bias = kernels.normaliser(tuple(store.mean), tuple(store.std))
    convert, fill = plain_conversion(size), kernels.fused(size, order.padding("crop-flip", size))
    full = stored // BATCH
    in_order, plans = np.arange(stored), {}  # partner, box and blend of every batch, by method
    for mix in ("mixup", "cutmix"):
        mixer = mixing.make(
            Augment(mix=mix), seed=0, epochs=1, size=size, batch_size=BATCH, examples=full * BATCH
        )
        assert mixer is not None
        epoch = mixer.draw(0)
        assert epoch is not None
        whole = [epoch.of(batch, BATCH) for batch in range(full)]
        plans[mix] = [tuple(np.array(v, order="C") for v in (p.partner, p.box, p.blend)) for p in whole if p]
    nobody, nothing = np.empty(0, np.int64), np.empty((0, 3, size, size), np.uint8)
    no_box, no_blend = np.zeros((BATCH, 4), np.int32), np.zeros(BATCH, np.float32)

    def batch_of(rows: np.ndarray, batch: int) -> np.ndarray:
        return rows[batch % full * BATCH :][:BATCH]

    def conversion(rows: np.ndarray) -> Make:
        return lambda batch, out, _: convert(images, batch_of(rows, batch), scale, bias, out)

    def kernel(mix: str) -> Make:
        def make(batch: int, out: np.ndarray, scratch: np.ndarray) -> None:
            partner, box, blend = (nobody, no_box, no_blend) if mix == "none" else plans[mix][batch % full]
            scratch = nothing if mix == "none" else scratch
            rows = batch_of(draws.order, batch)
            fill(images, rows, draws.crop, draws.flip, partner, box, blend, scale, bias, scratch, out)

        return make

    for threads in (1, 2):
        batches = full * repeats
        yield (
            f"plain conversion, in order, {threads} threads",
            bare(threads, batches, conversion(in_order), size),
        )
        yield (
            f"plain conversion, shuffled, {threads} threads",
            bare(threads, batches, conversion(draws.order), size),
        )
        for mix in ("none", "mixup", "cutmix"):
            yield f"bare kernel {mix}, {threads} threads", bare(threads, batches, kernel(mix), size)


def loader_rows(store: Store, repeats: int) -> Iterator[tuple[str, Row]]:
    """The loader as training uses it: one thread, and a consumer that only takes batches and so helps."""
    examples = len(store.labels("train"))

    def row(loader: Loader) -> Row:
        def measure() -> float:
            images, start = 0, time.perf_counter()
            for _ in range(repeats):
                for batch in loader:
                    images += len(batch.ids)
            return images / (time.perf_counter() - start)

        return measure

    for mix in ("none", "mixup", "cutmix"):
        mixer = mixing.make(
            Augment(mix=mix), seed=0, epochs=10**9, size=store.size, batch_size=BATCH, examples=examples
        )
        loader = Loader(
            store, "train", batch_size=BATCH, seed=0, base="crop-flip", shuffle=True, mixer=mixer, threads=1
        )
        yield f"mixscope {mix}", row(loader)


class Peer(Dataset[Any]):
    """The same images as a data set of torchvision's kind: one example at a time."""

    def __init__(self, store: Store, pil: bool) -> None:
        self.pil, self.labels = pil, np.array(store.labels("train"))
        images, pad = np.array(store.images("train")), order.padding("crop-flip", store.size)
        self.images = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if pil else torch.from_numpy(images)
        normalise = {"mean": store.mean.tolist(), "std": store.std.tolist()}
        self.transform: Any = (
            v1.Compose(
                [
                    v1.RandomCrop(store.size, pad),
                    v1.RandomHorizontalFlip(),
                    v1.ToTensor(),
                    v1.Normalize(**normalise),
                ]
            )
            if pil
            else v2.Compose(
                [
                    v2.RandomCrop(store.size, pad),
                    v2.RandomHorizontalFlip(),
                    v2.ToDtype(torch.float32, scale=True),
                    v2.Normalize(**normalise),
                ]
            )
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.images[index]) if self.pil else self.images[index]
        return self.transform(image), int(self.labels[index])


def peer_rows(store: Store, images: int) -> Iterator[tuple[str, Row]]:
    """torch's DataLoader with torchvision's transforms; workers are kept between rounds."""

    def row(dataset: Peer, workers: int) -> Row:
        some = Subset(dataset, np.random.default_rng(0).permutation(len(dataset))[:images].tolist())
        loader = DataLoader(some, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

        def measure() -> float:
            start = time.perf_counter()
            seen = sum(len(labels) for _, labels in loader)
            return seen / (time.perf_counter() - start)

        return measure

    pil, tensors = Peer(store, pil=True), Peer(store, pil=False)
    for workers in (0, 1, 2):
        yield f"DataLoader + torchvision v1 (PIL), {workers} workers", row(pil, workers)
    yield "DataLoader + torchvision v2 (tensors), 2 workers", row(tensors, 2)


RATIOS = (  # what, of what
    ("bare kernel none, 2 threads", "plain conversion, in order, 2 threads"),
    ("bare kernel none, 2 threads", "plain conversion, shuffled, 2 threads"),
    ("mixscope none", "bare kernel none, 2 threads"),
    ("bare kernel mixup, 1 threads", "bare kernel none, 1 threads"),
    ("bare kernel cutmix, 1 threads", "bare kernel none, 1 threads"),
    ("mixscope mixup", "mixscope none"),
    ("mixscope cutmix", "mixscope none"),
    ("mixscope none", "DataLoader + torchvision v1 (PIL), 2 workers"),
    ("mixscope none", "DataLoader + torchvision v2 (tensors), 2 workers"),
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="default: where `mixscope data` puts it")
    parser.add_argument("--set", default="cifar100")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    rounds, repeats, peer_images = (2, 1, 2560) if arguments.quick else (arguments.rounds, 20, 12800)
    store = Store.open(data_root(arguments.data), arguments.set)
    torch.set_num_threads(1)

    rows = dict(bare_rows(store, repeats)) | dict(loader_rows(store, repeats))
    if not arguments.without_peers:
        rows |= dict(peer_rows(store, peer_images))
    for measure in rows.values():  # compiles, starts workers, fills caches
        measure()
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, measure in rows.items():
            found[name].append(measure())

    context = {
        "set": arguments.set, "size": store.size, "batch": BATCH, "rounds": rounds,
        "load": os.getloadavg()[0],
        "cores": len(os.sched_getaffinity(0)), "cpu": platform.processor() or platform.machine(),
    } | {name: metadata.version(name) for name in ("torch", "torchvision", "numba", "numpy")}  # fmt: skip
    print(json.dumps(context))
    for name, rates in found.items():
        middle = statistics.median(rates)
        print(
            json.dumps(
                {"row": name, "median": round(middle), "low": round(min(rates)), "high": round(max(rates))}
            )
        )
    print(f"\n{'images per second (median, range)':<52}{'':>10}")
    for name, rates in found.items():
        middle = statistics.median(rates)
        print(f"{name:<52}{middle:>12,.0f}   {min(rates):,.0f} .. {max(rates):,.0f}")
    print("\nratios, within a round (median, range)")
    for what, reference in RATIOS:
        if reference in found:
            each = [a / b for a, b in zip(found[what], found[reference], strict=True)]
            middle, low, high = statistics.median(each), min(each), max(each)
            print(f"{middle:>8.2f}   {low:.2f} .. {high:.2f}   {what}  /  {reference}")


if __name__ == "__main__":
    main()
