"""What a run costs here: the training loop itself on a few images, for some seconds, in a process of its own.

`python -m mixscope.runs.probe` reads a config from standard input and writes its figures to standard output.
The network is trained from scratch, since where weights come from does not change what a step costs, and
nothing is left behind.
"""

import dataclasses
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError, Interrupted, RunFailed
from mixscope.runs import device as devices
from mixscope.runs import display, records, setup
from mixscope.study import config as settings
from mixscope.study.config import RunConfig
from mixscope.training import loop
from mixscope.training.stop import Stop

SECONDS = 3.0  # of training after the first epoch, which warms everything up; and one epoch at least
IMAGES = 256  # of an epoch, where batches are small


def measure(config: RunConfig, *, root: Path) -> dict[str, Any]:
    """The figures of a run in this process, as plain values.

    startup_seconds: from the start of the process to the first step. train_rate, judge_rate: images per
    second. memory_bytes: of the process, without the files it maps. device_bytes: of its GPU, None on a CPU.
    checkpoint_bytes: of last.pt. weights_bytes: of the weights alone.
    Raises ConfigError, DataError and RunFailed as a run does.
    """
    store = Store.open(root, config.data.name)
    few = math.ceil(max(config.train.batch_size, IMAGES) / store.n_classes)
    small = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, per_class=min(few, config.data.per_class or few)),
        model=dataclasses.replace(config.model, pretrained=False),
        augment=dataclasses.replace(config.augment, off_epochs=0),
        optim=dataclasses.replace(config.optim, warmup_epochs=0.0),
        train=dataclasses.replace(config.train, epochs=1000),
    )
    stop = Stop()
    tape = _Tape(stop)
    with (
        devices.processes(small.run.device) as device,
        setup.ready_for(small, root, device) as ready,
        tempfile.TemporaryDirectory() as folder,
    ):
        startup = time.time() - float(psutil.Process().create_time())
        module = ready.built.module
        try:
            loop.train(
                small,
                module,
                loader=ready.loader,
                clean=ready.clean,
                judges={},
                findings=[],
                device=device,
                folder=Path(folder),
                record=tape,
                show=display.silent(),
                stop=stop,
            )
        except Interrupted:
            pass  # by the tape, which has seen enough
        checkpoint_bytes = (Path(folder) / "last.pt").stat().st_size
    rows = tape.rows[1:]
    return {
        "startup_seconds": startup,
        "train_rate": statistics.median(row["images_per_second"] for row in rows),
        "judge_rate": ready.clean.examples / statistics.median(row["judging_seconds"] for row in rows),
        "memory_bytes": tape.memory,
        "device_bytes": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
        "checkpoint_bytes": checkpoint_bytes,
        "weights_bytes": sum(v.numel() * v.element_size() for v in module.state_dict().values()),
    }


class _Tape:
    """What training writes to instead of a run directory; it ends the training when it has seen enough."""

    events_bytes = 0

    def __init__(self, stop: Stop) -> None:
        self.stop, self.rows, self.memory = stop, list[Mapping[str, Any]](), 0
        self.since = 0.0

    def event(self, kind: str, values: Mapping[str, Any]) -> None:
        self.rows.append(values)
        if len(self.rows) == 1:
            self.since = time.monotonic()
        elif time.monotonic() - self.since >= SECONDS:
            self.stop.asked = "the probe"

    def status(self, state: str, *, epoch: int, step: int) -> None:
        self.memory = max(self.memory, records.memory_bytes())

    def heartbeat(self, **_: object) -> None:
        self.memory = max(self.memory, records.memory_bytes())

    def cut(self, length: int) -> None:
        pass


def main() -> int:
    """One config in, its figures out; what a user can mend is one sentence on standard error."""
    asked = json.load(sys.stdin)
    try:
        found = measure(settings.from_dict(asked["config"]), root=Path(asked["root"]))
    except (ConfigError, DataError, RunFailed) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
