"""What a run leaves behind, and how it is read again.

A run directory is all that later rooms see of a run:

    config.yaml        every setting
    environment.json   versions, hardware, code revision, data checksum, where the weights came from, and of
                       which study it is, with the digest of what that study claims
    events.jsonl       one JSON line per event: kind "health" and kind "epoch"
    status.json        running, interrupted, failed or done; where it stands; every start
    checkpoints/       last, and the epochs that were selected
    predictions/       <split>-<checkpoint>.npz: ids, labels, logits
    summary.json       the figures, computed from the prediction files
    eval-<split>.json  the figures of `mixscope eval --split`, where it was called: val, test or train

A file is whole or absent: it is written beside its place, flushed to disk, and moved there. Only
events.jsonl grows; a run that is taken up again cuts it back to what its checkpoint knew.

What does not belong here: anything that needs torch; what is in a checkpoint (training/checkpoint.py);
what the figures mean (metrics, claims).
"""

import io
import json
import os
import re
import socket
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import psutil
import yaml
from filelock import lock_descriptor

from mixscope.atomic import is_full, replacing, room_for
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.study import config as settings
from mixscope.study import methods
from mixscope.study.config import RunConfig

SCHEMA = 1
STATES = ("running", "interrupted", "failed", "done")
HEARTBEAT_SECONDS = 5.0
LESS_MEMORY = (  # what is said where memory ran out: nothing is changed without the user
    "run fewer at once (--slots), set a smaller run.eval_batch_size, or set train.accumulate=2 in another"
    " study: the batch of a step stays the same, but batch norm sees it in parts"
)


def name_of(config: RunConfig) -> str:
    """The name of a run's directory when the user gives none; equal settings give equal names."""
    parts = (
        config.data.name,
        config.model.arch,
        methods.label(config.augment.mix),
        f"s{config.seed}",
        config.digest,
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


# --- writing ------------------------------------------------------------------------------------


class Mirror(Protocol):
    """Who is told every event once it is on disk, and at the beginning those that are there; never raises."""

    def begin(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """rows: every event so far, in order; none for a run that begins."""

    def event(self, row: Mapping[str, Any]) -> None:
        """One more event, which is on disk."""

    def close(self) -> None:
        """No more events come."""


class Run:
    """A run directory that is being written, held by one process. Made by `begin`, ended by `close`."""

    mirror: Mirror | None = None

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path = path
        self._lock = lock
        self._events: IO[bytes] | None = None
        self._status: dict[str, Any] = {}
        self._beat = 0.0
        self._memory = 0

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def events_bytes(self) -> int:
        """How long events.jsonl is now: what a checkpoint has to remember."""
        return 0 if self._events is None else self._events.tell()

    def cut(self, length: int) -> None:
        """Keeps the first `length` bytes of events.jsonl, on whose end every later event is put.

        Raises DataError when the file is shorter than that.
        """
        if self._events is None:
            self._events = (self.path / "events.jsonl").open("ab")
        there = os.fstat(self._events.fileno()).st_size
        if there < length:
            raise DataError(
                f"{self.path / 'events.jsonl'}: holds {there} bytes where the checkpoint knows {length},"
                " so events are lost; restore the file, or give the run another --out"
            )
        self._events.truncate(length)
        self._events.seek(0, os.SEEK_END)
        if self.mirror is not None:
            self.mirror.begin(read_events(self.path))

    def event(self, kind: str, values: Mapping[str, Any]) -> None:
        """One line of events.jsonl, on disk when this returns."""
        assert self._events is not None, "cut() says where events begin"
        with room_for(self.path / "events.jsonl"):
            self._events.write(_json({"kind": kind, **values}, indent=None))
            self._events.flush()
            os.fsync(self._events.fileno())
        if self.mirror is not None:
            self.mirror.event({"kind": kind, **values})

    def started(self, **about: Any) -> None:
        """Notes one more start in status.json; `about` is kept beside time, host and process."""
        known = (self.path / "status.json").exists()
        past: dict[str, Any] = read_status(self.path) if known else {"starts": [], "epoch": 0, "step": 0}
        me = {"time": _now(), "host": socket.gethostname(), "pid": os.getpid(), **about}
        self._status = {"starts": [*past["starts"], me]}
        self.status("running", epoch=past["epoch"], step=past["step"])

    def status(self, state: str, *, epoch: int, step: int, error: str | None = None) -> None:
        """Says where the run stands. epoch: epochs that are complete; step: optimiser steps made."""
        assert state in STATES
        self._beat = time.monotonic()
        self._memory = max(self._memory, memory_bytes())
        self._status |= {
            "schema": SCHEMA,
            "state": state,
            "epoch": epoch,
            "step": step,
            "memory_bytes": self._memory,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "heartbeat": _now(),
            "error": error,
        }
        write_json(self.path / "status.json", self._status)

    def ended(self, state: str, error: str | None = None, finding: Finding | None = None) -> None:
        """The state in which this process leaves the run; finding: the error as data."""
        self._status["finding"] = finding.to_dict() if finding else None
        self.status(state, epoch=self._status["epoch"], step=self._status["step"], error=error)

    def heartbeat(
        self, *, epoch: int, step: int, images_per_second: float | None, device_bytes: int | None
    ) -> None:
        """`status("running")` at most every few seconds, so that it may be called often.

        images_per_second: lately. device_bytes: the most that the run held of its GPU, None on a CPU.
        """
        if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._status |= {"images_per_second": images_per_second, "device_bytes": device_bytes}
            self.status("running", epoch=epoch, step=step)

    def predictions(self, name: str, found: "Predictions") -> None:
        """predictions/<name>.npz."""
        write_predictions(self.path, name, found)

    def close(self) -> None:
        """Lets go of the directory."""
        if self.mirror is not None:
            self.mirror.close()
        if self._events is not None:
            self._events.close()
            self._events = None
        self._lock.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def begin(path: Path, config: RunConfig, *, resume: str = "auto") -> Run:
    """Takes hold of a run directory, making it if there is none.

    Raises ConfigError when another process holds it, when it holds other settings (which are named), when it
    cannot be made or written, or when it exists and resume is "never".
    """
    check(path, config, resume=resume)
    with _writable(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = _take(path)
    try:
        with _writable(path):
            if not (path / "config.yaml").exists():
                text = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
                write_bytes(path / "config.yaml", text.encode())
            for left in path.rglob(".*.part"):  # what a killed process was writing
                left.unlink()
            for folder in ("checkpoints", "predictions"):
                (path / folder).mkdir(exist_ok=True)
        return Run(path, lock)
    except BaseException:
        lock.close()
        raise


def check(path: Path, config: RunConfig, *, resume: str) -> bool:
    """Whether the run there is done already; False when there is none or it can be taken up.

    Raises ConfigError as `begin` does, but touches nothing.
    """
    with _writable(path):
        if not path.exists():
            _check_room(path)
            return False
    if not path.is_dir():
        raise ConfigError(f"{path}: is a file, where a run directory was expected; give another --out")
    if not (path / "config.yaml").exists():
        strangers = sorted(
            p.name for p in path.iterdir() if p.name not in (".lock", "checkpoints", "predictions")
        )
        if strangers:
            raise ConfigError(
                f"{path}: is not a run directory (it holds {', '.join(strangers[:3])}"
                f"{', ...' if len(strangers) > 3 else ''}); give another --out"
            )
        _check_room(path)
        return False
    if resume == "never":
        raise ConfigError(f"{path}: holds a run already; give another --out, or --resume auto to take it up")
    found = read_config(path)
    if found.digest != config.digest:
        changed = "; ".join(settings.differences(found, config))
        raise ConfigError(f"{path}: holds a run with other settings ({changed}); give another --out")
    if (path / "status.json").exists() and read_status(path)["state"] == "done":
        return True
    _check_room(path)
    return False


def _check_room(path: Path) -> None:
    """Raises ConfigError when a run directory cannot be made at `path`, or not be written."""
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise ConfigError(f"{path}: cannot be made, {nearest} is a file; give another --out")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"{path}: cannot be made or written, {nearest} is read-only; give another --out")


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Says in one sentence why a run directory cannot be made or written. Raises ConfigError."""
    try:
        yield
    except OSError as problem:
        if is_full(problem):
            raise
        raise ConfigError(
            f"{path}: cannot be made or written ({problem.strerror}); give another --out"
        ) from problem


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """An exclusive lock on a folder of runs, for a scheduler, made if there is none. Raises ConfigError."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = _take(folder)
    try:
        yield
    finally:
        lock.close()


def _take(path: Path) -> IO[bytes]:
    """An exclusive lock on the directory. The system drops it when its process ends, however it ends.

    Raises ConfigError when another process holds it, or when the file system has no locks.
    """
    lock = (path / ".lock").open("a+b")
    try:
        if not lock_descriptor(lock.fileno(), blocking=False):
            raise ConfigError(
                f"{path}: is being written by {_holder(lock)}; wait for it, or give another --out"
            )
        lock.truncate(0)
        born = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(psutil.Process().create_time()))
        lock.write(f"process {os.getpid()} on {socket.gethostname()}, started {born}".encode())
        lock.flush()
    except OSError as problem:
        lock.close()
        if is_full(problem):
            raise
        raise ConfigError(
            f"{path}: cannot be locked ({problem.strerror}); the file system of --out must have locks"
            " (flock), so give an --out on another one"
        ) from problem
    except BaseException:
        lock.close()
        raise
    return lock


def _holder(lock: IO[bytes]) -> str:
    """Who holds a lock, as its file says it."""
    try:
        lock.seek(0)
        return lock.read().decode(errors="replace").strip() or "another process"
    except OSError:  # some systems let nobody read what is locked
        return "another process"


def held(path: Path) -> bool:
    """Whether a process holds the run directory now; also one of another machine where locks reach so far.

    The directory is held for a moment by whoever asks.
    """
    try:
        with (path / ".lock").open("r+b") as lock:
            return not lock_descriptor(lock.fileno(), blocking=False)
    except FileNotFoundError:
        return False


def write_predictions(path: Path, name: str, found: "Predictions") -> None:
    """predictions/<name>.npz of the run at `path`, uncompressed: equal predictions give equal bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        schema=np.int64(SCHEMA),
        ids=found.ids.astype(np.int64),
        labels=found.labels.astype(np.int64),
        logits=found.logits.astype(np.float32),
    )
    write_bytes(path / "predictions" / f"{name}.npz", buffer.getvalue())


def write_evaluation(
    path: Path,
    config: RunConfig,
    split: str,
    data_digest: str,
    epochs: Mapping[str, int],
    results: Mapping[str, Mapping[str, Any]],
) -> None:
    """eval-<split>.json of the run at `path`: a split judged after the run. It holds no time and no place.

    epochs, results: by checkpoint, the epoch that it is of and its figures, as in summary.json.
    """
    about = {"schema": SCHEMA, "digest": config.digest, "split": split, "data": data_digest}
    found = {"checkpoints": dict(epochs), "results": {name: dict(row) for name, row in results.items()}}
    write_json(path / f"eval-{split}.json", about | found)


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or absent. Raises ValueError for figures that are not finite: they are null."""
    write_bytes(path, _json(value, indent=2))


def write_bytes(path: Path, content: bytes) -> None:
    """A file, whole or absent, on disk when this returns."""
    with replacing(path) as file:
        file.write(content)


def memory_bytes() -> int:
    """What this process holds of the machine's memory, without the files that it maps."""
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", 0))  # only Linux tells what is shared


def _json(value: Any, *, indent: int | None) -> bytes:
    return (json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a checkpoint says about a split, sorted by id.

    ids: int64 (n,), row numbers in the stored split. labels: int64 (n,). logits: float32 (n, n_classes).
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray


def is_run(path: Path) -> bool:
    """Whether the folder is a run directory that was begun."""
    return (path / "config.yaml").is_file() and (path / "status.json").is_file()


def list_runs(folder: Path) -> list[Path]:
    """Every run directory directly in `folder`, by name; `folder` itself when it is one.

    Raises DataError when there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; runs are made by `mixscope train`")
    if is_run(folder):
        return [folder]
    return sorted(p for p in folder.iterdir() if p.is_dir() and is_run(p))


def damaged(code: str, **params: Any) -> DataError:
    """The error for a record that cannot be what a run writes; code: a message of mixscope/i18n."""
    return DataError(Finding(code, "fail", params))


def read_config(path: Path) -> RunConfig:
    """The settings of a run. Raises DataError."""
    file = path / "config.yaml"
    if not file.is_file():
        raise DataError(f"{path}: is not a run directory, it has no config.yaml")
    try:
        return settings.load(file)
    except ConfigError as problem:
        raise damaged("record-config", problem=str(problem)) from problem


def read_environment(path: Path) -> dict[str, Any]:
    """environment.json. Raises DataError."""
    return _read_json(path / "environment.json", ("digest", "code", "packages", "device", "data", "weights"))


def read_status(path: Path) -> dict[str, Any]:
    """status.json. Raises DataError."""
    return _read_json(path / "status.json", ("state", "epoch", "step", "starts", "heartbeat", "error"))


def read_summary(path: Path) -> dict[str, Any]:
    """summary.json. Raises DataError, also when the run is not done."""
    file = path / "summary.json"
    if not file.exists() and (path / "status.json").exists():
        state = read_status(path)["state"]
        raise DataError(f"{path}: has no summary because it is {state}; `mixscope train` takes it up again")
    return _read_json(file, ("digest", "protocol", "results", "health"))


def read_events(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The events in order, or those of one kind. Raises DataError with the line that is damaged.

    A last line without its end is one that a killed run was writing: it is left out.
    """
    file = path / "events.jsonl"
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise damaged("record-unreadable", path=str(file), reason=str(problem.strerror)) from problem
    rows = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
            rows.append((row["kind"], row))
        except (ValueError, TypeError, KeyError) as problem:
            raise damaged("record-event", path=str(file), line=number) from problem
    return [row for found, row in rows if kind is None or found == kind]


def read_predictions(path: Path, name: str) -> Predictions:
    """predictions/<name>.npz of a run, for instance "test-last". Raises DataError."""
    file = path / "predictions" / f"{name}.npz"
    if not file.exists():
        there = sorted(p.stem for p in file.parent.glob("*.npz"))
        raise damaged("predictions-missing", path=str(path), name=name, available=there)
    try:
        # From memory: of a damaged file numpy would keep the handle open.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            found = Predictions(arrays["ids"], arrays["labels"], arrays["logits"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        about = {"path": str(file), "reason": str(problem), "run": str(path)}
        raise damaged("predictions-damaged", **about) from problem
    n = len(found.ids)
    if found.labels.shape != (n,) or found.logits.ndim != 2 or len(found.logits) != n:
        raise damaged("predictions-lengths", path=str(file), run=str(path))
    return found


def _read_json(file: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except OSError as problem:
        raise damaged("record-unreadable", path=str(file), reason=str(problem.strerror)) from problem
    except ValueError as problem:
        raise damaged("record-not-json", path=str(file)) from problem
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise damaged("record-schema", path=str(file), schema=SCHEMA)
    missing = [key for key in keys if key not in value]
    if missing:
        raise damaged("record-lacks", path=str(file), keys=missing)
    return value
