"""How long what is left of a study takes, and what it holds: remembered, measured, or not known.

What runs of the study left behind is believed first: one of the same settings but its seed, then one of
another arm, whose network, data, batch and epochs are the same. Where there is none, a probe of the same
shape trains for some seconds (probe.py); its figures are kept for this machine and this code.
"""

import hashlib
import heapq
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope import user_cache
from mixscope.data.store import Store
from mixscope.errors import DataError, RunFailed
from mixscope.formatting import duration, size
from mixscope.hardware import processor
from mixscope.runs import code_version, record_schema
from mixscope.runs.record_schema import AMOUNT, COUNT, RATE, or_null
from mixscope.studies import backends
from mixscope.studies.status import Standing
from mixscope.study.config import RunConfig, clean_images

PROBE_SECONDS = 600.0  # a probe that takes longer is given up
PROBES, KEPT_PROBES = "probes.json", 200
PROBE = {
    "startup_seconds": AMOUNT,
    "train_rate": RATE,
    "judge_rate": RATE,
    "memory_bytes": COUNT,
    "device_bytes": or_null(COUNT),
    "checkpoint_bytes": COUNT,
    "weights_bytes": COUNT,
}
# What the speed of a step hangs on; the arm, the seed and the first weights do not.
SHAPE = (
    "data.name",
    "augment.policy",
    "model.",
    "run.device",
    "train.batch_size",
    "train.accumulate",
    "train.precision",
    "train.channels_last",
    "train.compile",
    "optim.name",
)

Probe = Callable[[RunConfig], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What one run costs; None is not known.

    seconds: the whole of it. left_seconds: what is left. memory_bytes, device_bytes: the most it holds, of
    the machine and of its GPU. disk_bytes: what it leaves. source: "remembered" (a run of the same settings
    but its seed), "other arm", "measured" (a probe) or None. why: what stands in the way of knowing.
    """

    seconds: float | None = None
    left_seconds: float | None = None
    memory_bytes: int | None = None
    device_bytes: int | None = None
    disk_bytes: int | None = None
    source: str | None = None
    why: str | None = None


def estimates(
    found: Sequence[Standing], *, root: Path, probe: Probe | None, disk: bool = True
) -> list[Estimate]:
    """What each run costs. probe: measures a config, or None to do without; asked once for each shape.
    disk: false spares looking at every file of the runs that are done.

    Reads records and the sizes of data sets; writes nothing.
    """
    exact = _remembered(found, _but_seed, "remembered", disk)
    arms = _remembered(found, _shape_and_length, "other arm", disk)
    probed: dict[str, Mapping[str, Any] | str] = {}
    rows = []
    for stands in found:
        config = stands.run.config
        known = exact.get(_but_seed(config)) or arms.get(_shape_and_length(config))
        if known is None and stands.state != "done" and probe is not None:
            known = _measured(config, root, probe, probed)
        known = known or Estimate()
        rows.append(
            Estimate(
                seconds=known.seconds,
                left_seconds=left(stands, known.seconds),
                memory_bytes=known.memory_bytes,
                device_bytes=known.device_bytes,
                disk_bytes=known.disk_bytes,
                source=known.source,
                why=known.why,
            )
        )
    return rows


def left(stands: Standing, whole: float | None) -> float | None:
    """Seconds until a run is done if somebody works on it. whole: of such a run, where it is known.

    Its own epochs say more than what others took.
    """
    if stands.state == "done":
        return 0.0
    if stands.epoch_seconds is None or not stands.epoch_steps:
        return whole
    begun = stands.step / stands.epoch_steps - stands.epoch
    return stands.epoch_seconds * max(0.0, stands.epochs - stands.epoch - min(max(begun, 0.0), 1.0))


def together(seconds: Iterable[float | None], slots: int) -> float | None:
    """How long runs take, started in this order, `slots` at once; None when one of them is not known."""
    ends = [0.0] * slots
    for each in seconds:
        if each is None:
            return None
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def totals(costs: Sequence[Estimate], *, slots: int) -> dict[str, Any]:
    """Of all runs: seconds left one by one and with `slots` at once, disk, and the most memory held at once.

    None where a run is not known; `unknown` counts those.
    """
    unknown = sum(c.left_seconds is None for c in costs)
    busy = [c for c in costs if c.left_seconds != 0]
    return {
        "slots": slots,
        "unknown": unknown,
        "left_seconds": _sum([c.left_seconds for c in costs]),
        "eta_seconds": together((c.left_seconds for c in costs), slots),
        "disk_bytes": _sum([c.disk_bytes for c in costs]),
        "memory_bytes": _sum(sorted((c.memory_bytes for c in busy), key=lambda m: m or -1)[-slots:]),
        "device_bytes": _sum(sorted((c.device_bytes for c in busy), key=lambda m: m or -1)[-slots:])
        if any(c.device_bytes is not None for c in busy)
        else None,
    }


def sentences(costs: Sequence[Estimate], totals: Mapping[str, Any], *, slots: int) -> list[str]:
    """The totals for a person, and where the figures are from."""
    lines = []
    if totals["eta_seconds"] is not None:
        at_once = f"{slots} at once" if slots > 1 else "one after the other"
        lines.append(f"time left {duration(totals['eta_seconds'])}, {at_once}")
    else:
        known = [c.left_seconds for c in costs if c.left_seconds is not None]
        others = f"; the others take {duration(together(known, slots) or 0.0)}" if known else ""
        lines.append(f"time left unknown for {totals['unknown']} of {len(costs)} runs{others}")
    for key, word in (("memory_bytes", "memory"), ("device_bytes", "GPU"), ("disk_bytes", "disk")):
        if totals[key] is not None:
            lines.append(f"{word:<9} {size(totals[key])}")
    origin = {"remembered": "of other seeds", "other arm": "of another arm", "measured": "on this machine"}
    counts = {s: sum(c.source == s for c in costs) for s in (*origin, None)}
    said = [f"{counts[s]} {s} ({origin[s]})" for s in origin if counts[s]]
    said += [f"{counts[None]} unknown"] if counts[None] else []
    lines.append(f"figures   {', '.join(said)}")
    lines += [f"unknown   {why}" for why in dict.fromkeys(c.why for c in costs) if why is not None]
    return lines


def _sum(values: Sequence[Any]) -> Any:
    return None if any(value is None for value in values) else sum(values)


def _but_seed(config: RunConfig) -> str:
    return json.dumps({k: v for k, v in config.semantic().items() if k != "seed"}, sort_keys=True)


def shape(config: RunConfig) -> str:
    """Names what the speed of a step hangs on."""
    kept = {k: v for k, v in config.flat().items() if k.startswith(SHAPE) and k != "model.pretrained"}
    return json.dumps({**kept, "averaged": config.optim.ema_decay > 0}, sort_keys=True)


def _shape_and_length(config: RunConfig) -> str:
    train, data = config.train, config.data
    return f"{shape(config)} {train.epochs} {train.protocol} {data.val_fraction} {data.per_class}"


def _remembered(
    found: Sequence[Standing], key: Callable[[RunConfig], str], source: str, disk: bool
) -> dict[str, Estimate]:
    """What runs that are done took, by key: the median time, the most memory."""
    groups: dict[str, list[Standing]] = {}
    for stands in found:
        if stands.state == "done":
            groups.setdefault(key(stands.run.config), []).append(stands)
    made = {}
    for name, mine in groups.items():
        seconds = [s.wall_seconds for s in mine if s.wall_seconds is not None]
        if not seconds:  # all were interrupted: their epochs are known, not what was around them
            seconds = [s.epoch_seconds * s.epochs for s in mine if s.epoch_seconds is not None]
        made[name] = Estimate(
            seconds=statistics.median(seconds) if seconds else None,
            memory_bytes=max((s.memory_bytes for s in mine if s.memory_bytes is not None), default=None),
            device_bytes=max((s.device_bytes for s in mine if s.device_bytes is not None), default=None),
            disk_bytes=max(_disk(s.path) for s in mine) if disk else None,
            source=source,
        )
    return made


def _disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


# --- probes -------------------------------------------------------------------------------------


def _measured(
    config: RunConfig, root: Path, probe: Probe, probed: dict[str, Mapping[str, Any] | str]
) -> Estimate:
    """What a probe of the same shape says of a run."""
    name = shape(config)
    try:
        store = Store.open(root, config.data.name)
        if name not in probed:
            try:
                probed[name] = probe(config)
            except RunFailed as problem:
                probed[name] = str(problem)
        figures = probed[name]
        if isinstance(figures, str):
            return Estimate(why=figures)
        return from_probe(config, figures, counts=_counts(config, store), classes=store.n_classes)
    except DataError as problem:
        return Estimate(why=str(problem))


def _counts(config: RunConfig, store: Store) -> dict[str, int]:
    data = config.data
    counts = {"test": len(store.labels("test")), "val": 0}
    for split in ("train", "val") if data.val_fraction > 0 else ("train",):
        _, rows = store.rows(split, val_fraction=data.val_fraction, per_class=data.per_class)
        counts[split] = len(rows)
    return counts


def from_probe(
    config: RunConfig, figures: Mapping[str, Any], *, counts: Mapping[str, int], classes: int
) -> Estimate:
    """The cost of a run with these images, by split, from the rates of a probe."""
    published = config.train.protocol == "published"
    watched = clean_images(counts["train"]) + counts["val"] + (counts["test"] if published else 0)
    checkpoints = 1 + (config.data.val_fraction > 0) + published
    judged = checkpoints * (counts["val"] + counts["test"])
    epoch = counts["train"] / figures["train_rate"] + watched / figures["judge_rate"]
    return Estimate(
        seconds=figures["startup_seconds"] + config.train.epochs * epoch + judged / figures["judge_rate"],
        memory_bytes=figures["memory_bytes"],
        device_bytes=figures["device_bytes"],
        disk_bytes=figures["checkpoint_bytes"]
        + (checkpoints - 1) * figures["weights_bytes"]
        + judged * (4 * classes + 16),
        source="measured",
    )


def prober(*, root: Path, threads: int, notice: Callable[[str], None]) -> Probe:
    """Probes in a process of their own, with so many threads; what was measured once is not measured again.

    notice: told what is measured. The probes raise RunFailed that says why one could not be made.
    """
    name_of = _namer(root, threads)
    here: dict[str, Any] = {}  # what was measured, where it cannot be kept on disk
    unkept: list[str] = []

    def probe(config: RunConfig) -> Mapping[str, Any]:
        name = name_of(config)
        kept = {**_read(), **here}
        if name not in kept:
            notice(
                f"measuring {config.model.arch} on {config.data.name}, {config.train.precision}, batches of"
                f" {config.train.batch_size}"
            )
            here[name] = run_probe(config, root=root, threads=threads)
            kept = {**_read(), **here}
            if (problem := _write(dict(list(kept.items())[-KEPT_PROBES:]))) and not unkept:
                unkept.append(problem)
                notice(problem)
        figures: Mapping[str, Any] = kept[name]
        return figures

    return probe


def remembering(*, root: Path, threads: int) -> Probe:
    """Probes that give what was measured here earlier, and measure nothing."""
    kept, name_of = _read(), _namer(root, threads)

    def probe(config: RunConfig) -> Mapping[str, Any]:
        try:
            figures: Mapping[str, Any] = kept[name_of(config)]
            return figures
        except KeyError as problem:
            raise RunFailed("not measured yet; `mixscope study plan` does") from problem

    return probe


def _namer(root: Path, threads: int) -> Callable[[RunConfig], str]:
    """What names a probe: this machine and this code, the data, the threads, and the shape of the run."""
    machine = f"{platform.node()} {processor()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')} {threads}"
    about = f"{machine} {code_version.digest()} {root}"
    return lambda config: hashlib.sha256(f"{about} {shape(config)}".encode()).hexdigest()[:16]


def run_probe(config: RunConfig, *, root: Path, threads: int) -> dict[str, Any]:
    """The figures of one probe (probe.measure). Raises RunFailed that says why there are none."""
    asked = json.dumps({"config": config.to_dict(), "root": str(root)})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mixscope.runs.probe"],
            input=asked,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env={**os.environ, **backends.threads(threads)},
        )
    except subprocess.TimeoutExpired as problem:
        raise RunFailed(f"the probe took longer than {PROBE_SECONDS:.0f} s") from problem
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"the probe ended with code {done.returncode}"]
        raise RunFailed(said[-1])
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _read() -> dict[str, Any]:
    """Earlier probes that fit."""
    kept = user_cache.read(PROBES)
    return {name: found for name, found in kept.items() if record_schema.misfit(found, PROBE) is None}


def _write(kept: Mapping[str, Any]) -> str:
    """Keeps probes; returns why they cannot be kept, "" where they are."""
    problem = user_cache.write(PROBES, kept)
    return f"what was measured cannot be kept: {problem}" if problem else ""
