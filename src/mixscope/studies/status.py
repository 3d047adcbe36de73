"""Status of a study's runs, read from their records alone, at any time, without side effects."""

import dataclasses
import json
import os
import socket
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from mixscope import i18n
from mixscope.atomic import room_for
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.runs import lock, record_schema, records
from mixscope.study import config as settings
from mixscope.study.study import PlannedRun

FRESH_SECONDS = 60.0  # age up to which a heartbeat from another machine counts as alive
JOURNAL = "scheduler.jsonl"  # journal of schedulers, in the study's folder

State = Literal["pending", "running", "partial", "failed", "done", "damaged", "conflict"]
Places = Mapping[str, Sequence[Path]]  # run directories by PlannedRun.stem


@dataclass(frozen=True, slots=True)
class Standing:
    """Status of one run of a study.

    Attributes:
        run: The run.
        path: Its folder.
        state: "pending", "running", "partial" (started and not being worked on, or finished without its
            summary), "failed", "done", "damaged" (`error` names the record) or "conflict" (its folder holds a
            run with other settings).
        epoch: Completed epochs.
        epochs: Total epochs.
        step: Optimizer steps.
        top1: Validation accuracy of the latest epoch in percent (test accuracy without validation), None
            before.
        images_per_second: Recent rate of a running run; else that of the last epoch.
        pid: Process id, None if it does not run.
        beat_age: Age of the last heartbeat in seconds.
        error: Why it failed or is damaged.
        remark: Which record is missing from its folder, and how to restore it.
        finding: `error` or `remark` as data, where the catalogues have a message for it.
        epoch_seconds: Median time of an epoch with evaluation.
        epoch_steps: Steps per epoch.
        wall_seconds: Duration of a run that was never interrupted; None if the clock contradicts its epochs.
        memory_bytes: Peak memory.
        device_bytes: Peak GPU memory.
    """

    run: PlannedRun
    path: Path
    state: State
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    top1: float | None = None
    images_per_second: float | None = None
    pid: int | None = None
    beat_age: float | None = None
    error: str | None = None
    remark: str | None = None
    finding: Finding | None = None
    epoch_seconds: float | None = None
    epoch_steps: int | None = None
    wall_seconds: float | None = None
    memory_bytes: int | None = None
    device_bytes: int | None = None

    def reason(self, lang: str = "en") -> str | None:
        """Why it failed or is damaged, or which record is missing; English if only that was recorded."""
        if self.finding is not None and i18n.has(self.finding.code):
            return i18n.render(self.finding, lang)
        return self.error if self.error is not None else self.remark


def standing(run: PlannedRun, out: Path, places: Places | None = None) -> Standing:
    """Reads the status of a run; writes nothing.

    Args:
        run: The run.
        out: Folder of the study.
        places: Run directories in `out`; None lists them.
    """
    try:
        return _standing(run, out, _places(out) if places is None else places)
    except DataError as problem:
        return Standing(
            run,
            out / run.directory,
            "damaged",
            epochs=run.config.train.epochs,
            error=str(problem),
            finding=problem.finding,
        )


def _standing(run: PlannedRun, out: Path, places: Places) -> Standing:
    path = out / run.directory
    epochs = run.config.train.epochs
    rival = next((p for p in places.get(run.stem, ()) if p != path), None)
    if rival is not None:
        changed = settings.differences(records.read_config(rival), run.config)
        about = {"run": rival.name, "changes": "; ".join(changed) or "none"}
        finding = Finding("run-other-settings", "fail", about)
        error = i18n.render(finding)
        return Standing(run, rival, "conflict", epochs=epochs, error=error, finding=finding)
    if not records.is_run(path):
        lost = records.lost(path, run.config)
        if lost is not None and lost.finding and lost.finding.code == "record-unknown":
            raise lost
        if lost is None:
            return Standing(run, path, "pending", epochs=epochs)
        return Standing(run, path, "partial", epochs=epochs, remark=str(lost), finding=lost.finding)
    status = records.read_status(path)
    _refuse_stranger(run, path)
    state: State = status["state"]
    age = time.time() - _seconds(status["heartbeat"])
    if state == "running" and not _lives(path, status, age):
        state = "partial"
    elif status["state"] == "interrupted" or (state == "done" and not (path / "summary.json").exists()):
        state = "partial"
    if state == "done" and (digest := records.read_summary(path)["digest"]) != run.digest:
        raise records.damaged("summary-stranger", path=str(path / "summary.json"), digest=digest)
    rows = []
    if (path / "events.jsonl").exists():  # a resumed run does without those that are damaged
        rows = records.read_events(path, "epoch", strict=state == "done")
    last = rows[-1] if rows else {}
    times = [r["seconds"] + r["judging_seconds"] for r in rows if "seconds" in r and "judging_seconds" in r]
    rate = status.get("images_per_second") if state == "running" else None
    wall = None
    if state == "done" and len(status["starts"]) == 1 and "time" in status["starts"][0]:
        wall = _seconds(status["heartbeat"]) - _seconds(status["starts"][0]["time"])
        if wall < max(0.0, sum(times) - 1):  # the clock was set back meanwhile; records have whole seconds
            wall = None
    return Standing(
        run,
        path,
        state,
        epoch=status["epoch"],
        epochs=epochs,
        step=status["step"],
        top1=last.get("val_top1") if last.get("val_top1") is not None else last.get("test_top1"),
        images_per_second=rate if rate is not None else last.get("images_per_second"),
        pid=status.get("pid") if state == "running" else None,
        beat_age=age,
        error=status["error"],
        finding=_finding(status),
        epoch_seconds=statistics.median(times) if times else None,
        epoch_steps=last["step"] // last["epoch"] if "step" in last and last["epoch"] else None,
        wall_seconds=wall,
        memory_bytes=status.get("memory_bytes"),
        device_bytes=status.get("device_bytes"),
    )


def standings(
    runs: Sequence[PlannedRun], out: Path, *, places: Places | None = None, ledger: "Ledger | None" = None
) -> list[Standing]:
    """Status of every run; one that a scheduler gave up before its start has failed, too.

    Args:
        runs: Runs of a study.
        out: Folder of the study.
        places: Run directories in `out`; None lists them.
        ledger: The journal as read before; None reads all of it.
    """
    given_up = (ledger or Ledger(out)).given_up()
    found, places = [], _places(out) if places is None else places
    for run in runs:
        stands = standing(run, out, places)
        if stands.state == "pending" and run.directory in given_up:
            event = given_up[run.directory]
            error, finding = event.get("reason"), _finding(event)
            stands = dataclasses.replace(stands, state="failed", error=error, finding=finding)
        found.append(stands)
    return found


def note(out: Path, event: Mapping[str, Any]) -> None:
    """Appends a line to the journal, starting a new line after an incomplete one.

    Raises:
        DiskFull: If the disk is full.
    """
    with room_for(out / JOURNAL), (out / JOURNAL).open("a+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        begun = file.read() not in (b"", b"\n")
        file.write(b"\n" * begun + json.dumps(event, ensure_ascii=False).encode() + b"\n")


class Ledger:
    """Runs given up by schedulers, from the journal, which is read incrementally."""

    def __init__(self, out: Path) -> None:
        self.out, self.read = out, 0
        self.last: dict[str, dict[str, Any]] = {}

    def given_up(self) -> dict[str, dict[str, Any]]:
        """The events of runs that were given up and not started again since, by directory."""
        try:
            with (self.out / JOURNAL).open("rb") as file:
                file.seek(self.read)
                new = file.read()
        except FileNotFoundError:
            return {}
        whole = new.rfind(b"\n") + 1  # an incomplete line is read again next time
        for event in _events(new):
            if event["event"] == "gave up":
                self.last[event["run"]] = event
            else:
                self.last.pop(event["run"], None)
        self.read += whole
        return self.last


def journal(out: Path) -> list[dict[str, Any]]:
    """Reads the journal in order; incomplete lines are skipped."""
    try:
        return _events((out / JOURNAL).read_bytes())
    except FileNotFoundError:
        return []


def _events(content: bytes) -> list[dict[str, Any]]:
    lines = content.split(b"\n")
    events = []
    for line in lines:
        try:
            event = record_schema.parse(line)
        except ValueError:  # also of letters that are cut in two
            continue  # a scheduler was killed, or its disk was full, in the middle of it
        if isinstance(event, dict) and all(isinstance(event.get(key), str) for key in ("run", "event")):
            events.append(event)
    return events


def refuse_conflicts(found: Iterable[Standing]) -> None:
    """Checks that no run's folder holds a run with other settings.

    Raises:
        ConfigError: If one does; names all such runs.
    """
    conflicts = [s for s in found if s.state == "conflict"]
    if conflicts:
        first = "; ".join(str(s.error) for s in conflicts[:3])
        more = f" (and {len(conflicts) - 3} more)" if len(conflicts) > 3 else ""
        raise ConfigError(
            "changed",
            f"{len(conflicts)} runs of this study were made before it was edited: {first}{more}."
            " Give the edited study another --out, or undo the edit",
        )


def _places(out: Path) -> Places:
    """Run directories of a study by experiment and seed, from one directory listing."""
    found: dict[str, list[Path]] = {}
    for name in sorted(os.listdir(out)) if out.is_dir() else ():
        if records.is_run(out / name):
            found.setdefault(name.rpartition("-")[0], []).append(out / name)
    return found


def _finding(record: Mapping[str, Any]) -> Finding | None:
    """Why a run ended, as data; None if a status or an event has only a sentence."""
    found = record.get("finding")
    return Finding.from_dict(found) if found else None


def _seconds(written: str) -> float:
    return datetime.strptime(written, "%Y-%m-%dT%H:%M:%S%z").timestamp()


def _refuse_stranger(run: PlannedRun, path: Path) -> None:
    """Raises DataError for a folder whose records have other settings, for instance a copied one."""
    if (path / "environment.json").exists():
        digest = records.read_environment(path)["digest"]
        if digest != run.digest:
            about = {"digest": digest, "own": run.digest}
            raise records.damaged("record-stranger", path=str(path), **about)


def _lives(path: Path, status: Mapping[str, Any], age: float) -> bool:
    """Whether a process works on a run that is recorded as running.

    On this machine it holds the run's lock, whatever the clock says. A heartbeat from another machine counts
    while it is recent; clocks may differ by as much, and a heartbeat from the future is ignored.
    """
    if status.get("host") == socket.gethostname() and os.access(path / ".lock", os.R_OK | os.W_OK):
        return lock.held(path)
    return abs(age) < FRESH_SECONDS
