"""Images per second in all: two runs of one thread, one run of two threads, one run of two ranks.

    python benchmarks/scaling.py [--root DIR] [--rounds 3] [--per-class 8] [--batch 64] [--epochs 3]

Real CIFAR-100, bf16, batch as given in all arrangements (two ranks take half of it each). Each figure is that
of training as `mixscope train` records it, the median over the epochs after the first; runs are stopped once
each has made so many, so that none is measured alone. Arrangements take turns, round after round; the figures
are medians over rounds, with the range, and ratios within a round. Other work on the machine makes them void.
One JSON line a measurement, then a table.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from mixscope.data.store import data_root
from mixscope.runs import records

MODELS = {
    "ResNet50": ["model.arch=resnet50"],
    "ViT-S/16": ["model.arch=vit_small_patch16_224", "model.patch_size=16"],
}
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# name: processes that are started, threads of each, what starts them
ARRANGEMENTS: dict[str, tuple[int, int, list[str]]] = {
    "1 run x 2 threads": (1, 2, []),
    "2 runs x 1 thread": (2, 1, []),
    "1 run x 2 ranks x 1 thread": (1, 1, TORCHRUN),
}


def measure(name: str, model: list[str], given: argparse.Namespace) -> float:
    """Images per second of all runs of an arrangement together."""
    count, threads, starter = ARRANGEMENTS[name]
    settings = [
        "data.name=cifar100",
        f"data.per_class={given.per_class}",
        "train.precision=bf16",
        f"train.batch_size={given.batch}",
        "train.epochs=1000",
        "run.device=cpu",
        "run.checkpoint_seconds=3600",
        *model,
    ]
    command = ["-m", "mixscope", "train", *settings]
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / str(i) for i in range(count)]
        started = [
            subprocess.Popen(
                [sys.executable, *starter, *command, f"seed={i}", "--out", out, "--root", given.root],
                env=os.environ
                | {key: str(threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for i, out in enumerate(outs)
        ]
        try:
            while min(map(epochs, outs)) < given.epochs:
                time.sleep(0.2)
                if any(process.poll() is not None for process in started):
                    sys.exit(f"{name}: ended before it was measured; `mixscope train` says why")
        finally:
            for process in started:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        rates = [[row["images_per_second"] for row in records.read_events(out, "epoch")][1:] for out in outs]
    return sum(map(statistics.median, rates))


def epochs(out: Path) -> int:
    """How many a run has made."""
    return len(records.read_events(out, "epoch")) if (out / "events.jsonl").exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-class", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    given.root = data_root(given.root)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn, model in itertools.product(range(given.rounds), MODELS):
        for name in list(ARRANGEMENTS)[turn % 3 :] + list(ARRANGEMENTS)[: turn % 3]:
            rate = measure(name, MODELS[model], given)
            found[model, name].append(rate)
            line = {"round": turn, "model": model, "arrangement": name, "images_per_second": round(rate, 1)}
            print(json.dumps({**line, "load": os.getloadavg()[0]}), flush=True)
    print("\n| model | arrangement | img/s | to 1 run x 2 threads |\n|---|---|---|---|")
    for (model, name), rates in found.items():
        ratios = [a / b for a, b in zip(rates, found[model, next(iter(ARRANGEMENTS))], strict=True)]
        print(f"| {model} | {name} | {spread(rates, '.0f')} | {spread(ratios, '.2f')} |")


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
