"""The training loop of one run, from its first step or a checkpoint to its last epoch.

An epoch is a sequence of batches; a batch is forward, loss, backward, step. After the batches the model is
evaluated, one row is recorded, and a checkpoint is saved. A run killed at any point resumes from its last
checkpoint and ends like an undisturbed one.
"""

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from mixscope import metrics, rng
from mixscope.data.batch import Inner
from mixscope.data.device import feed
from mixscope.data.loader import Batch, Loader
from mixscope.data.order import Position
from mixscope.errors import Interrupted, RunFailed
from mixscope.findings import Finding
from mixscope.formatting import duration
from mixscope.mixing.loss import mixed_cross_entropy, weighted_hits
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, convolution, hidden, optim, precision, ranks
from mixscope.training.checkpoint import State
from mixscope.training.evaluate import predict
from mixscope.training.stop import Stop

LOOK_SECONDS = 0.5  # interval of progress updates; on a GPU each update waits for the device
LATELY = 20  # updates over which the recent rate is averaged

# Name of the kept weights by the split that selects them; ties go to the earliest epoch.
RULES = {"selected": "val", "best-on-test": "test"}


class Record(Protocol):
    """The part of a run directory that training writes to."""

    @property
    def events_bytes(self) -> int:
        """Current size of the events in bytes."""

    def cut(self, length: int) -> bool:
        """Truncates the events to `length` bytes; False if some of them are lost."""

    def event(self, kind: str, values: Mapping[str, Any]) -> None:
        """Writes one event, flushed to disk."""

    def status(self, state: str, *, epoch: int, step: int) -> None:
        """Writes the position: completed epochs and steps."""

    def heartbeat(
        self, *, epoch: int, step: int, images_per_second: float | None, device_bytes: int | None
    ) -> None:
        """Reports progress; may be called often."""


class Show(Protocol):
    """Where progress is shown: a terminal, a log, nowhere."""

    def line(self, text: str) -> None:
        """Shows a permanent line of text."""

    def progress(self, text: str, *, done: int, total: int) -> None:
        """Shows batches done of an epoch; the next call replaces it."""

    def close(self) -> None:
        """Ends the display."""


@dataclass(kw_only=True, slots=True)
class Training:
    """A network in training: its optimizer, options and position.

    Attributes:
        config: Settings of the run.
        device: Device of the training.
        module: The network.
        forward: The network wrapped for data parallelism.
        quick: The same, compiled if enabled, for parts of `usual` images.
        usual: Images in a regular part of a batch.
        ema: Running average of the weights, None if disabled.
        optimiser: The optimizer.
        scaler: Gradient scaler of fp16, else None.
        layout: Memory format of images and weights.
        autocast: Context of forward passes.
        generators: Random generators that the network uses in training.
        state: Position of the run.
    """

    config: RunConfig
    device: torch.device
    module: nn.Module
    forward: nn.Module
    quick: nn.Module
    usual: int
    ema: optim.Ema | None
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler | None
    layout: torch.memory_format
    autocast: Any
    generators: Sequence[torch.Generator]
    state: State

    @property
    def evaluated_model(self) -> nn.Module:
        """The network that is evaluated: the running average if there is one."""
        return self.module if self.ema is None else self.ema.module


@dataclass(kw_only=True, slots=True)
class Tally:
    """Running sums of an epoch on this rank.

    Attributes:
        sums: Loss and lambda-weighted hits, summed over images; float64 (2,), on the device.
        seen: Number of images.
        began: Start of the epoch on the clock of time.perf_counter, without interruptions.
        looks: Times on the clock of time.monotonic, and images seen by then.
        looked: Time of the last progress update.
        recent: Steps and their example ids since the loss was last checked.
    """

    sums: torch.Tensor
    seen: int
    began: float
    looks: deque[tuple[float, int]]
    looked: float
    recent: list[tuple[int, np.ndarray]] = field(default_factory=list)


def train(
    config: RunConfig,
    module: nn.Module,
    *,
    loader: Loader,
    clean: Loader,
    evaluated: Mapping[str, Loader],
    findings: Sequence[Finding],
    device: torch.device,
    folder: Path,
    record: Record | None,
    show: Show,
    stop: Stop,
    compiled: bool | None = None,
) -> State:
    """Trains `module` in place and writes checkpoints to `folder`.

    Args:
        config: Settings of the run.
        module: The network.
        loader: The training batches.
        clean: A fixed subset of the training images, without augmentation.
        evaluated: Splits to evaluate after every epoch.
        findings: Results of the health checks before the first step.
        device: Device of the training.
        folder: Folder of the checkpoints.
        record: The run directory; None on ranks other than 0.
        show: Where progress is shown.
        stop: Checked after every step.
        compiled: Whether to compile; None follows the settings.

    Returns:
        The final position.

    Raises:
        Interrupted: If asked to stop.
        RunFailed: If the loss is not finite.
        ConfigError, DataError: If a checkpoint cannot be used.
    """
    training = prepare(config, module, device=device, compiled=compiled)
    state = training.state = resume(training, folder, show)
    if record is not None:
        if not record.cut(state.events):
            show.line("warning   events.jsonl was damaged or cut: the run goes on, its curves lack the rest")
        record.status("running", epoch=state.epoch, step=state.step)
        for finding in findings if state.step == 0 else ():
            record.event("health", finding.to_dict())
    exchange = ranks.Exchange()
    saved, looked = time.monotonic(), time.monotonic()
    evaluation = 0.0  # seconds of the last epoch's evaluation
    while state.epoch < config.train.epochs:
        loader.position = Position(state.epoch, state.batch)
        tally = tally_of(training, looked)
        dropout = dropout_seeds(config, state.epoch, loader.batches)
        module.train()
        for batch in feed(loader, device) if state.batch < loader.batches else ():
            tally.recent.append((state.step, batch.ids))
            set_rate(training, loader.batches)
            for generator in training.generators:
                generator.manual_seed(dropout[state.batch])
            backward(training, batch, tally, images=loader.global_size(state.batch))
            now = time.monotonic()
            # On a CPU the check is free, and the weights are still those that gave the loss.
            due = now - tally.looked >= LOOK_SECONDS
            if device.type == "cpu" or due or state.batch + 1 == loader.batches:
                check_loss(training, tally, folder, record)
            if due:
                show_progress(training, tally, loader, evaluation, now=now, record=record, show=show)
            update(training)
            state.batch += 1
            state.step += 1
            checkpoint_due = now - saved >= config.run.checkpoint_seconds
            if _due(stop, checkpoint_due, exchange, now=config.run.checkpoint_seconds == 0):
                state.seconds = time.perf_counter() - tally.began
                save(training, tally, folder, record)
                saved = time.monotonic()
                stop.check()
        looked = tally.looked
        row = end_of_epoch(training, tally, clean, evaluated, folder=folder, record=record, stop=stop)
        saved, evaluation = time.monotonic(), row["judging_seconds"]
        left = (loader.examples / row["images_per_second"] + evaluation) * (config.train.epochs - state.epoch)
        show.line(_epoch_line(row, config.train.epochs, evaluated, left, mixed=config.augment.mix != "none"))
        _due(stop, False, exchange, now=True)
        stop.check()
    return state


# --- before the first step ----------------------------------------------------------------------


def prepare(config: RunConfig, module: nn.Module, *, device: torch.device, compiled: bool | None) -> Training:
    """Builds network wrapper, optimizer and scaler on the device; arguments as in `train`."""
    n_ranks, layout = ranks.count(), convolution.place(module, config.train, device)
    optimiser = optim.make(module, config.optim)
    ema = optim.Ema(module, config.optim.ema_decay) if config.optim.ema_decay > 0 else None
    forward: nn.Module = module
    if n_ranks > 1:
        devices = [device.index] if device.type == "cuda" else None
        forward = nn.parallel.DistributedDataParallel(forward, device_ids=devices)
    quick: Any = forward
    if config.train.compile is True if compiled is None else compiled:
        quick = torch.compile(forward, dynamic=False)
    return Training(
        config=config,
        device=device,
        module=module,
        forward=forward,
        quick=quick,
        # Compiled for one size only: the smaller last batch is not worth compiling again.
        usual=config.train.batch_size // n_ranks // config.train.accumulate,
        ema=ema,
        optimiser=optimiser,
        scaler=precision.scaler(config.train.precision, device),
        layout=layout,
        autocast=precision.autocast(config.train.precision, device),
        generators=_generators(device),
        state=State(),
    )


def resume(training: Training, folder: Path, show: Show) -> State:
    """Restores the last checkpoint, if there is one, and returns the position."""
    content, warning = checkpoint.load(folder, training.config)
    if warning is not None:
        show.line(f"warning   {warning}")
    if content is None:
        return State()
    state = checkpoint.restore(
        content,
        module=training.module,
        ema=training.ema,
        optimiser=training.optimiser,
        scaler=training.scaler,
    )
    show.line(f"resume    epoch {state.epoch + 1}, batch {state.batch + 1}, after {state.step} steps")
    return state


def tally_of(training: Training, looked: float) -> Tally:
    """The running sums at the current position; those from before a restart are assigned to rank 0."""
    loss_sum, hit_sum, seen = training.state.sums if ranks.rank() == 0 else (0.0, 0.0, 0)
    return Tally(
        sums=torch.tensor([loss_sum, hit_sum], dtype=torch.float64, device=training.device),
        seen=seen,
        began=time.perf_counter() - training.state.seconds,
        looks=deque([(time.monotonic(), seen)], maxlen=LATELY),
        looked=looked,
    )


def dropout_seeds(config: RunConfig, epoch: int, batches: int) -> list[int]:
    """Draws a seed for the network's own randomness per batch of an epoch, on this rank.

    Drawn at once, which takes a tenth of the time of draws between steps.
    """
    mine = () if ranks.count() == 1 else (ranks.rank(),)
    return [rng.integer(config.seed, "dropout", epoch, batch, *mine) for batch in range(batches)]


# --- a step -------------------------------------------------------------------------------------


def set_rate(training: Training, batches: int) -> None:
    """Sets the learning rate of the next step.

    Args:
        training: The training.
        batches: Batches per epoch.
    """
    optim_config, epochs = training.config.optim, training.config.train.epochs
    lr = optim.lr_at(optim_config, step=training.state.step, steps_per_epoch=batches, epochs=epochs)
    for group in training.optimiser.param_groups:
        group["lr"] = lr


def backward(training: Training, batch: Batch, tally: Tally, *, images: int) -> None:
    """Forward and backward pass of a batch, in parts if gradients are accumulated.

    Args:
        training: The training.
        batch: This rank's part of the batch, on the device.
        tally: Loss and hits are added to it.
        images: Images of the whole batch, over all ranks.
    """
    config, n_ranks = training.config, ranks.count()
    training.optimiser.zero_grad(set_to_none=True)
    parts = _parts(len(batch.ids), config.train.accumulate)
    parallel: Any = training.forward  # DistributedDataParallel if there are several ranks
    for part in parts:
        inputs, labels = batch.images[part].contiguous(memory_format=training.layout), batch.labels[part]
        partners = None if batch.partner_labels is None else batch.partner_labels[part]
        lam = None if batch.lam is None else batch.lam[part]
        forward = training.quick if len(inputs) == training.usual else training.forward
        exchange = n_ranks == 1 or part is parts[-1]  # ranks exchange gradients once per step
        with nullcontext() if exchange else parallel.no_sync():
            with (
                training.autocast,
                hidden.mixing(training.module, _part_of(batch.inner, part), lam) as weights,
            ):
                logits = forward(inputs).float()
                lam = weights()
            losses = mixed_cross_entropy(logits, labels, partners, lam, config.augment.label_smoothing)
            # Ranks average their gradients, which makes this the mean over the whole batch.
            scaled = losses if training.scaler is None else training.scaler.scale(losses)
            torch.autograd.backward(scaled, torch.full_like(losses, n_ranks / images))
        weighted = weighted_hits(logits.detach(), labels, partners, lam)
        tally.sums += torch.stack((losses.detach(), weighted)).sum(dim=1, dtype=torch.float64)
    tally.seen += len(batch.ids)


def update(training: Training) -> None:
    """Optimizer step on clipped gradients, and update of the weight average."""
    optimiser, scaler, clip = training.optimiser, training.scaler, training.config.optim.clip_norm
    if clip > 0:
        if scaler is not None:
            scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(training.module.parameters(), clip)
    if scaler is None:
        optimiser.step()
    else:  # the scaler skips the step if a scaled gradient overflows
        scaler.step(optimiser)
        scaler.update()
    if training.ema is not None:
        training.ema.update(training.module)


def check_loss(training: Training, tally: Tally, folder: Path, record: Record | None) -> None:
    """Checks that the loss since the last check is finite; waits for the device.

    Raises:
        RunFailed: If it is not.
    """
    loss_sum, _ = tally.sums.tolist()
    if not math.isfinite(loss_sum):
        save(training, tally, folder, record, name="not-finite")
        lr = training.optimiser.param_groups[0]["lr"]
        raise RunFailed(_not_finite(loss_sum, training.state.epoch, lr, tally.recent, folder))
    tally.recent.clear()


def show_progress(
    training: Training,
    tally: Tally,
    loader: Loader,
    evaluation: float,
    *,
    now: float,
    record: Record | None,
    show: Show,
) -> None:
    """Shows progress within the epoch and writes the heartbeat.

    Args:
        training: The training.
        tally: Running sums of the epoch.
        loader: The training batches.
        evaluation: Seconds of the last evaluation, for the ETA.
        now: Current time on the clock of time.monotonic.
        record: The run directory.
        show: Where progress is shown.
    """
    state, epochs, n_ranks = training.state, training.config.train.epochs, ranks.count()
    tally.looked = now
    loss, lr = tally.sums.tolist()[0] / tally.seen, training.optimiser.param_groups[0]["lr"]
    rate = tally.seen * n_ranks / (time.perf_counter() - tally.began)
    left = loader.examples * (epochs - state.epoch) - tally.seen * n_ranks
    eta = duration(left / rate + evaluation * (epochs - state.epoch))
    text = f"loss {loss:.3f}  lr {lr:.1e}  {rate:,.0f} img/s  eta {eta}"
    show.progress(f"{_heading(state.epoch, epochs)}  {text}", done=state.batch + 1, total=loader.batches)
    since, before = tally.looks[0]
    tally.looks.append((now, tally.seen))
    if record is not None:
        record.heartbeat(
            epoch=state.epoch,
            step=state.step,
            images_per_second=(tally.seen - before) * n_ranks / (now - since),
            device_bytes=_reserved(training.device),
        )


# --- the end of an epoch ------------------------------------------------------------------------


def end_of_epoch(
    training: Training,
    tally: Tally,
    clean: Loader,
    evaluated: Mapping[str, Loader],
    *,
    folder: Path,
    record: Record | None,
    stop: Stop,
) -> dict[str, Any]:
    """Evaluates the network, records the epoch, keeps the best weights and saves a checkpoint.

    Returns:
        The row of events.jsonl.
    """
    state, epoch = training.state, training.state.epoch
    loss_sum, hit_sum, count = _totals(tally.sums, tally.seen)  # waits for the device
    state.seconds = time.perf_counter() - tally.began
    row: dict[str, Any] = {
        "epoch": epoch + 1,
        "step": state.step,
        "train_loss": loss_sum / count,
        "lr": training.optimiser.param_groups[0]["lr"],
        "lam_weighted_train_top1": 100.0 * hit_sum / count,
        "clean_train_top1": None,
        "val_loss": None,
        "val_top1": None,
    }
    began = time.perf_counter()
    try:
        row |= evaluate(training, clean, evaluated, stop)
    except Interrupted:
        save(training, tally, folder, record)
        raise
    except RunFailed as problem:
        save(training, tally, folder, record, name="not-finite")
        where = folder / "not-finite.pt"
        raise problem.reworded(f"after epoch {epoch + 1} {problem}; {where} holds the model") from problem
    row |= {
        "images_per_second": count / state.seconds,
        "seconds": state.seconds,
        "judging_seconds": time.perf_counter() - began,
    }
    for name, split in RULES.items():
        best = state.best.get(name)
        if split in evaluated and (best is None or row[f"{split}_top1"] > best["top1"]):
            state.best[name] = {"epoch": epoch + 1, "top1": row[f"{split}_top1"]}
            if record is not None:
                weights = training.evaluated_model.state_dict()
                checkpoint.save_weights(folder, name, weights, config=training.config, epoch=epoch + 1)
    state.epoch, state.batch, state.seconds = epoch + 1, 0, 0.0
    tally.sums, tally.seen = torch.zeros_like(tally.sums), 0
    if record is not None:
        record.event("epoch", row)
        record.status("running", epoch=state.epoch, step=state.step)
    save(training, tally, folder, record)
    return row


def evaluate(
    training: Training, clean: Loader, evaluated: Mapping[str, Loader], stop: Stop
) -> dict[str, float]:
    """Returns top-1 on the clean training subset, and top-1 and loss on every split in `evaluated`."""
    found: dict[str, float] = {}
    ranks.share_buffers(training.evaluated_model)
    for split, loader in {"clean_train": clean, **evaluated}.items():
        _, labels, logits = predict(
            training.evaluated_model, loader, device=training.device, config=training.config.train, stop=stop
        )
        found[f"{split}_top1"] = 100.0 * metrics.top_k(logits, labels, k=1)
        if split != "clean_train":
            found[f"{split}_loss"] = metrics.nll(logits, labels)
    return found


def save(
    training: Training, tally: Tally, folder: Path, record: Record | None, *, name: str = "last"
) -> None:
    """Saves a checkpoint; only rank 0, which has a record, writes it."""
    if name == "last":
        training.state.sums = _totals(tally.sums, tally.seen)
    if record is not None:
        training.state.events = record.events_bytes
        write_checkpoint(training, folder, name=name)


def write_checkpoint(training: Training, folder: Path, *, name: str) -> None:
    """Writes the state of training as it is now."""
    checkpoint.save(
        folder,
        training.state,
        config=training.config,
        module=training.module,
        ema=training.ema,
        optimiser=training.optimiser,
        scaler=training.scaler,
        name=name,
    )


def _parts(n: int, count: int) -> list[slice]:
    """Splits a batch of n images into `count` almost equal parts, fewer where a part would have one image.

    Batch norm cannot train on a single image.
    """
    count = max(1, min(count, n // 2))
    bounds = [n * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _part_of(inner: Inner | None, part: slice) -> Inner | None:
    """The network's plan for a part of a batch; activations are mixed in whole batches only."""
    return inner if inner is None or inner.box is None else inner._replace(box=inner.box[part])


def _generators(device: torch.device) -> list[torch.Generator]:
    """The random generators that a model uses in training.

    torch.manual_seed also seeds every other kind of device: 0.1 ms per step, a hundred times as long.
    """
    own = [torch.cuda.default_generators[torch.cuda.current_device()]] if device.type == "cuda" else []
    return [torch.default_generator, *own]


def _reserved(device: torch.device) -> int | None:
    """Peak memory that this process reserved on its GPU, in bytes."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


def _totals(sums: torch.Tensor, seen: int) -> tuple[float, float, int]:
    """Loss, lambda-weighted hits and images of all ranks, added in rank order."""
    losses, hits, images = zip(*ranks.gather((*sums.tolist(), seen)), strict=True)
    return math.fsum(losses), math.fsum(hits), sum(images)


def _due(stop: Stop, checkpoint_due: bool, exchange: ranks.Exchange, *, now: bool) -> bool:
    """Whether to save at this step; all ranks agree, since a signal may reach only one."""
    wishes = exchange.turn((stop.received, checkpoint_due), now=now)
    if wishes is None:
        return False
    stop.received = next((received for received, _ in wishes if received), None)
    return wishes[0][1] or stop.received is not None


def _not_finite(
    loss: float, epoch: int, lr: float, recent: Sequence[tuple[int, np.ndarray]], folder: Path
) -> Finding:
    """The finding for a loss that is not finite, with its step.

    On a GPU that is one of the steps since the last check (-1: the last).
    """
    first, ids = recent[0]
    params = {
        "loss": str(loss),
        "epoch": epoch + 1,
        "first_step": first if len(recent) > 1 else -1,
        "last_step": recent[-1][0],
        "lr": lr,
        "images": " ".join(map(str, ids[:8])) + (" ..." if len(ids) > 8 else ""),
        "file": str(folder / "not-finite.pt"),
    }
    return Finding("loss-not-finite", "fail", params)


def _heading(epoch: int, epochs: int) -> str:
    return f"epoch {epoch + 1:>{len(str(epochs)) + 1}}/{epochs}"


def _epoch_line(
    row: Mapping[str, Any], epochs: int, evaluated: Mapping[str, Any], left: float, *, mixed: bool
) -> str:
    weighted = f"  lam-weighted {row['lam_weighted_train_top1']:.1f} %" if mixed else ""
    values = "".join(f"  {split} {row[f'{split}_top1']:.1f} %" for split in evaluated)
    ending = f"eta {duration(left)}" if row["epoch"] < epochs else f"{duration(row['seconds'])} an epoch"
    return (
        f"{_heading(row['epoch'] - 1, epochs)}  loss {row['train_loss']:.3f}"
        f"  clean-train {row['clean_train_top1']:.1f} %{weighted}{values}"
        f"  lr {row['lr']:.1e}  {row['images_per_second']:,.0f} img/s  {ending}"
    )
