"""What share of the machine the arithmetic of training gets, and what ways of computing it are worth.

    python benchmarks/arithmetic.py peak [--model resnet50 ...] [--compile]
    python benchmarks/arithmetic.py layers [--model resnet50 ...]
    python benchmarks/arithmetic.py optimisers [--model ...]
    python benchmarks/arithmetic.py folding [--model resnet50 ...]
Common: --batch N, --size PIXELS, --rounds N. Set OMP_NUM_THREADS to the cores that are idle. No data set is
needed.

peak: images/s of training, with torch's convolutions ("plain") and with ours, and the share of what a large
float32 matrix product reaches in the same round; then where a step goes, by kind of operation. The arithmetic
is that of torch's convolutions, padding included; where ours are whole matrices they do less. --compile: what
is run on a CPU, channels_last, with torch.compile too.
layers: every convolution and every linear layer alone, forward and backward, by torch in both memory layouts,
by mixscope (training/convolution.py), and beside the matrix products that it consists of, on operands of just
these sizes: what a network could reach if it had nothing else to do.
optimisers: a step of each in torch's three ways.
folding: a forward pass as it is, and with batch norm folded into the convolutions before it.
One JSON line a row, then a table.
"""

import argparse
import contextlib
import copy
import itertools
import json
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from loop import MODELS, config, say, timed
from mixscope.bench import rounds
from mixscope.study import config as settings
from mixscope.training import models, optim
from mixscope.training.convolution import Convolution, exchange

MATRIX = 2048
PRODUCT = "matrix product"


def network(name: str, size: int = 32) -> nn.Module:
    return models.build(config(name, 0).model, n_classes=100, image_size=size, seed=0).module


def plain(module: nn.Module) -> nn.Module:
    """A copy of a network with torch's own convolutions."""
    twin = copy.deepcopy(module)
    for each in twin.modules():
        if type(each) is Convolution:
            each.__class__ = nn.Conv2d
    return twin


def product(m: int, k: int, n: int) -> Callable[[], object]:
    left, right = torch.randn(m, k), torch.randn(k, n)
    return lambda: left @ right


# --- the peak -----------------------------------------------------------------------------------


def peak(name: str, batch: int, size: int, repeats: int, compiled: bool) -> list[dict[str, Any]]:
    """Images/s of whole steps, and the share of a matrix product's rate, by precision, layout, compiling."""
    given = config(name, batch or 128)
    built = network(name, size)
    images, labels = (
        torch.randn(given.train.batch_size, 3, size, size),
        torch.randint(100, (given.train.batch_size,)),
    )
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(plain(built)(images[:2]), labels[:2]).backward()
    flops = counter.get_total_flops() / 2  # of an image, forward and backward
    large = product(MATRIX, MATRIX, MATRIX)
    rows: dict[str, rounds.Row] = {PRODUCT: lambda: 2 * MATRIX**3 / timed(large)}
    convolutional = any(isinstance(each, Convolution) and each.stride == (1, 1) for each in built.modules())
    compiling: dict[str, float] = {}
    for bf16, last, own in itertools.product((False, True), (False, True), (False, True)):
        if not (own or convolutional):
            continue
        for quick in (False, True) if compiled and own and last else (False,):
            label = " ".join(
                ["bf16" if bf16 else "fp32", *["channels_last"] * last, *["plain"] * (not own)]
                + ["compiled"] * quick
            )
            twin = copy.deepcopy(built) if own else plain(built)
            do = whole_step(twin, images, labels, bf16=bf16, last=last, quick=quick)
            compiling[label] = timed(do) if quick else 0.0
            rows[label] = lambda do=do: given.train.batch_size / timed(do)
    first = next(label for label in rows if label.startswith("fp32"))
    found = rounds.measure(rows, unit="images/s", rounds=repeats)
    products = found.found[PRODUCT]
    out = [{"model": name, "batch": given.train.batch_size, "way": "matrix product, float32",
            "gflops": statistics.median(products) / 1e9}]  # fmt: skip
    for label in list(rows)[1:]:
        shares = [100 * rate * flops / most for rate, most in zip(found.found[label], products, strict=True)]
        ratio = found.ratio(label, first)
        out.append({
            "model": name, "batch": given.train.batch_size, "way": label,
            "gflops": statistics.median(found.found[label]) * flops / 1e9,
            "images_per_second": statistics.median(found.found[label]),
            "percent_of_product": statistics.median(shares), "low": min(shares), "high": max(shares),
            "of_first": ratio[0], "of_first_low": ratio[1], "of_first_high": ratio[2],
            "compile_s": compiling[label] or None,
        })  # fmt: skip
    return [{**dict.fromkeys(out[-1]), **row} for row in out] + kinds(name, built, images, labels, out[-1])


def whole_step(
    module: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, bf16: bool, last: bool, quick: bool
) -> Callable[[], None]:
    layout = torch.channels_last if last else torch.contiguous_format
    module.to(memory_format=layout).train()
    optimiser = optim.make(module, settings.Optim(name="adamw"))
    forward: Any = torch.compile(module, dynamic=False) if quick else module
    precision: Any = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()

    def do() -> None:
        batch = images.contiguous(memory_format=layout)
        with precision:
            logits = forward(batch).float()
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, labels).backward()
        optimiser.step()

    return do


KINDS = {  # of operations, by a word of their name
    "convolution, backward": "convolution_backward",
    "convolution, forward": "mkldnn_convolution",
    "batch norm, backward": "batch_norm_backward",
    "batch norm, forward": "native_batch_norm",
    "layer norm": "layer_norm",
    "matrix products": "addmm aten::mm aten::bmm",
    "attention": "flash_attention",
    "activations": "threshold_backward clamp_min relu gelu",
    "pooling": "pool",
    "optimiser": "_fused_adamw",
    "copies and layout": "copy_ mkldnn_reorder",
    "additions": "aten::add",
}


def kinds(
    name: str, built: nn.Module, images: torch.Tensor, labels: torch.Tensor, like: dict[str, Any]
) -> list[dict[str, Any]]:
    """Where a step goes, by kind of operation: its own time, as a share of the step, for both layouts."""
    out = []
    for last in (False, True):
        do = whole_step(copy.deepcopy(built), images, labels, bf16=False, last=last, quick=False)
        do()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            do()
        events = seen.key_averages()
        total = sum(e.self_cpu_time_total for e in events)
        left = total
        for kind, words in KINDS.items():
            mine = sum(e.self_cpu_time_total for e in events if _is(e.key, words, kind))
            left -= mine
            out.append((kind, last, 100 * mine / total))
        out.append(("all else", last, 100 * left / total))
    return [
        {**dict.fromkeys(like), "model": name, "batch": len(images),
         "way": f"{kind}{', channels_last' if last else ''}", "percent_of_step": share}
        for kind, last, share in out if share > 0.05
    ]  # fmt: skip


def _is(key: str, words: str, kind: str) -> bool:
    first = next((k for k, w in KINDS.items() if any(word in key for word in w.split())), None)
    return first == kind


# --- layer by layer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """What a convolution or a linear layer is to the processor: positions x inputs times inputs x outputs.

    shape: of its input. stride 0: a linear layer.
    """

    shape: tuple[int, ...]
    outputs: int
    window: int
    stride: int
    padding: int
    positions: int

    @property
    def inputs(self) -> int:
        return self.shape[1 if self.stride else -1] * self.window**2

    @property
    def flops(self) -> int:
        """Of the forward pass; the two products backward have as many each."""
        return 2 * self.positions * self.inputs * self.outputs

    @property
    def kind(self) -> str:
        if not self.stride:
            return "linear"
        side = self.shape[-1] // self.stride
        return f"{self.window} x {self.window} to {side} x {side}"

    def both_ways(self, *, last: bool = False) -> Callable[[], object]:
        """Forward and backward, by autograd; last: channels_last."""
        x, weight = torch.randn(self.shape), torch.randn(self.outputs, self.inputs)
        if self.stride:
            weight = weight.view(self.outputs, self.shape[1], self.window, self.window)
            layout = torch.channels_last if last else torch.contiguous_format
            x, weight = (each.contiguous(memory_format=layout) for each in (x, weight))
        wanted = x.requires_grad_(), weight.requires_grad_()

        def forward() -> torch.Tensor:
            if self.stride:
                return functional.conv2d(x, weight, stride=self.stride, padding=self.padding)
            return functional.linear(x, weight)

        back = torch.randn_like(forward())
        return lambda: torch.autograd.grad(forward(), wanted, back)

    def ours(self) -> Callable[[], object]:
        """Forward and backward of `Convolution`, channels_last."""
        module = nn.Conv2d(self.shape[1], self.outputs, self.window, self.stride, self.padding, bias=False)
        exchange(module.to(memory_format=torch.channels_last))
        x = torch.randn(self.shape).contiguous(memory_format=torch.channels_last).requires_grad_()
        back = torch.randn_like(module(x))
        return lambda: torch.autograd.grad(module(x), (x, module.weight), back)

    def products(self) -> Callable[[], object]:
        """The three matrix products of the same numbers, on operands that lie as they are wanted."""
        m, k, n = self.positions, self.inputs, self.outputs
        each = [product(m, k, n), product(m, n, k), product(k, m, n)]

        def do() -> None:
            for one in each:
                one()

        return do


def layers_of(built: nn.Module, batch: int, size: int) -> Counter[Layer]:
    """The layers of a network, and how many of each there are."""
    seen: Counter[Layer] = Counter()

    def look(module: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        shape = tuple(given[0].shape)
        if isinstance(module, nn.Conv2d):
            assert module.groups == 1 and module.kernel_size[0] == module.kernel_size[1]
            padding = module.padding[0]
            assert isinstance(padding, int)
            place = (module.kernel_size[0], module.stride[0], padding)
        else:
            place = (1, 0, 0)
        channel = 1 if isinstance(module, nn.Conv2d) else -1
        seen[Layer(shape, made.shape[channel], *place, positions=made.numel() // made.shape[channel])] += 1

    hooks = [m.register_forward_hook(look) for m in built.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        built(torch.randn(batch, 3, size, size))
    for hook in hooks:
        hook.remove()
    return seen


def often(do: Callable[[], object], seconds: float = 0.02) -> rounds.Row:
    """Seconds of a call, of as many in a row as take some `seconds`."""
    calls = 0

    def measure() -> float:
        nonlocal calls
        if not calls:
            do()
            calls = max(1, round(seconds / timed(do)))
        return timed(lambda: [do() for _ in range(calls)]) / calls

    return measure


def layers(name: str, batch: int, size: int, repeats: int) -> list[dict[str, Any]]:
    """By kind of layer: its share of the arithmetic and of the time, and its rate when alone."""
    batch = batch or 128
    seen = layers_of(network(name, size).train(), batch, size)
    rows: dict[str, rounds.Row] = {PRODUCT: often(product(MATRIX, MATRIX, MATRIX))}
    for number, layer in enumerate(seen):
        rows[f"{number}"] = often(layer.both_ways())
        rows[f"{number} channels_last"] = often(layer.both_ways(last=True))
        if layer.stride:
            rows[f"{number} ours"] = often(layer.ours())
        rows[f"{number} as products"] = often(layer.products())
    found = rounds.measure(rows, unit="seconds", rounds=repeats).found
    most = [2 * MATRIX**3 / seconds for seconds in found[PRODUCT]]

    def summed(kinds: set[str], suffix: str = "") -> list[float]:
        chosen = [(f"{i}{suffix}", n) for i, (layer, n) in enumerate(seen.items()) if layer.kind in kinds]
        lines = [(found.get(row, found[row.split()[0]]), n) for row, n in chosen]
        return [sum(n * line[turn] for line, n in lines) for turn in range(repeats)]

    everything = {layer.kind for layer in seen}
    whole = statistics.median(summed(everything))
    arithmetic = sum(3 * layer.flops * n for layer, n in seen.items())
    out = []
    for kinds in ({"all"}, *({kind} for kind in dict.fromkeys(layer.kind for layer in seen))):
        chosen = everything if kinds == {"all"} else kinds
        flops = sum(3 * layer.flops * n for layer, n in seen.items() if layer.kind in chosen)
        took = summed(chosen)
        shares = {
            suffix: [100 * flops / s / m for s, m in zip(summed(chosen, suffix), most, strict=True)]
            for suffix in ("", " channels_last", " ours", " as products")
        }
        out.append({
            "model": name, "batch": batch, "layers": " ".join(kinds),
            "count": sum(n for layer, n in seen.items() if layer.kind in chosen),
            "percent_of_arithmetic": 100 * flops / arithmetic,
            "percent_of_time": 100 * statistics.median(took) / whole, "ms": 1e3 * statistics.median(took),
            "percent_of_product": statistics.median(shares[""]), "low": min(shares[""]),
            "high": max(shares[""]), "channels_last": statistics.median(shares[" channels_last"]),
            "ours": statistics.median(shares[" ours"]),
            "as_products": statistics.median(shares[" as products"]),
        })  # fmt: skip
    return out


# --- ways of computing --------------------------------------------------------------------------------


def optimisers(name: str, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of a step of the optimiser alone: as torch chooses, by lists of tensors, fused."""
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "AdamW": torch.optim.AdamW,
        "SGD": lambda p, **more: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, **more),
    }
    ways: dict[str, dict[str, bool]] = {
        "torch's choice": {},
        "foreach": {"foreach": True},
        "fused": {"fused": True},
    }
    rows: dict[str, rounds.Row] = {}
    for kind, make in kinds.items():
        for way, how in ways.items():
            built = network(name)
            for parameter in built.parameters():
                parameter.grad = torch.randn_like(parameter)
            rows[f"{kind}, {way}"] = often(make(built.parameters(), **how).step)
    found = rounds.measure(rows, unit="seconds", rounds=repeats)
    out = []
    for row, figures in found.found.items():
        ratio = found.ratio(row, f"{row.split(',')[0]}, torch's choice")
        out.append({
            "model": name, "way": row, "ms": 1e3 * statistics.median(figures), "low": 1e3 * min(figures),
            "high": 1e3 * max(figures), "of_torchs_choice": ratio[0],
        })  # fmt: skip
    return out


def folding(name: str, batch: int, size: int, repeats: int) -> list[dict[str, Any]]:
    """A forward pass for evaluation with batch norm as it is and folded, and how far logits move."""
    built, images = network(name, size).eval(), torch.randn(batch or 512, 3, size, size)
    folded = fuse(plain(built))
    exchange(folded)
    for each in (built, folded):
        each.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        apart = float((folded(images) - built(images)).abs().max())
        found = rounds.measure(
            {"as it is": lambda: len(images) / timed(lambda: built(images)),
             "folded": lambda: len(images) / timed(lambda: folded(images))},
            unit="images/s", rounds=repeats,
        )  # fmt: skip
    median, low, high = found.ratio("folded", "as it is")
    return [{
        "model": name, "batch": len(images), "as_it_is": statistics.median(found.found["as it is"]),
        "folded": statistics.median(found.found["folded"]), "ratio": median, "low": low, "high": high,
        "logits_move": apart,
    }]  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("peak", "layers", "optimisers", "folding"))
    parser.add_argument("--model", action="append", choices=tuple(MODELS))
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--size", type=int, default=32, help="of images, pixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    print(json.dumps({"context": rounds.machine() | {"torch_threads": torch.get_num_threads()}}))
    if given.what == "optimisers":
        for name in given.model or list(MODELS):
            say(optimisers(name, given.rounds))
        return
    for name in given.model or (["resnet50"] if given.what == "folding" else ["resnet50", "vit-s16"]):
        if given.what == "layers":
            say(layers(name, given.batch, given.size, given.rounds))
        elif given.what == "folding":
            say(folding(name, given.batch, given.size, given.rounds))
        else:
            rows = peak(name, given.batch, given.size, given.rounds, given.compile)
            say([row for row in rows if row.get("percent_of_step") is None])
            say([{k: row[k] for k in ("model", "batch", "way", "percent_of_step")} for row in rows
                 if row.get("percent_of_step") is not None])  # fmt: skip


if __name__ == "__main__":
    main()
