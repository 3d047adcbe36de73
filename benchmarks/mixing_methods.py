"""Every mixing method in the loader, and peers that mix a batch that is ready.

    python benchmarks/mixing_methods.py [--size 32] [--rounds 9] [--quick] [--own mymix.py:boxes]

Images per second of processor time: ours from stored bytes to finished, mixed batches with labels (one thread
in the background and the consumer), theirs the mixing alone of a float batch that is there, labels included,
one thread. Batches of 256, one draw a batch. Peers: timm, torchvision v2, kornia and `mixup` of PyPI (`pip
install --no-deps mixup==0.2.2`); those that are not installed are named and left out. One JSON line a row and
a ratio, then a table.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import torch
from timm.data.mixup import Mixup
from torch.nn import functional
from torchvision.transforms import v2

from mixscope import mixing
from mixscope.bench import bare
from mixscope.bench.rounds import Bench, Row
from mixscope.cli.ending import ended
from mixscope.data.loader import Loader
from mixscope.study import methods
from mixscope.study.config import Augment

BATCH, STORED, CLASSES = bare.BATCH, 50_000, 100
NONE = "ours none"
# Of which kind a method is, and the peers' functions that do the same.
PEERS = {
    "mixup": ("timm mixup", "torchvision mixup", "pypi mixup", "kornia mixup"),
    "cutmix": ("timm cutmix", "torchvision cutmix", "pypi cutmix", "kornia cutmix"),
    "resizemix": ("pypi resizemix",),
    "fmix": ("pypi fmix",),
    "saliencymix": ("pypi saliencymix",),
}


def ours(store: bare.Noise, mix: str, images: int, stack: ExitStack) -> Row:
    """Images per processor second of a loader."""
    mixer = None
    if mix != "none":
        mixer = mixing.make(
            Augment(mix=mix), seed=0, epochs=10**9, size=store.size, batch_size=BATCH, examples=STORED,
            patch=store.size // 4,
        )  # fmt: skip
    loader = stack.enter_context(
        Loader(
            store, "train", batch_size=BATCH, seed=0, base="crop-flip", shuffle=True, mixer=mixer, threads=1
        )
    )
    taken = iter(loader)

    def measure() -> float:
        nonlocal taken
        seen, start = 0, time.process_time()
        while seen < images:
            for batch in taken:
                seen += len(batch.ids)
                if seen >= images:
                    break
            else:
                taken = iter(loader)
        return seen / (time.process_time() - start)

    return measure


def theirs(call: Callable[[], object]) -> Row:
    """Images per processor second of a call on a batch."""

    def measure() -> float:
        count, start = 0, time.process_time()
        while (taken := time.process_time() - start) < 0.2:
            call()
            count += 1
        return count * BATCH / taken

    return measure


def peers(size: int) -> dict[str, Row]:
    """What is installed, on a ready batch."""
    torch.manual_seed(0)
    images, labels = torch.randn(BATCH, 3, size, size), torch.randint(CLASSES, (BATCH,))
    soft, calls = functional.one_hot(labels, CLASSES).float(), {}
    for mix, alphas in (("mixup", (1.0, 0.0)), ("cutmix", (0.0, 1.0))):
        batched = Mixup(*alphas, num_classes=CLASSES, label_smoothing=0.0)
        calls[f"timm {mix}"] = lambda m=batched: m(images, labels)
    for mix, kind in (("mixup", v2.MixUp), ("cutmix", v2.CutMix)):
        transform = kind(num_classes=CLASSES)
        calls[f"torchvision {mix}"] = lambda t=transform: t(images, labels)
    if importlib.util.find_spec("mixup") is not None:
        import mixup

        kinds = {
            "mixup": mixup.VanillaMixUp, "cutmix": mixup.CutMix, "resizemix": mixup.ResizeMix,
            "fmix": mixup.FMix, "saliencymix": mixup.SaliencyMix,
        }  # fmt: skip
        for mix, made in kinds.items():
            batched = made()
            calls[f"pypi {mix}"] = lambda m=batched: m(images, soft)
    else:
        print("left out: mixup (it is not installed)", file=sys.stderr)
    if importlib.util.find_spec("kornia") is not None:
        from kornia import augmentation

        for mix, kind in (("mixup", augmentation.RandomMixUpV2), ("cutmix", augmentation.RandomCutMixV2)):
            transform = kind(data_keys=["input", "class"])
            calls[f"kornia {mix}"] = lambda t=transform: t(images, labels)
    else:
        print("left out: kornia (it is not installed)", file=sys.stderr)
    return {name: theirs(call) for name, call in calls.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that it works")
    parser.add_argument("--only", help="these methods, with commas between")
    parser.add_argument("--own", help="a method of your own beside those that come along")
    given = parser.parse_args()
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    names = given.only.split(",") if given.only else [n for n in methods.builtin() if n != "manifold"]
    names += [given.own] if given.own else []
    images, store = 4 * BATCH if given.quick else STORED, bare.Noise(STORED, given.size)
    with ExitStack() as stack:
        rows = {f"ours {methods.label(n)}": ours(store, n, images, stack) for n in ("none", *names)}
        rows |= peers(given.size)
        ratios = [(f"ours {methods.label(n)}", NONE) for n in names]
        ratios += [(f"ours {n}", peer) for n in names for peer in PEERS.get(n, ()) if peer in rows]
        bench = Bench(
            unit="images/s of processor time", rows=rows, ratios=tuple(ratios),
            context={"size": given.size, "stored": STORED, "batch": BATCH, "images": images},
        )  # fmt: skip
        found = bench.measure(2 if given.quick else given.rounds)
    print(f"{found.lines()}\n\n{found.table()}")


if __name__ == "__main__":
    raise SystemExit(ended(main))
