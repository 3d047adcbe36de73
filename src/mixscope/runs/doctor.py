"""Reports versions, hardware and data sets of this machine, and tests the whole chain."""

import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from mixscope.errors import DataError
from mixscope.hardware import cores
from mixscope.runs.environment import versions

SELF_TEST_STEPS = 30


def examine(root: Path) -> dict[str, Any]:
    """Collects versions, hardware, devices and prepared data sets as plain values; writes nothing.

    Packages that are not installed are None. Takes seconds: torch is imported.
    """
    from mixscope import threads

    decided = threads.decide()
    with decided.settled():  # before torch is imported
        return _examined(root, decided.why)


def _examined(root: Path, why: str) -> dict[str, Any]:
    import psutil
    import torch

    import mixscope
    from mixscope.data.store import Store, is_prepared, names

    sets: dict[str, str] = {}
    try:
        found = names(root)
    except DataError as problem:
        sets["none"], found = str(problem), ()
    for name in found:
        if not is_prepared(root, name):
            sets[name] = "not prepared"
            continue
        try:
            store = Store.open(root, name)
            sets[name] = f"ready, {len(store.labels('train')):,} + {len(store.labels('test')):,} images"
        except DataError as problem:
            sets[name] = str(problem)
    from mixscope.training import precision

    devices = [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    memory = psutil.virtual_memory()
    return {
        "mixscope": mixscope.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions(),
        "cores": cores(),
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_available_gib": round(memory.available / 2**30, 1),
        "torch_threads": torch.get_num_threads(),
        "threads_why": why,
        "cuda": [torch.cuda.get_device_name(device) for device in devices],
        "bf16": [precision.emulated(device) or "native" for device in devices],
        "data_root": str(root),
        "data": sets,
    }


def self_test() -> dict[str, Any]:
    """Runs the chain on digits: prepare, load, mix, and train a small network for a moment.

    The data set is prepared in a temporary folder that is deleted at the end.

    Returns:
        Training throughput in images per second, and whether the loss fell.

    Raises:
        DataError: If no temporary folder can be created.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="mixscope-doctor-")
    except OSError as problem:
        raise DataError(
            "no-access",
            f"no temporary folder can be made for the self-test ({problem.strerror or problem}); set TMPDIR"
            " to a folder that can be written",
        ) from problem
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads would wait for each other where a core is busy
    try:
        with folder as place:
            return _tried(Path(place))
    finally:
        torch.set_num_threads(before)


def _tried(root: Path) -> dict[str, Any]:
    import torch

    from mixscope import mixing
    from mixscope.data.loader import Augmentation, Loader, Sampling
    from mixscope.data.prepare import prepare
    from mixscope.mixing.loss import mixed_cross_entropy
    from mixscope.study.config import Augment, Model, Optim
    from mixscope.training import models, optim

    store = prepare("digits", root=root)
    augment = Augment(base="crop-flip", mix="cutmix")
    _, rows = store.rows("train", val_fraction=0.1)
    mixer = mixing.make(augment, seed=0, epochs=10**6, size=store.size, batch_size=128, examples=len(rows))
    with Loader(
        store,
        "train",
        Sampling(batch_size=128, seed=0, val_fraction=0.1, shuffle=True),
        Augmentation(base="crop-flip", mixer=mixer),
    ) as loader:
        for _ in loader:
            pass

    small = Model(
        arch="vit_tiny_patch16_224", patch_size=8, kwargs={"embed_dim": 48, "depth": 2, "num_heads": 2}
    )
    module = models.build(small, n_classes=store.n_classes, image_size=store.size, seed=0).module
    optimiser = optim.make(module, Optim())
    losses: list[float] = []
    with Loader(store, "train", Sampling(batch_size=128, seed=0, val_fraction=0.1, shuffle=True)) as loader:
        seen, start = 0, time.perf_counter()
        while len(losses) < SELF_TEST_STEPS:  # steps, not seconds: a busy machine must not fail the test
            for batch in loader:
                loss = mixed_cross_entropy(module(batch.images), batch.labels, None, None, 0.0).mean()
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                losses.append(loss.item())
                seen += len(batch.ids)
        training = seen / (time.perf_counter() - start)
    first, last = statistics.fmean(losses[:5]), statistics.fmean(losses[-5:])
    return {
        "training_images_per_second": round(training),
        "first_loss": first,
        "last_loss": last,
        "ok": last < first,
    }
