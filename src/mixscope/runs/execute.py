"""Executes one run from its settings to its records, alone or as one of several ranks (torchrun).

`run` opens the data, builds the model, checks that training and evaluation agree, trains, and evaluates the
checkpoints. Under protocol "sound" nothing opens the test split before the last epoch is complete: its loader
is created in evaluate.at_end, after training.
"""

import dataclasses
import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from mixscope import i18n
from mixscope.errors import ConfigError, DiskFull, Interrupted, RunFailed
from mixscope.findings import Finding
from mixscope.runs import code_version, display, evaluate, recording, records, tracking
from mixscope.runs import device as devices
from mixscope.runs.environment import environment
from mixscope.runs.records import LESS_MEMORY
from mixscope.runs.setup import Ready, check_data, facts, first_batch, ready_for
from mixscope.study import matrix
from mixscope.study.config import RunConfig
from mixscope.training import checkpoint, compiling, health, loop, models, precision, ranks
from mixscope.training.loop import Show
from mixscope.training.stop import Stop, listening

WOULD = {  # what a run would do, for --dry-run
    "new": "new: a run would begin",
    "partial": "partial: the run there would be resumed",
    "done": "done: nothing would be trained",
}


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
    """Trains and evaluates one run, or resumes it.

    Args:
        config: Settings of the run.
        root: Folder of prepared data sets.
        out: Run directory; None names one under runs/.
        resume: "auto" resumes an interrupted run and returns immediately for a finished one; "never" rejects
            a directory that holds a run.
        show: Display of progress; None shows nothing.
        track: Names of trackers that mirror the events (tracking.py).
        stop: Stop flag of a caller that already handles signals.

    Returns:
        The summary, as in summary.json.

    Raises:
        ConfigError: If settings or the directory do not fit.
        DataError: If data or records are missing or damaged.
        Interrupted: If the run was asked to stop; it can be resumed.
        DiskFull: If the disk is full.
        RunFailed: If the run cannot continue.
    """
    path = out if out is not None else Path("runs") / records.name_of(config)
    tracking.check(track)
    with ExitStack() as stack:
        stack.enter_context(_advising_on_memory())
        stop = stop if stop is not None else stack.enter_context(listening())
        device = stack.enter_context(devices.processes(config.run.device))
        _heed(stop)
        lead = ranks.rank() == 0
        show = show if show is not None and lead else display.silent()
        stack.callback(show.close)
        done = recording.check(path, config, resume=resume)
        ranks.wait()  # every rank has checked before rank 0 begins to write
        if done:
            if lead and not (path / "config.yaml").exists():
                recording.begin(path, config, resume=resume).close()  # writes it
            show.line(f"done      {path} holds this run already")
            return records.read_summary(path)
        ready = stack.enter_context(ready_for(config, root, device))
        stop.leave = None  # nothing was written before this point
        _heed(stop)
        record = stack.enter_context(recording.begin(path, config, resume=resume)) if lead else None
        _announce(ready, show)
        compiled = False
        if record is not None:
            compiled = _start(record, ready, show)
            record.mirror = tracking.mirror(track, path, config, show)
        compiled = ranks.gather(compiled)[0]  # also waits until the run directory exists
        try:
            with _advising_on_memory():
                return _go(ready, path, record, show, stop, compiled)
        except BaseException as problem:
            if record is not None:
                state = "interrupted" if isinstance(problem, Interrupted) else "failed"
                with suppress(DiskFull):  # a full disk cannot take the final status
                    record.ended(
                        state, str(problem) or type(problem).__name__, getattr(problem, "finding", None)
                    )
            raise


def _heed(stop: Stop) -> None:
    """Raises Interrupted on every rank if any rank has received a signal; a collective call."""
    stop.received = next((received for (received,) in ranks.gather((stop.received,)) if received), None)
    stop.check()


@contextmanager
def _advising_on_memory() -> Iterator[None]:
    """Converts out-of-memory errors into RunFailed with advice; settings are not changed."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as problem:
        # The loader wraps errors of its threads.
        lacks = any(
            isinstance(each, MemoryError | torch.OutOfMemoryError) for each in (problem, problem.__cause__)
        )
        if not lacks and not re.search(
            r"can't allocate memory|cannot allocate memory|new thread", str(problem), re.I
        ):
            raise
        reason = (str(problem).splitlines() or [""])[0][:200] or type(problem).__name__
        raise RunFailed("out-of-memory", f"out of memory ({reason}); {LESS_MEMORY}") from problem


def describe(
    config: RunConfig,
    *,
    root: Path,
    out: Path | None = None,
    resume: str = "auto",
    show: Show | None = None,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Does everything that `run` checks before its first step, without training or writing.

    Returns:
        The checks; "state" is "new", "partial" or "done".

    Raises:
        ConfigError, DataError, Interrupted: As `run`.
    """
    path = out if out is not None else Path("runs") / records.name_of(config)
    show = show if show is not None else display.silent()
    with ExitStack() as stack:
        stack.callback(show.close)
        stop = stop if stop is not None else stack.enter_context(listening())
        device = stack.enter_context(devices.processes(config.run.device))
        done = recording.check(path, config, resume=resume)
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
            "device": devices.describe(device),
            "health": [finding.to_dict() for finding in ready.findings],
        }


def _announce(ready: Ready, show: Show) -> None:
    """Shows the run before its first step. Raises ConfigError if the input contract is violated."""
    config, store, counts = ready.config, ready.store, ready.counts
    val = f"  val {counts['val']:,}" if "val" in counts else ""
    sealed = (
        " (sealed)" if config.train.protocol == "sound" else " (evaluated every epoch: protocol published)"
    )
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
    where = devices.describe(ready.device)
    show.line(f"device    {where['name']}  {where['threads']} threads  {config.train.precision}")
    if config.train.precision == "bf16" and (slow := precision.emulated(ready.device)) is not None:
        show.line(f"warning   {slow}")
    for line in display.health_lines(ready.findings):
        show.line(line)
    broken = [i18n.render(f) for f in ready.findings if f.severity == "fail"]
    if broken:
        raise ConfigError(
            "inconsistent",
            f"the model would be evaluated on other input than it is trained on: {'; '.join(broken)}",
        )


def _start(record: recording.Run, ready: Ready, show: Show) -> bool:
    """Writes the environment of the run, or compares it with that recorded at its start.

    Returns:
        Whether to compile, as decided at the first start, so that a resumed run gives the same result.
    """
    path, device = record.path, devices.describe(ready.device)
    now = environment(
        config=ready.config, data=facts(ready.store), weights=ready.built.provenance, device=device
    )
    train, choice = ready.config.train, None
    if (path / "environment.json").exists():
        before = records.read_environment(path)
        check_data(ready.store, before, path)
        if len(code_version.distinct([before["code"]["digest"], now["code"]["digest"]])) > 1:
            show.line("warning   the code of mixscope has changed since this run began")
        if before["device"] != device:
            show.line(
                f"warning   this run began on {before['device']['name']} with"
                f" {before['device']['threads']} threads; bits may differ elsewhere"
            )
        if ready.device.type == "cpu":  # the number of threads changes the order of summation
            torch.set_num_threads(before["device"]["threads"])
        choice = before.get("compile")
    if choice is None:
        steps = train.epochs * ready.loader.batches

        def batch() -> torch.Tensor:
            return first_batch(ready.loader, ready.device).images[: train.batch_size // ranks.count()]

        made = compiling.choose(train, ready.built.module, batch, steps=steps, device=ready.device)
        choice = dataclasses.asdict(made)
    if not (path / "environment.json").exists():
        about = {"study": matrix.around(path.resolve()), "compile": choice}
        records.write_json(path / "environment.json", now | about)
    if train.compile == "auto":
        show.line(f"compile   {choice['why']}")
    elif choice["on"]:
        show.line("compile   before the first step, which takes seconds to minutes")
    record.started(code=now["code"]["digest"], threads=torch.get_num_threads())
    return bool(choice["on"])


def _go(
    ready: Ready, path: Path, record: recording.Run | None, show: Show, stop: Stop, compiled: bool
) -> dict[str, Any]:
    state = loop.train(
        ready.config,
        ready.built.module,
        loader=ready.loader,
        clean=ready.clean,
        evaluated=ready.evaluated,
        findings=ready.findings,
        device=ready.device,
        folder=path / "checkpoints",
        record=record,
        show=show,
        stop=stop,
        compiled=compiled,
    )
    ranks.wait()  # until the last checkpoint is written
    results, epochs = evaluate.at_end(ready, path, record, stop)
    module = ready.built.module
    checkpoint.put(module, checkpoint.weights(path / "checkpoints", "last", ready.config)[0], path)
    clean = first_batch(ready.clean, ready.device)
    findings = [health.drift(module, clean.images, clean.labels)]
    if record is None:
        ranks.wait()
        return records.read_summary(path)
    rows = records.read_events(path, "epoch")
    findings.append(health.training_metrics(rows, mix=ready.config.augment.mix))
    for name in results["test"]:
        found = records.read_predictions(path, f"test-{name}")
        findings += health.classes(f"test-{name}", found.logits, found.labels)
    findings.append(health.selection(results["test"]))
    for finding in findings:
        record.event("health", finding.to_dict())
    for line in display.health_lines(findings):
        show.line(line)
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
        # More than one digest: the run was resumed by other code.
        "code": list(dict.fromkeys(start["code"] for start in starts)),
        "parameters": ready.built.parameters,
        "weights": ready.built.provenance,
        "epochs": state.epoch,
        "steps": state.step,
        "checkpoints": dict(epochs),
        "results": dict(results),
        "health": [finding.to_dict() for finding in [*ready.findings, *findings]],
        # Unknown when events were lost.
        "seconds": math.fsum(row["seconds"] + row["judging_seconds"] for row in rows)
        if len(rows) == state.epoch
        else None,
        "images_per_second": statistics.median(row["images_per_second"] for row in rows) if rows else None,
    }
