"""Interventions on models whose cue is known, LRI and its interval, and what is concluded from them."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

import planned
from mixscope.analysis import cues as analysis
from mixscope.analysis.trained_run import Subject
from mixscope.claims import contrasts
from mixscope.claims.contrasts import Sample
from mixscope.data import cues
from mixscope.data.store import Store
from mixscope.data.store_writer import write
from mixscope.errors import ConfigError, DataError
from mixscope.study.config import RunConfig

PARAMETERS = cues.Parameters(local_contrast=40, global_contrast=80, noise=12, train=60, test=120)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    root = tmp_path_factory.mktemp("data")
    return write(
        cues.content(PARAMETERS), root=root, name="cues-test", source={"embedded": True}, progress=None
    )


class ReadsOrientation(nn.Module):
    """Goes by the energy of six gratings in every cell, and so by L alone."""

    def __init__(self) -> None:
        super().__init__()
        place = np.arange(8) - 3.5
        waves = []
        for k in range(6):
            angle = math.pi * k / 6
            turn = 2 * math.pi / 4 * (np.cos(angle) * place + np.sin(angle) * place[:, None])
            waves += [np.cos(turn) - np.cos(turn).mean(), np.sin(turn) - np.sin(turn).mean()]
        self.register_buffer("waves", torch.tensor(np.array(waves), dtype=torch.float32)[:, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = nn.functional.conv2d(images[:, :1], self.waves, stride=8)
        return found.square().reshape(len(images), 6, -1).mean(dim=2)


class ReadsOrder(nn.Module):
    """Looks for each glyph in each quadrant, and so goes by G alone."""

    def __init__(self) -> None:
        super().__init__()
        glyphs = np.pad(cues.GLYPHS.astype(np.float32), ((0, 0), (1, 1), (1, 1)))
        self.register_buffer(
            "glyphs", torch.tensor(glyphs - glyphs.mean(axis=(1, 2), keepdims=True))[:, None]
        )
        self.ways = np.array(list(itertools.permutations(range(4))))
        self.orders = torch.tensor(cues.order_of(self.ways))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        half = images.shape[2] // 2
        match = []
        for row, column in cues.QUADRANTS:
            quadrant = images[:, :1, row * half : (row + 1) * half, column * half : (column + 1) * half]
            match.append(nn.functional.conv2d(quadrant, self.glyphs).amax(dim=(2, 3)))
        scores = torch.stack(match, dim=1)[:, torch.arange(4), torch.tensor(self.ways)].sum(dim=2)
        return torch.stack([scores[:, self.orders == g].amax(dim=1) for g in range(6)], dim=1)


class SaysOne(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([1.0, 0, 0, 0, 0, 0]).expand(len(images), 6)


def subject(store: Store, module: nn.Module) -> Subject:
    return Subject(store.folder, RunConfig(), store, module, torch.device("cpu"))


def measured(store: Store, module: nn.Module, **more) -> dict:
    arguments = {"split": "test", "limit": None, "progress": lambda *_: None, **more}
    return analysis.measure(subject(store, module), **arguments)


# --- one run ------------------------------------------------------------------------------------


def test_who_reads_orientations_changes_its_mind_with_them_and_with_nothing_else(store):
    found = measured(store, ReadsOrientation())
    assert np.mean(found["correct"]["iid"]) > 0.98
    assert np.mean(found["changed"]["local"]) > 0.98 and np.mean(found["changed"]["global"]) < 0.02
    assert np.mean(found["conflict"]["local"]) > 0.98 and np.mean(found["conflict"]["global"]) < 0.02
    assert np.mean(found["correct"]["shuffled"]) > 0.98, "quadrants may change places"
    assert np.mean(found["correct"]["global-only"]) < 0.4


def test_who_reads_the_order_changes_its_mind_with_it_and_with_nothing_else(store):
    found = measured(store, ReadsOrder())
    assert np.mean(found["correct"]["iid"]) > 0.95
    assert np.mean(found["changed"]["global"]) > 0.95 and np.mean(found["changed"]["local"]) < 0.1
    assert np.mean(found["conflict"]["global"]) > 0.95
    assert np.mean(found["correct"]["shuffled"]) < 0.35, "one in six"
    assert np.mean(found["correct"]["local-only"]) < 0.4


def test_a_limit_takes_the_first_scenes(store):
    everything, some = measured(store, ReadsOrder()), measured(store, ReadsOrder(), limit=50)
    assert some["scenes"] == 50 and everything["scenes"] == 120
    assert some["changed"]["global"] == everything["changed"]["global"][:50]
    assert analysis.images(store, 50) == 8 * 50


def test_another_split_and_another_data_set_are_refused_with_the_reason(store, digits_root):
    with pytest.raises(ConfigError, match="test scenes"):
        measured(store, SaysOne(), split="val")
    assert "has no cues" in analysis.refusal(RunConfig(), Store.open(digits_root, "digits"))
    assert analysis.refusal(RunConfig(), store) is None


def test_a_store_that_was_made_by_other_code_is_noticed(store):
    other = Store(
        store.folder, {**store.manifest, "source": {"cues": dataclasses.asdict(PARAMETERS) | {"seed": 9}}}
    )
    with pytest.raises(DataError, match="its images are not those that its parameters make now"):
        measured(other, SaysOne())


# --- all runs -----------------------------------------------------------------------------------

STUDY = planned.results(
    """
name: two
factors:
  model:
    conv: {model.arch: resnet10t}
    attend: {model.arch: vit_tiny_patch16_224}
  augmentation:
    default: {augment.mix: none}
    mixup: {augment.mix: mixup}
    cutmix: {augment.mix: cutmix}
seeds: [0, 1, 2]
"""
)
SCENES = 400


def made(rates, *, seeds=3, wobble=0.0, noise=0):
    """What `measure` would give: {(model, arm): (A_L, A_G)} as the rates at which predictions change."""
    draws = np.random.default_rng(noise)
    found = []
    for run in STUDY.runs:
        if run.seed >= seeds:
            continue
        a, b = rates[tuple(planned.levels(STUDY, run).values())]
        a = min(1, max(0, a + wobble * draws.standard_normal()))
        local = (draws.random(SCENES) < a).astype(int).tolist()
        glob = (draws.random(SCENES) < b).astype(int).tolist()
        half = [1] * (SCENES // 2) + [0] * (SCENES // 2)
        found.append(
            (
                run,
                {
                    "scenes": SCENES,
                    "changed": {"local": local, "global": glob},
                    "conflict": {"local": half, "global": [0] * SCENES},
                    "correct": dict.fromkeys(cues.SPLITS, half),
                },
            )
        )
    return found


def rates(conv, attend):
    """(A_L, A_G) of each cell; conv and attend: of the default and of CutMix."""
    return {
        (model, arm): (cutmix if arm == "cutmix" else default)
        for model, (default, cutmix) in {"conv": conv, "attend": attend}.items()
        for arm in ("default", "mixup", "cutmix")
    }


EVEN = (0.6, 0.4)  # LRI 0.2


def test_lri_is_that_of_the_pooled_shares_and_of_each_seed():
    found = made(rates((EVEN, EVEN), (EVEN, EVEN)))
    compared = analysis.compare(STUDY, found)
    mine = [one for run, one in found if run.experiment == "conv-default"]
    a = np.mean([one["changed"]["local"] for one in mine])
    b = np.mean([one["changed"]["global"] for one in mine])
    cell = next(c for c in compared["experiments"] if c["experiment"] == "conv-default")
    assert cell["family"] == "resnet" and cell["mix"] == "none" and cell["seeds"] == [0, 1, 2]
    assert cell["figures"]["lri"]["estimate"] == pytest.approx((a - b) / (a + b))
    assert cell["figures"]["local"]["estimate"] == pytest.approx(a)
    assert cell["by_seed"]["lri"][1] == pytest.approx(
        analysis.index(np.mean(mine[1]["changed"]["local"]), np.mean(mine[1]["changed"]["global"]))
    )
    assert cell["figures"]["conflict-neither"]["estimate"] == pytest.approx(0.5)


def test_the_interval_of_lri_is_as_wide_as_lri_varies():
    """The delta method against the study made again 300 times, seeds and scenes drawn anew."""
    draws = np.random.default_rng(0)
    estimates, errors = [], []
    for _ in range(300):
        share = np.clip(0.6 + 0.05 * draws.standard_normal((3, 1)), 0, 1)
        scene = draws.random(SCENES)  # what makes a scene easy is the same for all seeds
        local = ((scene + draws.random((3, SCENES))) / 2 < share).astype(float)
        glob = (draws.random((3, SCENES)) < 0.3).astype(float)
        values = analysis.linearised(local, glob)
        assert values is not None
        one = contrasts.estimate([Sample(values, (0, 1, 2))], [1.0])
        estimates.append(one.value)
        errors.append(one.standard_error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(estimates), rel=0.2)


def test_a_model_that_never_changes_its_mind_has_no_lri():
    none = made(rates(((0, 0), (0, 0)), (EVEN, EVEN)))
    compared = analysis.compare(STUDY, none)
    cell = next(c for c in compared["experiments"] if c["experiment"] == "conv-default")
    assert cell["figures"]["lri"] is None and cell["by_seed"]["lri"] == [None] * 3
    assert compared["accounts"] == [] and compared["decision"]["kind"] == "not-judged"
    assert "were not compared" in analysis.lines(compared)[-1]
    never = cell["figures"]["local"]  # of so many scenes, which are not all that there are
    assert never["estimate"] == never["low"] == 0 and 0 < never["high"] < 0.1
    assert any(line.split()[:1] == ["conv-default"] and " - " in line for line in analysis.lines(compared))


LESS, MORE = (0.3, 0.7), (0.9, 0.1)


@pytest.mark.parametrize(
    "conv, attend, verdicts, said",
    [
        ((EVEN, LESS), (EVEN, EVEN), ("SUPPORTED", "REFUTED"), "favour this explanation: CutMix breaks"),
        ((EVEN, MORE), (EVEN, MORE), ("REFUTED", "SUPPORTED"), "this explanation: CutMix's area labels"),
        ((EVEN, LESS), (EVEN, LESS), ("REFUTED", "REFUTED"), "favour neither"),
        ((EVEN, MORE), (EVEN, LESS), ("REFUTED", "REFUTED"), "favour neither"),
    ],
)
def test_the_account_that_came_out_is_the_one_that_is_favoured(conv, attend, verdicts, said):
    compared = analysis.compare(STUDY, made(rates(conv, attend)))
    assert tuple(a["verdict"] for a in compared["accounts"]) == verdicts
    assert said in analysis.conclusion(compared)[-1]


def test_the_conclusion_is_written_in_korean():
    compared = analysis.compare(STUDY, made(rates((EVEN, LESS), (EVEN, EVEN))))
    korean = analysis.conclusion(compared, "ko")
    assert [line.split()[0] for line in korean[:2]] == ["지지", "기각"]
    assert "CutMix는 ResNet의 국소성을 깬다" in korean[-1] and "지지합니다" in korean[-1]
    assert analysis.lines(compared, "ko")[-3:] == korean
    assert analysis.lines(compared, "ko")[0].startswith("장면 400개")


def test_what_wobbles_over_seeds_decides_nothing():
    compared = analysis.compare(STUDY, made(rates((EVEN, EVEN), (EVEN, EVEN)), wobble=0.15))
    assert {a["verdict"] for a in compared["accounts"]} == {"INCONCLUSIVE"}
    assert compared["decision"]["kind"] == "open"
    assert analysis.conclusion(compared)[-1] == "The results do not decide between the explanations."


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_decide_nothing_however_clear_the_values(seeds):
    compared = analysis.compare(STUDY, made(rates((EVEN, LESS), (EVEN, EVEN)), seeds=seeds))
    assert compared["decision"] == {"kind": "few-seeds", "account": None, "seeds": seeds}
    assert f"{seeds} seed" in analysis.conclusion(compared)[-1]
    assert {a["verdict"] for a in compared["accounts"]} == {"INCONCLUSIVE"}
    if seeds == 1:
        assert compared["contrasts"][0]["low"] is None and compared["contrasts"][0]["seed_share"] is None


def test_contrasts_set_each_augmentation_against_its_own_default_and_families_against_each_other():
    compared = analysis.compare(STUDY, made(rates((EVEN, LESS), (EVEN, MORE))))
    by_id = {c["id"]: c for c in compared["contrasts"]}
    assert by_id["lri:conv-cutmix:conv-default"]["weights"] == {"conv-cutmix": 1.0, "conv-default": -1.0}
    assert (
        by_id["lri:conv-cutmix:conv-default"]["high"] < 0 < by_id["lri:attend-cutmix:attend-default"]["low"]
    )
    assert by_id["lri:resnet-vit:cutmix"]["estimate"] == pytest.approx(-0.4 - 0.8, abs=0.1)
    assert len(by_id) == 2 * 2 * 3 + 3
    assert any("LRI, conv: CutMix - Default" in line for line in analysis.lines(compared))
