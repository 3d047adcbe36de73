"""Checkpoints of a run to predictions and figures: at its end, and again whenever somebody asks.

What does not belong here: figures of predictions (metrics.py), and what they mean (claims/).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixscope import metrics
from mixscope.data.loader import Loader
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.runs import records
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
    store.check()
    with processes(first.run.device) as device, in_order(store, split, first, device) as loader:
        module = models.build(_bare(first), n_classes=store.n_classes, image_size=store.size, seed=0).module
        for path, config in group:
            about = records.read_environment(path)
            check_data(store, about, path)
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


def _checkpoints(config: RunConfig) -> list[str]:
    """The checkpoints that are judged; only the published protocol has chosen one by the test split."""
    names = ["last"]
    if config.data.val_fraction > 0:
        names.append("selected")
    return list(dict.fromkeys([*names, config.train.checkpoint]))


def judge(
    ready: Ready, path: Path, record: records.Run | None, stop: Stop
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Figures by split and checkpoint, computed from the prediction files, and each checkpoint's epoch."""
    config, epochs = ready.config, {}
    results: dict[str, dict[str, Any]] = {}
    for split in [*(["val"] if config.data.val_fraction > 0 else []), "test"]:
        results[split], before, made = {}, None, None
        with in_order(ready.store, split, config, ready.device) as loader:
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
