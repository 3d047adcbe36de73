"""The files of a run: their formats, written during the run and read by everything that works on results.

A run directory contains:

    config.yaml        all settings
    environment.json   versions, hardware, code revision, data checksum, origin of the weights, and the
                       study, with the digest of its claims
    events.jsonl       one JSON line per event: kind "health" and kind "epoch"
    status.json        running, interrupted, failed or done; position; every start
    checkpoints/       last, and the selected epochs
    predictions/       <split>-<checkpoint>.npz: ids, labels, logits
    summary.json       metrics, computed from the prediction files
    eval-<split>.json  metrics of `mixscope eval --split`: val, test or train

Files are written atomically: beside their destination, flushed to disk, then moved. Only events.jsonl grows
(runs/recording.py).
"""

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixscope.atomic import replacing
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.runs import lock, record_schema
from mixscope.study import config as settings
from mixscope.study import methods
from mixscope.study.config import RunConfig

SCHEMA = 1
# Images whose prediction may change by rounding in an evaluation on other hardware.
ROUNDED_IMAGES, ROUNDED_SHARE = 2, 0.001
LESS_MEMORY = (  # advice when memory runs out: settings are never changed silently
    "run fewer at once (--slots), set a smaller run.eval_batch_size, or set train.accumulate=2 in another"
    " study: the batch of a step stays the same, but batch norm sees it in parts"
)


def name_of(config: RunConfig) -> str:
    """The name of a run's directory if the user gives none; equal settings give equal names."""
    parts = (
        config.data.name,
        config.model.arch,
        methods.label(config.augment.mix),
        f"s{config.seed}",
        config.digest,
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


# --- writing ------------------------------------------------------------------------------------


def write_predictions(path: Path, name: str, found: "Predictions") -> None:
    """Writes predictions/<name>.npz, uncompressed: equal predictions give equal bytes."""
    buffer = io.BytesIO()
    about: dict[str, Any] = {} if found.digest is None else {"digest": np.array(found.digest)}
    np.savez(
        buffer,
        schema=np.int64(SCHEMA),
        ids=found.ids.astype(np.int64),
        labels=found.labels.astype(np.int64),
        logits=found.logits.astype(np.float32),
        **about,
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
    """Writes eval-<split>.json: a split evaluated after the run, without time and host.

    Args:
        path: Run directory.
        config: Settings of the run.
        split: The evaluated split.
        data_digest: Digest of the data set.
        epochs: Epoch of each checkpoint.
        results: Metrics of each checkpoint, as in summary.json.
    """
    about = {"schema": SCHEMA, "digest": config.digest, "split": split, "data": data_digest}
    found = {"checkpoints": dict(epochs), "results": {name: dict(row) for name, row in results.items()}}
    write_json(path / f"eval-{split}.json", about | found)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically.

    Raises:
        ValueError: If a value is not finite; missing values are null.
    """
    write_bytes(path, to_json(value, indent=2))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically, flushed to disk."""
    with replacing(path) as file:
        file.write(content)


def to_json(value: Any, *, indent: int | None = None) -> bytes:
    """A value as JSON and a line end; without indentation, one line. Raises ValueError if not finite."""
    return (json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n").encode()


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of a checkpoint for a split, sorted by id.

    Attributes:
        ids: int64 (n,), row numbers in the stored split.
        labels: int64 (n,).
        logits: float32 (n, n_classes).
        digest: Digest of the run's settings; None in files of version 0.1.0.
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    digest: str | None = None


def is_run(path: Path) -> bool:
    """Whether the folder is a run directory.

    Also true for a folder that is not readable: reading its records reports that.
    """
    try:
        return (path / "config.yaml").is_file() and (path / "status.json").is_file()
    except PermissionError:
        return True


def lost(path: Path, config: RunConfig | None = None) -> DataError | None:
    """What a folder lacks that holds records of a run but is no run directory; None for any other folder.

    Args:
        path: The folder.
        config: Settings of the run that belongs there; None if unknown.
    """
    if is_run(path) or lock.held(path):  # a run that begins has not written all of them
        return None
    records = ("environment.json", "events.jsonl", "status.json", "summary.json")
    if not any((path / name).exists() for name in records):
        return None
    if (path / "config.yaml").exists():
        return damaged("record-lost-status", path=str(path))
    return damaged("record-lost-config" if belongs(path, config) else "record-unknown", path=str(path))


def belongs(path: Path, config: RunConfig | None) -> bool:
    """Whether the environment of a run that lost its config.yaml has these settings."""
    with suppress(DataError):
        return config is not None and read_environment(path)["digest"] == config.digest
    return False


def begun(folder: Path) -> set[str]:
    """Names of the folders in `folder` with records of a run, whether they are complete or not."""
    if not folder.is_dir():
        return set()
    return {p.name for p in folder.iterdir() if p.is_dir() and (is_run(p) or lost(p) is not None)}


def list_runs(folder: Path) -> list[Path]:
    """Run directories directly in `folder`, by name; `folder` itself if it is one.

    Raises:
        DataError: If the folder does not exist or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(
            "missing-file", "there is no such folder; runs are made by `mixscope train`", path=folder
        )
    if is_run(folder):
        return [folder]
    if (half := lost(folder)) is not None:
        raise half
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and is_run(p))
    except OSError as problem:
        raise DataError("no-access", f"cannot be read ({problem.strerror})", path=folder) from problem


def damaged(code: str, **params: Any) -> DataError:
    """The error for a damaged record; code: a message of mixscope/i18n."""
    return DataError(Finding(code, "fail", params), path=params.get("path"), line=params.get("line"))


def read_config(path: Path) -> RunConfig:
    """Reads the settings of a run.

    Raises:
        DataError: If they are missing or damaged.
    """
    file = path / "config.yaml"
    try:
        if not file.is_file():
            raise DataError("wrong-format", "is not a run directory, it has no config.yaml", path=path)
        return settings.load(file)
    except OSError as problem:
        raise damaged("record-unreadable", path=str(file), reason=str(problem.strerror)) from problem
    except ConfigError as problem:
        found = Finding("record-config", "fail", {"problem": problem.finding})
        raise DataError(found, key=problem.key, path=problem.path, line=problem.line) from problem


def read_environment(path: Path) -> dict[str, Any]:
    """Reads environment.json.

    Raises:
        DataError: If it is missing or damaged.
    """
    return _read_json(path / "environment.json", record_schema.ENVIRONMENT, "run")


def read_status(path: Path) -> dict[str, Any]:
    """Reads status.json.

    Raises:
        DataError: If it is missing or damaged.
    """
    return _read_json(path / "status.json", record_schema.STATUS, "status")


def read_summary(path: Path) -> dict[str, Any]:
    """Reads summary.json.

    Raises:
        DataError: If it is missing or damaged, or the run is not finished.
    """
    file = path / "summary.json"
    if not file.exists() and (path / "status.json").exists():
        state = read_status(path)["state"]
        code = "summary-lost" if state == "done" else "summary-not-yet"
        raise damaged(code, path=str(path), state=state)
    return _read_json(file, record_schema.SUMMARY, "summary")


def read_events(path: Path, kind: str | None = None, *, strict: bool = True) -> list[dict[str, Any]]:
    """Reads the events in order, optionally of one kind.

    An incomplete last line, which a killed run was writing, and blank lines are skipped; unless `strict`,
    damaged lines are, too.

    Raises:
        DataError: If the file cannot be read or a line is damaged; names it.
    """
    file = path / "events.jsonl"
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise damaged("record-unreadable", path=str(file), reason=str(problem.strerror)) from problem
    rows = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        row, wrong = parse_event(line)
        if wrong is not None and strict:
            raise damaged("record-event", path=str(file), line=number, problem=wrong)
        rows += [row] if row is not None else []
    return [row for row in rows if kind is None or row["kind"] == kind]


def parse_event(line: bytes) -> tuple[dict[str, Any] | None, Finding | None]:
    """The event of a line, None if it is blank or damaged, and what is wrong with it."""
    if not line.strip():
        return None, None
    try:
        row = record_schema.parse(line)
        wrong = record_schema.misfit(row, record_schema.EPOCH if row["kind"] == "epoch" else {})
    except (ValueError, TypeError, KeyError):
        return None, Finding("record-no-kind")
    return (row, None) if wrong is None else (None, wrong)


def read_predictions(path: Path, name: str) -> Predictions:
    """Reads predictions/<name>.npz of a run, for instance "test-last".

    Raises:
        DataError: If the file is missing, damaged, of another run, or contradicts the summary.
    """
    file = path / "predictions" / f"{name}.npz"
    if not file.exists():
        there = sorted(p.stem for p in file.parent.glob("*.npz"))
        raise damaged("predictions-missing", path=str(path), name=name, available=there)
    try:
        found = _predictions(file)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError) as problem:
        about = {"path": str(file), "reason": _line(problem), "run": str(path)}
        raise damaged("predictions-damaged", **about) from problem
    n = len(found.ids)
    if found.labels.shape != (n,) or found.logits.ndim != 2 or len(found.logits) != n:
        raise damaged("predictions-lengths", path=str(file), run=str(path))
    _fits_run(path, name, found)
    return found


def _fits_run(path: Path, name: str, found: Predictions) -> None:
    """Checks that predictions belong to the run and agree with its summary. Raises DataError.

    An evaluation on other hardware may change a few images with nearly equal logits.
    """
    file = path / "predictions" / f"{name}.npz"
    if found.digest is not None and (path / "environment.json").exists():
        own = read_environment(path)["digest"]
        if found.digest != own:
            about = {"path": str(file), "digest": found.digest, "own": own, "run": str(path)}
            raise damaged("predictions-stranger", **about)
    if not (path / "summary.json").exists() or found.logits.size == 0:
        return
    split, _, checkpoint = name.partition("-")
    recorded = read_summary(path)["results"].get(split, {}).get(checkpoint)
    if recorded is None:
        return
    n, hits = len(found.ids), int((found.logits.argmax(axis=1) == found.labels).sum())
    if contradicts(recorded, n, hits / n):
        about = {"path": str(file), "run": str(path), "images": n, "told_images": recorded["n"]}
        raise damaged(
            "predictions-contradict", top1=100 * hits / n, told_top1=100 * recorded["top1"], **about
        )


def contradicts(recorded: Mapping[str, Any], n: int, top1: float) -> bool:
    """Whether a summary's row disagrees with n images and this top-1 (a fraction) beyond rounding."""
    return bool(recorded["n"] != n or abs(recorded["top1"] - top1) > max(ROUNDED_IMAGES / n, ROUNDED_SHARE))


def check_chain(path: Path) -> RunConfig:
    """Compares config.yaml, environment.json and summary.json, as far as they exist.

    Returns:
        The settings of the run.

    Raises:
        DataError: If they are of different runs, or config.yaml was edited.
    """
    config, digests = read_config(path), {}
    if (path / "environment.json").exists():
        digests["environment.json"] = read_environment(path)["digest"]
    if (path / "summary.json").exists():
        digests["summary.json"] = read_summary(path)["digest"]
    for name, digest in digests.items():
        if digest != config.digest:
            about = {"path": str(path), "own": config.digest, "record": name, "digest": digest}
            raise damaged("record-chain", **about)
    return config


def _predictions(file: Path) -> Predictions:
    """Reads the arrays of a prediction file, checking sizes before allocating memory.

    Raises ValueError, KeyError and zipfile's errors for a file that no run wrote.
    """
    arrays = {}
    content = io.BytesIO(file.read_bytes())  # from memory: the handle of a damaged file would stay open
    with zipfile.ZipFile(content) as parts:
        for name, kinds in (("ids", "iu"), ("labels", "iu"), ("logits", "f")):
            part = parts.getinfo(f"{name}.npy")
            if part.compress_type != zipfile.ZIP_STORED or part.file_size > content.getbuffer().nbytes:
                raise ValueError(f"{name} is larger than the file")
            stored = io.BytesIO(parts.read(part))
            version = np.lib.format.read_magic(stored)
            if version != (1, 0):
                raise ValueError(f"{name} has a header of version {version}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(stored)
            if dtype.kind not in kinds or dtype.hasobject:
                raise ValueError(
                    f"{name} holds {dtype}, expected {'integers' if kinds == 'iu' else 'floats'}"
                )
            if math.prod(shape) * dtype.itemsize != part.file_size - stored.tell():
                raise ValueError(f"{name} has not the size that its header says")
            stored.seek(0)
            arrays[name] = np.lib.format.read_array(stored, allow_pickle=False)
        digest = None
        if "digest.npy" in parts.namelist():
            digest = str(np.lib.format.read_array(io.BytesIO(parts.read("digest.npy")), allow_pickle=False))
    return Predictions(arrays["ids"], arrays["labels"], arrays["logits"], digest)


def _line(problem: BaseException) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


def _read_json(file: Path, shape: Mapping[str, Any], record: str) -> dict[str, Any]:
    try:
        value = record_schema.parse(record_schema.read(file))
    except OSError as problem:
        reason = str(problem.strerror or problem)
        raise damaged("record-unreadable", path=str(file), reason=reason) from problem
    except ValueError as problem:
        raise damaged("record-not-json", path=str(file), record=record) from problem
    content: dict[str, Any] = value if isinstance(value, dict) else {}
    found = content.get("schema")
    if isinstance(found, int) and found > SCHEMA:
        raise damaged("record-newer", path=str(file), schema=SCHEMA, found=found)
    if found != SCHEMA:
        raise damaged("record-schema", path=str(file), schema=SCHEMA, record=record)
    wrong = record_schema.misfit(content, shape)
    if wrong is not None:
        raise damaged("record-misfit", path=str(file), problem=wrong, record=record)
    return content
