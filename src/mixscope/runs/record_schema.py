"""Schemas of a run's JSON records, checked wherever a record is read.

A shape is a mapping of keys to shapes ("key?" may be absent, "*" stands for every other key), a list of one
shape for lists of any length, or a `Value`. Unknown keys are accepted: later versions add some.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mixscope.findings import Finding

STATES = ("running", "interrupted", "failed", "done")
TIME = "%Y-%m-%dT%H:%M:%S%z"
MOST_BYTES = 1 << 28  # largest JSON file; a record of 100,000 classes has a few megabytes
MOST_THREADS = 4096


@dataclass(frozen=True, slots=True)
class Value:
    """The shape of a value that is neither a mapping nor a list.

    Attributes:
        expected: Description of valid values, a message of i18n.
        fits: Whether a value is valid.
    """

    expected: Finding
    fits: Callable[[Any], bool]


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _time(value: Any) -> bool:
    try:
        datetime.strptime(value, TIME).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return False
    return True


def or_null(shape: Any) -> Value:
    """The same shape, or null for unknown values."""
    expected = shape.expected if isinstance(shape, Value) else Finding("expected-mapping")
    either = Finding("expected-or-null", params={"expected": expected})
    return Value(either, lambda v: v is None or misfit(v, shape) is None)


def _value(code: str, fits: Callable[[Any], bool], **params: Any) -> Value:
    return Value(Finding(code, params=params), fits)


TEXT = _value("expected-text", lambda v: isinstance(v, str))
TRUTH = _value("expected-truth", lambda v: isinstance(v, bool))
COUNT = _value("expected-whole", lambda v: _whole(v, 0, 2**63 - 1), least=0)
PROCESS = _value("expected-whole", lambda v: _whole(v, 1, 2**31 - 1), least=1)
THREADS = _value("expected-threads", lambda v: _whole(v, 1, MOST_THREADS), most=MOST_THREADS)
NUMBER = _value("expected-number", _number)
AMOUNT = _value("expected-amount", lambda v: _number(v) and v >= 0)
RATE = _value("expected-rate", lambda v: _number(v) and v > 0)
SHARE = _value("expected-share", lambda v: _number(v) and 0 <= v <= 1)
MOMENT = _value("expected-time", _time)

STATUS = {
    "state": _value("expected-state", lambda v: isinstance(v, str) and v in STATES, states=", ".join(STATES)),
    "epoch": COUNT,
    "step": COUNT,
    "starts": [{"time?": MOMENT, "host?": TEXT, "pid?": PROCESS, "code?": TEXT, "threads?": THREADS}],
    "heartbeat": MOMENT,
    "error": or_null(TEXT),
    "finding?": or_null({"code": TEXT, "severity": TEXT, "params": {}}),
    "pid?": PROCESS,
    "host?": TEXT,
    "memory_bytes?": or_null(COUNT),
    "device_bytes?": or_null(COUNT),
    "images_per_second?": or_null(AMOUNT),
}
STUDY = {
    "name": TEXT,
    "claims": TEXT,
    "rules": COUNT,
    "seeds": _value(  # earlier versions recorded their number
        "expected-seeds",
        lambda v: COUNT.fits(v) or (isinstance(v, list) and all(COUNT.fits(one) for one in v)),
    ),
    "looks?": [COUNT],
    "factors?": {"*": [TEXT]},
}
ENVIRONMENT = {
    "digest": TEXT,
    "code": {"digest": TEXT, "revision?": or_null(TEXT), "dirty?": or_null(TRUTH)},
    "packages": {"*": or_null(TEXT)},
    "device": {"type?": TEXT, "name?": TEXT, "threads": THREADS},
    "data": {
        "name": TEXT,
        "digest": TEXT,
        "class_names?": [TEXT],
        "superclass_names?": [TEXT],
        "superclass_of?": [COUNT],
    },
    "weights": {"weights": TEXT},
    "hardware?": {},
    "study?": or_null(STUDY),
    "compile?": or_null({"on": TRUTH, "why": TEXT}),
}
METRICS = {
    "n": _value("expected-whole", lambda v: _whole(v, 1, 2**63 - 1), least=1),
    "top1": SHARE,
    "top5?": or_null(SHARE),
    "precision?": or_null(SHARE),
    "recall?": or_null(SHARE),
    "f1?": or_null(SHARE),
    "nll?": or_null(AMOUNT),
    "brier?": or_null(AMOUNT),
    "ece?": or_null(SHARE),
}
SUMMARY = {
    "digest": TEXT,
    "protocol": TEXT,
    "checkpoints": {"*": COUNT},
    "results": {"test": {"last": METRICS, "*": METRICS}, "*": {"*": METRICS}},
    "data": {"name": TEXT, "digest": TEXT, "images": {"train": COUNT, "*": COUNT}},
    "code": [TEXT],
    "weights": {"weights": TEXT},
    "health": [{}],
    "seconds": or_null(AMOUNT),
    "images_per_second": or_null(AMOUNT),
}
EPOCH = {
    "epoch": COUNT,
    "step?": COUNT,
    "seconds?": AMOUNT,
    "judging_seconds?": AMOUNT,
    **{
        f"{name}?": or_null(NUMBER)
        for name in (
            "train_loss",
            "lr",
            "lam_weighted_train_top1",
            "clean_train_top1",
            "val_loss",
            "val_top1",
            "test_loss",
            "test_top1",
            "images_per_second",
        )
    },
}


def misfit(value: Any, shape: Any, at: str = "") -> Finding | None:
    """The first difference of a value from its shape, a message of i18n; None if it fits."""
    if isinstance(shape, Value):
        return None if shape.fits(value) else differs(at, value, shape.expected)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return differs(at, value, Finding("expected-list"))
        found = (misfit(item, shape[0], f"{at}[{i}]") for i, item in enumerate(value))
        return next(filter(None, found), None)
    if not isinstance(value, dict):
        return differs(at, value, Finding("expected-mapping"))
    missing = [_below(at, key) for key in shape if not key.endswith(("?", "*")) and key not in value]
    if missing:
        return Finding("record-incomplete", params={"keys": ", ".join(missing)})
    for key, item in value.items():
        below = shape.get(key, shape.get(f"{key}?", shape.get("*")))
        if below is not None and (wrong := misfit(item, below, _below(at, key))) is not None:
            return wrong
    return None


def differs(at: str, value: Any, expected: Finding) -> Finding:
    """The finding that the value at a dotted key is not as expected."""
    return Finding("record-value", params={"key": at or "*", "value": shown(value), "expected": expected})


def _below(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def shown(value: Any) -> str:
    """A value as a short text without control characters."""
    if isinstance(value, dict | list):
        return "{...}" if isinstance(value, dict) else "[...]"
    text = json.dumps(value, ensure_ascii=True) if not isinstance(value, int) else f"{value:.6g}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse(content: bytes) -> Any:
    """Parses JSON without NaN and infinity, which records do not contain.

    Raises:
        ValueError: In one line, for invalid or too deeply nested text.
    """

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        return json.loads(content, parse_constant=refuse)
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem


def read(file: Path) -> bytes:
    """Reads the content of a record.

    Raises:
        OSError: If it cannot be read or is not a file.
        ValueError: If it is too large.
    """
    if file.exists() and not file.is_file():
        raise OSError(f"is not a file: {file}")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")
    return file.read_bytes()
