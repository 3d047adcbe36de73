"""The directory of a run while it is written: locked by one process, with its events and its status.

Events are appended to events.jsonl, which a resumed run truncates to the length that its checkpoint recorded;
status.json is written again every few seconds, so that others see whether the run is alive.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import psutil
import yaml

from mixscope.atomic import is_full, room_for
from mixscope.errors import ConfigError
from mixscope.findings import Finding
from mixscope.runs import lock, records
from mixscope.runs.record_schema import STATES
from mixscope.study import config as settings
from mixscope.study.config import RunConfig

HEARTBEAT_SECONDS = 5.0


class Mirror(Protocol):
    """A listener for events, called once they are on disk; it never raises."""

    def begin(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Receives all existing events in order; none for a new run."""

    def event(self, row: Mapping[str, Any]) -> None:
        """Receives a new event, which is on disk."""

    def close(self) -> None:
        """Ends the stream of events."""


class Run:
    """A run directory that is being written, locked by one process. Created by `begin`, ended by `close`."""

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
        """Current size of events.jsonl, to be recorded in checkpoints."""
        return 0 if self._events is None else self._events.tell()

    def cut(self, length: int) -> bool:
        """Truncates events.jsonl to `length` bytes; later events are appended there.

        Damaged lines are overwritten by blanks, and a file that is too short is filled up with them, since
        checkpoints record positions in it: a run does not need its earlier events.

        Returns:
            Whether all events are there.
        """
        file = self.path / "events.jsonl"
        there = file.read_bytes() if file.exists() else b""
        known = there[:length]
        if missing := length - len(known):
            known += b" " * (missing - 1) + b"\n"
        lines = known.split(b"\n")
        known = b"\n".join(b" " * len(line) if records.parse_event(line)[1] else line for line in lines)
        if known != there[:length]:
            records.write_bytes(file, known)
        if self._events is None:
            self._events = file.open("ab")
        self._events.truncate(length)
        self._events.seek(0, os.SEEK_END)
        if self.mirror is not None:
            self.mirror.begin(records.read_events(self.path))
        return known == there[:length]

    def event(self, kind: str, values: Mapping[str, Any]) -> None:
        """Appends one line to events.jsonl, flushed to disk."""
        assert self._events is not None, "cut() says where events begin"
        with room_for(self.path / "events.jsonl"):
            self._events.write(records.to_json({"kind": kind, **values}))
            self._events.flush()
            os.fsync(self._events.fileno())
        if self.mirror is not None:
            self.mirror.event({"kind": kind, **values})

    def started(self, **about: Any) -> None:
        """Records one more start in status.json, with `about` besides time, host and process."""
        past: dict[str, Any] = {"starts": [], "epoch": 0, "step": 0}
        if (self.path / "status.json").exists():
            past = records.read_status(self.path)
        (self.path / "summary.json").unlink(missing_ok=True)  # of an earlier end, now invalid
        me = {"time": _now(), "host": socket.gethostname(), "pid": os.getpid(), **about}
        self._status = {"starts": [*past["starts"], me]}
        self.status("running", epoch=past["epoch"], step=past["step"])

    def status(self, state: str, *, epoch: int, step: int, error: str | None = None) -> None:
        """Records the position.

        Args:
            state: State of the run.
            epoch: Completed epochs.
            step: Optimizer steps.
            error: Error message, if the run failed.
        """
        assert state in STATES
        self._beat = time.monotonic()
        self._memory = max(self._memory, memory_bytes())
        self._status |= {
            "schema": records.SCHEMA,
            "state": state,
            "epoch": epoch,
            "step": step,
            "memory_bytes": self._memory,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "heartbeat": _now(),
            "error": error,
        }
        records.write_json(self.path / "status.json", self._status)

    def ended(self, state: str, error: str | None = None, finding: Finding | None = None) -> None:
        """Records the state in which this process leaves the run, with the error as text and as data."""
        self._status["finding"] = finding.to_dict() if finding else None
        self.status(state, epoch=self._status["epoch"], step=self._status["step"], error=error)

    def heartbeat(
        self, *, epoch: int, step: int, images_per_second: float | None, device_bytes: int | None
    ) -> None:
        """Calls `status("running")` at most every few seconds, so that it can be called often.

        Args:
            epoch: Completed epochs.
            step: Optimizer steps.
            images_per_second: Recent throughput.
            device_bytes: Peak GPU memory, None on a CPU.
        """
        if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._status |= {"images_per_second": images_per_second, "device_bytes": device_bytes}
            self.status("running", epoch=epoch, step=step)

    def predictions(self, name: str, found: records.Predictions) -> None:
        """Writes predictions/<name>.npz."""
        records.write_predictions(self.path, name, found)

    def close(self) -> None:
        """Releases the directory."""
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
    """Locks a run directory, creating it if necessary.

    Args:
        path: The directory.
        config: Settings of the run.
        resume: "auto", or "never" to reject an existing run.

    Raises:
        ConfigError: If another process has locked it, it holds other settings (which are named), it cannot be
            created or written, or it exists and resume is "never".
    """
    check(path, config, resume=resume)
    with _writable(path):
        path.mkdir(parents=True, exist_ok=True)
        held = lock.take(path)
    try:
        with _writable(path):
            if not (path / "config.yaml").exists():
                text = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
                records.write_bytes(path / "config.yaml", text.encode())
            for left in path.rglob(".*.part"):  # partial files of a killed process
                left.unlink()
            for folder in ("checkpoints", "predictions"):
                (path / folder).mkdir(exist_ok=True)
        return Run(path, held)
    except BaseException:
        held.close()
        raise


def check(path: Path, config: RunConfig, *, resume: str) -> bool:
    """Whether the run is finished; False when there is none or it can be resumed.

    Raises:
        ConfigError: As `begin`, without touching anything.
    """
    with _writable(path):
        return _check(path, config, resume)


def _check(path: Path, config: RunConfig, resume: str) -> bool:
    if not path.exists():
        _check_room(path)
        return False
    if not path.is_dir():
        raise ConfigError(
            "wrong-format", "is a file, where a run directory was expected; give another --out", path=path
        )
    if not (path / "config.yaml").exists() and not records.belongs(path, config):
        strangers = sorted(
            p.name for p in path.iterdir() if p.name not in (".lock", "checkpoints", "predictions")
        )
        if strangers:
            raise ConfigError(
                "already-exists",
                f"is not a run directory (it holds {', '.join(strangers[:3])}"
                f"{', ...' if len(strangers) > 3 else ''}); give another --out",
                path=path,
            )
        _check_room(path)
        return False
    if resume == "never":
        raise ConfigError(
            "already-exists",
            "holds a run already; give another --out, or --resume auto to resume it",
            path=path,
        )
    if (path / "config.yaml").exists() and (found := records.read_config(path)).digest != config.digest:
        changed = "; ".join(settings.differences(found, config))
        raise ConfigError(
            "already-exists", f"holds a run with other settings ({changed}); give another --out", path=path
        )
    if (path / "status.json").exists() and records.read_status(path)["state"] == "done":
        if (path / "summary.json").exists():
            return True
        # The summary is missing: a resumed run is evaluated and written again.
    _check_room(path)
    return False


def _check_room(path: Path) -> None:
    """Checks that a run directory can be created and written at `path`. Raises ConfigError."""
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise ConfigError(
            "wrong-format", f"cannot be made, {nearest} is a file; give another --out", path=path
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(
            "no-access", f"cannot be made or written, {nearest} is read-only; give another --out", path=path
        )


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Converts errors of creating or writing a run directory into ConfigError."""
    try:
        yield
    except OSError as problem:
        if is_full(problem):
            raise
        raise ConfigError(
            "no-access", f"cannot be made or written ({problem.strerror}); give another --out", path=path
        ) from problem


def memory_bytes() -> int:
    """Resident memory of this process, without mapped files."""
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", 0))  # only Linux reports shared memory


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
