"""The rows of `mixscope bench mixing`, the loader by every method, the loss of mixed labels, and peers.

    python benchmarks/mixing.py [--size 32] [--rounds 15] [--quick] [--without-peers]

Microseconds of processor time for a batch of 256; some minutes for both sizes. Peers mix a float batch
that is ready, labels included, where ours mixes while it makes the batch: "mixing adds" is to be compared.
Rows of the loader are all of it: plans, threads, handing over. kornia and `mixup` of PyPI are named and left
out where they are not installed (benchmarks/requirements.txt).
The loss is measured forward and backward, beside the same loss against soft targets. One JSON line a row and
a ratio, then a table.
"""

import argparse
import dataclasses
import importlib.util
import itertools
import sys
import time
from contextlib import ExitStack

import torch
from timm.data.mixup import Mixup
from torch.nn import functional
from torchvision.transforms import v2

from mixscope.bench import mixing, upper_bounds
from mixscope.bench.mixing import Call, thread_time
from mixscope.bench.rounds import Row
from mixscope.bench.upper_bounds import BATCH
from mixscope.cli.exit_codes import ended
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from mixscope.mixing.loss import mixed_cross_entropy

CLASSES = 100
KORNIA, PYPI = (importlib.util.find_spec(name) is not None for name in ("kornia", "mixup"))
STORED, LOADED = 50_000, 200  # images of the loader's store, batches of a measurement of it


def timm(mix: str, per: str, size: int) -> str:
    return f"timm Mixup {mix}, per {per}, {size} px"


def torchvision(mix: str, size: int) -> str:
    return f"torchvision v2 {mix}, per batch, {size} px"


def by_kornia(mix: str, size: int) -> str:
    return f"kornia {mix}, per elem, {size} px"


def pypi(mix: str, size: int) -> str:
    return f"PyPI mixup {mix}, per batch, {size} px"


def loader(mix: str, size: int) -> str:
    return f"loader {mix}, {size} px"


def loader_rows(size: int, batches: int, stack: ExitStack) -> dict[str, Row]:
    """Processor time of a loader of one thread in the background and its consumer, a batch."""
    store, rows = upper_bounds.Noise(STORED, size), {}

    def row(mix: str) -> Row:
        mixer = None if mix == "none" else upper_bounds.mixer(mix, "batch", size, STORED)
        made = stack.enter_context(
            Loader(
                store,
                "train",
                Sampling(batch_size=BATCH, seed=0, shuffle=True),
                Augmentation(base="crop-flip", mixer=mixer),
                Workers(threads=1),
            )
        )
        taken = itertools.chain.from_iterable(itertools.repeat(made))

        def measure() -> float:
            start = time.process_time()
            for _ in itertools.islice(taken, batches):
                pass
            return (time.process_time() - start) / batches * 1e6

        return measure

    for mix in ("none", *mixing.METHODS):
        rows[loader(mix, size)] = row(mix)
    return rows


def peer_calls(size: int) -> dict[str, Call]:
    """timm, torchvision and kornia on a ready batch. timm works in place, so it mixes what it has mixed."""
    images, labels, calls = torch.randn(BATCH, 3, size, size), torch.randint(CLASSES, (BATCH,)), {}
    for mode in ("batch", "elem"):
        for mix, alphas in (("mixup", (1.0, 0.0)), ("cutmix", (0.0, 1.0)), ("switch", (1.0, 1.0))):
            mixer = Mixup(*alphas, mode=mode, num_classes=CLASSES, label_smoothing=0.0)
            calls[timm(mix, mode, size)] = lambda _, m=mixer: m(images, labels)
    for mix, transform in (("mixup", v2.MixUp), ("cutmix", v2.CutMix)):
        batched = transform(num_classes=CLASSES)
        calls[torchvision(mix, size)] = lambda _, t=batched: t(images, labels)
    if KORNIA:
        from kornia import augmentation

        keys = ["input", "class"]
        by_paper = augmentation.RandomCutMixV2(data_keys=keys, use_correct_lambda=True)
        for mix, mixer in (("mixup", augmentation.RandomMixUpV2(data_keys=keys)), ("cutmix", by_paper)):
            calls[by_kornia(mix, size)] = lambda _, m=mixer: m(images, labels)
    if PYPI:
        import mixup

        soft = functional.one_hot(labels, CLASSES).float()
        for mix, kind in (
            ("mixup", mixup.VanillaMixUp), ("cutmix", mixup.CutMix), ("resizemix", mixup.ResizeMix),
            ("fmix", mixup.FMix), ("saliencymix", mixup.SaliencyMix),
        ):  # fmt: skip
            calls[pypi(mix, size)] = lambda _, m=kind(alpha=1.0): m(images, soft)  # noqa: B008
    return calls


def loss_calls() -> dict[str, Call]:
    """Forward and backward of our loss, and of cross-entropy against soft targets made for the purpose."""

    def soft(
        logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor, lam: torch.Tensor, smoothing: float
    ) -> torch.Tensor:
        target = torch.full_like(logits, smoothing / logits.shape[1])
        target.scatter_add_(1, a[:, None], (1 - smoothing) * lam[:, None])
        target.scatter_add_(1, b[:, None], (1 - smoothing) * (1 - lam)[:, None])
        return functional.cross_entropy(logits, target, reduction="none")

    calls: dict[str, Call] = {}
    for classes, smoothing in itertools.product((100, 200), (0.0, 0.1)):
        logits = torch.randn(BATCH, classes, requires_grad=True)
        a, b = torch.randint(classes, (BATCH,)), torch.randint(classes, (BATCH,))
        lam = torch.rand(BATCH)
        found = [f(logits, a, b, lam, smoothing) for f in (mixed_cross_entropy, soft)]
        assert torch.allclose(*found, atol=1e-5)
        for name, loss in (("pairs", mixed_cross_entropy), ("soft targets", soft)):

            def call(_, loss=loss, logits=logits, a=a, b=b, lam=lam, smoothing=smoothing):
                torch.autograd.grad(loss(logits, a, b, lam, smoothing).mean(), logits)

            calls[f"loss by {name}, {classes} classes, smoothing {smoothing}"] = call
    return calls


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, help="of the images, in pixels (default: 32 and 64)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that it works")
    parser.add_argument("--without-peers", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, there in (("kornia", KORNIA), ("mixup", PYPI)):
        if not there and not given.without_peers:
            print(f"left out: {name} (it is not installed)", file=sys.stderr)
    bunch = 0.002 if given.quick else mixing.BUNCH
    sizes = (given.size,) if given.size else mixing.SIZES
    bench, calls = mixing.rows(sizes, bunch), loss_calls()
    ratios: list[tuple[str, str]] = []
    for size in () if given.without_peers else sizes:
        calls |= peer_calls(size)
        for mix in mixing.METHODS:
            peers = (timm(mix, "batch", size), torchvision(mix, size), by_kornia(mix, size), pypi(mix, size))
            ratios += [(peer, mixing.adds(mix, size)) for peer in peers if peer in calls]
    rows = bench.rows | {name: thread_time(call, bunch) for name, call in calls.items()}
    with ExitStack() as stack:
        for size in sizes:
            rows |= loader_rows(size, 4 if given.quick else LOADED, stack)
            ratios += [(loader("none", size), loader(mix, size)) for mix in mixing.METHODS]
        bench = dataclasses.replace(bench, rows=rows, ratios=bench.ratios + tuple(ratios))
        found = mixing.computed(bench.measure(2 if given.quick else given.rounds))
    print(f"{found.lines()}\n\n{found.table()}")


if __name__ == "__main__":
    raise SystemExit(ended(main))
