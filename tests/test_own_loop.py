"""mixscope.Loader in a loop of one's own: lengths, epochs, batches that are kept, sentences."""

import numpy as np
import pytest
import torch

from memory_store import loader_with
from mixscope import mixing
from mixscope.data.public_loader import Loader
from mixscope.data.store import Store
from mixscope.errors import ConfigError, DataError
from mixscope.study.config import Augment
from small_run import TRAIN, store


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    store(place)
    return place


def epoch(loader):
    return [(b.ids.copy(), b.images.clone()) for b in loader]


def test_its_length_is_the_number_of_batches(root):
    loader = Loader("small", "train", batch_size=16, root=root)
    assert len(loader) == len(list(loader)) == -(-TRAIN // 16)
    assert len(Loader("small", "train", batch_size=16, root=root, drop_last=True)) == TRAIN // 16


def test_a_loader_says_what_it_draws_from_and_by_what(root):
    loader = Loader("small", "val", batch_size=16, mix="cutmix", seed=3, val_fraction=0.25, root=root)
    assert repr(loader).startswith(f"<Loader small val: {loader.examples} images, {len(loader)} batches")
    assert "batch_size=16, mix='cutmix'" in repr(loader) and "seed=3" in repr(loader)


def test_every_iteration_is_a_fresh_epoch_with_an_order_of_its_own(root):
    loader = Loader("small", "train", batch_size=16, seed=3, root=root)
    for _ in loader:
        break  # a loop that is left early
    second = np.concatenate([ids for ids, _ in epoch(loader)])
    third = np.concatenate([ids for ids, _ in epoch(loader)])
    assert sorted(second) == sorted(third) == list(range(TRAIN))
    assert not np.array_equal(second, third) and loader.epoch == 2
    again = Loader("small", "train", batch_size=16, seed=3, root=root, threads=2)
    next(iter(again))
    assert np.array_equal(np.concatenate([ids for ids, _ in epoch(again)]), second)


def test_a_mixer_made_for_another_number_of_examples_is_refused(root):
    opened = Store.open(root, "small")
    augment = Augment(mix="mixup")
    mixer = mixing.make(augment, seed=0, epochs=1, size=opened.size, batch_size=8, examples=TRAIN + 8)
    with pytest.raises(ConfigError, match=f"examples={TRAIN}"):
        loader_with(opened, "train", batch_size=8, seed=0, mixer=mixer)


@pytest.mark.parametrize("mix", ["none", "cutmix", "mixup"])
def test_batches_that_are_kept_are_not_overwritten(root, mix):
    kept = list(Loader("small", "train", batch_size=8, mix=mix, seed=1, root=root))
    anew = Loader("small", "train", batch_size=8, mix=mix, seed=1, root=root, reuse=True)
    for batch, other in zip(kept, anew, strict=True):
        assert torch.equal(batch.images, other.images) and torch.equal(batch.labels, other.labels)
        assert np.array_equal(batch.ids, other.ids)
        for name in ("partner_labels", "lam"):
            a, b = getattr(batch, name), getattr(other, name)
            assert (a is None) == (b is None) == (mix == "none")
            assert a is None or torch.equal(a, b)


def test_targets_are_the_weights_of_both_labels(root):
    loader = Loader("small", "train", batch_size=16, mix="cutmix", seed=0, root=root)
    for batch in loader:
        targets = batch.targets(loader.n_classes)
        assert torch.allclose(targets.sum(dim=1), torch.ones(len(targets)))
        rows = torch.arange(len(targets))
        same = batch.labels == batch.partner_labels
        assert torch.allclose(targets[rows, batch.labels][~same], batch.lam[~same])
        assert torch.allclose(targets[rows, batch.partner_labels][~same], 1 - batch.lam[~same])


def test_evaluation_is_in_order_and_as_it_is(root):
    loader = Loader("small", "test", batch_size=10, root=root)
    ids = np.concatenate([b.ids for b in loader])
    assert np.array_equal(ids, np.arange(len(ids)))
    first, second = epoch(loader), epoch(loader)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_a_path_may_be_a_str(root):
    assert len(Loader(str(root / "small"), "train", batch_size=60)) == 1
    assert len(Loader("small", "train", batch_size=60, root=str(root))) == 1
    assert Store.open(str(root), "small").name == "small"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"split": "valid"}, "valid"),
        ({"mix": "cutmx"}, "cutmx"),
        ({"base": "flip"}, "base"),
        ({"batch_size": 0}, "batch_size"),
        ({"split": "test", "shuffle": True}, "the test split is for evaluation"),
        ({"split": "test", "mix": "cutmix"}, "the test split is for evaluation"),
        ({"augment": Augment(off_epochs=2)}, "off_epochs: say how many epochs"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(root, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Loader("small", **({"batch_size": 8, "root": root} | given))


def test_a_set_that_is_not_prepared_is_named(root):
    with pytest.raises(DataError, match="cifar100 is not prepared"):
        Loader("cifar100", "train", batch_size=8, root=root)


def test_two_epochs_at_once_are_refused(root):
    loader = Loader("small", "train", batch_size=8, root=root)
    first = iter(loader)
    next(first)
    next(iter(loader))
    with pytest.raises(ConfigError, match="one at a time"):
        next(first)
