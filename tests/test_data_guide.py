"""The guide on data shows what the commands really print."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import odd_files
from mixscope import cli

GUIDE = Path(__file__).parents[1] / "docs/guides/data.md"
BROKEN = {"cats/odd.png": b"%!PS-Adobe", "dogs/empty.jpg": b""}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The folder of the guide, and one with two files that are no images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXSCOPE_DATA", str(tmp_path / "data"))
    draws, top = np.random.default_rng(0), Path("photos")

    def noise(width=48):
        return Image.fromarray(draws.integers(0, 256, (48, width, 3), dtype=np.uint8))

    for name in ("cats", "dogs", "hares"):
        (top / name).mkdir(parents=True)
        for i in range(12):
            noise().save(top / name / f"{i:02d}.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(64).save(top / "cats" / "phone.jpg", exif=exif)
    clear = Image.fromarray(draws.integers(0, 256, (48, 48, 4), dtype=np.uint8))
    clear.save(top / "dogs" / "cut-out.png")
    Image.fromarray(draws.integers(0, 65536, (48, 48), dtype=np.uint16)).save(top / "dogs" / "scan.png")
    (top / "hares" / "wink.gif").write_bytes(odd_files.animation("GIF"))
    cut = (top / "hares" / "05.jpg").read_bytes()[:-300]
    (top / "hares" / "05.jpg").write_bytes(cut)
    for name in (".DS_Store", "notes.txt"):
        (top / "cats" / name).write_text("x")
    (top / "README.txt").write_text("x")
    odd_files.image_folder(Path("broken"), splits=(), classes=("cats", "dogs"))
    for name, content in BROKEN.items():
        Path("broken", name).write_bytes(content)


def test_every_command_of_the_guide_prints_what_stands_there(photos, capsys):
    def same(text):  # digests and means follow the version of the JPEG encoder
        text = re.sub(r"[0-9a-f]{12}", "DIGEST", text)
        return re.sub(r"0\.\d{4} 0\.\d{4} 0\.\d{4}", "COLOURS", text).rstrip()

    blocks = re.findall(r"^```\n(\$ .*?)\n```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    shown = [part for block in blocks for part in re.split(r"(?m)^(?=\$ )", block) if part]
    assert len(shown) == 5
    for part in shown:
        command, _, expected = part.partition("\n")
        code = cli.main(shlex.split(command.removeprefix("$ mixscope ")))
        told = capsys.readouterr()
        assert same(told.out + told.err) == same(expected), command
        assert code == (4 if "[exit 4]" in expected else 0)


def test_every_note_and_format_is_in_the_guide():
    from mixscope.data.decoding import FORMATS

    text = GUIDE.read_text("utf-8").lower()
    assert all(name.lower() in text for name in FORMATS)
