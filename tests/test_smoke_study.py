"""All 24 cells of the study, in small stand-ins of its data and networks: undisturbed, and killed half-way.

The table that `eval.sh` writes in the end is the same, byte for byte.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

import stand_in_weights
from mixscope.data.content import Content, Split
from mixscope.data.store_writer import write
from mixscope.studies.status import standings
from mixscope.study import matrix

SIZES = {"cifar100": 16, "tiny-imagenet": 32}
CLASSES = 6
RESNET = {"channels": [8, 8, 16, 16], "stem_width": 8}
VIT = {"embed_dim": 16, "depth": 1, "num_heads": 2}


def store(root: Path, name: str) -> None:
    rng = np.random.default_rng(0)

    def split(count: int) -> Split:
        labels = np.arange(count) % CLASSES
        images = rng.integers(0, 120, (count, 3, SIZES[name], SIZES[name]), dtype=np.uint8)
        images[np.arange(count), labels % 3] += (60 + 30 * (labels // 3))[:, None, None].astype(np.uint8)
        return Split(count=count, images=[images], labels=labels)

    content = Content(
        size=SIZES[name],
        class_names=tuple(f"class {k}" for k in range(CLASSES)),
        splits={"train": split(96), "test": split(60)},
    )
    write(content, root=root, name=name, source={"made": "test_smoke_study"}, progress=None)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The file of the study and the folder of its data."""
    folder = tmp_path_factory.mktemp("smoke")
    for name in SIZES:
        store(folder / "data", name)
    resnet = stand_in_weights.make("resnet10t", folder / "weights" / "resnet.safetensors", **RESNET)
    vit = stand_in_weights.make(
        "vit_tiny_patch16_224", folder / "weights" / "vit.safetensors", patch_size=8, img_size=32, **VIT
    )
    tree = {
        "name": "smoke",
        "extends": "resnet-vs-vit",
        "base": {
            "data.val_fraction": 0.2,
            "train.epochs": 1,
            "train.batch_size": 16,
            "run.device": "cpu",
            "run.checkpoint_seconds": 0,
        },
        "factors": {
            "model": {
                "resnet50": {"model.arch": "resnet10t", "model.kwargs": RESNET},
                "vit": {"model.arch": "vit_tiny_patch16_224", "model.patch_size": 8, "model.kwargs": VIT},
            }
        },
        "rules": [
            {"when": {"pretrained": "imagenet", "model": model}, "set": {"model.pretrained": str(file)}}
            for model, file in (("resnet50", resnet), ("vit", vit))
        ],
        "seeds": [0],
    }
    file = folder / "smoke.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


def environment(study: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MIXSCOPE_DATA": str(study.parent / "data"), "OMP_NUM_THREADS": "1"}


def start(study: Path, out: Path) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "mixscope",
        "study",
        "run",
        str(study),
        "--slots",
        "2",
        "--out",
        str(out),
    ]
    return subprocess.Popen(command, env=environment(study), stdout=subprocess.DEVNULL)


def evaluated(study: Path, out: Path) -> dict[str, bytes]:
    """What eval.sh writes and prints."""
    script = Path(__file__).parents[1] / "eval.sh"
    done = subprocess.run(
        ["bash", str(script)],
        env={**environment(study), "STUDY": str(out)},
        capture_output=True,
        check=True,
    )
    tables = {file.name: file.read_bytes() for file in sorted((out / "tables").iterdir())}
    return {**tables, "printed": done.stdout.split(b"\n\n")[1]}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_24_experiments_give_the_same_table_when_they_are_killed_half_way(study, tmp_path):
    assert start(study, tmp_path / "calm").wait() == 0
    calm = evaluated(study, tmp_path / "calm")
    assert calm["overall.csv"].count(b"\n") == 25 and b"Not done" not in calm["overall.md"]
    assert {"cifar100.md", "tiny-imagenet.csv", "pretrained.md"} <= calm.keys()

    out, runs = tmp_path / "killed", matrix.load(str(study)).expand()
    scheduler = start(study, out)
    while True:
        time.sleep(0.2)
        assert scheduler.poll() is None, "it was to be killed before its end"
        found = standings(runs, out) if out.is_dir() else []
        running = [s for s in found if s.state == "running"]
        if running and sum(s.state == "done" for s in found) >= 12:
            break
    scheduler.kill()
    for stands in running:
        if psutil.pid_exists(stands.pid):
            os.kill(stands.pid, signal.SIGKILL)
    scheduler.wait()
    assert 12 <= sum(s.state == "done" for s in standings(runs, out)) < 24
    assert start(study, out).wait() == 0
    assert evaluated(study, out) == calm
    shutil.rmtree(tmp_path / "killed")
