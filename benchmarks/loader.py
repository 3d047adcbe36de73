"""The rows of `mixscope bench loader`, and beside them torch's DataLoader with torchvision's transforms.

    python benchmarks/loader.py [--data ROOT] [--set cifar100] [--rounds 15] [--quick] [--without-peers]

ROOT holds a prepared data set (`mixscope data prepare cifar100`). Some 6 minutes for CIFAR-100 on two quiet
cores. All rows make batches of 256 float32 images and take turns in a random order, round after round. One
JSON line a row and a ratio, then a table.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms as v1
from torchvision.transforms import v2

from mixscope.bench import loader
from mixscope.bench.bare import BATCH
from mixscope.bench.rounds import Row
from mixscope.bench.sets import chosen
from mixscope.data import order
from mixscope.data.store import Store, data_root

PEER_IMAGES = 5_000  # of one measurement of a peer
V1, V2 = "DataLoader + torchvision v1 (PIL)", "DataLoader + torchvision v2 (tensors)"


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


def peer_rows(store: Store, images: int) -> dict[str, Row]:
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
    rows = {f"{V1}, {workers} workers": row(pil, workers) for workers in (0, 1, 2)}
    return rows | {f"{V2}, 2 workers": row(tensors, 2)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="data root (default: as of mixscope)")
    parser.add_argument("--set", help="a prepared data set (default: cifar100 if it is there, else digits)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that it works")
    parser.add_argument("--without-peers", action="store_true")
    given = parser.parse_args()
    store = chosen(data_root(given.data), given.set)
    with loader.rows(store, loader.IMAGES // 10 if given.quick else loader.IMAGES) as bench:
        if not given.without_peers:
            peers = peer_rows(store, PEER_IMAGES // 5 if given.quick else PEER_IMAGES)
            against = tuple((loader.loader("none", 1), name) for name in peers if name.endswith(" 2 workers"))
            bench = dataclasses.replace(bench, rows=bench.rows | peers, ratios=bench.ratios + against)
        found = loader.computed(bench.measure(2 if given.quick else given.rounds))
    print(f"{found.lines()}\n\n{found.table()}")


if __name__ == "__main__":
    main()
