"""Mixing: which images of a batch are mixed, how, and with which label weights.

A method is one file of this room and nothing else: a TITLE, as people call it, and a function
`boxes(lam, centre, size)`. The file's name is the method's name in settings, and the folder is the registry.
Draws come from addresses: lambda, partners and box centres do not depend on the method, so that two arms with
one seed and one alpha share them (common random numbers).

What does not belong here: pixels (data/kernels.py, data/device.py), and the loss (loss.py, the only file
of this room that needs torch).
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixscope import rng
from mixscope.errors import ConfigError, unknown
from mixscope.mixing.plan import Plan, own_share
from mixscope.study.config import Augment, mixing_methods

# lam (n,), centre (n, 2), size -> box (n, 4), blend (n,), as in plan.py
Boxes = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to mix. name: in settings. title: for people. boxes: what its file says of lambda and centres."""

    name: str
    title: str
    boxes: Boxes


def methods() -> list[Method]:
    """Every method of this room, by name."""
    return [method(name) for name in mixing_methods()]


def method(name: str) -> Method:
    """The method of that name. Raises ConfigError when there is no such file, or it is none of a method."""
    known = mixing_methods()
    if name not in known:
        raise ConfigError(unknown("augment.mix", "mixing method", name, known))
    file = importlib.import_module(f"{__name__}.{name}")
    lacking = [part for part in ("TITLE", "boxes") if not hasattr(file, part)]
    if lacking:
        raise ConfigError(
            f"augment.mix: {file.__file__} has no {' and no '.join(lacking)}; a method is a TITLE and a"
            " function boxes(lam, centre, size)"
        )
    return Method(name, file.TITLE, file.boxes)


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
        """As in `make`, for an augment.mix other than none."""
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.mixed_epochs = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        self.rows = batch_size if augment.per == "sample" else 1
        shares = _shares(augment)
        self.taken = [(method(name), _alpha(augment, name)) for name in shares]
        # Where in [0, 1) one method ends and the next begins.
        self.bounds = np.cumsum(list(shares.values()))[:-1] / sum(shares.values())

    def draw(self, epoch: int) -> Plans | None:
        """All plans of an epoch at once, so that each costs a few slices; None when it is not mixed."""
        if epoch >= self.mixed_epochs:
            return None
        rows = self.batches * self.rows
        mixed = self._at("apply", epoch).random(rows) < self.augment.prob
        boxes, blends = self._boxes(epoch, rows)
        box, blend = boxes.astype(np.int32), blends.astype(np.float32)  # as kernels take them
        assert (box >= 0).all() and (box <= self.size).all(), "kernels do not look where they write"
        box[~mixed] = 0
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
        lam = {
            alpha: self._at("lam", epoch).beta(alpha, alpha, size=rows)
            for alpha in {alpha for _, alpha in self.taken}
        }
        made = [how.boxes(lam[alpha], centre, self.size) for how, alpha in self.taken]
        if len(made) == 1:
            return made[0]
        place = self._at("switch", epoch).random(self.batches)
        which = np.searchsorted(self.bounds, place, side="right").repeat(self.rows)
        each = np.arange(rows)
        return np.stack([box for box, _ in made])[which, each], np.stack([b for _, b in made])[which, each]

    def _at(self, stream: str, epoch: int) -> np.random.Generator:
        return rng.generator(self.seed, stream, epoch)


def _shares(augment: Augment) -> dict[str, float]:
    """The methods that batches are mixed by, by name, each with its share."""
    if augment.mix != "switch":
        return {augment.mix: 1.0}
    if augment.switch:
        return dict(sorted(augment.switch.items()))
    return {"cutmix": augment.switch_prob, "mixup": 1.0 - augment.switch_prob}


def _alpha(augment: Augment, name: str) -> float:
    """The alpha of a method. These two have settings of their own, which name the runs that there are."""
    own = {"mixup": augment.mixup_alpha, "cutmix": augment.cutmix_alpha}
    return own[name] if name in own else augment.alpha.get(name, 1.0)


def make(
    augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int
) -> Mixer | None:
    """The mixer of a run; None for augment.mix=none.

    size: of the images, in pixels. batch_size: of the global batch. examples: in an epoch.
    Raises ConfigError for a method whose file is none of a method.
    """
    if augment.mix == "none":
        return None
    return Mixer(augment, seed=seed, epochs=epochs, size=size, batch_size=batch_size, examples=examples)
