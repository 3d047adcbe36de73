"""Estimates of time, memory and disk for the remaining runs of a study.

Earlier runs of the study are preferred: a run with the same settings except the seed, then a run with another
augmentation but the same network, data, batch and epochs. Where there is none, a probe of the same shape
trains for some seconds (probes.py), corrected by the speed of the study's own runs.
"""

import dataclasses
import heapq
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.formatting import size
from mixscope.studies import probes
from mixscope.studies.probes import Figures, Probe, shape
from mixscope.studies.status import Standing
from mixscope.study.config import RunConfig, clean_images
from mixscope.threads import BUSY

SIZED = 20  # of alike runs, those whose files are added up


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The cost of one run; unknown values are None.

    Attributes:
        seconds: Total time.
        left_seconds: Remaining time.
        memory_bytes: Peak memory.
        device_bytes: Peak GPU memory.
        disk_bytes: Size of its records and checkpoints.
        source: "remembered" (a run of the same settings except the seed), "other augmentation" (the same
            but for that), "measured" (a probe) or None.
        why: Why the cost is unknown.
        measured: When, where and under what load a probe was made (probes.py).
        correction: Ratio of the time of this study's runs to their probes, None if none has trained.
    """

    seconds: float | None = None
    left_seconds: float | None = None
    memory_bytes: int | None = None
    device_bytes: int | None = None
    disk_bytes: int | None = None
    source: str | None = None
    why: Finding | None = None
    measured: Mapping[str, Any] | None = None
    correction: float | None = None


def estimates(
    found: Sequence[Standing], *, root: Path, probe: Probe | None, disk: bool = True
) -> list[Estimate]:
    """Estimates the cost of each run. Reads records and sizes of data sets; writes nothing.

    Args:
        found: Status of each run.
        root: Folder of prepared data sets.
        probe: Measures configs, called once with one of each shape; None measures nothing.
        disk: False skips the sizes of finished runs' files.
    """
    but_seed, shapes = _named(found, _but_seed), _named(found, _shape_and_length)
    exact = _remembered(found, but_seed, "remembered", disk)
    others = _remembered(found, shapes, "other augmentation", disk)
    known = [exact.get(a) or others.get(b) for a, b in zip(but_seed, shapes, strict=True)]
    needed = [
        s
        for s, cost in zip(found, known, strict=True)
        if cost is None and s.state != "done" and probe is not None
    ]
    made = iter(_measured(needed, found, root, probe) if probe is not None else ())
    measured = {id(s) for s in needed}
    rows = []
    for stands, cost in zip(found, known, strict=True):
        cost = cost or (next(made) if id(stands) in measured else Estimate())
        rows.append(dataclasses.replace(cost, left_seconds=left(stands, cost.seconds)))
    return rows


def left(stands: Standing, whole: float | None) -> float | None:
    """Seconds until a run is finished, once it is being worked on; its own epochs take precedence.

    Args:
        stands: Status of the run.
        whole: Total time of such a run, if known.
    """
    if stands.state == "done":
        return 0.0
    if stands.epoch_seconds is None or not stands.epoch_steps:
        return whole
    begun = stands.step / stands.epoch_steps - stands.epoch
    return stands.epoch_seconds * max(0.0, stands.epochs - stands.epoch - min(max(begun, 0.0), 1.0))


def together(seconds: Iterable[float | None], slots: int) -> float | None:
    """Duration of runs started in this order, `slots` in parallel; None if one of them is unknown."""
    ends = [0.0] * slots
    for each in seconds:
        if each is None:
            return None
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def totals(costs: Sequence[Estimate], *, slots: int) -> dict[str, Any]:
    """Totals over all runs: remaining time one by one and in parallel, disk, and peak memory in parallel.

    None where a run is unknown; `unknown` counts those.
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


def findings(
    costs: Sequence[Estimate],
    totals: Mapping[str, Any],
    *,
    there: Mapping[str, int] | None = None,
) -> list[Finding]:
    """The totals and what they are based on, a line each.

    Args:
        costs: Cost of each run.
        totals: Totals of all runs.
        there: Memory and free disk of the machine, under the keys of the totals.
    """
    if totals["eta_seconds"] is not None:
        time = {"seconds": totals["eta_seconds"], "slots": totals["slots"]}
        lines = [Finding("cost-time", params=time)]
    else:
        known = [c.left_seconds for c in costs if c.left_seconds is not None]
        others = together(known, totals["slots"]) if known else None
        unknown = {"unknown": totals["unknown"], "runs": len(costs), "seconds": others}
        lines = [Finding("cost-time-unknown", params=unknown)]
    for key, code in (
        ("memory_bytes", "cost-memory"),
        ("device_bytes", "cost-device"),
        ("disk_bytes", "cost-disk"),
    ):
        if totals[key] is not None:
            of = size(there[key]) if there and key in there else None
            lines.append(Finding(code, params={"size": size(totals[key]), "of": of}))
    return [
        *lines,
        Finding("cost-basis", params={"all_counts": _bases(costs)}),
        *_circumstances(costs),
        *(
            Finding("cost-unknown", params={"why": why})
            for why in dict.fromkeys(c.why for c in costs)
            if why is not None
        ),
    ]


def basis(cost: Estimate) -> Finding:
    """What the cost of a run is based on."""
    return Finding(f"basis-{(cost.source or 'unknown').replace(' ', '-')}")


def _bases(costs: Sequence[Estimate]) -> list[Finding]:
    """How many runs' costs have each basis."""
    counts = {
        s: sum(c.source == s for c in costs) for s in ("remembered", "other augmentation", "measured", None)
    }
    return [
        Finding("progress-count", params={"count": count, "what": basis(Estimate(source=source))})
        for source, count in counts.items()
        if count
    ]


def _circumstances(costs: Sequence[Estimate]) -> list[Finding]:
    """When and under what load probes were made, and their correction."""
    lines = []
    measured = [c.measured for c in costs if c.measured is not None]
    if measured:
        moments = sorted({str(m["time"])[:16].replace("T", " ") for m in measured})
        since = moments[0] if len(moments) == 1 else f"{moments[0]} - {moments[-1]}"
        threads = "/".join(map(str, sorted({int(m["threads"]) for m in measured})))
        about = {"since": since, "threads": threads, "machine": measured[-1]["machine"]}
        lines.append(Finding("cost-measured", params=about))
        busy = max(measured, key=lambda m: float(m["busy_cores"]))
        if busy["busy_cores"] >= BUSY:
            load = {"busy": busy["busy_cores"], "cores": busy["cores"]}
            lines.append(Finding("cost-loaded", params=load))
    factors = [c.correction for c in costs if c.correction is not None]
    if factors:
        lines.append(Finding("cost-corrected", params={"factor": statistics.median(factors)}))
    return lines


def _sum(values: Sequence[Any]) -> Any:
    return None if any(value is None for value in values) else sum(values)


def _but_seed(config: RunConfig) -> str:
    return json.dumps({k: v for k, v in config.semantic().items() if k != "seed"}, sort_keys=True)


def _shape_and_length(config: RunConfig) -> str:
    train, data = config.train, config.data
    return f"{shape(config)} {train.epochs} {train.protocol} {data.val_fraction} {data.per_class}"


def _named(found: Sequence[Standing], key: Callable[[RunConfig], str]) -> list[str]:
    """The keys of runs; those of one experiment differ in their seed, which is in no key."""
    known: dict[tuple[object, ...], str] = {}
    keys = []
    for run in (stands.run for stands in found):
        experiment = (run.name, *run.levels.items())
        if experiment not in known:
            known[experiment] = key(run.config)
        keys.append(known[experiment])
    return keys


def _remembered(
    found: Sequence[Standing], keys: Sequence[str], source: str, disk: bool
) -> dict[str, Estimate]:
    """Cost of finished runs by key: median time, peak memory."""
    groups: dict[str, list[Standing]] = {}
    for stands, key in zip(found, keys, strict=True):
        if stands.state == "done":
            groups.setdefault(key, []).append(stands)
    made = {}
    for name, mine in groups.items():
        seconds = [s.wall_seconds for s in mine if s.wall_seconds is not None]
        if not seconds:  # all were interrupted: only the time of their epochs is known
            seconds = [s.epoch_seconds * s.epochs for s in mine if s.epoch_seconds is not None]
        made[name] = Estimate(
            seconds=statistics.median(seconds) if seconds else None,
            memory_bytes=max((s.memory_bytes for s in mine if s.memory_bytes is not None), default=None),
            device_bytes=max((s.device_bytes for s in mine if s.device_bytes is not None), default=None),
            disk_bytes=max(_disk(s.path) for s in mine[-SIZED:]) if disk else None,
            source=source,
        )
    return made


def _disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


# --- probes -------------------------------------------------------------------------------------


def _measured(
    needed: Sequence[Standing], found: Sequence[Standing], root: Path, probe: Probe
) -> list[Estimate]:
    """Estimates from probes, one per shape; runs of the study that train or have trained correct them."""
    stores: dict[str, Store | Finding] = {}
    wanted: dict[str, tuple[RunConfig, int]] = {}
    for stands in needed:
        store = store_of(stands.run.config, root, stores)
        if not isinstance(store, Finding):
            wanted.setdefault(
                probes.shape_of_size(stands.run.config, store.size), (stands.run.config, store.size)
            )
    figures = dict(probe.measure(wanted)) if wanted else {}
    factors, general = _corrections(found, root, stores, probe, figures)
    return [_from_probes(stands.run.config, root, stores, figures, factors, general) for stands in needed]


def store_of(config: RunConfig, root: Path, stores: dict[str, Store | Finding]) -> Store | Finding:
    """The data of a run, opened once; why not, where it cannot be opened."""
    name = config.data.name
    if name not in stores:
        try:
            stores[name] = Store.open(root, name)
        except (ConfigError, DataError) as problem:  # the first one of a user's data set that is elsewhere
            stores[name] = problem.finding
    return stores[name]


def _corrections(
    found: Sequence[Standing],
    root: Path,
    stores: dict[str, Store | Finding],
    probe: Probe,
    figures: Mapping[str, Figures | Finding],
) -> tuple[dict[str, float], float | None]:
    """Ratio of the time per step of the study's own runs to that of their probes.

    Returns:
        The median over the runs of each shape, from their heartbeats, and the median over shapes; None where
        no run with a known probe has trained.
    """
    ratios: dict[str, list[float]] = {}
    for stands in found:
        if not stands.images_per_second:
            continue
        store = store_of(stands.run.config, root, stores)
        if isinstance(store, Finding):
            continue
        name = probes.shape_of_size(stands.run.config, store.size)
        known = figures.get(name) or probe.figures(stands.run.config, store.size)
        if known is not None and not isinstance(known, Finding):
            ratios.setdefault(name, []).append(known["train_rate"] / stands.images_per_second)
    factors = {name: statistics.median(each) for name, each in ratios.items()}
    return factors, statistics.median(factors.values()) if factors else None


def _from_probes(
    config: RunConfig,
    root: Path,
    stores: dict[str, Store | Finding],
    figures: Mapping[str, Figures | Finding],
    factors: Mapping[str, float],
    general: float | None,
) -> Estimate:
    store = store_of(config, root, stores)
    if isinstance(store, Finding):
        return Estimate(why=store)
    name = probes.shape_of_size(config, store.size)
    made = figures[name]
    if isinstance(made, Finding):
        return Estimate(why=made)
    factor = factors.get(name, general)
    if factor is not None:
        made = {**made, **{key: made[key] / factor for key in ("train_rate", "judge_rate")}}
    try:
        counts = _counts(config, store)
    except DataError as problem:
        return Estimate(why=problem.finding)
    estimate = from_probe(config, made, counts=counts, classes=store.n_classes)
    return dataclasses.replace(estimate, measured=made.get("measured"), correction=factor)


def _counts(config: RunConfig, store: Store) -> dict[str, int]:
    data = config.data
    counts = {"test": len(store.labels("test")), "val": 0}
    for split in ("train", "val") if data.val_fraction > 0 else ("train",):
        _, rows = store.rows(split, val_fraction=data.val_fraction, per_class=data.per_class)
        counts[split] = len(rows)
    return counts


def from_probe(config: RunConfig, figures: Figures, *, counts: Mapping[str, int], classes: int) -> Estimate:
    """The cost of a run with these numbers of images, by split, from the rates of a probe."""
    published = config.train.protocol == "published"
    watched = clean_images(counts["train"]) + counts["val"] + (counts["test"] if published else 0)
    checkpoints = 1 + (config.data.val_fraction > 0) + published
    evaluations = checkpoints * (counts["val"] + counts["test"])
    epoch = counts["train"] / figures["train_rate"] + watched / figures["judge_rate"]
    return Estimate(
        seconds=figures["startup_seconds"]
        + config.train.epochs * epoch
        + evaluations / figures["judge_rate"],
        memory_bytes=figures["memory_bytes"],
        device_bytes=figures["device_bytes"],
        disk_bytes=figures["checkpoint_bytes"]
        + (checkpoints - 1) * figures["weights_bytes"]
        + evaluations * (4 * classes + 16),
        source="measured",
    )
