"""Data sets prepared at another image size: pixels as Pillow resizes them, boxes scaled along."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixscope import cli
from mixscope.data import resizing
from mixscope.data.content import Content, Split
from mixscope.data.prepare import prepare
from mixscope.data.store import Store
from mixscope.data.store_writer import verify
from mixscope.errors import ConfigError, DataError


def pillow(image: np.ndarray, size: int) -> np.ndarray:
    picture = Image.fromarray(image.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [16, 33, 64])
def test_every_image_of_cifar100_is_the_one_that_pillow_resizes(tmp_path, cifar100_binary, size):
    plain = prepare("cifar100", root=tmp_path, source=cifar100_binary)
    made = prepare("cifar100", root=tmp_path, source=cifar100_binary, size=size, called="other")
    assert made.size == size and made.digest != plain.digest
    assert f"images resized from 32 to {size} px" in made.manifest["notes"]
    for split in ("train", "test"):
        np.testing.assert_array_equal(made.labels(split), plain.labels(split))
        for small, large in zip(plain.images(split), made.images(split), strict=True):
            np.testing.assert_array_equal(large, pillow(small, size))
    assert made.class_names == plain.class_names and made.superclass_names == plain.superclass_names
    assert verify("other", root=tmp_path).manifest["set"] == "cifar100"
    pixels = made.images("train").transpose(1, 0, 2, 3).reshape(3, -1) / 255
    np.testing.assert_allclose(made.mean, pixels.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(made.std, pixels.std(axis=1), rtol=1e-9)


@pytest.mark.parametrize(("size", "times"), [(32, 0.5), (128, 2)])
def test_boxes_of_tiny_imagenet_cover_the_same_part_of_the_resized_image(tmp_path, tiny_folder, size, times):
    plain = prepare("tiny-imagenet", root=tmp_path, source=tiny_folder)
    made = prepare("tiny-imagenet", root=tmp_path, source=tiny_folder, size=size, called="other")
    for split in ("train", "test"):
        for before, after in zip(plain.boxes(split), made.boxes(split), strict=True):
            edges = np.array([*before[:2], *(before[2:] + 1)]) * times  # of areas, no longer of pixels
            expected = [*np.floor(edges[:2]), *(np.ceil(edges[2:]) - 1)]
            np.testing.assert_array_equal(after, expected)
    np.testing.assert_array_equal(made.images("test")[0], pillow(plain.images("test")[0], size))
    assert "images resized from 64 to" in " ".join(made.manifest["notes"])


def test_boxes_that_cover_nothing_cover_nothing_after_resizing():
    boxes = np.array([[-1, -1, -1, -1], [5, 5, 4, 9], [0, 0, 63, 63], [0, 0, 32767, 1]], np.int16)
    images = np.zeros((4, 3, 64, 64), np.uint8)
    split = Split(count=4, images=[images], labels=np.zeros(4, np.int64), boxes=boxes)
    made = resizing.resized(Content(size=64, class_names=("a",), splits={"train": split}), 96)
    expected = [[-1, -1, -1, -1], [5, 5, 4, 9], [0, 0, 95, 95], [0, 0, 32767, 2]]
    np.testing.assert_array_equal(made.splits["train"].boxes, expected)


def test_a_set_asked_for_at_its_own_size_is_the_same_set_without_a_note(tmp_path, cifar100_binary):
    plain = prepare("cifar100", root=tmp_path, source=cifar100_binary)
    made = prepare("cifar100", root=tmp_path, source=cifar100_binary, size=32, called="other")
    assert {**plain.manifest, "name": "other"} == made.manifest


def test_digits_too_can_be_resized(tmp_path):
    assert prepare("digits", root=tmp_path, size=16, called="digits-16px").images("test").shape[2:] == (
        16,
        16,
    )


def test_large_images_are_resized_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(resizing, "BLOCK_BYTES", 2 * 3 * 64 * 64)
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    split = Split(count=5, images=[images[:3], images[3:]], labels=np.zeros(5, np.int64))
    made = resizing.resized(Content(size=8, class_names=("a",), splits={"train": split}), 64)
    blocks = list(made.splits["train"].images)
    assert [len(block) for block in blocks] == [2, 1, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), [pillow(image, 64) for image in images])


def test_the_command_prepares_a_resized_set_under_its_name_and_never_under_the_official_one(
    tmp_path, cifar100_binary, capsys
):
    words = ["data", "prepare", "cifar100", "--source", str(cifar100_binary), "--root", str(tmp_path)]
    assert cli.main([*words, "--size", "64"]) == 2
    assert "--as cifar100-64px" in capsys.readouterr().err
    for _ in range(2):  # the second time it is there
        assert cli.main([*words, "--size", "64", "--as", "cifar100-64px"]) == 0
        assert "note      images resized from 32 to 64 px" in capsys.readouterr().out
    assert Store.open(tmp_path, "cifar100-64px").size == 64
    assert not (Path(tmp_path) / "cifar100").exists()
    assert cli.main([*words, "--size", "48", "--as", "cifar100-64px"]) == 4
    assert "at 64 px, not 48; give another name with --as" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "cifar100-64px" / "manifest.json").read_text())
    assert (manifest["set"], manifest["size"]) == ("cifar100", 64)


def test_a_size_of_a_set_of_ones_own_is_asked_of_what_it_was_made_from(tmp_path, cifar100_binary):
    prepare("cifar100", root=tmp_path, source=cifar100_binary, called="mine")
    with pytest.raises(ConfigError, match="mine is prepared already; give the set that it was made from"):
        prepare("mine", root=tmp_path, size=64)
    with pytest.raises((ConfigError, DataError), match="made from"):
        prepare("mine", root=tmp_path, size=64, called="mine-64px")
