"""Microseconds a batch of 256 costs in mixing: plans, pixels, the loss, and what peers take.

    python benchmarks/mixing.py [--size 32] [--rounds 9] [--quick] [--without-peers]

Plans are asked for one after the other, as the loader's threads do; "plans of an epoch" draws all of them for
50,000 examples. Pixels are mixed where the loader makes them, in the kernel that also gathers, crops, flips
and normalises: "mixing adds" is a plan and the kernel with it, less the kernel without mixing. Peers mix a
float batch that is ready, labels included. The loss is measured forward and backward, beside the same loss
against soft targets. Every row keeps one thread busy, and what is measured is the time the processor gave to
it, so that other work on the machine disturbs little. All rows take turns, round after round; the figures are
medians over rounds, with the range. One JSON line a row, then a table.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib import metadata

import numpy as np
import torch
from timm.data.mixup import Mixup
from torch.nn import functional
from torchvision.transforms import v2

from mixscope import mixing
from mixscope.data import kernels, order
from mixscope.mixing.loss import mixed_cross_entropy
from mixscope.study.config import Augment

BATCH, EXAMPLES, CLASSES = 256, 50_000, 100
FULL = EXAMPLES // BATCH
METHODS = ("mixup", "cutmix", "switch")
Row = Callable[[int], object]  # one call; its argument counts calls


def made(mix: str, per: str, size: int) -> mixing.Mixer:
    """A mixer with the defaults of a run."""
    mixer = mixing.make(
        Augment(mix=mix, per=per), seed=0, epochs=10**9, size=size, batch_size=BATCH, examples=EXAMPLES
    )
    assert mixer is not None
    return mixer


def plan_rows(size: int) -> Iterator[tuple[str, Row]]:
    """A plan of a drawn epoch, and the drawing of one."""
    for mix, per in itertools.product(METHODS, ("batch", "sample")):
        mixer = made(mix, per, size)
        plans = mixer.draw(0)
        assert plans is not None
        yield f"plan {mix}, per {per}", lambda call, p=plans: p.of(call % FULL, BATCH)
        yield f"plans of an epoch {mix}, per {per}", lambda call, m=mixer: m.draw(call)


def pixel_rows(size: int) -> Iterator[tuple[str, Row]]:
    """The fused kernel from bytes to a finished batch, with a new plan for each batch."""
    stored = 4096
    images = np.random.default_rng(0).integers(0, 256, (stored, 3, size, size), dtype=np.uint8)
    draws = order.draw(
        np.arange(stored), stored=stored, seed=0, epoch=0, base="crop-flip", shuffle=True, size=size
    )
    scale, bias = kernels.normaliser((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    fill = kernels.fused(size, order.padding("crop-flip", size))
    out, scratch = torch.empty(BATCH, 3, size, size).numpy(), np.empty((BATCH, 3, size, size), np.uint8)
    nobody, box, blend = np.empty(0, np.int64), np.zeros((BATCH, 4), np.int32), np.zeros(BATCH, np.float32)

    def row(plans: mixing.Plans | None) -> Row:
        def call(count: int) -> None:
            own = draws.order[count % (stored // BATCH) * BATCH :][:BATCH]
            plan = plans.of(count % FULL, BATCH) if plans else None
            partner = nobody if plan is None else plan.partner.copy()
            if plan is not None:  # as in the loader
                box[:], blend[:] = plan.box, plan.blend
            fill(images, own, draws.crop, draws.flip, partner, box, blend, scale, bias, scratch, out)

        return call

    yield "kernel, no mixing", row(None)
    for mix in METHODS:
        yield f"kernel and plan {mix}", row(made(mix, "batch", size).draw(0))


def peer_rows(size: int) -> Iterator[tuple[str, Row]]:
    """timm and torchvision on a ready batch. timm works in place, so it mixes what it has mixed."""
    images, labels = torch.randn(BATCH, 3, size, size), torch.randint(CLASSES, (BATCH,))
    for mode in ("batch", "elem"):
        for mix, alphas in (("mixup", (1.0, 0.0)), ("cutmix", (0.0, 1.0)), ("switch", (1.0, 1.0))):
            mixer = Mixup(*alphas, mode=mode, num_classes=CLASSES, label_smoothing=0.0)
            yield f"timm Mixup {mix}, per {mode}", lambda _, m=mixer: m(images, labels)
    for mix, transform in (("mixup", v2.MixUp), ("cutmix", v2.CutMix)):
        batched = transform(num_classes=CLASSES)
        yield f"torchvision v2 {mix}, per batch", lambda _, t=batched: t(images, labels)


def loss_rows() -> Iterator[tuple[str, Row]]:
    """Forward and backward of our loss, and of cross-entropy against soft targets made for the purpose."""

    def soft(
        logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor, lam: torch.Tensor, smoothing: float
    ) -> torch.Tensor:
        target = torch.full_like(logits, smoothing / logits.shape[1])
        target.scatter_add_(1, a[:, None], (1 - smoothing) * lam[:, None])
        target.scatter_add_(1, b[:, None], (1 - smoothing) * (1 - lam)[:, None])
        return functional.cross_entropy(logits, target, reduction="none")

    for classes, smoothing in itertools.product((100, 200), (0.0, 0.1)):
        logits = torch.randn(BATCH, classes, requires_grad=True)
        a, b = torch.randint(classes, (BATCH,)), torch.randint(classes, (BATCH,))
        lam = torch.rand(BATCH)
        found = [f(logits, a, b, lam, smoothing) for f in (mixed_cross_entropy, soft)]
        assert torch.allclose(*found, atol=1e-5)
        for name, loss in (("pairs", mixed_cross_entropy), ("soft targets", soft)):

            def call(_, loss=loss, logits=logits, a=a, b=b, lam=lam, smoothing=smoothing):  # type: ignore[no-untyped-def]
                torch.autograd.grad(loss(logits, a, b, lam, smoothing).mean(), logits)

            yield f"loss by {name}, {classes} classes, smoothing {smoothing}", call


def timed(row: Row, calls: int) -> float:
    """Microseconds of this thread's processor time a call."""
    start = time.thread_time()
    for count in range(calls):
        row(count)
    return (time.thread_time() - start) / calls * 1e6


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    rounds, bunch = (2, 0.002) if arguments.quick else (arguments.rounds, 0.05)
    torch.set_num_threads(1)

    rows = dict(plan_rows(arguments.size)) | dict(pixel_rows(arguments.size)) | dict(loss_rows())
    if not arguments.without_peers:
        rows |= dict(peer_rows(arguments.size))
    calls = {}
    for name, row in rows.items():  # compiles, fills caches, and says how many calls fill a bunch
        timed(row, 2)
        calls[name] = max(2, int(bunch / (timed(row, 2) * 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            found[name].append(timed(row, calls[name]))
    for mix in METHODS:  # a difference within each round
        pairs = zip(found[f"kernel and plan {mix}"], found["kernel, no mixing"], strict=True)
        found[f"mixing adds, {mix}"] = [a - b for a, b in pairs]

    context = {"size": arguments.size, "batch": BATCH, "examples": EXAMPLES, "rounds": rounds}
    context |= {"load": os.getloadavg()[0], "cpu": platform.processor() or platform.machine()}
    for name in ("torch", "torchvision", "timm", "numba", "numpy"):
        context[name] = metadata.version(name)
    print(json.dumps(context))
    figures = {name: (statistics.median(f), min(f), max(f)) for name, f in found.items()}
    for name, (middle, low, high) in figures.items():
        print(
            json.dumps(
                {"row": name, "median": round(middle, 1), "low": round(low, 1), "high": round(high, 1)}
            )
        )
    print(f"\n{f'microseconds a batch of {BATCH} (median, range)':<52}")
    for name, (middle, low, high) in figures.items():
        print(f"{name:<52}{middle:>12,.1f}   {low:,.1f} .. {high:,.1f}")


if __name__ == "__main__":
    main()
