"""`mixscope data prepare tiny-imagenet` beside the bare decoder, and beside ImageFolder that reads with PIL.

    python benchmarks/ingest.py --source tiny-imagenet-200 [--rounds 5]
    python benchmarks/ingest.py --source tiny-imagenet-200 --memory

Rows, in turn: the command, from the folder to a store on disk; simplejpeg on every JPEG file, each read
and decoded and thrown away, in one process and in one a core; torch's DataLoader over ImageFolder, a process
a core, on 10,000 images. Files are in the page cache, since the first row has read them. Images per second of
wall time, then microseconds of processor an image, which other work disturbs less. Two minutes for 110,000
images on two quiet cores.

--memory: peak memory of the command with all its processes, for the whole folder and for a tenth of it.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg

from mixscope.bench import rounds
from mixscope.cli.ending import ended
from mixscope.data.loader import cores
from peers import Watch

BY_PIL = 10_000  # images that ImageFolder reads in a measurement
PREPARE = "mixscope data prepare"


def decode(files: list[str]) -> float:
    """Reads and decodes; the seconds of processor that took."""
    start = time.process_time()
    for file in files:
        with open(file, "rb", buffering=0) as stream:
            simplejpeg.decode_jpeg(stream.read(), colorspace="RGB")
    return time.process_time() - start


def processor() -> float:
    """Seconds of processor of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def prepare(source: Path, root: Path) -> None:
    """The command, as a user gives it."""
    command = [sys.executable, "-m", "mixscope", "data", "prepare", "tiny-imagenet", "--source", source]
    subprocess.run([*command, "--root", root], stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="an unpacked tiny-imagenet-200")
    parser.add_argument("--place", type=Path, help="a folder for what is prepared (default: a temporary one)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.place) as place:
        if arguments.memory:
            memory(arguments.source, Path(place))
        else:
            speed(arguments.source, Path(place), arguments.rounds)


def speed(source: Path, place: Path, count: int) -> None:
    from torch.utils.data import DataLoader, Subset
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    files = [str(f) for part in ("train", "val") for f in sorted((source / part).rglob("*.JPEG"))]
    spent: dict[str, list[float]] = {}

    def prepared() -> float:
        shutil.rmtree(place / "root", ignore_errors=True)
        before, start = processor(), time.perf_counter()
        prepare(source, place / "root")
        took = time.perf_counter() - start
        spent.setdefault(PREPARE, []).append((processor() - before) / len(files))
        return len(files) / took

    def bare(pool: ProcessPoolExecutor, processes: int) -> Any:
        parts = [files[i : i + 500] for i in range(0, len(files), 500)]

        def measure() -> float:
            start = time.perf_counter()
            used = sum(pool.map(decode, parts))
            spent.setdefault(simple(processes), []).append(used / len(files))
            return len(files) / (time.perf_counter() - start)

        return measure

    def by_folder() -> float:
        folder = ImageFolder(str(source / "train"), v2.PILToTensor())
        some = Subset(folder, range(min(BY_PIL, len(folder))))
        start = time.perf_counter()
        seen = sum(len(labels) for _, labels in DataLoader(some, 256, num_workers=cores()))
        return seen / (time.perf_counter() - start)

    context = multiprocessing.get_context("spawn")
    numbers = sorted({1, cores()})
    pools = {n: ProcessPoolExecutor(n, context) for n in numbers}
    by_pil = f"ImageFolder + PIL, {cores()} workers"
    rows = {PREPARE: prepared, **{simple(n): bare(pools[n], n) for n in numbers}, by_pil: by_folder}
    found = rounds.measure(
        rows,
        unit="images/s",
        rounds=count,
        ratios=[(PREPARE, simple(cores())), (PREPARE, by_pil)],
        context={"images": len(files), "source": source.name},
    )
    for pool in pools.values():
        pool.shutdown()
    print(found.lines())
    middle = {name: 1e6 * statistics.median(each[1:]) for name, each in spent.items()}
    for name, each in spent.items():
        low, high = 1e6 * min(each[1:]), 1e6 * max(each[1:])
        print(json.dumps({"row": name, "unit": "processor us/image", "median": middle[name],
                          "low": low, "high": high}))  # fmt: skip
    print(f"\n{found.table()}\n\nprocessor, microseconds an image (median of {count})")
    for name, each in middle.items():
        print(f"{name:<40}{each:>8.1f}")
    print(f"{middle[simple(cores())] / middle[PREPARE]:>8.2f}   bare / prepare")


def simple(processes: int) -> str:
    return f"simplejpeg, {processes} process{'es' if processes > 1 else ''}"


def memory(source: Path, place: Path) -> None:
    print(json.dumps({"context": rounds.machine() | {"source": source.name}}))
    for title, folder in (("whole", source), ("a tenth", tenth(source, place / "tenth"))):
        images = sum(1 for part in ("train", "val") for _ in (folder / part).rglob("*.JPEG"))
        command = [sys.executable, "-m", "mixscope", "data", "prepare", "tiny-imagenet", "--source", folder]
        process = subprocess.Popen([*command, "--root", place / title], stdout=subprocess.DEVNULL)
        with Watch(process.pid) as watch:
            if process.wait() != 0:
                raise SystemExit(f"prepare of {title} failed with {process.returncode}")
        print(json.dumps({
            "row": title, "images": images, "peak_pss_mb": max(s["Pss"] for s in watch.seen) / 1024,
            "own_mb": max(s["own"] for s in watch.seen) / 1024, "samples": len(watch.seen),
        }), flush=True)  # fmt: skip


def tenth(source: Path, to: Path) -> Path:
    """A tenth of the images of every class, in the same layout."""
    to.mkdir()
    for name in ("wnids.txt", "words.txt"):
        shutil.copy(source / name, to / name)
    for wnid in (source / "wnids.txt").read_text().split():
        (to / "train" / wnid / "images").mkdir(parents=True)
        lines = (source / "train" / wnid / f"{wnid}_boxes.txt").read_text().splitlines(True)
        lines = lines[: len(lines) // 10]
        (to / "train" / wnid / f"{wnid}_boxes.txt").write_text("".join(lines))
        for line in lines:
            name = line.split("\t")[0]
            shutil.copy(source / "train" / wnid / "images" / name, to / "train" / wnid / "images" / name)
    (to / "val" / "images").mkdir(parents=True)
    of: dict[str, list[str]] = {}
    for line in (source / "val" / "val_annotations.txt").read_text().splitlines(True):
        of.setdefault(line.split("\t")[1], []).append(line)
    lines = [line for each in of.values() for line in each[: max(1, len(each) // 10)]]
    (to / "val" / "val_annotations.txt").write_text("".join(lines))
    for line in lines:
        name = line.split("\t")[0]
        shutil.copy(source / "val" / "images" / name, to / "val" / "images" / name)
    return to


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(ended(main))
