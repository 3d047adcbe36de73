"""Settings of a loader: sampling, augmentation, and worker threads."""

from dataclasses import dataclass

from mixscope.errors import ConfigError, unknown
from mixscope.mixing import Mixer

BASES = ("none", "crop-flip", "rrc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """Which images of a split are in which batch.

    Attributes:
        batch_size: Size of the global batch, over all ranks.
        seed: Seed of sampling order, crop and flip.
        val_fraction: Fraction of the training images held out as "val".
        per_class: Number of images kept per class; 0 keeps all.
        shuffle: Draw a new order each epoch.
        drop_last: Leave out a smaller last batch.
        repeats: Copies of each image in a batch, augmented independently (repeated augmentation).

    Raises:
        ConfigError: If a value is out of range.
    """

    batch_size: int
    seed: int
    val_fraction: float = 0.0
    per_class: int = 0
    shuffle: bool = False
    drop_last: bool = False
    repeats: int = 1

    def __post_init__(self) -> None:
        _at_least(1, batch_size=self.batch_size, repeats=self.repeats)


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """Augmentation of single images and batches; names as in study/config.Augment.

    Attributes:
        base: "none", "crop-flip" or "rrc".
        erase: Erasing: "none", "cutout" or "random-erasing".
        policy: Augmentation policy: "none", "trivialaugment" or "randaugment".
        mixer: Draws mixing plans (mixing.make); None mixes nothing.

    Raises:
        ConfigError: If the base augmentation is unknown.
    """

    base: str = "none"
    erase: str = "none"
    policy: str = "none"
    mixer: Mixer | None = None

    def __post_init__(self) -> None:
        if self.base not in BASES:
            raise ConfigError(
                "unknown-name", unknown("base augmentation", self.base, BASES), key="augment.base"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Where and how batches are built; the global batch does not depend on it.

    Attributes:
        rank: The part of each batch that this loader returns. Parts are contiguous, differ by at most one
            image, and are empty where a batch has fewer images than ranks.
        ranks: Number of parts.
        threads: Worker threads, besides the consumer's, which builds batches when it would have to wait; 0
            takes one, or two if there are more than two cores.
        ring: Number of batch buffers; 0 takes two per thread and one for the consumer, and more for small
            batches.
        device_augment: Return bytes and draws for device.finish.
        pin: Page-locked memory, for asynchronous copies to a GPU.

    Raises:
        ConfigError: If a value is out of range.
    """

    rank: int = 0
    ranks: int = 1
    threads: int = 0
    ring: int = 0
    device_augment: bool = False
    pin: bool = False

    def __post_init__(self) -> None:
        _at_least(1, ranks=self.ranks)
        _at_least(0, threads=self.threads, ring=self.ring)
        if not 0 <= self.rank < self.ranks:
            raise ConfigError(
                "out-of-range",
                f"rank of a loader must lie in 0..{self.ranks - 1}, got {self.rank}",
                key="rank",
            )
        if self.ring == 1:
            raise ConfigError(
                "out-of-range",
                "ring of a loader must be 2 or more: one batch in hand and one in the making",
                key="ring",
            )


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ConfigError(
                "out-of-range", f"{name} of a loader must be {least} or more, got {value}", key=name
            )
