"""`mixscope data prepare tiny-imagenet` beside the bare decoder, and beside ImageFolder that reads with PIL.

    python benchmarks/ingest.py --source tiny-imagenet-200 [--rounds 5]
    python benchmarks/ingest.py --source tiny-imagenet-200 --parts
    python benchmarks/ingest.py --source tiny-imagenet-200 --decoders
    python benchmarks/ingest.py --source tiny-imagenet-200 --memory

Rows, in turn: the command, from the folder to a store on disk; simplejpeg on every JPEG file, each read
and decoded and thrown away, in one process and in one a core; torch's DataLoader over ImageFolder, a process
a core, on 10,000 images. Files are in the page cache, since the first row has read them. Images per second of
wall time, then microseconds of processor an image, which other work disturbs less. Two minutes for 110,000
images on two quiet cores.

--parts: microseconds of processor an image for each part of the command, alone, by the project's own
functions, and their sum beside what the command takes. Parts that go with the pixels are measured on 10,000
images; starting, of the command and its processes, is spread over all. What the sum lacks: blocks on the way
from process to process, and caches that a part alone has to itself.

--decoders: 5,000 of the files, their bytes in memory, decoded to RGB by Pillow, torchvision, OpenCV and
simplejpeg, on one thread each and then by one process a core. Before that all are compared with simplejpeg;
OpenCV is named and left out where it is not installed (benchmarks/requirements.txt).

--memory: peak memory of the command with all its processes, for the whole folder and for a tenth of it.
"""

import argparse
import dataclasses
import hashlib
import importlib.util
import io
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
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from mixscope.bench import rounds
from mixscope.cli.exit_codes import ended
from mixscope.data import decoding, formats, store_writer
from mixscope.data import prepare as prepared
from mixscope.errors import DataError, RunFailed
from mixscope.hardware import cores
from peers import Watch

BY_PIL = 10_000  # images that ImageFolder reads in a measurement
SOME = 10_000  # images that parts are measured on
DECODED = 5_000  # files that decoders are measured on
NEAR = 2.0  # mean difference of pixels between two decoders, of 255, at most
PREPARE, SIMPLE = "mixscope data prepare", "simplejpeg"
SUM = "sum of the parts"
# What the command does before the first image and beside the images. argv: files, as JSON.
START = """
import json, sys
from mixscope import cli
from mixscope.data import decoding, prepare
cli.parser()
decoding.BLOCK = 1
for _ in decoding.decoded(json.loads(sys.argv[1]), 64, True):
    pass
"""


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
    code = subprocess.run([*command, "--root", root], stdout=subprocess.DEVNULL).returncode
    if code:
        sys.exit(code)  # it has said why


def listed(source: Path) -> list[str]:
    """Every JPEG file of the source. Raises DataError where there is none."""
    files = [str(f) for part in ("train", "val") for f in sorted((source / part).rglob("*.JPEG"))]
    if not files:
        raise DataError(
            "missing-file",
            "holds no JPEG file in train or val; give an unpacked tiny-imagenet-200",
            path=source,
        )
    return files


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="an unpacked tiny-imagenet-200")
    parser.add_argument("--place", type=Path, help="a folder for what is prepared (default: a temporary one)")
    parser.add_argument("--rounds", type=int, default=5)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--parts", action="store_true")
    what.add_argument("--decoders", action="store_true")
    what.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.place) as place:
        if arguments.memory:
            memory(arguments.source, Path(place))
        elif arguments.parts:
            parts(arguments.source, Path(place), arguments.rounds)
        elif arguments.decoders:
            decoders(arguments.source, arguments.rounds)
        else:
            speed(arguments.source, Path(place), arguments.rounds)


def speed(source: Path, place: Path, count: int) -> None:
    from torch.utils.data import DataLoader, Subset
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    files = listed(source)
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


def parts(source: Path, place: Path, count: int) -> None:
    files = listed(source)
    some = files[:SOME]
    blocks = [decoding.decode(some[i : i + 500], size=64, exact=True) for i in range(0, len(some), 500)]
    sums, squares, digests = np.zeros(3), np.zeros(3), {}

    def alone(work: Callable[[], object], images: int) -> rounds.Row:
        def row() -> float:
            start = processor()
            work()
            return 1e6 * (processor() - start) / images

        return row

    def decoded() -> None:
        for at in range(0, len(some), 500):
            decoding.decode(some[at : at + 500], size=64, exact=True, into=blocks[0][: len(some) - at])

    def read() -> None:
        for file in some:
            decoding._content(file)

    def written() -> None:
        with store_writer._array(place / "written.npy", (len(some), 3, 64, 64), np.uint8, digests) as put:
            for block in blocks:
                put(block)

    def hashed() -> None:
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block.data)

    def added() -> None:
        for block in blocks:
            store_writer._add_up(block, sums, squares)

    def started() -> None:
        subprocess.run([sys.executable, "-c", START, json.dumps(files[: cores()])], check=True)

    def whole() -> None:
        shutil.rmtree(place / "root", ignore_errors=True)
        prepare(source, place / "root")

    train = len(list((source / "train").rglob("*.JPEG"))) / len(files)
    summed = {
        "starting, with its processes": alone(started, len(files)),
        "listing files, labels and boxes": alone(
            lambda: formats.read_tiny_imagenet(source, None), len(files)
        ),
        "names and sizes of the source": alone(lambda: prepared._about(source), len(files)),
        "reading and decoding": alone(decoded, len(some)),
        "writing with SHA-256": alone(written, len(some)),
        "mean and standard deviation": lambda: alone(added, len(some))() * train,  # of the training split
    }
    within = {
        "  of decoding: reading": alone(read, len(some)),
        "  of writing: SHA-256": alone(hashed, len(some)),
    }
    found = rounds.measure(
        {PREPARE: alone(whole, len(files)), **summed, **within},
        unit="processor us/image",
        rounds=count,
        context={"images": len(files), "parts of": len(some), "source": source.name},
        warm_up=False,
    )
    found = found.with_row(SUM, lambda *each: sum(each), *summed)
    found = dataclasses.replace(found, ratios=((SUM, PREPARE),))
    print(f"{found.lines()}\n\n{found.table()}")


def pixels_by() -> dict[str, Callable[[bytes], np.ndarray]]:
    """How each decoder makes RGB, uint8 (H,W,3), of the bytes of a file."""
    import torch
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg

    def pillow(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))

    def torchvision(content: bytes) -> np.ndarray:
        as_tensor = torch.frombuffer(content, dtype=torch.uint8)
        return decode_jpeg(as_tensor, ImageReadMode.RGB).permute(1, 2, 0).numpy()

    found: dict[str, Callable[[bytes], np.ndarray]] = {
        SIMPLE: lambda content: simplejpeg.decode_jpeg(content, colorspace="RGB"),
        "Pillow": pillow,
        "torchvision.io": torchvision,
    }
    if importlib.util.find_spec("cv2") is not None:
        import cv2

        def opencv(content: bytes) -> np.ndarray:
            return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)

        found["OpenCV"] = opencv
    return found


_mine: list[bytes]  # of a process that decodes: the bytes of all files
_ways: dict[str, Callable[[bytes], np.ndarray]]


def begin(files: list[str]) -> None:
    """Makes a process one that decodes, on one thread."""
    global _mine, _ways
    import torch

    warnings.filterwarnings("ignore", "The given buffer is not writable")  # nor is it written to
    torch.set_num_threads(1)
    _mine, _ways = [Path(file).read_bytes() for file in files], pixels_by()
    if "OpenCV" in _ways:
        import cv2

        cv2.setNumThreads(1)


def all_by(name: str, first: int, step: int) -> None:
    """Decodes every `step`th of this process's files."""
    make = _ways[name]
    for content in _mine[first::step]:
        make(content)


def difference(name: str) -> float:
    """The greatest mean difference from simplejpeg's pixels of any file."""
    make, reference = _ways[name], _ways[SIMPLE]
    pairs = ((make(content), reference(content)) for content in _mine)
    return max(float(np.abs(a.astype(int) - b).mean()) if a.shape == b.shape else np.inf for a, b in pairs)


def decoders(source: Path, count: int) -> None:
    files = listed(source)
    files = files[:: max(1, len(files) // DECODED)][:DECODED]
    begin(files)
    if "OpenCV" not in _ways:
        print("left out: OpenCV (opencv-python-headless is not installed)", file=sys.stderr)
    far = {name: difference(name) for name in _ways}
    for name, most in far.items():
        if most > NEAR:
            raise RunFailed(
                "inconsistent",
                f"{name} does not decode as {SIMPLE} does: pixels of a file differ by {most:.1f}",
            )

    def row(name: str, processes: int, pool: ProcessPoolExecutor) -> rounds.Row:
        def rate() -> float:
            start = time.perf_counter()
            if processes == 1:
                all_by(name, 0, 1)
            else:
                list(pool.map(all_by, [name] * processes, range(processes), [processes] * processes))
            return len(files) / (time.perf_counter() - start)

        return rate

    numbers = sorted({1, cores()})
    with ProcessPoolExecutor(
        cores(), multiprocessing.get_context("spawn"), initializer=begin, initargs=(files,)
    ) as pool:
        found = rounds.measure(
            {by(name, n): row(name, n, pool) for n in numbers for name in _ways},
            unit="images/s",
            rounds=count,
            ratios=[(by(name, n), by(SIMPLE, n)) for n in numbers for name in _ways if name != SIMPLE],
            context={"files": len(files), "source": source.name, "differ by at most, in the mean": far},
        )
    print(f"{found.lines()}\n\n{found.table()}")


def by(name: str, processes: int) -> str:
    return f"{name}, {processes} process{'es' if processes > 1 else ''}"


def simple(processes: int) -> str:
    return by(SIMPLE, processes)


def memory(source: Path, place: Path) -> None:
    print(json.dumps({"context": rounds.machine() | {"source": source.name}}))
    for title in ("whole", "a tenth"):
        folder = source if title == "whole" else tenth(source, place / "tenth")
        images = sum(1 for part in ("train", "val") for _ in (folder / part).rglob("*.JPEG"))
        command = [sys.executable, "-m", "mixscope", "data", "prepare", "tiny-imagenet", "--source", folder]
        process = subprocess.Popen([*command, "--root", place / title], stdout=subprocess.DEVNULL)
        with Watch(process.pid) as watch:
            if process.wait() != 0:
                sys.exit(process.returncode)  # it has said why
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
