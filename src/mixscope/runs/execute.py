"""One run, from its settings to its records, alone or as one of several ranks (torchrun).

`run` opens the data, builds the model, checks that training and evaluation agree, trains, and judges the
checkpoints. Under protocol "sound" nothing opens the test split before the last epoch is complete: its
loader is made in `_judge`, after training.

What does not belong here: the steps of training (training/loop.py), and many runs (scheduler.py).
"""

import dataclasses
import math
import os
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, nn

from mixscope import metrics, mixing
from mixscope.data import cues
from mixscope.data.device import feed
from mixscope.data.loader import Batch, Loader
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError, DiskFull, Interrupted, RunFailed
from mixscope.runs import display, records, tracking
from mixscope.runs.records import LESS_MEMORY, Predictions
from mixscope.study.config import Model, RunConfig
from mixscope.training import checkpoint, compiling, health, loop, models, ranks, weights
from mixscope.training.evaluate import predict
from mixscope.training.health import Finding
from mixscope.training.loop import Show
from mixscope.training.stop import Stop, listening

WOULD = {  # what a run that is only tried would do
    "new": "new: a run would begin",
    "partial": "partial: the run there would be taken up",
    "done": "done: nothing would be trained",
}
CLEAN_IMAGES = 1000  # of the training split, about; accuracy on them has a standard error of 1.6 pp at most


def run(
    config: RunConfig,
    *,
    root: Path,
    out: Path | None = None,
    resume: str = "auto",
    show: Show | None = None,
    track: Sequence[str] = (),
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Trains and judges one run, or goes on with it; returns its summary, as in summary.json.

    root: of prepared data. out: the run directory; None names one under runs/. resume: "auto" takes up what
    is there, and returns at once what is done; "never" refuses a directory that holds a run. track: names of
    trackers that mirror the events (tracking.py). stop: of a caller that listens to signals already.
    Raises ConfigError, DataError, Interrupted (the run can be taken up again), DiskFull and RunFailed.
    """
    path = out if out is not None else Path("runs") / records.name_of(config)
    tracking.check(track)
    with ExitStack() as stack:
        stack.enter_context(_memory_told())
        stop = stop if stop is not None else stack.enter_context(listening())
        device = stack.enter_context(processes(config.run.device))
        _heed(stop)
        lead = ranks.rank() == 0
        show = show if show is not None and lead else display.silent()
        stack.callback(show.close)
        done = records.check(path, config, resume=resume)
        ranks.wait()  # every rank has looked before rank 0 begins to write
        if done:
            show.line(f"done      {path} holds this run already")
            return records.read_summary(path)
        ready = stack.enter_context(ready_for(config, root, device))
        stop.leave = None  # until here nothing was written
        _heed(stop)
        record = stack.enter_context(records.begin(path, config, resume=resume)) if lead else None
        _announce(ready, show)
        compiled = False
        if record is not None:
            compiled = _start(record, ready, show)
            record.mirror = tracking.mirror(track, path, config, show)
        compiled = ranks.gather(compiled)[0]  # and the run directory is there
        try:
            with _memory_told():
                return _go(ready, path, record, show, stop, compiled)
        except BaseException as problem:
            if record is not None:
                state = "interrupted" if isinstance(problem, Interrupted) else "failed"
                with suppress(DiskFull):  # a disk that is full takes no last word either
                    record.ended(state, str(problem) or type(problem).__name__)
            raise


def _heed(stop: Stop) -> None:
    """Raises Interrupted, on every rank, when a signal has reached one of them; all ranks must call it."""
    stop.asked = next((asked for (asked,) in ranks.gather((stop.asked,)) if asked), None)
    stop.check()


@contextmanager
def _memory_told() -> Iterator[None]:
    """Says in one sentence that memory has run out; the settings stay as they are. Raises RunFailed."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as problem:
        # The loader tells of a thread's failure by an error of its own.
        lacks = any(
            isinstance(each, MemoryError | torch.OutOfMemoryError) for each in (problem, problem.__cause__)
        )
        if not lacks and not re.search(
            r"can't allocate memory|cannot allocate memory|new thread", str(problem), re.I
        ):
            raise
        reason = (str(problem).splitlines() or [""])[0][:200] or type(problem).__name__
        raise RunFailed(f"out of memory ({reason}); {LESS_MEMORY}") from problem


def describe(
    config: RunConfig,
    *,
    root: Path,
    out: Path | None = None,
    resume: str = "auto",
    show: Show | None = None,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Everything that `run` checks before its first step, without training and without writing.

    state, in what is returned: "new", "partial" or "done", of what is there.
    Raises ConfigError, DataError and Interrupted as `run` does.
    """
    path = out if out is not None else Path("runs") / records.name_of(config)
    show = show if show is not None else display.silent()
    with ExitStack() as stack:
        stack.callback(show.close)
        stop = stop if stop is not None else stack.enter_context(listening())
        device = stack.enter_context(processes(config.run.device))
        done = records.check(path, config, resume=resume)
        ready = stack.enter_context(ready_for(config, root, device))
        _heed(stop)
        _announce(ready, show)
        state = "done" if done else "partial" if records.is_run(path) else "new"
        show.line(f"out       {path}  ({WOULD[state]})")
        return {
            "out": str(path),
            "state": state,
            "digest": config.digest,
            "config": config.to_dict(),
            "images": ready.counts,
            "parameters": ready.built.parameters,
            "steps": ready.loader.batches * config.train.epochs,
            "device": _device(device),
            "health": [finding.to_dict() for finding in ready.findings],
        }


def evaluate(
    paths: Sequence[Path],
    *,
    split: str = "test",
    root: Path,
    write: bool = True,
    notice: Callable[[Path, list[dict[str, Any]]], None] | None = None,
) -> list[dict[str, Any]]:
    """Judges the checkpoints of finished runs again and writes their predictions, a row for each checkpoint.

    split: "val", "test" or "train". Folders of runs stand for all runs in them. write: eval-<split>.json and
    predictions, the same bytes whenever the same is judged; false leaves them as they are. notice: told of
    every run and its rows as soon as they are there. Runs that share data and network are judged by one
    loader and one network.
    Raises ConfigError for a split that the run has not, DataError for a run that is not done (the test
    split stays sealed until then), damaged checkpoints, or data that differ from what it was trained on.
    """
    found = [path for given in paths for path in _runs_of(given)]
    groups: dict[str, list[tuple[Path, RunConfig]]] = {}
    for path in found:
        config = records.read_config(path)
        alike = {"data": config.data, "model": _bare(config), "run": config.run}
        groups.setdefault(str(alike), []).append((path, config))
    rows: dict[Path, list[dict[str, Any]]] = {}
    for group in groups.values():
        for path, judged in _evaluate(group, split, root, write):
            rows[path] = judged
            if notice is not None:
                notice(path, judged)
    return [row for path in found for row in rows[path]]


def _runs_of(path: Path) -> list[Path]:
    found = records.list_runs(path)
    if not found:
        raise DataError(f"{path}: is not a run directory and holds none")
    return found


def _bare(config: RunConfig) -> Model:
    """The network without its first weights: those of a checkpoint come in their place, and the files they
    began from need not be there."""
    return dataclasses.replace(config.model, pretrained=False)


def _evaluate(
    group: Sequence[tuple[Path, RunConfig]], split: str, root: Path, write: bool
) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Runs that share data, network and device."""
    for path, config in group:
        state = records.read_status(path)["state"]
        if state != "done":
            raise DataError(
                f"{path}: is {state}; `mixscope train` takes it up, and its splits are judged at its end"
            )
        if split == "val" and config.data.val_fraction == 0:
            raise ConfigError(f"{path}: holds out no validation images (data.val_fraction=0)")
    first = group[0][1]
    store = Store.open(root, first.data.name)
    with processes(first.run.device) as device, _loader(store, split, first, device) as loader:
        module = models.build(_bare(first), n_classes=store.n_classes, image_size=store.size, seed=0).module
        for path, config in group:
            about = records.read_environment(path)
            _check_data(store, about, path)
            torch.set_num_threads(about["device"]["threads"])
            before, found = None, None
            epochs: dict[str, int] = {}
            results: dict[str, dict[str, Any]] = {}
            for name in _checkpoints(config):
                values, epochs[name] = checkpoint.weights(path / "checkpoints", name)
                if found is None or not _equal(values, before):  # the last epoch is often the selected one
                    found = _predict(module, values, loader, config, device, None)
                before = values
                if write:
                    records.write_predictions(path, f"{split}-{name}", found)
                results[name] = metrics.summary(found.logits, found.labels)
            if write:
                records.write_evaluation(path, config, split, store.digest, epochs, results)
            yield (
                path,
                [
                    {"run": path.name, "split": split, "checkpoint": name, "epoch": epochs[name], **figures}
                    for name, figures in results.items()
                ],
            )


def _equal(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor] | None) -> bool:
    return b is not None and a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- before the first step ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that is built and checked. judges: by split, what is judged after every epoch."""

    config: RunConfig
    store: Store
    built: models.Built
    device: torch.device
    loader: Loader
    clean: Loader
    judges: dict[str, Loader]
    counts: dict[str, int]
    findings: list[Finding]


@contextmanager
def ready_for(config: RunConfig, root: Path, device: torch.device) -> Iterator[Ready]:
    """A run before its first step, its loaders open while the block lasts. Raises as `run` does."""
    store = Store.open(root, config.data.name)
    cues.refuse_moves(store, config.augment.base)
    built = models.build(config.model, n_classes=store.n_classes, image_size=store.size, seed=config.seed)
    on_gpu, fraction = device.type == "cuda", config.data.val_fraction
    rows = _training_rows(store, config)
    mixer = mixing.make(
        config.augment,
        seed=config.seed,
        epochs=config.train.epochs,
        size=store.size,
        batch_size=config.train.batch_size,
        examples=len(rows),
    )
    with ExitStack() as stack:
        loader = stack.enter_context(
            Loader(
                store,
                "train",
                batch_size=config.train.batch_size,
                seed=config.seed,
                val_fraction=fraction,
                per_class=config.data.per_class,
                base=config.augment.base,
                shuffle=True,
                mixer=mixer,
                drop_last=_last_is_too_small(len(rows), config.train.batch_size),
                rank=ranks.rank(),
                ranks=ranks.count(),
                threads=config.run.loader_threads,
                device_augment=on_gpu,
                pin=on_gpu,
            )
        )
        few = max(1, CLEAN_IMAGES // store.n_classes)
        few = min(few, config.data.per_class or few)
        clean = stack.enter_context(_loader(store, "train", config, device, per_class=few))
        splits = ["val"] if fraction > 0 else []
        if config.train.protocol == "published":
            splits.append("test")
        judges = {split: stack.enter_context(_loader(store, split, config, device)) for split in splits}
        counts = {"train": len(rows), **{s: judges[s].examples for s in ("val",) if s in judges}}
        counts["test"] = store.manifest["counts"]["test"]
        yield Ready(
            config=config,
            store=store,
            built=built,
            device=device,
            loader=loader,
            clean=clean,
            judges=judges,
            counts=counts,
            findings=[
                *health.contract(
                    train=loader.spec,
                    judged={split: judge.spec for split, judge in {"clean train": clean, **judges}.items()},
                    module=built.module,
                    train_batch=_first(loader, device).images,
                    clean_batch=_first(clean, device).images,
                ),
                health.weights(weights.warnings_for(built.provenance, store.name), built.provenance),
            ],
        )


def _training_rows(store: Store, config: RunConfig) -> np.ndarray:
    """Rows of the training images, int64.

    Raises ConfigError when validation leaves a class without any, or would have no image itself.
    """
    fraction, labels = config.data.val_fraction, store.labels("train")
    _, rows = store.rows("train", val_fraction=fraction, per_class=config.data.per_class)
    if fraction > 0 and len(store.rows("train", val_fraction=fraction)[1]) == len(labels):
        raise ConfigError(
            f"data.val_fraction={fraction} holds out no image of {store.name}; give a larger share"
        )
    there, left = (np.bincount(each, minlength=store.n_classes) for each in (labels, labels[rows]))
    emptied = int(np.sum((there > 0) & (left == 0)))
    if emptied:
        raise ConfigError(
            f"data.val_fraction={fraction} leaves no training images of {emptied} of"
            f" {store.n_classes} classes of {store.name}; give a smaller share"
        )
    return rows


def _last_is_too_small(examples: int, batch_size: int) -> bool:
    """Whether the last batch would hold a single image for some rank, on which batch norm cannot train."""
    return examples > batch_size and 0 < examples % batch_size < 2 * ranks.count()


def _loader(
    store: Store, split: str, config: RunConfig, device: torch.device, *, per_class: int | None = None
) -> Loader:
    """A split as evaluation sees it: in order, as it is, every image once."""
    return Loader(
        store,
        split,
        batch_size=config.run.eval_batch_size * ranks.count(),
        seed=config.seed,
        val_fraction=config.data.val_fraction,
        per_class=config.data.per_class if per_class is None else per_class,
        rank=ranks.rank(),
        ranks=ranks.count(),
        threads=config.run.loader_threads,
        device_augment=device.type == "cuda",
        pin=device.type == "cuda",
    )


def _first(loader: Loader, device: torch.device) -> Batch:
    """The first batch of all, a copy; the loader is left as it was."""
    batch = next(iter(feed(loader, device)))
    batch = dataclasses.replace(batch, images=batch.images.clone(), labels=batch.labels.clone())
    loader.close()
    loader.position = (0, 0)
    return batch


def _announce(ready: Ready, show: Show) -> None:
    """What a person should see before the first step. Raises ConfigError when the contract does not hold."""
    config, store, counts = ready.config, ready.store, ready.counts
    val = f"  val {counts['val']:,}" if "val" in counts else ""
    sealed = " (sealed)" if config.train.protocol == "sound" else " (judged every epoch: protocol published)"
    show.line(
        f"data      {store.name}  train {counts['train']:,}{val}  test {counts['test']:,}{sealed}"
        f"  {store.n_classes} classes  {store.size} px"
    )
    dropped = counts["train"] - ready.loader.batches * config.train.batch_size
    if dropped > 0:
        show.line(
            f"warning   the last batch of an epoch would hold {dropped} image, which batch norm cannot take:"
            " it is left out; another train.batch_size avoids it"
        )
    show.line(f"model     {models.describe(ready.built, config.model, store.size)}")
    where = _device(ready.device)
    show.line(f"device    {where['name']}  {where['threads']} threads  {config.train.precision}")
    for line in display.health_lines(ready.findings):
        show.line(line)
    broken = [f.sentence for f in ready.findings if f.check in ("contract", "model-input") and f.ok is False]
    if broken:
        raise ConfigError(
            f"the model would be judged on other input than it is trained on: {'; '.join(broken)}"
        )


def _start(record: records.Run, ready: Ready, show: Show) -> bool:
    """Writes down what the run is made with, or compares it with what it was begun with.

    Returns whether to compile: what was chosen when the run began, so that it ends as it would have ended.
    """
    path, device = record.path, _device(ready.device)
    now = records.environment(
        config=ready.config, data=_data(ready.store), weights=ready.built.provenance, device=device
    )
    train, choice = ready.config.train, None
    if (path / "environment.json").exists():
        before = records.read_environment(path)
        _check_data(ready.store, before, path)
        if before["code"]["digest"] != now["code"]["digest"]:
            show.line("warning   the code of mixscope has changed since this run began")
        if before["device"] != device:
            show.line(
                f"warning   this run began on {before['device']['name']} with"
                f" {before['device']['threads']} threads; bits may differ elsewhere"
            )
        if ready.device.type == "cpu":  # sums are added in an order that depends on it
            torch.set_num_threads(before["device"]["threads"])
        choice = before.get("compile")
    if choice is None:
        steps = train.epochs * ready.loader.batches
        images = _first(ready.loader, ready.device).images[: train.batch_size // ranks.count()]
        made = compiling.choose(train, ready.built.module, images, steps=steps, device=ready.device)
        choice = dataclasses.asdict(made)
    if not (path / "environment.json").exists():
        records.write_json(path / "environment.json", now | {"compile": choice})
    if train.compile == "auto":
        show.line(f"compile   {choice['why']}")
    elif choice["on"]:
        show.line("compile   before the first step, which takes seconds to minutes")
    record.started(code=now["code"]["digest"], threads=torch.get_num_threads())
    return bool(choice["on"])


def _data(store: Store) -> dict[str, Any]:
    """What records keep of a data set. superclass_of: by class, empty where the set has no superclasses."""
    return {
        "name": store.name,
        "digest": store.digest,
        "class_names": list(store.class_names),
        "superclass_names": list(store.superclass_names),
        "superclass_of": store.superclass_of.tolist(),
    }


def _check_data(store: Store, before: Mapping[str, Any], path: Path) -> None:
    if store.digest != before["data"]["digest"]:
        raise DataError(
            f"{path}: was begun on {store.name} with checksum {before['data']['digest'][:12]}, which now is"
            f" {store.digest[:12]}; give another --out, or the data it was begun on with --root"
        )


# --- training and judging -----------------------------------------------------------------------


def _go(
    ready: Ready, path: Path, record: records.Run | None, show: Show, stop: Stop, compiled: bool
) -> dict[str, Any]:
    state = loop.train(
        ready.config,
        ready.built.module,
        loader=ready.loader,
        clean=ready.clean,
        judges=ready.judges,
        findings=ready.findings,
        device=ready.device,
        folder=path / "checkpoints",
        record=record,
        show=show,
        stop=stop,
        compiled=compiled,
    )
    ranks.wait()  # the last checkpoint is written
    results, epochs = _judge(ready, path, record, stop)
    module = ready.built.module
    module.load_state_dict(checkpoint.weights(path / "checkpoints", "last")[0])
    clean = _first(ready.clean, ready.device)
    findings = [health.drift(module, clean.images, clean.labels)]
    if record is None:
        ranks.wait()
        return records.read_summary(path)
    rows = records.read_events(path, "epoch")
    findings.append(health.training_figures(rows, mix=ready.config.augment.mix))
    for name in results["test"]:
        found = records.read_predictions(path, f"test-{name}")
        findings += health.classes(f"test-{name}", found.logits, found.labels)
    findings.append(health.selection(results["test"]))
    for finding in findings:
        record.event("health", finding.to_dict())
    for line in display.health_lines(findings):
        show.line(line)
    show.line(display.health_total([*ready.findings, *findings]))
    for split, by_name in results.items():
        shown = "   ".join(
            f"{name} (epoch {epochs[name]}) {100 * figures['top1']:.2f} %"
            for name, figures in by_name.items()
        )
        show.line(f"{split:<9} {shown}")
    starts = records.read_status(path)["starts"]
    summary = _summary(ready, state, rows, results, epochs, findings, starts)
    records.write_json(path / "summary.json", summary)
    for left in ("previous.pt", "not-finite.pt"):
        (record.checkpoints / left).unlink(missing_ok=True)
    record.ended("done")
    show.line(f"done      {path}")
    ranks.wait()
    return summary


def _checkpoints(config: RunConfig) -> list[str]:
    """The checkpoints that are judged; only the published protocol has chosen one by the test split."""
    names = ["last"]
    if config.data.val_fraction > 0:
        names.append("selected")
    if config.train.protocol == "published":
        names.append("best-on-test")
    return names


def _judge(
    ready: Ready, path: Path, record: records.Run | None, stop: Stop
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Figures by split and checkpoint, computed from the prediction files, and each checkpoint's epoch."""
    config, epochs = ready.config, {}
    results: dict[str, dict[str, Any]] = {}
    for split in [*(["val"] if config.data.val_fraction > 0 else []), "test"]:
        results[split], before, made = {}, None, None
        with _loader(ready.store, split, config, ready.device) as loader:
            for name in _checkpoints(config):
                values, epochs[name] = checkpoint.weights(path / "checkpoints", name)
                if made is None or not _equal(values, before):  # the last epoch is often the selected one
                    made = _predict(ready.built.module, values, loader, config, ready.device, stop)
                before, found = values, made
                if record is not None:
                    record.predictions(f"{split}-{name}", made)
                    found = records.read_predictions(path, f"{split}-{name}")
                results[split][name] = metrics.summary(found.logits, found.labels)
    return results, epochs


def _predict(
    module: nn.Module,
    values: Mapping[str, torch.Tensor],
    loader: Loader,
    config: RunConfig,
    device: torch.device,
    stop: Stop | None,
) -> Predictions:
    module.to(device)
    module.load_state_dict(values)
    return Predictions(*predict(module, loader, device=device, config=config.train, stop=stop))


def _summary(
    ready: Ready,
    state: checkpoint.State,
    rows: Sequence[Mapping[str, Any]],
    results: Mapping[str, Any],
    epochs: Mapping[str, int],
    findings: Sequence[Finding],
    starts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    config = ready.config
    return {
        "schema": records.SCHEMA,
        "name": records.name_of(config),
        "digest": config.digest,
        "protocol": config.train.protocol,
        "seed": config.seed,
        "data": {"name": ready.store.name, "digest": ready.store.digest, "images": ready.counts},
        # More than one digest: the run was taken up by other code than it was begun with.
        "code": list(dict.fromkeys(start["code"] for start in starts)),
        "parameters": ready.built.parameters,
        "weights": ready.built.provenance,
        "epochs": state.epoch,
        "steps": state.step,
        "checkpoints": dict(epochs),
        "results": dict(results),
        "health": [finding.to_dict() for finding in [*ready.findings, *findings]],
        "seconds": math.fsum(row["seconds"] + row["judging_seconds"] for row in rows),
        "images_per_second": statistics.median(row["images_per_second"] for row in rows),
    }


# --- where it runs ------------------------------------------------------------------------------


@contextmanager
def processes(wanted: str) -> Iterator[torch.device]:
    """The device of this process; under torchrun, joined with the other ranks while the block lasts."""
    device = _choose(wanted)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def _choose(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as problem:
        raise ConfigError(f'run.device: "{wanted}" is no device; use auto, cpu, cuda or cuda:1') from problem
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f'run.device: "{wanted}" is not supported; use auto, cpu, cuda or cuda:1')
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"run.device: {wanted} is not here; {torch.cuda.device_count()} CUDA devices are")
    return device


def _device(device: torch.device) -> dict[str, Any]:
    """What computes, and how the results of a CPU depend on it."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"type": device.type, "name": name, "threads": torch.get_num_threads(), "ranks": ranks.count()}
