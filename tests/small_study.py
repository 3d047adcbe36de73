"""A study of two runs of seconds, for the places where runs are executed."""

import json
import time
from pathlib import Path

import yaml

from mixscope.studies import scheduler
from mixscope.studies.status import Standing, standing
from mixscope.study import matrix

STUDY = {
    "name": "small",
    "base": {
        "data.name": "digits",
        "model.arch": "vit_tiny_patch16_224",
        "model.patch_size": 16,
        "model.kwargs": {"embed_dim": 16, "depth": 1, "num_heads": 2},
        "augment.base": "none",
        "train.epochs": 6,
        "train.batch_size": 64,
        "run.device": "cpu",
        "run.checkpoint_seconds": 0.2,
    },
    "factors": {"augmentation": {"default": {"augment.mix": "none"}, "cutmix": {"augment.mix": "cutmix"}}},
    "seeds": [0],
}


def study(**base):
    tree = {**STUDY, "base": {**STUDY["base"], **base}}
    return matrix.parse(yaml.safe_dump(tree, sort_keys=False), file="small.yaml")


def runs(**base):
    return study(**base).expand()


def here(out: Path, root: Path) -> list[bytes]:
    """Runs the study on this machine, and returns what its models predict."""
    options = scheduler.Options(slots=2)
    found = scheduler.run(runs(), out=out, root=root, options=options, notice=lambda found, event: None)
    assert [s.state for s in found] == ["done", "done"]
    return predictions(out)


def predictions(out: Path) -> list[bytes]:
    return [(out / r.directory / "predictions" / "test-last.npz").read_bytes() for r in runs()]


def events(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "scheduler.jsonl").read_text().splitlines()]


def standings(out: Path) -> list[Standing]:
    return [standing(r, out) for r in runs()]


def training(out: Path) -> list[Standing]:
    return [s for s in standings(out) if s.state == "running" and s.step > 3]


def wait_for(what, seconds: float = 120.0, *, alive=lambda: True) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        assert alive(), "it has ended"
        time.sleep(0.1)
