"""What a report shows of analyses: charts of each in both languages, and nothing where there is none."""

import importlib
import json
import re
import shutil

import numpy as np
import pytest

import made_study
import planned
from mixscope import i18n
from mixscope.analysis import summary as typed
from mixscope.errors import DataError
from mixscope.i18n import LANGUAGES
from mixscope.report import page
from mixscope.report.sections import analyses
from mixscope.report.texts import Texts
from mixscope.results import Results, folders
from mixscope.study.roles import Roles

STUDY = planned.results(
    """
name: planned
factors:
  data:
    digits: {data.name: digits}
    cifar100: {data.name: cifar100}
  model:
    resnet: {model.arch: resnet10t}
    vit: {model.arch: vit_tiny_patch16_224}
  augmentation:
    default: {augment.mix: none}
    cutmix: {augment.mix: cutmix}
seeds: [0, 1]
"""
)
N = 30


def one_run(what, draws):
    """What `measure` of an analysis might give, at random."""
    share, hits = (lambda *s: draws.random((*s, N))), (lambda *s: draws.random((*s, N)) < 0.6)
    if what == "calibration":
        bins = {"confidence": [0.2, 0.9], "right": [0.3, 0.8], "images": [15, 15]}
        values = {f"{name}{kind}": share() for name in ("ece", "nll", "brier") for kind in ("", "-scaled")}
        return {"images": N, "temperature": 2.0, "diagram": {"plain": bins, "scaled": bins}, **values}
    if what == "robustness":
        from mixscope.analysis.robustness import CURVES

        return {"images": N, "clean": hits(), **{name: hits(len(levels)) for name, levels in CURVES.items()}}
    if what == "features":
        hit = {name: hits() for name in ("right", "knn", "probe")}
        spread = {name: draws.standard_normal((20, 2)) for name in ("pca", "tsne")}
        layers = {f"layer-{at}": draws.standard_normal((N, 4)) for at in range(2)}
        last = draws.standard_normal((N, 4))
        about = {"images": N, "layers": ["a.0", "a.1"], "classes": np.arange(20) % 10}
        return {**about, "last": last, **hit, **spread, **layers}
    if what == "mixtures":
        shares = [at / 10 for at in range(11)]
        said = {f"{k}-{o}": share(11) for k in ("mixup", "cutmix") for o in ("own", "partner")}
        return {"images": N, "shares": {"mixup": shares, "cutmix": shares}, "gradients": share(17), **said}
    maps = {"gradcam": [2, 2], "integrated": [32, 32], "rollout": [8, 8]}
    methods = ("integrated", "rollout")
    inside = {f"{name}-{method}": share() for name in ("inside", "follows") for method in methods}
    return {"images": N, "grids": maps, "refused": {}, "massless": {}, "area": share(), **inside}


def summary(what, seeds=2):
    draws = np.random.default_rng(0)
    module = importlib.import_module(f"mixscope.analysis.{what}")
    found = [(run, one_run(what, draws)) for run in STUDY.runs if run.seed < seeds]
    return json.loads(json.dumps(module.compare(STUDY, found), allow_nan=False))


@pytest.fixture(scope="module")
def summaries():
    return {what: summary(what) for what in analyses.PARTS}


@pytest.fixture(scope="module")
def place(summaries, tmp_path_factory):
    """A folder with the summaries of every analysis, and a picture."""
    top = tmp_path_factory.mktemp("analysed")
    for what, found in summaries.items():
        (top / "analysis" / what).mkdir(parents=True)
        (top / "analysis" / what / "summary.json").write_text(json.dumps(found))
    (top / "analysis" / "attribution" / "digits-1.png").write_bytes(b"PNG")
    return top


def analysed(folder):
    """Results of which nothing but analyses is known."""
    return Results(
        name="analysed",
        roles=Roles(factors={}),
        experiments=(),
        source=str(folder),
        folder=folder,
        load_analysis=lambda name: folders.analysis(folder, name),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_analysis_has_charts_of_its_own_and_no_value_that_is_none(place, language):
    parts = analyses.parts(analysed(place), Texts(language))
    assert tuple(part.name for part in parts) == analyses.PARTS
    ids = [figure.id for part in parts for figure in (*part.figures, *part.folded)]
    assert len(ids) == len(set(ids)) > 50
    for part in parts:
        assert part.figures
        for figure in (*part.figures, *part.folded):
            assert not re.search(r"nan|inf\b|None", str(figure.svg)), figure.id
            assert figure.title and figure.text
        assert len(part.experiments) == 1 + 8 and len(part.contrasts[0]) == 5
        assert not part.one_seed


def test_augmentations_models_and_their_differences_are_compared_in_each_stratum(place, summaries):
    part = next(p for p in analyses.parts(analysed(place), Texts("en")) if p.name == "calibration")
    drawn = [f for f in part.figures if f.id.startswith("differences-calibration-ece")]
    assert [f.title for f in drawn] == ["digits · ECE", "CIFAR100 · ECE"]
    for text in ("ResNet: CutMix − Default", "Default: ViT − ResNet", "CutMix: ViT − ResNet"):
        assert text in str(drawn[0].svg)
    one = next(c for c in summaries["calibration"]["contrasts"] if c["kind"] == "difference of gains")
    shown = f"{100 * one['estimate']:+.1f}".replace("-", "−")
    assert any(shown in row[4] for row in part.contrasts)


def test_a_grid_that_is_too_coarse_is_reported_and_pictures_are_in_the_page(place):
    part = next(p for p in analyses.parts(analysed(place), Texts("en")) if p.name == "attribution")
    assert any("2 x 2, too coarse" in i18n.render(note) for _, note in part.notes)
    assert [address[:22] for address, _ in part.sheets] == ["data:image/png;base64,"]


def test_one_seed_is_reported_and_drawn_hollow(tmp_path):
    found = summary("features", seeds=1)
    (tmp_path / "analysis" / "features").mkdir(parents=True)
    (tmp_path / "analysis" / "features" / "summary.json").write_text(json.dumps(found))
    (part,) = analyses.parts(analysed(tmp_path), Texts("en"))
    assert part.one_seed and "estimate hollow" in str(part.figures[0].svg)


def test_charts_stand_beside_the_analysis_as_files(summaries, tmp_path):
    made = page.write_analysis(summaries["mixtures"], tmp_path)
    assert made and all(file.read_text().startswith("<?xml") for file in made)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_a_heading_for_each_analysis(place, tmp_path, language):
    made_study.write(tmp_path / "s")
    shutil.copytree(place / "analysis", tmp_path / "s" / "analysis")
    made = page.write(
        folders.study(tmp_path / "s"), judge=made_study.verdicts, out=tmp_path / "out", language=language
    )
    text = made.page.read_text()
    for what in analyses.PARTS:
        assert f'<h3 id="analyses-{what}">' in text
    assert Texts(language)("analyses.none") not in text


@pytest.mark.parametrize("content", ["{", "{}"])
def test_a_summary_that_is_damaged_or_old_is_named(tmp_path, content):
    (tmp_path / "analysis" / "features").mkdir(parents=True)
    (tmp_path / "analysis" / "features" / "summary.json").write_text(content)
    with pytest.raises(
        DataError, match=r"summary.json: is damaged, or of another version; `mixscope analyze"
    ):
        analyses.parts(analysed(tmp_path), Texts("en"))


def test_a_summary_keeps_every_value_that_the_analysis_wrote():
    document = summary("robustness")
    found = typed.read("robustness", document)
    assert [one.name for one in found.experiments] == [cell["experiment"] for cell in document["experiments"]]
    for one, wrote in zip(found.experiments, document["experiments"], strict=True):
        for name, value in wrote["figures"].items():
            assert one.figures[name] is None if value is None else one.figures[name].low == value["low"]
    assert [one.weights for one in found.contrasts] == [one["weights"] for one in document["contrasts"]]
    assert set(found.details) == set(document) - {"what", "factors", "experiments", "contrasts", "notes"}
