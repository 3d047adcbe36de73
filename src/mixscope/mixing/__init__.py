"""Mixing: which images of a batch are mixed, how, and with which label weights.

A method is one file with a function `boxes(lam, centre, size)` and one line in METHODS. Draws come from
addresses: lambda, partners and box centres do not depend on the method, so that two arms with one seed
and one alpha share them (common random numbers).

What does not belong here: pixels (data/kernels.py, data/device.py), and the loss (loss.py, the only file
of this room that needs torch).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mixscope import rng
from mixscope.errors import ConfigError, unknown
from mixscope.mixing import cutmix, mixup
from mixscope.mixing.plan import Plan, own_share
from mixscope.study.config import Augment

Boxes = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]

METHODS: dict[str, Boxes] = {"mixup": mixup.boxes, "cutmix": cutmix.boxes}


class Mixer:
    """The plans of one run. Pure: `plan` gives the same answer whenever and from wherever it is asked."""

    def __init__(
        self, augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int
    ) -> None:
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.last_mixed_epoch = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        # Two epochs: the loader prepares the next one while this one ends.
        self._draws = lru_cache(maxsize=2)(self._draw)

    def plan(self, epoch: int, batch: int, n: int) -> Plan | None:
        """The plan of a batch of n images, or None when it is not mixed."""
        if epoch >= self.last_mixed_epoch:
            return None
        draws = self._draws(epoch)
        first = batch * self.batch_size
        rows = slice(first, first + n) if self.augment.per == "sample" else slice(batch, batch + 1)
        applied = draws["apply"][rows] < self.augment.prob
        if not applied.any():
            return None
        name = self.augment.mix
        if name == "switch":
            name = "cutmix" if draws["switch"][batch] < self.augment.switch_prob else "mixup"
        box, blend = METHODS[name](draws[f"lam-{name}"][rows], draws["box"][rows], self.size)
        box[~applied] = 0
        lam = own_share(box, blend, self.size).astype(np.float32)
        if len(lam) != n:
            box, blend, lam = np.repeat(box, n, axis=0), np.repeat(blend, n), np.repeat(lam, n)
        # Sorting independent keys gives every permutation the same chance: any two images can meet, and an
        # image can meet itself, as in the papers.
        partner = np.argsort(draws["partner"][first : first + n], kind="stable")
        return Plan(partner, box, blend, lam)

    def _draw(self, epoch: int) -> dict[str, np.ndarray]:
        """All draws of an epoch: one a batch (or a position, under per=sample); a partner key a position."""
        positions = self.batches * self.batch_size
        n = positions if self.augment.per == "sample" else self.batches
        names = ("mixup", "cutmix") if self.augment.mix == "switch" else (self.augment.mix,)

        def at(stream: str) -> np.random.Generator:
            return rng.generator(self.seed, stream, epoch)

        draws = {
            "apply": at("apply").random(n),
            "switch": at("switch").random(self.batches),
            "box": at("box").random((n, 2)),
            "partner": at("partner").integers(0, 2**63, size=positions),
        }
        for name in names:
            alpha = self.augment.cutmix_alpha if name == "cutmix" else self.augment.mixup_alpha
            draws[f"lam-{name}"] = at("lam").beta(alpha, alpha, size=n)
        return draws


def make(
    augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int
) -> Mixer | None:
    """The mixer of a run; None for augment.mix=none.

    size: of the images, in pixels. batch_size: of the global batch. examples: in an epoch.
    Raises ConfigError for a method that is not known.
    """
    if augment.mix == "none":
        return None
    if augment.mix not in (*METHODS, "switch"):
        raise ConfigError(unknown("augment.mix", "mixing method", augment.mix, ["none", *METHODS, "switch"]))
    return Mixer(augment, seed=seed, epochs=epochs, size=size, batch_size=batch_size, examples=examples)
