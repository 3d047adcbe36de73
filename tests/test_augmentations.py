"""What mixing is compared with: erased boxes, policies of operations, repeated images."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision import transforms
from torchvision.transforms import autoaugment

import small_run
from memory_store import MemoryStore, loader_with
from mixscope import mixing
from mixscope.data import device, erasing, order, policy
from mixscope.study.config import Augment

SIZE = 32
ABOUT = {"batch_size": 10, "seed": 0, "base": "crop-flip", "shuffle": True}


def loader(store, **changes):
    return loader_with(store, "train", **(ABOUT | changes))


def mixer(store, mix="cutmix"):
    return mixing.make(
        Augment(mix=mix, per="sample"),
        seed=0,
        epochs=9,
        size=store.size,
        batch_size=10,
        examples=store.stored,
    )


def draws(**changes):
    about = {"stored": 83, "seed": 0, "epoch": 0, "base": "crop-flip", "shuffle": True, "size": SIZE}
    about |= changes
    return order.draw(np.arange(about["stored"]), **about)


# --- erasing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("erase", ["cutout", "random-erasing"])
@pytest.mark.parametrize("base", ["none", "crop-flip", "rrc"])
@pytest.mark.parametrize("mix", [None, "cutmix", "fmix", "resizemix"])
def test_a_box_of_each_image_gets_the_mean_colour_before_images_are_mixed(erase, base, mix):
    store = MemoryStore(43)
    made = mixer(store, mix) if mix else None
    drawn = draws(stored=43, base=base, erase=erase)
    mean = np.rint(255 * store.mean) / 255
    blank = ((mean - store.mean) / store.std)[:, None, None]
    plans = made.draw(0) if made else None
    with (
        loader(store, base=base, mixer=None) as plain,
        loader(store, base=base, mixer=made, erase=erase) as ours,
        loader(store, base=base, mixer=made, erase=erase, device_augment=True) as raw,
    ):
        for number, (bare, kernel, left) in enumerate(zip(plain, ours, raw, strict=True)):
            expected = bare.images.numpy().astype(np.float64)
            for image, row in zip(expected, bare.ids, strict=True):
                y0, y1, x0, x1 = drawn.erase[row]
                image[:, y0:y1, x0:x1] = blank
            plan = plans.of(number, len(expected)) if plans else None
            if plan is not None and mix != "resizemix":
                weights = np.ones((len(expected), 1, SIZE, SIZE))
                if len(plan.mask):
                    weights[:, 0] = plan.mask
                for i, (y0, y1, x0, x1) in enumerate(plan.box):
                    weights[i, :, y0:y1, x0:x1] = plan.blend[i]
                expected = weights * expected + (1 - weights) * expected[plan.partner]
            if mix != "resizemix":
                assert np.abs(kernel.images.numpy() - expected).max() <= 2e-5
            assert (device.finish(left, raw.spec).images - kernel.images).abs().max() <= 1e-6


def test_erased_boxes_do_not_depend_on_mixing_or_base():
    one, two = draws(erase="cutout"), draws(erase="cutout", base="rrc")
    assert np.array_equal(one.erase, two.erase) and np.array_equal(one.flip, two.flip)
    plain = draws()
    assert np.array_equal(plain.order, one.order) and np.array_equal(plain.crop, one.crop)


def test_cutout_is_a_square_of_half_the_side_around_any_pixel():
    box = erasing.boxes("cutout", 20_000, seed=0, address=(0,), size=SIZE)
    middle = (box[:, ::2] > 0).all(axis=1) & (box[:, 1::2] < SIZE).all(axis=1)
    sides = box[:, 1::2] - box[:, ::2]
    assert (sides[middle] == 16).all() and sides.min() >= 8 and 0.1 < middle.mean() < 0.5
    assert box.min() == 0 and box.max() == SIZE


def test_random_erasing_follows_the_laws_of_torchvision():
    """The same law, not the same draws: areas and ratios of ours and of `RandomErasing.get_params`."""
    n = 20_000
    box = erasing.boxes("random-erasing", n, seed=0, address=(0,), size=64)
    height, width = box[:, 1] - box[:, 0], box[:, 3] - box[:, 2]
    erased = height > 0
    assert stats.binomtest(int(erased.sum()), n, 0.5).pvalue > 1e-4
    assert (box >= 0).all() and (box <= 64).all() and (height < 64).all() and (width < 64).all()
    torch.manual_seed(0)
    image = torch.zeros(3, 64, 64)
    theirs = np.array(
        [transforms.RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(4000)]
    )
    for ours, reference in (
        (height * width, theirs[:, 2] * theirs[:, 3]),
        (height / np.maximum(width, 1), theirs[:, 2] / theirs[:, 3]),
        (box[:, 0], theirs[:, 0]),
        (box[:, 2], theirs[:, 1]),
    ):
        assert stats.ks_2samp(ours[erased][:4000], reference).pvalue > 1e-4


# --- policies -------------------------------------------------------------------------------------


class Given:
    """torch.randint that answers what is given."""

    def __init__(self, answers):
        self.answers = list(answers)

    def __call__(self, high, size, **_):
        answer = self.answers.pop(0)
        assert 0 <= answer < high
        return torch.tensor([answer])


@pytest.mark.parametrize("kind", ["trivialaugment", "randaugment"])
@pytest.mark.parametrize("size", [32, 64])
def test_operations_are_torchvisions_bit_for_bit_given_the_same_draws(monkeypatch, kind, size):
    n = 14 * 31 * 2 if kind == "trivialaugment" else 14 * 14 * 4
    images = np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    images[::2] = np.sort(images[::2], axis=3)  # half of them with structure
    made = autoaugment.TrivialAugmentWide() if kind == "trivialaugment" else autoaugment.RandAugment()
    if kind == "trivialaugment":
        drawn = np.stack(np.unravel_index(np.arange(n), (14, 31, 2)), axis=1)[:, None].astype(np.uint8)
    else:
        first, second, one, two = np.unravel_index(np.arange(n), (14, 14, 2, 2))
        drawn = np.zeros((n, 2, 3), np.uint8)
        drawn[:, :, 0], drawn[:, :, 1], drawn[:, :, 2] = (
            np.stack([first, second], 1),
            9,
            np.stack([one, two], 1),
        )
    ours = policy.apply(images, drawn, kind)
    names = list(
        made._augmentation_space(31, (size, size)) if kind == "randaugment" else made._augmentation_space(31)
    )
    assert names == list(policy.OPERATIONS)
    for image, steps, result in zip(images, drawn.tolist(), ours, strict=True):
        asked = []
        for operation, level, negative in steps:
            name = names[operation]
            asked.append(operation)
            if kind == "trivialaugment" and name not in ("Identity", "AutoContrast", "Equalize"):
                asked.append(level)
            if name in policy.SIGNED:
                asked.append(negative)
        given = Given(asked)
        monkeypatch.setattr(torch, "randint", given)
        theirs = made(Image.fromarray(image.transpose(1, 2, 0).copy()))
        assert given.answers == []
        assert np.array_equal(np.asarray(theirs).transpose(2, 0, 1), result), [names[s[0]] for s in steps]


@pytest.mark.parametrize("kind", ["trivialaugment", "randaugment"])
def test_operations_levels_and_signs_are_equally_likely(kind):
    drawn = policy.draws(kind, 20_000, seed=0, address=(0,))
    assert drawn.shape == (20_000, 1 if kind == "trivialaugment" else 2, 3)
    for axis, count in ((0, 14), (2, 2)):
        found = np.bincount(drawn[:, :, axis].ravel(), minlength=count)
        assert len(found) == count and stats.chisquare(found).pvalue > 1e-4
    levels = np.bincount(drawn[:, 0, 1], minlength=31)
    assert (levels[9] == 20_000) if kind == "randaugment" else stats.chisquare(levels).pvalue > 1e-4


@pytest.mark.parametrize("kind", ["trivialaugment", "randaugment"])
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
@pytest.mark.parametrize("mix", [None, "mixup"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_policy_acts_on_bytes_before_the_crop(kind, base, mix, ranks):
    """A store of images that went through the policy beforehand gives the same batches without it."""
    store, done = MemoryStore(23), MemoryStore(23)
    drawn = draws(stored=23, base=base, operations=kind)
    done._images = policy.apply(store.images("train"), drawn.policy, kind)
    made = mixer(store, mix) if mix else None
    more = {"base": base, "mixer": made, "rank": ranks - 1, "ranks": ranks}
    for on_device in (False, True):
        with (
            loader(store, **more, policy=kind, device_augment=on_device) as ours,
            loader(done, **more, device_augment=on_device) as reference,
        ):
            for one, two in zip(ours, reference, strict=True):
                one, two = device.finish(one, ours.spec), device.finish(two, ours.spec)
                assert torch.equal(one.images, two.images) and torch.equal(one.labels, two.labels)


# --- repeats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [2, 3])
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_an_image_is_repeated_with_other_crops_and_flips(repeats, base):
    plain, drawn = draws(base=base), draws(base=base, repeats=repeats)
    assert len(drawn.order) == 83
    assert np.array_equal(drawn.order, plain.order[: -(-83 // repeats)].repeat(repeats)[:83])
    first = slice(0, None, repeats)  # the first copies are the images of a run without repeats
    for name in ("crop", "flip"):
        there = getattr(drawn, name)[drawn.places[first]]
        assert np.array_equal(there, getattr(plain, name)[plain.order[: len(there)]])
    crops = drawn.crop[drawn.places].astype(int)
    alike = (crops[1::repeats] == crops[first][: len(crops[1::repeats])]).all(axis=1)
    assert alike.mean() < 0.2


@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
@pytest.mark.parametrize("mix", [None, "cutmix"])
def test_repeated_images_are_what_their_places_say(base, mix):
    store = MemoryStore(43)
    drawn = draws(stored=43, base=base, repeats=3, erase="cutout")
    # Every copy as an image of its own, cropped as drawn: what a loader without repeats makes of them.
    many = MemoryStore(43 * 3)
    many._images, many._labels = np.tile(store._images, (3, 1, 1, 1)), np.tile(store._labels, 3)
    made = mixer(store, mix) if mix else None
    with loader(store, base=base, mixer=made, repeats=3, erase="cutout") as ours:
        for number, batch in enumerate(ours):
            at = slice(10 * number, 10 * number + 10)
            assert np.array_equal(batch.ids, drawn.order[at])
            assert np.array_equal(batch.labels.numpy(), store._labels[batch.ids])
            copies = _made_of(many, drawn, base, drawn.places[at], ours)
            if mix:
                plan = made.draw(0).of(number, len(batch.ids))
                for i, (y0, y1, x0, x1) in enumerate(plan.box):
                    wanted = copies[i].copy()
                    wanted[:, y0:y1, x0:x1] = copies[plan.partner[i], :, y0:y1, x0:x1]
                    assert np.allclose(batch.images[i], wanted, atol=1e-6)
            else:
                assert np.allclose(batch.images, copies, atol=1e-6)
    with (
        loader(store, base=base, mixer=made, repeats=3, erase="cutout", device_augment=True) as raw,
        loader(store, base=base, mixer=made, repeats=3, erase="cutout") as ours,
    ):
        for left, batch in zip(raw, ours, strict=True):
            assert (device.finish(left, raw.spec).images - batch.images).abs().max() <= 1e-6


def _made_of(store, drawn, base, places, like):
    """The images at `places` of the draws, one by one, float64."""
    mean, std = (v[:, None, None] for v in (store.mean, store.std))
    found = []
    for place in places:
        image = store._images[place].astype(np.float64)
        if base == "rrc":
            top, left, height, width = map(int, drawn.crop[place])
            out = np.empty((1, 3, SIZE, SIZE), np.uint8)
            like._builder.resample(
                store._images, np.array([place]), np.array([place]), drawn.crop, drawn.flip, out
            )
            image = out[0].astype(np.float64)
            assert top + height <= SIZE and left + width <= SIZE
        else:
            y, x = drawn.crop[place]
            image = np.pad(image, ((0, 0), (4, 4), (4, 4)))[:, y : y + SIZE, x : x + SIZE]
            image = image[:, :, ::-1] if drawn.flip[place] else image
        image = image.copy()
        y0, y1, x0, x1 = drawn.erase[place]
        image[:, y0:y1, x0:x1] = np.rint(255 * store.mean)[:, None, None]
        found.append((image / 255 - mean) / std)
    return np.array(found)


def test_repeats_leave_the_number_of_steps_and_change_what_is_learnt(tmp_path):
    small_run.store(tmp_path)
    found = {}
    for name, pairs in {
        "plain": (),
        "repeats": ("augment.repeats=3",),
        "erase": ("augment.erase=random-erasing",),
        "policy": ("augment.policy=trivialaugment",),
    }.items():
        found[name] = small_run.run(small_run.config(*pairs), tmp_path, tmp_path / name)
    assert len({one["steps"] for one in found.values()}) == 1
    assert len({one["results"]["test"]["last"]["nll"] for one in found.values()}) == 4
    assert all(math.isfinite(one["results"]["test"]["last"]["nll"]) for one in found.values())
