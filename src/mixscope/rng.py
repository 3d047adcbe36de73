"""Randomness as an address.

A draw depends on where it is used (seed, stream, epoch or batch), never on what was drawn
before it. So batches do not change with the number of threads or ranks, a run can be taken
up in the middle, and two runs that share a seed share their images, crops and mixing
(common random numbers), so that their difference is due to what differs.
"""

import numpy as np

# Recorded runs depend on these numbers: add, never renumber.
STREAMS = {
    "init": 0,  # initial weights
    "order": 1,  # the order of an epoch
    "crop": 2,  # where a crop lies
    "flip": 3,  # mirrored or not
    "lam": 4,  # lambda of a mixing method
    "box": 5,  # where a CutMix box lies
    "partner": 6,  # who is mixed with whom
    "apply": 7,  # whether a batch is mixed at all
    "switch": 8,  # which method a batch gets
    "dropout": 9,  # what the model draws while it trains
    "subset": 10,  # which images a reduced training set keeps
    "bootstrap": 11,  # which examples and seeds a resample takes
    "cues": 12,  # a scene of the embedded set `cues`
    "sample": 13,  # which images an analysis looks at
    "corrupt": 14,  # what a corruption does to an image
    "mask": 15,  # what else a mixing method draws
    "place": 16,  # where in a network activations are mixed
    "erase": 17,  # which box of an image is erased
    "policy": 18,  # operations of an augmentation policy
}


def generator(seed: int, stream: str, *address: int) -> np.random.Generator:
    """A generator for one stream at one address.

    `address` is any tuple of non-negative integers, for instance (epoch,) or (epoch, batch).
    SeedSequence hashes the whole key, so neighbouring seeds and addresses are unrelated;
    `seed + epoch` would make epoch 1 of seed 0 equal epoch 0 of seed 1.

    Raises KeyError for an unknown stream.
    """
    key = np.random.SeedSequence(seed, spawn_key=(STREAMS[stream], *address))
    return np.random.Generator(np.random.Philox(key))


def integer(seed: int, stream: str, *address: int) -> int:
    """A 63-bit integer at one address: the seed for a generator that is not ours (torch's).

    Raises KeyError for an unknown stream.
    """
    key = np.random.SeedSequence(seed, spawn_key=(STREAMS[stream], *address))
    return int(key.generate_state(1, np.uint64)[0] >> np.uint64(1))
