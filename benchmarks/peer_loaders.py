"""The same batches by the loaders of others, for peers.py to measure.

Each makes batches of 256 from the training split without end: zero padding of an eighth of the side, random
crop, mirrored half of the time, normalised, float32 N,C,H,W; labels int64, or soft targets where it mixes.
Each as its documentation has it, with the faster way where there are two. FFCV's are N,H,W,C in memory where
a name says "channels last".
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, default_collate

from mixscope import mixing
from mixscope.data import order
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from mixscope.data.store import Store
from mixscope.hardware import cores
from mixscope.study.config import Augment

BATCH = 256
Stream = Iterator[tuple[torch.Tensor, Any]]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be made: of which store, mixed how ("none", "mixup", "cutmix"), by how many processes.

    jpeg: the folder of class folders that the store was made from, for those that decode as they go.
    scratch: a folder for files of a loader's own, which are there as long as the script runs.
    """

    store: Store
    mix: str = "none"
    workers: int = 0
    jpeg: Path | None = None
    scratch: Path | None = None

    @property
    def images(self) -> np.ndarray:
        return self.store.images("train").view(np.ndarray)

    @property
    def labels(self) -> np.ndarray:
        return np.array(self.store.labels("train"))

    @property
    def size(self) -> int:
        return self.store.size

    @property
    def pad(self) -> int:
        return order.padding("crop-flip", self.store.size)

    @property
    def mean(self) -> list[float]:
        return [float(v) for v in self.store.mean]

    @property
    def std(self) -> list[float]:
        return [float(v) for v in self.store.std]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """family: rows that share a process, and so what is cached in it. needs: modules that must be there.

    threads: of torch's, in the process that takes the batches; 0 is one a core. whole: it works epoch by
    epoch, so only whole ones can be timed. floats: copies of the whole set as float32 that it holds at once,
    about. prepare: called once, by a process that ends with it.
    """

    make: Callable[[Task], Stream]
    family: str
    mix: str = "none"
    workers: int = 0
    needs: tuple[str, ...] = ()
    threads: int = 1
    whole: bool = False
    jpeg: bool = False
    floats: int = 0
    prepare: Callable[[Task], None] | None = None


# --- ours -------------------------------------------------------------------------------------------


class InMemory:
    """A store whose training images were read into an array beforehand; all else is the store's."""

    def __init__(self, store: Store) -> None:
        self.store, self.held = store, np.array(store.images("train"))

    def images(self, split: str) -> np.ndarray:
        return self.held

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def ours(task: Task) -> Stream:
    return by_mixscope(task, task.store)


def ours_in_memory(task: Task) -> Stream:
    return by_mixscope(task, InMemory(task.store))


def by_mixscope(task: Task, store: Any) -> Stream:
    examples = len(task.labels)
    mixer = mixing.make(
        Augment(mix=task.mix), seed=0, epochs=10**9, size=task.size, batch_size=BATCH, examples=examples
    )
    loader = Loader(
        store,
        "train",
        Sampling(batch_size=BATCH, seed=0, shuffle=True, drop_last=True),
        Augmentation(base="crop-flip", mixer=mixer),
        Workers(threads=1),
    )
    while True:
        for batch in loader:
            yield batch.images, batch.labels


# --- one image at a time, in processes ----------------------------------------------------------------


class Examples(Dataset[Any]):
    """Images in memory: through PIL, or as tensors."""

    def __init__(self, task: Task, *, pil: bool, transform: Any = None) -> None:
        self.pil, self.labels, self.transform = pil, task.labels, transform
        # Bytes by pixels for PIL, a copy; by planes for tensors, the map itself.
        self.images: Any = by_pixels(task.store.folder) if pil else shared(task)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        image = Image.fromarray(self.images[index]) if self.pil else self.images[index]
        return self.transform(image), int(self.labels[index])


@functools.cache  # the loaders of one process share it
def by_pixels(folder: Path) -> np.ndarray:
    """The training images of a store as N,H,W,C."""
    images = Store.open(folder.parent, folder.name).images("train").view(np.ndarray)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


@functools.cache
def padded(folder: Path, pad: int) -> torch.Tensor:
    """The training images of a store with zeros around them, uint8 (N, 3, H + 2 pad, W + 2 pad)."""
    images = np.array(Store.open(folder.parent, folder.name).images("train"))
    return functional.pad(torch.from_numpy(images), (pad, pad, pad, pad))


def shared(task: Task) -> torch.Tensor:
    """The stored images as a tensor that must not be written to, without a copy."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return torch.from_numpy(task.images)


def v1_steps(task: Task) -> list[Any]:
    from torchvision import transforms as v1

    return [v1.RandomCrop(task.size, task.pad), v1.RandomHorizontalFlip()]


def v1_whole(task: Task) -> Any:
    from torchvision import transforms as v1

    return v1.Compose([*v1_steps(task), v1.ToTensor(), v1.Normalize(task.mean, task.std)])


def mixed_by_v2(task: Task) -> Any:
    """A collate function that mixes, as torchvision's documentation has it; None mixes nothing."""
    from torchvision.transforms import v2

    if task.mix == "none":
        return None
    n_classes = task.store.n_classes
    mix = {"mixup": v2.MixUp, "cutmix": v2.CutMix}[task.mix](num_classes=n_classes)
    return lambda batch: mix(*default_collate(batch))


def fed(task: Task, dataset: Any, collate: Any) -> Stream:
    loader = DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, num_workers=task.workers, collate_fn=collate,
        persistent_workers=task.workers > 0,
    )  # fmt: skip
    while True:
        yield from loader


def torchvision_v1(task: Task) -> Stream:
    return fed(task, Examples(task, pil=True, transform=v1_whole(task)), mixed_by_v2(task))


def torchvision_v2_alone(task: Task) -> Stream:
    """Everything image by image, on tensors."""
    from torchvision.transforms import v2

    steps = [v2.RandomCrop(task.size, task.pad), v2.RandomHorizontalFlip()]
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(task.mean, task.std)]
    return fed(task, Examples(task, pil=False, transform=v2.Compose(steps)), mixed_by_v2(task))


def torchvision_v2(task: Task) -> Stream:
    """Crop and flip image by image, the rest batch by batch where they are put together, in the workers."""
    from torchvision.transforms import v2

    alone = v2.Compose([v2.RandomCrop(task.size, task.pad), v2.RandomHorizontalFlip()])
    batched = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(task.mean, task.std)])
    mixed = mixed_by_v2(task)
    if mixed is not None:
        mix = {"mixup": v2.MixUp, "cutmix": v2.CutMix}[task.mix](num_classes=task.store.n_classes)

    def collate(examples: list[Any]) -> Any:
        images, labels = default_collate(examples)
        images = batched(images)
        return (images, labels) if mixed is None else mix(images, labels)

    return fed(task, Examples(task, pil=False, transform=alone), collate)


def image_folder(task: Task) -> Stream:
    """JPEG files decoded as they are asked for, by PIL."""
    from torchvision.datasets import ImageFolder

    return fed(task, ImageFolder(str(task.jpeg), v1_whole(task)), mixed_by_v2(task))


def timm(task: Task) -> Stream:
    """create_loader with its prefetcher, and FastCollateMixup in the workers; with a padded crop."""
    from timm.data import FastCollateMixup, create_loader
    from timm.data.transforms import ToNumpy
    from torchvision import transforms as v1

    alphas = {"mixup": (1.0, 0.0), "cutmix": (0.0, 1.0)}
    collate = None
    if task.mix != "none":
        mixup, cutmix = alphas[task.mix]
        collate = FastCollateMixup(mixup, cutmix, label_smoothing=0.0, num_classes=task.store.n_classes)
    dataset = Examples(task, pil=True)
    loader = create_loader(
        dataset, (3, task.size, task.size), BATCH, is_training=True, mean=tuple(task.mean),
        std=tuple(task.std), num_workers=task.workers, collate_fn=collate, device=torch.device("cpu"),
    )  # fmt: skip
    dataset.transform = v1.Compose([*v1_steps(task), ToNumpy()])
    while True:
        yield from loader


class Source:
    """For grain, which sends it to its processes: they open the map themselves."""

    def __init__(self, task: Task) -> None:
        self.folder, self.name = task.store.folder.parent, task.store.name
        self.count, self._store = len(task.labels), None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> tuple[np.ndarray, int]:
        if self._store is None:
            self._store = Store.open(self.folder, self.name)
        store: Any = self._store
        return store.images("train")[index], store.labels("train")[index]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_store": None}


class Cut:
    """For grain: crop and flip of one image, in numpy."""

    def __init__(self, size: int, pad: int) -> None:
        self.size, self.pad = size, pad

    def __call__(self, example: tuple[np.ndarray, int], draws: np.random.Generator) -> Any:
        image, label = example
        room, size = np.zeros((3, self.size + 2 * self.pad, self.size + 2 * self.pad), np.uint8), self.size
        room[:, self.pad : -self.pad, self.pad : -self.pad] = image
        row, column, flip = draws.integers((2 * self.pad + 1, 2 * self.pad + 1, 2))
        cut = room[:, row : row + size, column : column + size]
        return (cut[:, :, ::-1] if flip else cut), label


class Finish:
    """For grain: a batch stacked, normalised and mixed, in numpy."""

    def __init__(self, task: Task) -> None:
        scale, bias = 1 / (255 * np.array(task.std)), -np.array(task.mean) / np.array(task.std)
        self.scale, self.bias = (v.astype(np.float32).reshape(3, 1, 1) for v in (scale, bias))
        self.mix, self.size = task.mix, task.size

    def __call__(self, examples: Any) -> Any:
        images = np.stack([image for image, _ in examples]).astype(np.float32)
        images *= self.scale
        images += self.bias
        labels = np.array([label for _, label in examples])
        if self.mix == "none":
            return images, labels
        draws = np.random.default_rng(np.random.SeedSequence(int(labels.sum())))
        partner = draws.permutation(len(labels))
        if self.mix == "mixup":
            lam = np.float32(draws.beta(1, 1))
            images = lam * images + (1 - lam) * images[partner]
        else:
            y0, y1, x0, x1, lam = drawn_box(draws, self.size)
            images[:, :, y0:y1, x0:x1] = images[partner, :, y0:y1, x0:x1]
        return images, labels, labels[partner], np.float32(lam)


def drawn_box(draws: np.random.Generator, size: int) -> tuple[int, int, int, int, float]:
    """A clipped box of CutMix for a batch, and the share that is kept."""
    half = size * np.sqrt(1 - draws.beta(1, 1)) / 2
    edges = [np.clip([c - half, c + half], 0, size).astype(int) for c in draws.uniform(0, size, 2)]
    (y0, y1), (x0, x1) = edges
    return int(y0), int(y1), int(x0), int(x1), 1 - (y1 - y0) * (x1 - x0) / size**2


def grain(task: Task) -> Stream:
    import grain as g

    finish, cut = Finish(task), Cut(task.size, task.pad)
    found = g.MapDataset.source(Source(task)).seed(0).shuffle().repeat().random_map(cut)
    batches = found.batch(BATCH, drop_remainder=True, batch_fn=finish).to_iter_dataset(
        g.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    )
    options = g.multiprocessing.MultiprocessingOptions(num_workers=task.workers, per_worker_buffer_size=2)
    for images, labels, *_ in batches.mp_prefetch(options):
        yield torch.from_numpy(images), torch.from_numpy(labels)


# --- a batch at a time -------------------------------------------------------------------------------


def scale_and_bias(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (task.mean, task.std))
    return 1 / (255 * std), -mean / std


def orders(task: Task) -> Iterator[torch.Tensor]:
    """Indices of batch after batch, shuffled anew each epoch."""
    count = len(task.labels)
    while True:
        mixed = torch.randperm(count)
        yield from mixed[: count // BATCH * BATCH].view(-1, BATCH)


def mixed_in_torch(task: Task, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """The shortest way to MixUp and CutMix in torch: one lambda or box, and one permutation, a batch."""
    if task.mix == "none":
        return images, labels
    partner = torch.randperm(len(labels))
    if task.mix == "mixup":
        lam = float(np.random.beta(1, 1))
        images = torch.lerp(images[partner], images, lam)
    else:
        y0, y1, x0, x1, lam = drawn_box(np.random.default_rng(), task.size)
        images[:, :, y0:y1, x0:x1] = images[partner, :, y0:y1, x0:x1]
    return images, (labels, labels[partner], lam)


class Hand:
    """Batched torch operations: windows of padded bytes by index, then mirrored, then floats.

    The fastest of five ways that were tried: gather with computed places 0.85 times, torch.where for what is
    mirrored 0.82, a loop that copies windows 0.59, one index for everything 0.32.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.labels = task, torch.from_numpy(task.labels)
        size, pad = task.size, task.pad
        whole = padded(task.store.folder, pad)
        self.windows = whole.unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5)  # a view
        self.scale, self.bias = scale_and_bias(task)

    def __call__(self, chosen: torch.Tensor) -> tuple[torch.Tensor, Any]:
        n, pad = len(chosen), self.task.pad
        row, column = torch.randint(2 * pad + 1, (2, n))
        images = self.windows[chosen, row, column]
        mirrored = torch.nonzero(torch.rand(n) < 0.5)[:, 0]
        images[mirrored] = images[mirrored].flip(-1)
        floats = images.float().mul_(self.scale).add_(self.bias)
        return mixed_in_torch(self.task, floats, self.labels[chosen])


def by_hand(task: Task) -> Stream:
    make = Hand(task)
    for chosen in orders(task):
        yield make(chosen)


def spdl(task: Task) -> Stream:
    """The same operations in the threads of SPDL, a batch each."""
    from spdl.pipeline import PipelineBuilder

    built = PipelineBuilder().add_source(orders(task)).pipe(Hand(task), concurrency=cores()).add_sink(4)
    pipeline = built.build(num_threads=cores())
    with pipeline.auto_stop():
        yield from pipeline


def airbench(task: Task) -> Stream:
    """After KellerJordan/cifar10-airbench: the whole set as floats, cropped and flipped once an epoch."""
    labels, (scale, bias) = torch.from_numpy(task.labels), scale_and_bias(task)
    pad, size = task.pad, task.size
    # Padding is of bytes everywhere here, so the rim is normalised too.
    whole = padded(task.store.folder, pad).float().mul_(scale).add_(bias)
    count = len(labels)
    while True:
        images = torch.empty(count, 3, size, size)
        between = torch.empty(count, 3, size, size + 2 * pad)
        rows, columns = torch.randint(2 * pad + 1, (2, count))
        for shift in range(2 * pad + 1):
            chosen = rows == shift
            between[chosen] = whole[chosen, :, shift : shift + size]
        for shift in range(2 * pad + 1):
            chosen = columns == shift
            images[chosen] = between[chosen, :, :, shift : shift + size]
        del between
        mirrored = torch.rand(count) < 0.5
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(-1), images)
        mixed = torch.randperm(count)
        for chosen in mixed[: count // BATCH * BATCH].view(-1, BATCH):
            yield mixed_in_torch(task, images[chosen], labels[chosen])


def kornia(task: Task) -> Stream:
    import kornia.augmentation as K

    size, pad = (task.size, task.size), task.pad
    steps = torch.nn.Sequential(
        K.RandomCrop(size, padding=pad),
        K.RandomHorizontalFlip(),
        K.Normalize(torch.tensor(task.mean), torch.tensor(task.std)),
    )
    kinds = {"mixup": K.RandomMixUpV2, "cutmix": K.RandomCutMixV2}
    mix = None if task.mix == "none" else kinds[task.mix](data_keys=["input", "class"])
    images, labels = shared(task), torch.from_numpy(task.labels)
    with torch.no_grad():
        for chosen in orders(task):
            batch = steps(images[chosen].float().div_(255))
            yield (batch, labels[chosen]) if mix is None else mix(batch, labels[chosen])


@functools.cache
def tf_images(folder: Path) -> Any:
    """The training images of a store as TensorFlow's, a copy."""
    import tensorflow as tf

    return tf.constant(Store.open(folder.parent, folder.name).images("train").view(np.ndarray))


def tf_data(task: Task) -> Stream:
    """Vectorised: whole batches in a map that runs in parallel."""
    import tensorflow as tf

    size, pad, count = task.size, task.pad, len(task.labels)
    images, labels = tf_images(task.store.folder), tf.constant(task.labels)
    scale, bias = (tf.constant(v.numpy()) for v in scale_and_bias(task))

    def make(chosen: Any) -> Any:
        found = tf.pad(tf.gather(images, chosen), [[0, 0], [0, 0], [pad, pad], [pad, pad]])
        along = tf.range(size)
        row, column = (tf.random.uniform((BATCH, 1), 0, 2 * pad + 1, tf.int32) for _ in range(2))
        mirrored = tf.random.uniform((BATCH, 1)) < 0.5
        found = tf.gather(found, row + along, axis=2, batch_dims=1)
        found = tf.gather(found, column + tf.where(mirrored, size - 1 - along, along), axis=3, batch_dims=1)
        found, own = tf.cast(found, tf.float32) * scale + bias, tf.gather(labels, chosen)
        if task.mix == "none":
            return found, own
        partner = tf.random.shuffle(tf.range(BATCH))
        other = tf.gather(found, partner)
        if task.mix == "mixup":
            lam = tf.random.uniform(())
            return lam * found + (1 - lam) * other, own
        half, centre = size * tf.sqrt(1 - tf.random.uniform(())) / 2, tf.random.uniform((2,), 0, size)
        place = tf.range(size, dtype=tf.float32)
        within_y, within_x = (tf.abs(place - c) < half for c in (centre[0], centre[1]))
        return tf.where(within_y[:, None] & within_x[None], other, found), own

    batches = (
        tf.data.Dataset.range(count).shuffle(count).repeat().batch(BATCH, drop_remainder=True)
        .map(make, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    )  # fmt: skip
    for found, own in batches:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # nobody writes to it
            yield torch.from_numpy(found.numpy()), torch.from_numpy(own.numpy())


def dali(task: Task) -> Stream:
    """On the CPU: an external source of whole batches, slices beyond the border, normalised and mirrored."""
    from nvidia.dali import fn, pipeline_def, types

    pixels, labels = by_pixels(task.store.folder), task.labels
    pad, size = task.pad, task.size

    def batches() -> Iterator[Any]:
        for chosen in orders(task):
            yield pixels[chosen.numpy()], labels[chosen.numpy()][:, None]

    @pipeline_def(batch_size=BATCH, num_threads=cores(), device_id=None)
    def made() -> Any:
        found, own = fn.external_source(batches(), num_outputs=2, batch=True)
        places = [float(v) for v in range(-pad, pad + 1)]
        start = fn.cast(fn.random.uniform(values=places, shape=2), dtype=types.INT32)
        cut = fn.slice(found, start, [size, size], axes=[0, 1], out_of_bounds_policy="pad", fill_values=0,
                       normalized_anchor=False, normalized_shape=False)  # fmt: skip
        return fn.crop_mirror_normalize(
            cut, dtype=types.FLOAT, output_layout="CHW", mirror=fn.random.coin_flip(),
            mean=[255 * v for v in task.mean], std=[255 * v for v in task.std],
        ), own  # fmt: skip

    pipeline = made()
    pipeline.build()
    while True:
        found, own = (torch.from_numpy(np.asarray(out.as_tensor())) for out in pipeline.run())
        yield found, own.flatten()


def beton(task: Task) -> str:
    assert task.scratch is not None
    return str(task.scratch / f"{task.store.name}.beton")


def write_beton(task: Task) -> None:
    """FFCV's own file of pixels, which its loader maps."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    fields = {"image": RGBImageField(), "label": IntField()}
    examples = Examples(task, pil=True, transform=np.asarray)
    DatasetWriter(beton(task), fields, num_workers=cores()).from_indexed_dataset(examples)


def ffcv(task: Task, *, channels_last: bool = False) -> Stream:
    """Its own transforms, compiled. It has no CutMix: that is done to its batches as they come, in torch."""
    from ffcv import transforms as steps
    from ffcv.fields.decoders import IntDecoder, SimpleRGBImageDecoder
    from ffcv.loader import Loader as Ffcv
    from ffcv.loader import OrderOption

    mean, std = (255 * np.array(v) for v in (task.mean, task.std))
    images = [SimpleRGBImageDecoder(), steps.RandomHorizontalFlip(), steps.RandomTranslate(task.pad)]
    labels = [IntDecoder()]
    if task.mix == "mixup":
        images.append(steps.ImageMixup(1.0, True))  # of bytes, as its documentation has it
        labels += [steps.LabelMixup(1.0, True), steps.ToTensor()]
    else:
        labels += [steps.ToTensor(), steps.Squeeze()]
    images += [
        steps.NormalizeImage(mean, std, np.float32),
        steps.ToTensor(),
        steps.ToTorchImage(channels_last),
    ]
    loader = Ffcv(
        beton(task), BATCH, num_workers=cores(), order=OrderOption.RANDOM, drop_last=True,
        pipelines={"image": images, "label": labels},
    )  # fmt: skip
    while True:
        for found, own in loader:
            yield mixed_in_torch(task, found, own) if task.mix == "cutmix" else (found, own)


def arms(name: str, make: Callable[[Task], Stream], **about: Any) -> dict[str, Peer]:
    return {f"{name}, {mix}": Peer(make=make, mix=mix, **about) for mix in ("none", "mixup", "cutmix")}


FFCV: dict[str, Any] = {"family": "ffcv", "needs": ("ffcv",), "threads": 0, "prepare": write_beton}

# The order is that of the table.
PEERS: dict[str, Peer] = {
    **arms("mixscope", ours, family="mixscope"),
    "mixscope, array in memory, none": Peer(make=ours_in_memory, family="mixscope"),
    "DataLoader + torchvision v1, 0 workers, none": Peer(make=torchvision_v1, family="torchvision"),
    "DataLoader + torchvision v1, 1 worker, none": Peer(make=torchvision_v1, family="torchvision", workers=1),
    **arms("DataLoader + torchvision v1, 2 workers", torchvision_v1, family="torchvision", workers=2),
    "DataLoader + torchvision v2, 2 workers, none": Peer(
        make=torchvision_v2_alone, family="torchvision", workers=2
    ),
    **arms("DataLoader + torchvision v2 batched, 2 workers", torchvision_v2, family="torchvision", workers=2),
    **arms("timm, 2 workers", timm, family="torchvision", workers=2, needs=("timm",)),
    **arms("tf.data", tf_data, family="tf.data", needs=("tensorflow",)),
    **arms("grain, 2 processes", grain, family="grain", workers=2, needs=("grain",)),
    **arms("kornia", kornia, family="kornia", needs=("kornia",), threads=0),
    "airbench style, none": Peer(make=airbench, family="airbench", threads=0, whole=True, floats=5),
    **arms("FFCV", ffcv, **FFCV),
    **arms("FFCV, channels last", functools.partial(ffcv, channels_last=True), **FFCV),
    "DALI, none": Peer(make=dali, family="torchvision", needs=("nvidia.dali",)),
    **arms("SPDL", spdl, family="by hand", needs=("spdl.pipeline",)),
    "torch by hand, 1 thread, none": Peer(make=by_hand, family="by hand"),
    **arms("torch by hand", by_hand, family="by hand", threads=0),
    "ImageFolder + torchvision v1, 2 workers, none": Peer(
        make=image_folder, family="ImageFolder", workers=2, jpeg=True
    ),
}
