"""Charts in notebooks and as files: readable in print, PDF and PNG by the extra."""

import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import made_study
from mixscope.errors import ConfigError
from mixscope.report import page
from mixscope.results import folders


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    place = tmp_path_factory.mktemp("s") / "study"
    made_study.write(place, made_study.SMALL, made_study.Made(ill=-1))
    return page.figures(folders.study(place))


def test_figures_are_those_of_the_report_and_kinds_have_short_names(figures):
    assert figures["forest"].id.startswith("contrast-") and figures["forest"] is figures[figures["forest"].id]
    assert figures["accuracy"].id.startswith("results-") and len(figures) > 20
    assert set(figures) >= {"forest", "accuracy", "calibration", "budget", figures["forest"].id}
    with pytest.raises(KeyError, match=r"no figure 'tree'; there are: forest, accuracy, .*contrast-"):
        figures["tree"]


def test_a_chart_in_a_notebook_changes_nothing_else_there(figures):
    for figure in figures.values():
        text = figure._repr_svg_()
        ElementTree.fromstring(text)
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
        assert "var(" not in text and ":root" not in style and "@media" not in style
        selectors = [s.strip() for rule in style.split("}")[:-1] for s in rule.split("{")[0].split(",")]
        assert selectors and all(s.startswith(".chart") for s in selectors)


@pytest.mark.parametrize("kind", ["forest", "accuracy", "calibration", "budget"])
def test_png_and_pdf_show_what_the_chart_shows(figures, kind, tmp_path):
    pdf = figures[kind].save(tmp_path / "x.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    picture = Image.open(io.BytesIO(figures[kind].save(str(tmp_path / "x.png")).read_bytes()))
    pixels = np.asarray(picture.convert("L"))
    assert picture.width == 1063 and (pixels[0] == 255).all(), "on white"
    assert 0.005 < (pixels < 140).mean() < 0.5, "with dark letters and lines"
    svg = figures[kind].save(tmp_path / "x.svg").read_text()
    assert svg.startswith("<?xml") and "prefers-color-scheme: dark" in svg


def test_another_ending_is_refused(figures, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.svg, \.pdf or \.png"):
        figures["forest"].save(tmp_path / "x.jpg")
    with pytest.raises(ConfigError, match="cannot be written"):
        figures["forest"].save(tmp_path / "no such folder" / "x.svg")


def test_without_the_extra_the_sentence_says_how_to_install_it(figures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[figures\]'"):
        figures["forest"].save(tmp_path / "x.pdf")
    assert figures["forest"].save(tmp_path / "x.svg").is_file()
