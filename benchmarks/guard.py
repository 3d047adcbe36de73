"""Fails when the loader's kernels have become plainly slower: `make bench-guard`.

    python benchmarks/guard.py [--ratios]

Where valgrind is installed, instructions an image are counted (callgrind), which no other work on the machine
changes: one to two minutes, and one more the first time, for the kernels are compiled for the processor that
valgrind shows. Elsewhere, or with --ratios, rates are compared within this process: half a minute. A line a
figure; exit code 1 and a sentence for each bound that is passed. The bounds stand in bounds.py.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bounds import COUNTS, INSTRUCTIONS, RATIOS, Bound, judge

BATCH, BATCHES, STORED = 256, 40, 1024
NOTHING = "nothing"
ROUNDS, IMAGES = 7, 100_000


def calls() -> dict[str, Callable[[], None]]:
    """One batch each. Without torch, which would take minutes under valgrind."""
    from mixscope.data import kernels, order

    made: dict[str, Callable[[], None]] = {NOTHING: lambda: None}
    for size, mixes in ((32, ("none", "mixup", "cutmix")), (64, ("none", "mixup", "cutmix"))):
        images = np.random.default_rng(0).integers(0, 256, (STORED, 3, size, size), dtype=np.uint8)
        images.flags.writeable = False
        draws = order.draw(
            np.arange(STORED), stored=STORED, seed=0, epoch=0, base="crop-flip", shuffle=True, size=size
        )
        scale, bias = kernels.normaliser((0.5,) * 3, (0.25,) * 3)
        fill, own = kernels.fused(size, order.padding("crop-flip", size)), draws.order[:BATCH]
        out = np.zeros((BATCH, 3, size, size), np.float32)
        for mix in mixes:
            n = 0 if mix == "none" else BATCH
            # All of the image blended, or a box of half of its sides pasted.
            edges = (0, size, 0, size) if mix == "mixup" else (size // 4, 3 * size // 4) * 2
            plan = (
                np.roll(np.arange(n), 1),
                np.tile(np.array(edges, np.int32), (n, 1)),
                np.full(n, 0.5 if mix == "mixup" else 0.0, np.float32),
                *kernels.UNMIXED[3:],
            )
            staged = np.zeros((n, 3, size, size), np.uint8)
            drawn = own, own, draws.crop, draws.flip, *kernels.KEPT
            given = (images, *drawn, *plan, scale, bias, staged, out)
            made[f"kernel {mix}, {size} px"] = lambda fill=fill, given=given: fill(*given)
    return made


def child() -> None:
    """Under valgrind: every call in a process of its own, forked when all is compiled, so that the counts of
    two differ in nothing but the calls. Prints their process numbers."""
    made, numbers = calls(), {}
    for call in made.values():
        call()
    for name, call in made.items():
        number = os.fork()
        if number == 0:
            for _ in range(BATCHES):
                call()
            os._exit(0)
        os.waitpid(number, 0)
        numbers[name] = number
    print(json.dumps(numbers))


def counts() -> dict[str, float]:
    """Instructions an image, by name."""
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as folder:
        line = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/%p", sys.executable, __file__]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run([*line, "--child"], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"valgrind failed: {done.stderr[-2000:]}")
        numbers = json.loads(done.stdout.splitlines()[-1])
        totals = {name: total(Path(folder) / str(number)) for name, number in numbers.items()}
    return {
        name: (count - totals[NOTHING]) / (BATCHES * BATCH)
        for name, count in totals.items()
        if name != NOTHING
    }


def total(file: Path) -> int:
    """What callgrind counted in all."""
    lines = file.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(("summary:", "totals:"))).split()[1])


def ratios() -> dict[str, float]:
    """Rates of rows of `mixscope bench loader` on noise, compared within a round; medians."""
    from mixscope.bench import loader, upper_bounds
    from mixscope.bench.rounds import measure
    from mixscope.data.loader import Augmentation, Loader, Sampling, Workers

    store = upper_bounds.Noise(20_000, 32)
    source = upper_bounds.Bytes.of(store)

    def row(make: upper_bounds.Make, threads: int = 1) -> Callable[[], float]:
        return upper_bounds.in_threads(make, 32, threads, IMAGES // BATCH)

    with Loader(
        store,
        "train",
        Sampling(batch_size=BATCH, seed=0, shuffle=True),
        Augmentation(base="crop-flip"),
        Workers(threads=1),
    ) as made:
        rows = {mix: row(upper_bounds.kernel(source, mix)) for mix in loader.MIXES}
        rows["conversion"] = row(upper_bounds.conversion(source, shuffled=True))
        rows["two"] = row(upper_bounds.kernel(source), 2)
        rows["loader"] = loader.loader_row(made, IMAGES)
        found = measure(rows, unit="images/s", rounds=ROUNDS)
    pairs = ("none", "conversion"), ("loader", "two"), ("mixup", "none"), ("cutmix", "none")
    return {name: found.ratio(*pair)[0] for name, pair in zip(RATIOS, pairs, strict=True)}


def main() -> None:
    """Measures, judges, says so."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratios", action="store_true", help="also where valgrind is installed")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child()
    bounds: dict[str, Bound] = RATIOS
    if given.ratios or shutil.which("valgrind") is None:
        figures = ratios()
    else:
        bounds, figures = COUNTS, counts()
    for name, figure in figures.items():
        unit = bounds[name].unit if name in bounds else INSTRUCTIONS
        print(f"{name:<56}{figure:>12,.4g} {unit}")
    passed = judge(figures, bounds)
    for sentence in passed:
        print(sentence, file=sys.stderr)
    sys.exit(1 if passed else 0)


if __name__ == "__main__":
    main()
