"""Charts say what they show: titles, legends and names are whole; what is best says by how much."""

import html
import re
from importlib import resources

import numpy as np
import pytest

import made_study
from made_study import Made
from mixscope.report import page, plots, shapes
from mixscope.report.plots import Line
from mixscope.report.sections import answer
from mixscope.report.shapes import Key
from mixscope.report.texts import Texts
from mixscope.results import folders
from mixscope.study import matrix

LONG = "Reliability · Tiny-ImageNet, ViT-Small/16, from scratch, with a name that goes on and on"


def texts(figure):
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", str(figure.svg))]


def charts(title, keys):
    line = Line(series=0, points=[(0.0, 1.0), (1.0, 2.0)])
    about = {"title": title, "text": ""}
    row = plots.Row(name="MixUp or CutMix", series=0, seeds={"0": 1.0, "1": 2.0}, mean=1.5, value="1.5")
    pair = plots.Pair(name="MixUp or CutMix", series=0, before=[1.0], after=[2.0], value="+1")
    bar = plots.Bar(name="a", estimate=0.0, low=-1.0, high=1.0, value="0", margin=1.0)
    return [
        plots.lines("a", curves=[line], keys=keys, x_name="x", unit="%", **about),
        plots.reliability("a", [line], keys, x_name="x", unit="%", **about),
        plots.dots("a", [row], unit="%", published="published", spread="mean ± SD", **about),
        plots.pairs("a", [pair], unit="%", difference="pp", names=("before", "after"), **about),
        plots.forest("a", [bar], unit="pp", below="less", above="more", **about),
        plots.sorted_bars("a", [1.0], ["a"], [True], series=0, unit="pp", x_name="", **about),
        plots.heat("a", np.ones((1, 2)), ["row"], ["one", "two"], unit="pp", **about),
        plots.scatter("a", [(0.0, 1.0)], [0], **about),
        plots.panels("a", [plots.plane(curves=[line], x_name="x", unit="%")] * 2, below="both", **about),
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_long_title_is_broken_into_lines_and_never_cut(number):
    figure = charts(LONG, [Key(series=0, name="a")])[number]
    heads = re.findall(r'<text[^>]*class="head"[^>]*>([^<]*)</text>', str(figure.svg))
    assert " ".join(map(html.unescape, heads)) == LONG
    width = float(re.search(r'viewBox="0 0 ([\d.]+) ', str(figure.svg))[1])
    assert max(shapes.wide(head) * shapes.HEAD for head in heads) <= width - 12
    tall, short = (
        float(re.search(r'viewBox="0 0 \S+ ([\d.]+)"', str(f.svg))[1])
        for f in (figure, charts("a", [])[number])
    )
    assert tall == short + shapes.LINE * (len(heads) - 1)


def test_a_legend_names_every_series(tmp_path):
    names = [
        "CIFAR100, from scratch",
        "CIFAR100, pretrained",
        "Tiny-ImageNet, from scratch",
        "Tiny-ImageNet, pretrained",
    ]
    figure = charts("a", [Key(series=i, name=name) for i, name in enumerate(names)])[0]
    assert [text for text in texts(figure) if text in names] == names
    places = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="small">(CIFAR100|Tiny)', str(figure.svg))
    assert len({place[:2] for place in places}) == 4 and len({place[1] for place in places}) > 1


def test_names_of_a_forest_are_whole_however_long_they_are():
    bars = [
        plots.Bar(
            name=f"Tiny-ImageNet, ViT-Small/16, {weights}",
            estimate=0.0,
            low=-1.0,
            high=1.0,
            value="v" * 22,
            margin=1.0,
        )
        for weights in ("from scratch", "pretrained")
    ]
    figure = plots.forest("a", bars, title="a", text="", unit="pp", below="less", above="more")
    assert all(bar.name in " ".join(texts(figure)) for bar in bars) and "…" not in str(figure.svg)


def test_names_of_a_map_are_whole_and_narrow_cells_have_whole_numbers():
    rows = ["large omnivores and herbivores", "large man-made outdoor things"]
    columns = [f"{mix} ViT-Small/16 from scratch" for mix in ("MixUp", "CutMix")] * 4
    shown = texts(plots.heat("a", np.full((2, 8), 5.44), rows, columns, title="a", text="", unit="pp"))
    assert set(rows) <= set(shown) and set(columns) <= set(shown)
    assert "5" in shown and "5.4" not in shown
    assert "5.4" in texts(
        plots.heat("a", np.full((2, 2), 5.44), rows, columns[:2], title="a", text="", unit="pp")
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "small"
    classes = ["비행기", "café", *"cdefghij"]

    def skill(run):
        return (
            4.0 if run.levels["augmentation"] == "cutmix" and run.levels["pretrained"] == "imagenet" else 1.0
        )

    made_study.write(folder, made=Made(n=400, classes=classes, skill=skill))
    return folders.study(folder)


def test_the_best_carries_its_interval_and_says_when_it_is_a_tie(small):
    words = Texts("en", small)
    found = answer.best(page.gather(small, made_study.verdicts))["digits"]
    (sentence,) = answer.best_experiments(page.gather(small, made_study.verdicts), words)
    assert re.search(r"%\stop-1 \[[\d.]+, [\d.]+\] \(mean of 3 seeds\); next: .*\spp lower \[", sentence)
    apart = [interval.low <= 0 <= interval.high for interval in found.apart]
    assert 0 < found.tied == sum(apart) < len(apart)
    assert found.tied == 1, "the other network with the same skill"
    assert sentence.endswith(
        f"; a tie with 1 of the {len(apart)} others: the interval of the difference contains 0."
    )


def test_the_page_folds_what_it_has_not_and_names_classes_at_the_axes(small, tmp_path):
    made = page.write(small, judge=made_study.verdicts, out=tmp_path / "r")
    text = made.page.read_text("utf-8")
    assert (
        re.findall(r'<section id="([\w-]+)"', text)[-1] == "absent" and '<section id="analyses"' not in text
    )
    assert "<summary>Not in this report: Analyses</summary>" in text
    rows = re.search(r'<ol class="names rows"[^>]*>(.*?)</ol>', text)[1]
    assert (
        re.findall("<li>(.*?)</li>", rows)[:2] == ["비행기", "café"] and text.count("true class</span>") == 12
    )
    head = re.search(r'id="results-table">\s*<thead>(.*?)</thead>', text, re.DOTALL)[1]
    order = re.findall(r">(Top-1|Top-5|Recall|Precision|F1|NLL|Each seed)[^<]*<", head)
    assert order == ["Top-1", "Top-5", "Recall", "Precision", "F1", "NLL", "Each seed"]


def test_every_column_of_a_map_is_drawn_however_many_there_are(tmp_path):
    text = made_study.SMALL.replace(
        "cutmix: {augment.mix: cutmix}", "cutmix: {augment.mix: cutmix}, fmix: {augment.mix: fmix}"
    )
    assert text != made_study.SMALL and len(matrix.parse(text, file="s").factors["augmentation"]) == 4
    made_study.write(tmp_path / "s", text)
    drawn = page.write(folders.study(tmp_path / "s"), judge=made_study.verdicts, out=tmp_path / "r")
    maps = sorted(file.stem for file in drawn.figures if file.stem.startswith("class-map-"))
    assert maps == ["class-map-digits", "class-map-digits-2"]


def luminance(colour):
    """Relative luminance of sRGB values in 0 to 1 (WCAG 2)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", [":root {", ":root[data-theme=dark] {", "@media print {"])
@pytest.mark.parametrize("value", [1.0, -1.0])
def test_the_values_of_a_heat_map_stand_out_from_their_cells(theme, value):
    sheet = resources.files("mixscope.report").joinpath("templates/figure.css").read_text()
    block = sheet[sheet.index(theme) :]
    names = dict(re.findall(r"--([\w-]+): #(\w{6});", block[: block.index("--c7")]))
    colours = {name: np.array([int(c[i : i + 2], 16) for i in (0, 2, 4)]) / 255 for name, c in names.items()}
    figure = plots.heat(
        "h", value * np.linspace(0.01, 1, 21)[None], ["r"], ["c"] * 21, title="t", text="", unit="pp"
    )
    cells = re.findall(r'class="(gain|loss)" fill-opacity="([\d.]+)"', figure.svg)
    kinds = re.findall(r'class="(cell[ \w]*)"', figure.svg)
    assert len(cells) == len(kinds) == 21 and {*kinds} == {"cell", "cell strong"}
    for (fill, opacity), kind in zip(cells, kinds, strict=True):
        share = float(opacity)
        paint = share * colours["c1" if fill == "gain" else "c2"] + (1 - share) * colours["card"]
        ink = colours["on-heat" if "strong" in kind else "ink"]
        low, high = sorted((luminance(paint), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) > 3, (fill, share, kind)
