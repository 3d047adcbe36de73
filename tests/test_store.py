"""From a source in its real format to a packed store, and what is said when something is wrong."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from mixscope.data import decoding, disk, formats, inspect, store, store_writer
from mixscope.data.prepare import _about, prepare
from mixscope.data.store import Store
from mixscope.data.store_writer import verify
from mixscope.errors import ConfigError, DataError


def test_cifar_in_either_layout_gives_the_same_store(tmp_path, cifar100_binary, cifar100_python):
    one = prepare("cifar100", root=tmp_path / "a", source=cifar100_binary)
    two = prepare("cifar100", root=tmp_path / "b", source=cifar100_python)
    assert one.digest == two.digest
    assert one.superclass_names == two.superclass_names and len(one.superclass_names) == 20
    assert np.array_equal(one.superclass_of, np.arange(100) // 5)


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_an_archive_gives_the_same_store_as_its_folder(tmp_path, cifar100_binary, mode):
    archive = tmp_path / "cifar.tar"
    with tarfile.open(archive, mode) as file:
        file.add(cifar100_binary, arcname="cifar-100-binary")
    packed = prepare("cifar100", root=tmp_path / "a", source=archive)
    assert packed.digest == prepare("cifar100", root=tmp_path / "b", source=cifar100_binary).digest
    assert not list((tmp_path / "a").glob(".*")), "nothing temporary is left"


def test_bytes_come_out_as_they_went_in(tmp_path, cifar100_binary):
    made = prepare("cifar100", root=tmp_path, source=cifar100_binary)
    rows = np.fromfile(cifar100_binary / "train.bin", dtype=np.uint8).reshape(-1, 3074)
    assert np.array_equal(made.images("train").reshape(len(rows), -1), rows[:, 2:])
    assert np.array_equal(made.labels("train"), rows[:, 1])
    pixels = made.images("train").astype(np.float64) / 255
    assert made.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)))
    assert made.std == pytest.approx(pixels.std(axis=(0, 2, 3)))


def test_tiny_imagenet_takes_its_test_labels_from_the_annotations(tmp_path, tiny_zip, tiny_folder):
    made = prepare("tiny-imagenet", root=tmp_path / "root", source=tiny_zip)
    assert made.class_names == ("car", "apple", "bear")
    assert made.labels("test").tolist() == [0, 1, 2, 0, 1, 2]  # val_0 ... val_5
    assert made.boxes("train")[1].tolist() == [1, 1, 11, 20]
    assert made.boxes("test")[0].tolist() == [0, 0, 30, 40]
    first = np.asarray(Image.open(tiny_folder / "val" / "images" / "val_0.JPEG").convert("RGB"))
    # Two decoders of one JPEG may differ by a rounding.
    assert np.abs(made.images("test")[0].transpose(1, 2, 0).astype(int) - first).max() <= 3
    grey = made.images("train")[4 + 2]
    assert np.array_equal(grey[0], grey[1]) and abs(int(grey[0, 0, 0]) - 70) <= 2


def test_an_image_folder_is_resized_when_asked(tmp_path):
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / "src" / part / name).mkdir(parents=True)
            Image.new("RGB", (20, 10), (200, 0, 50)).save(tmp_path / "src" / part / name / "a.png")
            Image.new("L", (8, 8), 90).save(tmp_path / "src" / part / name / "b.jpg")
    made = prepare("imagefolder", root=tmp_path / "root", source=tmp_path / "src", size=16)
    assert made.images("train").shape == (4, 3, 16, 16)
    assert made.images("test")[0, :, 5, 5].tolist() == [200, 0, 50]
    assert made.class_names == ("cat", "dog") and made.labels("test").tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match="not square; give --size"):
        prepare("imagefolder", root=tmp_path / "other", source=tmp_path / "src")


def test_preparing_twice_changes_nothing(tmp_path, cifar100_binary):
    prepare("cifar100", root=tmp_path, source=cifar100_binary)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cifar100").iterdir()}
    prepare("cifar100", root=tmp_path, source=cifar100_binary)
    assert before == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cifar100").iterdir()}


def test_an_interrupted_prepare_leaves_nothing_that_looks_finished(tmp_path, cifar100_binary):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("cifar100", root=tmp_path, source=cifar100_binary, progress=interrupt)
    assert not store.is_prepared(tmp_path, "cifar100") and not list(tmp_path.glob(".*"))


def test_what_a_killed_prepare_left_is_cleared_away(tmp_path, cifar100_binary):
    leftover = tmp_path / ".cifar100.999999999.making"
    leftover.mkdir()
    prepare("cifar100", root=tmp_path, source=cifar100_binary)
    assert not leftover.exists()


def test_a_changed_byte_is_found(tmp_path, cifar100_binary):
    made = prepare("cifar100", root=tmp_path, source=cifar100_binary)
    assert verify("cifar100", root=tmp_path).digest == made.digest
    file = tmp_path / "cifar100" / "test-images.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"test-images.npy: has changed"):
        verify("cifar100", root=tmp_path)


def test_another_schema_is_refused_with_the_mend(tmp_path, cifar100_binary):
    prepare("cifar100", root=tmp_path, source=cifar100_binary)
    file = tmp_path / "cifar100" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 0}))
    with pytest.raises(DataError, match=r"another version of mixscope.*data prepare cifar100"):
        Store.open(tmp_path, "cifar100")


def test_validation_is_stratified_nested_and_disjoint_from_training(digits_root):
    made = Store.open(digits_root, "digits")
    labels = made.labels("train")
    small, large = (made.rows("val", val_fraction=f)[1] for f in (0.1, 0.3))
    assert set(small) < set(large)
    for fraction, val in ((0.1, small), (0.3, large)):
        train = made.rows("train", val_fraction=fraction)[1]
        assert sorted([*train, *val]) == list(range(len(labels)))
        share = np.bincount(labels[val]) / np.bincount(labels)
        assert np.all(np.abs(share - fraction) < 0.01)


def test_a_reduced_training_set_has_so_many_of_each_class(digits_root):
    made = Store.open(digits_root, "digits")
    rows = made.rows("train", val_fraction=0.1, per_class=7)[1]
    assert np.bincount(made.labels("train")[rows]).tolist() == [7] * 10
    assert not set(rows) & set(made.rows("val", val_fraction=0.1)[1])


def test_info_finds_twins_inside_and_between_splits(tmp_path, cifar100_binary):
    made = prepare("cifar100", root=tmp_path, source=cifar100_binary)
    report = inspect.describe(made)
    assert report["test_images_in_train"] == 1
    assert report["splits"]["train"] == {
        "images": 300, "per_class_min": 3, "per_class_max": 3, "balanced": True, "duplicates": 0,
    }  # fmt: skip
    inspect.contact_sheet(made, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        tile = np.asarray(sheet)[0:64:2, 150:214:2]
    assert np.array_equal(tile, made.images("train")[0].transpose(1, 2, 0))


def test_wrong_sources_get_one_sentence_and_leave_nothing(tmp_path, cifar100_binary, tiny_folder):
    def refused(name, source, sentence):
        root = tmp_path / "root"
        with pytest.raises(DataError, match=sentence):
            prepare(name, root=root, source=source)
        assert not store.is_prepared(root, name) and not list(root.glob(".*"))

    refused("cifar100", tmp_path / "nowhere", "does not exist")
    refused("cifar100", tiny_folder, "is not cifar100; expected train.bin and test.bin")
    refused("tiny-imagenet", cifar100_binary, "is not tiny-imagenet; expected wnids.txt")
    content = (cifar100_binary / "train.bin").read_bytes()
    (cifar100_binary / "train.bin").write_bytes(content[:-1])
    refused("cifar100", cifar100_binary, "not whole records of 3074; the file is truncated")
    broken = bytearray(content)
    broken[1] = 100
    (cifar100_binary / "train.bin").write_bytes(broken)
    refused("cifar100", cifar100_binary, "label 100 of image 0 of train is out of range")
    bad = tiny_folder / "train" / "n01" / "images" / "n01_3.JPEG"
    bad.write_bytes(bad.read_bytes()[:40])
    refused("tiny-imagenet", tiny_folder, "n01_3.JPEG: cannot be read as an image")
    (tiny_folder / "val" / "val_annotations.txt").unlink()
    refused("tiny-imagenet", tiny_folder, "val/val_annotations.txt is missing")
    with pytest.raises(ConfigError, match="nearest: cifar10, cifar100"):
        prepare("cifar10O", root=tmp_path)


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path, cifar100_binary, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"MB are needed on this disk and 0\.0 MB are free"):
        prepare("cifar100", root=tmp_path / "root", source=cifar100_binary)
    assert not store.is_prepared(tmp_path / "root", "cifar100")


# A process that finds room where, by the time it writes, others have taken it.
CROWDED = """
import sys
from mixscope.data import store_writer
from mixscope.cli import main
store_writer.need_room = lambda folder, size: None
raise SystemExit(main(["data", "prepare", "digits", "--root", sys.argv[1]]))
"""


def test_a_disk_that_fills_up_while_arrays_are_written_is_reported_and_leaves_nothing(small_disk):
    command = [sys.executable, "-c", CROWDED, str(small_disk)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "disk is full; free some space, then the same command continues     [exit 1]" in done.stderr
    assert done.stderr.count("\n") == 1 and list(small_disk.iterdir()) == []


def test_every_known_set_that_is_downloaded_has_a_published_checksum():
    for spec in formats.SETS.values():
        assert spec.download is None or (len(spec.download.md5) == 32 and spec.download.urls)


@pytest.mark.slow
def test_the_real_cifar100_has_the_values_that_are_known_of_it(tmp_path, shared_data):
    made = prepare("cifar100", root=tmp_path, source=shared_data / "cifar-100-binary.tar.xz")
    assert made.mean == pytest.approx([0.50707516, 0.48654887, 0.44091784], abs=1e-8)
    assert made.std == pytest.approx([0.26733429, 0.25643846, 0.27615047], abs=1e-8)
    assert inspect.describe(made)["test_images_in_train"] == 10


@pytest.mark.slow
def test_the_real_tiny_imagenet_sample_is_read(tmp_path, shared_data):
    made = prepare("tiny-imagenet", root=tmp_path, source=shared_data / "tiny-imagenet-200-sample.zip")
    assert np.bincount(made.labels("train")).tolist() == [50] * 200
    assert np.bincount(made.labels("test")).tolist() == [10] * 200
    assert (made.boxes("train") >= 0).all() and (made.boxes("test") >= 0).all()


def test_a_set_that_is_prepared_is_not_taken_for_another(tmp_path):
    for folder, value in (("one", 10), ("two", 20)):
        for split in ("train", "test"):
            place = tmp_path / folder / split / "a"
            place.mkdir(parents=True)
            Image.fromarray(np.full((16, 16 + value, 3), value, np.uint8)).save(place / "0.png")
    root, one = tmp_path / "root", tmp_path / "one"
    made = prepare("imagefolder", root=root, source=one, size=16)
    assert prepare("imagefolder", root=root, source=one, size=16).digest == made.digest
    assert prepare("imagefolder", root=root).digest == made.digest
    for source, size, sentence in (
        (tmp_path / "two", 16, "from another source than .*two; give another name with --as"),
        (one, 20, "at 16 px, not 20"),
        (tmp_path / "three", 16, "does not exist"),
    ):
        with pytest.raises(DataError, match=sentence):
            prepare("imagefolder", root=root, source=source, size=size)
    with pytest.raises(ConfigError, match="--size: expected 1 to 4,096 pixels, got 0"):
        prepare("imagefolder", root=root, source=one, size=0)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_an_image_of_32_bits_a_channel_is_refused_by_name_and_not_cut_off(tmp_path, dtype):
    for split in ("train", "test"):
        (tmp_path / "src" / split / "a").mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 30000, dtype)).save(tmp_path / "src" / split / "a" / "deep.tiff")
    with pytest.raises(
        DataError, match=r"deep.tiff: cannot be read as an image .*32 bits.*, and 1 more cannot be used"
    ):
        prepare("imagefolder", root=tmp_path / "root", source=tmp_path / "src", size=8)


def test_processes_that_share_memory_decode_what_one_decodes(tmp_path, tiny_folder, monkeypatch):
    files = sorted(str(file) for file in tiny_folder.rglob("*.JPEG"))
    alone = decoding.decode(files, size=64, exact=True)
    monkeypatch.setattr(decoding.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(decoding, "BLOCK", 3)  # six blocks through memory for four
    parts = [block.copy() for block in decoding.in_turn([files], 64, True)[0]]
    assert [len(part) for part in parts] == [3] * 6
    np.testing.assert_array_equal(np.concatenate(parts), alone)
    with pytest.raises(DataError, match=rf"{files[0]}: is 64 x 64 pixels, expected 32 x 32"):
        list(decoding.in_turn([files], 32, True)[0])


def test_lists_decoded_in_turn_are_decoded_by_the_same_processes(tiny_folder, monkeypatch):
    files = sorted(str(file) for file in tiny_folder.rglob("*.JPEG"))
    monkeypatch.setattr(decoding.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(decoding, "BLOCK", 3)
    started: list[int] = []
    pool = decoding.ProcessPoolExecutor
    monkeypatch.setattr(decoding, "ProcessPoolExecutor", lambda *a, **b: started.append(1) or pool(*a, **b))
    first, second = decoding.in_turn([files[:7], files[7:]], 64, True)
    for part, expected in ((first, files[:7]), (second, files[7:])):
        got = np.concatenate([block.copy() for block in part])
        np.testing.assert_array_equal(got, decoding.decode(expected, size=64, exact=True))
    assert started == [1]
    _, second = decoding.in_turn([files[:7], files[7:]], 64, True)
    with pytest.raises(AssertionError, match="in their order"):
        next(second)


@pytest.mark.parametrize("size", [7, 8, 64, 258, 259])
def test_sums_of_pixels_are_exact(size):
    block = np.random.default_rng(0).integers(250, 256, (7, 3, size, size), dtype=np.uint8)
    sums, squares = np.zeros(3), np.zeros(3)
    store_writer._add_up(block, sums, squares)
    whole = block.astype(np.int64)
    assert sums.tolist() == whole.sum(axis=(0, 2, 3)).tolist()
    assert squares.tolist() == (whole**2).sum(axis=(0, 2, 3)).tolist()


def test_the_digest_of_a_source_folder_is_that_of_its_sorted_names_and_sizes(tmp_path):
    top = tmp_path / "source"
    for name in ("a/b", "a.c/b", "a-b", "b/a/c", "z"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "gone").symlink_to(top / "nowhere")
    (top / "twin").symlink_to(top / "z")
    digest = hashlib.sha256()
    for file in sorted(path for path in top.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(top).as_posix()} {file.stat().st_size}\n".encode())
    assert _about(top) == {"folder": "source", "files": 6, "names_and_sizes_sha256": digest.hexdigest()}
