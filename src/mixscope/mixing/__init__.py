"""Mixing: which images of a batch are mixed, how, and with which label weights.

A method is one file with a function `boxes(lam, centre, size)` and one line in METHODS. Draws come from
addresses: lambda, partners and box centres do not depend on the method, so that two arms with one seed
and one alpha share them (common random numbers).

What does not belong here: pixels (data/kernels.py, data/device.py), and the loss (loss.py, the only file
of this room that needs torch).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixscope import rng
from mixscope.errors import ConfigError, unknown
from mixscope.mixing import cutmix, mixup
from mixscope.mixing.plan import Plan, own_share
from mixscope.study.config import Augment

# lam (n,), centre (n, 2), size -> box (n, 4), blend (n,), as in plan.py
Boxes = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]

METHODS: dict[str, Boxes] = {"mixup": mixup.boxes, "cutmix": cutmix.boxes}


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of all batches of an epoch, as in Plan with a batch axis in front; all are read-only.

    Under per=batch the one row of a batch stands for all its positions without being repeated in memory.
    first_mixed: int64 (batches,), the first position that is mixed; batch_size where there is none. A
    position that is not mixed has an empty box and lam 1.
    """

    first_mixed: np.ndarray
    partner: np.ndarray
    box: np.ndarray
    blend: np.ndarray
    lam: np.ndarray

    def of(self, batch: int, n: int) -> Plan | None:
        """The plan of a batch of n images, n at most batch_size; None when it is not mixed.

        Every order of partners is equally likely, so that any two images can meet, and an image can meet
        itself, as in the papers.
        """
        batches, batch_size = self.partner.shape
        assert 0 <= batch < batches and 1 <= n <= batch_size, (batch, n)
        if self.first_mixed[batch] >= n:
            return None
        partner = self.partner[batch]
        if n < batch_size:  # of a random order of all positions, the first n alone are in random order too
            partner = partner[partner < n]
        return Plan(partner, self.box[batch, :n], self.blend[batch, :n], self.lam[batch, :n])


class Mixer:
    """The plans of one run. Pure: `draw` gives the same answer whenever and from wherever it is asked."""

    def __init__(
        self, augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int
    ) -> None:
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.mixed_epochs = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        self.rows = batch_size if augment.per == "sample" else 1

    def draw(self, epoch: int) -> Plans | None:
        """All plans of an epoch at once, so that each costs a few slices; None when it is not mixed."""
        if epoch >= self.mixed_epochs:
            return None
        rows = self.batches * self.rows
        mixed = self._at("apply", epoch).random(rows) < self.augment.prob
        box, blend = self._boxes(epoch, rows)
        assert (box >= 0).all() and (box <= self.size).all(), "kernels do not look where they write"
        box = np.where(mixed[:, None], box, 0)
        lam = own_share(box, blend, self.size).astype(np.float32)
        keys = self._at("partner", epoch).integers(0, 2**63, size=(self.batches, self.batch_size))
        mixed = mixed.reshape(self.batches, self.rows)
        shape = (self.batches, self.batch_size)
        partner = np.argsort(keys, axis=1)
        partner.flags.writeable = False
        return Plans(
            first_mixed=np.where(mixed.any(axis=1), mixed.argmax(axis=1), self.batch_size),
            partner=partner,
            box=np.broadcast_to(box.reshape(self.batches, self.rows, 4), (*shape, 4)),
            blend=np.broadcast_to(blend.reshape(mixed.shape), shape),
            lam=np.broadcast_to(lam.reshape(mixed.shape), shape),
        )

    def _boxes(self, epoch: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The boxes and blends of all rows, by the method of each."""
        centre = self._at("box", epoch).random((rows, 2))

        def by(name: str) -> tuple[np.ndarray, np.ndarray]:
            alpha = self.augment.cutmix_alpha if name == "cutmix" else self.augment.mixup_alpha
            return METHODS[name](self._at("lam", epoch).beta(alpha, alpha, size=rows), centre, self.size)

        if self.augment.mix != "switch":
            return by(self.augment.mix)
        pasted = self._at("switch", epoch).random(self.batches) < self.augment.switch_prob
        pasted = pasted.repeat(self.rows)
        (box, blend), (other_box, other_blend) = by("cutmix"), by("mixup")
        return np.where(pasted[:, None], box, other_box), np.where(pasted, blend, other_blend)

    def _at(self, stream: str, epoch: int) -> np.random.Generator:
        return rng.generator(self.seed, stream, epoch)


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
