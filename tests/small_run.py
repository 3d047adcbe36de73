"""A store of a few images, and settings that train on it in a second."""

import dataclasses
from pathlib import Path

import numpy as np

from mixscope.data.content import Content, Split
from mixscope.data.store import Store
from mixscope.data.store_writer import write
from mixscope.runs import execute
from mixscope.study import config as settings

SIZE, CLASSES = 16, 4
TRAIN, TEST = 60, 26  # neither is a multiple of a batch
RESNET = ["model.arch=resnet10t", "model.kwargs={channels: [8, 8, 16, 16], stem_width: 8}"]
VIT = [
    "model.arch=vit_tiny_patch16_224",
    "model.patch_size=4",
    "model.kwargs={embed_dim: 16, depth: 1, num_heads: 2, drop_rate: 0.1}",
]
# In what two equal runs may differ: time, and code, which may be edited while tests run.
PASSING = ("seconds", "judging_seconds", "images_per_second", "code")


def store(root: Path, name: str = "small", *, seed: int = 0) -> Store:
    """Classes differ by colour, so that a small model learns them."""
    rng = np.random.default_rng(seed)

    def split(count: int) -> Split:
        labels = np.arange(count) % CLASSES
        images = rng.integers(0, 120, (count, 3, SIZE, SIZE), dtype=np.uint8)
        for i, label in enumerate(labels):
            images[i, label:3] += 130
        return Split(count=count, images=[images], labels=labels)

    content = Content(
        size=SIZE,
        class_names=tuple(f"colour {k}" for k in range(CLASSES)),
        splits={"train": split(TRAIN), "test": split(TEST)},
    )
    return write(content, root=root, name=name, source={"made": "small_run"}, progress=None)


def config(*pairs: str, model: list[str] = VIT) -> settings.RunConfig:
    return settings.load(
        None,
        [
            "data.name=small",
            "data.val_fraction=0.2",
            "augment.mix=cutmix",
            "train.epochs=2",
            "train.batch_size=16",
            "optim.lr=0.01",
            "run.device=cpu",
            *model,
            *pairs,
        ],
    )


def changed(given: settings.RunConfig, **parts: dict) -> settings.RunConfig:
    return dataclasses.replace(
        given, **{name: dataclasses.replace(getattr(given, name), **values) for name, values in parts.items()}
    )


def run(given: settings.RunConfig, root: Path, out: Path, **more) -> dict:
    return execute.run(given, root=root, out=out, **more)


class Watch:
    """A show that remembers its lines, and can do something at one that begins with a word."""

    def __init__(self, word: str = "", action=lambda: None) -> None:
        self.lines: list[str] = []
        self.word, self.action = word, action

    def line(self, text: str) -> None:
        self.lines.append(text)
        if self.word and text.startswith(self.word):
            self.action()

    def progress(self, text: str, *, done: int, total: int) -> None:
        pass

    def close(self) -> None:
        pass


def settled(value):
    """The same nested value without what passes."""
    if isinstance(value, dict):
        return {k: settled(v) for k, v in value.items() if k not in PASSING}
    if isinstance(value, list):
        return [settled(v) for v in value]
    return value
