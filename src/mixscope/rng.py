"""Counter-based random streams: a draw depends on (seed, stream, epoch or batch), never on earlier draws.

Batches therefore do not depend on the number of threads or ranks, a run can resume mid-epoch, and runs with
one seed share images, crops and mixing draws (common random numbers), which removes that variance from
comparisons.
"""

import numpy as np

# Recorded runs depend on these numbers: append, never renumber.
STREAMS = {
    "init": 0,  # initial weights
    "order": 1,  # sampling order of an epoch
    "crop": 2,  # crop position
    "flip": 3,  # horizontal flip
    "lam": 4,  # lambda of a mixing method
    "box": 5,  # centre of a CutMix box
    "partner": 6,  # mixing partners
    "apply": 7,  # whether a batch is mixed
    "switch": 8,  # mixing method of a batch
    "dropout": 9,  # the model's own draws in training
    "subset": 10,  # images kept in a reduced training set
    "bootstrap": 11,  # examples and seeds of a resample
    "cues": 12,  # scenes of the embedded data set `cues`
    "sample": 13,  # images used by an analysis
    "corrupt": 14,  # corruptions
    "mask": 15,  # further draws of a mixing method
    "place": 16,  # network block at which activations are mixed
    "erase": 17,  # erased boxes
    "policy": 18,  # operations of an augmentation policy
}


def generator(seed: int, stream: str, *address: int) -> np.random.Generator:
    """Returns a generator for one stream at one address.

    SeedSequence hashes the whole key, so neighbouring seeds and addresses are independent; with `seed +
    epoch`, epoch 1 of seed 0 would equal epoch 0 of seed 1.

    Args:
        seed: Seed of the run.
        stream: A key of STREAMS.
        *address: Non-negative integers, for instance (epoch,) or (epoch, batch).

    Raises:
        KeyError: If the stream is unknown.
    """
    key = np.random.SeedSequence(seed, spawn_key=(STREAMS[stream], *address))
    return np.random.Generator(np.random.Philox(key))


def integer(seed: int, stream: str, *address: int) -> int:
    """Returns a 63-bit integer at one address, to seed generators of other libraries (torch).

    Args:
        seed: Seed of the run.
        stream: A key of STREAMS.
        *address: Non-negative integers.

    Raises:
        KeyError: If the stream is unknown.
    """
    key = np.random.SeedSequence(seed, spawn_key=(STREAMS[stream], *address))
    return int(key.generate_state(1, np.uint64)[0] >> np.uint64(1))
