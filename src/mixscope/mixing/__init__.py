"""Mixing: which images of a batch are mixed, how, and with which label weights.

A method is one file with a function `boxes(lam, centre, size)` and one line in METHODS. Draws come from
addresses: lambda, partners and box centres do not depend on the method, so that two arms with one seed
and one alpha share them (common random numbers).

What does not belong here: pixels (data/kernels.py, data/device.py), and the loss (loss.py, the only file
of this room that needs torch).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

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
class _Epoch:
    """The plans of all batches of an epoch, as in Plan with a batch axis in front.

    All but `partner` have one row a batch under per=batch, and one a position under per=sample.
    mixed: bool; a row that is not mixed has an empty box and lam 1.
    """

    mixed: np.ndarray
    partner: np.ndarray
    box: np.ndarray
    blend: np.ndarray
    lam: np.ndarray


class Mixer:
    """The plans of one run. Pure: `plan` gives the same answer whenever and from wherever it is asked."""

    def __init__(
        self, augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int
    ) -> None:
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.mixed_epochs = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        self.rows = batch_size if augment.per == "sample" else 1
        # Two epochs: the loader prepares the next one while this one ends. Threads that miss at once draw
        # the same plans twice, which costs time and nothing else.
        self._epoch = lru_cache(maxsize=2)(self._draw)

    def plan(self, epoch: int, batch: int, n: int) -> Plan | None:
        """The plan of a batch of n images, n at most batch_size; None when it is not mixed.

        The arrays are the caller's own. Every order of partners is equally likely, so that any two images
        can meet, and an image can meet itself, as in the papers.
        """
        assert 0 <= batch < self.batches and 1 <= n <= self.batch_size, (batch, n)
        if epoch >= self.mixed_epochs:
            return None
        drawn = self._epoch(epoch)
        if not drawn.mixed[batch, :n].any():
            return None
        partner = drawn.partner[batch]
        # Of a random order of all positions, the first n positions alone are in random order too.
        partner = partner.copy() if n == self.batch_size else partner[partner < n]
        box, blend, lam = drawn.box[batch, :n], drawn.blend[batch, :n], drawn.lam[batch, :n]
        if self.rows == 1:
            return Plan(partner, box.repeat(n, axis=0), blend.repeat(n), lam.repeat(n))
        return Plan(partner, box.copy(), blend.copy(), lam.copy())

    def _draw(self, epoch: int) -> _Epoch:
        """All draws of an epoch at once, so that a plan costs a few slices."""
        rows = self.batches * self.rows
        mixed = self._at("apply", epoch).random(rows) < self.augment.prob
        box, blend = self._boxes(epoch, rows)
        assert (box >= 0).all() and (box <= self.size).all(), "kernels do not look where they write"
        box = np.where(mixed[:, None], box, 0)
        keys = self._at("partner", epoch).integers(0, 2**63, size=(self.batches, self.batch_size))
        shape = (self.batches, self.rows)
        return _Epoch(
            mixed=mixed.reshape(shape),
            partner=np.argsort(keys, axis=1, kind="stable"),
            box=box.reshape(*shape, 4),
            blend=blend.reshape(shape),
            lam=own_share(box, blend, self.size).astype(np.float32).reshape(shape),
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
