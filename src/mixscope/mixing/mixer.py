"""The mixing plans of a run: random draws are passed to the methods, whose results become arrays.

Draws are counter-based (rng.py). Lambda, partners and centres do not depend on the method, so runs that share
seed and alpha share them. A method that needs only these is called once per epoch for all batches. A method
that draws more, returns masks or looks at partners is called for a block of batches when the first of them is
built: the masks of a whole epoch may not fit in memory, and with one call per batch the call overhead exceeds
the arithmetic.
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

BLOCK_PIXELS = 1 << 18  # pixels of the masks built per call: 1 MiB
BLOCK_BATCHES = 64  # batches of boxes built per call


@dataclass(frozen=True, slots=True)
class Taken:
    """A method as used in a run.

    Attributes:
        method: The method.
        alpha: Parameter of its lambda distribution.
        kind: Type of its results.
        attention: Whether label weights are corrected by attention.
        peak: Whether it uses the partner's saliency peak.
        block: Number of batches per call; 0 for the whole epoch.
    """

    method: Method
    alpha: float
    kind: type
    attention: bool
    peak: bool
    block: int


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of all batches of an epoch: the arrays of Plan with a leading batch axis, all read-only.

    With augment.per=batch the single row of a batch applies to all its positions without being repeated in
    memory.

    Attributes:
        mixer: The mixer that drew them.
        epoch: Epoch, from 0.
        first_mixed: int64 (batches,), first mixed position; batch_size where there is none. A position that
            is not mixed has an empty box and lam 1.
        partner: int64 (batches, batch_size), positions in the batch.
        box: int32 (batches, batch_size, 4).
        blend: float32 (batches, batch_size).
        lam: float32 (batches, batch_size).
        mixed: bool (batches, batch_size or 1).
        which: int64 (batches,), index of the method of each batch.
        place: float64 (batches,), see Plan.
        draws: Inputs of the methods, for all rows.
        blocks: Cached results for the last two blocks of batches.
        lock: Guards `blocks`.
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
        """Returns the plan of one batch, None when it is not mixed.

        Partners are a uniformly random permutation: any two images can be paired, and an image can be paired
        with itself, as in the papers.

        Args:
            batch: Index of the batch in the epoch.
            n: Images in the batch, at most batch_size.
        """
        batches, batch_size = self.partner.shape
        assert 0 <= batch < batches and 1 <= n <= batch_size, (batch, n)
        if self.first_mixed[batch] >= n:
            return None
        partner = self.partner[batch]
        if n < batch_size:  # a random permutation restricted to the values below n is a random permutation
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
        """Returns box, blend, lam and mask of a method that is called per block of batches."""
        mixer = self.mixer
        taken = mixer.taken[which]
        rows = mixer.rows_of(taken)
        if taken.peak and n < mixer.batch_size:  # its partners differ from those of a full batch
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
        if still.any():  # only some images of the batch are mixed: one row each
            still = _spread(still, n)
            lam[still] = 1.0
            box = box.copy()
            box[still] = 0
            if len(mask):
                mask = _spread(mask, n).copy()
                mask[still] = 1.0
        return box, blend, lam, mask

    def _block(self, which: int, block: int) -> tuple[Answer, np.ndarray]:
        """A method's result for a block of batches, and label weights."""
        with self.lock:  # waiting threads need the same result
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
        """A method's result for some batches, and label weights.

        Args:
            taken: The method.
            batches: Which batches of the epoch.
            partner: int64 (batches, n), partners of their images.
            address: Address of the method's own random stream.
        """
        mixer = self.mixer
        rows = slice(batches.start * mixer.rows, batches.stop * mixer.rows)
        draws = mixer.draws_of(self.draws, taken, rows, self.epoch, address)
        if taken.peak:  # each image needs the peak of its own partner
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
    """Broadcasts one row to n rows; n rows are returned as they are."""
    return values if len(values) == n else np.broadcast_to(values, (n, *values.shape[1:]))


class Mixer:
    """Draws the mixing plans of one run. Stateless: `draw` returns the same plans in any order of calls."""

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
        """Takes the arguments of `make`, for an augment.mix other than "none"."""
        self.augment, self.seed, self.size, self.batch_size = augment, seed, size, batch_size
        self.mixed_epochs = epochs - augment.off_epochs
        self.batches = -(-examples // batch_size)
        self.rows = batch_size if augment.per == "sample" else 1
        self.patch = augment.grid or patch
        shares = augment.shares
        self.taken = [self._tried(method(name), _alpha(augment, name)) for name in shares]
        # Cumulative probabilities of the methods, for the switch.
        self.bounds = np.cumsum(list(shares.values()))[:-1] / sum(shares.values())

    def _tried(self, how: Method, alpha: float) -> Taken:
        """Calls a method once to find out its result type and needs.

        Raises:
            ConfigError: If the method fails or returns something invalid.
        """
        if "patch" in how.needs and (self.patch < 1 or self.size % self.patch):
            have = f"{self.patch} px do not divide {self.size}" if self.patch else "the model has no patches"
            raise ConfigError(
                "unsupported",
                f"augment.mix={names.label(how.name)} needs the patch grid of a vision transformer, and"
                f" {have}; set augment.grid to the pixels of a patch",
                key="augment.mix",
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
        """Number of rows that a method returns per batch."""
        return self.batch_size if taken.peak else self.rows

    def draws_of(self, draws: dict[str, Any], taken: Taken, rows: slice, *address: int) -> dict[str, Any]:
        """Returns the inputs of a method for some rows of an epoch.

        Args:
            draws: Inputs of all rows.
            taken: The method.
            rows: Which rows.
            *address: Address of the method's own random stream.
        """
        return {
            "lam": draws["lam"][taken.alpha][rows],
            "centre": draws["centre"][rows],
            "size": self.size,
            "patch": self.patch,
            "random": rng.generator(self.seed, "mask", *address) if "random" in taken.method.needs else None,
        }

    @property
    def masks(self) -> bool:
        """Whether any method of the run returns masks."""
        return any(taken.kind is Masks for taken in self.taken)

    @property
    def peaks(self) -> bool:
        """Whether `draw` needs saliency peaks."""
        return any(taken.peak for taken in self.taken)

    @property
    def hidden(self) -> bool:
        """Whether activations of the model are mixed."""
        return any(taken.kind is Hidden for taken in self.taken)

    @property
    def attention(self) -> bool:
        """Whether label weights use the model's attention."""
        return any(taken.attention for taken in self.taken)

    def draw(self, epoch: int, peaks: np.ndarray | None = None) -> Plans | None:
        """Draws all plans of an epoch at once, so that a batch costs only a few slices.

        Args:
            epoch: Epoch, from 0.
            peaks: int32 (examples, 2), row and column of each image's saliency maximum after crop and flip,
                in sampling order; required where `self.peaks` is true.

        Returns:
            The plans; None in an epoch that is not mixed.
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
        """Inputs of the methods, for all rows of an epoch; lambda per alpha."""
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
        """Boxes, blends, label weights and the index of the method, for all rows.

        Rows of a method that is called per block are left undefined.
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


def _alpha(augment: Augment, name: str) -> float:
    """The alpha of a method; MixUp and CutMix keep settings of their own, used in names of existing runs."""
    own = {"mixup": augment.mixup_alpha, "cutmix": augment.cutmix_alpha}
    return own[name] if name in own else augment.alpha.get(name, 1.0)


def make(
    augment: Augment, *, seed: int, epochs: int, size: int, batch_size: int, examples: int, patch: int = 0
) -> Mixer | None:
    """Builds the mixer of a run.

    Args:
        augment: Settings of the augmentation.
        seed: Seed of the run.
        epochs: Epochs of the run.
        size: Side of the images in pixels.
        batch_size: Size of the global batch.
        examples: Images in an epoch.
        patch: Side of the model's patches in pixels, 0 where it has none.

    Returns:
        The mixer, None for augment.mix=none.

    Raises:
        ConfigError: If a method does not fit the run; for a user-defined method with file and line.
    """
    if not augment.shares:
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
