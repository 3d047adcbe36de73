"""Evaluates checkpoints of a run: predictions and metrics, at the end of the run or later."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixscope import metrics
from mixscope.data.loader import Loader
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.runs import recording, records
from mixscope.runs.device import processes
from mixscope.runs.records import Predictions
from mixscope.runs.setup import Ready, check_data, in_order
from mixscope.study.config import Model, RunConfig
from mixscope.training import checkpoint, models
from mixscope.training.evaluate import predict
from mixscope.training.stop import Stop


def evaluate(
    paths: Sequence[Path],
    *,
    split: str = "test",
    root: Path,
    write: bool = True,
    notice: Callable[[Path, list[dict[str, Any]]], None] | None = None,
    damaged: Callable[[DataError], None] | None = None,
) -> list[dict[str, Any]]:
    """Evaluates checkpoints of finished runs and writes their predictions.

    Runs that share data and network are evaluated with one loader and one network.

    Args:
        paths: Run folders, or folders of runs.
        split: "val", "test" or "train".
        root: Folder of prepared data sets.
        write: Write eval-<split>.json and predictions (the same bytes for the same results).
        notice: Called with every run and its rows as soon as they are complete.
        damaged: Called with the error of a run that cannot be evaluated while others can; None raises it.

    Returns:
        One row per checkpoint.

    Raises:
        ConfigError: If the run has no such split.
        DataError: If a run is not finished (the test split is sealed until then), a checkpoint is damaged, or
            the data differ from the training data.
    """
    found = [path for given in paths for path in _runs_of(given)]
    groups: dict[str, list[tuple[Path, RunConfig]]] = {}
    problems: list[DataError] = []
    for path in found:
        with _set_aside(problems, damaged):
            state = records.read_status(path)["state"]
            if state != "done":
                raise DataError(
                    "missing-results",
                    f"is {state}; `mixscope train` resumes it and evaluates its splits at its end",
                    path=path,
                )
            config = records.check_chain(path)
            alike = {"data": config.data, "model": _bare(config), "run": config.run}
            groups.setdefault(str(alike), []).append((path, config))
    rows: dict[Path, list[dict[str, Any]]] = {}
    for group in groups.values():
        for path, values in _evaluate(group, split, root, write, lambda: _set_aside(problems, damaged)):
            rows[path] = values
            if notice is not None:
                notice(path, values)
    if problems and not rows:
        raise problems[0]
    for problem in problems:
        if damaged is not None:
            damaged(problem)
    return [row for path in found for row in rows.get(path, ())]


@contextmanager
def _set_aside(problems: list[DataError], damaged: object) -> Iterator[None]:
    """Collects the error of one run for later, if there is someone to report it to."""
    try:
        yield
    except DataError as problem:
        if damaged is None:
            raise
        problems.append(problem)


def _runs_of(path: Path) -> list[Path]:
    found = records.list_runs(path)
    if not found:
        raise DataError("wrong-format", "is not a run directory and holds none", path=path)
    return found


def _bare(config: RunConfig) -> Model:
    """The network without pretrained weights: a checkpoint replaces them, and their files need not exist."""
    return dataclasses.replace(config.model, pretrained=False)


def _evaluate(
    group: Sequence[tuple[Path, RunConfig]],
    split: str,
    root: Path,
    write: bool,
    aside: Callable[[], AbstractContextManager[None]],
) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Evaluates runs that share data, network and device."""
    for path, config in group:
        if split == "val" and config.data.val_fraction == 0:
            raise ConfigError(
                "missing-key", "holds out no validation images (data.val_fraction=0)", path=path
            )
    first = group[0][1]
    store = Store.open(root, first.data.name)
    store.check()
    with processes(first.run.device) as device, in_order(store, split, first, device) as loader:
        module = models.build(_bare(first), n_classes=store.n_classes, image_size=store.size, seed=0).module
        for path, config in group:
            with aside():
                yield path, _one(path, config, store, split, module, loader, device, write)


def _one(
    path: Path,
    config: RunConfig,
    store: Store,
    split: str,
    module: nn.Module,
    loader: Loader,
    device: torch.device,
    write: bool,
) -> list[dict[str, Any]]:
    """One row per checkpoint of a run; nothing is written before all are evaluated."""
    about = records.read_environment(path)
    check_data(store, about, path)
    torch.set_num_threads(about["device"]["threads"])
    before, found = None, None
    epochs: dict[str, int] = {}
    results: dict[str, dict[str, Any]] = {}
    predictions: dict[str, Predictions] = {}
    for name in _checkpoints(config):
        values, epochs[name] = checkpoint.weights(path / "checkpoints", name, config)
        if found is None or not _equal(values, before):  # the last epoch is often the selected one
            found = _predict(module, values, path, loader, config, device, None)
        before, predictions[name] = values, found
        results[name] = metrics.summary(found.logits, found.labels)
    if write:
        _refuse_contradictions(path, split, results)
        for name, made in predictions.items():
            records.write_predictions(path, f"{split}-{name}", made)
        records.write_evaluation(path, config, split, store.digest, epochs, results)
    return [
        {"run": path.name, "split": split, "checkpoint": name, "epoch": epochs[name], **row}
        for name, row in results.items()
    ]


def _refuse_contradictions(path: Path, split: str, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Checks that recomputed metrics agree with the run's summary. Raises DataError."""
    if not (path / "summary.json").exists():
        return
    recorded = records.read_summary(path)["results"].get(split, {})
    for name, row in results.items():
        if name in recorded and records.contradicts(recorded[name], row["n"], row["top1"]):
            raise records.damaged(
                "summary-contradicts",
                path=str(path),
                checkpoint=name,
                split=split,
                images=row["n"],
                top1=100 * row["top1"],
                told_images=recorded[name]["n"],
                told_top1=100 * recorded[name]["top1"],
            )


def _equal(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor] | None) -> bool:
    return b is not None and a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def _checkpoints(config: RunConfig) -> list[str]:
    """Names of the evaluated checkpoints; only protocol "published" has one selected by the test split."""
    names = ["last"]
    if config.data.val_fraction > 0:
        names.append("selected")
    return list(dict.fromkeys([*names, config.train.checkpoint]))


def at_end(
    ready: Ready, path: Path, record: recording.Run | None, stop: Stop
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Evaluates the checkpoints of a run at its end and writes their predictions.

    Returns:
        Metrics by split and checkpoint, computed from the prediction files; and each checkpoint's epoch.
    """
    config, epochs = ready.config, {}
    results: dict[str, dict[str, Any]] = {}
    for split in [*(["val"] if config.data.val_fraction > 0 else []), "test"]:
        results[split], before, made = {}, None, None
        with in_order(ready.store, split, config, ready.device) as loader:
            for name in _checkpoints(config):
                values, epochs[name] = checkpoint.weights(path / "checkpoints", name, config)
                if made is None or not _equal(values, before):  # the last epoch is often the selected one
                    made = _predict(ready.built.module, values, path, loader, config, ready.device, stop)
                before, found = values, made
                if record is not None:
                    record.predictions(f"{split}-{name}", made)
                    found = records.read_predictions(path, f"{split}-{name}")
                results[split][name] = metrics.summary(found.logits, found.labels)
    return results, epochs


def _predict(
    module: nn.Module,
    values: Mapping[str, torch.Tensor],
    path: Path,
    loader: Loader,
    config: RunConfig,
    device: torch.device,
    stop: Stop | None,
) -> Predictions:
    module.to(device)
    checkpoint.put(module, values, path)
    ids, labels, logits = predict(module, loader, device=device, config=config.train, stop=stop)
    return Predictions(ids, labels, logits, config.digest)
