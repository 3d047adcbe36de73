"""Pictures show the letters of class names, or it is said that they cannot."""

import numpy as np
import pytest
from PIL import Image, ImageFont

from mixscope import cli, fonts

PLAIN = ImageFont.load_default(14)


def test_plain_names_are_written_in_the_font_that_is_always_there(monkeypatch):
    monkeypatch.setattr(fonts, "FOLDERS", ())
    assert fonts.note(["cat", "pickup_truck"]) is None
    assert (
        type(fonts.font(14, ["cat"])) is type(PLAIN) and fonts.font(14, ["cat"]).getname() == PLAIN.getname()
    )


@pytest.mark.parametrize("name", ["café", "자동차", "øre 10 %"])
def test_a_font_of_the_machine_is_taken_that_has_the_letters(name):
    if fonts.note([name]) is not None:
        pytest.skip("no font of this machine has these letters")
    found = fonts.font(14, [name])
    assert fonts._lacking(found, [name]) == "" and found.getname() != PLAIN.getname()


def test_letters_that_no_font_has_are_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(fonts, "FOLDERS", ())
    said = fonts.note(["dog", "자동차", "비행기"])
    assert "fonts-nanum" in said and "자" in said and "d" not in said.partition("(")[2].partition(")")[0]
    assert fonts.font(14, ["자동차"]).getname() == PLAIN.getname(), (
        "the rest of the picture is drawn all the same"
    )


def test_a_contact_sheet_says_that_names_cannot_be_shown(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "자동차"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for i in range(2):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pets" / split / name / f"{i}.png")
    words = ["--root", str(tmp_path / "root")]
    prepare = [
        "data",
        "prepare",
        "imagefolder",
        "--source",
        str(tmp_path / "pets"),
        "--size",
        "16",
        "--as",
        "pets",
    ]
    assert cli.main([*prepare, *words]) == 0
    monkeypatch.setattr(fonts, "FOLDERS", ())
    capsys.readouterr()
    assert cli.main(["data", "info", "pets", *words, "--sheet", str(tmp_path / "sheet.png")]) == 0
    assert "note: no font of this machine" in capsys.readouterr().err
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 0
