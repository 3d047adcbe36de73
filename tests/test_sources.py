"""Sources that are cut short, damaged, hostile or not what they are called: one sentence, nothing lost."""

import dataclasses
import hashlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mixscope import cli
from mixscope.data import decoding, formats, store
from mixscope.data.prepare import prepare
from mixscope.data.store import Store
from mixscope.data.store_writer import verify
from mixscope.errors import ConfigError, DataError


@pytest.fixture
def refused(tmp_path):
    """Asserts that a source is refused with a sentence, and that nothing is left of it."""

    def check(name, source, sentence, **more):
        root = tmp_path / "root"
        with pytest.raises(DataError, match=sentence) as caught:
            prepare(name, root=root, source=source, **more)
        assert "\n" not in str(caught.value)
        assert not store.is_prepared(root, name) and not list(root.glob(".*"))

    return check


@pytest.fixture
def flowers(tmp_path):
    """An image folder of two classes, 8 px."""
    top = tmp_path / "flowers"
    for part in ("train", "test"):
        for value, name in ((10, "rose"), (90, "tulip")):
            (top / part / name).mkdir(parents=True)
            for i in range(2):
                Image.new("RGB", (8, 8), (value, i, 0)).save(top / part / name / f"{i}.png")
    return top


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


# --- cut short ----------------------------------------------------------------------------------


def test_a_source_with_fewer_images_than_the_official_one_is_prepared_with_a_note(
    tmp_path, cifar100_binary, tiny_folder, capsys
):
    root = tmp_path / "root"
    assert (
        cli.main(["data", "prepare", "cifar100", "--root", str(root), "--source", str(cifar100_binary)]) == 0
    )
    notes = ["train has 300 of the official 50,000 images", "test has 100 of the official 10,000 images"]
    assert [line.removeprefix("note      ") for line in capsys.readouterr().out.splitlines()[1:]] == notes
    assert json.loads((root / "cifar100" / "manifest.json").read_text())["notes"] == notes
    made = prepare("tiny-imagenet", root=root, source=tiny_folder)
    assert "train has 12 of the official 100,000 images" in made.manifest["notes"]
    assert made.manifest["class_ids"] == ["n03", "n01", "n02"]
    assert (
        cli.main(["data", "info", "cifar100", "--root", str(root), "--sheet", str(tmp_path / "s.png")]) == 0
    )
    assert notes[0] in capsys.readouterr().out


def test_a_file_cut_at_a_record_is_noted_or_refused_when_a_class_is_lost(tmp_path, cifar100_binary, refused):
    content = (cifar100_binary / "train.bin").read_bytes()
    (cifar100_binary / "train.bin").write_bytes(content[: 3074 * 250])
    made = prepare("cifar100", root=tmp_path / "cut", source=cifar100_binary)
    assert "train has 250 of the official 50,000 images" in made.manifest["notes"]
    (cifar100_binary / "train.bin").write_bytes(content[: 3074 * 60])
    refused("cifar100", cifar100_binary, 'class "fine60" has no image in train; the source is cut short')
    (cifar100_binary / "train.bin").write_bytes(content)
    test = (cifar100_binary / "test.bin").read_bytes()
    (cifar100_binary / "test.bin").write_bytes(test[: 3074 * 99])
    refused("cifar100", cifar100_binary, 'class "fine99" has no image in test')


def test_tiny_imagenet_with_a_missing_or_unlisted_image_is_refused_by_name(tiny_folder, refused):
    image = tiny_folder / "val" / "images" / "val_3.JPEG"
    content = image.read_bytes()
    image.unlink()
    refused("tiny-imagenet", tiny_folder, r"val_3\.JPEG: is missing and .*val_annotations\.txt lists it")
    image.write_bytes(content)
    notes = tiny_folder / "val" / "val_annotations.txt"
    notes.write_text("\n".join(lines_of(notes)[:-2]) + "\n")
    refused("tiny-imagenet", tiny_folder, r"val_2\.JPEG: has no class, .*does not list it \(as are 1 more\)")


def test_a_class_without_images_is_refused_by_name(tiny_folder, flowers, refused):
    for file in (flowers / "test" / "tulip").iterdir():
        file.unlink()
    refused("imagefolder", flowers, r"test/tulip: holds no image that is read; .*in train and in test")
    (flowers / "test" / "tulip").rmdir()
    refused("imagefolder", flowers, "test/tulip: holds no image that is read")
    wnids = tiny_folder / "wnids.txt"
    wnids.write_text("n03\nn01\n")
    refused("tiny-imagenet", tiny_folder, r"train/n02: is not in wnids\.txt")
    wnids.write_text("n03\nn01\nn02\n")
    for file in (tiny_folder / "train" / "n02" / "images").iterdir():
        file.unlink()
    refused("tiny-imagenet", tiny_folder, "train/n02/images: holds no JPEG image")


def test_training_images_without_a_box_are_counted(tmp_path, tiny_folder):
    file = tiny_folder / "train" / "n01" / "n01_boxes.txt"
    file.write_text("\n".join(lines_of(file)[:-1]) + "\n")
    made = prepare("tiny-imagenet", root=tmp_path / "root", source=tiny_folder)
    assert "1 training images have no box in their class's file of boxes" in made.manifest["notes"]


def test_training_images_that_are_listed_but_missing_are_counted_with_their_classes(tmp_path, tiny_folder):
    whole = prepare("tiny-imagenet", root=tmp_path / "whole", source=tiny_folder)
    assert not [note for note in whole.manifest["notes"] if "missing" in note]
    for name in ("n01/images/n01_0.JPEG", "n01/images/n01_3.JPEG", "n03/images/n03_1.JPEG"):
        (tiny_folder / "train" / name).unlink()
    notes = prepare("tiny-imagenet", root=tmp_path / "cut", source=tiny_folder).manifest["notes"]
    assert (
        "3 training images of 2 of the 3 classes are missing that their class's file of boxes lists; unless"
        " this is a sample on purpose, unpack it again"
    ) in notes


def test_an_archive_other_than_the_published_one_is_said_to_be_so(
    tmp_path, cifar100_binary, capsys, monkeypatch
):
    archive = tmp_path / "cifar.tar"
    with tarfile.open(archive, "w") as file:
        file.add(cifar100_binary, arcname="cifar-100-binary")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    words = ["data", "prepare", "cifar100", "--source", str(archive), "--root"]
    assert cli.main([*words, str(tmp_path / "a")]) == 0
    note = f"cifar.tar is not the published archive (md5 {md5}, published eb9058c3a382ffc7106e4002c42a8d85 or"
    assert note in capsys.readouterr().out
    sheet = ["--sheet", str(tmp_path / "sheet.png")]
    assert cli.main(["data", "info", "cifar100", "--root", str(tmp_path / "a"), *sheet]) == 0
    assert note in capsys.readouterr().out
    home = formats.SETS["cifar100"].download
    assert home is not None
    # A layout other than the one that is downloaded is published too.
    also = dataclasses.replace(formats.SETS["cifar100"], download=dataclasses.replace(home, other_md5=(md5,)))
    monkeypatch.setitem(formats.SETS, "cifar100", also)
    assert cli.main([*words, str(tmp_path / "b")]) == 0
    assert "published" not in capsys.readouterr().out


# --- labels and names ---------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_superclass_out_of_range_is_refused(cifar100_binary, refused, part):
    content = bytearray((cifar100_binary / f"{part}.bin").read_bytes())
    content[3074] = 20
    (cifar100_binary / f"{part}.bin").write_bytes(content)
    refused(
        "cifar100", cifar100_binary, rf"{part}\.bin: superclass label 20 is out of range, expected 0 to 19"
    )


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_class_in_two_superclasses_is_refused_by_name(cifar100_binary, refused, part):
    content = bytearray((cifar100_binary / f"{part}.bin").read_bytes())
    content[3074 * 7] = 19
    (cifar100_binary / f"{part}.bin").write_bytes(content)
    refused("cifar100", cifar100_binary, '"fine7" is in two superclasses, "coarse1" and "coarse19"')


BAD_BATCHES = {
    "fewer labels than images": ("fine_labels", lambda c: c["fine_labels"][:-1]),
    "no coarse labels": ("coarse_labels", lambda c: None),
    "labels that are no numbers": ("fine_labels", lambda c: ["a"] * len(c["fine_labels"])),
    "labels beyond any integer": ("fine_labels", lambda c: [2**80] * len(c["fine_labels"])),
    "images of another width": ("data", lambda c: c["data"][:, :-1]),
    "images of floats": ("data", lambda c: c["data"].astype(np.float32)),
    "images that are a list": ("data", lambda c: [1, 2, 3]),
}


@pytest.mark.parametrize("bad", BAD_BATCHES)
def test_a_cifar_batch_that_does_not_fit_together_is_refused(cifar100_python, refused, bad):
    key, make = BAD_BATCHES[bad]
    for part in ("train", "test"):
        whole = pickle.loads((cifar100_python / part).read_bytes())
        broken = make({k.decode(): v for k, v in whole.items()})
        changed = {k: v for k, v in whole.items() if k != key.encode()}
        if broken is not None:
            changed[key.encode()] = broken
        (cifar100_python / part).write_bytes(pickle.dumps(changed, protocol=2))
        refused("cifar100", cifar100_python, rf'{part}: (its "{key}" is no|is no CIFAR pickle)')
        (cifar100_python / part).write_bytes(pickle.dumps(whole, protocol=2))


@pytest.mark.parametrize("names", [None, [1, 2], "text", [b"\xff\xfe"], 7, np.arange(3)])
def test_a_cifar_meta_file_without_names_is_refused(cifar100_python, refused, names):
    meta = pickle.loads((cifar100_python / "meta").read_bytes())
    meta.pop(b"coarse_label_names")
    if names is not None:
        meta[b"coarse_label_names"] = names
    (cifar100_python / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    refused("cifar100", cifar100_python, 'meta: its "coarse_label_names" is missing or is no list of names')


BAD_LINES = {
    "no tab": "val_0.JPEG n03 0 0 30 40",
    "a name alone": "val_0.JPEG",
    "too few fields": "val_0.JPEG\tn03\t0\t0\t30",
    "a number that is none": "val_0.JPEG\tn03\t0\tzero\t30\t40",
    "a number too large": "val_0.JPEG\tn03\t0\t0\t30\t40000",
    "a number far too large": f"val_0.JPEG\tn03\t0\t0\t30\t{10**40}",
    "a number below 0": "val_0.JPEG\tn03\t0\t-1\t30\t40",
}


@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_bad_line_of_annotations_is_refused_by_number(tiny_folder, refused, bad):
    notes = tiny_folder / "val" / "val_annotations.txt"
    lines = lines_of(notes)
    notes.write_text("\n".join([lines[1], BAD_LINES[bad], *lines[2:]]) + "\n")
    refused(
        "tiny-imagenet", tiny_folder, r"val_annotations\.txt, line 2: expected a file name, a class and a box"
    )
    boxes = tiny_folder / "train" / "n03" / "n03_boxes.txt"
    boxes.write_text(BAD_LINES[bad].replace("n03\t", "") + "\n")
    refused("tiny-imagenet", tiny_folder, r"n03_boxes\.txt, line 1: expected a file name and a box")


def test_an_image_listed_twice_is_refused(tiny_folder, refused):
    notes = tiny_folder / "val" / "val_annotations.txt"
    notes.write_text(notes.read_text() + lines_of(notes)[0] + "\n")
    refused("tiny-imagenet", tiny_folder, r"line 7: lists val_0\.JPEG a second time")
    (tiny_folder / "wnids.txt").write_text("n03\nn01\nn02\nn03\n")
    refused("tiny-imagenet", tiny_folder, r"wnids\.txt: names n03 twice")


# --- images -------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    """A PNG file that claims a size and has one row of it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def jpeg_header(file: Path, width: int, height: int) -> bytes:
    """The JPEG file with another size in its header."""
    content = bytearray(file.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize("kind", ["png", "png beyond Pillow's error", "jpeg"])
@pytest.mark.parametrize("size", [None, 8])
def test_an_image_that_claims_a_huge_size_is_refused_before_it_is_decoded(flowers, refused, kind, size):
    if kind == "jpeg":
        bad = flowers / "train" / "rose" / "0.jpg"
        Image.new("RGB", (8, 8)).save(bad)
        (flowers / "train" / "rose" / "0.png").unlink()
        bad.write_bytes(jpeg_header(bad, 65_000, 65_000))
    else:
        bad = flowers / "train" / "rose" / "0.png"
        side = 10_000 if kind == "png" else 30_000
        bad.write_bytes(png_header(side, side))
    refused("imagefolder", flowers, f"{bad.name}: .*pixels", size=size)


def test_images_in_formats_that_are_not_read_are_named_and_counted(flowers, refused):
    for name in ("a.heic", "b.AVIF", "c.heic"):
        (flowers / "test" / "rose" / name).write_bytes(b"x")
    refused(
        "imagefolder", flowers, r"a\.heic: .*not read, of 3 in this folder \(\.avif, \.heic\), expected \.jpg"
    )


def test_images_outside_a_class_and_folders_inside_one_are_refused(flowers, tiny_folder, refused):
    loose = flowers / "train" / "stray.jpg"
    Image.new("RGB", (8, 8)).save(loose)
    refused("imagefolder", flowers, r"train/stray\.jpg: is an image outside a class folder")
    loose.unlink()
    (flowers / "train" / "rose" / "more").mkdir()
    refused("imagefolder", flowers, "rose/more: is a folder, expected images")
    (flowers / "train" / "rose" / "more").rmdir()
    os.mkfifo(flowers / "train" / "rose" / "x.png")
    refused("imagefolder", flowers, r"x\.png: is a device or a pipe, expected images")
    (flowers / "train" / "rose" / "x.png").unlink()
    (flowers / "train" / "rose" / "x.png").symlink_to(flowers / "nowhere.png")
    refused("imagefolder", flowers, r"x\.png: cannot be read as an image", size=8)
    (tiny_folder / "train" / "n01" / "images" / "other.png").write_bytes(b"")
    refused("tiny-imagenet", tiny_folder, r"other\.png: is an image in a format that is not read")


def test_what_is_no_image_is_left_out_with_a_note_and_hidden_files_without(tmp_path, flowers):
    (flowers / "train" / "rose" / "licence.txt").write_text("by me")
    (flowers / "train" / "rose" / "._0.png").write_text("of another system")
    (flowers / "train" / ".cache").mkdir()
    (flowers / "val" / "rose").mkdir(parents=True)
    made = prepare("imagefolder", root=tmp_path / "root", source=flowers)
    assert made.class_names == ("rose", "tulip") and len(made.labels("train")) == 4
    assert made.manifest["notes"][:2] == [
        "val was left out: test is the test split, and validation is carved out of train",
        "files that are no images, left out: 1, the first is train/rose/licence.txt",
    ]


@pytest.mark.parametrize("name", ["a\nb", "\udcff\udcfe"])
def test_names_that_are_no_text_are_refused(flowers, refused, name):
    for part in ("train", "test"):
        (flowers / part / "tulip").rename(flowers / part / name)
    refused("imagefolder", flowers, "train: holds .*a name with characters that are no text; rename it")
    for part in ("train", "test"):
        (flowers / part / name).rename(flowers / part / "\u3000 \ubaa9\ub828")
    (flowers / name).write_text("beside the images, so of no interest")
    assert len(prepare("imagefolder", root=flowers.parent / "b", source=flowers).class_names) == 2


def test_what_is_wrong_inside_an_archive_is_reported_with_its_name(tmp_path, flowers, refused):
    (flowers / "train" / "rose" / "0.png").write_bytes(b"none")
    archive = tmp_path / "flowers.tar"
    with tarfile.open(archive, "w") as file:
        file.add(flowers, arcname="flowers")
    refused(
        "imagefolder", archive, f"^{archive}/flowers/train/rose/0.png: cannot be read as an image", size=8
    )


def test_a_palette_with_transparency_is_read_without_a_warning(flowers):
    file = flowers / "p.png"
    drawn = Image.new("RGB", (8, 8), (200, 0, 50)).convert("P")
    drawn.save(file, transparency=bytes([0, 16] * 20))
    with Image.open(file) as again:
        expected = np.asarray(again.convert("RGBA"))[:, :, :3]
    assert np.array_equal(decoding.decode([str(file)], size=8, exact=True)[0].transpose(1, 2, 0), expected)


def test_a_folder_that_holds_two_sets_is_not_taken_for_one_of_them(flowers, refused):
    (flowers.parent / "both").mkdir()
    for name in ("a", "b"):
        (flowers.parent / "both" / name).symlink_to(flowers)
    refused("imagefolder", flowers.parent / "both", "a and b both hold train; give one of them as --source")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, 200), new=st.binary(max_size=8), kind=st.sampled_from(["PNG", "JPEG", "BMP", "WEBP"])
)
def test_a_damaged_image_is_read_or_refused_by_name(tmp_path, at, new, kind):
    file = tmp_path / "image.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(file, kind)
    content = bytearray(file.read_bytes())
    content[at : at + len(new)] = new
    file.write_bytes(content)
    try:
        assert decoding.decode([str(file)], size=8, exact=False).shape == (1, 3, 8, 8)
    except DataError as problem:
        assert str(problem).startswith(f"{file}: cannot be read as an image (")


PROGRAM = """
import signal
import sys
from mixscope import cli
from mixscope.data import decoding
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
    decoding.BLOCK = 1
    sys.exit(cli.main(["data", "prepare", "imagefolder", "--size", "2048", *sys.argv[1:]]))
"""


def test_ctrl_c_waits_until_all_workers_are_started_also_when_another_thread_is_given_it():
    over, inside = threading.Event(), False
    other = threading.Thread(target=over.wait)  # its mask is that of before
    other.start()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), decoding._deaf_to_interrupts():
            signal.pthread_kill(other.ident, signal.SIGINT)
            time.sleep(0.1)
            inside = True
        assert inside
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
        over.set()
        other.join()


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_prepare_that_is_stopped_ends_its_workers_and_says_so_once(tmp_path, flowers, how):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("with one core there are no workers")
    for i in range(300):
        Image.new("RGB", (8, 8)).save(flowers / "train" / "rose" / f"more{i}.png")
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py", "--source", flowers, "--root", tmp_path / "root"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def workers():
        found = psutil.Process(process.pid).children()
        return [one for one in found if "spawn_main" in " ".join(one.cmdline())]

    while len(begun := workers()) < 2 and process.poll() is None:
        time.sleep(0.02)
    assert begun, "there was something to stop"
    if how == "killed":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: all of them get it
    _, err = process.communicate(timeout=60)
    assert how == "killed" or err == "error: interrupted     [exit 130]\n"
    assert psutil.wait_procs(begun, timeout=60)[1] == []


# --- places, names and manifests ----------------------------------------------------------------


def test_a_data_folder_that_cannot_be_is_refused(tmp_path, flowers, capsys):
    file = tmp_path / "file"
    file.write_text("")
    for root, sentence in ((file, "is a file"), (file / "below", "cannot be made")):
        for words in (
            ["data", "prepare", "digits"],
            ["data", "prepare", "imagefolder", "--source", str(flowers)],
        ):
            assert cli.main([*words, "--root", str(root)]) == 4
            err = capsys.readouterr().err
            assert err.startswith(f"error: {root}: {sentence}") and "--root" in err and err.count("\n") == 1
    for words in (["verify", "digits"], ["list"]):
        assert cli.main(["data", *words, "--root", str(file)]) == 4
        assert "is a file; give a data folder" in capsys.readouterr().err
    assert cli.main(["data", "verify", "digits", "--root", "~no-such-user/data"]) == 2
    assert cli.main(["data", "prepare", "imagefolder", "--root", str(tmp_path), "--source", "/dev/null"]) == 4
    assert "is neither a file nor a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["data", "info", "digits"], ["show", "mixing", "digits"], ["cues", "draw"]]
)
def test_a_sheet_that_cannot_be_written_is_refused_before_it_is_drawn(tmp_path, digits_root, capsys, words):
    for place, sentence in (
        (tmp_path / "none" / "s.png", "No such file or directory"),
        (Path("/proc/s.png"), "cannot be written"),
        (tmp_path / "s.txt", "expected .png or .jpg"),
        (tmp_path / "s", "expected .png or .jpg"),
    ):
        more = [] if words[0] == "cues" else ["--root", str(digits_root)]
        assert cli.main([*words, *more, "--sheet", str(place)]) == 2
        assert sentence in capsys.readouterr().err and not place.exists()


@pytest.mark.parametrize(
    "words", [["data", "prepare"], ["data", "verify"], ["data", "info"], ["show", "mixing"], ["train"]]
)
def test_an_unknown_name_ends_with_code_2_and_a_known_one_that_is_not_prepared_with_4(
    tmp_path, flowers, capsys, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)  # where there is no folder runs/, as there is after the quickstart
    prepare("imagefolder", root=tmp_path / "root", source=flowers)
    (tmp_path / "root" / "imagefolder").rename(tmp_path / "root" / "flowers")
    root = ["--root", str(tmp_path / "root")]
    form = "data.name={}" if words == ["train"] else "{}"
    for name, near in (("cifar10O", "cifar10, cifar100"), ("flower", "flowers"), ("x" * 300, "known: ")):
        assert cli.main([*words, form.format(name), *root]) == 2
        err = capsys.readouterr().err
        assert f'data.name: no data set "{name}" is known' in err and near in err
    for name in ("", ".", "../root/flowers"):
        assert cli.main([*words, form.format(name), *root]) == 2
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, form.format("a\0b"), *root])
    assert ended.value.code == 2 and "holds control characters" in capsys.readouterr().err
    if words != ["data", "prepare"]:
        assert cli.main([*words, form.format("cifar100"), *root]) == 4
        assert "mixscope data prepare cifar100" in capsys.readouterr().err


def test_a_set_of_ones_own_is_known_under_its_name(tmp_path, flowers, capsys):
    root = tmp_path / "root"
    prepare("imagefolder", root=root, source=flowers)
    (root / "imagefolder").rename(root / "flowers")
    assert cli.main(["data", "list", "--root", str(root), "--json"]) == 0
    assert {row["name"]: row["prepared"] for row in json.loads(capsys.readouterr().out)}["flowers"]
    for words in (["data", "verify"], ["data", "prepare"]):
        assert cli.main([*words, "flowers", "--root", str(root)]) == 0


def test_a_size_for_a_set_that_has_one_needs_another_name_prepared_or_not(tmp_path, digits_root, capsys):
    for root in (tmp_path, digits_root):
        for name in ("digits", "cifar100"):
            assert cli.main(["data", "prepare", name, "--size", "64", "--root", str(root)]) == 2
            assert f"give the resized set another name: --as {name}-64px" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="1 to 4,096 pixels, got 5000"):
        prepare("imagefolder", root=tmp_path, size=5000)


WRONG_VALUES = {
    "name": [None, 7],
    "size": [None, 0, 8.0, True, "8"],
    "counts": [None, [], {"train": 4}, {"train": 0, "test": 4}],
    "class_names": [None, [], "ab", [1, 2]],
    "superclass_names": [None, "ab", [None]],
    "superclass_of": [None, [0], [0, 0], "ab"],
    "mean": [None, 0.5, [0.5, 0.5], ["a", "b", "c"], [float("nan")] * 3],
    "std": [None, [0.0, 0.1, 0.1], []],
    "split_seed": [None, -1, "1"],
    "source": [None, []],
    "notes": [None, "ab", [1]],
    "arrays": [None, [], {}, {"train-images.npy": "0"}],
    "digest": [None, 7],
}


@pytest.mark.parametrize("key", WRONG_VALUES)
def test_a_manifest_that_lacks_a_key_or_has_another_value_is_refused(tmp_path, flowers, key):
    prepare("imagefolder", root=tmp_path, source=flowers)
    file = tmp_path / "imagefolder" / "manifest.json"
    sound = json.loads(file.read_text())
    lacking = {k: v for k, v in sound.items() if k != key}
    for manifest in (lacking, *({**sound, key: wrong} for wrong in WRONG_VALUES[key])):
        file.write_text(json.dumps(manifest))
        with pytest.raises(DataError, match=rf"json: {key} is missing or is not what it should be; delete"):
            verify("imagefolder", root=tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1}']
)
def test_a_manifest_that_is_no_manifest_is_refused(tmp_path, flowers, content):
    prepare("imagefolder", root=tmp_path, source=flowers)
    (tmp_path / "imagefolder" / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json: .*(cannot be read|is missing).*delete"):
        Store.open(tmp_path, "imagefolder")


def test_an_array_of_another_shape_than_the_manifest_says_is_refused(tmp_path, flowers):
    prepare("imagefolder", root=tmp_path, source=flowers)
    sound = {file.stem: file.read_bytes() for file in (tmp_path / "imagefolder").glob("*.npy")}
    for array, content in (
        ("train-images", np.zeros((4, 3, 8, 7), np.uint8)),
        ("train-labels", np.zeros(3, np.int64)),
        ("test-labels", np.zeros(4, np.int32)),
        ("test-labels", np.array([0, 1, -1, 0])),
        ("test-labels", np.array([0, 1, 2, 0])),
    ):
        np.save(tmp_path / "imagefolder" / f"{array}.npy", content)
        with pytest.raises(DataError, match=rf"{array}\.npy: cannot be read \(it holds "):
            Store.open(tmp_path, "imagefolder")
        (tmp_path / "imagefolder" / f"{array}.npy").write_bytes(sound[array])


def test_every_data_command_has_examples(capsys):
    for verb in ([], ["list"], ["prepare"], ["verify"], ["info"]):
        with pytest.raises(SystemExit):
            cli.main(["data", *verb, "--help"])
        assert "examples:\n  mixscope data " in capsys.readouterr().out


def test_doctor_names_a_store_of_an_older_schema_and_goes_on(tmp_path, digits_root, capsys, monkeypatch):
    from mixscope.bench import short
    from mixscope.runs import doctor

    root, temporary = tmp_path / "root", tmp_path / "tmp"
    temporary.mkdir()
    prepare("digits", root=root)
    file = root / "digits" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 0}))
    before = sorted(str(p) for p in root.rglob("*"))
    plain = tmp_path / "plain"
    plain.write_text("")
    assert doctor.examine(plain)["data"] == {"none": f"{plain}: is a file; give a data folder with --root"}
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr(short, "IMAGES", 256)
    assert cli.main(["doctor", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "another version of mixscope" in line]
    assert "digits" in line and "mixscope data prepare digits" in line and "loss" in out
    assert before == sorted(str(p) for p in root.rglob("*")) and not list(temporary.iterdir())
