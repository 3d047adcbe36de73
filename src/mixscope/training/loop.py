"""The training of one run, from its first step or from a checkpoint to its last epoch.

It reads from top to bottom: an epoch is its batches, a batch is forward, loss, backward, step; after
the batches the model is judged, one row is recorded, and a checkpoint is saved. A run that is killed
anywhere goes on from its last checkpoint and ends like one that was never disturbed.

What does not belong here: what a batch is (data, mixing), what a model is (models.py), the run
directory (runs/records.py), and the test split, unless the protocol says that it is looked at.
"""

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import nn

from mixscope import metrics, rng
from mixscope.data.batch import Inner
from mixscope.data.device import feed
from mixscope.data.loader import Loader
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

LOOK_SECONDS = 0.5  # how often progress is shown; on a GPU each look waits for the device
LATELY = 20  # looks that make up the recent rate

# Which split chooses the weights that are kept under which name; of equals the earliest.
RULES = {"selected": "val", "best-on-test": "test"}


class Record(Protocol):
    """The part of a run directory that training writes to."""

    @property
    def events_bytes(self) -> int:
        """How long the events are now, in bytes."""

    def cut(self, length: int) -> None:
        """Keeps that many bytes of the events."""

    def event(self, kind: str, values: Mapping[str, Any]) -> None:
        """One event, on disk when this returns."""

    def status(self, state: str, *, epoch: int, step: int) -> None:
        """Where the run stands: complete epochs and steps."""

    def heartbeat(
        self, *, epoch: int, step: int, images_per_second: float | None, device_bytes: int | None
    ) -> None:
        """A sign of life; may be called often."""


class Show(Protocol):
    """Who watches: a terminal, a log, nobody."""

    def line(self, text: str) -> None:
        """One line of text that stays."""

    def progress(self, text: str, *, done: int, total: int) -> None:
        """Batches done of an epoch's; the next call takes its place."""

    def close(self) -> None:
        """Nothing more is shown."""


def train(
    config: RunConfig,
    module: nn.Module,
    *,
    loader: Loader,
    clean: Loader,
    judges: Mapping[str, Loader],
    findings: Sequence[Finding],
    device: torch.device,
    folder: Path,
    record: Record | None,
    show: Show,
    stop: Stop,
    compiled: bool | None = None,
) -> State:
    """Trains `module` in place and leaves the checkpoints in `folder`; returns where the run stands.

    loader: the training batches. clean: a fixed part of the training images, as evaluation sees them.
    judges: by split, what is judged after every epoch. findings: the health checks before the first step.
    record: None on ranks other than 0. compiled: whether to compile; None does where the settings say true.
    Raises Interrupted when asked to stop, RunFailed when the loss is
    not finite, ConfigError and DataError for checkpoints that cannot be used.
    """
    epochs, batches, smoothing = config.train.epochs, loader.batches, config.augment.label_smoothing
    rank, n_ranks, on_cpu = ranks.rank(), ranks.count(), device.type == "cpu"
    layout = convolution.layout(config.train, device)
    autocast = precision.autocast(config.train.precision, device)
    scaler = precision.scaler(config.train.precision, device)
    module.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    optimiser = optim.make(module, config.optim)
    ema = optim.Ema(module, config.optim.ema_decay) if config.optim.ema_decay > 0 else None
    judged = module if ema is None else ema.module
    state = State()
    generators = _generators(device)

    content, warning = checkpoint.load(folder, config)
    if warning is not None:
        show.line(f"warning   {warning}")
    if content is not None:
        state = checkpoint.restore(content, module=module, ema=ema, optimiser=optimiser, scaler=scaler)
        show.line(f"resume    epoch {state.epoch + 1}, batch {state.batch + 1}, after {state.step} steps")
    if record is not None:
        record.cut(state.events)
        record.status("running", epoch=state.epoch, step=state.step)
        for finding in findings if content is None else ():
            record.event("health", finding.to_dict())

    forward: nn.Module = module
    if n_ranks > 1:
        devices = [device.index] if device.type == "cuda" else None
        forward = nn.parallel.DistributedDataParallel(forward, device_ids=devices)
    # Compiled for one size alone: what is left over at the end of an epoch is not worth compiling again.
    quick, usual = forward, config.train.batch_size // n_ranks // config.train.accumulate
    if config.train.compile is True if compiled is None else compiled:
        quick = cast(nn.Module, torch.compile(forward, dynamic=False))

    def save(name: str = "last") -> None:
        if name == "last":
            state.sums = _totals(sums, seen)
        if record is not None:
            state.events = record.events_bytes
            checkpoint.save(
                folder,
                state,
                config=config,
                module=module,
                ema=ema,
                optimiser=optimiser,
                scaler=scaler,
                name=name,
            )

    talk = ranks.Talk()
    saved = looked = time.monotonic()
    judging = 0.0  # seconds that judging took after the last epoch
    while state.epoch < epochs:
        epoch = state.epoch
        loader.position = Position(epoch, state.batch)
        # What this rank has seen of the epoch; what was seen before a restart counts as rank 0's.
        loss_sum, hit_sum, seen = state.sums if rank == 0 else (0.0, 0.0, 0)
        sums = torch.tensor([loss_sum, hit_sum], dtype=torch.float64, device=device)
        recent: list[tuple[int, np.ndarray]] = []  # steps and their example ids since the last look
        began = time.perf_counter() - state.seconds
        looks = deque([(time.monotonic(), seen)], maxlen=LATELY)
        # Drawn at once, which takes a tenth of the time that it takes between steps.
        mine = () if n_ranks == 1 else (rank,)
        dropout = [rng.integer(config.seed, "dropout", epoch, batch, *mine) for batch in range(batches)]
        module.train()

        for batch in feed(loader, device) if state.batch < batches else ():
            recent.append((state.step, batch.ids))
            lr = optim.lr_at(config.optim, step=state.step, steps_per_epoch=batches, epochs=epochs)
            for group in optimiser.param_groups:
                group["lr"] = lr
            for generator in generators:
                generator.manual_seed(dropout[state.batch])
            optimiser.zero_grad(set_to_none=True)
            parts = _parts(len(batch.ids), config.train.accumulate)
            for part in parts:
                images, labels = batch.images[part].contiguous(memory_format=layout), batch.labels[part]
                partners = None if batch.partner_labels is None else batch.partner_labels[part]
                lam = None if batch.lam is None else batch.lam[part]
                exchange = n_ranks == 1 or part is parts[-1]  # ranks exchange gradients once a step
                with nullcontext() if exchange else cast(Any, forward).no_sync():
                    with autocast, hidden.mixing(module, _part_of(batch.inner, part), lam) as weights:
                        logits = (quick if len(images) == usual else forward)(images).float()
                        lam = weights()
                    losses = mixed_cross_entropy(logits, labels, partners, lam, smoothing)
                    # Ranks average their gradients, so that this is the mean over the whole batch.
                    share = n_ranks / loader.global_size(state.batch)
                    scaled = losses if scaler is None else scaler.scale(losses)
                    torch.autograd.backward(scaled, torch.full_like(losses, share))
                weighted = weighted_hits(logits.detach(), labels, partners, lam)
                sums += torch.stack((losses.detach(), weighted)).sum(dim=1, dtype=torch.float64)
            seen += len(batch.ids)

            # On a CPU looking costs nothing, and the weights are still those that gave the loss.
            now = time.monotonic()
            if on_cpu or now - looked >= LOOK_SECONDS or state.batch + 1 == batches:
                loss_sum, _ = sums.tolist()
                if not math.isfinite(loss_sum):
                    save("not-finite")
                    raise RunFailed(_not_finite(loss_sum, epoch, lr, recent, folder))
                recent.clear()
            if now - looked >= LOOK_SECONDS:
                looked = now
                rate = seen * n_ranks / (time.perf_counter() - began)
                left = loader.examples * (epochs - epoch) - seen * n_ranks
                eta = duration(left / rate + judging * (epochs - epoch))
                text = f"loss {loss_sum / seen:.3f}  lr {lr:.1e}  {rate:,.0f} img/s  eta {eta}"
                show.progress(f"{_heading(epoch, epochs)}  {text}", done=state.batch + 1, total=batches)
                since, before = looks[0]
                looks.append((now, seen))
                if record is not None:
                    record.heartbeat(
                        epoch=epoch,
                        step=state.step,
                        images_per_second=(seen - before) * n_ranks / (now - since),
                        device_bytes=_reserved(device),
                    )

            if config.optim.clip_norm > 0:
                if scaler is not None:
                    scaler.unscale_(optimiser)
                nn.utils.clip_grad_norm_(module.parameters(), config.optim.clip_norm)
            if scaler is None:
                optimiser.step()
            else:  # no step where a scaled gradient overflows
                scaler.step(optimiser)
                scaler.update()
            if ema is not None:
                ema.update(module)
            state.batch += 1
            state.step += 1
            checkpoint_due = now - saved >= config.run.checkpoint_seconds
            if _due(stop, checkpoint_due, talk, now=config.run.checkpoint_seconds == 0):
                state.seconds = time.perf_counter() - began
                save()
                saved = time.monotonic()
                stop.check()

        loss_sum, hit_sum, count = _totals(sums, seen)  # waits for the device
        state.seconds = time.perf_counter() - began
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "step": state.step,
            "train_loss": loss_sum / count,
            "lr": optimiser.param_groups[0]["lr"],
            "lam_weighted_train_top1": 100.0 * hit_sum / count,
            "clean_train_top1": None,
            "val_loss": None,
            "val_top1": None,
        }
        began = time.perf_counter()
        ranks.share_buffers(judged)
        try:
            for split, watched in {"clean_train": clean, **judges}.items():
                _, labels_, logits_ = predict(judged, watched, device=device, config=config.train, stop=stop)
                row[f"{split}_top1"] = 100.0 * metrics.top_k(logits_, labels_, k=1)
                if split != "clean_train":
                    row[f"{split}_loss"] = metrics.nll(logits_, labels_)
        except Interrupted:
            save()
            raise
        except RunFailed as problem:
            save("not-finite")
            where = folder / "not-finite.pt"
            raise RunFailed(f"after epoch {epoch + 1} {problem}; {where} holds the model") from problem
        judging = time.perf_counter() - began
        row |= {
            "images_per_second": count / state.seconds,
            "seconds": state.seconds,
            "judging_seconds": judging,
        }
        for name, split in RULES.items():
            best = state.best.get(name)
            if split in judges and (best is None or row[f"{split}_top1"] > best["top1"]):
                state.best[name] = {"epoch": epoch + 1, "top1": row[f"{split}_top1"]}
                if record is not None:
                    checkpoint.save_weights(folder, name, judged.state_dict(), config=config, epoch=epoch + 1)

        state.epoch, state.batch, state.seconds = epoch + 1, 0, 0.0
        sums, seen = torch.zeros_like(sums), 0
        if record is not None:
            record.event("epoch", row)
            record.status("running", epoch=state.epoch, step=state.step)
        save()
        saved = time.monotonic()
        left = (loader.examples / row["images_per_second"] + judging) * (epochs - state.epoch)
        show.line(_epoch_line(row, epochs, judges, left, mixed=config.augment.mix != "none"))
        _due(stop, False, talk, now=True)
        stop.check()
    return state


def _parts(n: int, count: int) -> list[slice]:
    """A batch of n images in `count` parts of almost equal size, fewer where a part would hold only one.

    Batch norm cannot train on a single image.
    """
    count = max(1, min(count, n // 2))
    bounds = [n * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _part_of(inner: Inner | None, part: slice) -> Inner | None:
    """What a part of a batch leaves to the network; activations are mixed in whole batches only."""
    return inner if inner is None or inner.box is None else inner._replace(box=inner.box[part])


def _generators(device: torch.device) -> list[torch.Generator]:
    """What a model draws from while it trains.

    torch.manual_seed asks after every other kind of device too: 0.1 ms a step, a hundred times the rest.
    """
    own = [torch.cuda.default_generators[torch.cuda.current_device()]] if device.type == "cuda" else []
    return [torch.default_generator, *own]


def _reserved(device: torch.device) -> int | None:
    """The most that this process held of its GPU, in bytes."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


def _totals(sums: torch.Tensor, seen: int) -> tuple[float, float, int]:
    """Loss, lambda-weighted hits and images of all ranks, added in the order of ranks."""
    losses, hits, images = zip(*ranks.gather((*sums.tolist(), seen)), strict=True)
    return math.fsum(losses), math.fsum(hits), sum(images)


def _due(stop: Stop, checkpoint_due: bool, talk: ranks.Talk, *, now: bool) -> bool:
    """Whether to save at this step. Several ranks agree on it, since a signal may reach only one."""
    wishes = talk.turn((stop.asked, checkpoint_due), now=now)
    if wishes is None:
        return False
    stop.asked = next((asked for asked, _ in wishes if asked), None)
    return wishes[0][1] or stop.asked is not None


def _not_finite(
    loss: float, epoch: int, lr: float, recent: Sequence[tuple[int, np.ndarray]], folder: Path
) -> Finding:
    """A loss that is not finite: at which step; on a GPU, at one since the last look (-1: the last)."""
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
    row: Mapping[str, Any], epochs: int, judges: Mapping[str, Any], left: float, *, mixed: bool
) -> str:
    weighted = f"  lam-weighted {row['lam_weighted_train_top1']:.1f} %" if mixed else ""
    judged = "".join(f"  {split} {row[f'{split}_top1']:.1f} %" for split in judges)
    ending = f"eta {duration(left)}" if row["epoch"] < epochs else f"{duration(row['seconds'])} an epoch"
    return (
        f"{_heading(row['epoch'] - 1, epochs)}  loss {row['train_loss']:.3f}"
        f"  clean-train {row['clean_train_top1']:.1f} %{weighted}{judged}"
        f"  lr {row['lr']:.1e}  {row['images_per_second']:,.0f} img/s  {ending}"
    )
