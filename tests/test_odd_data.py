"""Data as people hold them: each kind is read with a note of what was done, or refused in one sentence."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import odd_files
from mixscope import cli
from mixscope.data import decoding, formats
from mixscope.data.decoding import Encoded
from mixscope.data.prepare import prepare
from mixscope.errors import ConfigError, DataError
from odd_files import READ, REFUSED, image_folder, parquet, png


def notes(made) -> str:
    return " | ".join(made.manifest["notes"])


def prepared(tmp_path: Path, source: Path, name: str = "imagefolder", **more: object):
    return prepare(name, root=tmp_path / "root", source=source, **more)


@pytest.fixture
def command(tmp_path, capsys):
    """Runs `data prepare` and returns the exit code and the one line of the error."""

    def run(name: str, source: Path, *more: str) -> tuple[int, str]:
        words = ["data", "prepare", name, "--root", str(tmp_path / "root"), "--source", str(source), *more]
        code = cli.main(words)
        err = capsys.readouterr().err
        assert err.count("\n") == (code != 0)
        return code, err

    return run


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """Decodes in this process: to start others takes longer than a test."""
    monkeypatch.setattr(decoding, "cores", lambda: 1)


# --- single files -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", READ)
def test_an_odd_image_is_read_with_a_note_of_what_was_done(tmp_path, command, kind):
    name, content, sentence = READ[kind]
    source = image_folder(tmp_path / "src")
    (source / "train" / "rose" / name).write_bytes(content)
    assert command("imagefolder", source) == (0, "")
    told = notes(prepare("imagefolder", root=tmp_path / "root"))
    if sentence is None:
        assert told == ""
    else:
        assert sentence in told and f"the first is train/rose/{name}" in told


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_no_sound_image_is_refused_in_one_sentence(tmp_path, command, kind):
    import re

    name, content, sentence = REFUSED[kind]
    source = image_folder(tmp_path / "src")
    (source / "train" / "rose" / name).write_bytes(content)
    code, err = command("imagefolder", source)
    assert code == 4 and f"train/rose/{name}" in err and re.search(sentence, err)
    assert not (tmp_path / "root" / "imagefolder").exists()


def test_no_program_is_run_for_a_file_that_pretends_to_be_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("a program was started"))
    _, content, _ = REFUSED["postscript"]
    with pytest.raises(DataError, match="PostScript"):
        decoding.decode([Encoded("x.png", content)], size=8, exact=False)
    assert "EPS" not in decoding.FORMATS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_is_the_one_that_pillow_turns(kind, orientation):
    content = odd_files.turned(orientation, kind)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    found = decoding.decode([Encoded("x", content)], size=8, exact=True)[0].transpose(1, 2, 0)
    assert np.abs(found - expected).max() <= 3  # decoders of JPEG differ by rounding
    assert found[0, 0, 0] > 200 or orientation != 1


def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour():
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, :, 0], image[:4, :, 3], image[4, :, 3] = 200, 255, 51
    content = odd_files.saved(Image.fromarray(image), "PNG")
    found = decoding.decode([Encoded("x", content)], size=8, exact=True)[0]
    assert found[:, 0, 0].tolist() == [200, 0, 0] and found[:, 7, 0].tolist() == [255, 255, 255]
    assert found[:, 4, 0].tolist() == [244, 204, 204]  # a fifth of it over white


def test_the_colour_behind_transparent_pixels_can_be_chosen_and_is_recorded(tmp_path, command):
    source = odd_files.image_folder(tmp_path / "src")
    (source / "train" / "rose" / "clear.png").write_bytes(odd_files.clear("RGBA"))
    made = prepared(tmp_path, source, background="#00FF00")
    assert made.images("train")[2].transpose(1, 2, 0).reshape(-1, 3).tolist() == [[0, 255, 0]] * 64
    assert "images with transparent pixels, put on #00ff00: 1" in notes(made)
    assert made.manifest["source"]["background"] == "#00ff00"
    white = prepare("imagefolder", root=tmp_path / "white", source=source, background="#ffffff")
    assert (white.images("train")[2] == 255).all() and "background" not in white.manifest["source"]
    with pytest.raises(DataError, match="with transparent pixels on #00ff00, not #000000"):
        prepared(tmp_path, source, background="#000000")


@pytest.mark.parametrize(
    ("name", "colour", "said"),
    [("imagefolder", "lime", "'#rrggbb'"), ("digits", "#000000", "no transparent")],
)
def test_a_colour_that_cannot_be_is_refused(tmp_path, name, colour, said):
    with pytest.raises(ConfigError, match=said):
        prepare(name, root=tmp_path, background=colour)


@pytest.mark.parametrize(("deep", "byte"), [(0, 0), (128, 0), (129, 1), (30_000, 117), (65_535, 255)])
def test_16_bits_are_scaled_to_the_nearest_of_8(deep, byte):
    found = decoding.decode([Encoded("x", odd_files.deep_grey(deep))], size=8, exact=True)
    assert (found == byte).all()


def test_all_unreadable_images_are_named_at_once_ten_at_most_with_their_number(tmp_path, command):
    source = image_folder(tmp_path / "src", each=20)
    for i in range(12):
        (source / ("train" if i < 8 else "test") / "rose" / f"{i}.png").write_bytes(b"none")
    code, err = command("imagefolder", source)
    assert code == 4 and "and 11 more cannot be used: " in err and "and 2 more; replace or remove them" in err
    assert err.count("cannot be read as an image") == 10 and "test/rose/10.png" in err


def test_a_small_picture_that_sorts_first_does_not_set_the_size_of_all(tmp_path, command):
    source = image_folder(tmp_path / "src", each=4)
    (source / "train" / "rose" / "-0.png").write_bytes(png(size=(4, 4)))
    code, err = command("imagefolder", source)
    assert code == 4
    assert "train/rose/-0.png: is 4 x 4 pixels, expected 8 x 8; give --size N to resize it" in err
    made = prepared(tmp_path, source, size=8)
    assert made.size == 8 and "images resized to 8 px where they had another size" in notes(made)


def test_small_pictures_that_come_first_are_named_as_the_odd_ones(tmp_path, command, monkeypatch):
    source = image_folder(tmp_path / "src", each=20)
    for i in range(12):
        (source / "train" / "rose" / f"-{i}.png").write_bytes(png(size=(4, 4) if i else (4, 3)))
    monkeypatch.setattr(decoding, "FEWEST_TRIED", 5)  # the first ones are not the only ones looked at
    code, err = command("imagefolder", source)
    assert code == 4 and "rose/-0.png: is 4 x 3 pixels, expected 8 x 8, and 11 more are not either: " in err
    assert (
        err.count("train/rose/-") == 10 and " and 2 more; sizes 4 x 4 (11), 4 x 3 (1); give --size N" in err
    )
    (source / "train" / "rose" / "-0.png").write_bytes(b"none")
    code, err = command("imagefolder", source)
    assert code == 4 and "give --size N for those of another size, replace or remove the others" in err


def test_small_pictures_that_come_first_in_parquet_do_not_set_the_size(tmp_path, command, monkeypatch):
    sizes = [(4, 4)] * 5 + [(8, 8)] * 8
    columns = {"label": [i % 2 for i in range(13)], "image": [png(i, size=s) for i, s in enumerate(sizes)]}
    for split in ("train", "test"):
        odd_files.parquet(tmp_path / "src" / f"{split}-0.parquet", columns)
    monkeypatch.setattr(decoding, "FEWEST_TRIED", 4)
    code, err = command("imagefolder", tmp_path / "src")
    assert code == 4 and "row 0 (0.png): is 4 x 4 pixels, expected 8 x 8, and 9 more are not either" in err


def test_images_that_are_stretched_are_counted(tmp_path):
    source = image_folder(tmp_path / "src")
    (source / "train" / "rose" / "wide.png").write_bytes(png(size=(16, 4)))
    assert "images stretched to a square: 1, the first is train/rose/wide.png" in notes(
        prepared(tmp_path, source, size=8)
    )


def test_without_space_for_shared_memory_images_are_decoded_in_this_process(tmp_path, monkeypatch):
    source = image_folder(tmp_path / "src", each=3)
    plain = prepare("imagefolder", root=tmp_path / "plain", source=source)
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(decoding, "cores", lambda: 2)
    monkeypatch.setattr(decoding, "_decoded_in_processes", lambda *_: pytest.fail("it would end in SIGBUS"))
    monkeypatch.setattr(decoding.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr("mixscope.data.store_writer.need_room", lambda folder, size: None)
    assert prepared(tmp_path, source).digest == plain.digest


# --- folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "held"),
    [
        ("Train", "Test"),
        ("training", "testing"),
        ("train", "valid"),
        ("TRAIN", "Validation"),
        ("train", "val"),
    ],
)
def test_splits_are_known_by_the_names_that_people_give_them(tmp_path, train, held):
    source = image_folder(tmp_path / "src", splits=(train, held))
    made = prepared(tmp_path, tmp_path)
    assert made.class_names == ("rose", "tulip") and len(made.labels("test")) == 4
    assert (
        made.digest
        == prepare("imagefolder", root=tmp_path / "again", source=image_folder(tmp_path / "plain")).digest
    )
    assert source.exists()


def test_two_folders_for_one_split_are_refused(tmp_path, command):
    code, err = command("imagefolder", image_folder(tmp_path / "src", splits=("train", "val", "valid")))
    assert code == 4 and "val and valid may both be the val split" in err


def test_a_test_folder_without_classes_leaves_the_test_split_to_val(tmp_path):
    source = image_folder(tmp_path / "src", splits=("train", "val"))
    (source / "test").mkdir()
    (source / "test" / "1.png").write_bytes(png())
    assert "test was left out, it holds no class folder: val is the test split" in notes(
        prepared(tmp_path, source)
    )


@pytest.mark.parametrize("splits", [(), ("train",)])
def test_a_folder_without_a_test_split_is_divided_when_asked(tmp_path, command, splits):
    source = image_folder(tmp_path / "src", splits=splits, each=10)
    code, err = command("imagefolder", source)
    assert code == 4 and "--test-fraction" in err
    made = prepared(tmp_path, source, test_fraction=0.3)
    assert np.bincount(made.labels("test")).tolist() == [3, 3] == [10 - 7, 10 - 7]
    assert "a share of 0.3 of the images of each class, drawn by seed 20240601" in notes(made)
    images = np.concatenate([made.images("train"), made.images("test")]).reshape(20, -1)
    assert len(np.unique(images, axis=0)) == 20, "each image is in one split"
    again = prepare("imagefolder", root=tmp_path / "again", source=source, test_fraction=0.3)
    assert again.digest == made.digest
    code, err = command("imagefolder", source, "--test-fraction", "0.5")
    assert code == 4 and "with a test fraction of 0.3, not 0.5" in err


def test_a_share_that_cannot_be_is_refused(tmp_path, command):
    source = image_folder(tmp_path / "src")
    for share in ("0", "1", "nan", "-1"):
        code, err = command("imagefolder", source, "--test-fraction", share)
        assert code == 2 and "expected a number above 0 and below 1" in err
    code, err = command("imagefolder", source, "--test-fraction", "0.5")
    assert code == 2 and "has a test split, test; leave --test-fraction out" in err
    assert command("digits", source, "--test-fraction", "0.5")[0] == 2
    single = image_folder(tmp_path / "single", splits=("train",), each=1)
    code, err = command("imagefolder", single, "--test-fraction", "0.5")
    assert code == 4 and "fewer than 2 images of rose, tulip" in err


def test_junk_of_systems_and_tools_is_passed_over_everywhere(tmp_path, tiny_folder, cifar100_binary):
    def litter(top: Path) -> None:
        for folder in [top, *(p for p in top.rglob("*") if p.is_dir())]:
            (folder / "__MACOSX").mkdir(exist_ok=True)
            (folder / "@eaDir").mkdir(exist_ok=True)
            for name in (".DS_Store", "._x.png", "Thumbs.db", "desktop.ini"):
                (folder / name).write_bytes(b"junk")

    for name, source in (
        ("imagefolder", image_folder(tmp_path / "src")),
        ("tiny-imagenet", tiny_folder),
        ("cifar100", cifar100_binary),
    ):
        clean = prepare(name, root=tmp_path / "clean", source=source)
        litter(source)
        made = prepare(name, root=tmp_path / "littered", source=source)
        assert made.manifest == clean.manifest
        assert prepare(name, root=tmp_path / "clean", source=source).digest == clean.digest


def test_hidden_class_folders_are_reported(tmp_path):
    source = image_folder(tmp_path / "src")
    shutil.copytree(source / "train" / "rose", source / "train" / ".lily")
    assert "hidden folders of train were left out: .lily" in notes(prepared(tmp_path, source))


def test_a_set_of_one_class_is_warned_of(tmp_path):
    source = image_folder(tmp_path / "src", classes=("rose",))
    assert 'there is one class only, "rose": any model reaches 100 %' in notes(prepared(tmp_path, source))


def test_the_order_of_classes_named_by_numbers_is_reported(tmp_path):
    made = prepared(tmp_path, image_folder(tmp_path / "src", classes=("0", "1", "2", "10")))
    assert made.class_names == ("0", "1", "10", "2")
    assert "classes named by numbers are in the order of text (0, 1, 10, 2, ...)" in notes(made)
    made = prepare(
        "imagefolder", root=tmp_path / "b", source=image_folder(tmp_path / "c", classes=("0", "1"))
    )
    assert notes(made) == ""


def test_all_empty_classes_are_named_with_their_split(tmp_path, command):
    source = image_folder(tmp_path / "src", classes=[f"c{i:02}" for i in range(15)])
    for i in range(12):
        for file in (source / ("train" if i < 2 else "test") / f"c{i:02}").iterdir():
            file.unlink()
    code, err = command("imagefolder", source)
    assert (
        code == 4
        and "train/c00: holds no image that is read, like train/c01" in err
        and "and 1 more; exp" in err
    )


def test_a_set_nested_twice_in_an_archive_is_found(tmp_path, tiny_folder):
    archive = tmp_path / "kaggle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(tiny_folder.rglob("*")):
            if path.is_file():
                file.write(
                    path, Path("tiny-imagenet-200", "tiny-imagenet-200", path.relative_to(tiny_folder))
                )
        file.writestr("__MACOSX/tiny-imagenet-200/._wnids.txt", b"x")
    made = prepared(tmp_path, archive, "tiny-imagenet")
    plain = prepare("tiny-imagenet", root=tmp_path / "plain", source=tiny_folder)
    assert made.digest == plain.digest


def test_a_tar_bz2_with_a_harmless_link_is_read_and_the_link_reported(tmp_path):
    source = image_folder(tmp_path / "src")
    (source / "latest").symlink_to("train")
    archive = tmp_path / "set.tar.bz2"
    with tarfile.open(archive, "w:bz2") as file:
        file.add(source, arcname="set")
    made = prepared(tmp_path, archive)
    assert (
        "symbolic links in the archive left out: 1, the first is set/latest" in notes(made)
        and len(made.labels("train")) == 4
    )


def test_what_lies_about_is_listed_with_the_command_that_prepares_it(
    tmp_path, tiny_folder, capsys, monkeypatch
):
    root = tmp_path / "root"
    (root / "downloads").mkdir(parents=True)
    (root / "downloads" / "cifar-100-python.tar.gz").write_bytes(b"x")
    (root / "notes.zip").write_bytes(b"x")
    here = tmp_path / "here"
    image_folder(here / "my flowers", splits=("Train", "valid"))
    tiny_folder.rename(here / "tiny-imagenet-200")
    monkeypatch.chdir(here)
    assert cli.main(["data", "list", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    for name, source in (
        ("cifar100", root / "downloads" / "cifar-100-python.tar.gz"),
        ("tiny-imagenet", here / "tiny-imagenet-200"),
        ("imagefolder", f"'{here / 'my flowers'}'"),
    ):
        assert f"  mixscope data prepare {name} --source {source}\n" in out
        assert any(line.split()[:2] == [name, "here"] for line in out.splitlines())
    assert out.count("--source") == 3 + out.count("(give --source)") and "notes.zip" not in out
    prepare("tiny-imagenet", root=root, source=here / "tiny-imagenet-200")
    assert cli.main(["data", "list", "--root", str(root)]) == 0
    assert "prepare tiny-imagenet" not in capsys.readouterr().out


# --- Tiny-ImageNet ------------------------------------------------------------------------------


def rearrange(top: Path, *, below: str = "", empty: bool = False) -> None:
    """val/<wnid>/*.JPEG, as scripts that follow torchvision's layout leave it."""
    rows = [line.split("\t") for line in (top / "val" / "val_annotations.txt").read_text().splitlines()]
    for name, wnid, *_ in rows:
        (top / "val" / wnid / below).mkdir(parents=True, exist_ok=True)
        (top / "val" / "images" / name).rename(top / "val" / wnid / below / name)
    if not empty:
        (top / "val" / "images").rmdir()


@pytest.mark.parametrize(("below", "empty"), [("", False), ("", True), ("images", False), ("images", True)])
def test_tiny_imagenet_rearranged_is_the_same_store(tmp_path, tiny_folder, below, empty):
    plain = prepare("tiny-imagenet", root=tmp_path / "plain", source=tiny_folder)
    rearrange(tiny_folder, below=below, empty=empty)
    made = prepared(tmp_path, tiny_folder, "tiny-imagenet")
    assert made.digest == plain.digest and "val is arranged in class folders" in notes(made)
    (tiny_folder / "val" / "val_annotations.txt").unlink()
    bare = prepare("tiny-imagenet", root=tmp_path / "bare", source=tiny_folder)
    assert bare.boxes("test") is None and "so test images have no boxes" in notes(bare)
    np.testing.assert_array_equal(bare.images("test"), plain.images("test"))
    np.testing.assert_array_equal(bare.labels("test"), plain.labels("test"))


def test_tiny_imagenet_with_train_flattened_and_without_boxes_is_read(tmp_path, tiny_folder):
    plain = prepare("tiny-imagenet", root=tmp_path / "plain", source=tiny_folder)
    for wnid in ("n01", "n02", "n03"):
        own = tiny_folder / "train" / wnid
        (own / f"{wnid}_boxes.txt").unlink()
        for file in (own / "images").iterdir():
            file.rename(own / file.name)
        (own / "images").rmdir()
    made = prepared(tmp_path, tiny_folder, "tiny-imagenet")
    np.testing.assert_array_equal(made.images("train"), plain.images("train"))
    assert made.boxes("train") is None and "training images have no boxes" in notes(made)


def test_a_val_image_in_the_folder_of_another_class_is_refused(tmp_path, tiny_folder, command):
    rearrange(tiny_folder)
    (tiny_folder / "val" / "n03" / "val_0.JPEG").rename(tiny_folder / "val" / "n01" / "val_0.JPEG")
    code, err = command("tiny-imagenet", tiny_folder)
    assert code == 4 and "n01/val_0.JPEG: is in another class's folder" in err and "(n03)" in err


def test_byte_order_marks_and_line_ends_of_windows_change_nothing(tmp_path, tiny_folder, cifar100_binary):
    for name, source in (("tiny-imagenet", tiny_folder), ("cifar100", cifar100_binary)):
        plain = prepare(name, root=tmp_path / "plain", source=source)
        for file in source.rglob("*.txt"):
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
        assert prepared(tmp_path, source, name).digest == plain.digest


# --- CIFAR --------------------------------------------------------------------------------------


def cifar_parquet(binary: Path, top: Path) -> Path:
    """The files that Hugging Face has of CIFAR-100, from a binary folder."""
    names = {
        "fine_label": (binary / "fine_label_names.txt").read_text().split(),
        "coarse_label": (binary / "coarse_label_names.txt").read_text().split(),
    }
    for split in ("train", "test"):
        rows = np.fromfile(binary / f"{split}.bin", np.uint8).reshape(-1, 3074)
        images = rows[:, 2:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        columns = {
            "img": [odd_files.saved(Image.fromarray(image), "PNG") for image in images],
            "fine_label": rows[:, 1].tolist(),
            "coarse_label": rows[:, 0].tolist(),
        }
        parquet(top / "cifar100" / f"{split}-00000-of-00001.parquet", columns, image="img", names=names)
    return top


def test_cifar100_from_parquet_is_the_store_of_the_binary_layout(tmp_path, cifar100_binary):
    plain = prepare("cifar100", root=tmp_path / "plain", source=cifar100_binary)
    made = prepared(tmp_path, cifar_parquet(cifar100_binary, tmp_path / "hf"), "cifar100")
    assert made.digest == plain.digest and made.superclass_names == plain.superclass_names


def swap(binary: Path) -> None:
    """Coarse labels in the place of the fine ones."""
    for split in ("train", "test"):
        rows = np.fromfile(binary / f"{split}.bin", np.uint8).reshape(-1, 3074)
        rows[:, 1] = rows[:, 0]
        rows.tofile(binary / f"{split}.bin")


def test_cifar100_with_superclasses_in_place_of_classes_is_refused(tmp_path, cifar100_binary, command):
    (cifar100_binary / "fine_label_names.txt").write_text(
        (cifar100_binary / "coarse_label_names.txt").read_text()
    )
    code, err = command("cifar100", cifar100_binary)
    assert (
        code == 4 and "names 20 classes and 20 superclasses, expected 100 and 20" in err
    ) or "out of range" in err
    swap(cifar100_binary)
    code, err = command("cifar100", cifar100_binary)
    assert code == 4 and "its class labels are those of the 20 superclasses, expected 100 classes" in err


def test_a_batch_of_the_other_cifar_is_refused(tmp_path, cifar100_binary, cifar100_python, command):
    import pickle

    (cifar100_binary / "test.bin").write_bytes(bytes(3073 * 7))
    code, err = command("cifar100", cifar100_binary)
    assert code == 4 and "test.bin: holds records of CIFAR-10, expected those of CIFAR-100" in err
    batch = {b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1, 2]}
    (cifar100_python / "test").write_bytes(pickle.dumps(batch, protocol=2))
    code, err = command("cifar100", cifar100_python)
    assert code == 4 and "test: holds labels of CIFAR-10, expected those of CIFAR-100" in err


# --- Parquet ------------------------------------------------------------------------------------


def folder_of_parquet(top: Path, held: str = "test", **more: object) -> Path:
    for split in ("train", held):
        columns = {"image": [png(i) for i in range(4)], "label": [0, 1, 0, 1]}
        parquet(top / "data" / f"{split}-00000-of-00001-a1b2.parquet", columns, **more)
    return top


@pytest.mark.parametrize("held", ["test", "validation", "valid"])
def test_an_image_folder_in_parquet_is_read_with_the_names_of_its_metadata(tmp_path, held):
    source = folder_of_parquet(tmp_path / "hf", held, names={"label": ("rose", "tulip")})
    made = prepared(tmp_path, source)
    assert made.class_names == ("rose", "tulip") and made.labels("test").tolist() == [0, 1, 0, 1]
    for i, image in enumerate(made.images("train")):
        np.testing.assert_array_equal(image.transpose(1, 2, 0), odd_files.pixels(i))
    assert ("the test split is the validation split" in notes(made)) == (held != "test")


def test_one_parquet_file_is_divided_when_asked_in_the_order_of_its_rows(tmp_path, command):
    columns = {"image": [png(i) for i in range(20)], "label": ["b", "a"] * 10}
    file = parquet(tmp_path / "0000.parquet", columns)
    code, err = command("imagefolder", file)
    assert code == 4 and "--test-fraction 0.2" in err
    made = prepared(tmp_path, file, test_fraction=0.2)
    assert made.class_names == ("a", "b") and np.bincount(made.labels("test")).tolist() == [2, 2]
    for split in ("train", "test"):
        values = made.images(split)[:, 0, 7, 7].astype(int)
        assert (np.diff(values) > 0).all()
        np.testing.assert_array_equal(made.labels(split), (values + 1) % 2)


@pytest.mark.parametrize("cores", [1, 2])
def test_many_files_folders_of_splits_and_several_blocks_are_read_in_order(tmp_path, monkeypatch, cores):
    monkeypatch.setattr(decoding, "cores", lambda: cores)
    monkeypatch.setattr(decoding, "BLOCK", 5)
    for at in range(3):
        for split in ("train", "test"):
            columns = {"image": [png(10 * at + i) for i in range(7)], "label": [i % 2 for i in range(7)]}
            parquet(tmp_path / "hf" / "default" / split / f"{at:04}.parquet", columns)
    made = prepared(tmp_path, tmp_path / "hf")
    expected = [10 * at + i for at in range(3) for i in range(7)]
    assert made.images("train")[:, 0, 7, 7].tolist() == expected == made.images("test")[:, 0, 7, 7].tolist()
    assert "do not name their classes" in notes(made) and made.class_names == ("0", "1")


def test_tiny_imagenet_from_parquet_is_read_without_boxes(tmp_path):
    for split in ("train", "valid"):
        columns = {"image": [png(i, (64, 64)) for i in range(4)], "label": [0, 1, 0, 1]}
        parquet(tmp_path / "hf" / f"{split}-00000-of-00001.parquet", columns, names={"label": ("n01", "n02")})
    made = prepared(tmp_path, tmp_path / "hf", "tiny-imagenet")
    assert made.size == 64 and made.boxes("train") is None and made.class_names == ("n01", "n02")


def test_a_test_split_without_labels_is_left_out(tmp_path):
    source = folder_of_parquet(tmp_path / "hf", "validation")
    parquet(source / "data" / "test-00000-of-00001.parquet", {"image": [png()], "label": [-1]})
    made = prepared(tmp_path, source)
    assert len(made.labels("test")) == 4 and "test left out: without labels" in notes(made)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"image": [png()], "other": [0]}, "has no column label or labels or fine_label, found other, image"),
        ({"image": [b"none"] * 2, "label": [0, 1]}, r"train\.parquet, row 0 .*cannot be read as an image"),
        ({"image": [None, png()], "label": [0, 1]}, r"row 0 .*it is empty"),
        (
            {"image": [png(), png()], "label": [0, None]},
            "label of row 1 is None, expected a number or a name",
        ),
        ({"image": [png(), png()], "label": [0, 7]}, 'class "1" has no image in train'),
        ({"image": [png(), png()], "label": [0.5, 1.5]}, "label of row 0 is 0.5"),
    ],
)
def test_parquet_that_does_not_fit_is_refused_in_one_sentence(tmp_path, command, columns, sentence):
    import re

    for split in ("train", "test"):
        parquet(tmp_path / "hf" / f"{split}.parquet", columns)
    code, err = command("imagefolder", tmp_path / "hf")
    assert code == 4 and re.search(sentence, err), err


def test_damaged_parquet_is_refused_in_one_sentence(tmp_path, command):
    file = parquet(tmp_path / "hf" / "train.parquet", {"image": [png()] * 9, "label": [0] * 9})
    content = bytearray(file.read_bytes())
    for damaged in (b"PAR1", b"", bytes(content[:-20]), bytes(content[:4] + bytes(len(content) - 4))):
        file.write_bytes(damaged)
        code, err = command("imagefolder", tmp_path / "hf")
        assert code == 4 and "cannot be read as Parquet" in err


def test_every_format_that_is_read_is_recognised_by_an_ending_and_known_to_pillow():
    Image.init()
    assert set(decoding.FORMATS) <= set(Image.OPEN)
    assert formats.SETS["imagefolder"].divisible


def test_a_fraction_is_refused_for_sets_that_have_a_test_split(tmp_path):
    with pytest.raises(
        ConfigError, match="--test-fraction: cifar100 has a test split; it is for imagefolder"
    ):
        prepare("cifar100", root=tmp_path, test_fraction=0.2)
