"""Each mixing method against its definition, and against a published implementation given the same draws.

OpenMixup: Westlake-AI/openmixup, commit a0c5840; FMix: ecs-vlc/FMix; `mixup` 0.2.2 of PyPI. What is said of
them here are their formulas, written again in numpy.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.nn import functional

from memory_store import MemoryStore, loader_with
from mixscope import mixing
from mixscope.data import device, saliency
from mixscope.data.loader import Augmentation, Loader, Sampling
from mixscope.mixing import cutmix, cutmix_aligned, fmix, gridmix, plan, resizemix, smoothmix
from mixscope.study import methods
from mixscope.study.config import Augment

SIZE = 32
PIXELS = [name for name in methods.builtin() if name != "manifold"]
SHARES = st.floats(0, 1)
PLACES = st.floats(0, 1, exclude_max=True)


def mixer(mix, **changes):
    about = {"seed": 0, "epochs": 4, "size": SIZE, "batch_size": 10, "examples": 83, "patch": 8}
    about |= {k: changes.pop(k) for k in list(changes) if k in about}
    return mixing.make(Augment(mix=mix, **changes), **about)


def peaks(made, n):
    return np.random.default_rng(1).integers(0, SIZE, (n, 2)) if made.peaks else None


def own_weights(given, size):
    """The weight of the own image at each pixel, float64 (n, H, W): the definition of a plan."""
    n = len(given.partner)
    if len(given.mask):
        return np.broadcast_to(given.mask, (n, size, size)).astype(np.float64)
    made = np.ones((n, size, size))
    for i, (y0, y1, x0, x1) in enumerate(given.box):
        made[i, y0:y1, x0:x1] = 0 if given.resized else given.blend[i]
    return made


def mixed(images, given):
    """Mixed images by the definition, float64. images: float (n, 3, H, W)."""
    size = images.shape[-1]
    others = images[given.partner].astype(np.float64)
    if given.resized:
        for i, (y0, y1, x0, x1) in enumerate(given.box):
            if y1 > y0:
                small = functional.interpolate(
                    torch.tensor(others[i : i + 1]), (y1 - y0, x1 - x0), mode="bilinear", align_corners=False
                )
                others[i, :, y0:y1, x0:x1] = small[0].numpy()
    weights = own_weights(given, size)[:, None]
    return weights * images + (1 - weights) * others


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", methods.builtin())
@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("prob", [1.0, 0.6])
def test_the_label_weight_is_the_share_of_own_pixels(mix, per, prob):
    made = mixer(mix, per=per, prob=prob)
    plans = made.draw(1, peaks(made, 83))
    for batch, n in [*((b, 10) for b in range(8)), (8, 3), (2, 7)]:
        given = plans.of(batch, n)
        if given is not None:
            assert sorted(given.partner) == list(range(n)) and given.lam.dtype == np.float32
            if given.place is None:
                share = own_weights(given, SIZE).mean(axis=(1, 2))
                assert np.allclose(given.lam, share, atol=1e-6)
            assert prob < 1 or mix == "gridmix" or (given.lam < 1).mean() > 0.5 or per == "batch"


@pytest.mark.parametrize("mix", PIXELS)
@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_loader_and_device_do_what_is_planned(mix, per, base):
    store = MemoryStore(83)
    about = {"batch_size": 10, "seed": 0, "base": base, "shuffle": True}
    made = mixer(mix, per=per, prob=0.8)
    with (
        loader_with(store, "train", **about) as plain,
        loader_with(store, "train", **about, mixer=made) as ours,
        loader_with(store, "train", **about, mixer=made, device_augment=True) as raw,
    ):
        builder = ours._builder
        for _ in range(2):
            for number, (bare, kernel, left) in enumerate(zip(plain, ours, raw, strict=True)):
                epoch = ours.position.epoch
                given = builder.draws(epoch).plans.of(number, len(bare.ids))
                finished = device.finish(left, raw.spec)
                assert (finished.images - kernel.images).abs().max() <= 1e-6
                assert (given is None) == (kernel.lam is None) == (finished.lam is None)
                expected = bare.images.numpy()
                if given is not None:
                    assert np.array_equal(kernel.lam, given.lam) and np.array_equal(finished.lam, given.lam)
                    assert np.array_equal(kernel.partner_labels, bare.labels.numpy()[given.partner])
                    expected = mixed(expected, given)
                # A resized partner is rounded to bytes, by weights of 11 bits.
                slack = (0.5 + 2 * 255 / 2048) / 255 / 0.25 if mix == "resizemix" else 1e-5
                assert np.abs(kernel.images.numpy() - expected).max() <= slack


@pytest.mark.parametrize("mix", PIXELS)
def test_ranks_make_the_batches_of_one_process(mix):
    store = MemoryStore(23)
    about = {"batch_size": 10, "seed": 0, "base": "crop-flip", "shuffle": True}
    made = mixer(mix, per="sample", examples=23)
    for on_device in (False, True):
        with loader_with(store, "train", **about, mixer=made) as alone:
            parts = [
                loader_with(store, "train", **about, mixer=made, rank=r, ranks=2, device_augment=on_device)
                for r in range(2)
            ]
            for whole, *both in zip(alone, *parts, strict=True):
                both = [device.finish(part, alone.spec) for part in both]
                images = torch.cat([part.images for part in both])
                assert (images - whole.images).abs().max() <= 1e-6
                assert torch.equal(torch.cat([part.lam for part in both]), whole.lam)
            for part in parts:
                part.close()


@pytest.mark.parametrize("mix", methods.builtin())
def test_all_share_partners_and_those_with_lambda_follow_it(mix):
    """The larger MixUp's lambda, the more of the own image every method keeps, but for where a box lies."""
    made, reference = mixer(mix, per="sample", batch_size=256, examples=4096), None
    reference = mixer("mixup", per="sample", batch_size=256, examples=4096).draw(0)
    plans = made.draw(0, peaks(made, 4096))
    both = [(plans.of(b, 256), reference.of(b, 256)) for b in range(16)]
    assert all(np.array_equal(one.partner, two.partner) for one, two in both)
    lam = [np.concatenate([pair[i].lam for pair in both]) for i in (0, 1)]
    assert stats.spearmanr(*lam).statistic > (0.4 if mix == "smoothmix" else 0.8)


@pytest.mark.parametrize("mix", ["fmix", "gridmix", "smoothmix", "saliencymix"])
def test_a_plan_does_not_depend_on_what_was_asked_before(mix):
    made = mixer(mix, per="batch", batch_size=2, examples=2000)
    found = peaks(made, 2000)
    straight, jumping = made.draw(0, found), made.draw(0, found)
    expected = [straight.of(batch, 2) for batch in range(1000)]
    for batch in np.random.default_rng(0).permutation(1000):
        for one, two in zip(expected[batch], jumping.of(batch, 2), strict=True):
            assert np.array_equal(one, two)


def test_switch_takes_any_method_and_each_batch_is_that_of_one():
    shares = dict.fromkeys(methods.builtin(), 1.0)
    made = mixer("switch", switch=shares, per="sample", batch_size=4, examples=400)
    found = peaks(made, 400)
    plans = made.draw(2, found)
    assert set(plans.which) == set(range(len(shares)))
    for batch in range(100):
        name = made.taken[plans.which[batch]].method.name
        alone = mixer(name, per="sample", batch_size=4, examples=400)
        same = alone.draw(2, found if alone.peaks else None).of(batch, 4)
        for field, mine, its in zip(plan.Plan._fields, plans.of(batch, 4), same, strict=True):
            assert np.array_equal(mine, its) or field in ("mask", "lam") or name == "manifold", (name, field)


# --- one by one -----------------------------------------------------------------------------------


@given(lam=SHARES, cy=PLACES, cx=PLACES, patch=st.sampled_from([2, 4, 8, 16]))
def test_aligned_boxes_are_unions_of_patches(lam, cy, cx, patch):
    (box,), _, _ = cutmix_aligned.boxes(np.array([lam]), np.array([[cy, cx]]), SIZE, patch)
    assert (box % patch == 0).all() and box.min() >= 0 and box.max() <= SIZE
    sides = box[1::2] - box[::2]
    assert (sides <= patch * round(SIZE / patch * math.sqrt(1 - lam))).all()


def test_an_aligned_box_inside_the_image_has_the_nearest_side_of_whole_patches():
    lam = np.linspace(0, 1, 101)
    box, _, _ = cutmix_aligned.boxes(lam, np.full((101, 2), 0.5), 64, 8)
    inside = (box[:, ::2] > 0).all(axis=1) & (box[:, 1::2] < 64).all(axis=1)
    side = (box[:, 1] - box[:, 0])[inside]
    assert np.abs(side - 64 * np.sqrt(1 - lam[inside])).max() <= 4 and inside.sum() > 20


@given(lam=SHARES, cy=PLACES, cx=PLACES)
def test_a_resized_box_is_square_inside_and_of_the_papers_scales(lam, cy, cx):
    ((y0, y1, x0, x1),) = resizemix.resized(np.array([lam]), np.array([[cy, cx]]), SIZE).box
    assert 0 <= y0 and y1 <= SIZE and 0 <= x0 and x1 <= SIZE and y1 - y0 == x1 - x0
    assert 0.1 * SIZE - 1 < y1 - y0 <= 0.8 * SIZE


def test_scales_of_resizemix_are_uniform_and_any_place_is_taken():
    random = np.random.default_rng(0)
    box = resizemix.resized(random.random(20_000), random.random((20_000, 2)), 1000).box
    side = box[:, 1] - box[:, 0]
    assert stats.kstest(side / 1000, stats.uniform(0.1, 0.7).cdf).pvalue > 1e-4
    free = box[:, 0] / (1000 - side)
    assert stats.kstest(free, "uniform").pvalue > 1e-4


@given(seed=st.integers(0, 2**32), side=st.integers(1, 32))
def test_the_resized_partner_is_pypi_mixups(seed, side):
    """`mixup` 0.2.2 resizes by F.interpolate, bilinear; ours are bytes, by integer weights."""
    random = np.random.default_rng(seed)
    images = torch.from_numpy(random.integers(0, 256, (2, 3, SIZE, SIZE), dtype=np.uint8))
    y, x = (int(random.integers(0, SIZE - side + 1)) for _ in range(2))
    box = torch.tensor([[y, y + side, x, x + side]] * 2, dtype=torch.int32)
    ours = device.resized_into(images, box)[:, :, y : y + side, x : x + side]
    theirs = functional.interpolate(images.double(), (side, side), mode="bilinear", align_corners=False)
    assert (ours.double() - theirs).abs().max() <= 0.5 + 2 * 255 / 2048


@given(lam=SHARES, seed=st.integers(0, 1000), soft=st.sampled_from([0.0, 0.1, 0.5]))
def test_masks_of_fmix_are_the_authors(lam, seed, soft):
    """`binarise_mask` of ecs-vlc/FMix, given the same noise and the same choice of rounding."""
    random = np.random.default_rng(seed)
    image, chance = random.random((1, 9, 9)), random.random(1)
    order = image.reshape(-1).argsort()[::-1]
    theirs = image.reshape(-1).copy()
    count = math.ceil(lam * theirs.size) if chance[0] > 0.5 else math.floor(lam * theirs.size)
    edge = int(theirs.size * (min(lam, 1 - lam) if soft > lam or soft > 1 - lam else soft))
    if count - edge < 0 or count + edge > theirs.size:
        return  # a rounding of lambda at the very end, where the authors' slices wrap around
    theirs[order[: count + edge]] = 1
    theirs[order[count - edge :]] = 0
    theirs[order[count - edge : count + edge]] = np.linspace(1, 0, 2 * edge)
    ours = fmix.masks(np.array([lam]), image, chance, soft=soft)
    assert np.allclose(ours[0], theirs.reshape(9, 9), atol=1e-6)
    assert abs(ours.mean() - lam) <= 1 / 81 + 1e-6


def test_noise_of_fmix_is_pypi_mixups():
    """`FMix` of `mixup` 0.2.2, given the same normal draws; it drops the mean, which moves no edge."""
    ours = fmix.noise(1, SIZE, np.random.default_rng(3))[0]
    random = np.random.default_rng(3)
    real, imaginary = (torch.tensor(random.standard_normal((SIZE, SIZE))) for _ in range(2))
    along = torch.fft.fftfreq(SIZE, dtype=torch.float64)
    down, across = torch.meshgrid(along, along, indexing="ij")
    distance = torch.sqrt(down**2 + across**2)
    distance[0, 0] = 1.0
    spectrum = torch.complex(real, imaginary) / distance**3
    spectrum[0, 0] = 0.0
    theirs = torch.fft.ifft2(spectrum).real.numpy()
    assert np.allclose(
        ours - ours.mean(), theirs - theirs.mean(), rtol=1e-6, atol=1e-6 * np.abs(theirs).max()
    )


def test_masks_of_fmix_are_connected_as_low_frequencies_are():
    """Neighbours agree far more often than in white noise of the same mean."""
    masks = fmix.hard(np.full(50, 0.5), SIZE, np.random.default_rng(0))
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert (masks[:, 1:] == masks[:, :-1]).mean() > 0.9


@given(lam=SHARES, seed=st.integers(0, 1000), size=st.sampled_from([8, 28, 32, 30]))
def test_gridmix_keeps_whole_cells(lam, seed, size):
    mask = gridmix.mask(np.array([lam]), size, np.random.default_rng(seed))[0]
    edges = [size * k // 4 if size % 4 == 0 else math.ceil(size * k / 4) for k in range(5)]
    cells = [mask[a:b, c:d] for a, b in pairwise(edges) for c, d in pairwise(edges)]
    assert all(cell.min() == cell.max() for cell in cells)
    assert sum(cell[0, 0] for cell in cells) == np.rint(16 * lam)


def test_any_cells_of_gridmix_are_equally_likely():
    masks = gridmix.mask(np.full(8000, 0.5), 4, np.random.default_rng(0))
    assert stats.chisquare(masks.sum(axis=0).ravel()).pvalue > 1e-4


@given(lam=SHARES, cy=st.integers(0, 31), cx=st.integers(0, 31))
def test_windows_of_smoothmix_are_openmixups(lam, cy, cx):
    """Its grid of 2s pixels is rolled by the draw and cut in the middle; sigma is drawn, not from lambda."""
    sigma = (0.5 - 0.25 * lam) * SIZE
    s = 2 * SIZE
    along = np.tile(np.arange(s), (s, 1))
    grid = np.stack([along, along.T], axis=-1)
    grid = np.roll(np.roll(grid, cy - SIZE // 2, axis=0), cx - SIZE // 2, axis=1)[
        s // 4 : -(s // 4), s // 4 : -(s // 4)
    ]
    theirs = np.exp(-((grid - (s - 1) / 2) ** 2).sum(axis=-1) / (2 * sigma**2))
    # Their centre lies half a pixel above and left of ours, which is uniform over the area of a pixel.
    ours = smoothmix.mask(np.array([lam]), np.array([[cy / SIZE, cx / SIZE]]), SIZE)[0]
    assert np.allclose(1 - ours, theirs, atol=1e-6)


def test_saliencymix_pastes_cutmixs_box_at_the_partners_peak():
    made = mixer("saliencymix", per="sample", examples=10)
    at = np.random.default_rng(5).integers(0, SIZE, (10, 2))
    given = made.draw(0, at).of(0, 10)
    lam = mixer("mixup", per="sample", examples=10).draw(0).of(0, 10).lam.astype(np.float64)
    box, _ = cutmix.boxes(lam, (at[given.partner] + 0.5) / SIZE, SIZE)
    assert np.abs(box - given.box).max() <= 1  # lam went through float32
    assert (given.box[:, ::2] <= at[given.partner]).all() and (given.box[:, 1::2] >= at[given.partner]).all()


def test_saliency_is_the_difference_from_the_mean_of_windows():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    found = saliency.maps(images)
    grey = np.tensordot(images.astype(np.float64), [0.299, 0.587, 0.114], axes=(1, 0))
    for i, y, x in ((0, 0, 0), (1, 5, 11), (0, 15, 8)):
        expected = 0.0
        for reach in (2, 4, 8):
            window = grey[i, max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            expected += abs(grey[i, y, x] - window.mean())
        assert found[i, y, x] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("base", ["none", "crop-flip", "rrc"])
def test_a_peak_is_followed_through_crop_and_flip(base):
    """Images are black but for one white pixel, a block where it is enlarged: where it ends is the peak."""
    store = MemoryStore(40)
    at = np.random.default_rng(2).integers(8, 24, (40, 2))
    store._images = np.zeros_like(store._images)
    for image, (y, x) in zip(store._images, at, strict=True):
        image[:, y, x] = 255
    found = saliency.peaks(store.images("train"), None, "train")
    assert np.array_equal(found, at)
    with Loader(
        store, "train", Sampling(batch_size=40, seed=1, shuffle=True), Augmentation(base=base)
    ) as loader:
        batch = next(iter(loader))
        draws = loader._builder.draws(0).draws
        moved = saliency.moved(found, draws, SIZE, loader._builder.pad)
        for image, (y, x) in zip(batch.images.numpy()[:, 0], moved, strict=True):
            if image.max() > 0:  # a crop may have left it out
                best = np.array(np.unravel_index(image.argmax(), image.shape))
                assert np.abs(best - (y, x)).max() <= (0 if base != "rrc" else 3)


def test_saliency_is_computed_once_for_a_folder(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 16, 16), dtype=np.uint8)
    first = saliency.peaks(images, tmp_path, "train")
    monkeypatch.setattr(saliency, "maps", lambda _: pytest.fail("it is there already"))
    assert np.array_equal(saliency.peaks(images, tmp_path, "train"), first)
