"""Settings of a loader: what is in its batches, and where and how they are made."""

from dataclasses import dataclass

from mixscope.errors import ConfigError, unknown
from mixscope.mixing import Mixer

BASES = ("none", "crop-flip", "rrc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """Which images of a split are in which batch.

    Attributes:
        batch_size: Images of the global batch, over all ranks.
        seed: Root of order, crop and flip.
        val_fraction: Part of the training images that is held out as "val".
        per_class: Images of each class; 0 takes all.
        shuffle: A new order each epoch.
        drop_last: Leave out a shorter last batch.
        repeats: How often an image comes in a batch, each time augmented differently.

    Raises:
        ConfigError: For values that make no sense.
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
    """How the images of a batch are augmented; names as in the settings of a run (study/config.Augment).

    Attributes:
        base: "none", "crop-flip" or "rrc".
        erase: Random erasing.
        policy: Operations on single images.
        mixer: Plans of mixing (mixing.make); None mixes nothing.

    Raises:
        ConfigError: For an unknown base augmentation.
    """

    base: str = "none"
    erase: str = "none"
    policy: str = "none"
    mixer: Mixer | None = None

    def __post_init__(self) -> None:
        if self.base not in BASES:
            raise ConfigError(unknown("augment.base", "base augmentation", self.base, BASES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Where and how batches are made; what is in the global batch does not depend on it.

    Attributes:
        rank: Which part of each batch this loader gives. Rank r of `ranks` gets a contiguous part; parts
            differ by at most one image, and are empty where a batch has fewer images than there are ranks.
        ranks: Number of parts.
        threads: In the background, besides the consumer's, which makes batches when it would have to wait; 0
            takes one, or two where there are more than two cores.
        ring: Batches there is memory for; 0 takes two a thread and one for the consumer, and more of small
            batches.
        device_augment: Hand over bytes and draws, for device.finish.
        pin: Page-locked memory, for copies to a GPU that do not block.

    Raises:
        ConfigError: For values that make no sense.
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
            raise ConfigError(f"rank of a loader must lie in 0..{self.ranks - 1}, got {self.rank}")
        if self.ring == 1:
            raise ConfigError("ring of a loader must be 2 or more: one batch in hand and one in the making")


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ConfigError(f"{name} of a loader must be {least} or more, got {value}")
