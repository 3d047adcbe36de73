"""Runs that mixed before there were masks keep their bits and names."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from memory_store import MemoryStore
from mixscope import mixing
from mixscope.data.loader import Augmentation, Loader, Sampling
from mixscope.study import config as settings
from mixscope.study import matrix
from mixscope.study.config import Augment

# Written by commit edf4b97: of a loader over MemoryStore(13, size=16), batches of 5, seed 3, epoch 0.
STORED = np.load(Path(__file__).parent / "stored" / "mixing-bits.npz")
CASES = {
    "none": {},
    "mixup": {},
    "cutmix": {"per": "sample", "prob": 0.8},
    "switch": {"per": "sample"},
    "switch-batch": {},
}


@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
@pytest.mark.parametrize("case", CASES)
def test_batches_have_the_bits_of_the_version_before_masks(case, base):
    augment = Augment(mix=case.removesuffix("-batch"), **CASES[case])
    made = mixing.make(augment, seed=3, epochs=2, size=16, batch_size=5, examples=13)
    with Loader(
        MemoryStore(13, size=16),
        "train",
        Sampling(batch_size=5, seed=3, shuffle=True),
        Augmentation(base=base, mixer=made),
    ) as loader:
        for number, batch in enumerate(loader):
            if number in (0, 2):
                for name in ("images", "lam", "partner_labels"):
                    key, found = f"{case}/{base}/{number}/{name}", getattr(batch, name)
                    assert (key in STORED) == (found is not None)
                    assert found is None or np.array_equal(STORED[key], found.numpy()), key


# Of every run of every built-in study, by the same commit.
DIGESTS = {
    "local-global": "1045c06e5bb796ab",
    "quickstart": "c95db99dcdc770b9",
    "resnet-vs-vit": "11dd7e95c3fc0004",
    "resnet-vs-vit-published": "ddb2ccd5eba0df11",
    "resnet-vs-vit-small-images": "956a8db85a6a0fb4",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_studies_without_the_new_settings_keep_their_digests(name):
    study = matrix.load(name)
    runs = hashlib.sha256("".join(run.config.digest for run in study.expand()).encode()).hexdigest()[:16]
    assert runs == DIGESTS[name]


def test_new_settings_at_their_defaults_stay_out_of_digests():
    plain = matrix.load("quickstart").expand()[0].config
    said = {**plain.to_dict()["augment"], "erase": "none", "policy": "none", "repeats": 1, "grid": 0}
    assert settings.from_dict({**plain.to_dict(), "augment": said}).digest == plain.digest
    for name, value in {"erase": "cutout", "policy": "randaugment", "repeats": 2, "grid": 4}.items():
        other = settings.from_dict({**plain.to_dict(), "augment": {**said, name: value}})
        assert other.digest != plain.digest, name
