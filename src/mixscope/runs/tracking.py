"""Trackers that mirror events.jsonl: TensorBoard, Weights & Biases.

A tracker only receives events: one that fails is removed with a warning, and the run continues. Events
recorded before a run was resumed are sent again.
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
from mixscope.errors import ConfigError, DataError, extra
from mixscope.runs import health_records, records
from mixscope.study.config import RunConfig

FOLDER = "tensorboard"  # inside the run directory, so that `tensorboard --logdir` shows runs by name


class Tracker(Protocol):
    """An experiment tracker."""

    def begin(self, path: Path, config: RunConfig) -> None:
        """Starts the run in directory `path`, or restarts it from its first event."""

    def row(self, row: Mapping[str, Any]) -> None:
        """Receives one event, as in events.jsonl."""

    def end(self) -> None:
        """Flushes and closes; no more events follow."""


class Say(Protocol):
    """Where warnings are shown."""

    def line(self, text: str) -> None:
        """Shows a permanent line."""


class Mirror:
    """Forwards a run's events to its trackers; created by `mirror`, called by recording.Run."""

    def __init__(self, trackers: Mapping[str, Tracker], path: Path, config: RunConfig, say: Say) -> None:
        self.trackers, self.path, self.config, self.say = dict(trackers), path, config, say

    def begin(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Starts the trackers with the events recorded so far."""
        self._tell("begin", self.path, self.config)
        for row in rows:
            self.event(row)

    def event(self, row: Mapping[str, Any]) -> None:
        """Forwards one event to every tracker; one that fails is removed."""
        self._tell("row", row)

    def close(self) -> None:
        """Ends all trackers."""
        self._tell("end")
        self.trackers.clear()

    def _tell(self, what: str, *words: Any) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                getattr(tracker, what)(*words)
            except Exception as problem:  # a tracker's error must not stop a run
                del self.trackers[name]
                about = str(problem).strip().splitlines()[:1] or [type(problem).__name__]
                self.say.line(
                    f"warning   {name} failed ({about[0]}): the run continues without it;"
                    " events.jsonl has everything"
                )


def mirror(names: Iterable[str], path: Path, config: RunConfig, say: Say) -> Mirror:
    """Creates trackers by name for the run at `path`; warnings go to `say`.

    Raises:
        ConfigError: As `check`.
    """
    names = list(names)
    check(names)
    return Mirror({name: TRACKERS[name]() for name in names}, path, config, say)


def check(names: Iterable[str]) -> None:
    """Checks that trackers are known and installed.

    Raises:
        ConfigError: If not; names the package extra to install.
    """
    for name in names:
        if name not in TRACKERS:
            raise ConfigError("unknown-name", f"{name} is none of {', '.join(TRACKERS)}", key="--track")
        try:
            TRACKERS[name].library()
        except ImportError as problem:
            raise ConfigError(
                "not-installed", f"--track {name}: is not installed; {extra(name)}", key="--track"
            ) from problem


def export(path: Path) -> Path:
    """Writes the TensorBoard files of a run from its records, as tracking would have.

    Returns:
        Their folder.

    Raises:
        ConfigError: If TensorBoard is not installed.
        DataError: If records are damaged.
    """
    check(["tensorboard"])
    tracker = TensorBoard()
    tracker.begin(path, records.read_config(path))
    for row in records.read_events(path):
        tracker.row(row)
    tracker.end()
    return path / FOLDER


def export_all(folder: Path) -> tuple[list[Path], list[Path]]:
    """Exports every finished run in a folder.

    Returns:
        The exported runs, and those that are not finished.

    Raises:
        ConfigError: If TensorBoard is not installed.
        DataError: If there is no finished run.
    """
    check(["tensorboard"])
    runs = records.list_runs(folder)
    done = [path for path in runs if records.read_status(path)["state"] == "done"]
    if not done:
        raise DataError(
            "missing-results",
            f"holds no finished run ({len(runs)} begun); `mixscope study run` makes them",
            path=folder,
        )
    for path in done:
        export(path)
    return done, [path for path in runs if path not in done]


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's row by name, without missing ones."""
    return {
        key: float(value)
        for key, value in row.items()
        if key not in ("kind", "epoch") and isinstance(value, int | float) and not isinstance(value, bool)
    }


def _check(row: Mapping[str, Any], config: RunConfig) -> tuple[str, str]:
    """Converts a health check for a tracker.

    Args:
        row: Event of the check, as recorded.
        config: Settings of the run.

    Returns:
        Tag ("health/<code>", with the predictions that it concerns), and the finding as an English sentence.
    """
    finding = health_records.read([row], config.data.name)[0]
    of = finding.params.get("predictions")
    tag = f"health/{finding.code}/{of}" if of else f"health/{finding.code}"
    return tag, f"{i18n.render(finding)} ({finding.severity})"


# --- trackers -----------------------------------------------------------------------------------


class TensorBoard:
    """<run>/tensorboard/: a curve for each metric over epochs; findings and settings as text.

    Times are training times from the run's first start, without pauses between its starts.
    """

    def __init__(self) -> None:
        self.clock = 0.0
        self.found: dict[str, int] = {}

    @staticmethod
    def library() -> Any:
        """Returns torch.utils.tensorboard.

        Raises:
            ImportError: If the package tensorboard is missing.
        """
        from torch.utils import tensorboard

        return tensorboard

    def begin(self, path: Path, config: RunConfig) -> None:
        """Starts a new event file; its clock begins at the run's first start."""
        self.config = config
        began = records.read_status(path)["starts"][0]["time"]
        self.clock = datetime.strptime(began, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        for old in (path / FOLDER).glob("events.out.tfevents.*"):  # everything is written again
            old.unlink()
        self.writer = self.library().SummaryWriter(str(path / FOLDER))
        settings = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
        indented = "".join(f"    {line}\n" for line in settings.splitlines())
        self.writer.add_text("settings", indented, 0, walltime=self.clock)

    def row(self, row: Mapping[str, Any]) -> None:
        """Writes metrics of an epoch as curves, health checks as text."""
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
        """Flushes and closes the file."""
        self.writer.close()


class Wandb:
    """A run of the project "mixscope" ($WANDB_PROJECT), grouped by study; offline without an account.

    Offline runs are in <run>/wandb/; `wandb sync` uploads them.
    """

    @staticmethod
    def library() -> Any:
        """Returns the package wandb.

        Raises:
            ImportError: If it is missing.
        """
        import wandb

        return wandb

    def begin(self, path: Path, config: RunConfig) -> None:
        """Starts the run, or resumes the one of the same name and settings."""
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
        """Logs metrics of an epoch as curves, health checks in the run's summary."""
        if row["kind"] == "epoch":
            # W&B ignores steps that were sent before an interruption.
            figures = {f"epoch/{name}": value for name, value in _figures(row).items()}
            self.run.log({"epoch": row["epoch"], **figures}, step=row["epoch"])
        elif row["kind"] == "health":
            tag, text = _check(row, self.config)
            found = self.run.summary.get(tag)
            self.run.summary[tag] = text if found in (None, text) else f"{found}; {text}"

    def end(self) -> None:
        """Flushes and closes the run."""
        self.run.finish()


def _has_account() -> bool:
    """Whether a Weights & Biases login is stored on this machine."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    address = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    try:
        hosts = netrc.netrc().hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return urlsplit(address).hostname in hosts


TRACKERS: dict[str, type[TensorBoard] | type[Wandb]] = {"tensorboard": TensorBoard, "wandb": Wandb}
