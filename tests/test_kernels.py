import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as tv

from mixscope.data import kernels, order
from mixscope.mixing.plan import NO_MASK

MEAN, STD = (0.507, 0.487, 0.441), (0.267, 0.256, 0.276)
N = 12


def reference_window(image, crop, flip, pad):
    """Zero padding, crop, flip of one image of bytes."""
    size = image.shape[-1]
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)))
    window = padded[:, crop[0] : crop[0] + size, crop[1] : crop[1] + size]
    return window[:, :, ::-1] if flip else window


def reference_normalise(image):
    mean, std = np.array(MEAN)[:, None, None], np.array(STD)[:, None, None]
    return (image / 255 - mean) / std


def reference(images, own, crop, flip, partner, box, blend, pad):
    """What the fused kernel promises, one image at a time in float64."""
    out = []
    for i, row in enumerate(own):
        image = reference_normalise(reference_window(images[row], crop[row], flip[row], pad))
        if len(partner):
            p = partner[i]
            other = reference_normalise(reference_window(images[p], crop[p], flip[p], pad))
            y0, y1, x0, x1 = box[i]
            area = np.s_[:, y0:y1, x0:x1]
            image = image.copy()
            image[area] = blend[i] * image[area] + (1 - blend[i]) * other[area]
        out.append(image)
    return np.array(out)


def case(seed, size, pad, mix):
    """Everything a kernel needs, drawn at random."""
    draws = np.random.default_rng(seed)
    images = draws.integers(0, 256, (N, 3, size, size), dtype=np.uint8)
    images.flags.writeable = False
    own, crop, flip = draws.permutation(N), draws.integers(0, 2 * pad + 1, (N, 2)), draws.integers(0, 2, N)
    edges = np.sort(draws.integers(0, size + 1, (N, 2, 2)), axis=2).reshape(N, 4)
    box = np.broadcast_to([0, size, 0, size], (N, 4)) if mix == "mixup" else edges
    blend = {"mixup": draws.random(N), "cutmix": np.zeros(N), "both": draws.random(N), "none": np.zeros(N)}[
        mix
    ]
    partner = draws.permutation(N) if mix != "none" else np.empty(0, np.int64)
    return {
        "images": images,
        "own": own,
        "crop": crop.astype(np.uint16),
        "flip": flip.astype(np.bool_),
        "partner": partner,
        "box": np.ascontiguousarray(box, np.int32),
        "blend": blend.astype(np.float32),
    }


def run(given, size, pad):
    out = np.full((N, 3, size, size), np.nan, np.float32)
    rows, partner = given["own"], given["partner"]
    if len(partner):  # positions: the rows of the partners follow those of the images
        rows, partner = np.concatenate([rows, partner]), np.arange(N, 2 * N)
    staged = np.empty((len(rows) if len(partner) else 0, 3, size, size), np.uint8)
    drawn = (rows, rows, given["crop"], given["flip"], *kernels.KEPT)
    mixed = (partner, given["box"], given["blend"], given.get("mask", NO_MASK), given.get("resized", False))
    kernels.fused(size, pad)(given["images"], *drawn, *mixed, *kernels.normaliser(MEAN, STD), staged, out)
    return out


@pytest.mark.parametrize(("size", "pad"), [(32, 4), (32, 0), (64, 8), (8, 1), (28, 3)])
@pytest.mark.parametrize("mix", ["none", "mixup", "cutmix", "both"])
def test_the_kernel_agrees_with_the_plain_computation(size, pad, mix):
    for seed in range(20):
        given = case(seed, size, pad, mix)
        before = {name: value.copy() for name, value in given.items()}
        assert np.abs(run(given, size, pad) - reference(**given, pad=pad)).max() <= 1e-6
        assert all(np.array_equal(given[name], before[name]) for name in given)


def test_outside_its_box_a_mixed_image_has_the_bits_of_an_unmixed_one():
    given = case(0, 32, 4, "both")
    mixed = run(given, 32, 4)
    plain = run({**given, "partner": np.empty(0, np.int64)}, 32, 4)
    for i, (y0, y1, x0, x1) in enumerate(given["box"]):
        outside = np.ones((32, 32), bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(mixed[i][:, outside], plain[i][:, outside])


def test_a_cutmix_box_has_the_bits_of_the_partner():
    given = case(1, 32, 4, "cutmix")
    mixed = run(given, 32, 4)
    partners = run({**given, "own": given["partner"], "partner": np.empty(0, np.int64)}, 32, 4)
    for i, (y0, y1, x0, x1) in enumerate(given["box"]):
        assert np.array_equal(mixed[i, :, y0:y1, x0:x1], partners[i, :, y0:y1, x0:x1])


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "both"])
def test_partners_may_be_images_of_the_batch_or_follow_them(mix):
    """Positions in the batch, as a loader of one rank gives them, and rows behind it, as one of many does."""
    given = case(3, 32, 4, mix)
    within = np.argsort(given["own"])[given["partner"]]  # where in the batch the partner's row stands
    out, staged = np.full((N, 3, 32, 32), np.nan, np.float32), np.empty((N, 3, 32, 32), np.uint8)
    drawn = (given["own"], given["own"], given["crop"], given["flip"], *kernels.KEPT)
    mixed = (within, given["box"], given["blend"], NO_MASK, False)
    kernels.fused(32, 4)(given["images"], *drawn, *mixed, *kernels.normaliser(MEAN, STD), staged, out)
    assert np.array_equal(out, run(given, 32, 4))


def test_boxes_beyond_the_image_are_clipped():
    given = case(2, 32, 4, "both")
    wide = given["box"] + np.array([-40, 40, -40, 40], np.int32)
    whole = np.ascontiguousarray(np.broadcast_to([0, 32, 0, 32], (N, 4)), np.int32)
    assert np.array_equal(run({**given, "box": wide}, 32, 4), run({**given, "box": whole}, 32, 4))


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([32, 64]))
def test_resized_crops_agree_with_torchvision(seed, size):
    draws = np.random.default_rng(seed)
    images = draws.integers(0, 256, (N, 3, size, size), dtype=np.uint8)
    images.flags.writeable = False
    crop, flip = order.resized_crops(N, seed=seed, address=(0,), size=size), draws.integers(0, 2, N) == 1
    out = np.empty_like(images)
    kernels.resampler(size)(images, np.arange(N), np.arange(N), crop, flip, out)
    for i in range(N):
        top, left, height, width = map(int, crop[i])
        exact = tv.resized_crop(torch.tensor(images[i]).double(), top, left, height, width, [size, size])
        exact = exact.flip(-1) if flip[i] else exact
        # Rounding to a byte costs 0.5, weights of 11 bits 255 / 2048 in each direction.
        assert np.abs(out[i] - exact.numpy()).max() <= 0.5 + 2 * 255 / 2048


def test_a_resized_crop_of_the_whole_image_is_the_image():
    images = np.random.default_rng(0).integers(0, 256, (N, 3, 32, 32), dtype=np.uint8)
    images.flags.writeable = False
    crop, out = np.tile(np.array([0, 0, 32, 32], np.uint16), (N, 1)), np.empty_like(images)
    kernels.resampler(32)(images, np.arange(N), np.arange(N), crop, np.zeros(N, bool), out)
    assert np.array_equal(out, images)


def test_the_first_start_says_that_it_compiles_and_the_second_finds_it_on_disk(tmp_path):
    program = "from mixscope.data import kernels; kernels.fused(8, 1); kernels.fused(16, 2)"
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"}

    def start() -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert start().count("compiling") == 2
    assert start() == ""


def test_a_loaded_kernel_is_not_compiled_again(caplog):
    kernels.fused(32, 4)
    with caplog.at_level(logging.WARNING):
        assert kernels.fused(32, 4) is kernels.fused(32, 4)
    assert not caplog.records
