"""Offline runs of Weights & Biases: run-ID.wandb, read without the library, which would write beside them.

The file is a log in LevelDB's format: blocks of 32 KiB, each record with checksum, length and type (whole,
first, middle, last). A record is a protobuf message `Record` (wandb_internal.proto); history, config and the
run's name are read. Unknown fields are skipped, as usual in protobuf.
"""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixscope.errors import DataError
from mixscope.results.results import DONE, FAILED, RUNNING, State
from mixscope.results.trackers.logged_run import LoggedRun, by_epoch, flat, numbers

FILES = ("run-*.wandb",)
_BLOCK, _HEAD = 32_768, 7
# Field numbers of wandb_internal.proto.
_HISTORY, _CONFIG, _RUN, _EXIT = 2, 5, 17, 18  # of Record; exit of the run: its code is field 1
_ITEM, _UPDATE = 1, 1  # of HistoryRecord and ConfigRecord
_KEY, _NESTED, _VALUE = 1, 2, 16  # of an item
_RUN_ID, _RUN_CONFIG, _RUN_NAME = 1, 4, 8  # of RunRecord


def read(folder: Path, files: list[Path]) -> list[LoggedRun]:
    """Reads a run for each file, counting the link `latest-run` once.

    Raises:
        DataError: If a file is damaged.
    """
    seen: dict[Path, Path] = {}
    for file in files:
        seen.setdefault(file.resolve(), file)
    return [_run(file) for file in seen.values()]


def _run(file: Path) -> LoggedRun:
    history: list[dict[str, float]] = []
    config: dict[str, Any] = {}
    name = re.sub(r"^run-|\.wandb$", "", file.name)
    state: State = RUNNING
    try:
        for record in _records(file.read_bytes()):
            fields = dict(_fields(record))
            if _HISTORY in fields:
                history.append(numbers(_items(fields[_HISTORY], _ITEM)))
            if _CONFIG in fields:
                config |= _items(fields[_CONFIG], _UPDATE)
            if _RUN in fields:
                run = dict(_fields(fields[_RUN]))
                config |= _items(run[_RUN_CONFIG], _UPDATE) if _RUN_CONFIG in run else {}
                name = bytes(run.get(_RUN_NAME) or run[_RUN_ID]).decode()
            if _EXIT in fields:
                state = FAILED if dict(_fields(fields[_EXIT])).get(1) else DONE
    except (OSError, ValueError, KeyError, TypeError, struct.error, IndexError) as problem:
        raise DataError(
            "damaged-file", f"is no run of W&B, or cut short ({problem}); sync or delete it", path=file
        ) from problem
    own = {k: v for k, v in config.items() if not k.startswith("_")}
    key = "epoch" if any("epoch" in row for row in history) else "_step"
    rows = by_epoch(history, key)
    return LoggedRun(
        name=name,
        settings=flat(own),
        epochs=tuple({"epoch": row[key]} | {k: v for k, v in row.items() if k[0] != "_"} for row in rows),
        state=state,
        file=file,
    )


def _records(data: bytes) -> Iterator[bytes]:
    if data[:4] != b":W&B":
        raise ValueError("its first bytes are others")
    at, parts = _HEAD, b""
    while at + _HEAD <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _HEAD:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        at += _HEAD
        if kind == 0 or at + length > len(data):  # left by a killed run
            return
        parts += data[at : at + length]
        at += length
        if kind in (1, 4):  # whole, last
            yield parts
            parts = b""


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field; integers and bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif wire == 2:
            length, at = _varint(message, at)
            yield tag >> 3, message[at : at + length]
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def _items(message: bytes, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, item in _fields(message):
        if field == number:
            parts = list(_fields(item))
            keys = [bytes(v).decode() for k, v in parts if k == _NESTED] or [
                bytes(v).decode() for k, v in parts if k == _KEY
            ]
            value = next((v for k, v in parts if k == _VALUE), None)
            if value is not None:
                found["/".join(keys)] = json.loads(bytes(value))
    return found
