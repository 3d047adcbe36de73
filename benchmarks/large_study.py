"""What looks at a study cost when it has thousands of runs: seconds, memory, and how they grow with runs.

    python benchmarks/large_study.py [--runs 1000 10000] [--rounds 5] [--keep DIR] [--profile WORDS]

Records of finished runs are made by this script, with predictions on 100 images, in the shape in which runs
write them; nothing is trained. Rows, in turn, each a fresh process on the same folder: `study status`, `study
plan --no-probe`, `study table` and `judge`, seconds by the clock and the most memory; and in this process the
scheduler's first look and a later one, when half of the runs are known to be done. Milliseconds a run follow:
flat means that they do not grow with the number of runs.

--profile prints, for one of the commands, the functions that take most of the time and how often they are
called, which other work on the machine does not change. One JSON line a row, then a table. Writing 10,000
runs takes a minute.
"""

import argparse
import contextlib
import cProfile
import io
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mixscope import cli, metrics
from mixscope.bench.rounds import measure
from mixscope.cli.exit_codes import ended
from mixscope.errors import RunFailed
from mixscope.runs import records
from mixscope.runs.records import Predictions
from mixscope.studies import scheduler
from mixscope.studies.backends.local import Local
from mixscope.study import matrix
from mixscope.study.study import PlannedRun

STUDY: dict[str, Any] = {
    "name": "large",
    "title": "Many runs of nothing",
    "base": {"data.name": "digits", "augment.base": "none", "train.epochs": 3},
    "factors": {
        "model": {
            "resnet": {"model.arch": "resnet10t"},
            "vit": {"model.arch": "vit_tiny_patch16_224"},
        },
        "augmentation": {
            "default": {"augment.mix": "none"},
            "mixup": {"augment.mix": "mixup"},
            "cutmix": {"augment.mix": "cutmix"},
        },
        "pretrained": {"scratch": {"model.pretrained": False}, "imagenet": {"model.pretrained": True}},
    },
    "claims": {
        "gain": {
            "en": "ViT gains more from MixUp than ResNet does",
            "contrast": {"model": {"vit": 1, "resnet": -1}, "augmentation": {"mixup": 1, "default": -1}},
            "expect": "above",
            "margin": 1.0,
        }
    },
}
EXPERIMENTS = 12
IMAGES, CLASSES = 100, 10
COMMANDS = {
    "study status": ["study", "status"],
    "study plan --no-probe": ["study", "plan", "--no-probe"],
    "study table": ["study", "table"],
    "judge": ["judge"],
}
# Run before `mixscope`: the most memory is told on the last line of standard error.
PEAK = (
    "import resource, sys; from mixscope import cli; code = cli.main(sys.argv[1:]);"
    " sys.stderr.write(f'\\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}'); sys.exit(code)"
)


def make(folder: Path, runs: int) -> matrix.Study:
    """A study's folder with so many finished runs, or the next multiple of its experiments."""
    text = yaml.safe_dump({**STUDY, "seeds": list(range(max(1, runs // EXPERIMENTS)))}, sort_keys=False)
    study = matrix.parse(text, file="large.yaml")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / matrix.KEPT).write_text(text)
    fsync, os.fsync = os.fsync, lambda _: None  # nothing of this is to outlive a power cut
    try:
        for number, run in enumerate(study.expand()):
            _write(folder / run.directory, run, number)
    finally:
        os.fsync = fsync
    return study


def _write(path: Path, run: PlannedRun, number: int) -> None:
    (path / "predictions").mkdir(parents=True)
    config, rng = run.config, np.random.default_rng(number)
    labels = np.arange(IMAGES) % CLASSES
    logits = rng.standard_normal((IMAGES, CLASSES), dtype=np.float32)
    logits[np.arange(IMAGES), labels] += 1.5
    found = metrics.summary(logits, labels)
    for split in ("test", "val"):
        for name in ("last", "selected"):
            records.write_predictions(path, f"{split}-{name}", Predictions(np.arange(IMAGES), labels, logits))
    # Only the seed differs within an experiment, and dumping YAML is slow.
    (path / "config.yaml").write_text(_settings(run))
    about = {"schema": records.SCHEMA, "digest": config.digest}
    data = {"name": "digits", "digest": "da7a" * 16}
    environment = {
        **about,
        "mixscope": "0.1.0",
        "code": {"digest": "c0de" * 4, "revision": None, "dirty": None},
        "python": "3.11.7",
        "platform": "Linux",
        "packages": {"torch": "2.14.1"},
        "hardware": {"cpu": "a CPU", "cores": 2, "memory_gib": 16.0},
        "device": {"type": "cpu", "name": "cpu", "threads": 1, "ranks": 1},
        "data": {**data, "class_names": [str(k) for k in range(CLASSES)]},
        "weights": {"weights": "scratch"},
    }
    epochs = [
        {
            "kind": "epoch",
            "epoch": epoch,
            "step": 10 * epoch,
            "train_loss": 2.0 / epoch,
            "clean_train_top1": 60.0,
            "val_loss": 1.0,
            "val_top1": 50.0,
            "images_per_second": 1000.0,
            "seconds": 10.0,
            "judging_seconds": 1.0,
        }
        for epoch in range(1, config.train.epochs + 1)
    ]
    status = {
        "schema": records.SCHEMA,
        "state": "done",
        "epoch": config.train.epochs,
        "step": 30,
        "starts": [{"time": "2026-11-24T11:50:00+0000", "code": "c0de" * 4, "threads": 1}],
        "heartbeat": "2026-11-24T12:00:00+0000",
        "error": None,
        "memory_bytes": 500_000_000,
    }
    summary = {
        **about,
        "name": path.name,
        "protocol": "sound",
        "seed": run.seed,
        "data": {**data, "images": {"train": 1000, "test": IMAGES}},
        "code": ["c0de" * 4],
        "parameters": 1_000_000,
        "weights": {"weights": "scratch"},
        "epochs": config.train.epochs,
        "steps": 30,
        "checkpoints": {"last": 3, "selected": 3},
        "results": {"test": {"last": found, "selected": found}},
        "health": [],
        "seconds": 33.0,
        "images_per_second": 1000.0,
    }
    (path / "environment.json").write_text(json.dumps(environment))
    (path / "status.json").write_text(json.dumps(status))
    (path / "summary.json").write_text(json.dumps(summary))
    (path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in epochs))


_DUMPED: dict[str, str] = {}


def _settings(run: PlannedRun) -> str:
    if run.name not in _DUMPED:
        tree = {**run.config.to_dict(), "seed": "SEED"}
        _DUMPED[run.name] = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return _DUMPED[run.name].replace("seed: SEED", f"seed: {run.seed}")


def words(name: str, folder: Path) -> list[str]:
    """The arguments of a command on the folder."""
    return [*COMMANDS[name], str(folder)]


def command(name: str, folder: Path, memory: dict[str, float]) -> Callable[[], float]:
    """Seconds of a fresh process; the most memory, in MB, is put into `memory`."""

    def row() -> float:
        start = time.perf_counter()
        line = [sys.executable, "-c", PEAK, *words(name, folder)]
        done = subprocess.run(line, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise RunFailed("process-failed", f"{name} failed: {done.stderr.strip().splitlines()[-2:]}")
        memory[name] = max(memory.get(name, 0.0), int(done.stderr.splitlines()[-1]) / 1024)
        return seconds

    return row


def looks(study: matrix.Study, folder: Path) -> dict[str, Callable[[], float]]:
    """Seconds of the scheduler's first look, and of a later one with half of the runs known to be done."""
    runs = study.expand()

    def pool() -> scheduler._Pool:
        place = Local(folder, folder, threads=1, environments=[{}], extra=())
        return scheduler._Pool(runs, folder, scheduler.Options(), lambda found, event: None, place)

    def first() -> float:
        start = time.perf_counter()
        pool().standings()
        return time.perf_counter() - start

    half = pool()
    half.done = {s.run.directory: s for s in half.standings()[::2]}
    known = dict(half.done)

    def later() -> float:
        half.done = dict(known)
        start = time.perf_counter()
        half.standings()
        return time.perf_counter() - start

    return {"the scheduler's first look": first, "its look with half known": later}


def profiled(name: str, folder: Path) -> None:
    """Prints where a command spends its time, by function."""
    profile = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()):
        profile.runcall(cli.main, words(name, folder))
    stats = pstats.Stats(profile, stream=sys.stdout)
    stats.sort_stats("tottime").print_stats(25)
    stats.sort_stats("cumulative").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where the folders are made, and kept")
    parser.add_argument("--profile", choices=tuple(COMMANDS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mixscope-bench-") as made:
        for runs in given.runs:
            folder = (given.keep or Path(made)) / f"{runs}-runs"
            there = (folder / matrix.KEPT).exists()
            study = matrix.load(str(folder)) if there else make(folder, runs)
            if given.profile:
                profiled(given.profile, folder)
                continue
            memory: dict[str, float] = {}
            found = measure(
                {name: command(name, folder, memory) for name in COMMANDS} | looks(study, folder),
                unit=f"s, {runs} runs",
                rounds=given.rounds,
                context={"runs": runs},
                warm_up=False,
            )
            print(f"{found.lines()}\n\n{found.table()}\n")
            for name, seconds in found.found.items():
                each = {"row": name, "runs": runs, "ms a run": round(1e3 * min(seconds) / runs, 3)}
                print(json.dumps(each | ({"MB": round(memory[name])} if name in memory else {})), flush=True)


if __name__ == "__main__":
    raise SystemExit(ended(main))
