import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixscope.data import order


def draws(seed=0, epoch=0, base="crop-flip", rows=None, stored=500, size=32, shuffle=True):
    rows = np.arange(stored) if rows is None else rows
    return order.draw(rows, stored=stored, seed=seed, epoch=epoch, base=base, shuffle=shuffle, size=size)


@given(examples=st.integers(1, 300), batch_size=st.integers(1, 64), ranks=st.integers(1, 5))
def test_ranks_share_every_batch_without_loss_or_doubling(examples, batch_size, ranks):
    seen = []
    for batch in range(order.batches(examples, batch_size, drop_last=False)):
        everyone = np.arange(examples)[order.members(examples, batch_size, batch)]
        parts = [everyone[order.shard(len(everyone), rank, ranks)] for rank in range(ranks)]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert max(map(len, parts)) <= -(-batch_size // ranks)
        seen += [example for part in parts for example in part]
    assert seen == list(range(examples))


@given(examples=st.integers(1, 300), batch_size=st.integers(1, 64))
def test_dropping_the_last_batch_leaves_out_only_a_shorter_one(examples, batch_size):
    kept = order.batches(examples, batch_size, drop_last=True)
    sizes = [
        (at := order.members(examples, batch_size, batch)).stop - at.start
        for batch in range(order.batches(examples, batch_size, drop_last=False))
    ]
    assert sizes[:kept] == [batch_size] * kept
    assert all(size < batch_size for size in sizes[kept:])
    assert len(sizes) - kept <= 1


@pytest.mark.parametrize("change", [{"seed": 1}, {"epoch": 1}])
@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_another_seed_or_epoch_changes_order_crops_and_flips(change, base):
    one, other = draws(base=base), draws(base=base, **change)
    for name in ("order", "crop", "flip"):
        same = (getattr(one, name) == getattr(other, name)).mean()
        assert same < 0.7, name  # flips agree half of the time


@pytest.mark.parametrize("base", ["crop-flip", "rrc"])
def test_a_crop_belongs_to_its_example_whatever_else_is_in_the_split(base):
    whole, part = draws(base=base), draws(base=base, rows=np.arange(0, 500, 3))
    assert np.array_equal(whole.crop, part.crop) and np.array_equal(whole.flip, part.flip)
    assert sorted(part.order) == list(range(0, 500, 3))


def test_the_order_does_not_depend_on_the_base_augmentation():
    orders = [draws(base=base).order for base in ("none", "crop-flip", "rrc")]
    assert all(np.array_equal(orders[0], other) for other in orders)


def test_crops_and_flips_are_uniform():
    drawn = draws(stored=40_000)
    counts = np.zeros((9, 9))
    np.add.at(counts, tuple(drawn.crop.T), 1)
    expected = 40_000 / 81
    assert ((counts - expected) ** 2 / expected).sum() < 140  # chi-squared, 80 degrees of freedom, p = 4e-5
    assert abs(drawn.flip.mean() - 0.5) < 0.01


def test_without_augmentation_nothing_is_cropped_flipped_or_shuffled():
    drawn = draws(base="none", shuffle=False)
    assert np.array_equal(drawn.order, np.arange(500))
    assert not drawn.crop.any() and not drawn.flip.any()


@given(seed=st.integers(0, 2**32), size=st.sampled_from([8, 32, 64]))
def test_resized_crops_lie_inside_the_image_and_keep_area_and_ratio(seed, size):
    top, left, height, width = order.resized_crops(200, seed=seed, address=(0,), size=size).astype(int).T
    assert (height >= 1).all() and (width >= 1).all()
    assert (top + height <= size).all() and (left + width <= size).all()
    # Sides are rounded to whole pixels, so the bounds hold for some point half a pixel away.
    assert ((height + 0.5) * (width + 0.5) >= 0.08 * size * size).all()
    whole = (height == size) & (width == size)
    assert (whole | ((width - 0.5) / (height + 0.5) <= 4 / 3)).all()
    assert (whole | ((width + 0.5) / (height - 0.5) >= 3 / 4)).all()


def test_the_area_of_resized_crops_is_uniform():
    height, width = order.resized_crops(20_000, seed=0, address=(0,), size=512).astype(int).T[2:]
    area = np.sort(height * width / 512**2)
    # Large boxes fit less often, so the law is compared where every ratio fits.
    low = area[area < 0.7]
    law = (low - 0.08) / (0.7 - 0.08)
    assert np.abs(law - np.linspace(0, 1, len(law))).max() < 0.02
