"""Trackers show what events.jsonl says: TensorBoard, Weights & Biases.

A tracker is told what is recorded and decides nothing: one that fails is dropped with a warning, and the run
goes on. What a run had recorded before it was taken up again is told to it anew.
"""

import netrc
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import yaml

from mixscope import i18n
from mixscope.errors import ConfigError, DataError
from mixscope.runs import health_records, records
from mixscope.study.config import RunConfig

FOLDER = "tensorboard"  # in a run directory, so that `tensorboard --logdir` finds runs by their names


class Tracker(Protocol):
    """What is told of a run. path: of its directory."""

    def begin(self, path: Path, config: RunConfig) -> None:
        """The run begins, or begins again from its first event."""

    def row(self, row: Mapping[str, Any]) -> None:
        """One event, as in events.jsonl."""

    def end(self) -> None:
        """No more events come; all is sent or written."""


class Say(Protocol):
    """Who shows a warning."""

    def line(self, text: str) -> None:
        """One line of text that stays."""


class Mirror:
    """Trackers beside a run's events; made by `mirror`, told by records.Run."""

    def __init__(self, trackers: Mapping[str, Tracker], path: Path, config: RunConfig, say: Say) -> None:
        self.trackers, self.path, self.config, self.say = dict(trackers), path, config, say

    def begin(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The run begins, or is taken up with what it has recorded so far."""
        self._tell("begin", self.path, self.config)
        for row in rows:
            self.event(row)

    def event(self, row: Mapping[str, Any]) -> None:
        """Tells every tracker of one event, as in events.jsonl; one that fails is told no more."""
        self._tell("row", row)

    def close(self) -> None:
        """Ends all trackers."""
        self._tell("end")
        self.trackers.clear()

    def _tell(self, what: str, *words: Any) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                getattr(tracker, what)(*words)
            except Exception as problem:  # whatever it is: it must not stop a run
                del self.trackers[name]
                about = str(problem).strip().splitlines()[:1] or [type(problem).__name__]
                self.say.line(
                    f"warning   {name} failed ({about[0]}): the run goes on without it;"
                    " events.jsonl has everything"
                )


def mirror(names: Iterable[str], path: Path, config: RunConfig, say: Say) -> Mirror:
    """Trackers by their names, for the run at `path`; warnings go to `say`. Raises ConfigError as `check`."""
    names = list(names)
    check(names)
    return Mirror({name: TRACKERS[name]() for name in names}, path, config, say)


def check(names: Iterable[str]) -> None:
    """Raises ConfigError when a tracker is not known or its library is not installed, naming the extra."""
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f"--track: {name} is none of {', '.join(TRACKERS)}")
        try:
            TRACKERS[name].library()
        except ImportError as problem:
            raise ConfigError(
                f"--track {name}: is not installed; pip install 'mixscope[{name}]'"
            ) from problem


def export(path: Path) -> Path:
    """Writes the TensorBoard files of a run from its records, as tracking would have; returns their folder.

    Raises ConfigError without TensorBoard, DataError for damaged records.
    """
    check(["tensorboard"])
    tracker = TensorBoard()
    tracker.begin(path, records.read_config(path))
    for row in records.read_events(path):
        tracker.row(row)
    tracker.end()
    return path / FOLDER


def export_all(folder: Path) -> tuple[list[Path], list[Path]]:
    """Exports every finished run in a folder; returns those and the ones that are not finished.

    Raises ConfigError without TensorBoard, DataError when there is no finished run.
    """
    check(["tensorboard"])
    runs = records.list_runs(folder)
    done = [path for path in runs if records.read_status(path)["state"] == "done"]
    if not done:
        raise DataError(
            f"{folder}: holds no finished run ({len(runs)} begun); `mixscope study run` makes them"
        )
    for path in done:
        export(path)
    return done, [path for path in runs if path not in done]


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's row, by name; what is not known is left out."""
    return {
        key: float(value)
        for key, value in row.items()
        if key not in ("kind", "epoch") and isinstance(value, int | float) and not isinstance(value, bool)
    }


def _check(row: Mapping[str, Any], config: RunConfig) -> tuple[str, str]:
    """A health check's tag and text."""
    finding = health_records.read([row], config.data.name)[0]
    of = finding.params.get("predictions")
    tag = f"health/{finding.code}/{of}" if of else f"health/{finding.code}"
    return tag, f"{i18n.render(finding)} ({finding.severity})"


# --- trackers -----------------------------------------------------------------------------------


class TensorBoard:
    """<run>/tensorboard/: a curve for each figure of the epochs, findings and settings as text.

    Times are those of training: from the run's first start, without the pauses between its starts.
    """

    def __init__(self) -> None:
        self.clock = 0.0
        self.found: dict[str, int] = {}

    @staticmethod
    def library() -> Any:
        """torch.utils.tensorboard. Raises ImportError without the package tensorboard."""
        from torch.utils import tensorboard

        return tensorboard

    def begin(self, path: Path, config: RunConfig) -> None:
        """Begins the event file anew; its clock is that of the run's first start."""
        self.config = config
        began = records.read_status(path)["starts"][0]["time"]
        self.clock = datetime.strptime(began, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        for old in (path / FOLDER).glob("events.out.tfevents.*"):  # all of it is written anew
            old.unlink()
        self.writer = self.library().SummaryWriter(str(path / FOLDER))
        settings = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
        indented = "".join(f"    {line}\n" for line in settings.splitlines())
        self.writer.add_text("settings", indented, 0, walltime=self.clock)

    def row(self, row: Mapping[str, Any]) -> None:
        """Figures of an epoch as curves over epochs, health checks as texts."""
        if row["kind"] == "epoch":
            self.clock += row["seconds"] + row["judging_seconds"]
            for name, value in _figures(row).items():
                self.writer.add_scalar(f"epoch/{name}", value, row["epoch"], walltime=self.clock)
        elif row["kind"] == "health":
            tag, text = _check(row, self.config)
            step = self.found[tag] = self.found.get(tag, 0) + 1
            self.writer.add_text(tag, text, step, walltime=self.clock)
        self.writer.flush()

    def end(self) -> None:
        """Writes out what is left and closes the file."""
        self.writer.close()


class Wandb:
    """A run of the project "mixscope" ($WANDB_PROJECT), grouped by study; offline unless there is an account.

    Offline runs lie in <run>/wandb/; `wandb sync` sends them.
    """

    @staticmethod
    def library() -> Any:
        """The package wandb. Raises ImportError without it."""
        import wandb

        return wandb

    def begin(self, path: Path, config: RunConfig) -> None:
        """Begins the run, or goes on with the one of the same name and settings."""
        library = self.library()
        self.config = config
        path = path.absolute()
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{path.parent.name}-{path.name}")
        self.run = library.init(
            project=os.environ.get("WANDB_PROJECT", "mixscope"),
            group=path.parent.name,
            name=path.name,
            id=f"{name}-{config.digest}"[-128:],
            dir=str(path),
            config=config.to_dict(),
            resume="allow",
            mode=os.environ.get("WANDB_MODE") or ("online" if _has_account() else "offline"),
            settings=library.Settings(console="off", silent=True, disable_git=True, disable_code=True),
        )
        self.run.define_metric("epoch/*", step_metric="epoch")

    def row(self, row: Mapping[str, Any]) -> None:
        """Figures of an epoch as curves over epochs, health checks in the run's summary."""
        if row["kind"] == "epoch":
            # Steps that were sent before an interruption are known there, and not counted again.
            figures = {f"epoch/{name}": value for name, value in _figures(row).items()}
            self.run.log({"epoch": row["epoch"], **figures}, step=row["epoch"])
        elif row["kind"] == "health":
            tag, text = _check(row, self.config)
            found = self.run.summary.get(tag)
            self.run.summary[tag] = text if found in (None, text) else f"{found}; {text}"

    def end(self) -> None:
        """Sends or writes what is left."""
        self.run.finish()


def _has_account() -> bool:
    """Whether somebody has logged in to Weights & Biases here."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    address = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    try:
        hosts = netrc.netrc().hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return urlsplit(address).hostname in hosts


TRACKERS: dict[str, type[TensorBoard] | type[Wandb]] = {"tensorboard": TensorBoard, "wandb": Wandb}
