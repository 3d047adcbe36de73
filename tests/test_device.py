import numpy as np
import pytest
import torch

from memory_store import MemoryStore, loader_with
from mixscope.data import device
from mixscope.data.loader import Augmentation, Loader, Sampling, Workers
from test_loader import AnyMixer


def both(store, **changes):
    """The same loader twice: finished by the kernels, and raw."""
    settings = {
        "batch_size": 10,
        "seed": 0,
        "base": "crop-flip",
        "shuffle": True,
        "mixer": AnyMixer(store.size),
    }
    settings |= changes
    return loader_with(store, "train", **settings), loader_with(
        store, "train", **settings, device_augment=True
    )


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("base", ["none", "crop-flip", "rrc"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_device_finishes_a_batch_like_the_kernel(size, base, ranks):
    store = MemoryStore(43, size=size)
    mixers = (None, AnyMixer(size))
    for mixer in mixers:
        kernel, raw = both(store, base=base, mixer=mixer, rank=ranks - 1, ranks=ranks)
        with kernel, raw:
            for done, left in zip(kernel, raw, strict=True):
                assert left.images.dtype == torch.uint8 and left.pending is not None
                finished = device.finish(left, raw.spec)
                assert finished.pending is None and finished.images.dtype == torch.float32
                assert (finished.images - done.images).abs().max() <= 1e-6
                assert np.array_equal(finished.ids, done.ids) and torch.equal(finished.labels, done.labels)
                assert (finished.lam is None) == (done.lam is None)
                if done.lam is not None:
                    assert torch.equal(finished.lam, done.lam)
                    assert torch.equal(finished.partner_labels, done.partner_labels)


def test_feeding_the_cpu_gives_the_kernels_batches_raw_or_not():
    kernel, raw = both(MemoryStore(43))
    with kernel, raw:
        cpu = torch.device("cpu")
        for done, finished in zip(device.feed(kernel, cpu), device.feed(raw, cpu), strict=True):
            assert done.pending is None and finished.pending is None
            assert (finished.images - done.images).abs().max() <= 1e-6
        assert kernel.position == raw.position == (1, 0)


def test_a_finished_batch_stays_as_it_is():
    kernel, _ = both(MemoryStore(12))
    with kernel:
        batch = next(iter(kernel))
        assert device.finish(batch, kernel.spec) is batch


def test_an_empty_shard_is_finished_too():
    _, raw = both(MemoryStore(11), ranks=3)
    with raw:
        assert [len(batch.images) for batch in device.feed(raw, torch.device("cpu"))] == [3, 0]


@pytest.mark.gpu
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_feeding_a_gpu_gives_the_kernels_batches(base):
    gpu = torch.device("cuda")
    kernel, raw = both(MemoryStore(3000), batch_size=256, base=base)
    pinned = Loader(
        MemoryStore(3000),
        "train",
        Sampling(batch_size=256, seed=0, shuffle=True),
        Augmentation(base=base, mixer=AnyMixer()),
        Workers(device_augment=True, pin=True, ring=2),
    )
    with kernel, raw, pinned:
        for _ in range(3):
            expected = [batch.images.clone() for batch in kernel]
            for finished in (list(device.feed(raw, gpu)), list(device.feed(pinned, gpu))):
                for done, batch in zip(expected, finished, strict=True):
                    assert batch.images.device.type == "cuda"
                    assert (batch.images.cpu() - done).abs().max() <= 1e-6
            raw.position = pinned.position = kernel.position
