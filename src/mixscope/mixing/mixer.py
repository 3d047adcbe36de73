"""The plans of a run: draws, methods and what they answer, as arrays that the loader takes.

Draws come from addresses (rng.py): lambda, partners and centres do not depend on the method, so that arms
with one seed and one alpha share them. A method that needs nothing but those is asked once for all batches of
an epoch. One that draws more, makes masks or looks at partners is asked for a block of batches at a time,
when the first of them is made: masks of an epoch may not fit in memory, and those of a batch alone cost more
in calls than in arithmetic.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixscope import rng
from mixscope.errors import ConfigError
from mixscope.mixing.interface import Answer, Boxes, Hidden, Masks, Resized
from mixscope.mixing.plan import NO_MASK, Plan, label_weights
from mixscope.mixing.registry import Method, method
from mixscope.study import methods as names
from mixscope.study.config import Augment

BLOCK_PIXELS = 1 << 18  # of masks that are made at a time: 1 MiB
BLOCK_BATCHES = 64  # of boxes that are


@dataclass(frozen=True, slots=True)
class Taken:
    """A method of a run.

    alpha: of its lambda. kind: the type of its answers. attention: whether label weights ask for it. peak:
    whether it looks at partners. block: so many batches it is asked for at once; 0 for those of an epoch.
    """

    method: Method
    alpha: float
    kind: type
    attention: bool
    peak: bool
    block: int


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of all batches of an epoch, as in Plan with a batch axis in front; all are read-only.

    Under per=batch the one row of a batch stands for all its positions without being repeated in memory.
    first_mixed: int64 (batches,), the first position that is mixed; batch_size where there is none. A
    position that is not mixed has an empty box and lam 1. mixed: bool (batches, batch_size or 1). which:
    int64 (batches,), the method of each batch. place: float64 (batches,), see Plan. draws: what methods are
    given, for all rows. blocks: answers for the last two blocks of batches, which would come out the same.
    """

    mixer: "Mixer"
    epoch: int
    first_mixed: np.ndarray
    partner: np.ndarray
    box: np.ndarray
    blend: np.ndarray
    lam: np.ndarray
    mixed: np.ndarray
    which: np.ndarray
    place: np.ndarray
    draws: dict[str, Any]
    blocks: dict[tuple[int, int], tuple[Answer, np.ndarray]] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

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
        which = int(self.which[batch])
        taken = self.mixer.taken[which]
        place = float(self.place[batch]) if taken.kind is Hidden else None
        box, blend, lam, mask = self.box[batch, :n], self.blend[batch, :n], self.lam[batch, :n], NO_MASK
        if taken.block:
            box, blend, lam, mask = self._asked(which, batch, n, partner)
        return Plan(partner, box, blend, lam, mask, taken.kind is Resized, taken.attention, place)

    def _asked(
        self, which: int, batch: int, n: int, partner: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Box, blend, lam and mask of a method that is not asked for a whole epoch."""
        mixer = self.mixer
        taken = mixer.taken[which]
        rows = mixer.rows_of(taken)
        if taken.peak and n < mixer.batch_size:  # whose partners are others than those of a full batch
            only, apart = slice(batch, batch + 1), mixer.batches + batch
            answer, weights = self._answer(taken, only, partner[None], apart)
            mine = slice(n)
        else:
            block = batch // taken.block
            answer, weights = self._block(which, block)
            first = (batch - block * taken.block) * rows
            mine = slice(first, first + min(rows, n))
        still = ~self.mixed[batch][: min(mixer.rows, n)]
        lam = _spread(weights[mine], n).astype(np.float32)
        box, blend, mask = np.zeros((n, 4), np.int32), np.zeros(n, np.float32), NO_MASK
        if isinstance(answer, Masks):
            mask = answer.mask[mine] if len(answer.mask) > 1 else answer.mask
        elif isinstance(answer, Boxes | Resized):
            box = _spread(answer.box[mine], n)
            blend = _spread(answer.blend[mine], n) if isinstance(answer, Boxes) else blend
        if still.any():  # only some images of a batch are mixed, so that each has a row
            still = _spread(still, n)
            lam[still] = 1.0
            box = box.copy()
            box[still] = 0
            if len(mask):
                mask = _spread(mask, n).copy()
                mask[still] = 1.0
        return box, blend, lam, mask

    def _block(self, which: int, block: int) -> tuple[Answer, np.ndarray]:
        """A method's answer for a block of batches, and label weights."""
        with self.lock:  # whoever waits needs the same
            if (which, block) not in self.blocks:
                taken = self.mixer.taken[which]
                batches = slice(block * taken.block, min((block + 1) * taken.block, self.mixer.batches))
                while len(self.blocks) >= 2 * len(self.mixer.taken):
                    del self.blocks[next(iter(self.blocks))]
                self.blocks[which, block] = self._answer(taken, batches, self.partner[batches], block)
            return self.blocks[which, block]

    def _answer(
        self, taken: Taken, batches: slice, partner: np.ndarray, address: int
    ) -> tuple[Answer, np.ndarray]:
        """A method's answer for some batches, and label weights. partner: int64 (batches, n), of their
        images.

        address: of what the method draws by itself.
        """
        mixer = self.mixer
        rows = slice(batches.start * mixer.rows, batches.stop * mixer.rows)
        draws = mixer.draws_of(self.draws, taken, rows, self.epoch, address)
        if taken.peak:  # each image has the peak of a partner of its own
            for name in ("lam", "centre"):
                values = draws[name].reshape(len(partner), mixer.rows, *draws[name].shape[1:])
                shape = (*partner.shape, *values.shape[2:])
                draws[name] = np.broadcast_to(values[:, : partner.shape[1]], shape).reshape(-1, *shape[2:])
            there = np.take_along_axis(self.draws["peak"][batches], partner[:, :, None], axis=1)
            draws["peak"] = (there.reshape(-1, 2) + 0.5) / mixer.size
        n = len(draws["lam"])
        answer = taken.method.ask(draws, n=n)
        return answer, _spread(label_weights(answer, mixer.size), n)


def _spread(values: np.ndarray, n: int) -> np.ndarray:
    """n rows: the values themselves, or one row that stands for all."""
    return values if len(values) == n else np.broadcast_to(values, (n, *values.shape[1:]))


class Mixer:
    """The plans of one run. Pure: `draw` gives the same answer whenever and from wherever it is asked."""

    def __init__(
        self,
        augment: Augment,
        *,
        seed: int,
        epochs: int,
        size: int,
        batch_size: int,
        examples: int,
        patch: int = 0,
    ) -> None:
        """As in `make`, for an augment.mix other than none."""
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.mixed_epochs = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        self.rows = batch_size if augment.per == "sample" else 1
        self.patch = augment.grid or patch
        shares = _shares(augment)
        self.taken = [self._tried(method(name), _alpha(augment, name)) for name in shares]
        # Where in [0, 1) one method ends and the next begins.
        self.bounds = np.cumsum(list(shares.values()))[:-1] / sum(shares.values())

    def _tried(self, how: Method, alpha: float) -> Taken:
        """A method with what it is found to be when it is asked once. Raises ConfigError."""
        if "patch" in how.needs and (self.patch < 1 or self.size % self.patch):
            have = f"{self.patch} px do not divide {self.size}" if self.patch else "the model has no patches"
            raise ConfigError(
                f"augment.mix={names.label(how.name)} needs the patch grid of a vision transformer, and"
                f" {have}; set augment.grid to the pixels of a patch"
            )
        random = np.random.default_rng(0)
        draws = {
            "lam": np.array([0.3, 0.8]),
            "centre": random.random((2, 2)),
            "peak": random.random((2, 2)),
            "size": self.size,
            "patch": self.patch,
            "random": random,
        }
        answer = how.ask(draws, n=2)
        label = answer.label if isinstance(answer, Boxes) else "area"
        attention = isinstance(label, str) and label == "attention"
        peak, block = "peak" in how.needs, 0
        if isinstance(answer, Masks):
            rows = self.batch_size if peak else self.rows
            block = max(1, BLOCK_PIXELS // (rows * self.size**2))
        elif peak or "random" in how.needs:
            block = BLOCK_BATCHES
        return Taken(how, alpha, type(answer), attention, peak, block)

    def rows_of(self, taken: Taken) -> int:
        """Rows of a method's answer for each batch."""
        return self.batch_size if taken.peak else self.rows

    def draws_of(self, draws: dict[str, Any], taken: Taken, rows: slice, *address: int) -> dict[str, Any]:
        """What a method is given for some rows of an epoch. address: of what it draws by itself."""
        return {
            "lam": draws["lam"][taken.alpha][rows],
            "centre": draws["centre"][rows],
            "size": self.size,
            "patch": self.patch,
            "random": rng.generator(self.seed, "mask", *address) if "random" in taken.method.needs else None,
        }

    @property
    def masks(self) -> bool:
        """Whether a batch may be mixed by masks."""
        return any(taken.kind is Masks for taken in self.taken)

    @property
    def peaks(self) -> bool:
        """Whether `draw` needs peaks of saliency."""
        return any(taken.peak for taken in self.taken)

    @property
    def hidden(self) -> bool:
        """Whether activations of the model are mixed."""
        return any(taken.kind is Hidden for taken in self.taken)

    @property
    def attention(self) -> bool:
        """Whether label weights ask for the model's attention."""
        return any(taken.attention for taken in self.taken)

    def draw(self, epoch: int, peaks: np.ndarray | None = None) -> Plans | None:
        """All plans of an epoch at once, so that each costs a few slices; None when it is not mixed.

        peaks: int32 (examples, 2), row and column of the pixel where each image of the epoch, in its order,
        is most salient after crop and flip; needed where `self.peaks` says so.
        """
        if epoch >= self.mixed_epochs:
            return None
        rows = self.batches * self.rows
        mixed = self._at("apply", epoch).random(rows) < self.augment.prob
        draws = self._draws(epoch, rows, peaks)
        box, blend, lam, which = self._boxes(epoch, draws)
        box[~mixed] = 0
        lam[~mixed] = 1.0
        keys = self._at("partner", epoch).integers(0, 2**63, size=(self.batches, self.batch_size))
        mixed = mixed.reshape(self.batches, self.rows)
        shape = (self.batches, self.batch_size)
        partner = np.argsort(keys, axis=1)
        partner.flags.writeable = False
        return Plans(
            mixer=self,
            epoch=epoch,
            first_mixed=np.where(mixed.any(axis=1), mixed.argmax(axis=1), self.batch_size),
            partner=partner,
            box=np.broadcast_to(box.reshape(self.batches, self.rows, 4), (*shape, 4)),
            blend=np.broadcast_to(blend.reshape(mixed.shape), shape),
            lam=np.broadcast_to(lam.reshape(mixed.shape), shape),
            mixed=mixed,
            which=which,
            place=self._at("place", epoch).random(self.batches) if self.hidden else np.zeros(self.batches),
            draws=draws,
        )

    def _draws(self, epoch: int, rows: int, peaks: np.ndarray | None) -> dict[str, Any]:
        """What methods are given, for all rows of an epoch; lam by alpha."""
        found: dict[str, Any] = {
            "centre": self._at("box", epoch).random((rows, 2)),
            "lam": {
                alpha: self._at("lam", epoch).beta(alpha, alpha, size=rows)
                for alpha in {taken.alpha for taken in self.taken}
            },
        }
        if self.peaks:
            assert peaks is not None, "a method asks for peaks of saliency"
            all_ = np.zeros((self.batches * self.batch_size, 2), np.int32)
            all_[: len(peaks)] = peaks
            found["peak"] = all_.reshape(self.batches, self.batch_size, 2)
        return found

    def _boxes(
        self, epoch: int, draws: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Boxes int32, blends and label weights float32 of all rows, by the method of each; which it is.

        Rows of a method that is asked later hold nothing that is read.
        """
        rows = len(draws["centre"])
        made = []
        for taken in self.taken:
            box, blend, lam = np.zeros((rows, 4), np.int32), np.ones(rows, np.float32), np.ones(rows)
            if not taken.block:
                answer = taken.method.ask(self.draws_of(draws, taken, slice(None)), n=rows)
                lam = label_weights(answer, self.size)
                if isinstance(answer, Boxes):
                    box, blend = answer.box, answer.blend
                elif isinstance(answer, Resized):
                    box, blend = answer.box, np.zeros(rows, np.float32)
            made.append((box, blend, lam.astype(np.float32)))
        if len(made) == 1:
            return *made[0], np.zeros(self.batches, np.int64)
        place = self._at("switch", epoch).random(self.batches)
        which = np.searchsorted(self.bounds, place, side="right")
        of_row, each = which.repeat(self.rows), np.arange(rows)
        box, blend, lam = (np.stack(parts)[of_row, each] for parts in zip(*made, strict=True))
        return box, blend, lam, which

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
    augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int, patch: int = 0
) -> Mixer | None:
    """The mixer of a run; None for augment.mix=none.

    size: of the images, in pixels. batch_size: of the global batch. examples: in an epoch. patch: pixels of a
    side of the model's patches, 0 where it has none.
    Raises ConfigError, with file and line for a method of the user's.
    """
    if augment.mix == "none":
        return None
    return Mixer(
        augment,
        seed=seed,
        epochs=epochs,
        size=size,
        batch_size=batch_size,
        examples=examples,
        patch=patch,
    )
