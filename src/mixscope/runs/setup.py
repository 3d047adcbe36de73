"""Sets up a run: opens data, builds the network and loaders, and checks them before the first step."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixscope import mixing
from mixscope.data import cue_store
from mixscope.data.device import feed
from mixscope.data.loader import Augmentation, Batch, Loader, Sampling, Workers
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.findings import Finding
from mixscope.hardware import cores
from mixscope.study.config import RunConfig, clean_images
from mixscope.training import health, hidden, models, pretraining_data, ranks

MOST_THREADS = 64  # limit of loader threads, or the number of cores


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that is set up and checked.

    Attributes:
        config: Settings of the run.
        store: Data set.
        built: Network.
        device: Device.
        loader: Training batches.
        clean: A fixed subset of the training images, without augmentation.
        evaluated: Splits evaluated after every epoch.
        counts: Number of images by split.
        findings: Results of the health checks.
    """

    config: RunConfig
    store: Store
    built: models.Built
    device: torch.device
    loader: Loader
    clean: Loader
    evaluated: dict[str, Loader]
    counts: dict[str, int]
    findings: list[Finding]


@contextmanager
def ready_for(config: RunConfig, root: Path, device: torch.device) -> Iterator[Ready]:
    """Yields a run before its first step; its loaders are open during the block.

    Raises:
        ConfigError: If settings do not fit.
        DataError: If data or weights are missing or damaged.
    """
    _refuse_many_threads(config.run.loader_threads)
    store = Store.open(root, config.data.name)
    store.check()
    cue_store.refuse_moves(store, config.augment.base, config.augment.policy)
    built = models.build(config.model, n_classes=store.n_classes, image_size=store.size, seed=config.seed)
    on_gpu, fraction = device.type == "cuda", config.data.val_fraction
    rows = _training_rows(store, config)
    if min(config.train.batch_size, len(rows)) // ranks.count() < 2:
        models.refuse_single_images(
            built.module, config.model.arch, store.size, batch_size=config.train.batch_size
        )
    mixer = mixing.make(
        config.augment,
        seed=config.seed,
        epochs=config.train.epochs,
        size=store.size,
        batch_size=config.train.batch_size,
        examples=len(rows),
        patch=models.patch(built.module),
    )
    hidden.refuse(mixer, built.module, config.model.arch, config.train, n_ranks=ranks.count())
    with ExitStack() as stack:
        loader = stack.enter_context(
            Loader(
                store,
                "train",
                Sampling(
                    batch_size=config.train.batch_size,
                    seed=config.seed,
                    val_fraction=fraction,
                    per_class=config.data.per_class,
                    shuffle=True,
                    repeats=config.augment.repeats,
                    drop_last=_last_is_too_small(len(rows), config.train.batch_size),
                ),
                Augmentation(
                    base=config.augment.base,
                    mixer=mixer,
                    erase=config.augment.erase,
                    policy=config.augment.policy,
                ),
                Workers(
                    rank=ranks.rank(),
                    ranks=ranks.count(),
                    threads=config.run.loader_threads,
                    device_augment=on_gpu,
                    pin=on_gpu,
                ),
            )
        )
        few = max(1, clean_images(len(rows)) // store.n_classes)
        few = min(few, config.data.per_class or few)
        clean = stack.enter_context(in_order(store, "train", config, device, per_class=few))
        splits = ["val"] if fraction > 0 else []
        if config.train.protocol == "published":
            splits.append("test")
        evaluated = {split: stack.enter_context(in_order(store, split, config, device)) for split in splits}
        counts = {"train": len(rows), **{s: evaluated[s].examples for s in ("val",) if s in evaluated}}
        counts["test"] = store.manifest["counts"]["test"]
        yield Ready(
            config=config,
            store=store,
            built=built,
            device=device,
            loader=loader,
            clean=clean,
            evaluated=evaluated,
            counts=counts,
            findings=[
                *health.contract(
                    train=loader.spec,
                    evaluated={s: each.spec for s, each in {"clean-train": clean, **evaluated}.items()},
                    module=built.module,
                    train_batch=first_batch(loader, device).images,
                    clean_batch=first_batch(clean, device).images,
                ),
                health.pretraining(pretraining_data.remarks(built.provenance, store.name)),
            ],
        )


def _refuse_many_threads(threads: int) -> None:
    """Checks the number of loader threads, each of which allocates batches of 30 MB and more.

    Raises ConfigError.
    """
    most = max(MOST_THREADS, cores())
    if threads > most:
        raise ConfigError(
            "out-of-range",
            f"run.loader_threads must be at most {most} on this machine of {cores()} cores, got {threads};"
            " leave it out, and it is chosen",
            key="run.loader_threads",
        )


def _training_rows(store: Store, config: RunConfig) -> np.ndarray:
    """Rows of the training images, int64.

    Raises ConfigError when validation leaves a class without training images, or would be empty itself.
    """
    fraction, labels = config.data.val_fraction, store.labels("train")
    _, rows = store.rows("train", val_fraction=fraction, per_class=config.data.per_class)
    if fraction > 0 and len(store.rows("train", val_fraction=fraction)[1]) == len(labels):
        raise ConfigError(
            "too-few",
            f"data.val_fraction={fraction} holds out no image of {store.name}; give a larger share",
            key="data.val_fraction",
        )
    there, left = (np.bincount(each, minlength=store.n_classes) for each in (labels, labels[rows]))
    emptied = int(np.sum((there > 0) & (left == 0)))
    if emptied:
        raise ConfigError(
            "too-few",
            f"data.val_fraction={fraction} leaves no training images of {emptied} of"
            f" {store.n_classes} classes of {store.name}; give a smaller share",
            key="data.val_fraction",
        )
    return rows


def _last_is_too_small(examples: int, batch_size: int) -> bool:
    """Whether the last batch has a single image for some rank, on which batch norm cannot train."""
    return examples > batch_size and 0 < examples % batch_size < 2 * ranks.count()


def in_order(
    store: Store, split: str, config: RunConfig, device: torch.device, *, per_class: int | None = None
) -> Loader:
    """A loader for evaluation: in order, without augmentation, every image once."""
    return Loader(
        store,
        split,
        Sampling(
            batch_size=config.run.eval_batch_size * ranks.count(),
            seed=config.seed,
            val_fraction=config.data.val_fraction,
            per_class=config.data.per_class if per_class is None else per_class,
        ),
        workers=Workers(
            rank=ranks.rank(),
            ranks=ranks.count(),
            threads=config.run.loader_threads,
            device_augment=device.type == "cuda",
            pin=device.type == "cuda",
        ),
    )


def first_batch(loader: Loader, device: torch.device) -> Batch:
    """A copy of the first batch; the loader's position is restored."""
    batch = next(iter(feed(loader, device)))
    batch = batch._replace(images=batch.images.clone(), labels=batch.labels.clone())
    loader.close()
    loader.position = (0, 0)
    return batch


def facts(store: Store) -> dict[str, Any]:
    """The properties of a data set that are recorded; superclass_of is empty without superclasses."""
    return {
        "name": store.name,
        "digest": store.digest,
        "class_names": list(store.class_names),
        "superclass_names": list(store.superclass_names),
        "superclass_of": store.superclass_of.tolist(),
    }


def check_data(store: Store, before: Mapping[str, Any], path: Path) -> None:
    """Checks that a run was started on these data.

    Args:
        store: Data set.
        before: environment.json of the run.
        path: Run directory, for the message.

    Raises:
        DataError: If it was started on other data.
    """
    if not store.has_digest(before["data"]["digest"]):
        raise DataError(
            "changed",
            f"was begun on {store.name} with checksum {before['data']['digest'][:12]}, which now is"
            f" {store.digest[:12]}; give another --out, or the data it was begun on with --root",
            path=path,
        )
