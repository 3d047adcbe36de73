"""Runs of a study on a Ray cluster.

A run is a Ray task that executes the same `mixscope train` as a process on its node, so that records, exit
codes and resuming are those of any run. If the node sees the study's folder (shared storage), the run writes
there; otherwise it writes locally, and changes are sent to the scheduler every few seconds. A run whose node
dies is restarted on another one, from its last checkpoint.
"""

import functools
import io
import os
import signal
import socket
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mixscope.errors import ConfigError, extra
from mixscope.hardware import cores
from mixscope.runs import lock, records
from mixscope.studies import backends, scheduler
from mixscope.studies.backends import Work
from mixscope.studies.backends.local import Launcher
from mixscope.studies.scheduler import Notice, Options
from mixscope.studies.status import Standing
from mixscope.study.study import PlannedRun

TALK_SECONDS = 1.0  # interval at which a task asks whether to stop
LOOK_SECONDS = 0.05  # interval at which a task asks whether its run has ended
LIGHT_SECONDS = 10.0  # interval of sending status, events and log without shared storage
HEAVY_SECONDS = 60.0  # interval of sending checkpoints, which may have hundreds of megabytes
HELD_SECONDS = 120.0  # time a start waits for an earlier process to release the run
GPUS = "CUDA_VISIBLE_DEVICES"  # set by Ray for every task
LOCAL_STORE_BYTES = 100_000_000  # object store of a locally started cluster, whose storage is shared


def run(
    runs: Sequence[PlannedRun],
    *,
    out: Path,
    root: Path,
    options: Options,
    notice: Notice,
    extra: Sequence[str] = (),
    gpus: float | None = None,
    address: str | None = None,
) -> list[Standing]:
    """As `scheduler.run`, on the cluster at `address` or RAY_ADDRESS, else on a local one.

    Args:
        runs: The runs, in order.
        out: Folder of the study.
        root: Folder of prepared data sets.
        options: `slots` bounds the number of runs submitted to Ray, `threads` is the number of processors of
            each, `fork` whether a worker of Ray starts its runs as forks of one process.
        notice: Called at every change.
        extra: Further arguments of every `mixscope train`.
        gpus: GPUs per run, possibly fractional; None is 1 if the cluster has any.
        address: Address of the cluster.

    Raises:
        ConfigError: Also if Ray is not installed or does not respond.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    with _cluster(address) as library, _home(out) as token:
        place = _Cluster(
            library, out.absolute(), root.absolute(), options, extra, gpus, token, ours=not address
        )
        return scheduler.run(runs, out=out, root=root, options=options, notice=notice, place=place)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connects to a cluster and yields the library.

    Without an address, starts a local cluster for the block.
    """
    try:
        import ray
    except ImportError as problem:
        raise ConfigError(
            "not-installed", f"--executor ray: needs Ray; {extra('ray')}", key="--executor"
        ) from problem
    quiet = {"log_to_driver": False, "logging_level": "error"}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if address:
            ray.init(address, **quiet)
        else:
            store = LOCAL_STORE_BYTES
            ray.init("local", num_cpus=cores(), include_dashboard=False, object_store_memory=store, **quiet)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as problem:
        raise ConfigError(
            "unavailable",
            f"--executor ray: no cluster answers at {address or 'this machine'} ({problem});"
            " `ray start --head` starts one, and without RAY_ADDRESS this machine is used",
            key="--executor",
        ) from problem
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _home(out: Path) -> Iterator[Path]:
    """A file with a unique name: a node that sees it shares our storage."""
    token = out.absolute() / "logs" / f".home-{uuid.uuid4().hex}"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


# --- on the scheduler's side --------------------------------------------------------------------


class _Post:
    """An actor beside the scheduler that exchanges messages with tasks."""

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.parcels: list[Parcel] = []

    def order(self, start: str, number: int) -> None:
        self.orders[start] = number

    def exchange(self, parcel: "Parcel") -> int | None:
        self.parcels.append(parcel)
        return self.orders.get(parcel.start)

    def collect(self) -> list["Parcel"]:
        parcels, self.parcels = self.parcels, []
        return parcels


class _Cluster:
    """Ray as a `Backend`."""

    def __init__(
        self,
        library: Any,
        out: Path,
        root: Path,
        options: Options,
        extra: Sequence[str],
        gpus: float | None,
        token: Path,
        ours: bool,
    ) -> None:
        self.ray, self.out, self.root, self.options, self.extra = library, out, root, options, extra
        self.token, self.ours = token, ours
        self.gpus = (1.0 if library.cluster_resources().get("GPU") else 0.0) if gpus is None else gpus
        here = library.get_runtime_context().get_node_id()
        strategy = library.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        self.post = library.remote(_Post).options(num_cpus=0, scheduling_strategy=strategy).remote()
        self.execute = library.remote(_execute).options(
            num_cpus=options.threads, num_gpus=self.gpus, max_retries=0
        )
        self.works: dict[str, _Task] = {}

    def adopt(self, found: Sequence[Standing]) -> list[tuple[PlannedRun, Work]]:
        """Always empty: tasks end with the scheduler that started them."""
        return []

    def start(self, batch: Sequence[tuple[PlannedRun, int]]) -> list[Work]:
        """Submits a task per run."""
        return [self._start(planned) for planned, _ in batch]

    def _start(self, planned: PlannedRun) -> Work:
        name = planned.directory
        line = backends.command(planned, out=self.out, root=self.root, extra=self.extra)
        errand = Errand(
            start=f"{name}-{uuid.uuid4().hex[:8]}",
            name=name,
            settings=Path(line[line.index("--config") + 1]).read_bytes(),
            out=str(self.out),
            root=str(self.root),
            extra=tuple(self.extra),
            threads=self.options.threads,
            fork=self.options.fork,
            token=str(self.token),
            begun=self._left(self.out / name),
        )
        work = _Task(self, planned, errand.start, self.execute.remote(errand, self.post), self._waits())
        self.works[errand.start] = work
        return work

    def _left(self, path: Path) -> tuple[Any, ...]:
        """The existing run in Ray's store, for nodes that do not see our storage."""
        if self.ours or not records.is_run(path):
            return ()
        return (self.ray.put(_pack(path, {}, heavy=True)),)

    def _waits(self) -> str | None:
        """Why a run cannot start now, independently of other runs."""
        need = {"CPU": float(self.options.threads), "GPU": self.gpus}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if any(all(node.get(kind, 0.0) >= count for kind, count in need.items()) for node in nodes):
            return None
        needs = f"{self.options.threads} processors" + (f" and {self.gpus:g} GPU" if self.gpus else "")
        return f"waits: no node of the cluster has {needs}; ask for less, or let nodes join"

    def collect(self) -> None:
        """Receives messages of tasks."""
        for parcel in self.ray.get(self.post.collect.remote()):
            work = self.works.get(parcel.start)
            if work is not None:  # None: the start was given up
                work.seen = work.seen or time.monotonic()
                _take_in(parcel, self.out, work.run.directory)


@dataclass(slots=True)
class _Task:
    """One start of one run, as a task. seen: time of its first message."""

    place: _Cluster
    run: PlannedRun
    start: str
    result: Any
    reason: str | None
    seen: float | None = None

    @property
    def about(self) -> Mapping[str, Any]:
        """Number of the start."""
        return {"ray": self.start} | ({} if self.reason is None else {"reason": self.reason})

    def code(self) -> int | None:
        """Exit code, None while it runs."""
        ray = self.place.ray
        self.place.collect()
        if not ray.wait([self.result], timeout=0)[0]:
            return None
        self.place.collect()  # its last messages
        try:
            return int(ray.get(self.result))
        except ray.exceptions.TaskCancelledError:
            return os.EX_TEMPFAIL
        except ray.exceptions.RayTaskError as problem:
            self.reason = f"the task failed: {str(problem).strip().splitlines()[-1]}"
            return 1
        except ray.exceptions.RayError as problem:
            self.reason = f"its node was lost ({type(problem).__name__})"
            return -signal.SIGKILL

    def why(self) -> str | None:
        """Why the task ended: the error that Ray reported; None if it reported none."""
        return self.reason

    def age(self) -> float:
        """Seconds since its first message."""
        return 0.0 if self.seen is None else time.monotonic() - self.seen

    def send(self, number: int) -> None:
        """Passes a signal to its process."""
        self.place.ray.get(self.place.post.order.remote(self.start, number))
        if self.seen is None:  # no process yet
            self.place.ray.cancel(self.result)

    def close(self) -> None:
        """Releases its resources after it has ended."""
        self.place.works.pop(self.start, None)


# --- on the node --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What a node needs to execute one start of a run. begun: references to its existing records, if any."""

    start: str
    name: str
    settings: bytes
    out: str
    root: str
    extra: tuple[str, ...]
    threads: int
    fork: bool
    token: str
    begun: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A message of a task: a tar of changed files, the names of all files, and new lines of the log."""

    start: str
    files: bytes | None = None
    there: tuple[str, ...] = ()
    log: bytes = b""


def _execute(errand: Errand, post: Any) -> int:
    """The task: executes the run, and returns the exit code of its process."""
    with tempfile.TemporaryDirectory(prefix="mixscope-") as beside:
        shared = Path(errand.token).exists()
        out = Path(errand.out if shared else beside)
        path, log = out / errand.name, out / "logs" / f"{errand.name}.log"
        sender = _Sender(errand.start, post, None if shared else path, log)
        if not shared:
            log.parent.mkdir(parents=True)
            log.touch()
            if errand.begun:
                _unpack(_got(errand.begun[0]), path)
                sender.known = _files(path)
        try:
            end = time.monotonic() + HELD_SECONDS
            while sender.talk() is None:
                if not lock.held(path) or time.monotonic() > end:
                    break
                time.sleep(TALK_SECONDS)
            else:  # asked to stop before its start
                return os.EX_TEMPFAIL
            settings = log.with_suffix(".yaml")
            if not shared:
                settings.write_bytes(errand.settings)
            line = [sys.executable, "-m", "mixscope", "train", "--config", str(settings), "--out", str(path)]
            if Path(errand.root).is_dir():  # otherwise this node's own settings determine the data folder
                line += ["--root", errand.root]
            with log.open("ab") as file:
                file.write(f"on {socket.gethostname()}, through Ray\n".encode())
            share = {name: os.environ[name] for name in (GPUS,) if name in os.environ}
            launcher = _launcher(errand.threads, errand.fork)
            return _attend(launcher.start([*line, *errand.extra], log=log, share=share), sender)
        finally:
            with suppress(Exception):  # the scheduler may have ended
                sender.talk(everything=True)


@functools.cache
def _launcher(threads: int, fork: bool) -> Launcher:
    """Starts the runs of all tasks that Ray gives to this worker in turn.

    The worker has threads and cannot be forked, so it starts one fork server. Worker and server
    must not be outlived by their runs, for instance when the node leaves the cluster.
    """
    return Launcher({**os.environ, **backends.threads(threads)}, fork=fork, bound=True)


def _attend(work: Work, sender: "_Sender") -> int:
    """Waits for a run, passing signals to it and messages to the scheduler.

    Without a scheduler it is stopped.
    """
    import ray

    sent = None
    try:
        while True:
            try:
                code = _code(work, TALK_SECONDS)
            except KeyboardInterrupt:  # raised by Ray to cancel a task
                break
            if code is not None:
                return code
            try:
                order = sender.talk()
            except ray.exceptions.RayError:
                order = signal.SIGTERM
            if order is not None and order != sent:
                sent = order
                work.send(order)
    finally:
        if work.code() is None:  # the run must not outlive its task
            work.send(signal.SIGTERM)
        while (code := _code(work, TALK_SECONDS)) is None:
            pass
        work.close()
    return code


def _code(work: Work, seconds: float) -> int | None:
    """The exit code of a run; waits for so many seconds at most, and returns None if it still runs."""
    end = time.monotonic() + seconds
    while (code := work.code()) is None and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return code


@dataclass(slots=True)
class _Sender:
    """Sends new files and log lines. path: run directory if storage is not shared, else None."""

    start: str
    post: Any
    path: Path | None
    log: Path
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    log_bytes: int = 0
    light: float = 0.0
    heavy: float = 0.0

    def talk(self, *, everything: bool = False) -> int | None:
        """Sends what is due.

        Returns:
            The requested signal, if any.

        Raises:
            RayError: If the scheduler has ended.
        """
        parcel = Parcel(start=self.start)
        now = time.monotonic()
        if self.path is not None and (everything or now - self.light >= LIGHT_SECONDS):
            heavy = everything or now - self.heavy >= HEAVY_SECONDS
            self.light, self.heavy = now, now if heavy else self.heavy
            there = _files(self.path)
            files = _pack(self.path, self.known, heavy=heavy)
            self.known |= {name: mark for name, mark in there.items() if heavy or not _is_heavy(name)}
            with self.log.open("rb") as file:
                file.seek(self.log_bytes)
                log = file.read()
            self.log_bytes += len(log)
            parcel = replace(parcel, files=files, there=tuple(there), log=log)
        order: int | None = _got(self.post.exchange.remote(parcel))
        return order


def _got(reference: Any) -> Any:
    """The value of a reference.

    `ray.get` in a task would release its processors, and too many runs would start.
    """
    return reference.future().result()


# --- transfer of files -------------------------------------------------------------------------------


def _is_heavy(name: str) -> bool:
    return name.startswith("checkpoints/")


def _files(path: Path) -> dict[str, tuple[int, int]]:
    """The files of a run directory to send, with size and time to detect changes.

    Excluded: locks, partial files, and checkpoints/previous.pt, which only guards against a damaged last.pt;
    a copy is complete or absent.
    """
    found = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.name.startswith(".") or name == "checkpoints/previous.pt":
            continue
        with suppress(FileNotFoundError):
            stat = file.stat()
            if file.is_file() and not file.is_symlink():
                found[name] = (stat.st_mtime_ns, stat.st_size)
    return found


def _pack(path: Path, known: Mapping[str, tuple[int, int]], *, heavy: bool) -> bytes:
    """A tar of the files that differ from `known`.

    A run writes an event before the checkpoint that refers to it, so events are read after checkpoints; and
    "done" after everything else, so status.json is read first.
    """
    buffer = io.BytesIO()
    names = [name for name, mark in _files(path).items() if known.get(name) != mark]
    names.sort(key=lambda name: (name != "status.json", name == "events.jsonl"))
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            if heavy or not _is_heavy(name):
                with suppress(FileNotFoundError):
                    content = (path / name).read_bytes()
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _unpack(files: bytes, path: Path) -> None:
    """Writes the files of `_pack`, in an order that leaves a resumable run at any time."""
    with tarfile.open(fileobj=io.BytesIO(files)) as tar:
        found = {}
        for entry in tar:
            content = tar.extractfile(entry)
            target = Path(entry.name)
            if content is not None and not target.is_absolute() and ".." not in target.parts:
                found[entry.name] = content.read()
    for name in sorted(found, key=lambda name: (name != "events.jsonl", name == "status.json")):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        records.write_bytes(path / name, found[name])


def _take_in(parcel: Parcel, out: Path, name: str) -> None:
    """Stores received files where a local run would have written them."""
    if parcel.log:
        with (out / "logs" / f"{name}.log").open("ab") as file:
            file.write(parcel.log)
    if parcel.files is None:
        return
    _unpack(parcel.files, out / name)
    for left in (out / name).rglob("*"):
        kept = left.name == ".lock" or left.relative_to(out / name).as_posix() in parcel.there
        if not kept and left.is_file():  # also partial files of a process killed here
            left.unlink()
