"""Images per second of mixscope's loader, those of others and the machine's limits, in turn; and memory.

    python benchmarks/peers.py [--set cifar100] [--data ROOT] [--only WORD ...] [--rounds 5] [--seconds 1]
    python benchmarks/peers.py --memory [--rounds 1] [the same]
    python benchmarks/peers.py --set tiny-imagenet --jpeg tiny-imagenet-200/train

Each loader lives in processes of its own (those that hold the same copy of the set share one), which rest
while another is measured; workers that still fill their queues are waited for. A measurement takes batches
for `--seconds` (airbench: whole epochs), after ten that are not counted because they may have been waiting.
Before anything is measured the batches of all loaders are compared: shape, dtype, labels, mean and spread.
About 2 seconds a row and round at 32 px, and a minute in which FFCV compiles: some 11 minutes for 45 rows in
5 rounds and one to warm up. At 64 px some 3 seconds a row and round, and for all rows of all of
Tiny-ImageNet more than 20 GB of memory: with less, several runs with --only, mixscope in each.

--memory starts each loader alone, once a round: seconds to the first batch, and peak memory of all its
processes (PSS, which counts a shared page once), and how much of it is private or shared memory (not pages of
files, which the system may take back) beyond what its imports took. About 8 seconds a row and round.

Loaders whose packages are missing are named and left out; benchmarks/requirements.txt has them, and how FFCV
is built. FFCV reads a file of its own, which is written first, to the folder for temporary files: one on a
disk (TMPDIR), or its pages count as memory. It has no CutMix; that row does what "torch by hand" does to its
batches.
"""

import argparse
import functools
import importlib
import importlib.util
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from mixscope.bench import rounds
from mixscope.bench.loader import MIXES
from mixscope.bench.upper_bounds import Bytes
from mixscope.cli.exit_codes import ended
from mixscope.data.store import Store, data_root
from mixscope.errors import DataError

SETTLE = 10  # batches that a loader may have made beforehand
IDLE, SETTLE_TRIES = 10.0, 25  # percent of all cores that a machine at rest uses, and how often it is asked
COMPARED = 32  # batches
# How far a channel may be from ours in the mean, in the spread, and in the mean of the two uppermost rows,
# which padding darkens by 0.5: about four standard errors each.
NEAR = {"mean": 0.04, "std": 0.04, "rim": 0.06}
PACKAGES = ("timm", "tensorflow-cpu", "grain", "kornia", "ffcv", "nvidia-dali-cuda130", "spdl")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="ROOT", help="default: where `mixscope data` puts it")
    parser.add_argument("--set", default="cifar100")
    parser.add_argument("--jpeg", type=Path, metavar="FOLDER", help="of class folders, for ImageFolder")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rows with one of these words")
    parser.add_argument("--rounds", type=int, help="default: 5, with --memory 1")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    root = data_root(arguments.data)
    images = Store.open(root, arguments.set).images("train")
    if arguments.jpeg is not None and not arguments.jpeg.is_dir():
        raise DataError(
            "missing-file", "is no folder; --jpeg takes one of class folders", path=arguments.jpeg
        )

    from peer_limits import LIMITS
    from peer_loaders import PEERS

    words = arguments.only or [""]
    rows = {name: peer for name, peer in PEERS.items() if any(word in name for word in words)}
    rows = {name: peer for name, peer in rows.items() if not peer.jpeg or arguments.jpeg}
    limits = [name for name in LIMITS if any(word in name for word in words)]
    left_out = {n: [m for m in peer.needs if not there(m)] for n, peer in rows.items()}
    for name, lacking in left_out.items():
        if lacking:
            print(f"left out: {name} ({', '.join(lacking)} is not installed)", file=sys.stderr)
            del rows[name]
    for name in [name for name, peer in rows.items() if 4 * peer.floats * images.nbytes > most_memory()]:
        print(f"left out: {name} (it would take more than half of the free memory)", file=sys.stderr)
        del rows[name]
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="mixscope-peers-"))
        settings = {
            "root": root, "set": arguments.set, "jpeg": arguments.jpeg, "scratch": Path(scratch)
        }  # fmt: skip
        for name in {peer.prepare: name for name, peer in rows.items() if peer.prepare}.values():
            with House(settings) as house:
                house.ask("prepare", name)
        if arguments.memory:
            memory(list(rows), settings, arguments.rounds or 1)
            return

        families = dict.fromkeys(peer.family for peer in rows.values())
        houses = {family: stack.enter_context(House(settings)) for family in families}
        seen = {}
        for name, peer in rows.items():
            print(f"compared: {name}", file=sys.stderr)
            seen[name] = houses[peer.family].ask("compare", name)
        compare(seen)

        def row(what: str, name: str, house: House) -> rounds.Row:
            def measured() -> float:
                settle()
                return float(house.ask(what, name, arguments.seconds))

            return measured

        measured = {name: row("rate", name, houses[peer.family]) for name, peer in rows.items()}
        if limits:
            alone = stack.enter_context(House(settings))
            measured |= {name: row("limit", name, alone) for name in limits}
        found = rounds.measure(
            measured,
            unit="images/s",
            rounds=arguments.rounds or 5,
            ratios=ratios(list(measured)),
            context={"set": arguments.set, "batch": 256, "seconds": arguments.seconds, **versions()},
            progress=lambda done, total: print(f"measured: {done} of {total}", end="\r", file=sys.stderr),
        )
    print(found.lines())
    print()
    print(found.table())


def settle() -> None:
    """Waits for the loader that was measured last: its workers go on until their queues are full."""
    for _ in range(SETTLE_TRIES):
        if psutil.cpu_percent(interval=0.2) < IDLE:
            return


def most_memory() -> float:
    return float(psutil.virtual_memory().available / 2)


def there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def versions() -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def mixing_of(name: str) -> str:
    """How a row mixes: the last part of its name, or "none" where it has no such part."""
    last = name.rsplit(", ", 1)[-1]
    return last if last in MIXES else "none"


def ratios(names: list[str]) -> list[tuple[str, str]]:
    """Ours over each row with the same mixing, and ours mixed over unmixed."""
    own = {mix: f"mixscope, {mix}" for mix in MIXES}
    found = [(own[mixing_of(name)], name) for name in names if name not in own.values()]
    found += [(own[mix], own["none"]) for mix in MIXES if mix != "none"]
    return [pair for pair in found if set(pair) <= set(names)]


def compare(seen: dict[str, dict[str, Any]]) -> None:
    """Whether all make the same thing, or SystemExit: a rate of something else says nothing."""
    for name, found in seen.items():
        own = seen.get(f"mixscope, {mixing_of(name)}", found)
        same = all(found[key] == own[key] for key in ("shape", "dtype", "labels", "finite"))
        for key, near in NEAR.items():
            # Lambda is drawn once a batch by some and once an image by others, so mixed spreads vary.
            near *= 1 if mixing_of(name) == "none" else 3
            same &= all(abs(a - b) < near for a, b in zip(found[key], own[key], strict=True))
        if not same:
            raise SystemExit(f"{name} makes something else than mixscope:\n{found}\n{own}")


def memory(names: list[str], settings: dict[str, Any], times: int) -> None:
    """Prints what each row takes, started `times` times in turn."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(times):
        for name in names:
            print(f"started: {name}, {number + 1} of {times}", file=sys.stderr)
            found[name].append(started(name, settings))
    print(json.dumps({"context": rounds.machine() | {"set": settings["set"], "rounds": times, **versions()}}))
    for name, each in found.items():
        print(json.dumps({"row": name, "rounds": times} | {key: spread(each, key) for key in each[0]}))
    shown = {
        "first_s": "first batch, s",
        "with_imports_s": "with imports",
        "peak_pss_mb": "peak PSS, MB",
        "own_mb": "own, MB",
    }
    print(f"\n{'median (range)':<52}" + "".join(f"{title:>26}" for title in shown.values()))
    for name, each in found.items():
        print(f"{name:<52}" + "".join(f"{said(spread(each, key)):>26}" for key in shown))


def spread(each: list[dict[str, float]], key: str) -> dict[str, float]:
    figures = [figure[key] for figure in each]
    return {"median": statistics.median(figures), "low": min(figures), "high": max(figures)}


def said(figures: dict[str, float]) -> str:
    median, low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in figures.values())
    return median if low == high else f"{median} ({low} to {high})"


def started(name: str, settings: dict[str, Any]) -> dict[str, float]:
    """What a loader takes in a process that is started for it, watched from here."""
    with House(settings) as house:
        start = time.perf_counter()
        imported = house.ask("import", name)
        base = held(house.process.pid)
        with Watch(house.process.pid) as watch:
            first = house.ask("epoch", name)
        whole = time.perf_counter() - start - first["rest"]
    return {
        "first_s": first["first"], "with_imports_s": whole, "imports_s": imported,
        "peak_pss_mb": max(seen["Pss"] for seen in watch.seen) / 1024,
        "own_mb": (max(seen["own"] for seen in watch.seen) - base["own"]) / 1024,
        "epoch_images": first["images"], "samples": len(watch.seen),
    }  # fmt: skip


def held(pid: int) -> dict[str, int]:
    """KiB of a process and all below it: Pss, and of it what is no page of a file ("own")."""
    sums = {"Pss": 0, "own": 0}
    try:
        family = [psutil.Process(pid)]
        family += family[0].children(recursive=True)
    except psutil.NoSuchProcess:
        return sums
    for process in family:
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:  # it has ended
            continue
        found = {key: int(value.split()[0]) for key, _, value in (n.partition(":") for n in lines)}
        sums["Pss"] += found["Pss"]
        sums["own"] += found["Pss_Anon"] + found["Pss_Shmem"]
    return sums


class House:
    """A process in which the loaders of one family live, and what it can be asked."""

    def __init__(self, settings: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.here, other = context.Pipe()
        self.process = context.Process(target=live, args=(other, settings))
        self.process.start()
        other.close()

    def ask(self, *question: Any) -> Any:
        self.here.send(question)
        try:
            answer = self.here.recv()
        except EOFError:
            raise SystemExit(f"the process of {question[1]} ended") from None
        if isinstance(answer, str):
            raise SystemExit(f"{question[1]}: {answer}")
        return answer

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *exception: object) -> None:
        below = psutil.Process(self.process.pid).children(recursive=True) if self.process.is_alive() else []
        try:
            self.here.send(None)
        except OSError:
            pass
        self.process.join(10)
        for process in [*below, self.process]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass


class Watch:
    """Looks at the memory of a process and all below it twenty times a second."""

    def __init__(self, pid: int) -> None:
        self.pid, self.seen, self.over = pid, [held(pid)], threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.over.wait(0.05):
            self.seen.append(held(self.pid))

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.over.set()
        self.thread.join()


# --- inside a house --------------------------------------------------------------------------------------


def live(there: Connection, settings: dict[str, Any]) -> None:
    """Answers until None comes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    multiprocessing.set_start_method("fork", force=True)  # Linux's; not that of this process, which is ours
    streams: dict[str, Any] = {}
    while (question := there.recv()) is not None:
        what, name, *more = question
        try:
            there.send(ANSWERS[what](streams, settings, name, *more))
        except Exception as problem:
            there.send(f"{type(problem).__name__}: {problem}")
            raise
    for stream in streams.values():
        stream.close()
    streams.clear()
    os._exit(0)  # threads of others do not always end by themselves


def task_of(settings: dict[str, Any], peer: Any) -> Any:
    from peer_loaders import Task

    store = Store.open(settings["root"], settings["set"])
    return Task(
        store=store, mix=peer.mix, workers=peer.workers, jpeg=settings["jpeg"], scratch=settings["scratch"]
    )


def stream_of(streams: dict[str, Any], settings: dict[str, Any], name: str) -> Any:
    import torch

    from peer_loaders import PEERS

    peer = PEERS[name]
    torch.set_num_threads(peer.threads or len(os.sched_getaffinity(0)))
    if name not in streams:
        streams[name] = peer.make(task_of(settings, peer))
    return streams[name]


def prepare(streams: dict[str, Any], settings: dict[str, Any], name: str) -> None:
    from peer_loaders import PEERS

    PEERS[name].prepare(task_of(settings, PEERS[name]))


def import_only(streams: dict[str, Any], settings: dict[str, Any], name: str) -> float:
    start = time.perf_counter()
    from peer_loaders import PEERS

    for module in PEERS[name].needs:
        importlib.import_module(module)
    return time.perf_counter() - start


def epoch_of(settings: dict[str, Any]) -> int:
    return len(Store.open(settings["root"], settings["set"]).labels("train")) // 256


def rate(streams: dict[str, Any], settings: dict[str, Any], name: str, seconds: float) -> float:
    from peer_loaders import PEERS

    stream, whole = stream_of(streams, settings, name), PEERS[name].whole
    step = epoch_of(settings) if whole else 1
    for _ in range(0 if whole else SETTLE):
        next(stream)
    images, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds or images == 0:
        for _ in range(step):
            images += len(next(stream)[0])
    return images / took


@functools.cache
def limit_row(root: Path, set_name: str, name: str) -> rounds.Row:
    from peer_limits import LIMITS

    return LIMITS[name](Bytes.of(Store.open(root, set_name)))


def limit(streams: dict[str, Any], settings: dict[str, Any], name: str, seconds: float) -> float:
    measure = limit_row(settings["root"], settings["set"], name)
    figures, start = [], time.perf_counter()
    while not figures or time.perf_counter() - start < seconds:
        figures.append(measure())
    return statistics.harmonic_mean(figures)  # each of as many images


def first_and_rest(streams: dict[str, Any], settings: dict[str, Any], name: str) -> dict[str, float]:
    """Seconds from nothing but imports to the first batch; then an epoch, or as much of it as 3 s make."""
    start = time.perf_counter()
    stream = stream_of(streams, settings, name)
    images = len(next(stream)[0])
    first = time.perf_counter() - start
    for _ in range(epoch_of(settings) - 1):
        images += len(next(stream)[0])
        if time.perf_counter() - start - first > 3:
            break
    return {"first": first, "rest": time.perf_counter() - start - first, "images": images}


def look_at(streams: dict[str, Any], settings: dict[str, Any], name: str) -> dict[str, Any]:
    import torch

    moments, labels = [], []
    stream = stream_of(streams, settings, name)
    for _ in range(COMPARED):
        images, label = next(stream)
        # While it is in a cache: in one go at the end they took longer than the batches.
        means = [part.mean(dim=(0, 2, 3)) for part in (images, images.square(), images[:, :, :2])]
        moments.append(torch.stack(means).double())
        label = label[0] if isinstance(label, tuple | list) else label
        labels.append(len(images) in label.shape)  # kornia's come as (1, n, 3)
    mean, square, rim = torch.stack(moments).mean(dim=0)
    return {
        "shape": tuple(images.shape), "dtype": str(images.dtype), "labels": labels,
        "finite": bool(torch.isfinite(square).all()), "mean": mean.tolist(),
        "std": (square - mean**2).sqrt().tolist(), "rim": rim.tolist(),
    }  # fmt: skip


ANSWERS = {
    "prepare": prepare, "compare": look_at, "rate": rate, "limit": limit, "import": import_only,
    "epoch": first_and_rest,
}  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(ended(main))
